"""A run from its beginning to its exit code: found VMs, a question before what destroys, the screen, Ctrl-C, what is left."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from azvm_async import AzureVMClient, Fleet, Report, Run, RunOptions, State
from azvm_async.cli import advice, leaving, results
from azvm_async.cli.console import Terminal
from azvm_async.cli.interrupts import Interrupts
from azvm_async.cli.names import Wanted
from azvm_async.cli.news import patiently
from azvm_async.cli.options import How, Site
from azvm_async.cli.screen import Lines, Picture, Screen, pause
from azvm_async.cli.text import counted, vms
from azvm_async.cli.watch import Going
from azvm_async.cli.world import World, current

LOOK = 0.1
"""Seconds between two looks whether Azure has accepted all."""

T = TypeVar("T")

Begin = Callable[[Fleet, RunOptions], Run]
Attempt = Callable[[Interrupts], Coroutine[Any, Any, T]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a command does to VMs.

    Parameters
    ----------
    site, wanted, how : Site, Wanted, How
        Where, to which, and in which way.
    begin : callable
        Begins the run over the fleet.
    question : str, optional
        What is destroyed, such as ``Delete``: then it is asked, unless ``sure``.
    """

    site: Site
    wanted: Wanted
    how: How
    begin: Begin
    question: str | None = None
    sure: bool = False

    def run(self) -> int:
        """Do it, and return the exit code."""
        if self.question and not self.sure and not sys.stdin.isatty():
            raise click.UsageError("That destroys VMs, and there is no terminal to ask you: give --yes if it is meant.")
        world, terminal = current(), Terminal(self.how.output)
        return interruptible(lambda interrupts: self.done(world, terminal, interrupts))

    async def done(self, world: World, terminal: Terminal, interrupts: Interrupts) -> int:
        """Do it in a loop that runs."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(world.connect(self.site))
            async with patiently(client, terminal.notice):
                names = await found(client, self.wanted)
            _ask(self, names)
            fleet = await stack.enter_async_context(Fleet(client, names))
            report = await followed(self.begin(fleet, self.how.run), client, self.how, terminal, interrupts)
        return concluded(report, self.how, terminal, interrupts)


def interruptible(attempt: Attempt[T]) -> T:
    """Run what Ctrl-C stops, in a loop of its own.

    Raises
    ------
    KeyboardInterrupt
        When it was stopped before there was anything to tell.
    """

    async def attempted() -> T:
        with Interrupts() as interrupts:
            try:
                return await attempt(interrupts)
            except asyncio.CancelledError:
                if interrupts.heard:
                    raise KeyboardInterrupt("Nothing was begun.") from None
                raise

    return asyncio.run(attempted())


async def found(client: AzureVMClient, wanted: Wanted) -> list[str]:
    """Return the ARM ids, and names, of the VMs that are meant, each pattern's as Azure lists them now.

    Raises
    ------
    click.UsageError
        When a pattern finds none.
    """
    names = list(wanted.exact)
    for query in wanted.queries:
        async with Fleet(client, query) as listed:
            if not listed.vms:
                raise click.UsageError(
                    f"No VM {_looked_for(query.name, query.tags)}: 'azvm list' shows those that there are."
                )
            names += listed.vms
    return names


def _looked_for(name: str | None, tags: Any) -> str:
    told = [f"named {name!r}"] if name else []
    told += [f"tagged {tag}={value}" if value is not None else f"tagged {tag}" for tag, value in (tags or {}).items()]
    return " and ".join(told) or "is there"


def _ask(job: Job, names: list[str]) -> None:
    if job.question is None or job.sure:
        return
    short = counted([name.rpartition("/")[2] for name in names])
    click.confirm(f"{job.question} {vms(len(names))} in {job.site.place} ({short})?", abort=True, err=True)


async def followed(run: Going, client: AzureVMClient, how: How, terminal: Terminal, interrupts: Interrupts) -> Report:
    """Show a run until it is over, accepted (where that is enough) or stopped; return its report."""
    screen = _screen(terminal, run.report.verb)
    interrupts.stop, interrupts.leave = lambda: run.stop("Ctrl-C", wait=False), screen.close
    if how.wait:
        await screen.follow(run, client)
    else:
        await _accepted(run, client)
    return run.report


def _screen(terminal: Terminal, verb: str) -> Screen:
    return Picture(terminal) if terminal.live else Lines(terminal, lambda each: results.told(terminal, each, verb))


async def _accepted(run: Going, client: AzureVMClient) -> None:
    """Wait until Azure has answered for each VM, then leave it all to go on."""
    while not run.done and any(_due(state, accepted) for state, accepted in _states(run)):
        await pause(run, client, LOOK)
    run.stop("it is not waited for", wait=False)
    await run.ended()


def _states(run: Going) -> list[tuple[State, bool]]:
    return [(outcome.state, outcome.accepted is not None) for outcome in run.report]


def _due(state: State, accepted: bool) -> bool:
    return not accepted and state in {State.RUNNING, State.NOT_BEGUN}


def concluded(report: Report, how: How, terminal: Terminal, interrupts: Interrupts) -> int:
    """Tell what came of a run, and return the exit code.

    The one place where a report is whole, whatever the command: what is to be made of it is made here.
    """
    results.conclude(terminal, report, tokens=not how.wait)
    if how.timeline is not None:
        terminal.notice(_drawn(report, how.timeline))
    for reason in advice.reasons(report.failures):
        terminal.notice(reason)
    hint = leaving.hint(report, how) if how.wait else None
    if hint:
        terminal.notice(hint)
    return advice.INTERRUPTED if interrupts.heard else advice.code_for(report, waits=how.wait)


def _drawn(report: Report, path: Path) -> str:
    """Write a run's picture, and say so; what is done is done, also where it can't be written."""
    try:
        report.write_timeline(path)
    except OSError as error:
        return f"The picture of the run could not be written to {path}: {error.strerror}."
    return f"The picture of the run is in {path}."
