"""Every Python block of README and docs runs, on the virtual clock, as it stands on its page."""

from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from fleet.support import done

from azvm_async import Report
from docs import test_programs
from docs.pages import Block, blocks, pages, text_of
from docs.world import prepare, run, world

NOT_RUN = {
    "docs/processes.md#1": "Ray is no dependency: a sketch, and the page says so",
    "docs/processes.md#2": "Celery wants a broker: a sketch, and the page says so",
}
ALONE = frozenset({"docs/emulator.md", "docs/moving.md"})
"""Pages whose blocks know nothing of each other: each has a world of its own."""


def groups() -> list[list[Block]]:
    """Return what runs in one world: a page, or a block of a page whose blocks stand alone."""
    found = []
    for page in pages():
        here = [
            block for block in blocks(page) if not block.title and str(block) not in NOT_RUN.keys() | test_programs.RUN
        ]
        found += [[block] for block in here] if page in ALONE else [here] * bool(here)
    return found


@pytest.mark.parametrize("group", groups(), ids=lambda group: str(group[0]).removesuffix("#1"))
async def test_blocks_run(group: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    prepare(tmp_path)
    with chdir(tmp_path):
        async with world(monkeypatch) as names:
            known: dict[str, Any] = {}
            for block in group:
                known |= names
                await run(block, known)


def test_what_is_not_run_is_there():
    there = {str(block) for page in pages() for block in blocks(page)}
    assert sorted((NOT_RUN.keys() | test_programs.RUN) - there) == []


def test_what_can_not_be_run_is_called_a_sketch_and_does_not_grow():
    assert len(NOT_RUN) == 2
    assert "## Sketches\n\nNot run here." in text_of("docs/processes.md")


def test_a_block_that_fails_fails_the_test_at_the_line_of_its_page():
    block = Block("docs/handles.md", "python", 1, 40, "x = 1\nraise KeyError(x)\n", None)
    with pytest.raises(KeyError) as caught:
        eval(block.code(), {})
    assert (Path(caught.traceback[-1].path).name, caught.traceback[-1].lineno + 1) == ("handles.md", 42)


@pytest.mark.parametrize("page", pages())
def test_no_fence_is_overlooked(page: str):
    text = text_of(page)
    fences = text.count("\n```") // 2
    languages = ("python", "sh", "json", "jsonc", "text")
    assert fences == sum(len(blocks(page, language)) for language in languages)


@pytest.mark.parametrize("page", ["README.md", "docs/fleets.md"])
async def test_fleets_of_a_page_end_well(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with chdir(tmp_path):
        async with world(monkeypatch) as names:
            for block in blocks(page):
                await run(block, names)
            report = names["report"]
            assert isinstance(report, Report)
            assert report.ok
            assert done(names["arm"], "start").keys() >= {"vm1", "vm2", "vm3"}
    if page == "docs/fleets.md":
        assert "{'vm0': 'hello vm0\\n'}" in capsys.readouterr().out.replace("\\n\\n", "\\n")
        assert done(names["arm"], "deallocate") == {"vm1": 1, "vm2": 1, "vm3": 1}
