"""One VM: start it, see how it goes, run a script on it, deallocate it.

Run it with no arguments for the emulator, or with a VM's name for Azure; see ``place.py``.
"""

import asyncio

from place import place

SCRIPT = """\
#!/bin/sh
echo "$GREETING from $(uname -s)"
"""


async def main() -> None:
    """Work on the VM."""
    async with place("vm1") as here, here.client() as client:
        name = here.arguments[0]
        operation = await client.start(name)  # Azure has accepted it
        async for update in operation.updates():
            print(f"start of {name}: {update.status}")
        result = await client.run_command(name, SCRIPT, {"GREETING": "Hello"}).result(timeout=600)
        print(f"exit code {result.exit_code}: {result.stdout.strip()}")
        await client.deallocate(name).result(timeout=600)
        vm = await client.get(name)
        print(f"{vm.name} is {vm.power_state}")


if __name__ == "__main__":
    asyncio.run(main())
