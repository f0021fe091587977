"""One background event loop for all synchronous callers of a process: their way into asyncio.

The loop runs in a daemon thread, from the first user to the last: each takes a :class:`Lease`, and gives with it what is
to be closed when it lets go, or when the interpreter ends. All of it belongs to one process: a child of ``fork`` has no
such thread, so it forgets the loop, and whatever lives on it, without closing it: sockets and selector are its parent's too.
"""

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Closing = Callable[[], Coroutine[Any, Any, None]]


class PortalClosed(RuntimeError):
    """The loop has stopped; nothing was begun. The next lease brings another loop."""


class OwnThread(RuntimeError):
    """A call from the loop's own thread, which would wait for itself."""


class Portal:
    """A loop in a thread of its own. Callers take a :func:`lease`."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.leases: dict[Lease, Closing] = {}
        self._open = True
        self._gate = threading.Lock()  # whoever is let in before the end is served before the end
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="azvm-portal", daemon=True)
        try:
            self._thread.start()
        except BaseException:  # a process may have no more threads
            self._loop.close()
            raise

    @property
    def usable(self) -> bool:
        """Whether calls can be made, in this process."""
        return self._open and self.pid == os.getpid()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run an async function on the loop, and wait for what it returns or raises.

        Whoever is interrupted (Ctrl-C) returns at once; only the task that waits for him is cancelled.

        Raises
        ------
        PortalClosed
            When the loop has stopped.
        OwnThread
            When called on the loop's own thread.
        """
        if threading.current_thread() is self._thread:
            raise OwnThread("This is the event loop's own thread, where waiting would never end: use the async client")
        with self._gate:
            if not self.usable:
                raise PortalClosed("The background loop has stopped")
            future = asyncio.run_coroutine_threadsafe(function(), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def post(self, function: Closing) -> None:
        """Run an async function on the loop, some time; takes no lock, so that a finalizer may call it anywhere."""
        if self.usable:
            with contextlib.suppress(RuntimeError):  # it has stopped just now
                self._loop.call_soon_threadsafe(self._begin, function)

    def shut(self) -> None:
        """Let nobody in any more."""
        with self._gate:
            self._open = False

    def stop(self) -> None:
        """End the loop once it has no users; wait for its thread, unless this is it."""
        with contextlib.suppress(RuntimeError):  # it has stopped before
            self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    async def close_all(self) -> None:
        """Close what the users have on the loop, each in its turn."""
        for closing in list(self.leases.values()):
            with contextlib.suppress(Exception):  # the others are to be closed all the same
                await closing()

    def _begin(self, function: Closing) -> None:
        task = asyncio.ensure_future(function(), loop=self._loop)
        _posted.add(task)
        task.add_done_callback(_posted.discard)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(_drain())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


class Lease:
    """One user's hold on the portal; it ends with :meth:`release`, or with :meth:`drop` where nobody may wait.

    Attributes
    ----------
    portal : Portal
        To call by.
    """

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def release(self) -> None:
        """Close what the user has on the loop, and let go of it; the last one stops it. Again does nothing."""
        closing = self._taken_back()
        if closing is not None:
            try:
                with contextlib.suppress(PortalClosed):
                    self.portal.call(closing)
            finally:
                _leave(self)

    def drop(self) -> None:
        """Do the same some time, without waiting: for finalizers, which run on any thread at any moment."""
        self.portal.post(self._dropped)

    async def _dropped(self) -> None:
        closing = self._taken_back()
        if closing is not None:
            try:
                await closing()
            finally:
                _leave(self)

    def _taken_back(self) -> Closing | None:
        """Return what is to be closed, to the first who asks; the place of the user is kept until it is closed."""
        if not self.portal.usable:
            return None
        with _state.lock:
            closing = self.portal.leases.get(self)
            if closing is not None and closing is not _nothing:
                self.portal.leases[self] = _nothing
                return closing
        return None


class _State:
    """What is the process's own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.portal: Portal | None = None


_state = _State()
_posted: set[asyncio.Future[None]] = set()


def lease(closing: Closing) -> Lease:
    """Take a hold on the process's loop, which is begun for the first.

    Parameters
    ----------
    closing : async callable
        Closes, on the loop, what the user has there. Must not hold the user itself, or that is never collected.
    """
    with _state.lock:
        if _state.portal is None or not _state.portal.usable:
            _state.portal = Portal()
        held = Lease(_state.portal)
        _state.portal.leases[held] = closing
        return held


def _leave(held: Lease) -> None:
    """Take a user off the list; the last one stops the loop."""
    portal = held.portal
    with _state.lock:
        portal.leases.pop(held, None)
        last = not portal.leases and _state.portal is portal
        if last:
            _state.portal = None
    if last:
        portal.shut()
        portal.stop()


async def _nothing() -> None:
    """Close nothing: somebody else is at it."""


async def _drain() -> None:
    """Cancel all tasks, also those that begin only now, and wait for their end."""
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.wait(others)


def _at_exit() -> None:
    """Close everything while the interpreter is still whole."""
    with _state.lock:
        portal, _state.portal = _state.portal, None
    if portal is not None and portal.usable:
        try:
            with contextlib.suppress(PortalClosed):
                portal.call(portal.close_all)
        finally:
            portal.shut()
            portal.stop()


def _in_child() -> None:
    """Forget the parent's loop. It is never freed, which would warn, and close what is the parent's.

    What holds it, and all that lives on it, is the stack of the parent's thread, which CPython leaves as it is.
    """
    _state.__init__()  # type: ignore[misc]  # a new lock: the old one may be held by a thread that is not here


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
