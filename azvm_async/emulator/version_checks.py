"""Whether Azure takes an API version: the one of a request, by the type that it is about, and those in templates.

Which type that is, its route or its path tells: an action is its resource's, a poll its provider's. What ARM answers of
its own, subscriptions, resource groups and deployments among it, shares one list and has a refusal of its own. For a
type that the table doesn't know, any date will do.
"""

import re
from functools import cache, lru_cache
from urllib.parse import unquote

from azvm_async.emulator import registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, plain_location
from azvm_async.emulator.model import World
from azvm_async.emulator.providers import Type, known_type
from azvm_async.emulator.routing import Route

_ARM = "Microsoft.Resources/resources"
_OF_PROVIDERS = {"{namespace}", "{namespace}/register", "{namespace}/unregister"}
_RESULTS = "/subscriptions/{subscription}/operationresults/"
_RESULT = "Microsoft.Resources/locations/operations"  # of deployments and of stacks, which have lists of their own
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-(preview|privatepreview|alpha|beta|rc))?", re.IGNORECASE)
_ELSEWHERE = "global"
_LATELY = 256


def check(world: World, route: Route, call: Call) -> None:
    """Refuse a request without an API version, or with one that the type hasn't."""
    if not call.api_version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise Refusal(400, "MissingApiVersionParameter", message)
    kind = _type_of(route.pattern) or _type_in(call.path)
    if not is_taken(kind, call.api_version):
        raise refusal(kind, call.api_version, _location(world, call))


@lru_cache(_LATELY)
def is_taken(kind: str, version: str) -> bool:
    """Tell whether a full type has an API version, or may have it."""
    known = known_type(kind)
    return version.lower() in known.versions if known else _DATE.fullmatch(version) is not None


def refusal(kind: str, version: str, location: str) -> Refusal:
    """Return what is answered where a type hasn't the API version."""
    known = known_type(kind)
    if known is None or known.versions == _arm().versions or not _DATE.fullmatch(version):
        message = f"The api-version '{version}' is invalid. The supported versions are '{arm_versions()}'."
        return Refusal(400, "InvalidApiVersionParameter", message)
    message = (
        f"No registered resource provider found for location '{location}' and API version '{version}' for type "
        f"'{known.name.partition('/')[2]}'. The supported api-versions are '{', '.join(known.versions)}'. The supported "
        f"locations are '{', '.join(map(plain_location, known.locations))}'."
    )
    return Refusal(400, "NoRegisteredProviderFound", message)


def arm_versions() -> str:
    """Return the list of ARM's own API versions as its messages show it."""
    return ",".join(reversed(_arm().versions))


def _arm() -> Type:
    found = known_type(_ARM)
    assert found is not None  # noqa: S101  # it is in the table
    return found


@cache
def _type_of(pattern: str) -> str | None:
    """Return the type that all requests of a route are about; ``None`` where the path must tell."""
    _, _, rest = pattern.rpartition("/providers/")
    namespace, *segments = rest.split("/")
    if pattern.startswith(_RESULTS):
        return _RESULT
    if "/providers/" not in pattern or rest in _OF_PROVIDERS:
        return _ARM
    if "{" in namespace:
        return None
    kind = "/".join((namespace, *segments[::2]))
    while known_type(kind) is None and "/" in kind:  # an action is its resource's
        kind = kind.rpartition("/")[0]
    return kind


def _type_in(path: str) -> str:
    """Return the type of the resource, or of the resources, that a path names."""
    path = unquote(path).rstrip("/")
    namespace, *segments = path[path.lower().rfind("/providers/") + len("/providers/") :].split("/")
    return "/".join((namespace, *segments[::2]))


def _location(world: World, call: Call) -> str:
    """Return where a request leads: to the location in its path, or that of its resource or resource group."""
    if "location" in call.names:
        return plain_location(call.name("location"))
    if (found := registry.anything(world, unquote(call.path))) is not None:
        return found.location
    try:
        return world.group(call.name("subscription"), call.name("group")).location
    except (Refusal, KeyError):
        return _ELSEWHERE
