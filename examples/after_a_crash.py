"""Resume after a crash: a process that starts VMs is killed in the middle, and the next one goes on where it was.

Run it with no arguments for the emulator, or with VMs' names for Azure; see ``place.py``. What makes it work is one argument,
``journal=``. The journal holds signed URLs: only its owner may read it, and it is removed at the end.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from place import place

from azvm_async import Fleet

NAMES = [f"web-{number:02}" for number in range(20)]
FIRST_LIFE = "JOURNAL_OF_THE_FIRST_LIFE"


async def start_all(journal: str, *, dies: bool) -> None:
    """Start the VMs; the first life ends, as by kill -9, when one VM is running and others are on their way."""
    async with place(*NAMES) as here, here.client() as client, Fleet(client, here.arguments) as fleet:
        run = fleet.start(journal=journal, max_concurrency=5)
        async for outcome in run:
            if dies:
                print(f"the first life ends after {outcome.name}", flush=True)
                os._exit(9)
        print((await run).raise_for_failures())


async def main() -> None:
    """Live twice."""
    async with place(*NAMES) as here:
        with tempfile.TemporaryDirectory() as folder:
            journal = str(Path(folder, "start.journal"))
            for life in ({FIRST_LIFE: "yes"}, {}):
                environment = {**os.environ, **here.environment, **life}
                command = [sys.executable, __file__, "--journal", journal, *here.arguments]
                process = await asyncio.create_subprocess_exec(*command, env=environment)
                print(f"exit code {await process.wait()}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--journal"]:
        _, path = sys.argv.pop(1), sys.argv.pop(1)
        asyncio.run(start_all(path, dies=FIRST_LIFE in os.environ))
    else:
        asyncio.run(main())
