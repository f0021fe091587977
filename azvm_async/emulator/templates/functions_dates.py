"""Date functions; ``utcNow()`` is what :class:`Site` says, and for parameters' defaults only."""

from datetime import UTC, datetime, timedelta

from azvm_async.emulator.templates.dates import DEFAULT, duration, read, written
from azvm_async.emulator.templates.errors import NOT_HERE, ExpressionError
from azvm_async.emulator.templates.functions import Function
from azvm_async.emulator.templates.scope import Scope

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _add(base: str, span: str, style: str | None = None) -> str:
    moment, known = read(base)
    try:
        return written(moment + duration(span), style or known)
    except OverflowError as error:
        raise ExpressionError("The template function 'dateTimeAdd' leaves the calendar.") from error


def _to_epoch(text: str) -> int:
    return (read(text)[0] - _EPOCH) // timedelta(seconds=1)


def _from_epoch(seconds: int) -> str:
    try:
        return written(_EPOCH + timedelta(seconds=seconds), "yyyy-MM-ddTHH:mm:ssZ")
    except OverflowError as error:
        raise ExpressionError("The template function 'dateTimeFromEpoch' leaves the calendar.") from error


def _utc_now(scope: Scope, style: str = DEFAULT) -> str:
    check_in_default(scope, "utcNow")
    return written(scope.site.utc.astimezone(UTC), style or DEFAULT)


def _new_guid(scope: Scope) -> str:
    check_in_default(scope, "newGuid")
    return scope.site.new_guid()


def check_in_default(scope: Scope, function: str) -> None:
    """Refuse a function outside of a parameter's default value."""
    if not scope.in_default:
        raise ExpressionError(f"{NOT_HERE.format(function)} It can only be used in the default value of a parameter.")


FUNCTIONS = [
    Function("dateTimeAdd", "string string string?", _add),
    Function("dateTimeToEpoch", "string", _to_epoch),
    Function("dateTimeFromEpoch", "int", _from_epoch),
    Function("utcNow", "string?", _utc_now, scoped=True),
    Function("newGuid", "", _new_guid, scoped=True),
]
