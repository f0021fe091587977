"""Objects in a state file that know their place, so that whatever is wrong there is told with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.model import Document, World

Value = TypeVar("Value")
_WORDS = {str: "a string", dict: "an object", list: "a list", int: "a whole number", bool: "true or false"}


class Entry:
    """An object at a place.

    Raises
    ------
    ValueError
        When it is none; as all that follows, with the place and what was expected.
    """

    def __init__(self, value: object, place: str) -> None:
        self.place = place
        if not isinstance(value, dict):
            raise ValueError(f"{place}: expected an object, found {_shown(value)}")  # noqa: TRY004  # wrong content
        self.document: Document = value

    def value(self, name: str, sort: type[Value], default: Value | None = None) -> Value:
        """Return what is under a name; what is missing is refused when there is no default."""
        found = self.document.get(name)
        if found is None and default is not None:
            return default
        if not isinstance(found, sort) or (isinstance(found, bool) and sort is not bool):
            raise self.wrong(name, _WORDS[sort])
        return found

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string that isn't empty."""
        return self.value(name, str, default) or self._missing(name)

    def optional(self, name: str, sort: type[Value]) -> Value | None:
        """Return what is under a name if there is anything."""
        return None if self.document.get(name) is None else self.value(name, sort)

    def one_of(self, name: str, *words: str) -> str:
        """Return one of these words, the first one by default."""
        if (found := self.value(name, str, words[0])) not in words:
            raise self.wrong(name, f"one of {', '.join(words)}")
        return found

    def entry(self, name: str) -> "Entry":
        """Return the object under a name, empty when there is none."""
        return Entry(self.value(name, dict, {}), f"{self.place}.{name}")

    def entries(self, name: str) -> list["Entry"]:
        """Return the objects of the list under a name, none when there is no list."""
        found: list[Any] = self.value(name, list, [])
        place = f"{self.place}.{name}" if self.place else name
        return [Entry(each, f"{place}[{number}]") for number, each in enumerate(found)]

    def texts(self, name: str) -> list[str]:
        """Return the list of strings under a name, empty when there is none."""
        found: list[Any] = self.value(name, list, [])
        if not all(isinstance(each, str) for each in found):
            raise self.wrong(name, "a list of strings")
        return found

    def tags(self) -> dict[str, str] | None:
        """Return the tags, if there are any."""
        found: dict[str, Any] | None = self.optional("tags", dict)
        if found is not None and not all(isinstance(each, str) for each in found.values()):
            raise self.wrong("tags", "an object of strings")
        return found

    def time(self, name: str, world: World) -> float | None:
        """Return a date on the monotonic clock, if there is one."""
        if (given := self.optional(name, str)) is None:
            return None
        try:
            date = datetime.fromisoformat(given)
            found = world.monotonic(date if date.tzinfo else date.replace(tzinfo=UTC))
            world.date(found)  # which fails at the ends of the calendar
        except (ValueError, OverflowError) as error:
            raise self.wrong(name, "a date as 2026-01-31T12:00:00Z") from error
        return found

    def time_or(self, name: str, world: World, default: float) -> float:
        """Return a date on the monotonic clock, or the default where there is none."""
        found = self.time(name, world)
        return default if found is None else found

    def allow(self, *names: str) -> None:
        """Refuse other names than these, which are likely to be misspelt."""
        if unknown := self.document.keys() - set(names):
            raise ValueError(f"{self.place or 'the file'}: unknown name '{min(unknown)}', expected {', '.join(names)}")

    def wrong(self, name: str, expected: str) -> ValueError:
        """Return the error that says what was expected under a name."""
        found = _shown(self.document[name]) if name in self.document else "nothing"
        return ValueError(f"{self.place}: '{name}': expected {expected}, found {found}".removeprefix(": "))

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Tell this place when something inside is refused as ARM refuses it."""
        try:
            yield
        except Refusal as refusal:
            raise ValueError(f"{self.place}: {refusal.message}") from refusal

    def _missing(self, name: str) -> str:
        raise self.wrong(name, "a string that isn't empty")


def _shown(value: object) -> str:
    """Return the sort of a value, or a short value itself."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"  # noqa: PLR2004  # what fits into a line
