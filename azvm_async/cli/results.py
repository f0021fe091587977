"""What came of it, on stdout: as a table for people, as JSON, or as lines with tabs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from azvm_async import Outcome, Report, RunCommandResult
from azvm_async.cli.board import board, why
from azvm_async.cli.console import Terminal
from azvm_async.cli.picture import table
from azvm_async.cli.screen import sentence
from azvm_async.cli.text import printable

GOOD_SHOWN = 20
"""VMs without any trouble that a table shows; of more it tells the number."""

_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\"})


def told(terminal: Terminal, outcome: Outcome, verb: str) -> None:
    """Tell how it went with a VM, as soon as that is known, in plain lines."""
    say = terminal.result if terminal.for_people else terminal.notice
    say(printable(sentence(outcome, verb)))
    if terminal.for_people:
        _script(terminal, outcome)


def conclude(terminal: Terminal, report: Report, *, tokens: bool = False) -> None:
    """Tell how it went with all."""
    if terminal.output == "json":
        terminal.result(report.to_json(tokens=tokens))
    elif terminal.output == "tsv":
        for outcome in report:
            terminal.result(_tabbed(_cells(outcome, tokens=tokens)))
    elif tokens:
        terminal.notice(str(report))
        for token in report.tokens.values():
            terminal.result(token)
    else:
        _for_people(terminal, report)


def _for_people(terminal: Terminal, report: Report) -> None:
    if terminal.live:  # else each line was told before
        for outcome in report:
            _script(terminal, outcome, heading=True)
        _table(terminal, report)
    terminal.result("\n".join(map(printable, (str(report), *report.notes))))


def _table(terminal: Terminal, report: Report) -> None:
    if not terminal.draws_tables:
        terminal.result(printable(report.table().partition("\n\n")[0]))
        return
    stands = board(report, {}, report.ended)
    trouble = sum(not outcome.ok for outcome in report)
    rows, rest = stands.shown(trouble + GOOD_SHOWN)
    console = terminal.console()
    console.print(table(rows, console.size.width))
    if rest:
        console.print(Text(rest, "dim"))


def _script(terminal: Terminal, outcome: Outcome, *, heading: bool = False) -> None:
    """Print what a script wrote, on whichever VM."""
    result = outcome.result
    if not isinstance(result, RunCommandResult):
        return
    if heading:
        terminal.result(printable(sentence(outcome, "run_command")))
    remark = result.message if result.exit_code is None else ""  # why it could not be started
    for name, text in (("stdout", result.stdout), ("stderr", result.stderr), ("message", remark)):
        if text:
            terminal.result(f"{outcome.name} {name}:\n{printable(text).rstrip()}")


def _cells(outcome: Outcome, *, tokens: bool) -> Sequence[object]:
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
    result = outcome.result
    script = (result.exit_code, result.stdout, result.stderr) if isinstance(result, RunCommandResult) else ()
    token = (outcome.token or "",) if tokens else ()
    return (outcome.name, outcome.state.value, seconds, why(outcome), *script, *token)


def rows(terminal: Terminal, headings: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
    """Print things with the same fields."""
    if terminal.output == "json":
        terminal.result(json.dumps(found, indent=1))
    elif terminal.output == "tsv":
        for each in found:
            terminal.result(_tabbed([each[name] for name in headings]))
    else:
        _columns(terminal, headings, [[_cell(each[name]) for name in headings] for each in found])


def _columns(terminal: Terminal, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    if terminal.draws_tables:
        drawn = Table(*headings, box=None, pad_edge=False, header_style="dim")
        for line in lines:
            drawn.add_row(*(Text(cell) for cell in line))
        terminal.console().print(drawn)
        return
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    for line in (headings, *lines):
        terminal.result("  ".join(map(str.ljust, line, widths)).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={told}" for name, told in value.items())
    return "" if value is None else printable(str(value)).replace("\n", " ")


def _tabbed(cells: Sequence[object]) -> str:
    return "\t".join(
        _cell(cell) if not isinstance(cell, str) else printable(cell).translate(_ESCAPES) for cell in cells
    )
