"""A client whose network is a script, and the answers that scripts are made of."""

from collections.abc import Iterable

from doubles import Credential, ScriptedTransport, Step

from azvm_async import AzureVMClient, Budget, TransportError, VirtualClock
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


class Script(ScriptedTransport):
    """A scripted transport, and a client on it."""

    def __init__(self, clock: VirtualClock, steps: Iterable[Step], delay: float = 0.0) -> None:
        super().__init__(clock, *steps, delay=delay)
        self.clock = clock
        self.credential = Credential(clock, lifetime=1e9)

    @property
    def requests(self) -> list[Request]:
        """What was asked."""
        return [sent.request for sent in self.sent]

    def client(self) -> AzureVMClient:
        """Return a client that asks here."""
        return AzureVMClient(
            SUBSCRIPTION,
            "group",
            self.credential,
            ENDPOINT,
            clock=self.clock,
            transport=self,
            budget=Budget(share=1000),  # its scripts are of other things than Azure's limits
        )


def lost() -> TransportError:
    """Return what is raised where an answer never came."""
    return TransportError("The connection broke", maybe_applied=True)
