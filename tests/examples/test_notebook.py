"""The notebook, run from its first cell to its last by a kernel, as a reader does; ``pytest -m notebook``."""

from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.notebook


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def told(cell: Any) -> str:
    """Return what a cell printed and what it is."""
    return "".join(out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (0, "'web-10'"),
        (1, "<Operation start of web-1: "),
        (2, "'running'"),
        (3, "{'Succeeded': 10}"),
        (3, "web-7: Linux"),
    ],
)
def test_cell_tells(cells: list[Any], number: int, part: str):
    assert part in told(cells[number])


def test_no_cell_complains(cells: list[Any]):
    assert [out for cell in cells for out in cell.outputs if out.output_type == "stream" and out.name == "stderr"] == []


def test_no_output_is_committed():
    text = (EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8")
    assert '"outputs": []' in text
    assert '"output_type"' not in text
