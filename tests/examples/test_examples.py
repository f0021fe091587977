"""The examples, as a reader runs them: with no arguments."""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from serving import Served, served

EXAMPLES = Path(__file__).parents[2] / "examples"

Ended = subprocess.CompletedProcess[str]


AZURE = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP")
"""By these an example finds Azure."""


def run(
    name: str,
    *options: str,
    arguments: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Ended:
    """Run an example to its end, and to that of all that it started: as long as one of them lives, so does its stderr."""
    command = [sys.executable, *options, "-W", "error", str(EXAMPLES / name), *arguments]
    environment = {key: value for key, value in {**os.environ, **(more or {})}.items() if key not in without}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def first_steps() -> Ended:
    return run("first_steps.py", "-X", "dev")


@pytest.fixture(scope="module")
def dask_fleet() -> Ended:
    return run("dask_fleet.py")


def found(pattern: str, ended: Ended) -> tuple[str, ...]:
    """Return what the groups of a pattern match in what an example printed."""
    match = re.search(pattern, ended.stdout, re.MULTILINE)
    assert match, f"{pattern!r} is not in:\n{ended.stdout}"
    return match.groups()


def test_first_steps_ends_well(first_steps: Ended):
    assert (first_steps.returncode, first_steps.stderr) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "listens at http://127.0.0.1:",
        "start of web-2: Succeeded",
        "| square of 3: 9",
        "exit code 0",
        "stop of web-1: Succeeded",
        "Succeeded virtualMachines web-1",
        "it is reached at web-1-",
        "Deleted   virtualNetworks web-1-network",
        "deleted 7, left 0",
        "web-2  Standard_B2s   westeurope  deallocated",
        "over HTTP",
    ],
)
def test_first_steps_tells(first_steps: Ended, line: str):
    assert line in first_steps.stdout


def test_dask_fleet_ends_well(dask_fleet: Ended):
    assert (dask_fleet.returncode, dask_fleet.stderr) == (0, "")


def test_the_workers_start_all_vms(dask_fleet: Ended):
    assert found(r"^start of 239 VMs in \d+ s: (.*)$", dask_fleet) == ("239 Succeeded",)


def test_the_workers_together_keep_to_the_limits_of_one_caller(dask_fleet: Ended):
    requests, refused = found(r"^(\d+) requests, (\d+) of them refused as too many$", dask_fleet)
    assert int(requests) >= 2 * 240, "a start and a poll of each VM, more than may be written at once"
    assert int(refused) == 0


def test_a_token_crosses_processes(dask_fleet: Ended):
    (one,) = found(r"^process (\d+) began, and left a token", dask_fleet)
    (other,) = found(r"^process (\d+) took it up: start of vm-000: Succeeded$", dask_fleet)
    assert one != other


@pytest.mark.skipif(sys.platform == "win32", reason="asking whether a process is there would end it on Windows")
@pytest.mark.parametrize("which", ["began", "took it up"])
def test_no_worker_is_left(dask_fleet: Ended, which: str):
    (process,) = found(rf"^process (\d+) {which}", dask_fleet)
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)


STORIES = {
    "one_vm": ["start of vm1: InProgress", "start of vm1: Succeeded", "exit code 0: Hello from", "vm1 is deallocated"],
    "task_group": ["web-1: Succeeded", "web-20: Succeeded", "start of 10 VMs in \\d+ s: 10 Succeeded"],
    "nightly_stop": ["dev-5  Succeeded", "deallocate of 5 VMs in \\d+ s: 5 Succeeded"],
    "benchmark": ["vm,rounds,processors", "bench-00,1000,\\d+", "bench-49,2000,\\d+"],
    "after_a_crash": [
        "the first life ends after web-\\d\\d",
        "exit code 9",
        "start of 20 VMs in \\d+ s: 20 Succeeded",
        "exit code 0",
    ],
    "web_service": ["202 a token of 32 characters", "'verb': 'start', 'done': True, 'status': 'Succeeded'"],
    "sync_code": ["start: SUCCEEDED", "script: SUCCEEDED 0 depth is 3", "deallocate: SUCCEEDED"],
}
"""What each example tells with no arguments."""

COMPLAINTS = {"benchmark": r"deallocate of 50 VMs in \d+ s: 50 Succeeded\nmean of 50: 1500 rounds\n"}
"""What stands on stderr, where that is meant."""


@pytest.fixture(scope="module")
def told() -> Callable[[str], Ended]:
    """Give what runs an example with no arguments, once."""
    return functools.cache(lambda name: run(f"{name}.py", without=AZURE))


@pytest.mark.parametrize("name", STORIES)
def test_example_ends_well(told: Callable[[str], Ended], name: str):
    ended = told(name)
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(COMPLAINTS.get(name, ""), ended.stderr)


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in STORIES.items() for line in lines])
def test_example_tells(told: Callable[[str], Ended], name: str, line: str):
    found(line, told(name))


@pytest.fixture(scope="module")
def azure() -> Iterator[Served]:
    """Serve what the examples take for Azure: the environment names it, and the VMs are arguments."""
    with served() as site:
        for name in ("x1", "x2"):
            site.do(lambda arm, name=name: arm.add_vm(name, power="running", tags={"env": "test"}))
        yield site


@pytest.mark.parametrize(
    ("name", "arguments", "verbs"),
    [
        ("one_vm", ["x1"], {"start", "run", "deallocate"}),
        ("task_group", ["x1", "x2"], {"start"}),
        ("nightly_stop", ["env=test"], set()),  # what another one has left running
        ("benchmark", ["x1", "x2"], {"start", "run", "deallocate"}),
        ("after_a_crash", ["x1", "x2"], {"start"}),
        ("web_service", ["x1"], {"start"}),
        ("sync_code", ["x1"], {"start", "run", "deallocate"}),
    ],
)
def test_example_works_where_the_environment_says(azure: Served, name: str, arguments: list[str], verbs: set[str]):
    before = azure.do(lambda arm: len(arm.effects))
    ended = run(f"{name}.py", arguments=arguments, more={**azure.arm.environment, **_as_azure(azure)})
    assert ended.returncode == 0, ended.stderr
    assert {effect.verb for effect in azure.do(lambda arm: arm.effects[before:])} >= verbs


@pytest.mark.parametrize("name", ["nightly_stop", "sync_code"])
def test_example_touches_nothing_in_azure_unless_told_what(name: str):
    ended = run(f"{name}.py", more=dict.fromkeys(AZURE, "00000000-0000-0000-0000-000000000009"))
    assert ended.returncode == 1
    assert "name what to work on" in ended.stderr


def _as_azure(site: Served) -> dict[str, str]:
    return {
        "AZURE_SUBSCRIPTION_ID": site.arm.subscription,
        "AZURE_RESOURCE_GROUP": site.arm.resource_group,
        "AZVM_ENDPOINT": site.arm.endpoint,
        "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
    }


def test_all_examples_are_tested():
    others = {"first_steps", "dask_fleet", "place"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == STORIES.keys() | others
