"""Nightly stop: deallocate the running VMs that bear a tag, in all resource groups of the subscription.

Run it with no arguments for the emulator, or with a tag (``nightly=stop``) for Azure, from cron for instance; see ``place.py``.
It ends with 1 where a VM could not be deallocated.
"""

import asyncio
import sys

from place import place

from azvm_async import Fleet, Query

TAGGED = [f"dev-{number}" for number in range(1, 6)]


async def main() -> bool:
    """Deallocate them, and tell whether all are."""
    async with place("nightly=stop", vms=TAGGED, power="running", tags={"nightly": "stop"}) as here:
        tag, _, value = here.arguments[0].partition("=")
        found = Query("*", tags={tag: value or None}, state="running", resource_group="*")
        async with here.client() as client, Fleet(client, found) as fleet:
            report = await fleet.deallocate(only_needed=True, deadline=1800)
    print(report.table())
    return report.ok


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
