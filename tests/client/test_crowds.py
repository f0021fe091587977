"""Many operations at once: one list tells which of them to read, and only that read is believed."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from client.crowd import begun, crowd, ended
from client.scripted import ACCEPTED, ENDPOINT, FORBIDDEN, RUNNING, SUBSCRIPTION, SUCCEEDED, Script

from azvm_async import Operation, OperationFailed, StatusUnreadable, VirtualClock
from azvm_async.emulator import Durations
from azvm_async.emulator.faults import Slow, Status
from azvm_async.lookout import BLIND_FOR, Lookout
from azvm_async.operation import Tracked
from azvm_async.protocol import lro
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import Moment
from azvm_async.wire import Request, Response

MANY = 150
VM = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Compute/virtualMachines/vm1"
OTHER = "00000000-0000-0000-0000-000000000002"


async def test_a_thousand_starts_need_little_more_than_one_read_each(clock: VirtualClock):
    async with crowd(clock, 1000) as azure:
        async with azure.client() as client:
            assert await ended(await begun(client.start(name) for name in azure.names)) == [None] * 1000
        assert azure.reads <= 1.3 * 1000
        assert azure.statuses == {200: azure.reads, 202: 1000}


async def test_the_end_of_each_is_noticed_with_the_next_list(clock: VirtualClock):
    async with crowd(clock, MANY, durations=Durations(start=33)) as azure, azure.client() as client:
        await ended(await begun(client.start(name) for name in azure.names))
        assert 33 <= clock.monotonic() < 33 + 5 + 0.1


async def test_few_operations_are_read_one_by_one_and_no_list_is(clock: VirtualClock):
    async with crowd(clock, 99) as azure, azure.client() as client:
        await ended(await begun(client.start(name) for name in azure.names))
        assert azure.lists == []
        assert len(azure.polls) > 5 * 99


async def test_from_a_hundred_on_the_list_is_read_every_five_seconds(clock: VirtualClock):
    async with crowd(clock, 100) as azure, azure.client() as client:
        await ended(await begun(client.start(name) for name in azure.names))
        assert azure.lists == [5, 10, 15, 20, 25, 30]
        assert len(azure.polls) == 100


async def test_when_few_are_left_they_are_read_one_by_one_again(clock: VirtualClock):
    async with crowd(clock, MANY, durations=Durations(start=30, power_off=300)) as azure, azure.client() as client:
        verbs = [client.stop if number < 9 else client.start for number in range(MANY)]
        await ended(await begun(verb(name) for verb, name in zip(verbs, azure.names, strict=True)))
        assert azure.lists[-1] == 30


async def test_ten_are_enough_to_go_on_with_the_list(clock: VirtualClock):
    async with crowd(clock, MANY, power="running", durations=Durations(power_off=30, deallocate=100)) as azure:
        async with azure.client() as client:
            verbs = [client.deallocate if number < 10 else client.stop for number in range(MANY)]
            await ended(await begun(verb(name) for verb, name in zip(verbs, azure.names, strict=True)))
        assert azure.lists[-1] == 100


async def test_a_reboot_in_a_crowd_is_read_by_its_own_time(clock: VirtualClock):
    async with crowd(clock, MANY, power="running", durations=Durations(restart=2)) as azure, azure.client() as client:
        await begun(client.deallocate(name) for name in azure.names[1:])
        await client.reboot("vm0").result()
        assert clock.monotonic() < 3


@pytest.mark.parametrize("verb", ["stop", "deallocate", "delete"])
async def test_the_list_tells_of_other_verbs_too(clock: VirtualClock, verb: str):
    async with crowd(clock, MANY, power="running") as azure, azure.client() as client:
        assert await ended(await begun(getattr(client, verb)(name) for name in azure.names)) == [None] * MANY
        assert len(azure.polls) <= 1.1 * MANY
        assert clock.monotonic() < 36


async def test_a_start_that_fails_is_noticed_by_the_list(clock: VirtualClock):
    async with crowd(clock, MANY) as azure, azure.client() as client:
        azure.arm.fail("Microsoft.Compute/virtualMachines/vm7/start", "AllocationFailed", "No room.")
        ends = await ended(await begun(client.start(name) for name in azure.names))
        assert [name for name, end in zip(azure.names, ends, strict=True) if end is not None] == ["vm7"]
        assert isinstance(ends[7], OperationFailed)
        assert (len(azure.polls), clock.monotonic()) == (MANY, pytest.approx(30, abs=0.1))


async def test_a_list_of_several_pages_is_read_to_its_end(clock: VirtualClock):
    async with crowd(clock, 190, page_size=50) as azure, azure.client() as client:
        assert await ended(await begun(client.start(name) for name in azure.names)) == [None] * 190
        assert Counter(azure.lists) == dict.fromkeys([5, 17, 29, 41], 4)
        assert len(azure.polls) == 190


async def test_where_the_list_has_too_many_pages_it_is_read_once(clock: VirtualClock):
    async with crowd(clock, MANY, page_size=5) as azure, azure.client() as client:
        await ended(await begun(client.start(name) for name in azure.names))
        assert Counter(azure.lists) == {5: 30}
        assert len(azure.polls) > 5 * MANY


async def test_each_subscription_is_counted_by_itself(clock: VirtualClock):
    async with crowd(clock, 60) as azure, azure.client() as client:
        others = [azure.arm.add_vm(name, subscription=OTHER) for name in azure.names]
        await ended(await begun(client.start(name) for name in [*azure.names, *others]))
        assert azure.lists == []


async def test_several_operations_on_one_vm_count_as_one(clock: VirtualClock):
    async with crowd(clock, 99) as azure, azure.client() as client:
        await begun(client.start(name) for name in azure.names)
        await begun(client.stop(name) for name in azure.names[:20])
        await clock.sleep(20)
        assert azure.lists == []


# Where no list can be read.


async def test_where_the_list_is_refused_everybody_has_his_own_time_again(clock: VirtualClock):
    async with crowd(clock, MANY) as azure, azure.client() as client:
        azure.arm.inject(Status(403), path="*/virtualMachines", times=100)
        assert await ended(await begun(client.start(name) for name in azure.names)) == [None] * MANY
        assert azure.lists == [5]
        assert clock.monotonic() < 50


async def test_where_the_list_takes_too_long_everybody_has_his_own_time_again(clock: VirtualClock):
    async with crowd(clock, MANY, durations=Durations(start=45)) as azure, azure.client() as client:
        azure.arm.inject(Slow(1200), path="*/virtualMachines", times=100)
        assert await ended(await begun(client.start(name) for name in azure.names)) == [None] * MANY
        assert clock.monotonic() < 55


async def test_a_list_that_was_refused_is_not_tried_again_for_ten_minutes(clock: VirtualClock):
    async with crowd(clock, MANY) as azure, azure.client() as client:
        azure.arm.inject(Status(403), path="*/virtualMachines")
        for _ in range(2):
            await ended(await begun(client.start(name) for name in azure.names))
        assert azure.lists == [5]
        await clock.sleep(BLIND_FOR)
        before = clock.monotonic()
        await ended(await begun(client.start(name) for name in azure.names))
        assert azure.lists[1:] == [pytest.approx(before + 5)]


# What the list says is not believed.


class Azure:
    """A transport's script: operations that take as long as they like, and a list that says what it likes."""

    def __init__(self, clock: VirtualClock, power: str, provisioning: str, duration: float) -> None:
        self.clock = clock
        self.states = [f"PowerState/{power}", f"ProvisioningState/{provisioning}"]
        self.duration = duration
        self.names: list[str] = []
        self.reads: dict[str, list[float]] = {}
        self.lists: list[float] = []

    def __call__(self, request: Request) -> Response:
        """Answer."""
        path, _, query = request.url.removeprefix(ENDPOINT).partition("?")
        now = self.clock.monotonic()
        if request.method == "POST":
            name = path.split("/")[-2]
            self.names.append(path.removesuffix("/start"))
            url = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/l/operations/{name}"
            return Response(202, {"azure-asyncoperation": f"{url}?api-version=1"})
        if "statusOnly" in query:
            self.lists.append(now)
            view = {"statuses": [{"code": code} for code in self.states]}
            return Response.with_json(
                200, {"value": [{"id": each, "properties": {"instanceView": view}} for each in self.names]}
            )
        self.reads.setdefault(path.rpartition("/")[2], []).append(now)
        return SUCCEEDED if now >= self.duration else RUNNING

    @property
    def times(self) -> list[list[float]]:
        """When each operation was read."""
        return list(self.reads.values())


async def test_a_false_hint_costs_one_read_and_then_each_goes_its_own_way(clock: VirtualClock):
    azure = Azure(clock, "running", "succeeded", duration=40)
    async with Script(clock, [azure]).client() as client:
        await ended(await begun(client.start(f"vm{number}") for number in range(MANY)))
    assert azure.lists == [5]
    assert all(times[0] == pytest.approx(5, abs=0.1) and times[1] > 5.3 for times in azure.times)
    assert all(40 <= times[-1] < 50 for times in azure.times)


async def test_an_operation_of_which_the_list_never_shows_the_end_is_read_once_a_minute(clock: VirtualClock):
    azure = Azure(clock, "starting", "updating", duration=100)
    async with Script(clock, [azure]).client() as client:
        await ended(await begun(client.start(f"vm{number}") for number in range(MANY)))
    assert azure.times == [[pytest.approx(60, abs=0.1), pytest.approx(120, abs=0.1)]] * MANY


async def test_what_azure_puts_off_for_longer_than_that_is_not_read_before(clock: VirtualClock):
    azure = Azure(clock, "starting", "updating", duration=100)

    def patient(request: Request) -> Response:
        answer = azure(request)
        return Response(answer.status, {**answer.headers, "retry-after": "200"}, answer.body)

    async with Script(clock, [patient]).client() as client:
        await ended(await begun(client.start(f"vm{number}") for number in range(MANY)))
    assert azure.times == [[pytest.approx(200, abs=0.1)]] * MANY


async def test_a_list_older_than_an_operation_tells_nothing_of_it(clock: VirtualClock):
    azure = Azure(clock, "running", "succeeded", duration=40)
    script = Script(clock, [azure], delay=1.0)
    async with script.client() as client:
        operations = await begun(client.start(f"vm{number}") for number in range(100))
        await clock.sleep(4.5)
        late = await client.start("late")  # accepted while the list is on its way
        await ended([*operations, late])
    asked = [sent.at for sent in script.sent if "statusOnly" in sent.request.url]
    assert asked[0] < late_at(script) + 1 < azure.lists[0]
    assert azure.reads["late"][0] > azure.lists[0] + 1.5


def late_at(script: Script) -> float:
    """Return when the late one was submitted."""
    return next(sent.at for sent in script.sent if "late" in sent.request.url)


@pytest.mark.parametrize(("looked", "hints"), [(-1.0, 1), (0.0, 0), (3.0, 0)])
async def test_an_operation_that_was_read_since_the_list_was_asked_for_has_no_hint_of_it(
    clock: VirtualClock, looked: float, hints: int
):
    hurried: list[Tracked] = []

    async def pages(_: str) -> AsyncGenerator[Mapping[str, Any], None]:
        yield {}

    lookout = Lookout(pages, clock, hurried.append, hurried.append)
    tracked = Tracked(lro.begin(About("start", VM), Request("POST", ENDPOINT), ACCEPTED, Moment(0.0, clock.utcnow())))
    tracked.looked = looked
    lookout.join(tracked)
    await lookout._look("", lookout._crowds[""])
    assert len(hurried) == hints


# Handles that nobody waits for, and the end.


async def test_handles_that_were_dropped_are_no_crowd(clock: VirtualClock):
    async with crowd(clock, MANY) as azure, azure.client() as client:
        await begun(client.start(name) for name in azure.names)
        await clock.sleep(3600)
        assert len(azure.lists) <= 60 / 5 + 1
        assert len(client.outstanding) == MANY


async def test_handles_that_are_taken_up_again_are_a_crowd_again(clock: VirtualClock):
    async with crowd(clock, MANY, durations=Durations(start=1000)) as azure, azure.client() as client:
        await begun(client.start(name) for name in azure.names)
        await clock.sleep(900)
        before = len(azure.polls)
        await ended(client.outstanding)
        assert max(azure.lists) == pytest.approx(1000, abs=5)
        assert len(azure.polls) - before <= 4 * MANY


async def test_operations_that_cannot_be_read_are_no_crowd(clock: VirtualClock):
    azure = Azure(clock, "starting", "updating", duration=100)

    def answer(request: Request) -> Response:
        return FORBIDDEN if "/operations/" in request.url else azure(request)

    async with Script(clock, [answer]).client() as client:
        operations = await begun(client.start(f"vm{number}") for number in range(MANY))
        ends = await ended(operations)
        assert {type(end) for end in ends} == {StatusUnreadable}
        await clock.sleep(600)
    assert max(azure.lists) <= 65


async def test_one_that_could_not_be_read_is_read_at_once_when_it_is_awaited_again(clock: VirtualClock):
    azure = Azure(clock, "starting", "updating", duration=1000)
    refused = {"vm0"}

    def answer(request: Request) -> Response:
        told = azure(request)
        name = request.url.partition("?")[0].rpartition("/")[2]
        return FORBIDDEN if "/operations/" in request.url and name in refused else told

    async with Script(clock, [answer]).client() as client:
        operations = await begun(client.start(f"vm{number}") for number in range(MANY))
        with pytest.raises(StatusUnreadable):
            await operations[0]
        await clock.sleep(10)
        refused.clear()
        waiting = asyncio.create_task(operations[0].result())
        await clock.sleep(1)
        assert azure.reads["vm0"] == [pytest.approx(60, abs=0.1), pytest.approx(70, abs=0.2)]
        waiting.cancel()


@pytest.mark.parametrize("seconds", [1, 5.5, 12, 31.5])
async def test_closing_in_the_middle_leaves_no_task(clock: VirtualClock, seconds: float):
    azure = Azure(clock, "running", "succeeded", duration=40)
    before = asyncio.all_tasks()
    client = Script(clock, [azure], delay=1.0).client()
    operations: list[Operation[None]] = await begun(client.start(f"vm{number}") for number in range(MANY))
    await clock.sleep(seconds)
    await client.close()
    assert asyncio.all_tasks() == before
    assert not all(operation.done for operation in operations)


def test_a_crowd_that_is_resumed_before_there_is_a_loop_is_watched_in_one():
    clock = VirtualClock()

    async def tokens() -> list[str]:
        async with Script(clock, [Azure(clock, "starting", "updating", 100)]).client() as client:
            return [each.token for each in await begun(client.start(f"vm{number}") for number in range(MANY))]

    kept = asyncio.run(tokens())
    azure = Azure(clock, "running", "succeeded", duration=0)
    azure.names = [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/X/y/z"]
    client = Script(clock, [azure]).client()
    operations = [client.resume(token) for token in kept]

    async def main() -> list[object]:
        async with client:
            return await ended(operations)

    assert asyncio.run(main()) == [None] * MANY
    assert azure.lists == [5]
    assert all(len(times) == 1 for times in azure.times)
