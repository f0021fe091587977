"""First steps: provision a VM, start two more, run a script, stop and deallocate them, and leave nothing behind.

Run it with no arguments: the VMs live in the emulator, an ARM endpoint on this machine's loopback, and every line below is
a real HTTP operation against it. The script is really run, by this machine's shell. ``ubuntu-vm.jsonc``, beside this file,
is the template that is deployed.
"""

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

from azvm_async import AzureVMClient, Operation, VirtualMachine
from azvm_async.emulator import Durations, Emulator

THERE_ALREADY = ("web-2", "db-1")

TEMPLATE = Path(__file__).with_name("ubuntu-vm.jsonc")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Yq0p0example0key0of0no0use0whatsoever00000 example"
CLOUD_INIT = """\
#cloud-config
packages: [nginx]
"""

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

    async def follow_all(self, operation: Operation[object]) -> None:
        """Print each change of each resource of a deployment, or of its removal."""
        shown: set[object] = set()
        async for update in operation.updates():
            for resource in update.resources:
                line = f"  {resource.state:9} {resource.type.partition('/')[2]} {resource.name}"
                if line not in shown and resource.state != "Waiting":
                    shown.add(line)
                    self.tell(line)

    async def list(self, client: AzureVMClient) -> None:
        """Print the VMs."""
        async for vm in client.list():
            self.tell(f"  {shown(vm)}")


def shown(vm: VirtualMachine) -> str:
    """Return a VM on one line."""
    return f"{vm.name:6} {vm.size or '?':14} {vm.location:11} {vm.power_state}"


async def provision(story: Story, client: AzureVMClient) -> None:
    """Deploy a VM with its network from a template, and see each resource come."""
    story.tell(f"provision web-1 from {TEMPLATE.name}")
    parameters = {"adminPublicKey": PUBLIC_KEY}
    operation = await client.provision("web-1", TEMPLATE, parameters, custom_data=CLOUD_INIT)
    await story.follow_all(operation)
    deployed = await operation
    story.tell(f"  it is reached at {deployed.outputs['host']}")


async def operate(story: Story, client: AzureVMClient) -> None:
    """Start, run a script, stop, deallocate."""
    story.tell("start the two that were there already, at once")
    started = await asyncio.gather(*(client.start(name) for name in THERE_ALREADY))
    await asyncio.gather(*(story.follow(operation) for operation in started))

    story.tell("run a script on web-1")
    result = await client.run_command("web-1", SCRIPT, {"GREETING": "Hello"}).result(timeout=60)
    for line in result.stdout.splitlines():
        story.tell(f"  | {line}")
    story.tell(f"  exit code {result.exit_code}")

    story.tell("stop web-1, keep only the token, and take the operation up again from that")
    token = (await client.stop("web-1")).token
    await story.follow(client.resume(token))

    story.tell("deallocate the other two")
    await asyncio.gather(*(client.deallocate(name).result(timeout=60) for name in THERE_ALREADY))


async def deprovision(story: Story, client: AzureVMClient) -> None:
    """Delete all that the deployment created, and nothing else."""
    story.tell("deprovision web-1")
    operation = await client.deprovision("web-1")
    await story.follow_all(operation)
    report = await operation
    story.tell(f"  deleted {len(report.deleted)}, left {len(report.left)}")


async def main() -> None:
    """Tell the story."""
    story = Story()
    async with Emulator(durations=Durations.quick()) as arm:
        for name in THERE_ALREADY:
            arm.add_vm(name)
        story.tell(f"an ARM endpoint listens at {arm.endpoint}")
        async with AzureVMClient(arm.subscription, arm.resource_group, arm.credential(), arm.endpoint) as client:
            await provision(story, client)
            await operate(story, client)
            await deprovision(story, client)
            await story.list(client)
        methods = Counter(request.method for request in arm.requests)
        story.tell("done: " + ", ".join(f"{count} {method}" for method, count in methods.items()) + " over HTTP")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
