"""The examples, as a reader runs them: with no arguments."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

Ended = subprocess.CompletedProcess[str]


def run(name: str, *options: str) -> Ended:
    """Run an example to its end, and to that of all that it started: as long as one of them lives, so does its stderr."""
    command = [sys.executable, *options, "-W", "error", str(EXAMPLES / name)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


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
