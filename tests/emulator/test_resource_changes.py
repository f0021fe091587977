"""What requests do, for those inside who send none; and how they learn of an operation's end."""

import pytest

from azvm_async.emulator import operations, resource_changes
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.model import Failure, Injected, Moment, Operation, ResourceGroup, World
from azvm_async.emulator.settings import Settings
from emulator.sites import LOCK, NSG, RG, SUB, VM, VNET, body, machine, vnet
from emulator.support import run_command
from emulator.test_core import START, at

VERSION = "2024-07-01"
COMMAND = f"{VM}/runCommands/hello"


@pytest.fixture
def world() -> World:
    """Give a world with one resource group."""
    made = World(START, Settings(run_scripts=False))
    made.add_group(made.add_subscription(SUB.rpartition("/")[2]), "emulated-rg", "westeurope")
    return made


def put(world: World, path: str, document: object = None, when: Moment = START) -> Operation:
    """Put a resource."""
    return resource_changes.put(world, path, VERSION, document or body(), when)


def running(world: World) -> None:
    """Put a VM and let it run."""
    put(world, VM, machine())
    operations.settle(world, 100)


@pytest.mark.parametrize(("path", "document"), [(VM, machine()), (NSG, body()), (COMMAND, run_command("true"))])
def test_what_was_put_exists_is_shown_and_can_be_deleted(world: World, path: str, document: object):
    if path == COMMAND:
        running(world)
    operation = put(world, path, document, at(100))
    assert operation.target.path == path
    assert resource_changes.exists(world, path.upper())
    operations.settle(world, 200)
    assert resource_changes.document_of(world, path, at(200))["properties"]["provisioningState"] == "Succeeded"
    assert resource_changes.delete(world, path, at(200)) is not None
    operations.settle(world, 300)
    assert not resource_changes.exists(world, path)


@pytest.mark.parametrize("path", [VM, NSG, COMMAND])
def test_what_is_missing_is_not_deleted_and_not_shown(world: World, path: str):
    assert resource_changes.delete(world, path, START) is None
    with pytest.raises(Refusal) as caught:
        resource_changes.document_of(world, path, START)
    assert caught.value.status == 404


def test_what_put_refuses_is_refused(world: World):
    with pytest.raises(Refusal) as caught:
        put(world, VM, machine(primary=True))
    assert caught.value.code == "InvalidResourceReference"


def test_the_top_level_of_a_group_is_told_in_order_without_locks_and_children(world: World):
    for path, document in ((VNET, vnet()), (VM, machine({"osDisk": {"name": "root"}})), (f"{RG}/{LOCK}", None)):
        put(world, path, document)
    names = [path.rpartition("/")[2] for path in resource_changes.in_group(world, group(world))]
    assert names == ["vnet", "new", "root"]


def test_an_operation_begins_and_ends_when_it_is_said_to(world: World):
    ends = told(put(world, NSG, when=at(10)))
    operations.settle(world, 13)
    assert ends == []
    operations.settle(world, 99)
    assert ends == [("Succeeded", 14.0)]


@pytest.mark.parametrize("path", [NSG, VM])
def test_a_preempted_operation_tells_its_end_once(world: World, path: str):
    ends = told(put(world, path, machine()))
    put(world, path, machine(), at(1))
    operations.settle(world, 99)
    assert ends == [("Canceled", 1.0)]


def test_a_failed_operation_tells_its_end(world: World):
    world.injected.append(Injected("*", "creation", Failure("Conflict", "No.")))
    ends = told(put(world, NSG))
    operations.settle(world, 99)
    assert ends == [("Failed", 4.0)]


def group(world: World) -> ResourceGroup:
    """Return the resource group."""
    return world.group(SUB.rpartition("/")[2], "emulated-rg")


def told(operation: Operation) -> list[tuple[str, float | None]]:
    """Return a list in which the operation's end is going to be noted."""
    ends: list[tuple[str, float | None]] = []
    operation.then = lambda _, ended: ends.append((ended.status, ended.ended))
    return ends
