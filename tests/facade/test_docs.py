"""The example of the facade's page, as a reader runs it: against an emulator that its environment names."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from facade.served import served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told() -> subprocess.CompletedProcess[str]:
    (example,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "facade.md").read_text(encoding="utf-8"), re.DOTALL
    )
    with served() as site:
        own = {"AZVM_ENDPOINT": site.endpoint}
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", example],
            cwd=ROOT,
            env={**os.environ, **site.arm.environment, **own},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


def test_example_ends_without_a_complaint(told: subprocess.CompletedProcess[str]):
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("line", ["deployed: SUCCEEDED", "script: SUCCEEDED 0 depth is 3", "removed: SUCCEEDED "])
def test_example_tells(told: subprocess.CompletedProcess[str], line: str):
    assert line in told.stdout
