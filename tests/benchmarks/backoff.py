"""How late the end of an operation is noticed where Azure sends no ``Retry-After``, and how many polls that costs.

``python tests/benchmarks/backoff.py`` lets each operation of ``durations.json`` be polled on paper: by our own pace, by
azure-core's schedule (at once, then each 30 s) and by a fixed 4 s, as mlos_bench's AzureVMService has it. Lateness is the
time from the end in Azure to the first poll that sees it, summed and divided by the sum of the durations. The usual
durations are fitted on other operations than they are tried on. It exits with 1 when a bound is missed.
"""

# ruff: noqa: T201  # it prints

import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

from azvm_async.protocol.pacing import ORDINARY, USUAL, pause

LATENESS, POLLS = 12.0, 15.0
"""What our own pace may cost: per cent of the durations, and polls an operation in the mean."""

WRONG_LATENESS, WRONG_POLLS = 20.0, 20.0
"""What it may cost when the usual duration is guessed wrong by three times."""

FOLDS, LUCKS = 10, 20
"""Parts of the data, each tried with what the others taught; and how often each operation is tried, for the jitter."""


class Case(NamedTuple):
    """One operation as it was recorded."""

    source: str
    verb: str
    seconds: float


Pace = Callable[[Case, int], float]
"""The seconds to wait in a case, after so many polls."""


def recorded() -> list[Case]:
    """Return all operations, shuffled, and always in the same way."""
    sources = json.loads(Path(__file__).with_name("durations.json").read_text(encoding="utf-8"))["seconds"]
    cases = [
        Case(source, verb, seconds)
        for source, verbs in sources.items()
        for verb, durations in verbs.items()
        for seconds in durations
    ]
    random.Random(0).shuffle(cases)
    return cases


def ours(usual: Callable[[Case], float]) -> Pace:
    """Return our own pace, with luck that is the same in every run."""
    luck = random.Random(0).random
    return lambda case, polls: pause(polls, luck(), usual(case))


def shipped(case: Case) -> float:
    """Return the usual duration that the library knows."""
    return USUAL.get(case.verb, ORDINARY)


def fitted(cases: Iterable[Case]) -> Callable[[Case], float]:
    """Return the usual durations that other cases teach: the median of the verb, or of all where it has fewer than three."""
    durations = defaultdict(list)
    for case in cases:
        durations[case.verb].append(case.seconds)
    ordinary = median(seconds for every in durations.values() for seconds in every)
    usual = {verb: median(every) for verb, every in durations.items() if len(every) > 2}
    return lambda case: usual.get(case.verb, ordinary)


def by_fold(cases: list[Case]) -> Callable[[Case], float]:
    """Return for each case the usual duration that the other folds teach."""
    folds = [fitted(case for place, case in enumerate(cases) if place % FOLDS != fold) for fold in range(FOLDS)]
    known = {id(case): folds[place % FOLDS](case) for place, case in enumerate(cases)}
    return lambda case: known[id(case)]


def by_source(cases: list[Case]) -> Callable[[Case], float]:
    """Return for each case the usual duration that the other recordings teach."""
    sources = {case.source for case in cases}
    taught = {source: fitted(case for case in cases if case.source != source) for source in sources}
    return lambda case: taught[case.source](case)


def wrong(usual: Callable[[Case], float], factor: float) -> Callable[[Case], float]:
    """Return guesses that are wrong by a factor."""
    return lambda case: usual(case) * factor


def noticed(case: Case, pace: Pace) -> tuple[float, int]:
    """Return the seconds from the end of an operation to the poll that sees it, and which poll that is."""
    due = 0.0
    for polls in count():
        due += pace(case, polls)
        if due >= case.seconds:
            return due - case.seconds, polls + 1
    raise AssertionError("unreachable")


def cost(cases: list[Case], pace: Pace) -> tuple[float, float]:
    """Return the lateness in per cent of the durations, and the mean of polls."""
    found = [noticed(case, pace) for case in cases for _ in range(LUCKS)]
    durations = LUCKS * sum(case.seconds for case in cases)
    return 100 * sum(late for late, _ in found) / durations, sum(polls for _, polls in found) / len(found)


def figures(cases: list[Case]) -> Iterator[tuple[str, list[Case], Pace, tuple[float, float] | None]]:
    """Name each line of the report: what is tried, on what, and its bounds where it has some."""
    bounds, when_wrong = (LATENESS, POLLS), (WRONG_LATENESS, WRONG_POLLS)
    folds = by_fold(cases)
    yield f"ours, usual durations cross-validated in {FOLDS} folds", cases, ours(folds), bounds
    yield "ours, usual durations fitted on the other recordings", cases, ours(by_source(cases)), bounds
    yield "ours, usual durations as shipped", cases, ours(shipped), bounds
    yield "ours, nothing known of any verb", cases, ours(lambda _: ORDINARY), bounds
    yield "ours, each guess three times too low", cases, ours(wrong(folds, 1 / 3)), when_wrong
    yield "ours, each guess three times too high", cases, ours(wrong(folds, 3)), when_wrong
    yield "azure-core: at once, then each 30 s", cases, lambda _, polls: 30.0 if polls else 0.0, None
    yield "AzureVMService: each 4 s", cases, lambda _case, _polls: 4.0, None
    for source in sorted({case.source for case in cases}):
        part = [case for case in cases if case.source == source]
        yield f"ours as shipped, on {source} only", part, ours(shipped), None


def main() -> int:
    """Print all figures; return 1 when a bound is missed."""
    missed = False
    for name, cases, pace, bounds in figures(recorded()):
        late, polls = cost(cases, pace)
        verdict = ""
        if bounds is not None:
            over = late > bounds[0] or polls > bounds[1]
            missed |= over
            verdict = f"  bounds {bounds[0]:.0f} % and {bounds[1]:.0f}: {'MISSED' if over else 'ok'}"
        print(f"{name:<58} n={len(cases):<4} late {late:5.1f} %  polls {polls:5.1f}{verdict}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
