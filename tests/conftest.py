"""Which event loop the tests run on, how long the fuzz goes on, and that no test logs a secret.

``pytest tests/client --loop uvloop``
``pytest tests/fuzz tests/protocol/test_fuzz.py --hypothesis-profile=thorough`` draws 100,000 examples a property.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping

import leaks
import pytest
from hypothesis import HealthCheck, settings

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]

_WATCH = pytest.StashKey[leaks.Watch]()

settings.register_profile(
    "thorough", max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="event loop of the async tests")


def pytest_configure() -> None:
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # as in a shell's background jobs, whose children ignore it too
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_WATCH] = leaks.opened(session.config)


def pytest_asyncio_loop_factories(config: pytest.Config) -> Loops:
    name = config.getoption("--loop")
    return {name: pytest.importorskip("uvloop").new_event_loop if name == "uvloop" else asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def _no_secret_is_logged(pytestconfig: pytest.Config) -> Iterator[None]:
    yield from leaks.checked(pytestconfig.stash[_WATCH])
