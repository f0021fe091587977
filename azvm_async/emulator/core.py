"""The pure core: a request and the present go in, a response comes out.

No clock, no I/O, no randomness but the seeded one. What the world outside has to do, scripts to run or to kill, is left
in :attr:`Core.instructions` for the door that let the request in; what it did is told to :meth:`Core.script_started`
and :meth:`Core.script_ended`.
"""

from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from azvm_async.emulator import (
    action_run,
    bulk,
    compute,
    deployments,
    entra,
    generic_routes,
    identity,
    operations,
    providers,
    resource_lists,
    resources,
    run_commands,
    stacks,
    throttling,
    version_checks,
)
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.faults import Fault
from azvm_async.emulator.instructions import Instruction, ScriptResult
from azvm_async.emulator.model import Moment, World
from azvm_async.emulator.routing import Route, Router
from azvm_async.wire import Request, Response

_OPERATION = "/subscriptions/{{subscription}}/providers/{}/locations/{{location}}/operations/{{operation}}"
_POLLS = (
    Route("GET", _OPERATION.format("Microsoft.Compute"), operations.poll, "GetOperation"),
    Route("GET", _OPERATION.format("{namespace}"), operations.poll),
)
_ROOMS = (
    resources,
    resource_lists,
    providers,
    compute,
    run_commands,
    action_run,
    bulk,
    deployments,
    stacks,
    generic_routes,
)
_ALWAYS = {
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
}
_ROUTER = Router([*_POLLS, *(route for room in _ROOMS for route in room.ROUTES)])


class Core:
    """Answers requests out of a :class:`~azvm_async.emulator.model.World`."""

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request, now: Moment, fault: Fault | None = None, number: int | None = None) -> Response:
        """Answer a request that comes at ``now``: the one of this number among all, struck by a fault if there is one."""
        operations.settle(self.world, now.monotonic)
        self.world.chronicle.turn_to(now.monotonic, number)
        call = Call.of(request, now)
        if (granted := identity.answer(self.world, call) or entra.answer(self.world, call)) is not None:
            return granted
        answer = self._answered(call) if fault is None else fault.strike(self.world, call, self._answered)
        return Response(answer.status, {**self._headers(call), **call.counted, **answer.headers}, answer.body)

    def settle(self, now: Moment) -> None:
        """Bring the world up to the present."""
        operations.settle(self.world, now.monotonic)

    def instructions(self) -> list[Instruction]:
        """Take what is to be done outside, in order."""
        taken, self.world.instructions = self.world.instructions, []
        return taken

    def script_started(self, key: int, now: Moment) -> None:
        """Take in that a script began to run."""
        run_commands.script_started(self.world, key, now.monotonic)

    def script_ended(self, key: int, result: ScriptResult, now: Moment) -> None:
        """Take in how a script ended."""
        run_commands.script_ended(self.world, key, result, now.monotonic)

    def _answered(self, call: Call) -> Response:
        try:
            return self._answer(call)
        except Refusal as refusal:
            return refusal.response()

    def _answer(self, call: Call) -> Response:
        principal = identity.authenticate(self.world, call)
        route = _ROUTER.find(call)
        version_checks.check(self.world, route, call)
        if "subscription" in call.names:
            self.world.subscription(call.name("subscription"))
        call.counted = throttling.admit(self.world, call, route, principal)
        return route.handler(self.world, call)

    def _headers(self, call: Call) -> dict[str, str]:
        """Return the headers that every answer of ARM carries."""
        request_id = self.world.new_id()
        date, stamp = _dates(call.now.utc.replace(microsecond=0))
        headers = {
            **_ALWAYS,
            "date": date,
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": call.headers.get("x-ms-correlation-request-id", request_id),
            "x-ms-routing-request-id": f"WESTEUROPE:{stamp}:{request_id}",
        }
        if call.headers.get("x-ms-return-client-request-id", "").lower() == "true":
            headers["x-ms-client-request-id"] = call.headers.get("x-ms-client-request-id", "")
        return headers


@lru_cache(1)
def _dates(second: datetime) -> tuple[str, str]:
    """Return a date as the header of this name has it, and as ids of requests do."""
    return format_datetime(second, usegmt=True), f"{second:%Y%m%dT%H%M%SZ}"
