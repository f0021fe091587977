"""What the library has to say while one waits, such as that Azure asks for patience: the newest line of its log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from azvm_async import AzureVMClient
from azvm_async.cli.text import one_line

PATIENCE = 5.0
"""Seconds without an answer after which that is said."""

_LOG = "azvm_async"


class News(logging.Handler):
    """Keeps the newest line."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.newest = ""

    def emit(self, record: logging.LogRecord) -> None:
        """See :class:`logging.Handler`."""
        self.newest = one_line(record.getMessage())

    def taken(self) -> str:
        """Return the newest line, once."""
        newest, self.newest = self.newest, ""
        return newest


@contextmanager
def heard() -> Iterator[News]:
    """Listen for a while."""
    log, news = logging.getLogger(_LOG), News()
    before = log.level
    if log.getEffectiveLevel() > logging.INFO:
        log.setLevel(logging.INFO)
    log.addHandler(news)
    try:
        yield news
    finally:
        log.removeHandler(news)
        log.setLevel(before)


@asynccontextmanager
async def patiently(client: AzureVMClient, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Say while something is read that Azure has not answered yet: silence looks like a fault."""
    with heard() as news:
        saying = asyncio.create_task(_say(client, say, news))
        try:
            yield
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)


async def _say(client: AzureVMClient, say: Callable[[str], None], news: News) -> None:
    while True:
        await client.clock.sleep(PATIENCE)
        say(news.taken() or f"There is no answer yet from {client.endpoint}.")
