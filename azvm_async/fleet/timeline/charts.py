"""The charts around the lanes: how many VMs stand where at each moment, and what was asked of Azure beside what it allows."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from azvm_async.fleet.outcome import Outcome
from azvm_async.fleet.record import Rate
from azvm_async.fleet.timeline.axis import HEIGHT, LEFT, RIGHT, WIDTH, Axis
from azvm_async.fleet.timeline.markup import Element, element, picture
from azvm_async.protocol.throttling import Limit

_TALL, _SMALL = 150.0, 80.0
_SAMPLES = 200
_HEADROOM = 1.15

LAYERS = ("well", "badly", "goes", "sent", "waits")
"""What a VM can be at a moment, from the bottom of the chart to its top."""

LAYER_WORDS = ("ended well", "ended otherwise", "accepted, goes on", "submitted, not accepted yet", "not submitted yet")


class Chart(NamedTuple):
    """A chart of how often something happened in a second, beside the most that was allowed.

    Parameters
    ----------
    name, what : str
        For the page, and in a few words for people.
    rate : Rate
        How often.
    limit : Limit, optional
        The bucket that all of it is drawn from.
    """

    name: str
    what: str
    rate: Rate
    limit: Limit | None = None


def crowd(outcomes: Sequence[Outcome], axis: Axis) -> Element:
    """Return the chart of how many VMs stand where."""
    times = [axis.began + axis.seconds * number / _SAMPLES for number in range(_SAMPLES + 1)]
    floors = [0.0] * len(times)
    layers = []
    for name, counted in zip(LAYERS, _counts(outcomes, times), strict=True):
        tops = [floor + count for floor, count in zip(floors, counted, strict=True)]
        layers.append(element("path", class_=f"layer {name}", d=_area(axis, times, floors, tops, len(outcomes))))
        floors = tops
    told = f"Of {len(outcomes):,} VMs, over time: {', '.join(LAYER_WORDS)}."
    return _frame("crowd", "How many VMs stand where", told, _TALL, axis, f"{len(outcomes):,}", layers)


def _counts(outcomes: Sequence[Outcome], times: Sequence[float]) -> Iterator[list[int]]:
    """Yield for each layer how many VMs are in it at each time."""
    over = [each for each in outcomes if each.ended or each.submitted is None]
    well = _until([_at(each.ended, times[0]) for each in over if each.ok], times)
    badly = _until([_at(each.ended, times[-1]) for each in over if not each.ok and each.ended], times)
    accepted = _until([_at(each.accepted, _at(each.ended, times[-1])) for each in outcomes if each.submitted], times)
    submitted = _until([_at(each.submitted, times[0]) for each in outcomes if each.submitted], times)
    skipped = sum(each.ok for each in over if each.submitted is None)
    yield well
    yield badly
    ended = [w + b - skipped for w, b in zip(well, badly, strict=True)]
    yield [max(0, a - e) for a, e in zip(accepted, ended, strict=True)]
    yield [max(0, s - max(a, e)) for s, a, e in zip(submitted, accepted, ended, strict=True)]
    yield [len(outcomes) - skipped - s for s in submitted]


def _until(moments: Iterable[float], times: Sequence[float]) -> list[int]:
    """Return how many moments there are up to each of these times."""
    ordered = sorted(moments)
    return [bisect_right(ordered, time) for time in times]


def _at(moment: datetime | None, otherwise: float) -> float:
    return otherwise if moment is None else moment.timestamp()


def _area(axis: Axis, times: Sequence[float], low: Sequence[float], high: Sequence[float], most: int) -> str:
    """Return the path around what is between two lines."""
    scale = _TALL / max(1, most)
    there = [f"{axis.x(time):g} {_TALL - value * scale:.1f}" for time, value in zip(times, high, strict=True)]
    back = [f"{axis.x(time):g} {_TALL - value * scale:.1f}" for time, value in zip(times, low, strict=True)]
    return f"M{'L'.join(there)}L{'L'.join(reversed(back))}Z"


def rates(chart: Chart, axis: Axis) -> Element:
    """Return the chart of a rate."""
    width, first, counts = _slots(chart, axis)
    top = _HEADROOM * max([*counts, width * (chart.limit.rate if chart.limit else 0.0), 1.0])
    place = _placed(axis, first, width, top)
    bars = "".join(
        f"M{place(number, 0)}V{_height(count, top)}H{place(number + 1, 0).partition(' ')[0]}V{_SMALL:g}z"
        for number, count in enumerate(counts)
        if count
    )
    parts = [element("path", class_="bars", d=bars or "M0 0")]
    if chart.limit is not None:
        line = "".join(
            f"{'L' if number else 'M'}{place(number, most)}L{place(number + 1, most)}"
            for number, most in enumerate(allowed(counts, width, chart.limit))
        )
        parts.append(element("path", class_="limit", d=line))
    return _frame(chart.name, chart.what, summary(chart, axis), _SMALL, axis, f"{top / width:,.3g} /s", parts)


def allowed(counts: Iterable[int], width: float, limit: Limit) -> list[float]:
    """Return how many a bucket lets through at most in each slot of time, after what was let through before."""
    found, tokens = [], limit.burst
    for count in counts:
        most = tokens + width * limit.rate
        found.append(most)
        tokens = min(limit.burst, max(0.0, most - count))
    return found


def summary(chart: Chart, axis: Axis) -> str:
    """Return in words what the chart shows."""
    width, _, counts = _slots(chart, axis)
    total, most = sum(counts), max(counts) / width
    unit = "a second" if width == 1 else f"a second, counted by {width:,} s"
    told = f"{chart.what}: {total:,} in all, {most:,.1f} {unit} at most"
    if chart.limit is None:
        return f"{told}."
    budget = f"{chart.limit.burst:,.0f} at once and then {chart.limit.rate:,.1f} a second"
    return f"{told}. The line is Azure's budget, {budget}; where that is more than is drawn, it is at the top."


def _slots(chart: Chart, axis: Axis) -> tuple[int, int, list[int]]:
    """Return the width of what is shown, the number of its first slot, and the counts."""
    rate = chart.rate.over(axis.seconds)
    first, last = (math.floor(at / rate.width) for at in (axis.began, axis.began + axis.seconds))
    return rate.width, first, [rate.counts[slot] for slot in range(first, last + 1)]


def _placed(axis: Axis, first: int, width: int, top: float) -> Callable[[int, float], str]:
    """Return what tells where a number stands at the beginning of a slot."""
    return lambda number, value: f"{axis.x((first + number) * width):g} {_height(value, top)}"


def _height(value: float, top: float) -> str:
    return f"{_SMALL * (1 - min(value / top, 1)):.1f}"


def _frame(name: str, title: str, told: str, height: float, axis: Axis, most: str, parts: Sequence[Element]) -> Element:
    """Return a chart's picture: the axes, and what is in it."""
    scale = [
        element("text", most, class_="name", x=LEFT - 8, y=10),
        element("text", "0", class_="name", x=LEFT - 8, y=height),
        element("path", class_="edge", d=f"M{LEFT} 0V{height}H{RIGHT}"),
    ]
    return picture(name, title, told, (WIDTH, height + HEIGHT), *parts, *axis.lines(height), *scale)
