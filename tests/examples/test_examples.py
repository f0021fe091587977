"""The examples, as a reader runs them: with no arguments."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def first_steps() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", str(EXAMPLES / "first_steps.py")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_first_steps_ends_well(first_steps: subprocess.CompletedProcess[str]):
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
def test_first_steps_tells(first_steps: subprocess.CompletedProcess[str], line: str):
    assert line in first_steps.stdout
