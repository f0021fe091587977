"""Deployments whose answer was lost: found again by their tag, and never sent twice."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest
from client.stock import EXAMPLE, KEY, rules, template

from azvm_async import AzureVMClient, OutcomeUnknown, TransportError, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.transport import Transport
from azvm_async.wire import Request, Response

Trouble = Callable[[Request, Transport], Awaitable[Response]]


def lost(*, applied: bool) -> TransportError:
    """Return what is raised where an answer did not come."""
    return TransportError("The connection broke", maybe_applied=applied)


async def after(request: Request, way: Transport) -> Response:
    """Apply a request, and lose the answer."""
    await way.send(request)
    raise lost(applied=True)


async def before(*_: object) -> Response:
    """Lose a request before it is applied, in a way that can't be told from the other."""
    raise lost(applied=True)


async def unavailable_after(request: Request, way: Transport) -> Response:
    """Apply a request, and answer that something went wrong."""
    await way.send(request)
    return Response(503)


async def unavailable_before(*_: object) -> Response:
    """Answer that something went wrong, which it did."""
    return Response(503)


async def blind(request: Request, way: Transport) -> Response:
    """Apply a PUT, lose its answer, and let nothing be read afterwards."""
    if request.method == "PUT":
        await way.send(request)
    raise lost(applied=True)


class Troubled:
    """A transport whose first PUTs meet with trouble, one after the other; the last for ever if it is ``blind``."""

    def __init__(self, way: Transport, troubles: Iterable[Trouble]) -> None:
        self.puts = 0
        self._way = way
        self._troubles = list(troubles)

    async def send(self, request: Request) -> Response:
        put = request.method == "PUT"
        self.puts += put
        if self.puts and self._troubles and self._troubles[0] is blind:
            return await blind(request, self._way)
        trouble = self._troubles.pop(0) if put and self._troubles else None
        return await (self._way.send(request) if trouble is None else trouble(request, self._way))

    async def close(self) -> None:
        await self._way.close()


def troubled(arm: Emulator, clock: VirtualClock, *troubles: Trouble) -> AzureVMClient:
    """Return a client whose PUTs meet with trouble."""
    way = Troubled(arm.transport(), troubles)
    return AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock, transport=way
    )


def applied(arm: Emulator) -> int:
    """Return how many deployments of the VM ARM took."""
    puts = [each for each in arm.requests if each.method == "PUT" and each.path.endswith("/new-deployment")]
    return sum(each.status in {200, 201} for each in puts)


@pytest.mark.parametrize(
    "troubles",
    [(after,), (before,), (unavailable_after,), (unavailable_before,), (before, before), (before, after)],
    ids=lambda troubles: "-".join(each.__name__ for each in troubles),
)
async def test_deployment_is_made_exactly_once(arm: Emulator, clock: VirtualClock, troubles):
    async with troubled(arm, clock, *troubles) as client:
        await client.provision("new", EXAMPLE, KEY).result()
    assert (applied(arm), arm.vm("new").power_state) == (1, "running")


async def test_deployment_that_ended_meanwhile_is_found(arm: Emulator, clock: VirtualClock):
    async def late(request: Request, way: Transport) -> Response:
        await way.send(request)
        await clock.sleep(1000)
        raise lost(applied=True)

    async with troubled(arm, clock, late) as client:
        await client.provision("new", template(rules("one"))).result()
    assert applied(arm) == 1


async def test_older_deployment_of_the_name_is_not_taken_for_it(arm: Emulator, clock: VirtualClock):
    async with troubled(arm, clock) as client:
        await client.provision("new", template(rules("one"))).result()
    async with troubled(arm, clock, before) as client:
        await client.provision("new", template(rules("one"))).result()
    assert applied(arm) == 2


async def test_where_nothing_can_be_read_the_caller_is_told(arm: Emulator, clock: VirtualClock):
    async with troubled(arm, clock, blind) as client:
        with pytest.raises(OutcomeUnknown):
            await client.provision("new", template(rules("one")))
    assert applied(arm) == 1


async def test_where_it_is_lost_again_and_again_the_caller_is_told(arm: Emulator, clock: VirtualClock):
    async with troubled(arm, clock, before, before, before) as client:
        with pytest.raises(OutcomeUnknown):
            await client.provision("new", template(rules("one")))
    assert applied(arm) == 0


async def test_cancelled_submission_is_found_in_outstanding(arm: Emulator, clock: VirtualClock):
    begun = asyncio.Event()

    async def slow(request: Request, way: Transport) -> Response:
        begun.set()
        await clock.sleep(5)
        await way.send(request)
        raise lost(applied=True)

    async with troubled(arm, clock, slow) as client:
        submission = asyncio.create_task(client.provision("new", EXAMPLE, KEY))
        await begun.wait()
        submission.cancel()
        await clock.sleep(20)
        (operation,) = client.outstanding
        await operation
    assert applied(arm) == 1


async def test_nothing_is_sent_after_a_cancellation_in_the_waiting_second(arm: Emulator, clock: VirtualClock):
    async with troubled(arm, clock) as client:
        submission = asyncio.create_task(client.provision("new", EXAMPLE, KEY))
        await clock.sleep(0.5)
        submission.cancel()
        await clock.sleep(5)
    assert applied(arm) == 0
