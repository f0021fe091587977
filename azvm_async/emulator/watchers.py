"""What makes sure that nothing of a script survives: a small shell beside it, which outlives even a killed emulator.

A watcher reads a pipe whose other end only the emulator holds. The pipe's end says that its script is over, or that the
emulator is gone, however it went. It kills the script's session, then all that carries the script's mark in its
environment, again and again until nothing does, and removes the directory, however deep a script has made it.

The mark is what a process takes along that leaves the session. It is looked for in /proc, thus on Linux; elsewhere the
session is all that is found.
"""

import asyncio
import os
import secrets
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Self

MARK = "AZVM_ASYNC_SCRIPT"
# What forks faster than this can kill is left after so many rounds: a watcher, too, has to end.
_WATCH = r"""
read -r leader
read -r end
kill -s KILL -- "-$leader"
rounds=0
while found=$(grep -lsF -e "$0" /proc/[0-9]*/environ); [ -n "$found" ] && [ $((rounds += 1)) -le 1000 ]; do
    for each in $found; do
        each=${each#/proc/}
        kill -s KILL "${each%/environ}"
    done
done
rm -rf -- "$1"
"""


class Watcher:
    """Watches over one script; when its context is left, nothing of the script is left.

    Parameters
    ----------
    directory : Path
        What the script writes to.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._value = secrets.token_hex(16)
        self._process: Process | None = None
        self._leader = b""

    @property
    def mark(self) -> dict[str, str]:
        """What the script must find in its environment."""
        return {MARK: self._value}

    async def __aenter__(self) -> Self:
        self._process = await self._spawn()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        over = asyncio.create_task(self._end())
        try:
            await asyncio.shield(over)
        except asyncio.CancelledError:  # a script that is deleted just as it ends has ended all the same
            await over
            raise

    def follow(self, leader: int) -> None:
        """Say which session is the script's, at once, for later there may be nobody to say it."""
        assert self._process is not None  # noqa: S101  # entered
        assert self._process.stdin is not None  # noqa: S101  # a pipe
        self._leader = f"{leader}\n".encode()
        self._process.stdin.write(self._leader)

    async def _end(self) -> None:
        assert self._process is not None  # noqa: S101  # entered
        await self._process.communicate(b"")  # ends the pipe
        if self._process.returncode:  # the script killed it: another one does its work
            await (await self._spawn()).communicate(self._leader)

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _WATCH, f"{MARK}={self._value}", str(self._directory)),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=DEVNULL,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
            start_new_session=True,
        )
