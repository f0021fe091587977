"""What tests of journals look through."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet.support import put, text_of


def lines(journal: Path) -> list[dict[str, Any]]:
    """Return what is written."""
    return [json.loads(line) for line in text_of(journal).splitlines()]


def about(line: dict[str, Any], name: str) -> bool:
    """Tell whether a line is of a VM."""
    return any(each.endswith(f"/{name}") for each in [line.get("vm", ""), *line.get("vms", [])])


def cut(journal: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Leave some lines out, as if the run had been killed before they were written."""
    left = [line for line in lines(journal) if "azvm_journal" in line or keep(line)]
    put(journal, "".join(f"{json.dumps(line)}\n" for line in left))
