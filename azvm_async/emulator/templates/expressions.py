"""Template language expressions: from their text to a tree.

A string that begins with ``[`` and ends with ``]`` is an expression; ``[[`` at its begin stands for a plain bracket.
An expression is a literal, or the call of a function, and what is picked out of it with ``.name`` and ``[index]``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from azvm_async.emulator.templates.errors import ExpressionError

LONGEST = 24_576

_TOKEN = re.compile(
    r"\s*(?:(?P<Literal>'(?:[^']|'')*')|(?P<Integer>[-+]?[0-9]+)|(?P<Identifier>[A-Za-z_$][A-Za-z0-9_$]*)"
    r"|(?P<LeftParenthesis>\()|(?P<RightParenthesis>\))|(?P<LeftSquareBracket>\[)|(?P<RightSquareBracket>\])"
    r"|(?P<Dot>\.)|(?P<Comma>,)|(?P<EndOfData>$))"
)
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Literal:
    """A string or an integer."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    """A call; the name of a user's function has its namespace before a dot."""

    name: str
    arguments: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Access:
    """A property or an element of a value."""

    base: "Node"
    key: "Node"


Node = Literal | Call | Access


def is_expression(text: str) -> bool:
    """Tell whether a string is an expression."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def unescaped(text: str) -> str:
    """Return what a string that is no expression stands for."""
    return text[1:] if text.startswith("[[") and text.endswith("]") else text


def escaped(text: str) -> str:
    """Return the string that stands for ``text``, whatever it is."""
    return f"[{text}" if text.startswith("[") and text.endswith("]") else text


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """Return the tree of an expression, brackets included in ``text``.

    Raises
    ------
    ExpressionError
        When it is none.
    """
    if len(text) > LONGEST:
        limit = f"Limit: '{LONGEST}' and actual: '{len(text)}'"
        raise ExpressionError(f"The language expression length limit exceeded. {limit}.")
    return _Parser(text[1:-1]).whole()


def calls(node: Node) -> Iterator[Call]:
    """Yield every call within a tree."""
    pending = [node]
    while pending:
        match pending.pop():
            case Call() as call:
                yield call
                pending.extend(call.arguments)
            case Access(base, key):
                pending += [base, key]
            case Literal():
                pass


class _Parser:
    """Reads an expression from left to right, with one token in view."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._kind = self._token = ""
        self._advance()

    def whole(self) -> Node:
        node = self._expression()
        self._take("EndOfData")
        return node

    def _expression(self) -> Node:
        node = self._primary()
        while True:
            if self._kind == "Dot":
                self._advance()
                node = Access(node, Literal(self._take("Identifier")))
            elif self._kind == "LeftSquareBracket":
                self._advance()
                node = Access(node, self._expression())
                self._take("RightSquareBracket")
            else:
                return node

    def _primary(self) -> Node:
        if self._kind == "Literal":
            return Literal(self._take("Literal")[1:-1].replace("''", "'"))
        if self._kind == "Integer":
            return Literal(self._integer())
        name = self._take("Identifier")
        if self._kind == "Dot":
            self._advance()
            name = f"{name}.{self._take('Identifier')}"
        self._take("LeftParenthesis")
        return Call(name, tuple(self._arguments()))

    def _arguments(self) -> Iterator[Node]:
        if self._kind != "RightParenthesis":
            yield self._expression()
            while self._kind == "Comma":
                self._advance()
                yield self._expression()
        self._take("RightParenthesis")

    def _integer(self) -> int:
        digits = self._take("Integer")
        if len(digits) > len(str(_LARGEST)) + 1 or not -_LARGEST - 1 <= int(digits) <= _LARGEST:
            raise self._error(f"the integer '{digits[:40]}' is too large")
        return int(digits)

    def _take(self, kind: str) -> str:
        if self._kind != kind:
            raise self._error(f"expected token '{kind}' and actual '{self._kind}'")
        token = self._token
        self._advance()
        return token

    def _advance(self) -> None:
        if (found := _TOKEN.match(self._text, self._at)) is None:
            raise self._error(f"unexpected character at position '{self._at}'")
        self._at = found.end()
        self._kind = found.lastgroup or ""
        self._token = found[self._kind]

    def _error(self, why: str) -> ExpressionError:
        return ExpressionError(f"Unable to parse language expression '{self._text}': {why}.")
