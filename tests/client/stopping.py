"""Stops a program at its n-th suspension, whichever of its tasks that is in, and tells what it left behind.

A :class:`World` is an emulator that outlives the program and its loop, at some distance: a request that has left arrives,
whatever becomes of who sent it, and its answer takes a while. Every suspension of every task is counted, those of the
client's own tasks too; at the n-th something stops the program: see :class:`Way`. Then the world is asked what was done, and
the program what it knows of it.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from azvm_async import AzureVMClient, AzureVMError, Budget, Operation, OutcomeUnknown, VirtualClock
from azvm_async.emulator import AccessToken, Durations, Emulator
from azvm_async.wire import Request, Response

HOUR = 3600.0
ON_ITS_WAY = 0.05
"""Seconds that a request, or an answer, takes."""

SETTLED = 2.0
"""Seconds after which a submission that nobody waits for any more has come to its end."""

NOTE = "/azvm-made-"
"""What is in the name of what is written down before a deployment is sent again, which is none of the caller's doings."""

TURNS = 3
"""Of the loop, after which what was cancelled is gone."""

Act = Callable[["World"], Awaitable[object]]


class Way(Enum):
    """How a program is stopped."""

    CANCEL = "cancel"
    """The user's task is cancelled."""

    TIMEOUT = "asyncio.timeout"
    """Its time is over."""

    WAIT_FOR = "wait_for"
    """The same, in a task of its own."""

    SIBLING = "TaskGroup"
    """Another task of its group fails."""

    CTRL_C = "Ctrl-C"
    """SIGINT, as asyncio.run takes it: the main task is cancelled, and leaves the client."""

    LOOP = "end of the loop"
    """The loop is stopped where it is, and asyncio.Runner cancels all tasks that there are."""

    @property
    def leaves(self) -> bool:
        """Whether the program is over, so that only another one can go on; else its client is there still."""
        return self in {Way.CTRL_C, Way.LOOP}


class SiblingError(Exception):
    """What another task of the group fails with."""


class Loop(asyncio.SelectorEventLoop):
    """A loop whose time can be moved, so that real time-outs end when they are told to."""

    skew = 0.0

    def time(self) -> float:
        """See :meth:`asyncio.AbstractEventLoop.time`."""
        return super().time() + self.skew


class Suspensions:
    """Counts the suspensions of all tasks that a loop makes from now on, and does something at one of them.

    Parameters
    ----------
    at : int
        Which one.
    stop : callable
        What is done there.
    """

    def __init__(self, at: int, stop: Callable[[], object]) -> None:
        self.number = 0
        self.counting = False
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._at = at
        self._stop = stop

    @property
    def reached(self) -> bool:
        """Whether there were so many."""
        return self.number >= self._at

    def check_over(self) -> None:
        """See to it that no task is left when the loop has ended."""
        left = [task for task in self.tasks if not task.done()]
        assert not left, f"still there when the loop has ended: {left}"

    def made(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        """Make a task: a task factory."""
        task = asyncio.Task(_Counted(coroutine, self), loop=loop, **options)
        self.tasks.add(task)
        return task

    def count(self) -> None:
        """Take in that a task was suspended."""
        self.number += self.counting
        if self.counting and self.number == self._at:
            self.counting = False
            self._stop()


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose suspensions are counted."""

    def __init__(self, inner: Any, suspensions: Suspensions) -> None:
        self._inner = inner
        self._suspensions = suspensions

    def send(self, value: Any) -> Any:
        yielded = self._inner.send(value)
        self._suspensions.count()
        return yielded

    def throw(self, *error: Any) -> Any:
        yielded = self._inner.throw(*error)
        self._suspensions.count()
        return yielded

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self

    def __repr__(self) -> str:
        return repr(self._inner)


class Distant:
    """A transport whose requests arrive, once they have left, whatever becomes of who sent them."""

    def __init__(self, arm: Emulator, clock: VirtualClock) -> None:
        self._way = arm.transport()
        self._clock = clock

    async def send(self, request: Request) -> Response:
        """Send once."""
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._clock.call_later(ON_ITS_WAY, lambda: self._arrived(request, answer))
        return await answer

    async def close(self) -> None:
        """Take a while, as the closing of connections does."""
        await asyncio.sleep(0)

    def _arrived(self, request: Request, answer: "asyncio.Future[Response]") -> None:
        come: Callable[[], object]
        try:
            self._way.send(request).send(None)
        except StopIteration as answered:
            response = answered.value
            come = lambda: answer.done() or answer.set_result(response)  # noqa: E731
        except OSError as error:
            broken = error
            come = lambda: answer.done() or answer.set_exception(broken)  # noqa: E731
        self._clock.call_later(ON_ITS_WAY, come)


class Shifted:
    """Somebody's clock, which may be off from another.

    Attributes
    ----------
    ahead, later : float
        Seconds by which its monotonic time, and its date, are ahead.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.ahead = 0.0
        self.later = 0.0
        self._clock = clock
        self.sleep, self.timeout, self.working = clock.sleep, clock.timeout, clock.working

    def monotonic(self) -> float:
        """See :meth:`Clock.monotonic`."""
        return self._clock.monotonic() + self.ahead

    def utcnow(self) -> datetime:
        """See :meth:`Clock.utcnow`."""
        return self._clock.utcnow() + timedelta(seconds=self.later)


class SlowCredential:
    """A credential that takes some turns of the loop.

    Attributes
    ----------
    asked : int
        How often it was.
    """

    def __init__(self, arm: Emulator) -> None:
        self.asked = 0
        self._credential = arm.credential()

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a new token."""
        self.asked += 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await self._credential.get_token(*scopes, **options)


class World:
    """An emulator, the clients of it, and what is known of a program that is stopped.

    Parameters
    ----------
    **options
        Of the emulator.

    Attributes
    ----------
    azures, own : Shifted
        The time as Azure and as the clients have it.
    held : list of Operation
        Handles that the program has got.
    tokens : dict of str to str
        Those of its handles, in hand and outstanding, by their verbs, when it had been stopped.
    ends : list of str
        How these ended, where its client is there still.
    errors : list of BaseException
        What the program raised, but for what stopped it.
    told : list of str
        What the package said in its log, as a warning or worse.
    noise : list of str
        What nobody wants to see: asyncio's complaints, warnings, errors that nobody could be told of.
    over : bool
        Whether the operation had ended when the program was stopped, so that it need not be known any more.
    """

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.azures, self.own = Shifted(self.clock), Shifted(self.clock)
        durations = Durations(start=8, restart=8, run_command=8, resource=3)
        self.arm = Emulator(self.azures, port=None, durations=durations, run_scripts=False, retry_after=5, **options)
        self.arm.add_vm("off")
        self.arm.add_vm("on", power="running")
        self.credential = SlowCredential(self.arm)
        self.client = self.opened()
        self.held: list[Operation[Any]] = []
        self.tokens: dict[str, str] = {}
        self.ends: list[str] = []
        self.errors: list[BaseException] = []
        self.told: list[str] = []
        self.noise: list[str] = []
        self.over = False
        self.token = ""
        self._mark = 0

    def begin(self) -> None:
        """Say that the program begins: effects of what was before are not its own."""
        self._mark = len(self.arm.effects)

    def found(self) -> list[Operation[Any]]:
        """Note what the program knows of now, and return it."""
        every = {id(each): each for each in [*self.held, *self.client.outstanding]}.values()
        handles = [each for each in every if NOTE not in (each.async_results_url or "")]
        self.tokens = {each.about.verb: each.token for each in handles}
        self.over = not handles and self.arm.vm("off").power_state == "running"
        return handles

    def opened(self) -> AzureVMClient:
        """Return a client."""
        return AzureVMClient(
            self.arm.subscription,
            self.arm.resource_group,
            self.credential,
            self.arm.endpoint,
            clock=self.own,
            transport=Distant(self.arm, self.clock),
            budget=Budget(),
        )

    def hold(self, operation: Operation[Any]) -> Operation[Any]:
        """Keep a handle in hand."""
        self.held.append(operation)
        return operation

    def effects(self, verb: str) -> list[str]:
        """Return to what something was done, since the program began."""
        effects = [each.resource for each in self.arm.effects[self._mark :] if each.verb == verb]
        return [each for each in effects if NOTE not in each]

    @property
    def unknown(self) -> bool:
        """Whether the program was told that nobody knows what became of something."""
        raised = any(isinstance(error, OutcomeUnknown) for error in self.errors)
        return raised or any("is not known" in line for line in self.told)

    def run(self, what: Coroutine[Any, Any, Any], suspensions: Suspensions | None = None) -> Any:
        """Run something to its end, in a loop of its own that ends with it."""
        self.clock._look_is_due = False  # it may have been asked for in a loop that is no more
        loop, suspensions = Loop(), suspensions or Suspensions(0, lambda: None)
        loop.set_task_factory(suspensions.made)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            result = runner.run(what)
        suspensions.check_over()
        return result

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note what is said, and what is complained of."""
        ours, asyncios = _Ear(self.told), _Ear(self.noise)
        hook, sys.unraisablehook = sys.unraisablehook, lambda args: self.noise.append(f"unraisable: {args.exc_value!r}")
        logging.getLogger("azvm_async").addHandler(ours)
        logging.getLogger("asyncio").addHandler(asyncios)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                yield
                gc.collect()
            self.noise += [f"{each.category.__name__}: {each.message}" for each in caught]
        finally:
            logging.getLogger("azvm_async").removeHandler(ours)
            logging.getLogger("asyncio").removeHandler(asyncios)
            sys.unraisablehook = hook


class _Ear(logging.Handler):
    """Keeps what is logged as a warning or worse."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(f"{record.getMessage()} {record.exc_info[1]!r}" if record.exc_info else record.getMessage())


class _Program:
    """What runs in a loop of its own, and what stops it."""

    def __init__(self, world: World, act: Act, way: Way, at: int) -> None:
        self.loop = Loop()
        self.suspensions = Suspensions(at, self._stop)
        self.loop.set_task_factory(self.suspensions.made)
        self._world = world
        self._act = act
        self._way = way
        self._cancel: Callable[[], object] = lambda: None

    def run(self) -> None:
        """Run until it is over, and the loop with it."""
        ended = (KeyboardInterrupt, RuntimeError) if self._way.leaves else ()
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner, contextlib.suppress(*ended):
            runner.run(self._left() if self._way.leaves else self._kept())
        self.suspensions.check_over()

    def _stop(self) -> None:
        if self._way is Way.CTRL_C:
            signal.raise_signal(signal.SIGINT)
        elif self._way is Way.LOOP:
            self.loop.stop()
        elif self._way in {Way.TIMEOUT, Way.WAIT_FOR}:
            self.loop.skew = 2 * HOUR
        else:
            self._cancel()

    async def _left(self) -> None:
        """Open a client, and leave it."""
        try:
            async with self._world.client:
                self.suspensions.counting = True
                await self._acted()
        finally:
            self.suspensions.counting = False
            self._world.found()
            await _alone()

    async def _kept(self) -> None:
        """Go on when something was stopped, and wait in the same client for all that was begun."""
        world = self._world
        user = asyncio.create_task(self._bounded())
        self._cancel = self._cancel if self._way is Way.SIBLING else user.cancel
        self.suspensions.counting = True
        await asyncio.wait([user])
        self.suspensions.counting = False
        with contextlib.suppress(asyncio.CancelledError, TimeoutError, ExceptionGroup):
            await user
        await world.clock.sleep(SETTLED)
        world.ends = [await end_of(each) for each in world.found() if not world.client._closed]
        await world.client.close()
        await _alone()

    async def _bounded(self) -> None:
        if self._way is Way.TIMEOUT:
            async with asyncio.timeout(HOUR):
                await self._acted()
        elif self._way is Way.WAIT_FOR:
            await asyncio.wait_for(self._acted(), HOUR)
        elif self._way is Way.SIBLING:
            async with asyncio.TaskGroup() as tasks:
                failing = asyncio.Event()
                self._cancel = failing.set
                sibling = tasks.create_task(_failing(failing))
                await tasks.create_task(self._acted())
                sibling.cancel()
        else:
            await self._acted()

    async def _acted(self) -> None:
        try:
            await self._act(self._world)
        except AzureVMError as error:
            self._world.errors.append(error)


def stopped(world: World, act: Act, way: Way, at: int) -> bool:
    """Run a program until its ``at``-th suspension, and stop it there; tell whether it came so far."""
    program = _Program(world, act, way, at)
    program.run()
    return program.suspensions.reached


async def _failing(event: asyncio.Event) -> None:
    await event.wait()
    raise SiblingError


async def _alone() -> None:
    """See to it that no other task is there; asyncio closes an iterator that was left in one of its own, at once."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others, f"not alone: {others}"


@contextmanager
def quick_collection() -> Iterator[None]:
    """Have only what is made from now on looked at when garbage is collected, which happens after each run."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def end_of(operation: Operation[Any]) -> str:
    """Wait for an operation, an hour at most; return how it ended."""
    try:
        await operation.result(timeout=HOUR)
    except AzureVMError as error:
        return type(error).__name__
    return "Succeeded"
