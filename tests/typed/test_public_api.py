"""The public names are typed: a user's file passes mypy's strict mode, and mistakes in it are found."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USERS = Path(__file__).with_name("public_api.py")


def checked(file: Path) -> tuple[str, int]:
    """Return what mypy says to a file, and its exit status."""
    api = pytest.importorskip("mypy.api")
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    told, complaints, status = api.run([*config, str(file)])
    assert complaints == ""
    return told, status


def test_users_file_passes_strict_mypy():
    told, status = checked(USERS)
    assert status == 0, told


def test_wrong_claim_about_a_type_is_found(tmp_path: Path):
    said = 'assert_type(await client.deprovision("vm1").result(), Deprovisioned)'
    text = USERS.read_text(encoding="utf-8")
    assert said in text
    wrong = tmp_path / "wrong.py"
    wrong.write_text(text.replace(said, said.replace("Deprovisioned)", "DeprovisionPlan)")), encoding="utf-8")
    told, status = checked(wrong)
    assert (status, told.count("error:")) == (1, 1)
    assert 'Expression is of type "Deprovisioned", not "DeprovisionPlan"' in told
