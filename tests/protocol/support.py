"""What ARM's answers look like, and moments to read them at."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings

from azvm_async.errors import TransportError
from azvm_async.protocol import lro, run_command
from azvm_async.protocol.lro import FinalState, Lro
from azvm_async.protocol.machine import About, Machine
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.run_command import RunCommand
from azvm_async.wire import Request, Response

ENDPOINT = "https://management.azure.com"
SUBSCRIPTION = "01234567-89ab-cdef-0123-456789abcdef"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"
URL = f"{ENDPOINT}{VM}?api-version=2024-07-01"

STEADY = settings(derandomize=True, deadline=None, max_examples=60, database=None, report_multiple_bugs=False)
"""Hypothesis draws the same examples in each run: what is red for one is red for all."""

_OPERATIONS = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations"
_SIGNATURE = "api-version=2024-07-01&p=1a%2Fb&t=63&c=MIIH%2b&s=s-_&h=h%3D"
STATUS_URL = f"{_OPERATIONS}/1?{_SIGNATURE}"
LOCATION_URL = f"{_OPERATIONS}/1?monitor=true&{_SIGNATURE}"
NEWER_STATUS_URL = f"{_OPERATIONS}/2?{_SIGNATURE}"
NEWER_LOCATION_URL = f"{_OPERATIONS}/2?monitor=true&{_SIGNATURE}"

BY_STATUS = {"azure-asyncoperation": STATUS_URL}
BY_OPERATION = {"operation-location": STATUS_URL}
BY_LOCATION = {"location": LOCATION_URL}
BY_BOTH = {**BY_STATUS, **BY_LOCATION}

ABOUT = About("start", VM)
MIDNIGHT = datetime(2025, 6, 1, tzinfo=UTC)


def at(seconds: float, luck: float = 0.5) -> Moment:
    """Return the moment so many seconds after the beginning of a test."""
    return Moment(seconds, MIDNIGHT + timedelta(seconds=seconds), luck)


NOW = at(0.0)


def answer(status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer: of JSON, of raw bytes, or empty."""
    if body is None:
        return Response(status, headers or {})
    if isinstance(body, bytes):
        return Response(status, headers or {}, body)
    return Response.with_json(status, body, headers)


def says(word: str, **more: Any) -> Response:
    """Return a status document."""
    return answer(200, {"status": word, **more})


def resource(word: str | None, **more: Any) -> dict[str, Any]:
    """Return a resource's JSON in a provisioning state."""
    return {"id": VM, "properties": {"provisioningState": word, **more} if word else more}


def begun(
    method: str = "POST",
    first: Response | None = None,
    *,
    wants_result: bool = False,
    final_state: FinalState | None = None,
    now: Moment = NOW,
) -> Lro:
    """Return the state after a first answer; by default of an action that is tracked by its status URL."""
    response = answer(202, headers=BY_STATUS) if first is None else first
    return lro.begin(ABOUT, Request(method, URL), response, now, wants_result=wants_result, final_state=final_state)


def fed(machine: Any, responses: Iterable[Response]) -> Any:
    """Return a machine after some answers, each of which came when it was due."""
    for response in responses:
        now = at(getattr(machine.due(NOW), "until", NOW.monotonic))
        machine = machine.receive(response, now)
    return machine


COMMAND = f"azvm-{'0123456789abcdef' * 2}"
COMMAND_URL = f"{ENDPOINT}{VM}/runCommands/{COMMAND}?api-version=2024-07-01"
VIEW_URL = f"{COMMAND_URL}&$expand=instanceView"
CREATING = answer(201, {"properties": {"provisioningState": "Creating"}}, BY_STATUS)


def commanded(first: Response = CREATING, *, keep: bool = False, url: str = COMMAND_URL) -> RunCommand:
    """Return the state of a run command after the answer to its PUT."""
    return run_command.begin(About("run_command", VM), Request("PUT", url), first, NOW, keep=keep)


def viewed(state: str | None = None, provisioning: str = "Succeeded", **view: Any) -> Response:
    """Return a run command's JSON; without a state there is no instance view in it."""
    properties: dict[str, Any] = {"provisioningState": provisioning}
    if state is not None or view:
        properties["instanceView"] = {**({"executionState": state} if state is not None else {}), **view}
    return answer(200, {"id": VM, "properties": properties})


def all_but_blind(state: Machine, seconds: float, answer: Response | TransportError) -> Machine:
    """Return a state after as many misses at one moment as there must be of them, but for one."""
    for _ in range(4):
        state = (
            state.missed(answer, at(seconds))
            if isinstance(answer, TransportError)
            else state.receive(answer, at(seconds))
        )
    return state
