"""The fleets' page names all there is; its examples are run by ``tests/docs``."""

from pathlib import Path

from azvm_async import RunOptions, State

ROOT = Path(__file__).parents[2]


def test_page_names_every_option_and_state():
    text = (ROOT / "docs" / "fleets.md").read_text(encoding="utf-8")
    assert [name for name in RunOptions.__annotations__ if f"| `{name}=" not in text] == []
    assert [state for state in State if f"`{state.value}`" not in text] == []
