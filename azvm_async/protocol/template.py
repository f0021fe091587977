"""Templates and their parameters, as far as they can be checked before anything is sent.

What a template declares is known: which parameters there are, which must be given, and what they may be. ARM refuses the
rest only after the request; here a mistake costs nothing. The template's expressions are ARM's to work out.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from azvm_async.errors import InvalidRequest
from azvm_async.wire import nests_deeper

Document = Mapping[str, Any]

MODES = ("Incremental", "Complete")

DEEPEST = 128
"""Levels of objects and arrays that a template, or a value, may have: deployments nested five deep take about 40."""

_SECURE = {"securestring", "secureobject"}
_REF, _DEFINITIONS = "$ref", "#/definitions/"
_REFS_IN_A_ROW = 20
_SHOWN = 40  # characters of a value in a message


class _Kind(NamedTuple):
    """What a value of a type of parameter is in Python."""

    words: str
    fits: Callable[[object], bool]


_KINDS = {
    "string": _Kind("a str", lambda value: isinstance(value, str)),
    "securestring": _Kind("a str", lambda value: isinstance(value, str)),
    "int": _Kind("an int", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "bool": _Kind("True or False", lambda value: isinstance(value, bool)),
    "array": _Kind("a list", lambda value: isinstance(value, list | tuple)),
    "object": _Kind("a dict", lambda value: isinstance(value, Mapping)),
    "secureobject": _Kind("a dict", lambda value: isinstance(value, Mapping)),
}

_BOUNDS: Mapping[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minValue": (lambda value, bound: not isinstance(value, int) or value >= bound, "is below"),
    "maxValue": (lambda value, bound: not isinstance(value, int) or value <= bound, "is above"),
    "minLength": (lambda value, bound: not hasattr(value, "__len__") or len(value) >= bound, "is shorter than"),
    "maxLength": (lambda value, bound: not hasattr(value, "__len__") or len(value) <= bound, "is longer than"),
}


def checked_template(template: object) -> Document:
    """Return a template if it has a template's shape, or raise :class:`InvalidRequest`."""
    if not isinstance(template, Mapping) or not isinstance(template.get("resources"), list | tuple | Mapping):
        raise InvalidRequest("This is no ARM template: a JSON object with 'resources' is")
    if not isinstance(template.get("parameters", {}), Mapping):
        raise InvalidRequest("This is no ARM template: its 'parameters' are not a JSON object")
    _checked_json(template, "The template")
    return template


def declared(template: Document) -> dict[str, Document]:
    """Return what a template declares of each parameter, by its name, with the definitions that it refers to in it.

    A declaration whose ``$ref`` leads nowhere keeps that, and beside it only what says that it may be left out.
    """
    parameters = template.get("parameters", {})
    return {
        name: _resolved(template, about)
        for name, about in parameters.items()
        if isinstance(name, str) and isinstance(about, Mapping)
    }


def declared_name(template: Document, name: str) -> str | None:
    """Return how a template spells a parameter's name, ``None`` where it has none such; ARM compares without case."""
    return {each.lower(): each for each in declared(template)}.get(name.lower())


def wired(template: Document, given: Mapping[str, Document]) -> dict[str, Document]:
    """Return parameters as they are sent, once each is one that the template declares and takes.

    Parameters
    ----------
    template : Mapping
        A checked template.
    given : Mapping[str, Mapping]
        ``{"value": …}``, or ``{"reference": …}`` to a key vault, by the parameter's name in any case.

    Raises
    ------
    InvalidRequest
        For a parameter that is not declared, is missing, or has a value that its declaration excludes. Values of secure
        parameters, and of ``customData``, are never shown.
    """
    declarations = declared(template)
    sent = {}
    for name, value in given.items():
        spelt = declared_name(template, name)
        if spelt is None:
            known = ", ".join(declarations) or "none"
            raise InvalidRequest(f"The template declares no parameter {name!r}; it declares: {known}")
        if spelt in sent:
            raise InvalidRequest(f"The parameter {spelt!r} is given twice")
        if "value" in value:
            secret = spelt.lower() == "customdata" or _secure(template, declarations[spelt])
            _check(spelt, declarations[spelt], value["value"], secret=secret)
        sent[spelt] = value
    missing = [name for name in needed(template) if name not in sent]
    if missing:
        raise InvalidRequest(f"The template needs a value for: {', '.join(missing)}")
    return sent


def needed(template: Document) -> tuple[str, ...]:
    """Return the parameters that must be given."""
    return tuple(name for name, about in declared(template).items() if _required(about))


def not_secure(template: Document, parameters: Mapping[str, Document]) -> dict[str, Document]:
    """Return the parameters but for the secure ones."""
    declarations = declared(template)
    return {name: value for name, value in parameters.items() if not _secure(template, declarations[name])}


def _resolved(template: Document, about: Document) -> Document:
    found = about
    for _ in range(_REFS_IN_A_ROW):
        if _REF not in found:
            return found
        definition = _definition(template, found[_REF])
        if definition is None:
            break
        found = {**definition, **{name: value for name, value in found.items() if name != _REF}}
    return {name: found[name] for name in (_REF, "defaultValue", "nullable") if name in found}


def _definition(template: Document, reference: object) -> Document | None:
    """Return the definition that a ``$ref`` names, if there is one."""
    definitions = template.get("definitions")
    if not isinstance(definitions, Mapping) or not isinstance(reference, str):
        return None
    found = definitions.get(reference.removeprefix(_DEFINITIONS)) if reference.startswith(_DEFINITIONS) else None
    return found if isinstance(found, Mapping) else None


def _required(about: Document) -> bool:
    return not {"defaultValue", _REF} & set(about) and about.get("nullable") is not True


def _secure(template: Document, about: Document) -> bool:
    """Tell whether a parameter, or a part of it, is secret; what its declaration leaves open counts as such."""
    seen: list[Document] = []
    left: list[object] = [about]
    while left:
        each = left.pop()
        if isinstance(each, list | tuple):
            left += each
        elif isinstance(each, Mapping) and (found := _resolved(template, each)) not in seen:
            if _REF in found or str(found.get("type", "")).lower() in _SECURE:
                return True
            seen.append(found)
            left += found.values()
    return False


def _check(name: str, about: Document, value: object, *, secret: bool) -> None:
    """Refuse a value that its declaration excludes; it is shown only where it was to be one of a few, and no secret."""
    _checked_json(value, f"The value of {name!r}")
    if value is None and about.get("nullable") is True:
        return
    kind = _KINDS.get(str(about.get("type", "")).lower())
    if kind is not None and not kind.fits(value):
        raise InvalidRequest(f"The parameter {name!r} is {kind.words}, not a {type(value).__name__}")
    allowed = about.get("allowedValues")
    if isinstance(allowed, Sequence) and not _allowed(value, allowed):
        choices = ", ".join(repr(each) for each in allowed)
        shown = "have its value" if secret else f"be {_shortened(repr(value))}"
        raise InvalidRequest(f"The parameter {name!r} can't {shown}; the template allows {choices}")
    for bound, (holds, words) in _BOUNDS.items():
        limit = about.get(bound)
        if isinstance(limit, int) and not holds(value, limit):
            raise InvalidRequest(f"The value of the parameter {name!r} {words} {limit} ({bound})")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _allowed(value: object, allowed: Sequence[object]) -> bool:
    """Tell whether a value is among the allowed ones; text in any case, and of a list each element may be, as ARM has it."""
    choices = [_plain(each) for each in allowed]
    if _plain(value) in choices:
        return True
    return isinstance(value, list | tuple) and all(_plain(each) in choices for each in value)


def _plain(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _checked_json(value: object, what: str) -> None:
    """Refuse what is no JSON; it may be secret, so it is not shown."""
    try:
        # Sorted, as for the intent: names of one kind only.
        written = json.dumps(value, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not JSON") from error
    if nests_deeper(written.encode(), DEEPEST):
        raise InvalidRequest(f"{what} has more than {DEEPEST} levels of objects and arrays")
