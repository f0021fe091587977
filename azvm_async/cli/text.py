"""Words for people: what others wrote made fit for a terminal, lists of names, times."""

import re
from collections.abc import Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NAMED = 3


def printable(text: str) -> str:
    """Return a text that can't steer a terminal: what VMs and services wrote may hold escape sequences."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return a text on one line."""
    return printable(" ".join(text.split()))


def counted(names: Sequence[str]) -> str:
    """Return names, the first ones of many."""
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])} and {more:,} more" if more > 0 else ", ".join(names)


def vms(number: int) -> str:
    """Return how many VMs."""
    return "1 VM" if number == 1 else f"{number:,} VMs"


def duration(seconds: float) -> str:
    """Return a time as ``0:31`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def spoken(seconds: float) -> str:
    """Return a time as it is read out: ``1.5 s``, ``31 s``, ``2 min 5 s``."""
    if seconds < 10:  # noqa: PLR2004 - then the tenths matter
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"


def spaced(verb: str) -> str:
    """Return a verb as people write it."""
    return verb.replace("_", " ")
