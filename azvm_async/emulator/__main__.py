"""``python -m azvm_async.emulator``: an ARM endpoint to play with, until Ctrl-C."""

import argparse
import asyncio
import signal
import sys

from azvm_async.emulator.emulator import RESOURCE_GROUP, SUBSCRIPTION, Emulator
from azvm_async.emulator.settings import Durations


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator until it is told to end; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except KeyboardInterrupt:
        pass
    except (OSError, OverflowError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        print(f"The emulator could not start: {str(why).rstrip('.')}.", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m azvm_async.emulator", description="An ARM endpoint on loopback.")
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1, by default a free one")
    parser.add_argument(
        "--run-scripts",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="execute the scripts of run commands on this machine, as you",
    )
    parser.add_argument("--subscription", default=SUBSCRIPTION, metavar="GUID")
    parser.add_argument("--resource-group", default=RESOURCE_GROUP, metavar="NAME")
    parser.add_argument("--vm", action="append", default=[], metavar="NAME", help="a running VM; may be repeated")
    parser.add_argument("--quick", action="store_true", help="let operations take a second or two, not minutes")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    told = _told_to_end()
    durations = Durations.quick() if options.quick else Durations()
    async with Emulator(
        port=options.port,
        durations=durations,
        run_scripts=options.run_scripts,
        subscription=options.subscription,
        resource_group=options.resource_group,
    ) as arm:
        for name in options.vm:
            arm.add_vm(name, power="running")
        print(await _greeting(arm), flush=True)  # noqa: T201
        await told.wait()


async def _greeting(arm: Emulator) -> str:
    token = (await arm.credential().get_token()).token
    variables = "\n".join(f"export {name}={value}" for name, value in arm.environment.items())
    machines = (
        f"{arm.endpoint}/subscriptions/{arm.subscription}/resourceGroups/{arm.resource_group}"
        "/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01"
    )
    return (
        f"Azure Resource Manager, emulated: {arm.endpoint}\n\n"
        f"For azure-identity's ManagedIdentityCredential and DefaultAzureCredential:\n{variables}\n\n"
        f"In Python:\nAzureVMClient({arm.subscription!r}, {arm.resource_group!r}, endpoint={arm.endpoint!r})\n\n"
        f"For a look:\ncurl -H 'Authorization: Bearer {token}' '{machines}'\n\n"
        "Ctrl-C ends it."
    )


def _told_to_end() -> asyncio.Event:
    """Return what is set when a signal asks for the end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(which, told.set)
    return told


if __name__ == "__main__":
    sys.exit(main())
