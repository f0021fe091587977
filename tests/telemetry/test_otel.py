"""OpenTelemetry: spans within the caller's, events in them, and metrics, as an exporter gets them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from leaks import leaks
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from azvm_async import AzureVMClient, Conflict, Fleet, OperationFailed, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.otel import OpenTelemetryObserver
from telemetry.support import opened


class Backend:
    """What keeps spans and metrics, in place of a collector."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider([self._reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.tracers.get_tracer("test")
        self.observer = OpenTelemetryObserver(self.tracers, self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        """Ours that have ended."""
        return [each for each in self._exporter.get_finished_spans() if each.name.startswith("azvm ")]

    def points(self, metric: str) -> list[tuple[dict[str, Any], Any]]:
        """Return attributes and value of each point of a metric; of a histogram the number and the sum."""
        data = self._reader.get_metrics_data()
        found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
        points = [point for each in found if each.name == metric for point in each.data.data_points]
        return [(dict(each.attributes), getattr(each, "value", None) or (each.count, each.sum)) for each in points]

    def close(self) -> None:
        """Let go of all."""
        self.tracers.shutdown()
        self.meters.shutdown()


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.close()


@pytest.fixture
async def client(arm: Emulator, clock: VirtualClock, backend: Backend):
    async with opened(arm, clock, backend.observer) as made:
        yield made


async def test_operation_is_a_span_with_its_ids(client: AzureVMClient, backend: Backend):
    operation = await client.start("vm1")
    await operation
    (span,) = backend.spans
    found = dict(span.attributes or {})
    assert (span.name, span.kind, span.status.status_code) == ("azvm start", SpanKind.CLIENT, StatusCode.UNSET)
    assert len(str(found.pop("az.client_request_id"))) == len(str(found.pop("az.service_request_id"))) == 36
    assert found == {
        "az.namespace": "Microsoft.Compute",
        "azvm.verb": "start",
        "azvm.vm": "vm1",
        "azvm.subscription": client.subscription,
        "azvm.outcome": "Succeeded",
        "cloud.resource_id": operation.about.resource,
    }


async def test_spans_are_within_the_span_of_their_caller(client: AzureVMClient, arm: Emulator, backend: Backend):
    arm.add_vm("vm2")

    async def starting(name: str) -> int:
        with backend.tracer.start_as_current_span(name) as own:
            await client.start(name).result()
            return own.get_span_context().span_id

    callers = await asyncio.gather(starting("vm1"), starting("vm2"))
    parents = {(each.attributes or {})["azvm.vm"]: each.parent and each.parent.span_id for each in backend.spans}
    assert parents == dict(zip(("vm1", "vm2"), callers, strict=True))


async def test_spans_of_a_fleet_are_within_its_callers(client: AzureVMClient, backend: Backend):
    with backend.tracer.start_as_current_span("all") as own:
        async with Fleet(client, ["vm1"]) as fleet:
            await fleet.start()
    (span,) = backend.spans
    assert span.parent is not None
    assert span.parent.span_id == own.get_span_context().span_id


async def test_operation_that_is_resumed_is_a_span_of_who_resumes_it(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, backend: Backend
):
    async with opened(arm, clock, None) as other:
        token = (await other.start("vm1")).token
    with backend.tracer.start_as_current_span("resuming") as own:
        operation = client.resume(token)
    await operation
    (span,) = backend.spans
    assert span.parent is not None
    assert span.parent.span_id == own.get_span_context().span_id


async def test_polls_retries_and_refusals_are_events_of_the_span(
    client: AzureVMClient, arm: Emulator, backend: Backend
):
    arm.inject(faults.Status(503), path="*/start")
    arm.inject(faults.Status(429, retry_after=2), path="*/start")
    operation = await client.start("vm1")
    await operation
    names = [event.name for event in backend.spans[0].events]
    assert names[:6] == ["retried", "submitted", "throttled", "retried", "submitted", "accepted"]
    assert names[6:] == ["polled"] * operation.polls
    throttled = backend.spans[0].events[2]
    assert (throttled.attributes or {})["azvm.retry_after"] == 2.0


async def test_failure_is_an_error_of_the_span(client: AzureVMClient, arm: Emulator, backend: Backend):
    arm.inject(faults.AllocationFailed(), path="*/start")
    with pytest.raises(OperationFailed):
        await client.start("vm1").result()
    (span,) = backend.spans
    assert span.status.status_code is StatusCode.ERROR
    assert "AllocationFailed" in str(span.status.description)
    assert (span.attributes or {})["error.type"] == "OperationFailed"


async def test_refusal_is_an_error_of_the_span(client: AzureVMClient, arm: Emulator, backend: Backend):
    arm.inject(faults.Conflict(), path="*/start")
    with pytest.raises(Conflict):
        await client.start("vm1")
    assert [(each.status.status_code, (each.attributes or {})["azvm.outcome"]) for each in backend.spans] == [
        (StatusCode.ERROR, "NotAccepted")
    ]


async def test_closing_the_client_ends_its_spans_without_an_error(arm: Emulator, clock: VirtualClock, backend: Backend):
    async with opened(arm, clock, backend.observer) as client:
        await client.start("vm1")
    (span,) = backend.spans
    assert (span.status.status_code, (span.attributes or {})["azvm.outcome"]) == (StatusCode.UNSET, "Running")
    assert backend.observer._spans == {}


async def test_metrics_count_polls_refusals_retries_and_failures(
    client: AzureVMClient, arm: Emulator, backend: Backend
):
    arm.inject(faults.Status(429, retry_after=2), path="*/start")
    arm.inject(faults.AllocationFailed(), path="*/start")
    operation = await client.start("vm1")
    with pytest.raises(OperationFailed):
        await operation
    verb = {"azvm.verb": "start"}
    assert backend.points("azvm.polls") == [(verb, operation.polls)]
    assert backend.points("azvm.throttled") == [({**verb, "azvm.policy": "writes"}, 1)]
    assert backend.points("azvm.retries") == [(verb, 1)]
    failure = {**verb, "azvm.outcome": "Failed", "error.type": "OperationFailed"}
    assert backend.points("azvm.failures") == [(failure, 1)]


async def test_metrics_tell_how_long_was_waited_and_how_long_it_took(
    client: AzureVMClient, arm: Emulator, backend: Backend, clock: VirtualClock
):
    arm.inject(faults.Status(429, retry_after=20), path="*/start")
    await client.start("vm1").result()
    verb = {"azvm.verb": "start"}
    assert backend.points("azvm.operation.duration") == [
        ({**verb, "azvm.outcome": "Succeeded"}, (1, pytest.approx(clock.monotonic())))
    ]
    waits = {attributes["azvm.wait"]: found for attributes, found in backend.points("azvm.wait.duration")}
    assert waits == {"limits": (1, 0.0), "retry": (1, pytest.approx(20, abs=0.5))}


async def test_nothing_that_is_exported_shows_a_secret(client: AzureVMClient, arm: Emulator, backend: Backend):
    arm.inject(faults.Status(503), method="GET", path="*/operations/*")
    await client.start("vm1").result()
    assert leaks("".join(span.to_json() for span in backend.spans)) == []
