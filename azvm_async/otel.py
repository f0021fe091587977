"""OpenTelemetry: an observer that makes spans and metrics of what a client tells (extra ``otel``).

A span an operation, from its first byte to its end, within the span that was the caller's when it was submitted; polls, retries
and refusals are events in it. Names follow azure-core's where it has one (``az.…``).
"""

from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer

from azvm_async.protocol.ids import short_name, subscription_in
from azvm_async.telemetry import Accepted, Event, Finished, Polled, Retried, Submitted, Throttled, is_failure

CLIENT_REQUEST_ID, SERVICE_REQUEST_ID = "az.client_request_id", "az.service_request_id"

_NAME = "azvm_async"

Attributes = dict[str, str | int | float]


class OpenTelemetryObserver:
    """Makes spans and metrics; give it to one client or to many: ``AzureVMClient(…, observer=OpenTelemetryObserver())``.

    Parameters
    ----------
    tracer_provider : TracerProvider, optional
        By default the process's.
    meter_provider : MeterProvider, optional
        By default the process's.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        release = version("azvm-async")
        self._tracer = get_tracer(_NAME, release, tracer_provider)
        meter = get_meter(_NAME, release, meter_provider)
        self._durations = meter.create_histogram(
            "azvm.operation.duration", "s", "From the first byte of an operation to its end"
        )
        self._waits = meter.create_histogram(
            "azvm.wait.duration", "s", "Waited before Azure's limits, and before another sending"
        )
        self._polls = meter.create_counter("azvm.polls", "{poll}", "States asked for")
        self._refusals = meter.create_counter("azvm.throttled", "{response}", "Answers of 429")
        self._retries = meter.create_counter("azvm.retries", "{request}", "Requests sent again")
        self._failures = meter.create_counter("azvm.failures", "{operation}", "Operations that did not succeed")
        self._spans: dict[int, Span] = {}  # of operations that have not ended

    def __call__(self, event: Event, /) -> None:
        """Take an event in."""
        match event:
            case Submitted():
                self._submitted(event)
            case Accepted():
                self._accepted(event)
            case Polled():
                self._polled(event)
            case Throttled():
                self._throttled(event)
            case Retried():
                self._retried(event)
            case Finished():
                self._finished(event)

    def _submitted(self, event: Submitted) -> None:
        self._within(event).set_attribute(CLIENT_REQUEST_ID, event.client_request_id)
        if event.attempt == 1:
            self._waits.record(event.waited, {"azvm.verb": event.verb, "azvm.wait": "limits"})
        else:
            self._note(event, "submitted", {"azvm.attempt": event.attempt})

    def _accepted(self, event: Accepted) -> None:
        found = {CLIENT_REQUEST_ID: event.client_request_id, SERVICE_REQUEST_ID: event.request_id}
        self._within(event).set_attributes(_known(found))
        self._note(event, "accepted", {"azvm.status": event.status})

    def _polled(self, event: Polled) -> None:
        self._polls.add(1, {"azvm.verb": event.verb})
        error = None if event.error is None else str(event.error)
        found = {"azvm.status": event.status, SERVICE_REQUEST_ID: event.request_id, "azvm.trouble": error}
        self._note(event, "polled", _known(found))

    def _throttled(self, event: Throttled) -> None:
        policy = {"azvm.policy": event.policy or "unknown"}
        self._refusals.add(1, {"azvm.verb": event.verb, **policy})
        found = {"azvm.retry_after": event.seconds, SERVICE_REQUEST_ID: event.request_id}
        self._note(event, "throttled", {**policy, **_known(found)})

    def _retried(self, event: Retried) -> None:
        self._retries.add(1, {"azvm.verb": event.verb})
        self._waits.record(event.seconds, {"azvm.verb": event.verb, "azvm.wait": "retry"})
        self._note(event, "retried", {"azvm.retry_after": event.seconds, "azvm.trouble": str(event.error)})

    def _finished(self, event: Finished) -> None:
        kind = {"azvm.verb": event.verb, "azvm.outcome": event.outcome}
        self._durations.record(event.seconds, kind)
        if is_failure(event):
            self._failures.add(1, {**kind, "error.type": _type(event)})
        span = self._spans.pop(event.operation, None)
        if span is not None:
            span.set_attribute("azvm.outcome", event.outcome)
            if is_failure(event):
                span.set_attribute("error.type", _type(event))
                span.set_status(Status(StatusCode.ERROR, str(event.error or event.outcome)))
            span.end()

    def _within(self, event: Event) -> Span:
        """Return an operation's span; the first event begins it, within the caller's."""
        span = self._spans.get(event.operation)
        if span is None:
            span = self._tracer.start_span(f"azvm {event.verb}", kind=SpanKind.CLIENT, attributes=_identity(event))
            self._spans[event.operation] = span
        return span

    def _note(self, event: Event, name: str, attributes: Attributes) -> None:
        """Add an event to an operation's span; plain reads have none."""
        span = self._spans.get(event.operation)
        if span is not None:
            span.add_event(name, attributes)


def _identity(event: Event) -> Attributes:
    """Return what tells operations apart."""
    return {
        "az.namespace": "Microsoft.Compute",
        "azvm.verb": event.verb,
        "azvm.vm": short_name(event.vm),
        "azvm.subscription": subscription_in(event.vm) or "",
        "cloud.resource_id": event.vm,
    }


def _known(found: Mapping[str, str | float | None]) -> Attributes:
    return {name: value for name, value in found.items() if value is not None}


def _type(event: Finished) -> str:
    return event.outcome if event.error is None else type(event.error).__name__
