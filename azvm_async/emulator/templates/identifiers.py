"""The ids of resources, made from types and names."""

import re
from collections.abc import Sequence

_PLACE = re.compile(r"/resourceGroups/(?P<group>[^/]+)/providers/(?P<rest>.+)", re.IGNORECASE)


def interleaved(type_: str, names: Sequence[str]) -> str:
    """Return ``Microsoft.Network/virtualNetworks/v/subnets/s`` for a type and its names; both must have their number."""
    namespace, *types = type_.split("/")
    return "/".join([namespace, *(f"{one}/{name}" for one, name in zip(types, names, strict=True))])


def in_place(place: str, type_: str, names: Sequence[str]) -> str:
    """Return the id of a resource in a group, a subscription or under another resource."""
    return f"{place.rstrip('/')}/providers/{interleaved(type_, names)}"


def split_id(resource_id: str) -> tuple[str, str]:
    """Return the resource group of an id and what is written in messages of the rest: its type and its names."""
    found = _PLACE.search(resource_id)
    group, rest = (found["group"], found["rest"]) if found else ("", resource_id)
    namespace, *parts = rest.split("/")
    return group, "/".join([namespace, *parts[::2], *parts[1::2]])
