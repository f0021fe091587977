"""String functions."""

import re
from itertools import starmap

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.formats import formatted
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.hashes import guid, unique_string
from azvm_async.emulator.templates.values import check_length, joined, text_of


def _split(text: str, delimiters: str | list[object]) -> list[str]:
    wanted = [delimiters] if isinstance(delimiters, str) else [text_of(each) for each in delimiters]
    pattern = "|".join(re.escape(each) for each in wanted if each)
    return re.split(pattern, text) if pattern else [text]


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        raise ExpressionError("The template language function 'replace' cannot search for an empty string.")
    check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if start < 0 or start > len(text) or end < start or end > len(text):
        raise ExpressionError(
            "Unable to evaluate template language function 'substring'. The index and length parameters must refer to "
            f"a location within the string. The index parameter: '{start}', the length parameter: "
            f"'{end - start}', the length of the string parameter: '{len(text)}'."
        )
    return text[start:end]


def _pad_left(value: object, total: int, letter: str = " ") -> str:
    if len(letter) != 1:
        raise ExpressionError("The template language function 'padLeft' pads with a single character.")
    check_length(total)
    return text_of(value).rjust(total, letter)


def _format(pattern: str, *values: object) -> str:
    return joined(list(formatted(pattern, values)))


def _join(values: list[object], delimiter: str) -> str:
    return joined([text_of(each) for each in values], delimiter)


def _string(value: object) -> str:
    return joined([text_of(value)])


_SCALAR = "string|int|bool|float"

FUNCTIONS = list(
    starmap(
        Function,
        [
            ("format", "string any*", _format),
            ("split", "string string|array", _split),
            ("replace", "string string string", _replace),
            ("substring", "string int int?", _substring),
            ("toLower", "string", str.lower),
            ("toUpper", "string", str.upper),
            ("trim", "string", str.strip),
            ("startsWith", "string string", lambda text, start: text.lower().startswith(start.lower())),
            ("endsWith", "string string", lambda text, end: text.lower().endswith(end.lower())),
            ("padLeft", "string|int int string?", _pad_left),
            ("string", "any", _string),
            ("join", "array string", _join),
            ("uniqueString", "string+", lambda *parts: unique_string("-".join(parts))),
            ("guid", f"{_SCALAR}+", lambda *parts: guid("-".join(map(text_of, parts)))),
        ],
    )
)
