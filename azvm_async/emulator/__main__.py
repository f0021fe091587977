"""``python -m azvm_async.emulator``: an ARM endpoint to play with, until Ctrl-C."""

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from azvm_async.emulator.emulator import Emulator
from azvm_async.emulator.greeting import greeting
from azvm_async.emulator.settings import Durations, Throttling

_PROGRAM = "python -m azvm_async.emulator"
_NAMES = [field.name for field in fields(Durations)]


def main(arguments: list[str] | None = None, program: str = _PROGRAM) -> int:
    """Run the emulator until it is told to end; return the exit code."""
    options = _parser(program).parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except KeyboardInterrupt:
        pass
    except (OSError, OverflowError, ValueError) as error:
        with contextlib.suppress(OSError):  # nobody may be left to read that either
            print(f"The emulator: {_why(error, options).rstrip('.')}.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser(program: str = _PROGRAM) -> argparse.ArgumentParser:
    example = f"Example: {program} --quick --vm web-1 --vm web-2"
    parser = argparse.ArgumentParser(program, description="An ARM endpoint on loopback.", epilog=example)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="another address of loopback, ::1 or localhost")
    add("--port", type=int, default=0, help="by default a free one")
    add(
        "--tls",
        action="store_true",
        help="speak https, as azure-identity's service principals and azure-mgmt-* want it",
    )
    add("--subscription", metavar="GUID", help="by default the state file's first one, or one of the emulator's own")
    add("--resource-group", metavar="NAME", help="likewise; it is made where it doesn't exist")
    add("--location", default="westeurope", metavar="REGION", help="of the resource group and the VMs")
    add("--vm", action="append", default=[], metavar="NAME", help="a running VM; may be repeated")
    add("--state", type=Path, metavar="FILE", help="begin with what is in this file, and save to it at the end")
    add("--quick", action="store_true", help="let operations take a second or two, not minutes")
    add(
        "--duration",
        type=_duration,
        action="append",
        default=[],
        metavar="NAME=SECONDS",
        help=f"how long an operation takes; may be repeated: {', '.join(_NAMES)}",
    )
    add(
        "--throttling",
        type=_throttling,
        default=Throttling(),
        metavar="SCALE|off",
        help="allow so many times the requests that Azure does, or any number",
    )
    add(
        "--run-scripts",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="execute the scripts of run commands on this machine, as you",
    )
    add("--seed", type=int, default=0, metavar="N", help="where the ids come from")
    return parser


def _duration(text: str) -> tuple[str, float]:
    name, _, seconds = text.partition("=")
    if name not in _NAMES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(_NAMES)}")
    with contextlib.suppress(ValueError):
        if 0 <= (value := float(seconds)) < float("inf"):
            return name, value
    raise argparse.ArgumentTypeError(f"{seconds!r} is no number of seconds")


def _throttling(text: str) -> Throttling | None:
    if text == "off":
        return None
    try:
        return Throttling(scale=float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number from 0.000001 to 1000000 nor 'off'") from error


async def _serve(options: argparse.Namespace) -> None:
    with _told_to_end() as told:
        async with _emulator(options) as arm:
            await _offer(arm, options)
            await told.wait()


async def _offer(arm: Emulator, options: argparse.Namespace) -> None:
    """Have what was asked for, and say how it is found."""
    arm.add_resource_group(arm.resource_group)  # a state file may be without it, and the lines to paste name it
    for name in options.vm:
        _have_vm(arm, name)
    _say(await greeting(arm, next(iter(options.vm), None)))


def _emulator(options: argparse.Namespace) -> Emulator:
    durations = Durations.quick() if options.quick else Durations()
    return Emulator(
        port=options.port,
        host=options.host,
        tls=options.tls,
        durations=replace(durations, **dict(options.duration)),
        run_scripts=options.run_scripts,
        seed=options.seed,
        subscription=options.subscription,
        resource_group=options.resource_group,
        location=options.location,
        throttling=options.throttling,
        state=options.state,
    )


def _have_vm(arm: Emulator, name: str) -> None:
    """Add a VM, unless it comes from the state file."""
    try:
        arm.vm(name)
    except KeyError:
        arm.add_vm(name, power="running")


def _say(text: str) -> None:
    """Print; where nobody reads it, keep Python from trying again at the end."""
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _why(error: Exception, options: argparse.Namespace) -> str:
    """Return what went wrong, and what to do about it."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {options.port} of {options.host} is taken: end who has it, or let --port name another"
    if isinstance(error, OverflowError):
        return f"{options.port} is no port: they go from 1 to 65535, and 0 is a free one"
    if isinstance(error, OSError) and error.strerror and not error.filename:
        return error.strerror
    return str(error)


@contextlib.contextmanager
def _told_to_end() -> Iterator[asyncio.Event]:
    """Yield what is set when a signal asks for the end; under nohup the end of the terminal does not.

    Those that come after it are ignored, to the interpreter's last breath: the loop's own handlers, and Python's, are taken
    back before that, and then a signal kills. Where none came, all are as before in the end.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    hung_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    signals = (signal.SIGINT, signal.SIGTERM, *hung_up)

    def end(*_: object) -> None:
        for which in signals:
            signal.signal(which, signal.SIG_IGN)
        loop.call_soon_threadsafe(told.set)

    before = {which: signal.signal(which, end) for which in signals}
    try:
        yield told
    finally:
        if not told.is_set():
            for which, handler in before.items():
                signal.signal(which, handler)


if __name__ == "__main__":
    sys.exit(main())
