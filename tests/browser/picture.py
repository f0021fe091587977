"""Takes the picture of the docs: ``PYTHONPATH=tests python tests/browser/picture.py docs/images/timeline.png``."""

import asyncio
import sys
import tempfile
from pathlib import Path

from browser import chromium
from browser.runs import report_of


async def taken(vms: int = 14) -> bytes:
    """Return a picture of the timeline of so many starts."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "run.html")
        (await report_of(vms)).write_timeline(page)
        async with chromium.opened(Path(folder, "chromium")) as browser:
            await browser.open(page, width=1000, height=1_240)
            return await browser.picture()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(asyncio.run(taken()))
