"""Ctrl-C, and SIGTERM as it: the first one stops the waiting, the second one leaves at once."""

import asyncio
import contextlib
import os
import signal
import sys
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from azvm_async.cli.advice import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = "Stopping: answers that are due are waited for. Ctrl-C again leaves at once."
_SECOND = "Left at once: what Azure has accepted goes on there."


class Interrupts:
    """Hears Ctrl-C, from within a running loop.

    Attributes
    ----------
    heard : bool
        Whether there was one.
    stop : Callable
        Called in the loop after the first; at first it cancels the task that is at work.
    leave : callable
        Called before the end after the second.
    """

    def __init__(self) -> None:
        task = asyncio.current_task()
        self.heard = False
        self.stop: Callable[[], object] = task.cancel if task else lambda: None
        self.leave: Callable[[], object] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {which: signal.signal(which, self._interrupted) for which in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for which, before in self._before.items():
            signal.signal(which, before)

    def _interrupted(self, _: int, __: FrameType | None) -> None:
        if self.heard:
            self._leave()
        self.heard = True
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        print(_FIRST, file=sys.stderr, flush=True)  # noqa: T201 - wherever the live picture sends it
        self.stop()

    def _leave(self) -> None:
        """End the process, whatever hangs; what is on the disk by now is whole."""
        with contextlib.suppress(Exception):
            self.leave()
        with contextlib.suppress(OSError):
            os.write(2, f"{_SECOND}\n".encode())
        os._exit(INTERRUPTED)
