"""The site is built strictly, whole, and from nothing but what is here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import azvm_async
from docs.pages import ROOT

pytest.importorskip("mkdocs", reason="pip install '.[docs]'; .ci/run builds the site in any case")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it, and give where."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(site: Path):
    loads = r"<(?:script|img|link|iframe)[^>]+?(?:src|href)=\"?(https?:)?//[^\s\">]+"
    assert [page.name for page in site.rglob("*.html") if re.search(loads, page.read_text(encoding="utf-8"))] == []


def test_every_public_name_has_its_place_in_the_api(site: Path):
    text = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    assert [name for name in azvm_async.__all__ if f'id="azvm_async.{name}"' not in text] == []


def test_parameters_of_a_method_are_shown(site: Path):
    text = (site / "api" / "client.html").read_text(encoding="utf-8")
    start = text.partition('id="azvm_async.AzureVMClient.start"')[2].partition('id="azvm_async.AzureVMClient.stop"')[0]
    assert "on_token" in start
    assert "Called with a token" in start


def test_no_role_is_left_as_it_is_written(site: Path):
    pages = (site / "api").glob("*.html")
    assert [page.name for page in pages if re.search(r":(class|meth|attr|func):", page.read_text("utf-8"))] == []


@pytest.mark.parametrize("page", ["security.html", "changes.html", "examples/one_vm.py", "pictures/polling.svg"])
def test_what_stands_elsewhere_is_there(site: Path, page: str):
    assert (site / page).is_file()
