"""A stage for commands in this process, and a served emulator for those in others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, served

from cli.support import Stage, environment


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.chdir(tmp_path)  # tokens are written here
    return Stage(tmp_path)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    with served() as serving:
        yield serving


@pytest.fixture
def environ(emulator: Served, tmp_path: Path) -> dict[str, str]:
    return environment(emulator, tmp_path)
