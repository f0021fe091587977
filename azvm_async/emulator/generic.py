"""Resources of any type: what PUT, PATCH and DELETE do to them, and what GET shows.

A resource is a document under an id. Beside keeping it, the emulator sees to what deployments rely on: that parents and
what is referred to exist, that nothing in use is deleted, and the few properties that a service adds of its own
(:mod:`~azvm_async.emulator.services`). Some resources are also written within their parent, as subnets are within a
network: they are taken out of it, kept as resources, and shown in both places.
"""

from collections.abc import Iterator
from typing import Any

from azvm_async.emulator import at_once, providers, registry, services
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import location_of, objects, section, string_map
from azvm_async.emulator.documents import overlaid, without_secrets
from azvm_async.emulator.ids import ResourceId, label_of
from azvm_async.emulator.in_use import permit, refuse_if_used
from azvm_async.emulator.injected import next_failure, refuse_if_wanted
from azvm_async.emulator.links import referred
from azvm_async.emulator.model import Document, Kind, Operation, Resource, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.operations import begin, gone, preempt
from azvm_async.emulator.packing import shared
from azvm_async.emulator.run_commands import require_running
from azvm_async.wire import Response

_INLINE = {
    "microsoft.network/virtualnetworks": ("subnets", "virtualNetworkPeerings"),
    "microsoft.network/networksecuritygroups": ("securityRules",),
    "microsoft.network/routetables": ("routes",),
}
_NOT_KEPT = {
    "id",
    "name",
    "type",
    "apiversion",
    "etag",
    "properties",
    "managedby",
    "resources",
    "dependson",
    "emulator",
}
_EXTENSION = "microsoft.compute/virtualmachines/extensions"


def change(world: World, name: ResourceId, api_version: str, document: Document, now: float) -> Operation:
    """Create a resource, or replace what is known of it."""
    known = registry.find(world, name.path)
    location = _checked(world, name, known, document)
    refuse_if_wanted(world, name.path)
    doom = next_failure(world, name.path)
    if doom is not None and at_once.is_put(name.type):
        raise Refusal(409, *doom)
    resource = known or _added(world, name, location, now)
    if known is not None:
        world.chronicle.note("update", known.path)
    providers.note(world, resource.type, resource.location, api_version)
    operation = _begin_change(world, resource, document, now)
    operation.doom = doom
    return operation


def update(world: World, resource: Resource, changes: Document, now: float) -> Operation:
    """Change some of what is known of a resource."""
    document = overlaid(resource.document, changes)
    _checked(world, ResourceId.parse(resource.path), resource, document)
    world.chronicle.note("update", resource.path)
    return _begin_change(world, resource, document, now)


def place(world: World, name: ResourceId, document: Document, location: str, now: float) -> None:
    """Create a resource that comes with another one, or replace what is known of it, at once."""
    _adopt(world, registry.find(world, name.path) or _added(world, name, location, now), document, now)


def recall(world: World, name: ResourceId, document: Document, location: str, now: float) -> Resource:
    """Add a resource as it was before, at a start from a file; :func:`complete` is to follow."""
    providers.require_emulated(name.type)
    if (refusal := _parent_missing(world, name)) is not None:
        raise refusal
    kept = _kept(document)
    string_map(kept, "tags")
    _check_inline(world, name, kept["properties"])
    resource = _added(world, name, location, now)
    resource.document = kept
    return resource


def complete(world: World, resource: Resource) -> None:
    """Add to a recalled resource what its service does; what it gave out before stays."""
    _adopt(world, resource, resource.document, resource.changed)


def usual_location(world: World, name: ResourceId, document: Document) -> str | None:
    """Return where a resource is of which nothing else is said; ``None`` for one that must say it."""
    if providers.has_location(name.type) and len(name.types) == 1 and not name.extends:
        return location_of(document) if "location" in document else None
    parent = registry.anything(world, name.parent) or registry.owner_of(world, name.path)
    return location_of(document, getattr(parent, "location", "global"))


def remove(world: World, resource: Resource, now: float) -> Operation:
    """Let the deletion of a resource begin, or return the one under way."""
    if resource.provisioning_state == "Deleting" and resource.operation is not None:
        return resource.operation
    permit(world, resource.path)
    preempt(world, resource.operation, now)
    resource.provisioning_state = "Deleting"
    seconds = 0.0 if at_once.is_deleted(resource.type) else world.settings.durations.resource
    resource.operation = begin(world, now, _DELETION, resource, seconds)
    return resource.operation


def document_of(world: World, resource: Resource) -> Document:
    """Return a resource as GET shows it."""
    document = {"id": resource.path, "name": resource.name, "type": resource.type, **resource.document}
    properties = {**section(document, "properties"), **_shown_inline(world, resource)}
    if not resource.type.lower().startswith("microsoft.authorization/"):
        properties["provisioningState"] = resource.provisioning_state
    document["properties"] = properties
    return services.shown(world, resource, document)


def missing(world: World, path: str) -> Refusal:
    """Return the 404 for a resource that isn't there, or for the group that it would be in."""
    name = ResourceId.parse(path)
    owner = registry.owner_of(world, path)
    if (parent := _parent_missing(world, name)) is not None:
        return parent
    return Refusal.not_found(label_of(path), owner.name if isinstance(owner, ResourceGroup) else "")


def is_there(world: World, path: str) -> bool:
    """Tell whether an id names a resource, or one of the named parts in a resource's properties."""
    if registry.anything(world, path) is not None:
        return True
    name = ResourceId.parse(path)
    whole = registry.find(world, name.parent)
    entries = [] if whole is None else _list(whole.properties, name.types[-1])
    return any(str(entry.get("name")).lower() == name.names[-1].lower() for entry in entries if isinstance(entry, dict))


def require(world: World, user: str, paths: Iterator[str]) -> None:
    """Refuse when something is not there that a resource refers to."""
    for path in paths:
        if not path.lower().startswith(f"{user.lower()}/") and not is_there(world, path):
            message = (
                f"Resource {path} referenced by resource {user} was not found. Please make sure that the referenced "
                "resource exists, and that both resources are in the same region."
            )
            details = [{"code": "NotFound", "message": f"Resource {path} not found."}]
            raise Refusal(400, "InvalidResourceReference", message, details=details)


def _checked(world: World, name: ResourceId, known: Resource | None, document: Document) -> str:
    """Refuse what cannot be put; return where the resource is going to be."""
    providers.require_emulated(name.type)
    owner = registry.owner_of(world, name.path)
    if isinstance(owner, ResourceGroup) and owner.provisioning_state == "Deleting":
        raise Refusal.being_deleted(owner.name)
    if (refusal := _parent_missing(world, name)) is not None:
        raise refusal
    if known is not None and known.provisioning_state == "Deleting":
        raise Refusal(409, "Conflict", f"The resource '{known.path}' is being deleted.")
    properties = _kept(document)["properties"]
    string_map(document, "tags")
    location = _location(world, name, known, document)
    if name.namespace.lower() == "microsoft.network":
        require(world, name.path, (each for each in referred(properties) if _of_network(each)))
    if name.type.lower() == _EXTENSION:
        machine = registry.anything(world, name.parent)
        assert isinstance(machine, VirtualMachine)  # noqa: S101  # the parent was found above
        require_running(machine)
    _check_inline(world, name, properties)
    return location


def _location(world: World, name: ResourceId, known: Resource | None, document: Document) -> str:
    if known is not None:
        if location_of(document, known.location) != known.location:
            group = known.group.name if known.group else ""
            raise Refusal.moved(known.name, known.location, document["location"], group)
        return known.location
    return usual_location(world, name, document) or location_of(document)


def _parent_missing(world: World, name: ResourceId) -> Refusal | None:
    above = len(name.types) > 1 or name.extends
    if not above or registry.anything(world, name.parent) is not None:
        return None
    parent = name.parent.rpartition("/")[2]
    message = f"Can not perform requested operation on nested resource. Parent resource '{parent}' not found."
    return Refusal(404, "ParentResourceNotFound", message)


def _added(world: World, name: ResourceId, location: str, now: float) -> Resource:
    owner = registry.owner_of(world, name.path)
    above = registry.anything(world, name.parent)
    parent = owner.path if above is None else above.path
    kind = providers.canonical(name.type)
    path = f"{parent}/{kind.rpartition('/')[2]}/{name.names[-1]}"
    if len(name.types) == 1:
        path = f"{parent}/providers/{kind}/{name.names[0]}"
    group = owner if isinstance(owner, ResourceGroup) else None
    resource = Resource(shared(path), kind, parent, group, shared(location), next(world.serials), now, now)
    registry.add(world, resource)
    return resource


def _begin_change(world: World, resource: Resource, document: Document, now: float) -> Operation:
    preempt(world, resource.operation, now)
    _adopt(world, resource, document, now)
    resource.provisioning_state = "Updating"
    seconds = 0.0 if at_once.is_put(resource.type) else world.settings.durations.resource
    resource.operation = begin(world, now, _CHANGE, resource, seconds)
    return resource.operation


def _kept(document: Document) -> Document:
    """Return what is kept of a document."""
    kept: Document = without_secrets({name: value for name, value in document.items() if name.lower() not in _NOT_KEPT})
    if "location" in kept:
        kept["location"] = location_of(document)
    kept["properties"] = without_secrets(section(document, "properties"))
    kept["properties"].pop("provisioningState", None)
    return {name: value for name, value in kept.items() if value is not None}


def _adopt(world: World, resource: Resource, document: Document, now: float) -> None:
    """Take a document in place of the one before, with all that follows."""
    known = _kept(document)
    properties, resource.changed = known["properties"], now
    for inline in _INLINE.get(resource.type.lower(), ()):
        if inline in properties:
            _adopt_inline(world, resource, inline, properties.pop(inline) or [], now)
    services.complete(world, resource, known, resource.document)
    resource.document = known
    world.links.set(resource.path, properties)


def _adopt_inline(world: World, parent: Resource, inline: str, entries: list[Document], now: float) -> None:
    """Make resources of what was written in a list within their parent, and drop those that aren't there any more."""
    given = {entry["name"].lower() for entry in entries}
    for child in _inline_children(world, parent, inline):
        if child.name.lower() not in given:
            registry.drop(world, child)
    for entry in entries:
        place(world, ResourceId.parse(f"{parent.path}/{inline}/{entry['name']}"), entry, parent.location, now)


def _check_inline(world: World, name: ResourceId, properties: Document) -> None:
    """Refuse entries that aren't shaped like resources, and to drop those that are in use."""
    for inline in _INLINE.get(name.type.lower(), ()):
        entries = objects(properties, inline)
        for entry in entries:
            if not isinstance(entry.get("name"), str):
                raise Refusal.bad_content(f"'{inline}' has an entry without a name.")
            _kept(entry)
            ResourceId.parse(f"{name.path}/{inline}/{entry['name']}")
        given = {entry["name"].lower() for entry in entries}
        if inline in properties and (known := registry.find(world, name.path)) is not None:
            for child in _inline_children(world, known, inline):
                if child.name.lower() not in given:
                    refuse_if_used(world, child.path)


def _shown_inline(world: World, resource: Resource) -> Document:
    lists = _INLINE.get(resource.type.lower(), ())
    return {
        inline: [document_of(world, child) for child in _inline_children(world, resource, inline)] for inline in lists
    }


def _inline_children(world: World, parent: Resource, inline: str) -> list[Resource]:
    kind = f"{parent.type}/{inline}".lower()
    return [child for child in registry.children(world, parent.path) if child.type.lower() == kind]


def _list(properties: Document, name: str) -> list[Any]:
    """Return the list under a name of any case, empty when there is none."""
    for key, value in properties.items():
        if key.lower() == name.lower() and isinstance(value, list):
            return value
    return []


def _of_network(path: str) -> bool:
    return label_of(path).lower().startswith("microsoft.network/")


def _end_change(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    operation.target.provisioning_state = "Succeeded"


def _end_deletion(world: World, operation: Operation) -> None:
    registry.drop(world, operation.target)


def _shown(world: World, operation: Operation) -> Response:
    return Response.with_json(200, document_of(world, operation.target))


_CHANGE = Kind("put", _end_change, _shown)
_DELETION = Kind("delete", _end_deletion, gone)
