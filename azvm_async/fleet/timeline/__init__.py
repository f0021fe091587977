"""A picture of a run, as one page of HTML that needs nothing else: no script, no font, no file from elsewhere.

How many VMs stood where, a lane for each VM, the rate of requests against Azure's budget, and all of it as a table. What is told
of VMs is what the report tells: no token, no URL, no script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from azvm_async.fleet.outcome import Outcome
from azvm_async.fleet.record import Record
from azvm_async.fleet.timeline import charts, lanes
from azvm_async.fleet.timeline.axis import Axis
from azvm_async.fleet.timeline.charts import Chart
from azvm_async.fleet.timeline.lanes import Row
from azvm_async.fleet.timeline.markup import Element, element, page
from azvm_async.fleet.timeline.style import STYLE
from azvm_async.protocol.ids import subscription_in
from azvm_async.protocol.throttling import Key, Limit

_COLUMNS = ("VM", "State", "Submitted", "Accepted", "Ended", "Seconds", "Polls", "429", "Retries", "What")
_SAFE = "default-src 'none'; style-src 'unsafe-inline'"
_SHORTEST = 1.0  # second, of the axis


@dataclass(frozen=True, slots=True)
class Told:
    """What is drawn.

    Parameters
    ----------
    title : str
        The run in a line.
    outcomes : sequence of Outcome
        One for each VM.
    whats : sequence of str
        Of each what there is to say.
    began, ended : datetime
        Of the run.
    notes : sequence of str
        Of the run as a whole.
    record : Record
        What was kept of it.
    """

    title: str
    outcomes: Sequence[Outcome]
    whats: Sequence[str]
    began: datetime
    ended: datetime
    notes: Sequence[str]
    record: Record


def drawn(told: Told) -> str:
    """Return the page."""
    began = min([told.began, *(each.submitted for each in told.outcomes if each.submitted)])  # an earlier run's, too
    axis = Axis(began.timestamp(), max(_SHORTEST, (told.ended - began).total_seconds()))
    rows = lanes.rows(told.outcomes, told.record.lanes)
    body = element(
        "main",
        *_head(told, began),
        *_crowd(told, axis),
        *_lanes(told, rows, axis),
        *_rates(told, axis),
        *_table(told, rows, began),
    )
    root = element("html", _meta(told.title), element("body", body), xmlns="http://www.w3.org/1999/xhtml", lang="en")
    return page(root)


def _meta(title: str) -> Element:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_SAFE),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    )


def _head(told: Told, began: datetime) -> Iterator[Element]:
    yield element("h1", told.title)
    yield element("p", f"From {began:%Y-%m-%d %H:%M:%S} {began.tzname() or ''}; times count from there.")
    if told.notes:
        yield element("ul", *(element("li", note) for note in told.notes))


def _crowd(told: Told, axis: Axis) -> Iterator[Element]:
    layers = zip(reversed(charts.LAYERS), reversed(charts.LAYER_WORDS), strict=True)
    entries = [element("li", element("i", " ", class_=name), f" {words}") for name, words in layers]
    yield element("h2", "How many VMs stand where")
    yield element("figure", charts.crowd(told.outcomes, axis), element("ul", *entries, class_="legend"))


def _lanes(told: Told, rows: Sequence[Row], axis: Axis) -> Iterator[Element]:
    left_out = len(told.outcomes) - len(rows)
    more = f" {left_out:,} VMs that went well are left out here and in the table." if left_out else ""
    yield element("h2", "A lane for each VM")
    yield element("p", f"In the order of their submission.{more}")
    yield lanes.legend()
    yield _scrolled("Lanes", lanes.drawn(rows, axis, told.ended))


def _rates(told: Told, axis: Axis) -> Iterator[Element]:
    record = told.record
    found = [
        Chart("submissions", "Submissions a second", record.submissions, _budget(told, "writes")),
        Chart("polls", "Polls a second", record.polls, _budget(told, "reads")),
    ]
    if record.refusals.counts:
        found.append(Chart("refusals", "Answers of 429 a second", record.refusals))
    yield element("h2", "Requests against Azure's budget")
    for chart in found:
        yield element("figure", charts.rates(chart, axis), element("figcaption", charts.summary(chart, axis)))


def _budget(told: Told, policy: str) -> Limit:
    """Return what Resource Manager lets through for all of the run's subscriptions together."""
    subscriptions = len({subscription_in(each.vm) for each in told.outcomes}) or 1
    limit, share = Key("", policy).limit, told.record.share * subscriptions
    return Limit(limit.burst * share, limit.rate * share)


def _table(told: Told, rows: Sequence[Row], began: datetime) -> Iterator[Element]:
    whats = {id(outcome): what for outcome, what in zip(told.outcomes, told.whats, strict=True)}
    head = element("tr", *(element("th", name, scope="col", **_kind(name)) for name in _COLUMNS))
    lines = [_line(row, whats[id(row.outcome)], began) for row in rows]
    caption = element("caption", "Times in seconds from the beginning")
    table = element("table", caption, element("thead", head), element("tbody", *lines))
    yield element("h2", "The same as a table")
    yield _scrolled("Table", table)


def _line(row: Row, what: str, began: datetime) -> Element:
    outcome, lane = row.outcome, row.lane
    times = [_since(began, at) for at in (outcome.submitted, outcome.accepted, outcome.ended)]
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:,.1f}"
    refused = lane.refusals.count if lane and lane.refusals else 0
    cells = [
        outcome.state.value,
        *times,
        seconds,
        f"{outcome.polls:,}",
        f"{refused:,}",
        f"{lane.retries if lane else 0:,}",
        what,
    ]
    named = zip(_COLUMNS[1:], cells, strict=True)
    return element(
        "tr",
        element("th", outcome.name, scope="row", title=outcome.vm),
        *(element("td", cell or "-", **_kind(name)) for name, cell in named),
    )


def _kind(column: str) -> dict[str, object]:
    return {} if column in {"VM", "State", "What"} else {"class_": "number"}


def _since(began: datetime, at: datetime | None) -> str:
    return "" if at is None else f"{(at - began).total_seconds():,.1f}"


def _scrolled(name: str, *content: Element) -> Element:
    """Return a box of its own to scroll in, by the keyboard too."""
    return element("div", *content, class_="scroll", tabindex=0, role="region", aria_label=name)
