"""A run before one's eyes: a picture that is drawn anew in a terminal, or a line for each thing that happens."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from rich.live import Live

from azvm_async import AzureVMClient, Outcome, Report
from azvm_async.cli.board import board, why
from azvm_async.cli.console import Terminal
from azvm_async.cli.news import heard
from azvm_async.cli.picture import picture
from azvm_async.cli.text import spaced, spoken, vms
from azvm_async.cli.watch import FEW, Going, Watch

FRAME = 0.1
"""Seconds between two looks; more where one takes long."""

FIRST_BEAT, LAST_BEAT = 5.0, 80.0
"""Seconds after which plain lines say that it goes on: at first soon, then twice as long each time."""

Tell = Callable[[Outcome], None]


class Screen(Protocol):
    """Shows a run."""

    async def follow(self, run: Going, client: AzureVMClient) -> None:
        """Show it until it is over."""

    def close(self) -> None:
        """Leave the terminal as it was, at once."""


async def pause(run: Going, client: AzureVMClient, seconds: float) -> None:
    """Wait for so long, or until the run is over."""
    with contextlib.suppress(TimeoutError):
        async with client.clock.timeout(seconds):
            await run.ended()


class Picture:
    """Draws it."""

    def __init__(self, terminal: Terminal) -> None:
        self._console = terminal.console(err=True)
        self._terminal = terminal
        self._live: Live | None = None

    async def follow(self, run: Going, client: AzureVMClient) -> None:
        """See :class:`Screen`."""
        watch = Watch(client, self._terminal.notice if len(run.report) <= FEW else None)
        with heard() as news, Live(console=self._console, auto_refresh=False, transient=True) as live:
            self._live = live
            try:
                while not run.done:
                    began = client.clock.monotonic()
                    stands = board(run.report, await watch.look(), client.clock.utcnow())
                    size = self._console.size
                    live.update(picture(stands, size.width, size.height, news.newest), refresh=True)
                    await pause(run, client, max(FRAME, 5 * (client.clock.monotonic() - began)))
            finally:
                await watch.close(wait=run.done)

    def close(self) -> None:
        """See :class:`Screen`."""
        if self._live is not None:
            self._live.stop()


class Lines:
    """Says it, a line for each VM when it has ended."""

    def __init__(self, terminal: Terminal, told: Tell) -> None:
        self._terminal = terminal
        self._told = told

    async def follow(self, run: Going, client: AzureVMClient) -> None:
        """See :class:`Screen`."""
        self._terminal.notice(f"{spaced(run.report.verb)} of {vms(len(run.report))}")
        watch = Watch(client, self._terminal.notice if len(run.report) <= FEW else None)
        beats = asyncio.create_task(self._beat(run, client, watch))
        try:
            async for outcome in run:
                self._told(outcome)
        finally:
            beats.cancel()
            await asyncio.gather(beats, return_exceptions=True)
            await watch.close(wait=run.done)

    async def _beat(self, run: Going, client: AzureVMClient, watch: Watch) -> None:
        due, rest = client.clock.monotonic() + FIRST_BEAT, FIRST_BEAT
        with heard() as news:
            while not run.done:
                await watch.look()
                if client.clock.monotonic() >= due:
                    rest = min(2 * rest, LAST_BEAT)
                    due += rest
                    self._goes_on(run.report, news.taken())
                await pause(run, client, FRAME)

    def _goes_on(self, report: Report, news: str) -> None:
        self._terminal.notice(f"after {spoken(report.seconds)}: {_totals(report)}")
        if news:
            self._terminal.notice(news)

    def close(self) -> None:
        """See :class:`Screen`."""


def _totals(report: Report) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in report.totals.items())


def sentence(outcome: Outcome, verb: str) -> str:
    """Return how it went with a VM, in a line that can be read out."""
    took = "" if outcome.seconds is None else f" after {spoken(outcome.seconds)}"
    reason = why(outcome)
    return f"{outcome.name}: {spaced(verb)} {outcome.state.value}{took}" + (f": {reason}" if reason else "")
