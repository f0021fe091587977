"""What a caller may ask of a run, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import Any, Literal, Self, TypedDict

from azvm_async.errors import InvalidRequest

ENGINES = ("auto", "direct", "bulk")


class RunOptions(TypedDict, total=False):
    """What :class:`~azvm_async.fleet.Fleet` and each of its runs take; a run's own option comes first.

    Attributes
    ----------
    max_concurrency : int
        How many VMs are worked on at once at most, from their sending to their end. By default only Azure's limits bound
        that.
    stop_after_failures : int
        After so many failures no other VM is begun; those that are, are waited for. By default a failure stops nothing.
    deadline : float
        Seconds from the run's beginning, after which no VM is begun and none is waited for: what goes on in Azure goes on, and
        its token is in the report.
    only_needed : bool
        Leave alone what is as it is to be: a running VM is not started. For start, stop, deallocate, hibernate and delete.
    engine : {"auto", "direct", "bulk"}
        ``direct`` sends one request a VM. ``bulk`` has Microsoft.ComputeSchedule do it, 100 VMs a request, for start, deallocate,
        hibernate and delete. ``auto`` takes bulk for more than 100 VMs of a subscription that is registered with it.
    journal : str or Path
        A file that says of each VM what was sent and what came of it, written before and after. A run with the journal of
        one that was killed goes on where that was.
    """

    max_concurrency: int | None
    stop_after_failures: int | None
    deadline: float | None
    only_needed: bool
    engine: Literal["auto", "direct", "bulk"]
    journal: str | PathLike[str] | None


@dataclass(frozen=True, slots=True)
class Options:
    """:class:`RunOptions`, checked."""

    max_concurrency: int | None = None
    stop_after_failures: int | None = None
    deadline: float | None = None
    only_needed: bool = False
    engine: str = "auto"
    journal: str | PathLike[str] | None = None

    def changed(self, given: Mapping[str, Any]) -> Self:
        """Return these with others in their place.

        Raises
        ------
        InvalidRequest
            For an option that there is not, or can't be.
        """
        known = [field.name for field in fields(self)]
        unknown = [name for name in given if name not in known]
        if unknown:
            raise InvalidRequest(f"There is no option {unknown[0]!r}; there are {', '.join(known)}")
        return replace(self, **given)

    def __post_init__(self) -> None:
        for name in ("max_concurrency", "stop_after_failures"):
            number = getattr(self, name)
            if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
                raise InvalidRequest(f"{name} is a whole number from 1 on, not {number!r}")
        if self.deadline is not None and not (_is_number(self.deadline) and self.deadline >= 0):
            raise InvalidRequest(f"deadline is 0 seconds or more, not {self.deadline!r}")
        if not isinstance(self.only_needed, bool):
            raise InvalidRequest(f"only_needed is True or False, not {self.only_needed!r}")
        if self.engine not in ENGINES:
            raise InvalidRequest(f"engine can't be {self.engine!r}; {', '.join(map(repr, ENGINES))} can")
        if not isinstance(self.journal, str | PathLike | None):
            raise InvalidRequest(f"journal is the path of a file, not {self.journal!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
