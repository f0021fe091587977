"""``azvm resume``: what was left to go on is waited for again, from tokens."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import Any, TextIO

import click

from azvm_async import (
    AzureVMClient,
    AzureVMError,
    Operation,
    Outcome,
    Report,
    State,
)
from azvm_async.cli import options
from azvm_async.cli.console import Terminal
from azvm_async.cli.doing import concluded, followed, interruptible
from azvm_async.cli.interrupts import Interrupts
from azvm_async.cli.options import How, Site
from azvm_async.cli.world import World, current
from azvm_async.fleet.outcome import state_of


@options.command("azvm start --all --no-wait > start.tokens", "azvm resume --file start.tokens")
@click.argument("tokens", nargs=-1, metavar="[TOKEN]...")
@click.option("--file", "file", type=click.File(encoding="utf-8"), help="File of tokens, one a line; '-' is stdin.")
@options.of_progress
@options.of_site
def resume(tokens: Sequence[str], file: TextIO | None, **given: Any) -> int:
    """Wait again for what was begun.

    By the tokens of --no-wait, or of a run that was left.

    Without tokens and file they are read from stdin. Nothing is sent but reads, except for a removal (deprovision), which goes
    on from here. The subscription must be that of the tokens.
    """
    site, how, world = Site.of(given, needs_group=False), How.of(given), current()
    known = _read(tokens, file)
    terminal = Terminal(how.output)
    return interruptible(lambda interrupts: _resumed(site, known, how, world, terminal, interrupts))


def _read(tokens: Sequence[str], file: TextIO | None) -> list[str]:
    source = file or (None if tokens or sys.stdin.isatty() else sys.stdin)
    lines = [*tokens, *(source or ())]
    found = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise click.UsageError("Which tokens? Give them as arguments, by --file FILE, or on stdin, one a line.")
    return found


async def _resumed(
    site: Site, tokens: Sequence[str], how: How, world: World, terminal: Terminal, interrupts: Interrupts
) -> int:
    async with world.connect(site) as client:
        report = await followed(Taken(client, tokens, how.deadline), client, how, terminal, interrupts)
    return concluded(report, how, terminal, interrupts)


class Taken:
    """What is taken up again, followed as a fleet's run is; nothing of it is begun.

    Parameters
    ----------
    client : AzureVMClient
        Takes it up.
    tokens : iterable of str
        One for each operation.
    deadline : float, optional
        Seconds, after which it is left to go on.
    """

    def __init__(self, client: AzureVMClient, tokens: Iterable[str], deadline: float | None = None) -> None:
        self._clock = client.clock
        self._began = self._clock.utcnow()
        operations = [client.resume(token) for token in tokens]
        self._outcomes = {each: Outcome(each.about.resource, State.RUNNING) for each in operations}
        self._in_order: list[Outcome] = []
        self._news = asyncio.Event()
        self._note: str | None = None
        self._tasks = [asyncio.create_task(self._follow(operation)) for operation in operations]
        self._all = asyncio.create_task(self._over(deadline))

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._all.done()

    @property
    def report(self) -> Report:
        """How it stands, with the tokens of what goes on."""
        outcomes = tuple(_standing(operation, outcome) for operation, outcome in self._outcomes.items())
        notes = () if self._note is None else (f"It was stopped: {self._note}",)
        return Report("resume", outcomes, self._began, self._clock.utcnow(), notes)

    def stop(self, reason: str = "it was stopped", *, wait: bool = True) -> None:
        """Wait no more, unless ``wait``; there is nothing that could begin."""
        if not wait:
            self._note = reason
            for task in self._tasks:
                task.cancel()

    async def ended(self) -> None:
        """Wait until it is over."""
        await asyncio.wait([self._all])

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        seen = 0
        while True:
            while seen < len(self._in_order):
                seen += 1
                yield self._in_order[seen - 1]
            if self.done:
                return
            await self._news.wait()
            self._news.clear()

    async def _over(self, deadline: float | None) -> None:
        try:
            async with self._clock.timeout(deadline):
                await asyncio.wait(self._tasks)
        except TimeoutError:
            self.stop(f"the deadline of {deadline:g} s passed", wait=False)
            await asyncio.wait(self._tasks)
        asyncio.get_running_loop().call_soon(self._news.set)

    async def _follow(self, operation: Operation[Any]) -> None:
        before = self._outcomes[operation]
        try:
            ended = replace(before, state=State.SUCCEEDED, result=await operation)
        except AzureVMError as error:
            ended = replace(before, state=state_of(error) if operation.done else State.UNKNOWN, error=error)
        except asyncio.CancelledError:
            ended = replace(before, note=self._note)
        ended = _standing(operation, ended)
        self._outcomes[operation] = ended
        self._in_order.append(ended)
        self._news.set()


def _standing(operation: Operation[Any], outcome: Outcome) -> Outcome:
    goes_on = outcome.state in {State.RUNNING, State.UNKNOWN} and not operation.done
    return replace(outcome, polls=operation.polls, token=operation.token if goes_on else None)


COMMANDS = (resume,)
