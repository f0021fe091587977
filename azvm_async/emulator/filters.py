"""What a ``$filter`` says, as a condition: comparisons and two functions, joined by ``and`` and ``or``.

``and`` binds more tightly, and there are no parentheses. What is said of ``tagName`` and ``tagValue`` within one ``and``
is said of one and the same tag. Everything is compared without regard to case.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from azvm_async.emulator.answers import Refusal

_TEXT = r"'((?:[^']|'')*)'"
_COMPARISON = re.compile(rf"([\w/]+)\s+(eq|ne)\s+{_TEXT}", re.IGNORECASE)
_SUBSTRING = re.compile(rf"substringof\(\s*{_TEXT}\s*,\s*(\w+)\s*\)", re.IGNORECASE)
_PREFIX = re.compile(rf"startswith\(\s*tagName\s*,\s*{_TEXT}\s*\)", re.IGNORECASE)
_JOINT = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)


class Facts(NamedTuple):
    """How to learn of an item what is asked: a property by its lower-case name, and the tags."""

    learn: Callable[[str], str]
    tags: Callable[[], Mapping[str, str]]


class Filterable(NamedTuple):
    """The properties, in lower case, that a list lets be compared, and those that it lets be searched."""

    compared: Collection[str] = ()
    searched: Collection[str] = ()


@dataclass(slots=True)
class _Case:
    """What ``and`` joins: all of it is true of an item, and all that is said of tags is true of one tag."""

    tests: list[Callable[[Facts], bool]] = field(default_factory=list)
    of_name: list[Callable[[str], bool]] = field(default_factory=list)
    of_value: list[Callable[[str], bool]] = field(default_factory=list)

    def holds(self, facts: Facts) -> bool:
        """Tell whether it is true of an item."""
        return all(test(facts) for test in self.tests) and (not self.of_name or self._tagged(facts.tags()))

    def _tagged(self, tags: Mapping[str, str]) -> bool:
        return any(
            all(test(name.lower()) for test in self.of_name) and all(test(value.lower()) for test in self.of_value)
            for name, value in tags.items()
        )


def condition(given: str, filterable: Filterable) -> Callable[[Facts], bool]:
    """Return the condition that a ``$filter`` says; an empty one is true of everything.

    Raises
    ------
    Refusal
        400 when it isn't understood.
    """
    cases, rest = [_Case()], given.strip()
    while rest:
        rest = rest[_take(cases[-1], rest, filterable, given) :]
        joint = _JOINT.match(rest)
        if rest and joint is None:
            raise bad_filter(given)
        if joint is not None:
            rest = rest[joint.end() :]
            cases += [_Case()] if joint[1].lower() == "or" else []
            rest = rest or "?"  # something must follow
    if any(case.of_value and not case.of_name for case in cases):
        raise bad_filter(given)
    return lambda facts: any(case.holds(facts) for case in cases)


def bad_filter(given: str) -> Refusal:
    """Return the 400 for a ``$filter`` that isn't understood."""
    return Refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{given}' specified in the query string.")


def _take(case: _Case, rest: str, filterable: Filterable, given: str) -> int:
    """Add the first thing that is said to a case, and return where it ends."""
    if found := _PREFIX.match(rest):
        prefix = _plain(found[1])
        case.of_name.append(lambda name: name.startswith(prefix))
        return found.end()
    if (found := _SUBSTRING.match(rest)) and found[2].lower() in filterable.searched:
        searched, piece = found[2].lower(), _plain(found[1])
        case.tests.append(lambda facts: piece in facts.learn(searched).lower())
        return found.end()
    if found := _COMPARISON.match(rest):
        _compare(case, found, filterable, given)
        return found.end()
    raise bad_filter(given)


def _compare(case: _Case, found: re.Match[str], filterable: Filterable, given: str) -> None:
    compared, value, equal = found[1].lower(), _plain(found[3]), found[2].lower() == "eq"
    if compared in filterable.compared:
        case.tests.append(lambda facts: (facts.learn(compared).lower() == value) is equal)
    elif equal and compared in {"tagname", "tagvalue"}:
        (case.of_name if compared == "tagname" else case.of_value).append(lambda tag: tag == value)
    else:
        raise bad_filter(given)


def _plain(quoted: str) -> str:
    return quoted.replace("''", "'").lower()
