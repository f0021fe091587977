"""Scripts, really executed: by a shell, in a private directory, in a session of their own.

A script gets a clean environment, no input, and files for its output: what it leaves running when it ends, or when its
time is over, is killed with it, and no pipe keeps anybody waiting. The directory goes when the script does, and both go
when the emulator is killed: see :mod:`~azvm_async.emulator.watchers`.

It is limited as far as the system enforces limits. Linux does, but for the number of processes of root; macOS takes no
notice of the one of memory, and the number of processes is not limited there.
"""

import asyncio
import contextlib
import getpass
import os
import signal
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from azvm_async.clock import Clock
from azvm_async.emulator.core import Core
from azvm_async.emulator.instructions import Instruction, KillScript, RunScript, ScriptResult
from azvm_async.emulator.model import Moment
from azvm_async.emulator.watchers import Watcher

_SHELL = "/bin/sh"
_TAIL = 4096
_AT_ONCE = 64
# Seconds of processor time, blocks of 512 bytes in a file, kilobytes of memory that each process may write to: unlike
# its address space, which an interpreter reserves generously, that is what it takes from others.
_LIMITS = "ulimit -t 3600; ulimit -f 4194304; ulimit -d 4194304; ulimit -c 0"
_MORE_PROCESSES = 512


class ScriptRunner:
    """Carries out what the core asks for, and reports to it.

    Parameters
    ----------
    core : Core
        Is told when scripts start and end.
    clock : Clock
        Gives the times of the reports; stands still while a script runs, if it is virtual.
    """

    def __init__(self, core: Core, clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def carry_out(self, instructions: Iterable[Instruction]) -> None:
        """Start and kill scripts as told."""
        for instruction in instructions:
            if isinstance(instruction, KillScript):
                self._kill(instruction.key)
            else:
                self._start(instruction)

    async def close(self) -> None:
        """Kill the scripts that still run, and wait until they are gone."""
        tasks = list(self._tasks.values())
        for key in list(self._tasks):
            self._kill(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, script: RunScript) -> None:
        task = asyncio.create_task(self._run(script), name=f"script {script.key}")
        self._tasks[script.key] = task
        task.add_done_callback(lambda _: self._tasks.pop(script.key, None))

    def _kill(self, key: int) -> None:
        task = self._tasks.get(key)
        if task is not None and not task.cancelling():
            task.cancel()

    async def _run(self, script: RunScript) -> None:
        with self._clock.working():
            async with self._slots:
                self._core.script_started(script.key, Moment.of(self._clock))
                result = await execute(script)
            self._core.script_ended(script.key, result, Moment.of(self._clock))


class _Place(NamedTuple):
    """Where a script finds itself, and where its output goes."""

    root: Path
    script: Path
    home: Path
    output: BinaryIO
    error: BinaryIO


async def execute(script: RunScript) -> ScriptResult:
    """Run a script to its end, and return how it ended."""
    if why_not := _refusal(script):
        return ScriptResult.refused(why_not)
    try:
        with _private_place(script.text) as place:
            async with Watcher(place.root) as watcher:
                process = await _spawn_entirely(script, place, watcher)
                in_time = await _wait(process, script.seconds)
            return _result(script, place, process.returncode or 0, in_time=in_time)
    except (OSError, ValueError) as error:
        return ScriptResult.refused(f"The script could not be started: {_reason(error)}.")


def _refusal(script: RunScript) -> str:
    if os.name != "posix":
        return "The emulator runs scripts on POSIX systems only."
    if script.user is not None and script.user != getpass.getuser():
        return f"The emulator doesn't run scripts as another user: runAsUser '{script.user}' is not supported."
    return ""


@contextmanager
def _private_place(text: str) -> Iterator[_Place]:
    """Make a directory that only this user may enter, and remove it afterwards.

    The files for the output have no name, so that a script can't put a pipe in their place, on which reading would hang.
    """
    with (
        tempfile.TemporaryDirectory(prefix="run-command-", ignore_cleanup_errors=True) as directory,
        tempfile.TemporaryFile(dir=directory) as output,
        tempfile.TemporaryFile(dir=directory) as error,
    ):
        root = Path(directory)
        place = _Place(root, root / "script", root / "home", output, error)
        place.script.write_bytes(text.encode(errors="replace"))
        place.script.chmod(0o700)
        place.home.mkdir(mode=0o700)
        yield place


async def _spawn_entirely(script: RunScript, place: _Place, watcher: Watcher) -> asyncio.subprocess.Process:
    """Start the script; when cancelled meanwhile, do so only once its session is known and dead.

    On its own asyncio would kill the leader alone, and what that had started would go on.
    """
    starting = asyncio.create_task(_spawn(script, place, watcher))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)
        raise


async def _spawn(script: RunScript, place: _Place, watcher: Watcher) -> asyncio.subprocess.Process:
    """Start the script as leader of a new session, so that all its processes can be killed together."""
    leader = await asyncio.create_subprocess_exec(
        _SHELL,
        "-c",
        _limited(),
        *_interpreter(script.text),
        str(place.script),
        *script.words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=place.output,
        stderr=place.error,
        cwd=place.home,
        env=_environment(script.environment, place.home) | watcher.mark,
        start_new_session=True,
    )
    watcher.follow(leader.pid)
    return leader


def _limited() -> str:
    """Return what a shell does before it becomes the script.

    The system counts the processes of a user, not those of a script, so the limit is so many more than there are now.
    Shells name it differently.
    """
    most = _tasks() + _MORE_PROCESSES
    processes = f"ulimit -u {most} || ulimit -p {most}" if most > _MORE_PROCESSES else ":"
    return f'{{ {_LIMITS}; {processes}; }} 2>/dev/null; exec "$0" "$@"'


def _tasks() -> int:
    """Return how many processes and threads this user has; 0 where the system doesn't tell.

    The directory of a process's threads has a link for each, beside its own two.
    """
    tasks = 0
    with contextlib.suppress(FileNotFoundError):
        for process in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208  # for every script: several times as fast
            tasks += _tasks_of(process)
    return tasks


def _tasks_of(process: str) -> int:
    with contextlib.suppress(OSError):
        threads = os.stat(f"/proc/{process}/task")  # noqa: PTH116  # as above
        return threads.st_nlink - 2 if threads.st_uid == os.geteuid() else 0
    return 0


async def _wait(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Wait for the end of a script, or make it; return whether it came in time. No process of its session survives."""
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        return False
    else:
        return True
    finally:
        await _end(process)


async def _end(leader: asyncio.subprocess.Process) -> None:
    """Kill the session of a script, and wait until its leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
    await leader.wait()


def _result(script: RunScript, place: _Place, code: int, *, in_time: bool) -> ScriptResult:
    exit_code = code if code >= 0 else 128 - code
    output, error = _tail(place.output), _tail(place.error)
    if not in_time:
        message = f"The script was killed after timeoutInSeconds, {script.seconds:g} seconds."
        return ScriptResult("TimedOut", exit_code, output, error, message)
    if exit_code:
        return ScriptResult("Failed", exit_code, output, error, f"Execution failed with exit code {exit_code}.")
    return ScriptResult("Succeeded", 0, output, error, "Execution completed.")


def _tail(stream: BinaryIO) -> str:
    """Return the end of a stream, as much as the service keeps."""
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
    return stream.read(_TAIL).decode(errors="replace")


def _interpreter(text: str) -> list[str]:
    """Return the command that the first line names: an interpreter and at most one argument, as the kernel reads it."""
    first, _, _ = text.partition("\n")
    return first[2:].strip().split(maxsplit=1) if first.startswith("#!") and first[2:].strip() else [_SHELL]


def _environment(parameters: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return what a script finds in its environment, beside a mark: nothing of the emulator's but where programs are."""
    base = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8"}
    return base | dict(parameters)


def _reason(error: OSError | ValueError) -> str:
    """Return why, without what: an error's text may quote a parameter."""
    return (error.strerror or "unknown") if isinstance(error, OSError) else "a parameter has a forbidden character"
