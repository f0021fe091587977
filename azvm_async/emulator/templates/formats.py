"""``format()``: .NET's composite formatting, as far as templates use it.

``{0}`` takes an argument as text, ``{0,8}`` aligns it, and integers can have ``D``, ``X``, ``N``, ``F`` with a number of
digits, or a pattern of zeros such as ``000``.
"""

import re
from collections.abc import Iterator, Sequence

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.values import kind_of, text_of

_PIECE = re.compile(
    r"(?P<brace>\{\{|\}\})|\{(?P<index>[0-9]{1,4})(?:,(?P<width>-?[0-9]{1,3}))?(?::(?P<format>[^{}]*))?\}|(?P<bad>[{}])"
    r"|(?P<plain>[^{}]+)"
)
_NUMBER = re.compile(r"(?P<letter>[DXNFdxnf])(?P<digits>[0-9]{0,2})")


def formatted(pattern: str, values: Sequence[object]) -> Iterator[str]:
    """Yield the pieces of a text with the values in it."""
    for piece in _PIECE.finditer(pattern):
        if piece["plain"] is not None:
            yield piece["plain"]
        elif piece["brace"] is not None:
            yield piece["brace"][0]
        elif piece["bad"] is not None:
            raise _refused(f"the format '{pattern}' is not valid")
        else:
            yield _aligned(_one(piece["format"], _at(values, int(piece["index"]))), int(piece["width"] or 0))


def _at(values: Sequence[object], index: int) -> object:
    if index >= len(values):
        raise _refused(f"the index '{index}' must be less than the number of arguments")
    return values[index]


def _aligned(text: str, width: int) -> str:
    return text.rjust(width) if width >= 0 else text.ljust(-width)


def _one(style: str | None, value: object) -> str:
    if not style or kind_of(value) != "int" or not isinstance(value, int):
        return text_of(value)
    if set(style) == {"0"}:
        return _digits(value, min(len(style), 99))
    if (found := _NUMBER.fullmatch(style)) is None:
        raise _refused(f"the emulator does not know the format '{style}'")
    return _styled(found["letter"], found["digits"], value)


def _styled(letter: str, digits: str, value: int) -> str:
    if letter in "dD":
        return _digits(value, int(digits or 0))
    if letter in "xX":
        return f"{value & (2**64 - 1):{letter}}".rjust(int(digits or 0), "0")
    comma = "," if letter in "nN" else ""
    return f"{value:{comma}}" + (f".{'0' * places}" if (places := int(digits or 2)) else "")


def _digits(value: int, least: int) -> str:
    return ("-" if value < 0 else "") + str(abs(value)).rjust(least, "0")


def _refused(why: str) -> ExpressionError:
    return ExpressionError(f"Unable to evaluate template language function 'format': {why}.")
