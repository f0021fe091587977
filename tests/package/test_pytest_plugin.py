"""The pytest plugin, in the runs of projects that have nothing but a test file."""

import subprocess
import sys

import pytest

# Imported once here, not again in each of the runs.
import azvm_async.client
import azvm_async.emulator.server
import azvm_async.errors  # noqa: F401

pytest_plugins = ["pytester"]

VIRTUAL = """
async def test_ten_minutes(azvm_arm, azvm_client):
    azvm_arm.add_vm("vm1")
    await azvm_client.start("vm1").result()
    assert azvm_arm.vm("vm1").power_state == "running"
    assert azvm_arm.clock.monotonic() > 600
"""
TEN_MINUTES = """
import pytest
from azvm_async.emulator import Durations

@pytest.fixture
def azvm_emulator_options():
    return {"durations": Durations(start=600)}
"""
STRICT = ("-o", "asyncio_default_fixture_loop_scope=function")  # without it, it warns; strict mode is the default
AUTO = (*STRICT, "-o", "asyncio_mode=auto")
NO_HYPOTHESIS = ("-p", "no:hypothesispytest")  # whose plugin takes seconds to import it
ALONE = ("-p", "no:asyncio", "-p", "no:anyio")


def outcomes(pytester: pytest.Pytester, text: str, *options: str) -> dict[str, int]:
    """Run a test file, where warnings are errors; return how many tests ended how."""
    pytester.makepyfile(text)
    return pytester.runpytest_inprocess("-W", "error", *NO_HYPOTHESIS, *options).parseoutcomes()


@pytest.mark.parametrize(
    ("mark", "options"),
    [
        ("", AUTO),
        ("pytestmark = pytest.mark.asyncio", STRICT),
        ("pytestmark = pytest.mark.anyio", STRICT),
        ("pytestmark = pytest.mark.anyio", ("-p", "no:asyncio")),
    ],
    ids=["auto mode", "strict mode", "anyio beside pytest-asyncio", "anyio alone"],
)
def test_ten_minutes_pass_on_virtual_time(pytester: pytest.Pytester, mark: str, options: tuple[str, ...]):
    only_asyncio = "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    pytester.makeconftest(TEN_MINUTES + only_asyncio)
    assert outcomes(pytester, f"import pytest\n{mark}\n{VIRTUAL}", *options) == {"passed": 1}


def test_the_fixtures_live_in_the_loop_that_a_mark_names(pytester: pytest.Pytester):
    pytester.makeconftest(TEN_MINUTES)
    pytester.makepyfile(__init__="")
    text = "import pytest\n"
    for scope in ("function", "class", "module", "package", "session"):
        inside = VIRTUAL.replace("(azvm_arm", "(self, azvm_arm").replace("\n", "\n    ")
        text += f"@pytest.mark.asyncio(loop_scope={scope!r})\nclass Test{scope}:{inside}\n"
    assert outcomes(pytester, text, *STRICT) == {"passed": 5}


def test_the_fixtures_live_in_the_loop_that_the_configuration_names(pytester: pytest.Pytester):
    pytester.makeconftest(TEN_MINUTES)
    assert outcomes(pytester, VIRTUAL, *AUTO, "-o", "asyncio_default_test_loop_scope=session") == {"passed": 1}


def test_each_test_has_an_emulator_and_a_client_of_its_own(pytester: pytest.Pytester):
    text = """
        import pytest
        from azvm_async import ClientClosed

        clients = []

        @pytest.mark.parametrize("turn", [1, 2])
        async def test_nothing_is_there_at_first(turn, azvm_arm, azvm_client):
            assert (azvm_arm.resources(), azvm_arm.clock.monotonic()) == ([], 0)
            azvm_arm.add_vm("vm1")
            await azvm_client.start("vm1").result()
            clients.append(azvm_client)

        async def test_the_clients_are_closed():
            for client in clients:
                with pytest.raises(ClientClosed):
                    await client.get("vm1")
    """
    assert outcomes(pytester, text, *AUTO) == {"passed": 3}


@pytest.mark.parametrize(
    ("options", "kind", "needs"),
    [
        (ALONE, "async def", "install pytest-asyncio and mark the test with @pytest.mark.asyncio *anyio."),
        (STRICT, "async def", "mark the test with @pytest.mark.asyncio *anyio."),
        (ALONE, "def", "write 'async def test_*'."),
        (AUTO, "def", "write 'async def test_*'."),
    ],
    ids=["nothing runs async tests", "no mark", "sync test", "sync test in auto mode"],
)
def test_what_is_not_run_as_an_async_test_is_told_what_it_needs(
    pytester: pytest.Pytester, options: tuple[str, ...], kind: str, needs: str
):
    pytester.makepyfile(f"{kind} test_one(azvm_arm): pass\n{kind} test_other(azvm_client): pass")
    result = pytester.runpytest_inprocess(*NO_HYPOTHESIS, *options)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines([f"{fixture} is for async tests: {needs}" for fixture in ("azvm_arm", "azvm_client")])


def test_a_run_that_does_not_use_it_loads_nothing_of_it(pytester: pytest.Pytester):
    text = """
        import sys

        def test_loaded():
            assert "azvm_async.testing" in sys.modules
            assert not {name.partition(".")[0] for name in sys.modules} & {"aiohttp", "azure", "tenacity"}
    """
    pytester.makepyfile(text)
    assert pytester.runpytest_subprocess(*NO_HYPOTHESIS, *ALONE).parseoutcomes() == {"passed": 1}


def test_importing_it_takes_nothing_but_pytest():
    listed = "import sys, pytest; before = set(sys.modules); import azvm_async.testing; print(sorted(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "['azvm_async', 'azvm_async.testing']"
