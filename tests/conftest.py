"""Which event loop the tests run on (``pytest tests/client --loop uvloop``), and that none of them logs a secret."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import leaks
import pytest

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]

_WATCH = pytest.StashKey[leaks.Watch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="event loop of the async tests")


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_WATCH] = leaks.opened(session.config)


def pytest_asyncio_loop_factories(config: pytest.Config) -> Loops:
    name = config.getoption("--loop")
    return {name: pytest.importorskip("uvloop").new_event_loop if name == "uvloop" else asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def _no_secret_is_logged(pytestconfig: pytest.Config) -> Iterator[None]:
    yield from leaks.checked(pytestconfig.stash[_WATCH])
