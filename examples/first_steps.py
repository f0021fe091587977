"""First steps: start three VMs, run a script on one, stop and deallocate them, each through a handle.

Run it with no arguments: the VMs live in the emulator, an ARM endpoint on this machine's loopback, and every line below is
a real HTTP operation against it. The script is really run, by this machine's shell.
"""

import asyncio
import sys
import time
from collections import Counter

from azvm_async import AzureVMClient, Operation, VirtualMachine
from azvm_async.emulator import Durations, Emulator

VMS = ("web-1", "web-2", "db-1")

SCRIPT = """\
#!/bin/sh
echo "$GREETING from $(uname -s), $(nproc) processors"
for n in 1 2 3; do echo "square of $n: $((n * n))"; done
"""


class Story:
    """Prints what happens, with the seconds since it began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, line: str) -> None:
        """Print one line."""
        print(f"{time.monotonic() - self._began:6.2f} s  {line}", flush=True)

    async def follow(self, operation: Operation[object]) -> None:
        """Print each change of an operation's state, up to its end."""
        async for update in operation.updates():
            self.tell(f"  {operation.about}: {update.status}")
        await operation

    async def list(self, client: AzureVMClient) -> None:
        """Print the VMs."""
        async for vm in client.list():
            self.tell(f"  {shown(vm)}")


def shown(vm: VirtualMachine) -> str:
    """Return a VM on one line."""
    return f"{vm.name:6} {vm.size or '?':14} {vm.location:11} {vm.power_state}"


async def main() -> None:
    """Tell the story."""
    story = Story()
    async with Emulator(durations=Durations.quick()) as arm:
        for name in VMS:
            arm.add_vm(name)
        story.tell(f"an ARM endpoint listens at {arm.endpoint}")
        async with AzureVMClient(arm.subscription, arm.resource_group, arm.credential(), arm.endpoint) as client:
            await story.list(client)

            story.tell("start all three at once")
            started = await asyncio.gather(*(client.start(name) for name in VMS))
            await asyncio.gather(*(story.follow(operation) for operation in started))

            story.tell("run a script on web-1")
            result = await client.run_command("web-1", SCRIPT, {"GREETING": "Hello"}).result(timeout=60)
            for line in result.stdout.splitlines():
                story.tell(f"  | {line}")
            story.tell(f"  exit code {result.exit_code}")

            story.tell("stop web-1, keep only the token, and take the operation up again from that")
            token = (await client.stop("web-1")).token
            await story.follow(client.resume(token))

            story.tell("deallocate all three")
            await asyncio.gather(*(client.deallocate(name).result(timeout=60) for name in VMS))
            await story.list(client)
        methods = Counter(request.method for request in arm.requests)
        story.tell("done: " + ", ".join(f"{count} {method}" for method, count in methods.items()) + " over HTTP")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
