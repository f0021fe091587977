"""A pytest plugin: an emulated Azure and a client of it, on virtual time, for the tests of any project.

It comes with the package and needs no line of configuration, only pytest-asyncio or anyio to run async tests:

>>> async def test_my_vm_is_started(azvm_arm, azvm_client):
...     azvm_arm.add_vm("vm1")
...     await azvm_client.start("vm1").result()
...     assert azvm_arm.vm("vm1").power_state == "running"

pytest loads it in every run, wanted or not, so that all that it needs is imported by the fixture that needs it.

An async fixture belongs to one plugin and one event loop. So there is one pair of fixtures for anyio, and one for each
loop scope of pytest-asyncio; those with names to be used choose the test's.
"""

import inspect
from collections.abc import AsyncIterator, Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from azvm_async import AzureVMClient
    from azvm_async.emulator import Emulator

_SCOPES = ("function", "class", "module", "package", "session")


@pytest.fixture
def azvm_emulator_options() -> dict[str, Any]:
    """Return arguments for the emulator of azvm_arm, by default none: to be overridden in a conftest.py."""
    return {}


@pytest.fixture
def azvm_arm(request: pytest.FixtureRequest) -> "Emulator":
    """Give an emulated Azure Resource Manager that listens on loopback, on virtual time: ``azvm_arm.clock``."""
    arm: Emulator = request.getfixturevalue(f"_azvm_arm_{_runner(request)}")
    return arm


@pytest.fixture
def azvm_client(request: pytest.FixtureRequest) -> "AzureVMClient":
    """Give a client of azvm_arm, on its clock; it is closed when the test ends."""
    client: AzureVMClient = request.getfixturevalue(f"_azvm_client_{_runner(request)}")
    return client


def pytest_configure(config: pytest.Config) -> None:
    """Make the fixtures that anyio's plugin runs, and for pytest-asyncio those that it does."""
    hidden = ModuleType("azvm_async_fixtures")
    _add(hidden, "anyio", pytest.fixture)
    if config.pluginmanager.hasplugin("asyncio"):
        import pytest_asyncio  # noqa: PLC0415  # may not be installed

        for scope in _SCOPES:
            _add(hidden, scope, partial(pytest_asyncio.fixture, loop_scope=scope))
    config.pluginmanager.register(hidden)


def _add(module: ModuleType, runner: str, fixture: Callable[..., Any]) -> None:
    """Add the pair of fixtures of a runner: functions of its own, for pytest-asyncio writes the loop's scope on them."""

    async def arm(azvm_emulator_options: dict[str, Any]) -> "AsyncIterator[Emulator]":
        from azvm_async import VirtualClock  # noqa: PLC0415  # see above
        from azvm_async.emulator import Emulator  # noqa: PLC0415

        async with Emulator(**{"clock": VirtualClock(), **azvm_emulator_options}) as entered:
            yield entered

    async def client(azvm_arm: "Emulator") -> "AsyncIterator[AzureVMClient]":
        from azvm_async import AzureVMClient  # noqa: PLC0415

        of = azvm_arm
        async with AzureVMClient(
            of.subscription, of.resource_group, of.credential(), of.endpoint, clock=of.clock
        ) as entered:
            yield entered

    for function in (arm, client):
        name = f"_azvm_{function.__name__}_{runner}"
        setattr(module, name, fixture(function, name=name))


def _runner(request: pytest.FixtureRequest) -> str:
    """Return what runs a test: anyio, or pytest-asyncio in the loop of which scope."""
    if "anyio_backend" in request.fixturenames:
        return "anyio"
    mark = request.node.get_closest_marker("asyncio")
    if mark is None or not request.config.pluginmanager.hasplugin("asyncio"):
        pytest.fail(f"{request.fixturename} is for async tests: {_wanting(request)}.", pytrace=False)
    scope: str = mark.kwargs.get("loop_scope") or request.config.getini("asyncio_default_test_loop_scope")
    return scope


def _wanting(request: pytest.FixtureRequest) -> str:
    """Return what to do so that a test is run as an async one."""
    if not inspect.iscoroutinefunction(request.function):
        return f"write 'async def {request.node.name}'"
    install = "" if request.config.pluginmanager.hasplugin("asyncio") else "install pytest-asyncio and "
    return (
        f"{install}mark the test with @pytest.mark.asyncio (or set asyncio_mode = auto),"
        " or mark it with @pytest.mark.anyio"
    )
