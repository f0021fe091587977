"""Which event loop the tests run on: ``pytest tests/client --loop uvloop``."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="event loop of the async tests")


def pytest_asyncio_loop_factories(config: pytest.Config) -> Loops:
    name = config.getoption("--loop")
    return {name: pytest.importorskip("uvloop").new_event_loop if name == "uvloop" else asyncio.new_event_loop}
