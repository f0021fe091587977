"""Lists page by page: each page ends with a link that tells where the next one begins.

An item's place is a pair of numbers that stays the same while others come and go, so that nothing is shown twice or
left out. ``$top`` is the size of a page, as ARM understands it.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar
from urllib.parse import quote

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Document, Resource, ResourceGroup, VirtualMachine, World
from azvm_async.wire import Response

Item = TypeVar("Item")
Place = tuple[int, int]


def page(
    world: World, call: Call, items: Iterable[Item], place: Callable[[Item], Place], show: Callable[[Item], Document]
) -> Response:
    """Return a page of items that come in the order of their places, with the link to the next one if there are more."""
    after = start(call)
    size = _size(world, call)
    found = list(islice((each for each in items if place(each) > after), size + 1))
    value = [show(each) for each in found[:size]]
    if len(found) <= size:
        return Response.with_json(200, {"value": value})
    return Response.with_json(200, {"value": value, "nextLink": _next_link(call, place(found[size - 1]))})


def start(call: Call) -> Place:
    """Return the place after which a page begins."""
    token = call.query.get("$skiptoken", "")
    if not token:
        return (0, 0)
    first, _, second = token.partition(".")
    if not (first.isdecimal() and second.isdecimal()):
        raise Refusal(400, "InvalidSkipToken", "The value of $skiptoken is not one that a list gave.")
    return int(first), int(second)


def start_in(group: ResourceGroup, call: Call) -> float:
    """Return the number after which a page begins within a group."""
    first, second = start(call)
    if group.serial == first:
        return second
    return 0 if group.serial > first else float("inf")


def order(resource: VirtualMachine | Resource) -> Place:
    """Return a resource's place in lists."""
    return resource.group.serial if resource.group else 0, resource.serial


def _size(world: World, call: Call) -> int:
    given = call.query.get("$top")
    if given is None:
        return world.settings.page_size
    if not given.isdecimal() or int(given) == 0:
        raise Refusal(400, "InvalidTopParameter", f"The value '{given}' of $top is not a positive number.")
    return min(world.settings.page_size, int(given))


def _next_link(call: Call, last: Place) -> str:
    kept = {name: value for name, value in call.query.items() if name != "$skiptoken"}
    query = "&".join(f"{name}={quote(value)}" for name, value in kept.items())
    return f"{call.base}{call.path}?{query}&$skiptoken={last[0]}.{last[1]}"
