"""One run over a fleet: begun when it is made, awaited for its report, iterated over for the outcomes as they come."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterable, AsyncIterator, Generator, Sequence

from azvm_async.client import AzureVMClient
from azvm_async.fleet.books import Books
from azvm_async.fleet.bulk import Bulk
from azvm_async.fleet.choice import shared_out
from azvm_async.fleet.direct import Direct
from azvm_async.fleet.engine import Context, Halt
from azvm_async.fleet.jobs import Job
from azvm_async.fleet.journal import Journal
from azvm_async.fleet.options import Options
from azvm_async.fleet.outcome import Outcome
from azvm_async.fleet.query import Vm, by_subscription
from azvm_async.fleet.report import Report

GRACE = 10.0
"""Seconds for which answers are waited for when a run's time is over, so that what was accepted has a token."""


class Run(AsyncIterable[Outcome]):
    """Something done to all VMs of a fleet; the fleet's verbs make it.

    ``await run`` gives the :class:`Report` when it is over, to many and again. ``async for outcome in run`` gives each VM's
    outcome as it comes, to each reader from the first one on. A wait that is cancelled leaves the run going.
    """

    def __init__(self, client: AzureVMClient, job: Job, vms: Sequence[Vm], options: Options, journal: Journal) -> None:
        self._client = client
        self._job = job
        self._options = options
        self._books = Books(job.verb, journal, client.clock)
        self._halt = Halt(options.stop_after_failures)
        places = asyncio.Semaphore(options.max_concurrency or sys.maxsize)
        self._context = Context(client, job, self._books, self._halt, places)
        self._heard = False
        self._task = asyncio.create_task(self._drive(self._books.open(vms)))
        self._task.add_done_callback(self._ends)

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._task.done()

    @property
    def heard(self) -> bool:
        """Whether somebody got its report."""
        return self._heard

    @property
    def report(self) -> Report:
        """How it stands at this moment, with the tokens of all that goes on."""
        if self._client.budget is not None:
            self._books.record.share = self._client.budget.share
        return self._books.report()

    def stop(self, reason: str = "the run was stopped", *, wait: bool = True) -> None:
        """Let nothing more begin. What has begun is waited for, or with ``wait=False`` left to go on in Azure."""
        if not self.done:
            self._halt.call(reason, waits=wait)

    async def ended(self) -> None:
        """Wait until it is over, however."""
        await asyncio.wait([self._task])

    async def over(self) -> Report:
        """Wait until it is over.

        Returns
        -------
        Report
            How it went with each VM. That some failed is no error: :meth:`Report.raise_for_failures`. So it is with those
            whose state was needed and could not be read: that is no reason to leave the others alone.
        """
        await asyncio.shield(self._task)
        self._heard = True
        return self.report

    def __await__(self) -> Generator[None, None, Report]:
        return self.over().__await__()

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self._books.ends()

    def __repr__(self) -> str:
        return f"<Run: {self.report}>"

    async def _drive(self, vms: Sequence[Vm]) -> None:
        if self._options.deadline == 0:
            self._late()
        work = asyncio.create_task(self._work(vms))
        try:
            await self._bounded(work)
        finally:
            work.cancel()
            await asyncio.wait([work])
        with contextlib.suppress(asyncio.CancelledError):  # that was us, and the books say what it left
            work.result()

    def _ends(self, _: asyncio.Task[None]) -> None:
        """Close the books, also where the task was cancelled before its first step."""
        self._books.close(self._halt.reason)

    async def _bounded(self, work: asyncio.Task[None]) -> None:
        """Wait until the work is done, or its time is over; then for a short while for the answers under way."""
        hurried = asyncio.create_task(self._halt.hurried.wait())
        try:
            async with self._client.clock.timeout(self._options.deadline):
                await asyncio.wait([work, hurried], return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self._late()
        finally:
            hurried.cancel()
        if not work.done():
            with contextlib.suppress(TimeoutError):
                async with self._client.clock.timeout(GRACE):
                    await asyncio.wait([work])

    def _late(self) -> None:
        self._halt.call(f"the deadline of {self._options.deadline:g} s passed", waits=False)

    async def _work(self, vms: Sequence[Vm]) -> None:
        """Work on the subscriptions side by side: what holds up one holds up no other."""
        groups = by_subscription(vms).values()
        async with asyncio.TaskGroup() as tasks:
            for group in groups:
                tasks.create_task(self._work_on(group, self._turns(len(groups))))

    def _turns(self, subscriptions: int) -> int:
        """Return how many places a subscription may hold before Azure has accepted: so many that all others have theirs."""
        return max(1, (self._options.max_concurrency or sys.maxsize) // subscriptions)

    async def _work_on(self, vms: Sequence[Vm], most: int) -> None:
        looking = asyncio.create_task(shared_out(self._context, self._options, vms))
        self._halt.feed(looking)
        try:
            one_by_one, together = await looking
        except asyncio.CancelledError:  # the run is halted, or its loop ends
            return
        turns = asyncio.Semaphore(most)
        async with asyncio.TaskGroup() as tasks:
            direct = Direct(self._context, turns)
            leave = None if self._options.engine == "bulk" else lambda left: tasks.create_task(direct.run(left))
            tasks.create_task(direct.run(one_by_one))
            tasks.create_task(Bulk(self._context, turns, most, leave).run(together))
