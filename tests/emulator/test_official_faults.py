"""The official SDK, sync and async, meets the faults over a socket, and takes each for what it stands for."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import azure.mgmt.compute
import azure.mgmt.compute.aio
import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceExistsError,
    ServiceResponseTimeoutError,
)

from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.faults import Fault
from emulator.official import Service, options

VM = ("emulated-rg", "vm1")


@pytest.fixture(params=["sync", "async"])
async def machines(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Service]:
    """Both SDKs in turn, without retries and with little patience, and a VM that runs."""
    served.add_vm("vm1", power="running")
    chosen = {**await options(served), "read_timeout": 0.3}
    if request.param == "sync":
        with azure.mgmt.compute.ComputeManagementClient(**chosen) as client:
            yield Service(client, "virtual_machines")
    else:
        async with azure.mgmt.compute.aio.ComputeManagementClient(**chosen) as client:
            yield Service(client, "virtual_machines")


@pytest.mark.parametrize(
    ("fault", "met", "code", "powers"),
    [
        (faults.ResetBefore(), AzureError, None, {"running"}),
        (faults.ResetAfter(), AzureError, None, {"deallocating", "deallocated"}),
        (faults.Slow(1.0), ServiceResponseTimeoutError, None, {"deallocating", "deallocated"}),
        (faults.Status(408), HttpResponseError, "RequestTimeout", {"running"}),
        (faults.Status(429, 1), HttpResponseError, "TooManyRequests", {"running"}),
        (faults.Status(500), HttpResponseError, "InternalServerError", {"running"}),
        (faults.Status(503, applied=True), HttpResponseError, "ServiceUnavailable", {"deallocating", "deallocated"}),
        (faults.ExpiredToken(), ClientAuthenticationError, "ExpiredAuthenticationToken", {"running"}),
        (faults.ClaimsChallenge(), ClientAuthenticationError, "InvalidAuthenticationToken", {"running"}),
        (faults.NotYetFound(), HttpResponseError, "NotFound", {"deallocating", "deallocated"}),
        (faults.TrackingForeign("http://127.0.0.1:9"), AzureError, None, {"deallocating", "deallocated"}),
        (faults.Preempted(), HttpResponseError, "OperationPreempted", {"running"}),
        (faults.AllocationFailed(), HttpResponseError, "AllocationFailed", {"running"}),
        (faults.QuotaExceeded(), ResourceExistsError, "OperationNotAllowed", {"running"}),
        (faults.Conflict(), ResourceExistsError, "Conflict", {"running"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
async def test_a_change_that_is_struck_fails(
    served: Emulator, machines: Service, fault: Fault, met: type[AzureError], code: str | None, powers: set[str]
):
    served.inject(fault)
    with pytest.raises(met) as caught:
        await machines("begin_deallocate", *VM)
    assert getattr(getattr(caught.value, "error", None), "code", None) == code
    assert served.vm("vm1").power_state in powers


@pytest.mark.parametrize(
    ("fault", "met"),
    [
        (faults.ResetMidway(), AzureError),
        (faults.Truncated(), DecodeError),
        (faults.WrongBody("<html>"), DecodeError),
    ],
)
async def test_a_document_that_is_struck_cannot_be_read(
    served: Emulator, machines: Service, fault: Fault, met: type[AzureError]
):
    served.inject(fault)
    with pytest.raises(met):
        await machines("get", *VM)
    assert (await machines("get", *VM)).name == "vm1"


def is_ahead(response: Any) -> bool:
    """Tell whether an answer's date is in the future."""
    return parsedate_to_datetime(response.headers["date"]) > datetime.now(UTC) + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("fault", "is_struck"),
    [
        (faults.ClockSkew(3600), is_ahead),
        (faults.WrongBody("[]"), lambda response: response.text() == "[]"),
        (faults.UnknownState(), lambda response: "Reticulating" in response.text()),
        (faults.TrackingRelative(), lambda response: response.headers.get("location", "").startswith("/")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
async def test_what_can_be_borne_is_borne(
    served: Emulator, machines: Service, fault: Fault, is_struck: Callable[[Any], bool]
):
    responses: list[Any] = []
    served.inject(fault)
    await machines("begin_deallocate", *VM, raw_response_hook=lambda taken: responses.append(taken.http_response))
    assert [is_struck(response) for response in responses].count(True) == 1
    assert served.vm("vm1").power_state == "deallocated"


async def test_polls_that_are_sent_elsewhere_go_there(served: Emulator, machines: Service):
    urls: list[str] = []
    served.inject(faults.TrackingMoved())
    await machines("begin_deallocate", *VM, raw_response_hook=lambda taken: urls.append(taken.http_request.url))
    assert len({url for url in urls if "/operations/" in url}) == 2


async def test_an_operation_never_ends_until_another_takes_over(served: Emulator, machines: Service):
    served.inject(faults.Endless())
    await machines("begin_deallocate", *VM, polling=False)
    await served.clock.sleep(0.3)
    assert served.vm("vm1").power_state == "deallocating"
    await machines("begin_start", *VM)
    assert served.vm("vm1").power_state == "running"
