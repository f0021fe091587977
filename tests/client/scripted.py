"""A stand-in for the network: answers in the order given, and keeps what was asked."""

import asyncio
from collections.abc import Callable, Iterable

from azvm_async import AzureVMClient, TransportError, VirtualClock
from azvm_async.wire import Request, Response

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ENDPOINT = "https://management.azure.com"
STATUS_URL = (
    f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/l/operations/1?api-version=1"
)

ACCEPTED = Response(202, {"azure-asyncoperation": STATUS_URL})
RUNNING = Response.with_json(200, {"status": "InProgress"})
SUCCEEDED = Response.with_json(200, {"status": "Succeeded"})
FAILED = Response.with_json(200, {"status": "Failed", "error": {"code": "AllocationFailed", "message": "No room."}})
FORBIDDEN = Response.with_json(403, {"error": {"code": "AuthorizationFailed", "message": "No."}})

Answer = Response | Exception | Callable[[Request], Response]


class Credential:
    """Gives one token for ever."""

    async def get_token(self, *_scopes: str, **_options: object) -> "Credential":
        return self

    token = "a-token"
    expires_on = 1e12


class Script:
    """A transport that gives one answer a request; the last one for all further requests."""

    def __init__(self, clock: VirtualClock, answers: Iterable[Answer], delay: float = 0.0) -> None:
        self.requests: list[Request] = []
        self.under_way = 0
        self._clock = clock
        self._answers = list(answers)
        self._delay = delay

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.under_way += 1
        await self._clock.sleep(self._delay)
        self.under_way -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    async def close(self) -> None:
        await asyncio.sleep(0)

    def client(self) -> AzureVMClient:
        return AzureVMClient(SUBSCRIPTION, "group", Credential(), ENDPOINT, clock=self._clock, transport=self)


def lost() -> TransportError:
    """Return what is raised where an answer never came."""
    return TransportError("The connection broke", maybe_applied=True)
