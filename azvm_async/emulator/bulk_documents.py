"""Bulk operations as their requests show them."""

from datetime import datetime
from functools import lru_cache

from azvm_async.emulator.bulk_model import BulkOperation
from azvm_async.emulator.model import Document, Failure, World

_LATELY = 256


def shown(world: World, record: BulkOperation | None, name: str) -> Document:
    """Return how an operation goes, or that there is none."""
    if record is None:
        unknown = {"operationId": name, "state": "Unknown"}
        return result(None, unknown, "OperationNotFound", f"The operation '{name}' was not found.")
    return result(record.path, details(world, record))


def result(path: str | None, operation: Document | None, code: str | None = None, why: str | None = None) -> Document:
    """Return what is said of one VM: its operation, or an error."""
    return {"resourceId": path, "errorCode": code, "errorDetails": why, "operation": operation}


def details(world: World, record: BulkOperation) -> Document:
    """Return how an operation goes."""
    failure = record.failure
    return {
        "operationId": record.id,
        "resourceId": record.path,
        "opType": record.sort.name,
        "subscriptionId": record.subscription,
        "deadline": _written(record.schedule.deadline),
        "deadlineType": record.schedule.deadline_type,
        "state": record.state,
        "timeZone": "UTC",
        "resourceOperationError": failure and {"errorCode": failure.code, "errorDetails": failure.message},
        "completedAt": _date(world, record.ended),
        "retryPolicy": record.retry_policy,
    }


def errors(world: World, record: BulkOperation | None, name: str) -> Document:
    """Return an operation's errors, or that there is no such operation."""
    if record is None:
        why = f"The operation '{name}' was not found."
        return {"operationId": name, "requestErrorCode": "OperationNotFound", "requestErrorDetails": why}
    return {
        "operationId": record.id,
        "creationTime": _date(world, record.created),
        "activationTime": _written(record.schedule.deadline),
        "completedAt": _date(world, record.ended),
        "operationErrors": [_error(world, record, record.failure)] if record.failure else [],
        "requestErrorCode": None,
        "requestErrorDetails": None,
    }


def _error(world: World, record: BulkOperation, failure: Failure) -> Document:
    return {
        "errorCode": failure.code,
        "errorDetails": failure.message,
        "timeStamp": _date(world, record.ended),
        "azureOperationName": record.operation and record.operation.id,
    }


def _date(world: World, moment: float | None) -> str | None:
    return None if moment is None else world.date(moment)


@lru_cache(_LATELY)
def _written(deadline: datetime) -> str:
    return deadline.isoformat(timespec="microseconds")
