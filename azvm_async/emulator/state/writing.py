"""From the world to the document that a state file holds: ARM's own documents, and a little that ARM doesn't show.

What a resource, a VM or a deployment needs beside what GET shows stands under its key ``emulator``. The order of lists is
the order of creation; each resource has a line, and is written before the next is looked at. Templates are left out, for secrets may stand in them; so is what is under way, operations and
tokens: the world has come to rest before (:mod:`azvm_async.emulator.state.rest`).
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain

from azvm_async.emulator import power, registry
from azvm_async.emulator.calls import section, text
from azvm_async.emulator.deployment_documents import references
from azvm_async.emulator.deployment_model import Deployment, Stack, Step
from azvm_async.emulator.generic import usual_location
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.model import (
    Document,
    Failure,
    Resource,
    ResourceGroup,
    RunCommand,
    Subscription,
    VirtualMachine,
    World,
)
from azvm_async.emulator.run_commands import document_of as run_command_document

VERSION = 1
READ_ONLY = ("provisioningState", "vmId", "timeCreated")
_IN_TRANSIT = {"Creating", "Updating", "Deleting"}


def world_text(world: World) -> Iterator[str]:
    """Return all that there is as the text of a state file, piece by piece."""
    seen = (
        {"type": each.name, "locations": list(each.locations), "apiVersions": list(each.versions)}
        for each in world.seen.values()
    )
    subscriptions = (_subscription(world, each) for each in world.subscriptions.values())
    yield from _pieces({"version": VERSION, "subscriptions": subscriptions, "seenTypes": seen})
    yield "\n"


def _pieces(value: object) -> Iterator[str]:
    """Return the JSON of an object some of whose lists are iterators: what is in one gets lines, all else stands in one."""
    if isinstance(value, Iterator):
        yield from _lines("[]", (_pieces(each) for each in value))
    elif isinstance(value, dict) and any(isinstance(inner, Iterator) for inner in value.values()):
        yield from _lines("{}", (chain([f'"{name}": '], _pieces(inner)) for name, inner in value.items()))
    else:
        yield json.dumps(value, ensure_ascii=False)


def _lines(brackets: str, entries: Iterable[Iterable[str]]) -> Iterator[str]:
    """Return entries between brackets, each on a line of its own."""
    before = f"{brackets[0]}\n"
    for entry in entries:
        yield before
        yield from entry
        before = ",\n"
    yield brackets if before[0] == brackets[0] else f"\n{brackets[1]}"


def os_type_of(properties: Document) -> str:
    """Return the operating system that a VM's properties tell."""
    windows = "windowsConfiguration" in section(properties, "osProfile")
    return "Windows" if windows else text(section(section(properties, "storageProfile"), "osDisk"), "osType", "Linux")


def _subscription(world: World, subscription: Subscription) -> Document:
    unregistered = sorted(namespace for owner, namespace in world.unregistered if owner == subscription.id.lower())
    return {
        "id": subscription.id,
        "unregisteredProviders": unregistered,
        "resources": (_resource(world, each) for each in subscription.resources.values()),
        "resourceGroups": (_group(world, each) for each in subscription.groups.values()),
    }


def _group(world: World, group: ResourceGroup) -> Document:
    return {
        "name": group.name,
        "location": group.location,
        **_some(tags=group.tags),
        "resources": _contents(world, group),
        "deployments": (deployment_entry(world, each) for each in group.deployments.values()),
        "stacks": (_stack(world, each) for each in group.stacks.values()),
    }


def _contents(world: World, group: ResourceGroup) -> Iterator[Document]:
    for each in registry.in_order(group):
        if isinstance(each, VirtualMachine):
            yield _machine(world, each)
            yield from (_run_command(world, command) for command in (each.run_commands or {}).values())
        else:
            yield _resource(world, each)


def _machine(world: World, machine: VirtualMachine) -> Document:
    given = machine.given
    properties = {name: value for name, value in section(given, "properties").items() if name not in READ_ONLY}
    properties["hardwareProfile"] = {**section(properties, "hardwareProfile"), "vmSize": machine.size}
    read_only = (_at_rest(machine.provisioning_state), machine.vm_id, world.date(machine.created))
    own = {"type", "name", "id", "location", "tags", "properties"}
    return {
        "type": "Microsoft.Compute/virtualMachines",
        "name": machine.name,
        "location": machine.location,
        **_some(tags=machine.tags),
        **{name: value for name, value in given.items() if name not in own},
        "properties": properties | dict(zip(READ_ONLY, read_only, strict=True)),
        "emulator": _of_machine(world, machine, properties),
    }


def _of_machine(world: World, machine: VirtualMachine, properties: Document) -> Document:
    """Return what a VM's document doesn't show."""
    state, operation = machine.power_state, machine.operation
    told = machine.os_type == os_type_of(properties)
    shown: Document = {"powerState": None if state is None else power.at_rest(state)}
    shown |= _some(osType=None if told else machine.os_type, hibernated=machine.hibernated or None)
    if operation is None:
        return shown
    ended = operation.started if operation.ended is None else operation.ended
    dates = {"changed": world.date(operation.started), "ended": world.date(ended)}
    return shown | dates | _some(failure=_failure(operation.failure))


def _run_command(world: World, command: RunCommand) -> Document:
    document = run_command_document(world, command, view=True)
    document["properties"]["provisioningState"] = _at_rest(command.provisioning_state)
    document["properties"]["instanceView"].pop("statuses")
    del document["id"]
    return {**document, "name": f"{command.machine.name}/{command.name}"}


def _resource(world: World, resource: Resource) -> Document:
    name = ResourceId.parse(resource.path)
    document, state = resource.document, _at_rest(resource.provisioning_state)
    properties = section(document, "properties")
    usual = usual_location(world, name, document)
    ours = {"created": world.date(resource.created)} | _some(
        changed=None if resource.changed == resource.created else world.date(resource.changed),
        location=None if resource.location == usual else resource.location,
    )
    return {
        "type": resource.type,
        **({"id": resource.path} if name.extends else {"name": name.name}),
        **document,
        "properties": properties | _some(provisioningState=None if state == "Succeeded" else state),
        "emulator": ours,
    }


def deployment_entry(world: World, deployment: Deployment) -> Document:
    """Return a deployment without its template."""
    properties: Document = {
        "mode": deployment.mode,
        "provisioningState": deployment.state,
        "correlationId": deployment.correlation,
        "templateHash": deployment.template_hash,
        "parameters": deployment.parameters,
        "providers": deployment.providers,
        "dependencies": deployment.dependencies,
        **_some(outputs=deployment.outputs, error=deployment.error),
    }
    return {
        "name": deployment.name,
        **_some(tags=deployment.tags),
        "properties": properties,
        "operations": [_step(world, each) for each in deployment.steps],
        "emulator": _span(world, deployment.started, deployment.ended),
    }


def _step(world: World, step: Step) -> Document:
    target = {"id": step.path, "resourceType": step.type, "resourceName": step.name}
    made = step.made if step.nested is None else step.nested.resources()
    properties: Document = {
        "provisioningOperation": step.operation,
        "provisioningState": step.state,
        "statusCode": step.status_code,
        **_some(targetResource=target if step.path else None, error=step.error),
    }
    ours = _span(world, step.began, step.ended) | _some(refused=step.refused or None, deployed=made)
    return {"operationId": step.id, "properties": properties, "emulator": ours}


def _stack(world: World, stack: Stack) -> Document:
    deployment = stack.deployment
    kept = deployment is not None and stack.group.deployments.get(deployment.name.lower()) is deployment
    properties = {
        **stack.given,
        "provisioningState": stack.state,
        "correlationId": stack.correlation,
        "resources": references(stack.resources),
        "detachedResources": references(stack.detached),
        "deletedResources": references(stack.deleted),
        "failedResources": [{"id": path, "error": error} for path, error in stack.failed.items()],
        **_some(error=stack.error),
    }
    ours = {"created": world.date(stack.created), **_span(world, stack.started, stack.ended)}
    if deployment is not None:  # one that was deleted since is known to the stack only
        ours["deployment"] = deployment.name if kept else deployment_entry(world, deployment)
    return {"name": stack.name, **_some(tags=stack.tags), "properties": properties, "emulator": ours}


def _span(world: World, started: float, ended: float | None) -> Document:
    return {"started": world.date(started)} | ({} if ended is None else {"ended": world.date(ended)})


def _failure(failure: Failure | None) -> Document | None:
    return None if failure is None else {"code": failure.code, "message": failure.message}


def _at_rest(state: str) -> str:
    """Return a provisioning state that can last: what was not brought to its end has failed."""
    return "Failed" if state in _IN_TRANSIT else state


def _some(**values: object) -> Document:
    """Return those of the values that there are."""
    return {name: value for name, value in values.items() if value is not None}
