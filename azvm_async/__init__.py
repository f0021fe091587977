"""Asyncio-native client for Azure virtual machines: every operation is a handle you can await.

>>> async with AzureVMClient(subscription, resource_group) as client:
...     operation = await client.start("vm1")
...     await operation
"""

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
    InvalidRequest,
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
from azvm_async.operation import Operation, Submission, Update, Updates
from azvm_async.pipeline import Retry
from azvm_async.protocol.deployment import Cause, Deployed
from azvm_async.protocol.deprovision import Deprovisioned
from azvm_async.protocol.machine import ResourceProgress
from azvm_async.protocol.plan import DeprovisionPlan, Left
from azvm_async.protocol.script import RunCommandResult
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.protocol.what_if import PropertyChange, ResourceChange
from azvm_async.transport import Timeouts

__all__ = [
    "AuthenticationError",
    "AzureVMClient",
    "AzureVMError",
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
    "InstanceView",
    "InvalidRequest",
    "Left",
    "NotFound",
    "Operation",
    "OperationCanceled",
    "OperationFailed",
    "OperationPreempted",
    "OutcomeUnknown",
    "OwnershipUnknown",
    "PropertyChange",
    "ProtocolError",
    "RequestRefused",
    "ResourceChange",
    "ResourceProgress",
    "Retry",
    "RunCommandResult",
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
