"""The pages' code blocks, found by one rule: a fence that says its language, and perhaps the name of the file it is."""

import ast
import re
from pathlib import Path
from types import CodeType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)

FILLED_IN = {
    '"<subscription id>"': "subscription",
    '"<resource group>"': "resource_group",
    "asyncio.run(main())": "await main()",
}
"""What a reader puts in, and, as in a notebook, the end of a program where a loop is running already."""


class Block(NamedTuple):
    """A code block of a page: which one of its language, in which line it begins."""

    page: str
    language: str
    number: int
    line: int
    text: str
    title: str | None

    def __str__(self) -> str:
        return f"{self.page}#{self.number}"

    def code(self) -> CodeType:
        """Return it compiled as notebooks do it, ``await`` standing anywhere; its lines are those of the page."""
        text = self.text
        for said, meant in FILLED_IN.items():
            text = text.replace(said, meant)
        padded = "\n" * self.line + text
        return compile(padded, str(ROOT / self.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def pages() -> list[str]:
    """Return all pages whose blocks are promised to run."""
    return ["README.md", *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").glob("*.md"))]


def text_of(page: str) -> str:
    """Return a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "python") -> list[Block]:
    """Return a page's blocks in one language, in their order."""
    text = text_of(page)
    found = [match for match in _FENCE.finditer(text) if match["language"] == language]
    return [
        Block(page, language, number, text[: match.start()].count("\n") + 1, match["text"], match["title"])
        for number, match in enumerate(found, 1)
    ]
