"""Blocks that want a process of their own: synchronous ones, Microsoft's client, and what pytest is to run."""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleet.support import done
from serving import Served, served

from azvm_async import AzureVMClient, Operation
from docs.pages import ROOT, blocks, text_of

Ended = subprocess.CompletedProcess[str]

MICROSOFTS = {
    1: ("start", {"vm1"}),
    3: ("deallocate", {"vm1"}),
    5: ("run", {"web-1"}),
    7: ("start", {"vm1", "vm2", "vm3"}),
}
"""Which blocks of the moving page are Microsoft's side, and what each does to which VMs."""

RUN = frozenset(
    {
        "docs/facade.md#1",
        "docs/emulator.md#2",
        "docs/emulator.md#3",
        *(f"docs/moving.md#{number}" for number in MICROSOFTS),
    }
)
"""All blocks that are run here."""

ONLY_THE_EMULATOR = {"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}


def _fill(site: Served) -> Served:
    for name in ("vm1", "vm2", "vm3"):
        site.do(lambda arm, name=name: arm.add_vm(name))
    site.do(lambda arm: arm.add_vm("web-1", power="running"))
    return site


@pytest.fixture(scope="module")
def plain() -> Iterator[Served]:
    with served() as site:
        yield _fill(site)


@pytest.fixture(scope="module")
def secure() -> Iterator[Served]:
    """Serve by https, as Microsoft's client wants it; it polls each second."""
    with served(tls=True, retry_after=1) as site:
        yield _fill(site)


def _run(site: Served, page: str, number: int) -> Ended:
    own = {"AZVM_ENDPOINT": site.arm.endpoint, **ONLY_THE_EMULATOR}
    program = [sys.executable, str(Path(__file__).with_name("run_block.py")), page, str(number)]
    return subprocess.run(
        [*program, site.arm.subscription, site.arm.resource_group],
        cwd=ROOT,
        env={**os.environ, **site.arm.environment, **own},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def facade(plain: Served) -> Ended:
    return _run(plain, "docs/facade.md", 1)


def test_facades_example_ends_without_a_complaint(facade: Ended):
    assert (facade.returncode, facade.stderr) == (0, "")


@pytest.mark.parametrize("line", ["deployed: SUCCEEDED", "script: SUCCEEDED 0 depth is 3", "removed: SUCCEEDED "])
def test_facades_example_tells(facade: Ended, line: str):
    assert line in facade.stdout


@pytest.fixture(scope="module")
def microsofts(secure: Served) -> Callable[[int], Ended]:
    """Give what runs a block of Microsoft's side, once."""
    return functools.cache(functools.partial(_run, secure, "docs/moving.md"))


@pytest.mark.parametrize(("number", "verb", "vms"), [(number, *done) for number, done in MICROSOFTS.items()])
def test_microsofts_side_does_the_same(
    secure: Served, microsofts: Callable[[int], Ended], number: int, verb: str, vms: set[str]
):
    ended = microsofts(number)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert secure.do(lambda arm: done(arm, verb)).keys() >= vms


def test_microsofts_script_tells_what_ours_tells(microsofts: Callable[[int], Ended]):
    assert re.fullmatch(r"0 \w+\n+", microsofts(5).stdout)


def test_names_that_one_moves_to_are_there():
    table = text_of("docs/moving.md").partition("### Names")[2].partition("## From mlos")[0]
    here = re.findall(r"`(client|op)\.(\w+)`", table)
    assert len(here) > 15
    assert [name for kind, name in here if not hasattr(AzureVMClient if kind == "client" else Operation, name)] == []


def test_services_of_mlos_bench_differ_by_their_class_alone():
    there, here = (block.text for block in blocks("docs/moving.md", "jsonc"))
    classes = ("mlos_bench.services.remote.azure.AzureVMService", "azvm_async.mlos.AzureVMService")
    assert there.replace(*classes) == here


def test_the_emulators_page_has_a_test_that_passes(tmp_path: Path):
    _, test, conftest, *_ = blocks("docs/emulator.md")
    (tmp_path / "conftest.py").write_text(conftest.text, encoding="utf-8")
    (tmp_path / "test_mine.py").write_text(test.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "."]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
