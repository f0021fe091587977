"""What the facade answers: a status with mlos_bench's names, and a dict of plain JSON. Pure.

A dict that a call returns is the handle: what the caller gave, and beside it where the operation is followed. Errors are
told in the dict, with Azure's own code, text and request id.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from azvm_async.errors import AzureVMError, OperationCanceled, WaitTimeout
from azvm_async.protocol.deployment import Deployed
from azvm_async.protocol.deprovision import Deprovisioned
from azvm_async.protocol.script import RunCommandResult
from azvm_async.protocol.urls import with_query

URL, TOKEN, RESULTS = "asyncResultsUrl", "asyncResultsToken", "remoteExecResults"
"""The keys that are ours: where an operation is followed, what it is resumed from, and what a script brought."""

_NOT_RETURNED = {URL, TOKEN, RESULTS, "deploymentTemplateParameters"}


class Status(Enum):
    """How a call ended; names and values are mlos_bench's."""

    UNKNOWN = 0
    PENDING = 1
    READY = 2
    RUNNING = 3
    SUCCEEDED = 4
    CANCELED = 5
    FAILED = 6
    TIMED_OUT = 7

    def is_good(self) -> bool:
        """Tell whether nothing went wrong so far."""
        return self in {Status.PENDING, Status.READY, Status.RUNNING, Status.SUCCEEDED}

    def is_completed(self) -> bool:
        """Tell whether it is over, well or badly."""
        return self in {Status.SUCCEEDED, Status.CANCELED, Status.FAILED, Status.TIMED_OUT}

    def is_pending(self) -> bool:
        """Tell whether it goes on and is to be waited for."""
        return self is Status.PENDING

    def is_ready(self) -> bool:
        """Tell whether it is ready."""
        return self is Status.READY

    def is_running(self) -> bool:
        """Tell whether it is running."""
        return self is Status.RUNNING

    def is_succeeded(self) -> bool:
        """Tell whether it succeeded."""
        return self is Status.SUCCEEDED

    def is_failed(self) -> bool:
        """Tell whether it failed."""
        return self is Status.FAILED

    def is_canceled(self) -> bool:
        """Tell whether it was canceled."""
        return self is Status.CANCELED

    def is_timed_out(self) -> bool:
        """Tell whether the wait timed out."""
        return self is Status.TIMED_OUT


Answer = tuple[Status, dict[str, Any]]

_SCRIPT_ENDS = {"TimedOut": Status.TIMED_OUT, "Canceled": Status.CANCELED}


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is handed back of a merged config: not an older operation's keys, and nothing that may be secret."""
    kept = {key: value for key, value in config.items() if key not in _NOT_RETURNED and _is_json(value)}
    if isinstance(kept.get("deploymentTemplatePath"), Mapping):  # the template itself
        del kept["deploymentTemplatePath"]
    return kept


def begun(
    config: Mapping[str, Any], url: str | None, token: str | None = None, retry_after: float | None = None
) -> Answer:
    """Answer for an operation that goes on: the handle."""
    known = {"pollInterval": retry_after, URL: url, TOKEN: token and json.loads(token)}
    return Status.PENDING, {**plain(config), **{key: value for key, value in known.items() if value is not None}}


def failed(error: BaseException, config: Mapping[str, Any]) -> Answer:
    """Answer for an error. After a time-out the handle comes back, too, so that it can be waited for again."""
    if isinstance(error, WaitTimeout):
        handle = {key: config[key] for key in (URL, TOKEN) if key in config}
        return Status.TIMED_OUT, {**plain(config), **handle, "error": told(error)}
    return Status.CANCELED if isinstance(error, OperationCanceled) else Status.FAILED, {"error": told(error)}


def told(error: BaseException) -> dict[str, Any]:
    """Return an error as plain JSON, with what it comes from: of a lost answer, what Azure said last."""
    kind, text = type(error).__name__, str(error)
    if not isinstance(error, AzureVMError):
        return {"type": kind, "code": kind, "message": text}
    known = {"vm": error.vm, "httpStatus": error.status, "requestId": error.request_id, "retryAfter": error.retry_after}
    return {
        "type": kind,
        "code": error.code or kind,
        "message": text,
        **{key: value for key, value in known.items() if value is not None},
        **({"details": list(error.details)} if error.details else {}),
        **({"cause": told(error.__cause__)} if isinstance(error.__cause__, AzureVMError) else {}),
    }


def named_by(token: object, url: object) -> bool:
    """Tell whether a token is of the operation that a URL names; whoever put another URL beside it means that."""
    if not isinstance(token, Mapping):
        return False
    own = [each for each in (token.get("poll_url"), token.get("url")) if isinstance(each, str)]
    return url is None or url in {*own, *(with_query(each, **{"$expand": "instanceView"}) for each in own)}


def brought(result: object) -> Answer:
    """Answer for an operation that succeeded, with what is worth telling of its result."""
    told_of: dict[str, Any] = {"status": "Succeeded"}
    if isinstance(result, Deployed):
        told_of |= {"deploymentName": result.name, "outputs": dict(result.outputs), "resources": list(result.resources)}
    elif isinstance(result, Deprovisioned):
        left = [{"id": each.id, "reason": each.reason} for each in result.left]
        told_of |= {"deleted": list(result.deleted), "left": left}
    elif isinstance(result, RunCommandResult):
        return script_status(result), {RESULTS: carried(result)}
    return Status.SUCCEEDED, told_of


def script_status(result: RunCommandResult) -> Status:
    """Return how a script ended: it succeeded if Azure says so and its exit code does not gainsay it."""
    if result.execution_state == "Succeeded" and not result.exit_code:
        return Status.SUCCEEDED
    return _SCRIPT_ENDS.get(result.execution_state, Status.FAILED)


def results(result: RunCommandResult) -> dict[str, Any]:
    """Return what a script brought, its times as dates with a zone."""
    found = {
        "stdout": result.stdout,
        "stderr": result.stderr,
        "exitCode": result.exit_code,
        "startTimestamp": result.started,
        "endTimestamp": result.ended,
    }
    return {**found, "message": result.message} if result.message else found


def carried(result: RunCommandResult) -> dict[str, Any]:
    """Return what a script brought as plain JSON, for the dict of a wait."""
    dates = {"startTimestamp": result.started, "endTimestamp": result.ended}
    texts = {key: date and date.isoformat() for key, date in dates.items()}
    return {**results(result), **texts, "executionState": result.execution_state}


def taken_up(carried_along: Mapping[str, Any]) -> RunCommandResult:
    """Undo :func:`carried`."""
    started, ended = (carried_along.get(key) for key in ("startTimestamp", "endTimestamp"))
    return RunCommandResult(
        exit_code=carried_along["exitCode"],
        stdout=carried_along["stdout"],
        stderr=carried_along["stderr"],
        started=started and datetime.fromisoformat(started),
        ended=ended and datetime.fromisoformat(ended),
        execution_state=carried_along["executionState"],
        message=carried_along.get("message", ""),
    )


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
