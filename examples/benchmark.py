"""A benchmark on 50 VMs: start them, run a script on all, collect what they print, and give the hardware back.

Run it with no arguments for the emulator, or with VMs' names for Azure; see ``place.py``. Each VM's results are a line of JSON
on its stdout; together they are a line of CSV each here. Whatever goes wrong, the VMs that were started are deallocated.
"""

import asyncio
import csv
import json
import statistics
import sys
from collections.abc import Iterator
from typing import Any

from place import place

from azvm_async import Fleet, Report

NAMES = [f"bench-{number:02}" for number in range(50)]

SCRIPT = """\
#!/bin/sh
set -eu
count=0
while [ "$count" -lt "$rounds" ]; do count=$((count + 1)); done
printf '{"vm": "%s", "rounds": %d, "processors": %d}\\n' "$name" "$count" "$(nproc)"
"""


def parameters(name: str) -> dict[str, object]:
    """Return what a VM's script is told: every other one works twice as long."""
    return {"name": name, "rounds": 1000 * (1 + int(name[-1], 36) % 2)}


def results(report: Report) -> Iterator[dict[str, Any]]:
    """Yield what the scripts printed; one that failed is told."""
    for outcome in report:
        if outcome.result is not None and outcome.result.exit_code == 0:
            yield json.loads(outcome.result.stdout)
        else:
            print(f"{outcome.name}: {outcome.error or outcome.result}", file=sys.stderr)


async def main() -> bool:
    """Run it on all, and tell whether all gave results."""
    async with place(*NAMES) as here, here.client() as client, Fleet(client, here.arguments) as fleet:
        try:
            (await fleet.start(deadline=900)).raise_for_failures()
            report = await fleet.run_command(SCRIPT, parameters, timeout=600)
        finally:
            print(await fleet.deallocate(), file=sys.stderr)
    rows = list(results(report))
    table = csv.DictWriter(sys.stdout, ["vm", "rounds", "processors"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    if rows:
        print(f"mean of {len(rows)}: {statistics.mean(row['rounds'] for row in rows)} rounds", file=sys.stderr)
    return len(rows) == len(here.arguments)


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
