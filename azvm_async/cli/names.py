"""Which VMs a command line means: names, names with braces, patterns, tags, or all.

Braces are expanded here, as a shell does it (``web-{1..20}``, ``web-{a,b}``), so that they may be quoted; ``*``, ``?`` and
``[`` make a pattern, which Azure's list answers. What can't be is a :class:`click.UsageError`, before anything is sent.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import click

from azvm_async import Query

MOST = 100_000
"""Names that braces may stand for, in all: a slip of the finger is not to fill the memory."""

_BRACES = re.compile(r"\{([^{}]*)\}")  # the innermost first
_SEQUENCE = re.compile(r"(-?\d{1,9})\.\.(-?\d{1,9})")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The VMs that are meant: by name or id, and by what finds them.

    Parameters
    ----------
    exact : tuple of str
        Names and ARM ids.
    queries : tuple of Query
        What Azure's list is asked for.
    """

    exact: tuple[str, ...] = ()
    queries: tuple[Query, ...] = ()


def wanted(names: Sequence[str], tags: Sequence[str], *, everything: bool, group: str | None = None) -> Wanted:
    """Return the VMs that are meant; ``group`` is ``"*"`` where those of all resource groups are.

    Raises
    ------
    click.UsageError
        When that is nobody, or contradicts itself.
    """
    if everything and names:
        raise click.UsageError("Either --all or names, not both.")
    if not (everything or names or tags):
        raise click.UsageError("Which VMs? Give names ('web-1', 'web-{1..20}', 'web-*'), --tag NAME=VALUE, or --all.")
    given = list(dict.fromkeys(chain.from_iterable(map(expanded, names))))
    exact = tuple(name for name in given if not is_pattern(name))
    if exact and tags:
        raise click.UsageError(
            f"--tag picks VMs from Azure's list: give a pattern with it, or nothing, not {exact[0]!r}."
        )
    if group == "*" and any(not name.startswith("/") for name in exact):
        raise click.UsageError(f"-g '*' is for patterns, --tag and --all: in which resource group is {exact[0]!r}?")
    chosen = tagged(tags)
    patterns: Iterable[str | None] = [name for name in given if is_pattern(name)] if names else [None]
    return Wanted(exact, tuple(Query(pattern, chosen, resource_group=group) for pattern in patterns))


def exactly(names: Sequence[str]) -> Wanted:
    """Return VMs that need not be there yet, so that no pattern can find them.

    Raises
    ------
    click.UsageError
        When there are none, or a pattern.
    """
    given = tuple(dict.fromkeys(chain.from_iterable(map(expanded, names))))
    for name in given:
        if is_pattern(name):
            raise click.UsageError(
                f"{name!r} is a pattern, and these VMs are still to be: name them, as 'web-{{1..3}}'."
            )
    return Wanted(given)


def is_pattern(name: str) -> bool:
    """Tell whether only Azure's list knows which VMs are meant."""
    return _WILD.search(name) is not None


def tagged(tags: Iterable[str]) -> dict[str, str | None]:
    """Return tags by name; ``NAME`` alone is for any value."""
    return {name: value if sign else None for name, sign, value in (tag.partition("=") for tag in tags)}


def expanded(text: str) -> list[str]:
    """Return what a text with braces stands for.

    Raises
    ------
    click.UsageError
        When braces hold neither a list nor a range, or stand for too many.
    """
    found = _BRACES.search(text)
    if found is None:
        if "{" in text or "}" in text:
            raise click.UsageError(f"{text!r} has a brace without its fellow.")
        return [text]
    head, tail = text[: found.start()], text[found.end() :]
    return _few(chain.from_iterable(expanded(f"{head}{each}{tail}") for each in _alternatives(found[1])), text)


def _alternatives(inside: str) -> list[str]:
    sequence = _SEQUENCE.fullmatch(inside)
    if sequence:
        return _sequence(*sequence.groups())
    if "," not in inside:
        raise click.UsageError(f"{{{inside}}} is neither a range, as {{1..20}}, nor a list, as {{a,b}}.")
    return inside.split(",")


def _sequence(first: str, last: str) -> list[str]:
    """Return the numbers from one to another, as wide as the wider one where either has a leading zero."""
    low, high = int(first), int(last)
    padded = any(re.match(r"-?0\d", end) for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    step = 1 if low <= high else -1
    numbers = range(low, high + step, step)
    _refuse_too_many(len(numbers), f"{{{first}..{last}}}")
    return [f"{number:0{width}d}" for number in numbers]


def _few(names: Iterable[str], text: str) -> list[str]:
    found: list[str] = []
    for name in names:
        found.append(name)
        _refuse_too_many(len(found), text)
    return found


def _refuse_too_many(number: int, text: str) -> None:
    if number > MOST:
        raise click.UsageError(f"{text!r} stands for more than {MOST:,} names.")
