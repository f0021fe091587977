"""The lanes, one a VM: when it was submitted and accepted, each poll and refusal, and how it ended.

Where there are few, each has its name and room for its marks. Where there are many, those that went well are thin, so that a
run of thousands can be seen as a whole, and those that did not keep their names.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from azvm_async.fleet.outcome import Outcome, State
from azvm_async.fleet.record import Lane, Marks
from azvm_async.fleet.timeline.axis import HEIGHT, LEFT, WIDTH, Axis
from azvm_async.fleet.timeline.markup import SVG, Element, element, picture

MOST = 5_000
"""Lanes that are drawn; those of what went well give way."""

ROOMY = 400
"""Lanes with names, if there are more than that in all; those of what went well give way again."""

WIDE_UP_TO = 60
_WIDE, _NARROW, _THIN = 22.0, 14.0, 3.0
_NAME = 26
"""Characters of a name that there is room for."""

_ENDS = {
    State.SUCCEEDED: "m-4 0l3 3l5 -7",
    State.FAILED: "m-4 -4l8 8m0 -8l-8 8",
    State.CANCELED: "m-4 -4h8v8h-8z",
    State.UNKNOWN: "m0 -5l5 5l-5 5l-5 -5z",
    State.RUNNING: "m-4 -4l5 4l-5 4",
}
"""The shape at each end: a tick, a cross, a square, a diamond, an arrow. Colour alone tells nobody everything."""


class Row(NamedTuple):
    """An outcome with its lane, and whether it has room for its name."""

    outcome: Outcome
    lane: Lane | None
    roomy: bool


def rows(outcomes: Sequence[Outcome], lanes: dict[str, Lane]) -> list[Row]:
    """Return what is drawn, in the order of its submission."""
    chosen = sorted(outcomes, key=lambda each: each.ok)[:MOST]  # what did not go well first
    few = len(outcomes) <= ROOMY
    named = {id(each) for each in chosen[:ROOMY] if few or not each.ok}
    return [Row(each, lanes.get(each.vm.lower()), id(each) in named) for each in sorted(chosen, key=_order)]


def _order(outcome: Outcome) -> tuple[bool, float]:
    return outcome.submitted is None, outcome.submitted.timestamp() if outcome.submitted else 0.0


def drawn(found: Sequence[Row], axis: Axis, now: datetime) -> Element:
    """Return the picture of the lanes; ``now`` is up to when what goes on is drawn."""
    narrow = _WIDE if len(found) <= WIDE_UP_TO else _NARROW
    lanes, top = [], 0.0
    for row in found:
        height = narrow if row.roomy else _THIN
        lanes.append(_lane(row, axis, now, top, height))
        top += height
    told = f"{len(found):,} lanes, in the order of their submission; the table has the same facts."
    return picture("lanes", "A lane for each VM", told, (WIDTH, top + HEIGHT), *axis.lines(top), *lanes)


def _lane(row: Row, axis: Axis, now: datetime, top: float, height: float) -> Element:
    outcome, middle = row.outcome, round(top + height / 2, 1)
    parts = [element("title", facts(row)), *_bar(outcome, axis, now, middle), *_marks(row, axis, now, middle, height)]
    if row.roomy:
        parts += _words(outcome, axis, now, middle)
    size = "roomy" if row.roomy else "thin"
    return element("g", *parts, class_=f"{size} {outcome.state.value}")


def _bar(outcome: Outcome, axis: Axis, now: datetime, middle: float) -> Iterator[Element]:
    """Yield the two parts of a bar: until Azure accepted it, and from then on."""
    if outcome.submitted is None:
        return
    begun, ended = axis.x(outcome.submitted.timestamp()), axis.x((outcome.ended or now).timestamp())
    accepted = ended if outcome.accepted is None else axis.x(outcome.accepted.timestamp())
    yield element("path", class_="sent", d=f"M{begun} {middle}H{max(accepted, begun + 1):g}")
    if outcome.accepted is not None:
        yield element("path", class_="goes", d=f"M{accepted} {middle}H{max(ended, accepted + 1):g}")


def _marks(row: Row, axis: Axis, now: datetime, middle: float, height: float) -> Iterator[Element]:
    if row.lane is None:
        return
    until, reach = (row.outcome.ended or now).timestamp(), height / 2 - 1
    polls = "".join(f"M{x} {middle - reach:g}v{2 * reach:g}" for x in _places(row.lane.polls, axis, until))
    if polls:
        yield element("path", class_="poll", d=polls)
    shape = f"l4 {-reach:g}l4 {reach:g}z" if row.roomy else f"h2v{-height:g}h-2z"
    refusals = "".join(f"M{x - 4:g} {middle + reach:g}{shape}" for x in _places(row.lane.refusals, axis, until))
    if refusals:
        yield element("path", class_="refusal", d=refusals)


def _places(marks: Marks | None, axis: Axis, until: float) -> Iterable[float]:
    """Return where marks stand: those before a VM's end, for the other VMs of its request may go on."""
    return () if marks is None else dict.fromkeys(axis.x(at) for at in marks.kept if at <= until)


def _words(outcome: Outcome, axis: Axis, now: datetime, middle: float) -> Iterator[Element]:
    """Yield a lane's name, and the shape of its end; what was never sent is told in words."""
    yield element("text", short(outcome.name), class_="name", x=LEFT - 8, y=middle + 4)
    shape = _ENDS.get(outcome.state)
    if outcome.submitted is None or shape is None:
        yield element("text", outcome.state.value, class_="word", x=LEFT + 6, y=middle + 4)
    else:
        x = axis.x((outcome.ended or now).timestamp()) + 7
        yield element("path", class_="end", d=f"M{x:g} {middle:g}{shape}")


def short(name: str) -> str:
    """Return a name that there is room for."""
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def facts(row: Row) -> str:
    """Return what a pointer over a lane shows."""
    outcome, seconds = row.outcome, row.outcome.seconds
    lasted = "" if seconds is None else f", {seconds:,.1f} s"
    refused = row.lane.refusals.count if row.lane and row.lane.refusals else 0
    throttled = f", refused {refused:,} times (429)" if refused else ""
    return f"{outcome.name}: {outcome.state.value}{lasted}, polls: {outcome.polls:,}{throttled}"


def legend() -> Element:
    """Return what the shapes mean."""
    shown = [
        ("sent", "M2 8H26", "roomy", "submitted, not accepted yet"),
        ("goes", "M2 8H26", "roomy", "accepted, goes on"),
        ("poll", "M14 2v12", "roomy", "poll"),
        ("refusal", "M10 14l4 -11l4 11z", "roomy", "refused (429)"),
        *(("end", f"M14 8{shape}", f"roomy {state.value}", state.value) for state, shape in _ENDS.items()),
    ]
    return element("ul", *(_entry(*each) for each in shown), class_="legend")


def _entry(kind: str, path: str, group: str, words: str) -> Element:
    part = element("g", element("path", class_=kind, d=path), class_=group)
    shape = element("svg", part, xmlns=SVG, viewBox="0 0 28 16", width=28, height=16, aria_hidden="true")
    return element("li", shape, f" {words}")
