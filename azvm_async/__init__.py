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
    InvalidRequest,
    NotFound,
    OperationCanceled,
    OperationFailed,
    OperationPreempted,
    OutcomeUnknown,
    ProtocolError,
    RequestRefused,
    StatusUnreadable,
    Throttled,
    TransportError,
    WaitTimeout,
)
from azvm_async.operation import Operation, Submission, Update, Updates
from azvm_async.pipeline import Retry
from azvm_async.protocol.script import RunCommandResult
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.transport import Timeouts

__all__ = [
    "AuthenticationError",
    "AzureVMClient",
    "AzureVMError",
    "CertificateError",
    "ClientClosed",
    "Clock",
    "Conflict",
    "InstanceView",
    "InvalidRequest",
    "NotFound",
    "Operation",
    "OperationCanceled",
    "OperationFailed",
    "OperationPreempted",
    "OutcomeUnknown",
    "ProtocolError",
    "RequestRefused",
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
