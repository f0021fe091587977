"""The terminal: what goes to stdout, what to stderr, and whether a live picture can be drawn.

Results go to stdout; the picture, notices and complaints to stderr. Where stderr is no terminal, or ``NO_COLOR`` or
``TERM=dumb`` says so, there is no picture but plain lines, which a screen reader and a log take.
"""

import os
import shutil
import sys
from dataclasses import dataclass, field

import click
from rich.console import Console

from azvm_async.cli.text import printable


def _drawable() -> bool:
    plain = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
    return sys.stderr.isatty() and not plain


def wrapped(text: str) -> str:
    """Return paragraphs for stderr: in a terminal their lines end between words, but for one to be pasted, which is indented."""
    return "\n".join(_wrapped(printable(paragraph)) for paragraph in text.split("\n"))


def _wrapped(told: str) -> str:
    width = shutil.get_terminal_size().columns
    whole = told.startswith("  ") or not sys.stderr.isatty() or len(told) <= width
    return told if whole else click.wrap_text(told, width)


@dataclass(frozen=True)
class Terminal:
    """Where a command speaks.

    Parameters
    ----------
    output : {"table", "json", "tsv"}
        How results are told.
    live : bool
        Whether a picture may be drawn.
    """

    output: str = "table"
    live: bool = field(default_factory=_drawable)

    @property
    def for_people(self) -> bool:
        """Whether stdout is read by people, who want no line twice."""
        return self.output == "table"

    def result(self, text: str) -> None:
        """Print what was asked for."""
        click.echo(text)

    def notice(self, text: str) -> None:
        """Print what is good to know, beside the result."""
        click.echo(wrapped(text), err=True)

    def console(self, *, err: bool = False) -> Console:
        """Return a console of rich's, for tables."""
        return Console(stderr=err, highlight=False, markup=False, emoji=False, soft_wrap=False)

    @property
    def draws_tables(self) -> bool:
        """Whether stdout is a terminal in which rich may draw."""
        return self.live and sys.stdout.isatty()
