"""How lean the world is, counted in bytes and not in time: there may be a hundred thousand VMs in it."""

import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.emulator.links import Links
from azvm_async.emulator.model import Moment, World
from azvm_async.emulator.packing import pack, unpack
from azvm_async.emulator.settings import Settings
from azvm_async.emulator.state.writing import world_text
from emulator.sites import COMPUTE, VM
from emulator.support import Caller

MACHINES = 2_000
IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
DISK = {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}, "deleteOption": "Delete"}
PROPERTIES = {
    "hardwareProfile": {"vmSize": "Standard_B2s"},
    "storageProfile": {"imageReference": IMAGE, "osDisk": DISK},
    "osProfile": {"computerName": "vm", "adminUsername": "azureuser"},
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.fixture
def traced() -> Iterator[None]:
    """Let memory be counted."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def in_use() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def put(caller: Caller, how_many: int, prefix: str = "vm") -> None:
    for number in range(how_many):
        document = {"location": "westeurope", "properties": PROPERTIES}
        made = await caller.send("PUT", f"{COMPUTE}/virtualMachines/{prefix}{number}", document)
        assert made.status == 201


@pytest.mark.usefixtures("traced")
async def test_a_vm_that_was_put_takes_little_with_its_disk_its_operation_and_all_records(clock: VirtualClock):
    async with Emulator(clock, port=None, throttling=None) as arm:
        caller = Caller(arm, clock, (await arm.credential().get_token()).token)
        await put(caller, 50, "warm")
        before = in_use()
        await put(caller, MACHINES)
        assert (in_use() - before) / MACHINES < 3_900


async def test_those_who_speak_of_a_vm_share_its_id(arm: Emulator, caller: Caller):
    await caller.send("PUT", VM, {"location": "westeurope"})
    effect = next(each for each in arm.effects if each.resource == VM)
    assert arm.requests[-1].path is effect.resource


async def test_the_record_of_a_poll_is_without_the_signature(arm: Emulator, caller: Caller, vm: str):
    location = (await caller.send("POST", f"{vm}/start")).headers["location"]
    await caller.send("GET", location)
    recorded = dict(parse_qsl(arm.requests[-1].query))
    assert recorded.keys() == {"p", "api-version", "t", "monitor"}


@pytest.mark.usefixtures("traced")
async def test_a_start_and_its_poll_leave_little_behind(clock: VirtualClock):
    async with Emulator(clock, port=None, throttling=None) as arm:
        caller = Caller(arm, clock, (await arm.credential().get_token()).token)
        machines = [arm.add_vm(f"vm{number}") for number in range(MACHINES + 50)]

        async def start(some: list[str]) -> None:
            for machine in some:
                await caller.poll(await caller.send("POST", f"{machine}/start"))

        await start(machines[:50])
        before = in_use()
        await start(machines[50:])
        assert (in_use() - before) / MACHINES < 1_700


@given(st.dictionaries(st.text(), VALUES))
def test_a_document_is_the_same_when_it_was_at_rest(document: dict[str, Any]):
    assert unpack(pack(document)) == document


def test_a_machine_knows_nothing_of_what_a_reader_does_with_its_document():
    world = World(Moment(0.0, VirtualClock().utcnow()), Settings())
    group = world.add_group(world.add_subscription("s"), "rg", "westeurope")
    machine = world.add_machine(group, "vm1", "westeurope", 0.0)
    machine.given = {"properties": {"a": [1]}}
    machine.given["properties"]["a"].append(2)
    assert machine.given == {"properties": {"a": [1]}}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sets(st.sampled_from("xyz"))), max_size=20))
def test_links_tell_all_users_of_a_resource_however_they_changed(changes: list[tuple[str, set[str]]]):
    links, known = Links(), dict[str, set[str]]()
    for user, targets in changes:
        known[user] = targets
        links.set(f"/U/providers/n.s/t/{user}", [{"id": f"/u/providers/n.s/t/{each}"} for each in targets])
    for target in "xyz":
        users = [f"/U/providers/n.s/t/{user}" for user in sorted(known) if target in known[user]]
        assert links.users(f"/u/providers/n.s/t/{target}") == users


def test_links_of_resources_that_are_gone_take_nothing():
    links = Links()
    for user in "abc":
        links.set(user, {"id": "/u/providers/n.s/t/x"})
    for user in "bca":
        links.drop(user)
    assert not links._users
    assert not links._targets


async def test_the_pieces_of_a_state_file_do_not_grow_with_the_world(arm: Emulator):
    sizes = []
    for number in range(200):
        arm.add_vm(f"vm{number}")
        sizes.append(max(map(len, world_text(arm._world))))
    assert sizes[-1] < sizes[0] + 20
