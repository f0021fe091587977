"""A board drawn by rich: a line of totals, a bar, and the rows for which there is room."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from azvm_async.cli.board import Board, Row
from azvm_async.cli.text import duration, spaced, vms

NARROW = 80
"""Columns below which progress and error share one."""

AROUND = 6
"""Lines beside the rows: totals, bar, headings, what is left out, news, and the cursor's."""

_STYLES = {
    "Succeeded": "green",
    "Skipped": "green",
    "Failed": "bold red",
    "Canceled": "red",
    "Unknown": "magenta",
    "Running": "cyan",
    "Sending": "yellow",
    "Waiting": "dim",
}


def picture(board: Board, width: int, height: int, news: str = "") -> RenderableType:
    """Draw a board for a terminal of this size."""
    rows, rest = board.shown(max(1, height - AROUND))
    parts: list[RenderableType] = [_line(totals(board), "bold"), _bar(board, width), table(rows, width)]
    parts += [_line(rest, "dim")] if rest else []
    parts += [_line(news, "yellow")] if news else []
    return Group(*parts)


def totals(board: Board) -> str:
    """Return a run in a line."""
    counts = f"{board.done:,} done, {board.failed:,} failed, {board.throttled:,} throttled"
    return f"{spaced(board.verb)} of {vms(len(board.rows))}: {counts}"


def _bar(board: Board, width: int) -> RenderableType:
    """Draw how much has ended, with the time beside it."""
    time = duration(board.seconds) + ("" if board.left is None else f", about {duration(board.left)} left")
    longest = max(5, min(40, width - len(time) - 1))
    drawn = Table.grid(padding=(0, 1, 0, 0))
    drawn.add_row(ProgressBar(max(len(board.rows), 1), board.done + board.failed, width=longest), _line(time, ""))
    return drawn


def table(rows: Sequence[Row], width: int) -> Table:
    """Return rows as a table; nothing in it wraps."""
    wide = width >= NARROW
    drawn = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    drawn.add_column("VM", no_wrap=True, overflow="ellipsis", ratio=2)
    drawn.add_column("State", no_wrap=True, width=9)
    drawn.add_column("Time", no_wrap=True, width=7, justify="right")
    for heading in ("Progress", "Last error") if wide else ("What",):
        drawn.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=3)
    for row in rows:
        told = (row.progress, row.error) if wide else (row.error or row.progress,)
        seconds = "" if row.seconds is None else duration(row.seconds)
        drawn.add_row(row.name, Text(row.state, _STYLES.get(row.state, "")), seconds, *told)
    return drawn


def _line(text: str, style: str) -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")
