"""Lists page by page: each page ends with a link that tells where the next one begins.

An item's place is a pair of numbers that stays the same while others come and go, so that nothing is shown twice or
left out. ``$top`` is the size of a page, as ARM understands it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar
from urllib.parse import quote

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Document, Resource, ResourceGroup, Subscription, VirtualMachine, World
from azvm_async.emulator.packing import pack
from azvm_async.wire import JSON_TYPE, Response

Item = TypeVar("Item")
Place = tuple[int, int]


def page(
    world: World, call: Call, items: Iterable[Item], place: Callable[[Item], Place], show: Callable[[Item], Document]
) -> Response:
    """Return a page of items that come in the order of their places, with the link to the next one if there are more."""
    return page_of_texts(world, call, items, place, lambda item: pack(show(item)))


def page_of_texts(
    world: World, call: Call, items: Iterable[Item], place: Callable[[Item], Place], text: Callable[[Item], str]
) -> Response:
    """Return the same of items whose JSON comes as text."""
    after = start(call)
    size = _size(world, call)
    found = list(islice((each for each in items if place(each) > after), size + 1))
    more = f',"nextLink":{json.dumps(_next_link(call, place(found[size - 1])))}' if len(found) > size else ""
    body = f'{{"value":[{",".join(map(text, found[:size]))}]{more}}}'
    return Response(200, {"content-type": JSON_TYPE}, body.encode())


def start(call: Call) -> Place:
    """Return the place after which a page begins."""
    token = call.query.get("$skiptoken", "")
    if not token:
        return (0, 0)
    first, _, second = token.partition(".")
    if not (first.isdecimal() and second.isdecimal()):
        raise Refusal(400, "InvalidSkipToken", "The value of $skiptoken is not one that a list gave.")
    return int(first), int(second)


def groups(subscription: Subscription, call: Call) -> Iterator[ResourceGroup]:
    """Return a subscription's groups from the one on in which a page begins."""
    return subscription.groups.after(start(call)[0] - 1)


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
