"""The public names are typed: a user's file passes mypy's strict mode, and mistakes in it are found."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_users_file_passes_strict_mypy():
    api = pytest.importorskip("mypy.api")
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    told, complaints, status = api.run([*config, str(Path(__file__).with_name("typing_check.py"))])
    assert (status, complaints) == (0, ""), told
