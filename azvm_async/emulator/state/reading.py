"""From the document of a state file to the world: the way back from :mod:`azvm_async.emulator.state.writing`.

What is missing has a default, so that a few lines written by hand are a world; what is there is taken as it stands, and
what is wrong is a ``ValueError`` that says where and what was expected.
"""

import json

from azvm_async.emulator import generic, providers, services
from azvm_async.emulator.calls import location_of
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.model import Resource, ResourceGroup, Subscription, World
from azvm_async.emulator.providers import Type
from azvm_async.emulator.registry import anything
from azvm_async.emulator.state.deployments import read_deployment, read_stack
from azvm_async.emulator.state.entries import Entry
from azvm_async.emulator.state.machines import MACHINES, RUN_COMMANDS, read_machine, read_run_command
from azvm_async.emulator.state.writing import VERSION

_DEFAULT_LOCATION = "westeurope"


def restore(world: World, text: str, now: float) -> None:
    """Put what a state file tells into an empty world.

    Raises
    ------
    ValueError
        When the file is not as it should be.
    """
    try:
        file = Entry(json.loads(text), "")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    file.allow("version", "subscriptions", "seenTypes")
    if file.value("version", int) != VERSION:
        raise file.wrong("version", str(VERSION))
    for each in file.entries("seenTypes"):
        name = each.text("type")
        if not (versions := each.texts("apiVersions")):
            raise each.wrong("apiVersions", "a list of versions")
        world.seen[name.lower()] = Type(name, tuple(each.texts("locations")), tuple(versions))
    resources = [found for each in file.entries("subscriptions") for found in _read_subscription(world, each, now)]
    _complete(world, resources)
    world.random.seed(f"{world.random.random()}{text}")  # ids that were given out before must not come again
    world.chronicle.effects.clear()


def _complete(world: World, resources: list[Resource]) -> None:
    """Let services do their part; addresses are given when it is known which ones are taken."""
    late = [each for each in resources if services.has_address(each)]
    for each in resources:
        if not services.has_address(each):
            generic.complete(world, each)
    for each in late:
        services.note_addresses(world, each)
    for each in late:
        generic.complete(world, each)


def _read_subscription(world: World, entry: Entry, now: float) -> list[Resource]:
    entry.allow("id", "unregisteredProviders", "resources", "resourceGroups")
    name = entry.text("id")
    if name.lower() in world.subscriptions:
        raise entry.wrong("id", "another id than before")
    subscription = world.add_subscription(name)
    world.unregistered |= {(name.lower(), each.lower()) for each in entry.texts("unregisteredProviders")}
    found = [_read_resource(world, subscription, each, now) for each in entry.entries("resources")]
    for each in entry.entries("resourceGroups"):
        found += _read_group(world, subscription, each, now)
    return found


def _read_group(world: World, subscription: Subscription, entry: Entry, now: float) -> list[Resource]:
    entry.allow("name", "location", "tags", "resources", "deployments", "stacks")
    name = entry.text("name")
    if name.lower() in subscription.groups:
        raise entry.wrong("name", "another name than before")
    with entry.blamed():
        group = world.add_group(
            subscription, name, location_of({"location": entry.text("location", _DEFAULT_LOCATION)})
        )
    group.tags = entry.tags()
    found = []
    for each in entry.entries("resources"):
        kind = each.text("type", "").lower() if each.document.get("type") else ""
        if kind == MACHINES.lower():
            read_machine(world, group, each, now)
        elif kind == RUN_COMMANDS.lower():
            read_run_command(world, group, each)
        else:
            found.append(_read_resource(world, group, each, now))
    for each in entry.entries("deployments"):
        read_deployment(world, group, each, now)
    for each in entry.entries("stacks"):
        read_stack(world, group, each, now)
    return found


def _read_resource(world: World, owner: ResourceGroup | Subscription, entry: Entry, now: float) -> Resource:
    ours = entry.entry("emulator")
    ours.allow("created", "changed", "location")
    created = ours.time_or("created", world, now)
    changed = ours.time_or("changed", world, created)
    document = dict(entry.document)
    with entry.blamed():
        name = _id_of(owner, entry)
        if anything(world, name.path) is not None:
            raise entry.wrong("name", f"another name than before, for there is {name.path}")
        location = ours.optional("location", str) or generic.usual_location(world, name, document)
        if location is None:
            location = document["location"] = getattr(owner, "location", _DEFAULT_LOCATION)
        resource = generic.recall(world, name, document, location, created)
        if (version := entry.optional("apiVersion", str)) is not None:
            providers.note(world, resource.type, location, version)
    resource.type = entry.text("type", resource.type)
    resource.changed = changed
    resource.provisioning_state = entry.entry("properties").text("provisioningState", "Succeeded")
    return resource


def _id_of(owner: ResourceGroup | Subscription, entry: Entry) -> ResourceId:
    """Return the id, which one that extends another resource must give; the others have a type and a name."""
    if entry.document.get("id") is None:
        kind, name = entry.text("type"), entry.text("name")
        namespace, *types = kind.split("/")
        names = name.split("/")
        if len(types) != len(names):
            raise entry.wrong("name", f"a name with as many parts as the type '{kind}' has after its namespace")
        given = f"{owner.path}/providers/{namespace}/" + "/".join(
            f"{each}/{own}" for each, own in zip(types, names, strict=True)
        )
    else:
        given = entry.text("id")
    if not given.lower().startswith(f"{owner.path.lower()}/providers/"):
        raise entry.wrong("id", f"an id that begins with {owner.path}/providers/")
    return ResourceId.parse(given)
