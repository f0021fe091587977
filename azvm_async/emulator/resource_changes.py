"""What a request does to a resource of any type, for those inside the emulator who send none: deployments and stacks.

Each function does exactly what the method on the resource's URL does; the type decides in which room.
"""

from azvm_async.emulator import compute, generic, registry, run_commands
from azvm_async.emulator.documents import machine_document
from azvm_async.emulator.ids import ResourceId, part
from azvm_async.emulator.model import (
    Document,
    Moment,
    Operation,
    ResourceGroup,
    RunCommand,
    VirtualMachine,
    World,
)

_MACHINE = "microsoft.compute/virtualmachines"
_AUTHORIZATION = "/providers/microsoft.authorization/"
_RUN_COMMAND = f"{_MACHINE}/runcommands"


def put(world: World, resource_id: str, api_version: str, document: Document, now: Moment) -> Operation:
    """Create or replace a resource as PUT does, and return the operation that this begins.

    Raises
    ------
    Refusal
        As PUT answers.
    """
    name = ResourceId.parse(resource_id)
    if name.type.lower() == _MACHINE:
        return compute.change(world, world.group(*_place(resource_id)), name.name, document, now.monotonic)
    if name.type.lower() == _RUN_COMMAND:
        machine = world.machine(*_place(resource_id), name.names[0])
        return run_commands.change(world, machine, name.names[1], document, now.monotonic)
    return generic.change(world, name, api_version, document, now.monotonic)


def delete(world: World, resource_id: str, now: Moment) -> Operation | None:
    """Let the deletion of a resource begin; ``None`` when it isn't there.

    Raises
    ------
    Refusal
        As DELETE answers: the resource is locked or in use.
    """
    found = registry.anything(world, resource_id)
    if isinstance(found, VirtualMachine):
        return compute.remove(world, found, now.monotonic)
    if isinstance(found, RunCommand):
        return run_commands.remove(world, found, now.monotonic)
    return None if found is None else generic.remove(world, found, now.monotonic)


def document_of(world: World, resource_id: str, now: Moment) -> Document:  # noqa: ARG001  # an instance view would need it
    """Return what GET shows.

    Raises
    ------
    Refusal
        404 when the resource isn't there.
    """
    found = registry.anything(world, resource_id)
    if isinstance(found, VirtualMachine):
        return machine_document(world, found)
    if isinstance(found, RunCommand):
        return run_commands.document_of(world, found)
    if found is None:
        raise generic.missing(world, resource_id)
    return generic.document_of(world, found)


def exists(world: World, resource_id: str) -> bool:
    """Tell whether there is a resource of this id."""
    return registry.anything(world, resource_id) is not None


def in_group(world: World, group: ResourceGroup) -> list[str]:  # noqa: ARG001  # like the others
    """Return the ids of a group's top-level resources but locks and roles, in the order of their creation."""
    everything = registry.in_order(group)
    top = (each for each in everything if isinstance(each, VirtualMachine) or each.parent == group.path)
    return [each.path for each in top if _AUTHORIZATION not in each.path.lower()]


def _place(resource_id: str) -> tuple[str, str]:
    return part(resource_id, 2), part(resource_id, 4)
