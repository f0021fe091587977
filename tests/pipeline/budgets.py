"""Budgets asked by tests: buckets by their names, and the answers that tell of them."""

from hypothesis import settings

from azvm_async import Budget
from azvm_async.budget import SPARE, Hold, Ticket
from azvm_async.protocol.throttling import Key
from azvm_async.wire import Response

STEADY = settings(derandomize=True, deadline=None, max_examples=60, database=None)
WRITES, READS = Key("s", "writes"), Key("s", "reads")
REGION, OF_VM = Key("s/westeurope", "UpdateVMSubscriptionMaximum"), Key("/vm1", "UpdateVMResource")
BURST, RATE = 200, 10
USABLE = BURST - SPARE
ENDPOINT = "https://management.azure.com"
ARM = "x-ms-ratelimit-remaining-subscription-"
COMPUTE = "x-ms-ratelimit-remaining-resource"


def taken(budget: Budget, *keys: Key, now: float = 0.0, most: int = 20_000) -> int:
    """Take until there is no more; return how often."""
    for count in range(most):
        if isinstance(budget.take(keys or (WRITES,), now), Hold):
            return count
    return most


def ticket(budget: Budget, *keys: Key, now: float = 0.0) -> Ticket:
    """Take once, which must be possible."""
    got = budget.take(keys or (WRITES,), now)
    assert isinstance(got, Ticket)
    return got


def left(number: int, kind: str = "writes") -> Response:
    """Return an answer that says how much is left."""
    return Response(202, {f"{ARM}{kind}": str(number)})


def refusal(retry_after: object = None, **headers: str) -> Response:
    """Return a 429."""
    asked = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Response(429, {**asked, **{name.replace("_", "-"): value for name, value in headers.items()}})


def wait(budget: Budget, *keys: Key, now: float = 0.0) -> float:
    """Return how long one would have to wait; takes if not at all."""
    got = budget.take(keys or (WRITES,), now)
    return got.seconds if isinstance(got, Hold) else 0.0
