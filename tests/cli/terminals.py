"""A pseudo-terminal in which ``azvm`` runs, and what stands on its screen."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

from cli.support import command

PATIENCE = 30.0
"""Real seconds: what is waited for comes in one or two."""

LAUNCHER = """\
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the process's own, so that Ctrl-C comes as a signal, which a shell's background jobs ignore."""


class Terminal:
    """A process in a terminal of so many lines and columns.

    Attributes
    ----------
    raw : bytes
        All that was written so far.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int, lines: int, columns: int) -> None:
        self.raw = b""
        self._process = process
        self._master = master
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor was left visible."""
        return not self._screen.cursor.hidden

    def until(self, shown: Callable[[str], bool]) -> str:
        """Wait until the screen is so, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not shown(self.text):
            if time.monotonic() > deadline or not self._read(deadline):
                raise AssertionError(f"That was never shown; the last was:\n{self.text}")
        return self.text

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def terminate(self) -> None:
        """Ask it to end, as a service's manager does."""
        self._process.terminate()

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self._process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        try:
            written = os.read(self._master, 65_536) if ready else b""
        except OSError:  # the other side has no more users
            return False
        self.raw += written
        self._stream.feed(written)
        return bool(written)


@contextmanager
def terminal(
    environ: dict[str, str], folder: Path, *arguments: str, lines: int = 24, columns: int = 80
) -> Iterator[Terminal]:
    """Run ``azvm`` in a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, *command(*arguments)],
        env={**environ, "TERM": environ.get("TERM", "xterm-256color")},
        cwd=folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master, lines, columns)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        os.close(master)
