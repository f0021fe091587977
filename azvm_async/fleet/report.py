"""What came of a run: each VM's outcome, totals, and the same as a table and as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, Self

from azvm_async.errors import FleetFailed
from azvm_async.fleet import timeline
from azvm_async.fleet.outcome import FAILURES, Outcome, State
from azvm_async.fleet.record import Record
from azvm_async.protocol.script import RunCommandResult

_NAMED = 5
_COLUMNS = ("vm", "state", "seconds", "polls", "engine", "what")


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What came of a run, in the order of its VMs.

    Attributes
    ----------
    verb : str
        What was done, such as ``start``.
    outcomes : tuple of Outcome
        One for each VM.
    began, ended : datetime
        When the run began, and when it ended or the report was made; zone-aware.
    notes : tuple of str
        What the run has to tell as a whole: why it fell back to another engine, why it stopped.
    record : Record
        What its timeline is drawn from, beside the outcomes.
    """

    verb: str
    outcomes: tuple[Outcome, ...]
    began: datetime
    ended: datetime
    notes: tuple[str, ...] = ()
    record: Record = field(default_factory=Record, compare=False)  # of one run: its reports share it
    _index: dict[str, Outcome] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {})  # filled when it is first looked into: most reports are not

    @classmethod
    def merged(cls, reports: Iterable["Report"]) -> Self:
        """Return the report of a run that was split over several, such as one a process.

        Raises
        ------
        ValueError
            When there are none, or of different verbs.
        """
        parts = list(reports)
        if len({part.verb for part in parts}) != 1:
            raise ValueError("Reports of one verb can be merged, and one at least")
        outcomes = tuple(outcome for part in parts for outcome in part.outcomes)
        notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
        began, ended = min(part.began for part in parts), max(part.ended for part in parts)
        return cls(parts[0].verb, outcomes, began, ended, notes, Record.merged([part.record for part in parts]))

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, vm: str) -> Outcome:
        """Return a VM's outcome, by its name or ARM id in any case; the first of that name.

        Raises
        ------
        KeyError
            When it is not in the run.
        """
        if not self._index:
            for outcome in self.outcomes:
                self._index.setdefault(outcome.vm.lower(), outcome)
                self._index.setdefault(outcome.name.lower(), outcome)
        try:
            return self._index[vm.lower()]
        except KeyError:
            raise KeyError(vm) from None

    @property
    def ok(self) -> bool:
        """Whether every VM is as it was to be."""
        return all(outcome.ok for outcome in self.outcomes)

    @property
    def totals(self) -> Mapping[str, int]:
        """How many VMs there are in each state that occurs."""
        found = Counter(outcome.state for outcome in self.outcomes)
        return {state.value: found[state] for state in State if found[state]}

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """Those that failed, were canceled, or whose end is unknown."""
        return tuple(outcome for outcome in self.outcomes if outcome.state in FAILURES)

    @property
    def tokens(self) -> Mapping[str, str]:
        """Tokens of all whose end is not known, by ARM id: ``client.resume(token)``. They hold signed URLs."""
        return {outcome.vm: outcome.token for outcome in self.outcomes if outcome.token is not None}

    @property
    def polls(self) -> int:
        """How often states were asked for in all, without hint lists; what was asked for many at once counts once a VM."""
        return sum(outcome.polls for outcome in self.outcomes)

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return (self.ended - self.began).total_seconds()

    def raise_for_failures(self) -> Self:
        """Return the report if no VM failed.

        Raises
        ------
        FleetFailed
            When one did: failed, was canceled, or its end is unknown. It carries this report.
        """
        if self.failures:
            raise FleetFailed(self._failed(), report=self)
        return self

    def table(self) -> str:
        """Return a table for people, a line a VM, with the totals below."""
        rows = [_COLUMNS, *(_row(outcome) for outcome in self.outcomes)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
        lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
        return "\n".join([*lines, "", str(self), *self.notes])

    def to_json(self, *, tokens: bool = False) -> str:
        """Return the report as JSON, with what scripts wrote; tokens, which hold signed URLs, only where they are asked for."""
        document = {
            "verb": self.verb,
            "began": self.began.isoformat(),
            "ended": self.ended.isoformat(),
            "totals": self.totals,
            "notes": self.notes,
            "vms": [_document(outcome, tokens=tokens) for outcome in self.outcomes],
        }
        return json.dumps(document, indent=1)

    def timeline(self) -> str:
        """Return a picture of the run, as a page of HTML that needs nothing else.

        It shows how many VMs stood where, a lane for each VM, the rate of requests against Azure's budget, and all of it as a
        table. No token is in it, no script, and nothing of what scripts wrote.
        """
        whats = [_what(outcome) for outcome in self.outcomes]
        told = timeline.Told(str(self), self.outcomes, whats, self.began, self.ended, self.notes, self.record)
        return timeline.drawn(told)

    def write_timeline(self, path: str | PathLike[str]) -> None:
        """Write :meth:`timeline` to a file.

        Raises
        ------
        OSError
            When it can't be written.
        """
        Path(path).write_text(self.timeline(), encoding="utf-8")

    def __repr__(self) -> str:
        return f"<Report: {self}>"

    def __str__(self) -> str:
        totals = ", ".join(f"{count:,} {state}" for state, count in self.totals.items()) or "no VMs"
        vms = "1 VM" if len(self.outcomes) == 1 else f"{len(self.outcomes):,} VMs"
        return f"{self.verb} of {vms} in {self.seconds:,.0f} s: {totals}"

    def _failed(self) -> str:
        failures = self.failures
        named = "; ".join(f"{each.name}: {_why(each)}" for each in failures[:_NAMED])
        more = f"; and {len(failures) - _NAMED:,} more" if len(failures) > _NAMED else ""
        return f"The {self.verb} failed for {len(failures):,} of {len(self.outcomes):,} VMs ({named}{more})"


def _row(outcome: Outcome) -> tuple[str, ...]:
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
    return (outcome.name, outcome.state.value, seconds, str(outcome.polls), outcome.engine or "", _what(outcome))


def _what(outcome: Outcome) -> str:
    """Return what there is to say of an outcome, in one line."""
    exit_code = f"exit code {outcome.result.exit_code}" if isinstance(outcome.result, RunCommandResult) else ""
    return _why(outcome) if outcome.error else outcome.note or exit_code


def _why(outcome: Outcome) -> str:
    """Return an error in one line, as short as it can be told."""
    error = outcome.error
    if error is None:
        return outcome.note or outcome.state.value
    told = ": ".join(part for part in (error.code, error.message) if part) or error.what
    return " ".join(told.split())


def _result(result: object) -> dict[str, Any] | None:
    """Return what a script brought; what else operations bring can be read in Azure, and may hold secrets."""
    if not isinstance(result, RunCommandResult):
        return None
    return {"exit_code": result.exit_code, "stdout": result.stdout, "stderr": result.stderr, "message": result.message}


def _document(outcome: Outcome, *, tokens: bool) -> dict[str, Any]:
    error = outcome.error
    document = {
        "vm": outcome.vm,
        "state": outcome.state.value,
        "submitted": outcome.submitted and outcome.submitted.isoformat(),
        "accepted": outcome.accepted and outcome.accepted.isoformat(),
        "ended": outcome.ended and outcome.ended.isoformat(),
        "polls": outcome.polls,
        "engine": outcome.engine,
        "note": outcome.note,
        "error": error and {"code": error.code, "message": str(error), "request_id": error.request_id},
        "result": _result(outcome.result),
        "token": outcome.token if tokens else None,
    }
    return {name: value for name, value in document.items() if value is not None}
