"""Subscription and resource group that are meant where none is named."""

import json
from pathlib import Path

import pytest

from azvm_async.cli import home


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"AZURE_CONFIG_DIR": str(tmp_path)}


def profile(folder: Path, *subscriptions: object) -> None:
    (folder / "azureProfile.json").write_text(json.dumps({"subscriptions": subscriptions}), encoding="utf-8-sig")


def test_the_azure_clis_default_subscription_is_meant(environ: dict[str, str], tmp_path: Path):
    profile(tmp_path, {"id": "a", "isDefault": False}, {"id": "b", "isDefault": True})
    assert home.subscription(environ) == "b"


def test_the_environments_subscription_comes_first(environ: dict[str, str], tmp_path: Path):
    profile(tmp_path, {"id": "b", "isDefault": True})
    assert home.subscription({**environ, "AZURE_SUBSCRIPTION_ID": "c"}) == "c"


def test_the_azure_clis_default_group_is_meant(environ: dict[str, str], tmp_path: Path):
    (tmp_path / "config").write_text("[core]\noutput = %(table\n[defaults]\ngroup = mine\n", encoding="utf-8")
    assert home.resource_group(environ) == "mine"


@pytest.mark.parametrize("variable", ["AZURE_RESOURCE_GROUP", "AZURE_DEFAULTS_GROUP"])
def test_the_environments_group_comes_first(environ: dict[str, str], tmp_path: Path, variable: str):
    (tmp_path / "config").write_text("[defaults]\ngroup = mine\n", encoding="utf-8")
    assert home.resource_group({**environ, variable: "yours"}) == "yours"


def test_without_files_there_is_no_default(environ: dict[str, str]):
    assert (home.subscription(environ), home.resource_group(environ)) == (None, None)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"subscriptions": 3}', '{"subscriptions": [3, {"isDefault": true}]}']
)
def test_a_spoilt_profile_says_nothing(environ: dict[str, str], tmp_path: Path, text: str):
    (tmp_path / "azureProfile.json").write_text(text, encoding="utf-8")
    assert home.subscription(environ) is None


@pytest.mark.parametrize("content", [b"", b"no section", b"[defaults]\n", b"\xff\xfe", b"[defaults]\ngroup =\n"])
def test_a_spoilt_config_says_nothing(environ: dict[str, str], tmp_path: Path, content: bytes):
    (tmp_path / "config").write_bytes(content)
    assert home.resource_group(environ) is None
