"""The requests on resources of any type that no other room has taken, by their ids and by the ids of collections."""

from collections.abc import Iterable
from itertools import chain

from azvm_async.emulator import at_once, generic, providers, registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.model import Operation, Resource, ResourceGroup, World
from azvm_async.emulator.operations import accepted, settle, tracking
from azvm_async.emulator.pages import groups, order, page, start_in
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

_IN_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/{*rest}"
_IN_SUBSCRIPTION = "/subscriptions/{subscription}/providers/{*rest}"


def get(world: World, call: Call) -> Response:
    """Answer GET on a resource, or on the collection that an id without its last name names."""
    path = _path(call)
    if len(path.rpartition("/providers/")[2].split("/")) % 2 == 0:
        return _collection(world, call, path)
    resource = registry.find(world, path)
    if resource is None:
        raise generic.missing(world, path)
    return Response.with_json(200, generic.document_of(world, resource))


def head(world: World, call: Call) -> Response:
    """Tell whether there is a resource."""
    path = ResourceId.parse(_path(call)).path
    registry.owner_of(world, path)
    return Response(404 if registry.find(world, path) is None else 204)


def put(world: World, call: Call) -> Response:
    """Create a resource, or replace what is known of it."""
    name = ResourceId.parse(_path(call))
    known = registry.find(world, name.path)
    operation = generic.change(world, name, call.api_version, call.document(), call.now.monotonic)
    return _answered(world, call, operation, 200 if known else at_once.created(name.type))


def patch(world: World, call: Call) -> Response:
    """Change some of a resource's properties."""
    path = _path(call)
    resource = registry.find(world, path)
    if resource is None:
        raise generic.missing(world, path)
    operation = generic.update(world, resource, call.document(), call.now.monotonic)
    return _answered(world, call, operation, 200)


def delete(world: World, call: Call) -> Response:
    """Delete a resource; 204 when there is none."""
    path = ResourceId.parse(_path(call)).path
    registry.owner_of(world, path)
    resource = registry.find(world, path)
    if resource is None:
        return Response(204)
    operation = generic.remove(world, resource, call.now.monotonic)
    if at_once.is_deleted(resource.type):
        settle(world, call.now.monotonic)
        return Response(200)
    return accepted(world, call, operation)


def _collection(world: World, call: Call, path: str) -> Response:
    """Answer GET on the resources of a type: of a parent, of a resource group, or of a subscription."""
    name = ResourceId.parse(f"{path}/every")
    if not providers.is_known(world, name.type):
        raise Refusal(404, "InvalidResourceType", f"The resource type '{name.type}' could not be found.")
    wanted = name.type.lower()
    found = (each for each in _candidates(world, call, name) if each.type.lower() == wanted)
    return page(world, call, found, order, lambda each: generic.document_of(world, each))


def _candidates(world: World, call: Call, name: ResourceId) -> Iterable[Resource]:
    """Return the resources among which those of a collection are."""
    owner = registry.owner_of(world, name.path)
    if len(name.types) > 1 or name.extends:
        if registry.anything(world, name.parent) is None:
            raise generic.missing(world, name.path)
        return registry.children(world, name.parent)
    if isinstance(owner, ResourceGroup):
        return owner.resources.after(start_in(owner, call))
    inside = (group.resources.after(start_in(group, call)) for group in groups(owner, call))
    return chain(owner.resources.values(), *inside)


def _answered(world: World, call: Call, operation: Operation, status: int) -> Response:
    """Answer as PUT and PATCH do."""
    if at_once.is_put(operation.target.type):
        settle(world, call.now.monotonic)
        return Response.with_json(status, generic.document_of(world, operation.target))
    headers = tracking(world, call, operation, location=False)
    return Response.with_json(status, generic.document_of(world, operation.target), headers)


def _path(call: Call) -> str:
    """Return the path, decoded, as an id."""
    scope, group = f"/subscriptions/{call.name('subscription')}", call.names.get("group")
    place = f"{scope}/resourceGroups/{call.name('group')}" if group else scope
    return f"{place}/providers/{call.name('rest')}"


_METHODS = {"GET": get, "HEAD": head, "PUT": put, "PATCH": patch, "DELETE": delete}
ROUTES = tuple(
    Route(method, pattern, handler) for pattern in (_IN_GROUP, _IN_SUBSCRIPTION) for method, handler in _METHODS.items()
)
