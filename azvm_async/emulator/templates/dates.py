"""Dates in .NET's formats, and ISO 8601 durations, as far as templates use them.

The parts of a format are those of dates and times without a culture: ``yyyy``, ``MM``, ``MMM``, ``dd``, ``ddd``, ``HH``,
``hh``, ``mm``, ``ss``, ``fff``, ``tt``, ``zzz``, ``K`` and their shorter and longer kin; quoted text stands for itself.
"""

import re
from datetime import UTC, datetime, timedelta

from azvm_async.emulator.templates.errors import ExpressionError

DEFAULT = "yyyyMMddTHHmmssZ"
_STANDARD = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ssZ",
}
_PART = re.compile(r"y+|M+|d+|H+|h+|m+|s+|f+|t+|z+|K|'[^']*'|\"[^\"]*\"|\\.|.", re.DOTALL)
_NOON = 12
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
_DURATION = re.compile(
    r"(?P<minus>-)?P(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?(?:(?P<days>\d{1,8})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)
_READABLE = (
    (re.compile(r"\d{8}T\d{6}Z", re.ASCII), "%Y%m%dT%H%M%SZ", DEFAULT),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", re.ASCII), "%Y-%m-%d %H:%M:%SZ", "u"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII), "%Y-%m-%dT%H:%M:%SZ", "yyyy-MM-ddTHH:mm:ssZ"),
    (re.compile(r"\d{4}-\d\d-\d\d", re.ASCII), "%Y-%m-%d", "yyyy-MM-dd"),
)


def written(moment: datetime, style: str) -> str:
    """Write a date in a .NET format."""
    if len(style) == 1 and style not in _STANDARD:
        raise ExpressionError(f"The emulator does not know the date format '{style}'.")
    return "".join(_part(moment, part) for part in _PART.findall(_STANDARD.get(style, style)))


def read(text: str) -> tuple[datetime, str]:
    """Return the date that a text stands for, and its format."""
    try:
        for pattern, shape, style in _READABLE:
            if pattern.fullmatch(text):
                return datetime.strptime(text, shape).replace(tzinfo=UTC), style
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC), "o"
    except (ValueError, OverflowError) as error:
        raise ExpressionError(f"The date '{text[:60]}' is not valid.") from error


def duration(text: str) -> timedelta:
    """Return an ISO 8601 duration; as in .NET, a year has 365 days and a month 30."""
    found = _DURATION.fullmatch(text)
    if found is None or text[-1] in "PT":
        raise ExpressionError(f"The duration '{text[:60]}' is not valid: it must be as in ISO 8601.")
    parts = {name: float(value or 0) for name, value in found.groupdict().items() if name != "minus"}
    days = parts["years"] * 365 + parts["months"] * 30 + parts["days"]
    span = timedelta(days=days, hours=parts["hours"], minutes=parts["minutes"], seconds=parts["seconds"])
    return -span if found["minus"] else span


def _part(moment: datetime, part: str) -> str:
    if part[0] in "'\"":
        return part[1:-1] if len(part) > 1 else part
    if part[0] == "\\":
        return part[1:]
    numbers = _numbers(moment)
    if part[0] in numbers and (part[0] not in "Md" or len(part) < 3):  # noqa: PLR2004  # three and more are words
        return str(numbers[part[0]]).rjust(min(len(part), 2), "0")
    return _word(moment, part)


def _numbers(moment: datetime) -> dict[str, int]:
    hour = moment.hour
    return {"M": moment.month, "d": moment.day, "H": hour, "h": hour % 12 or 12, "m": moment.minute, "s": moment.second}


def _word(moment: datetime, part: str) -> str:
    match part[0]:
        case "y":
            return f"{moment.year:04}"[-2 if len(part) <= 2 else 0 :]  # noqa: PLR2004
        case "M" | "d":
            name = _MONTHS[moment.month - 1] if part[0] == "M" else _DAYS[moment.weekday()]
            return name[: 3 if len(part) == 3 else None]  # noqa: PLR2004
        case "f":
            return f"{moment.microsecond:06}0"[: len(part)]
        case "t":
            return ("AM" if moment.hour < _NOON else "PM")[: len(part)]
        case other:
            return {"z": "+00:00"[: {1: 2, 2: 3}.get(len(part), 6)], "K": "Z"}.get(other, part)
