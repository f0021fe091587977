"""Resource providers: which types of resources there are, where, and in which API versions.

The table of what is common, and beside it whatever was seen in PUTs: the emulator keeps resources of any type but those
of Microsoft.Resources, which are rooms of their own. Registration is noted; only bulk operations ask for it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.api_versions import REGIONS, TABLE
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Document, World
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response


class Type(NamedTuple):
    """A type of resources: its full name, where it is to be had, and its API versions, the oldest first."""

    name: str
    locations: tuple[str, ...]
    versions: tuple[str, ...]


def _read() -> Iterator[Type]:
    regions = tuple(REGIONS.split(", "))
    for series in TABLE:
        versions = tuple(series.versions.split())
        for types, locations in ((series.located, regions), (series.others, ())):
            for name, _, first in (each.partition(">") for each in types.split()):
                own = tuple(each for each in versions if each >= first)
                yield Type(f"{series.namespace}/{name}", locations, own)
    for namespace in _NAMESPACES.values():
        every = {each for series in TABLE if series.namespace == namespace for each in series.versions.split()}
        yield Type(f"{namespace}/locations/operations", (), tuple(sorted(every)))


_NAMESPACES = {series.namespace.lower(): series.namespace for series in TABLE}
_KNOWN = {each.name.lower(): each for each in _read()}
_PROVIDERS = "/subscriptions/{subscription}/providers"
_PROVIDER = f"{_PROVIDERS}/{{namespace}}"


def known_type(kind: str) -> Type | None:
    """Return what the table tells of a full type."""
    return _KNOWN.get(kind.lower())


def canonical(kind: str) -> str:
    """Return a full type as it is usually written."""
    known = known_type(kind)
    return known.name if known else kind


def has_location(kind: str) -> bool:
    """Tell whether resources of a type are known to need a location."""
    known = known_type(kind)
    return known is not None and bool(known.locations)


def require_emulated(kind: str) -> None:
    """Refuse the types of Microsoft.Resources that no other room has taken: to keep a document would be a pretence."""
    namespace, _, rest = kind.partition("/")
    if namespace.lower() == "microsoft.resources":
        message = (
            f"The resource type '{rest}' could not be found in the namespace '{namespace}': it is not emulated here."
        )
        raise Refusal(404, "InvalidResourceType", message)


def require_registered(world: World, subscription: str, namespace: str) -> None:
    """Refuse when the subscription's registration with a provider was taken back."""
    if _key(subscription, namespace) in world.unregistered:
        code = "MissingSubscriptionRegistration"
        message = (
            f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for "
            "how to register subscriptions."
        )
        raise Refusal(409, code, message, details=[{"code": code, "target": namespace, "message": message}])


def note(world: World, kind: str, location: str, version: str) -> None:
    """Take in that a resource was put."""
    known = world.seen.get(kind.lower()) or Type(kind, (), ())
    locations, versions = {*known.locations, location}, {*known.versions, version}
    world.seen[kind.lower()] = Type(kind, tuple(sorted(locations)), tuple(sorted(versions)))


def is_known(world: World, kind: str) -> bool:
    """Tell whether a type is in the table or was seen."""
    return kind.lower() in _KNOWN or kind.lower() in world.seen


def list_all(world: World, call: Call) -> Response:
    """Answer GET on a subscription's providers."""
    namespaces = {_of(each.name).lower(): _of(each.name) for each in world.seen.values()} | _NAMESPACES
    shown = [_document(world, call.name("subscription"), each) for each in sorted(namespaces.values())]
    return Response.with_json(200, {"value": shown})


def get(world: World, call: Call) -> Response:
    """Answer GET on a provider."""
    return Response.with_json(200, _document(world, call.name("subscription"), _named(world, call)))


def register(world: World, call: Call) -> Response:
    """Register the subscription with a provider: done at once."""
    _note(world, call, "register")
    world.unregistered.discard(_key(call.name("subscription"), _named(world, call)))
    return get(world, call)


def unregister(world: World, call: Call) -> Response:
    """Take the subscription's registration with a provider back."""
    _note(world, call, "unregister")
    world.unregistered.add(_key(call.name("subscription"), _named(world, call)))
    return get(world, call)


def _note(world: World, call: Call, verb: str) -> None:
    subscription = world.subscription(call.name("subscription"))
    world.chronicle.note(verb, f"{subscription.path}/providers/{_named(world, call)}")


def _named(world: World, call: Call) -> str:
    """Return the namespace that a path names, or refuse."""
    given = call.name("namespace")
    seen = (_of(each.name) for each in world.seen.values())
    found = _NAMESPACES.get(given.lower()) or next((each for each in seen if each.lower() == given.lower()), None)
    if found is None:
        raise Refusal(404, "InvalidResourceNamespace", f"The resource namespace '{given}' is invalid.")
    return found


def _document(world: World, subscription: str, namespace: str) -> Document:
    state = "NotRegistered" if _key(subscription, namespace) in world.unregistered else "Registered"
    types = [_type_document(each) for each in (world.seen | _KNOWN).values() if _is_of(each.name, namespace)]
    return {
        "id": f"{world.subscription(subscription).path}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": state,
        "resourceTypes": types,
    }


def _type_document(kind: Type) -> Document:
    newest_first = kind.versions[::-1]
    return {
        "resourceType": kind.name.partition("/")[2],
        "locations": list(kind.locations),
        "apiVersions": list(newest_first),
        "defaultApiVersion": next((each for each in newest_first if "preview" not in each), newest_first[0]),
        "capabilities": "SupportsTags, SupportsLocation" if kind.locations else "None",
    }


def _of(kind: str) -> str:
    return kind.partition("/")[0]


def _is_of(kind: str, namespace: str) -> bool:
    """Tell whether a type, as somebody wrote it, is of a namespace."""
    return _of(kind).lower() == namespace.lower()


def _key(subscription: str, namespace: str) -> tuple[str, str]:
    return subscription.lower(), namespace.lower()


ROUTES = (
    Route("GET", _PROVIDERS, list_all),
    Route("GET", _PROVIDER, get),
    Route("POST", f"{_PROVIDER}/register", register),
    Route("POST", f"{_PROVIDER}/unregister", unregister),
)
