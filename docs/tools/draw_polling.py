"""Draws how an operation is polled, from the table in ``azvm_async/protocol/lro.py``: a line a phase, an arrow a row.

    python docs/tools/draw_polling.py

writes ``docs/pictures/polling.svg``. The picture says nothing that the table doesn't: what can't be read from it is an error.
"""

import re
import sys
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from azvm_async.protocol import lro

PICTURE = Path(__file__).parents[1] / "pictures" / "polling.svg"

LANES = ("begin", "waiting", "fetching", "ended", "an error is raised")
LEFT, FIRST, APART, RIGHT = 20, 520, 130, 20
TOP, LINE, PAD = 70, 17, 12
AT_MOST = 62  # characters of a label's line
WIDTH = FIRST + APART * (len(LANES) - 1) + 60 + RIGHT

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.phase { font-weight: 600; text-anchor: middle; }
.word { font-size: 11px; text-anchor: middle; fill: #52606d; }
.lane { stroke: #9aa5b1; stroke-dasharray: 3 4; }
.row { stroke: #e4e7eb; }
.arrow { stroke: #1565c0; stroke-width: 1.6; fill: none; }
.fault { stroke: #b71c1c; }"""


class Row(NamedTuple):
    """A row of the table: in which phases, what came, and what is next."""

    phases: tuple[str, ...]
    came: str
    next: str

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the lanes to which it leads; where it stays, none."""
        found = [lane for lane in LANES if re.search(rf"\b{lane}\b", self.next)]
        if "ending" in self.next:
            found.append("ended")
        if "is raised" in self.next:
            found.append(LANES[-1])
        if not found and "patience" not in self.next:
            raise ValueError(f"The picture has no arrow for {self.next!r}")
        return tuple(dict.fromkeys(found))


def rows(text: str) -> list[Row]:
    """Read the first table of a docstring."""
    lines = text.splitlines()
    rule, _, end = (number for number, line in enumerate(lines) if line.startswith("==="))
    starts = [match.start() for match in re.finditer("=+", lines[rule])]
    cells: list[list[str]] = []
    for line in lines[rule + 3 : end]:
        parts = [line[start:stop].strip() for start, stop in zip(starts, [*starts[1:], None], strict=True)]
        if parts[0]:
            cells.append(parts)
        else:
            cells[-1] = [" ".join(filter(None, both)) for both in zip(cells[-1], parts, strict=True)]
    return [Row(_phases(phase), _plain(came), _plain(then)) for phase, came, then in cells]


def _phases(name: str) -> tuple[str, ...]:
    phases = ("waiting", "fetching") if name == "both" else (name,)
    if not set(phases) <= set(LANES):
        raise ValueError(f"The picture has no lane for {name!r}")
    return phases


def _plain(text: str) -> str:
    """Return reStructuredText as text: a module by its last name."""
    return re.sub(r":mod:`[\w.]*?(\w+)`", r"\1.py", text).replace("``", "")


def _x(lane: str) -> int:
    return FIRST + APART * LANES.index(lane)


def _arrow(phase: str, target: str, y: int) -> str:
    """Return an arrow between lanes, or, where it stays, a loop on its own."""
    kind = "arrow fault" if target == LANES[-1] else "arrow"
    x, end = _x(phase), _x(target)
    loop, straight = f"M{x} {y - 6} h26 q8 0 8 6 t-8 6 h-21", f"M{x} {y} H{end - 5}"
    head = "stop" if target == LANES[-1] else "head"
    return f'<path class="{kind}" d="{loop if x == end else straight}" marker-end="url(#{head})"/><circle cx="{x}" cy="{y}" r="3"/>'


def _drawn(row: Row, y: int) -> tuple[list[str], int]:
    """Return a row's elements, and where the next one begins."""
    told = wrap(row.came, AT_MOST)
    then = wrap(row.next, AT_MOST + 4)
    height = LINE * (len(told) + len(then)) + PAD
    middle = y + height // 2
    parts = [f'<line class="row" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>']
    parts += [f'<text x="{LEFT}" y="{y + LINE * n}">{escape(line)}</text>' for n, line in enumerate(told, 1)]
    below = y + LINE * len(told)
    parts += [
        f'<text class="word" style="text-anchor:start" x="{LEFT + 14}" y="{below + LINE * n}">'
        f"{'→ ' if n == 1 else '   '}{escape(line)}</text>"
        for n, line in enumerate(then, 1)
    ]
    for phase in row.phases:
        targets = row.targets or (phase,)
        parts += [_arrow(phase, target, middle + 14 * n) for n, target in enumerate(targets)]
    return parts, y + height


def picture(text: str | None = None) -> str:
    """Return the picture of a table, by default the code's."""
    table = rows((lro.__doc__ or "") if text is None else text)
    y, parts = TOP, []
    for row in table:
        drawn, y = _drawn(row, y)
        parts += drawn
    lanes = [
        f'<text class="phase" x="{_x(lane)}" y="40">{lane}</text>'
        f'<line class="lane" x1="{_x(lane)}" x2="{_x(lane)}" y1="52" y2="{y}"/>'
        for lane in LANES
    ]
    told = " ".join(f"{' and '.join(row.phases)}: {row.came}: {row.next}." for row in table)
    heads = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for name, colour in (("head", "#1565c0"), ("stop", "#b71c1c"))
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 10}" role="img" aria-labelledby="t d">',
            '<title id="t">How an operation is polled</title>',
            f'<desc id="d">{escape(told)}</desc>',
            f"<style>{STYLE}</style><defs>{heads}</defs>",
            f'<rect width="{WIDTH}" height="{y + 10}" rx="8" fill="#ffffff"/>',
            f'<text class="phase" style="text-anchor:start" x="{LEFT}" y="40">what came</text>',
            *lanes,
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
    sys.stdout.write(f"{PICTURE}\n")
