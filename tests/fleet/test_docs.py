"""The examples of the fleets' page and of the README, run as they stand."""

import ast
import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from azvm_async import AzureVMClient, Report, RunOptions, State
from azvm_async.emulator import Emulator
from fleet.support import crowd, done

ROOT = Path(__file__).parents[2]


def blocks(page: str) -> list[CodeType]:
    """Return a page's examples, compiled as notebooks do it: ``await`` stands anywhere."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "Fleet" in block]
    return [compile(block, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) for block in found]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with chdir(tmp_path):
        yield tmp_path


@pytest.mark.parametrize("page", ["docs/fleets.md", "README.md"])
async def test_examples_run(
    client: AzureVMClient, arm: Emulator, folder: Path, page: str, capsys: pytest.CaptureFixture[str]
):
    arm.add_vm("vm0", power="running", tags={"env": "test", "owner": "me"}, resource_group="other-rg")
    crowd(arm, 3, prefix="vm", tags={"env": "prod"})
    arm.add_vm("vm3", tags={"env": "prod"})
    names: dict[str, Any] = {"client": client}
    assert blocks(page)
    for block in blocks(page):
        running = eval(block, names)
        if running is not None:
            await running
    report = names["report"]
    assert isinstance(report, Report)
    assert report.ok
    assert done(arm, "start").keys() >= {"vm1", "vm2", "vm3"}
    if page == "docs/fleets.md":
        assert "{'vm0': 'hello vm0\\n'}" in capsys.readouterr().out.replace("\\n\\n", "\\n")
        assert done(arm, "deallocate") == {"vm1": 1, "vm2": 1, "vm3": 1}
        assert (folder / "deallocate.journal").is_file()


def test_page_names_every_option_and_state():
    text = (ROOT / "docs" / "fleets.md").read_text(encoding="utf-8")
    assert [name for name in RunOptions.__annotations__ if f"| `{name}=" not in text] == []
    assert [state for state in State if f"`{state.value}`" not in text] == []
