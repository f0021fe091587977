"""The picture of the polling page is what the table in the code says."""

import importlib.util
import sys
from types import ModuleType

import pytest

from azvm_async.protocol import lro
from docs.pages import ROOT


@pytest.fixture
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_polling", ROOT / "docs" / "tools" / "draw_polling.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw_polling"] = module
    spec.loader.exec_module(module)
    return module


def test_picture_is_what_the_table_says_today(drawing: ModuleType):
    assert drawing.PICTURE.read_text(encoding="utf-8") == drawing.picture()


def test_picture_has_every_row(drawing: ModuleType):
    lines = lro.__doc__.splitlines()
    first, last = lines.index(next(line for line in lines if line.startswith("begin "))), len(lines)
    phases = [line.split()[0] for line in lines[first:last] if line[:1].isalpha()]
    assert [" ".join(row.phases) for row in drawing.rows(lro.__doc__)] == [
        "waiting fetching" if phase == "both" else phase for phase in phases
    ]


@pytest.mark.parametrize(
    ("said", "meant"), [("waiting    succeeded,", "sleeping   succeeded,"), ("fetching\n", "lost\n")]
)
def test_what_the_picture_can_not_show_is_an_error(drawing: ModuleType, said: str, meant: str):
    changed = lro.__doc__.replace(said, meant)
    assert changed != lro.__doc__
    with pytest.raises(ValueError, match=r"no (lane|arrow)"):
        drawing.picture(changed)
