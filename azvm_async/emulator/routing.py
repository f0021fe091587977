"""Which handler answers a path: a tree of path segments, built once from the tables of the rooms.

Literal segments are compared without regard to case, as ARM does. A look-up costs one dictionary access a segment,
however many routes there are.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import World
from azvm_async.wire import Response

Handler = Callable[[World, Call], Response]


class Route(NamedTuple):
    """One line of a room's table.

    Parameters
    ----------
    pattern : str
        A path, its variable segments in braces.
    policy : str or None
        The policy of Microsoft.Compute that counts such requests.
    """

    method: str
    pattern: str
    handler: Handler
    policy: str | None = None


@dataclass(slots=True)
class _Node:
    """A place in the tree: what may follow, and what ends here by method."""

    literals: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    name: str = ""
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """Finds the route of a call."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def find(self, call: Call) -> Route:
        """Return the call's route, and note in ``call.names`` what stands where the pattern has names.

        Raises
        ------
        Refusal
            404 when no route has this path, 405 when none has this method.
        """
        node = self._root
        for segment in _segments(call.path):
            following = node.literals.get(segment.lower())
            if following is None:
                following = node.variable
                if following is None:
                    raise _unknown(call)
                call.names[following.name] = segment
            node = following
        if not node.routes:
            raise _unknown(call)
        if (route := node.routes.get(call.method)) is None:
            raise _not_allowed(call, node.routes)
        return route

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.pattern):
            if segment.startswith("{"):
                node.variable = node.variable or _Node(name=segment[1:-1])
                node = node.variable
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        node.routes[route.method] = route


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")


def _unknown(call: Call) -> Refusal:
    return Refusal(404, "InvalidResourceType", f"No resource type of the emulator is found at '{call.path}'.")


def _not_allowed(call: Call, routes: Iterable[str]) -> Refusal:
    message = f"The requested resource does not support http method '{call.method}'."
    return Refusal(405, "HttpMethodNotAllowed", message, {"allow": ", ".join(routes)})
