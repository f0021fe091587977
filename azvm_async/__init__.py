"""Asyncio-native client for Azure virtual machines: every operation is a handle you can await.

>>> async with AzureVMClient(subscription, resource_group) as client:
...     operation = await client.start("vm1")
...     await operation

The names below are imported when they are first used, so that what only needs a corner of the package (a pytest plugin,
which every test run loads) doesn't wait for all of it. PYTEST_DONT_REWRITE: pytest must not mind that it is imported
early.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azvm_async.budget import Budget
    from azvm_async.client import AzureVMClient
    from azvm_async.clock import Clock, SystemClock, VirtualClock
    from azvm_async.errors import (
        AuthenticationError,
        AzureVMError,
        CertificateError,
        ClientClosed,
        Conflict,
        DeploymentFailed,
        DeprovisionIncomplete,
        FleetFailed,
        InvalidRequest,
        NotAccepted,
        NotFound,
        OperationCanceled,
        OperationFailed,
        OperationPreempted,
        OutcomeUnknown,
        OwnershipUnknown,
        ProtocolError,
        RequestRefused,
        StatusUnreadable,
        Throttled,
        TransportError,
        WaitTimeout,
    )
    from azvm_async.fleet import Fleet, Outcome, Query, Report, Run, RunOptions, State
    from azvm_async.operation import Operation, Update, Updates
    from azvm_async.pipeline import Retry
    from azvm_async.protocol.bulk_member import BulkMember
    from azvm_async.protocol.deployment import Cause, Deployed
    from azvm_async.protocol.deprovision import Deprovisioned
    from azvm_async.protocol.machine import ResourceProgress
    from azvm_async.protocol.plan import DeprovisionPlan, Left
    from azvm_async.protocol.script import RunCommandResult
    from azvm_async.protocol.vm import InstanceView, VirtualMachine
    from azvm_async.protocol.what_if import PropertyChange, ResourceChange
    from azvm_async.submission import Submission
    from azvm_async.transport import Timeouts

__all__ = [
    "AuthenticationError",
    "AzureVMClient",
    "AzureVMError",
    "Budget",
    "BulkMember",
    "Cause",
    "CertificateError",
    "ClientClosed",
    "Clock",
    "Conflict",
    "Deployed",
    "DeploymentFailed",
    "DeprovisionIncomplete",
    "DeprovisionPlan",
    "Deprovisioned",
    "Fleet",
    "FleetFailed",
    "InstanceView",
    "InvalidRequest",
    "Left",
    "NotAccepted",
    "NotFound",
    "Operation",
    "OperationCanceled",
    "OperationFailed",
    "OperationPreempted",
    "Outcome",
    "OutcomeUnknown",
    "OwnershipUnknown",
    "PropertyChange",
    "ProtocolError",
    "Query",
    "Report",
    "RequestRefused",
    "ResourceChange",
    "ResourceProgress",
    "Retry",
    "Run",
    "RunCommandResult",
    "RunOptions",
    "State",
    "StatusUnreadable",
    "Submission",
    "SystemClock",
    "Throttled",
    "Timeouts",
    "TransportError",
    "Update",
    "Updates",
    "VirtualClock",
    "VirtualMachine",
    "WaitTimeout",
]

_ROOMS = {
    "budget": "Budget",
    "client": "AzureVMClient",
    "clock": "Clock SystemClock VirtualClock",
    "errors": (
        "AuthenticationError AzureVMError CertificateError ClientClosed Conflict DeploymentFailed DeprovisionIncomplete "
        "FleetFailed "
        "InvalidRequest NotAccepted NotFound OperationCanceled OperationFailed OperationPreempted OutcomeUnknown OwnershipUnknown "
        "ProtocolError RequestRefused StatusUnreadable Throttled TransportError WaitTimeout"
    ),
    "fleet": "Fleet Outcome Query Report Run RunOptions State",
    "operation": "Operation Update Updates",
    "pipeline": "Retry",
    "protocol.bulk_member": "BulkMember",
    "protocol.deployment": "Cause Deployed",
    "protocol.deprovision": "Deprovisioned",
    "protocol.machine": "ResourceProgress",
    "protocol.plan": "DeprovisionPlan Left",
    "protocol.script": "RunCommandResult",
    "protocol.vm": "InstanceView VirtualMachine",
    "protocol.what_if": "PropertyChange ResourceChange",
    "submission": "Submission",
    "transport": "Timeouts",
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name from its room."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value

    def __dir__() -> list[str]:
        """Tell the public names, imported or not."""
        return sorted({*globals(), *__all__})
