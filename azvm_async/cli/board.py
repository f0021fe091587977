"""How a run stands, for people: a row a VM, totals, and the time that is left. Pure: made from a report and what handles say.

Of many VMs only those are shown that fit, the interesting ones first: what failed, then what goes on, the longest first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from azvm_async import Outcome, Report, State
from azvm_async.cli.text import one_line

_FAILED = {State.FAILED, State.CANCELED, State.UNKNOWN}
SENDING, WAITING = "Sending", "Waiting"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a VM's handle says while its operation goes on.

    Parameters
    ----------
    words : str
        How far it is.
    trouble : str
        Why its state could not be read the last time.
    throttled : bool
        Whether that was Azure's limits.
    """

    words: str = ""
    trouble: str = ""
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A VM's line."""

    name: str
    state: str
    rank: int
    seconds: float | None
    progress: str
    error: str


@dataclass(frozen=True, slots=True)
class Board:
    """A run at a moment.

    Parameters
    ----------
    left : float or None
        Seconds until its end, guessed; ``None`` where nothing tells.
    """

    verb: str
    rows: tuple[Row, ...]
    done: int
    failed: int
    throttled: int
    seconds: float
    left: float | None

    def shown(self, room: int) -> tuple[Sequence[Row], str]:
        """Return the rows for so many lines, and what to say of the others."""
        if len(self.rows) <= room:
            return self.rows, ""
        room = max(1, room - 1)
        ranked = sorted(self.rows, key=lambda row: (row.rank, -(row.seconds or 0.0)))
        failed = [row for row in ranked if row.rank == 0]
        others = ranked[len(failed) :]
        kept = failed[: max(room // 2, room - len(others))]
        kept += others[: room - len(kept)]
        return kept, _rest(self.rows, kept)


def board(report: Report, progress: Mapping[str, Progress], now: datetime) -> Board:
    """Return how a run stands; ``progress`` is by ARM id in lower case."""
    rows = tuple(_row(outcome, progress.get(outcome.vm.lower(), Progress()), report.began, now) for outcome in report)
    states = Counter(outcome.state for outcome in report)
    failed = sum(states[state] for state in _FAILED)
    done = states[State.SUCCEEDED] + states[State.SKIPPED]
    throttled = sum(each.throttled for each in progress.values()) + sum(_is_held(report, each) for each in report)
    return Board(report.verb, rows, done, failed, throttled, (now - report.began).total_seconds(), left(report, now))


def left(report: Report, now: datetime) -> float | None:
    """Guess the seconds until the end: who runs takes as long as the others took, who waits comes as fast as they came."""
    took = [outcome.seconds for outcome in report if outcome.ok and outcome.seconds is not None]
    begun = [outcome.submitted for outcome in report if outcome.submitted is not None]
    if not took:
        return None
    usual = median(took)
    waiting = sum(outcome.state is State.NOT_BEGUN for outcome in report)
    if waiting:
        rate = len(begun) / max((now - report.began).total_seconds(), 1.0)
        return waiting / rate + usual
    running = [outcome.submitted for outcome in report if outcome.state is State.RUNNING and outcome.submitted]
    return max(0.0, usual - (now - max(running)).total_seconds()) if running else 0.0


def why(outcome: Outcome) -> str:
    """Return why a VM is as it is, on one line."""
    error = outcome.error
    if error is not None:
        return one_line(": ".join(part for part in (error.code, error.message) if part) or error.what)
    exit_code = getattr(outcome.result, "exit_code", None)
    return one_line(outcome.note or ("" if exit_code is None else f"exit code {exit_code}"))


def _row(outcome: Outcome, progress: Progress, began: datetime, now: datetime) -> Row:
    state, running = _word(outcome), outcome.state is State.RUNNING
    seconds = (now - (outcome.submitted or began)).total_seconds() if running else outcome.seconds
    told = why(outcome)
    words, error = ("", told) if outcome.state in _FAILED else (told or progress.words, progress.trouble)
    return Row(outcome.name, state, _rank(outcome), seconds, words, error)


def _is_held(report: Report, outcome: Outcome) -> bool:
    """Tell whether Azure has put a VM's request off by 429."""
    lane = report.record.lanes.get(outcome.vm.lower())
    return _is_sent(outcome) and lane is not None and lane.refusals is not None


def _is_sent(outcome: Outcome) -> bool:
    """Tell whether Azure's answer is due."""
    return outcome.state is State.RUNNING and outcome.accepted is None and outcome.token is None


def _word(outcome: Outcome) -> str:
    if outcome.state is State.NOT_BEGUN:
        return WAITING
    return SENDING if _is_sent(outcome) else outcome.state.value


def _rank(outcome: Outcome) -> int:
    if outcome.state in _FAILED:
        return 0
    return {State.RUNNING: 1, State.NOT_BEGUN: 2}.get(outcome.state, 3)


def _rest(rows: Sequence[Row], kept: Sequence[Row]) -> str:
    counts = Counter(row.state for row in rows)
    counts.subtract(row.state for row in kept)
    told = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    return f"… and {len(rows) - len(kept):,} more: {told}"
