"""Functions of arrays and objects, and those that take strings and arrays alike."""

from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.values import find_key, fingerprint, joined, kind_of, same, text_of, type_name

_LONGEST_RANGE = 10_000


def _concat(*values: Any) -> Any:
    if not isinstance(values[0], list):
        return joined([_scalar(each) for each in values])
    if not all(isinstance(each, list) for each in values):
        raise ExpressionError("The template function 'concat' cannot join arrays with other values.")
    return [item for each in values for item in each]


def _scalar(value: object) -> str:
    if isinstance(value, (list, dict)):
        raise ExpressionError(f"The template function 'concat' cannot join strings with '{type_name(value)}'.")
    return text_of(value)


def _create_object(*pairs: Any) -> dict[str, Any]:
    names, values = pairs[::2], pairs[1::2]
    if len(names) != len(values) or not all(isinstance(name, str) for name in names):
        raise ExpressionError("The template function 'createObject' expects pairs of a string and a value.")
    return dict(zip(names, values, strict=True))


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict):
        return find_key(container, text_of(item)) is not None
    if isinstance(container, list):
        return any(same(each, item) for each in container)
    return text_of(item) in container


def _alike(name: str, values: tuple[Any, ...]) -> type:
    kinds = {kind_of(each) for each in values}
    if len(kinds) != 1:
        raise ExpressionError(f"The template function '{name}' expects all its parameters to be of the same type.")
    return type(values[0])


def _union(*values: Any) -> Any:
    if _alike("union", values) is list:
        return list({fingerprint(item): item for each in reversed(values) for item in reversed(each)}.values())[::-1]
    merged: dict[str, Any] = {}
    for each in values:
        merged = _merged(merged, each, deep=True)
    return merged


def _merged(one: dict[str, Any], other: dict[str, Any], *, deep: bool) -> dict[str, Any]:
    keys = {key.lower(): key for key in one}
    merged = dict(one)
    for name, value in other.items():
        key = keys.setdefault(name.lower(), name)
        known = merged.get(key)
        both = deep and isinstance(known, dict) and isinstance(value, dict)
        merged[key] = _merged(known, value, deep=True) if both and known is not None else value
    return merged


def _intersection(*values: Any) -> Any:
    first, *others = values
    if _alike("intersection", values) is list:
        known = [{fingerprint(item) for item in each} for each in others]
        kept = {fingerprint(item): item for item in first}
        return [item for key, item in kept.items() if all(key in each for each in known)]
    return {
        key: item
        for key, item in first.items()
        if all((found := find_key(each, key)) is not None and same(each[found], item) for each in others)
    }


def _flatten(values: list[Any]) -> list[Any]:
    if not all(isinstance(each, list) for each in values):
        raise ExpressionError("The template function 'flatten' expects an array of arrays.")
    return [item for each in values for item in each]


def _items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value[key]} for key in sorted(value, key=str.lower)]


def _shallow_merge(values: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in values:
        if not isinstance(each, dict):
            raise ExpressionError("The template function 'shallowMerge' expects an array of objects.")
        merged = _merged(merged, each, deep=False)
    return merged


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= _LONGEST_RANGE:
        raise ExpressionError(f"The template function 'range' expects a count from 0 to {_LONGEST_RANGE}.")
    return list(range(start, start + count))


def _try_get(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = _tried(value, key)
    return value


def _tried(value: Any, key: Any) -> Any:
    if isinstance(value, dict) and isinstance(key, str):
        found = find_key(value, key)
        return None if found is None else value[found]
    if isinstance(value, list) and kind_of(key) == "int":
        return value[key] if 0 <= key < len(value) else None
    return None


def _index_of(values: list[Any], item: Any, *, last: bool) -> int:
    found = [number for number, each in enumerate(values) if same(each, item)]
    return found[-1 if last else 0] if found else -1


def _index(container: Any, item: Any, *, last: bool = False) -> int:
    if isinstance(container, list):
        return _index_of(container, item, last=last)
    text, part = container.lower(), text_of(item).lower()
    return int(text.rfind(part) if last else text.find(part))


def _take(value: Any, count: int) -> Any:
    return value[: max(count, 0)]


def _skip(value: Any, count: int) -> Any:
    return value[max(count, 0) :]


def _end(value: Any, place: int) -> Any:
    """Return the first or last item: of an empty string an empty one, of an empty array null."""
    if value:
        return value[place]
    return "" if isinstance(value, str) else None


def _from_end(value: list[Any], place: int) -> Any:
    if not 1 <= place <= len(value):
        raise ExpressionError(f"The template function 'indexFromEnd' index '{place}' is out of bounds.")
    return value[-place]


_MANY = "array|object+"
_ROW = "string|array"

FUNCTIONS = [
    Function("concat", "any+", _concat),
    Function("array", "any", lambda value: value if isinstance(value, list) else [value]),
    Function("createArray", "any*", lambda *values: list(values)),
    Function("createObject", "any*", _create_object),
    Function("contains", "string|array|object any", _contains),
    Function("empty", "string|array|object|null", lambda value: not value),
    Function("length", "string|array|object", len),
    Function("first", _ROW, lambda value: _end(value, 0)),
    Function("last", _ROW, lambda value: _end(value, -1)),
    Function("take", f"{_ROW} int", _take),
    Function("skip", f"{_ROW} int", _skip),
    Function("indexOf", f"{_ROW} any", _index),
    Function("lastIndexOf", f"{_ROW} any", lambda container, item: _index(container, item, last=True)),
    Function("union", _MANY, _union),
    Function("intersection", _MANY, _intersection),
    Function("range", "int int", _range),
    Function("flatten", "array", _flatten),
    Function("items", "object", _items),
    Function("objectKeys", "object", lambda value: sorted(value, key=str.lower)),
    Function("shallowMerge", "array", _shallow_merge),
    Function("tryGet", "any any+", _try_get),
    Function("tryIndexFromEnd", "array|null int", lambda value, place: _tried(value or [], len(value or []) - place)),
    Function("indexFromEnd", "array int", _from_end),
]
