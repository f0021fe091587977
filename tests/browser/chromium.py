"""A headless Chromium, driven by its DevTools protocol over a WebSocket of aiohttp's."""

import asyncio
import base64
import itertools
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
)
_PATIENCE = 60.0


class Page:
    """A page of a browser.

    Attributes
    ----------
    requests : list of str
        The URLs that it asked for.
    complaints : list of str
        What it wrote to the console, and what the browser had against it.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._loaded = False

    async def do(self, method: str, **given: Any) -> dict[str, Any]:
        """Have the browser do something, and return what it answers."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": given})
        while True:
            message = await self._socket.receive_json(timeout=_PATIENCE)
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._heard(message.get("method"), message.get("params", {}))

    async def open(self, path: Path, width: int = 1150, height: int = 900, scheme: str = "light") -> None:
        """Show a file in a window of this size, light or dark."""
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            await self.do(f"{domain}.enable")
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.do("Emulation.setEmulatedMedia", features=media)
        await self.resize(width, height)
        self._loaded = False
        await self.do("Page.navigate", url=path.as_uri())
        while not self._loaded:
            message = await self._socket.receive_json(timeout=_PATIENCE)
            self._heard(message.get("method"), message.get("params", {}))

    async def resize(self, width: int, height: int) -> None:
        """Give the window a size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.do("Emulation.setDeviceMetricsOverride", **size)

    async def value(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to in the page."""
        answer = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode((await self.do("Page.captureScreenshot"))["data"])

    def _heard(self, method: str | None, given: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(given["entry"]["text"])
        elif method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
            self.complaints.append(str(given))
        elif method == "Page.loadEventFired":
            self._loaded = True


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Page]:
    """Start a browser that keeps its things in this folder; it ends with the block."""
    assert PROGRAM is not None
    command = (PROGRAM, *_FLAGS, f"--user-data-dir={folder}", "about:blank")
    pipes = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.PIPE}
    browser = await asyncio.create_subprocess_exec(*command, **pipes)
    try:
        async with asyncio.timeout(_PATIENCE):
            port = await _port(browser)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                (target,) = [each for each in await answer.json() if each["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        browser.terminate()
        await browser.communicate()


async def _port(browser: asyncio.subprocess.Process) -> int:
    """Return on which port it listens, as it says on stderr."""
    assert browser.stderr is not None
    async for line in browser.stderr:
        found = re.search(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/", line)
        if found:
            return int(found[1])
    raise AssertionError("the browser ended before it listened")
