"""Template and parameter files: JSON, and the JSON with comments and trailing commas that ARM's tools take.

Comments and trailing commas become blanks, so that a mistake is told with the line that it has in the file.
"""

import json
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from azvm_async.errors import InvalidRequest
from azvm_async.protocol.template import checked_template

Source = Mapping[str, Any] | str | PathLike[str]

_LONGEST_NAME = 255
# What never closes is kept, to its end: it is then told where it begins, and is not looked through again and again.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_BESIDE_STRINGS = re.compile(rf"(?P<kept>{_STRING})|//[^\n]*|/\*.*?\*/|(?P<open>/\*.*)", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"(?P<kept>{_STRING})|,(?=\s*[\]}}])(?P<open>)", re.DOTALL)


def template_of(source: Source) -> Mapping[str, Any]:
    """Return a template: the one given, or the one in a file.

    Parameters
    ----------
    source : Mapping, str or PathLike
        The template, or the path of a ``.json`` or ``.jsonc`` file.

    Raises
    ------
    InvalidRequest
        When the file can't be read or parsed (with its line), or is no template.
    """
    if isinstance(source, Mapping):
        return checked_template(source)
    if not isinstance(source, str | PathLike):
        raise InvalidRequest(f"A template is a dict, or the path of a file, not a {type(source).__name__}")
    _check_path(source)
    try:
        return checked_template(_file(source))
    except InvalidRequest as error:
        raise InvalidRequest(error.what if str(source) in error.what else f"{source}: {error.what}") from error


def parameters_of(source: Source | None) -> dict[str, Mapping[str, Any]]:
    """Return parameters in ARM's form, ``{"value": …}`` by name: of the values given, or of a parameter file.

    Parameters
    ----------
    source : Mapping, str or PathLike, optional
        Values by name, or the path of an ARM parameter file.

    Raises
    ------
    InvalidRequest
        When it is neither, or the file can't be read or parsed.
    """
    if source is None:
        return {}
    if isinstance(source, Mapping):
        if all(isinstance(name, str) for name in source):
            return {name: {"value": value} for name, value in source.items()}
        raise InvalidRequest("Parameters are named by a str")
    if not isinstance(source, str | PathLike):
        raise InvalidRequest(f"Parameters are a dict, or the path of a file, not a {type(source).__name__}")
    _check_path(source)
    document = _file(source)
    found = document.get("parameters") if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping) or not all(_is_wired(value) for value in found.values()):
        raise InvalidRequest(f'{source} is no ARM parameter file: {{"parameters": {{name: {{"value": …}}}}}} is')
    return dict(found)


def text_of(source: str | PathLike[str], what: str) -> str:
    """Return a text: the one given, or, for a path object, the file's.

    Raises
    ------
    InvalidRequest
        When it is neither, or the file can't be read.
    """
    if isinstance(source, str):
        if source.isprintable() and len(source) < _LONGEST_NAME and Path(source).is_file():
            raise InvalidRequest(f"{what} is the name of a file; pathlib.Path({source!r}) means its content")
        return source
    if isinstance(source, PathLike):
        return _read(source)
    raise InvalidRequest(f"{what} is a str, or a pathlib.Path of a file, not a {type(source).__name__}")


def parse(text: str) -> Any:
    """Return the JSON of a text in which there may be comments and trailing commas.

    Raises
    ------
    ValueError
        When it is none, or nests too deeply; a :class:`json.JSONDecodeError` knows the line.
    """
    plain = _TRAILING_COMMA.sub(_blank, _BESIDE_STRINGS.sub(_blank, text))
    try:
        return json.loads(plain, strict=False)  # ARM takes line breaks within strings, so they are taken here
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def _check_path(source: str | PathLike[str]) -> None:
    """Refuse what is no path of a JSON file; text is not shown, for it may hold a password."""
    text = str(source)
    if isinstance(source, str) and (text.lstrip().startswith(("{", "[")) or "\n" in text):
        raise InvalidRequest(
            "This is a text, where a dict or the path of a file is asked for: json.loads makes a dict of it"
        )
    if Path(text).suffix.lower() in {".bicep", ".bicepparam"}:
        command = "build" if text.lower().endswith(".bicep") else "build-params"
        raise InvalidRequest(f"{source} is Bicep; 'az bicep {command} --file {source}' makes the JSON of it")


def _blank(match: re.Match[str]) -> str:
    """Keep a string as it is, and a comment without an end; of all else only the line breaks."""
    return match["kept"] or match["open"] or re.sub(r"[^\n]", " ", match[0])


def _is_wired(value: object) -> bool:
    return isinstance(value, Mapping) and ("value" in value or "reference" in value)


def _file(path: str | PathLike[str]) -> Any:
    text = _read(path)
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}") from error
    except ValueError as error:
        raise InvalidRequest(f"{path} is not JSON: {error}") from error


def _read(path: str | PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} can't be read: {error}") from error
