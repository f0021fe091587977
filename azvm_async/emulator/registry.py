"""Which resources there are: found by id, added and taken away with their children.

VMs and run commands have records of their own; every other resource is a :class:`~azvm_async.emulator.model.Resource`,
kept where it belongs and known to its parent.
"""

from collections.abc import Iterator
from heapq import merge

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.model import Resource, ResourceGroup, RunCommand, Subscription, VirtualMachine, World
from azvm_async.emulator.packing import shared

LOCKS = "microsoft.authorization/locks"
_MACHINES = ["providers", "microsoft.compute", "virtualmachines"]
_MACHINE, _CHILD = 9, 11


def owner_of(world: World, path: str) -> ResourceGroup | Subscription:
    """Return the resource group, or else the subscription, that an id is in.

    Raises
    ------
    Refusal
        404 when there is none.
    """
    _, _, subscription, kind, name, *_ = f"{path}////".split("/")
    return world.group(subscription, name) if kind.lower() == "resourcegroups" else world.subscription(subscription)


def find(world: World, path: str) -> Resource | None:
    """Return the resource of this id, if there is one; VMs and run commands are not among them."""
    try:
        return owner_of(world, path).resources.get(path.lower())
    except Refusal:
        return None


def anything(world: World, path: str) -> VirtualMachine | RunCommand | Resource | None:
    """Return whatever resource has this id."""
    segments = path.lower().split("/")
    if segments[5:8] != _MACHINES or len(segments) not in {_MACHINE, _CHILD}:
        return find(world, path)
    machine = _machine(world, segments[2], segments[4], segments[8])
    if machine is None or len(segments) == _MACHINE:
        return machine
    if segments[9] == "runcommands":
        return (machine.run_commands or {}).get(segments[10])
    return find(world, path)


def children(world: World, path: str) -> list[Resource]:
    """Return the resources whose parent has this id."""
    return list(world.children.get(path.lower(), {}).values())


def paths(world: World) -> list[str]:
    """Return the ids of all resources but run commands."""
    found: list[str] = []
    for subscription in world.subscriptions.values():
        found += [each.path for each in subscription.resources.values()]
        for group in subscription.groups.values():
            found += [each.path for each in in_order(group)]
    return found


def in_order(group: ResourceGroup, after: float = 0) -> Iterator[VirtualMachine | Resource]:
    """Return what is in a resource group in the order of its creation."""
    return merge(group.machines.after(after), group.resources.after(after), key=lambda each: each.serial)


def add(world: World, resource: Resource) -> None:
    """Put a new resource where it belongs."""
    key = shared(resource.path.lower())
    owner_of(world, key).resources[key] = resource
    world.children.setdefault(resource.parent.lower(), {})[key] = resource
    world.chronicle.note("create", resource.path)
    if resource.type.lower() == LOCKS:
        world.locks[key] = resource


def drop(world: World, resource: Resource) -> None:
    """Take a resource away, and its children with it; nothing happens to one that is gone."""
    key, parent = resource.path.lower(), resource.parent.lower()
    owner = resource.group or owner_of(world, key)
    if owner.resources.get(key) is not resource:
        return
    drop_children(world, key)
    del owner.resources[key]
    world.chronicle.note("delete", resource.path)
    world.links.drop(resource.path)
    world.locks.pop(key, None)
    world.addresses.pop(key, None)
    siblings = world.children[parent]
    del siblings[key]
    if not siblings:
        del world.children[parent]


def note_gone(world: World, machine: VirtualMachine) -> None:
    """Note that a VM is gone, with its run commands and what extends them."""
    for command in (machine.run_commands or {}).values():
        drop_children(world, command.path)
        world.chronicle.note("delete", command.path)
    world.chronicle.note("delete", machine.path)


def drop_children(world: World, path: str) -> None:
    """Take the resources away whose parent has this id."""
    for child in children(world, path):
        drop(world, child)


def _machine(world: World, subscription: str, group: str, name: str) -> VirtualMachine | None:
    owner = world.subscriptions.get(subscription)
    found = owner.groups.get(group) if owner else None
    return found.machines.get(name) if found else None
