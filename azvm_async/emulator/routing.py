"""Which handler answers a path: a tree of path segments, built once from the tables of the rooms.

Literal segments are compared without regard to case, as ARM does, and go before names. A look-up costs a few dictionary
accesses a segment, however many routes there are.
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
        A path, its variable segments in braces; ``{*name}`` at its end takes all the rest, where nothing else fits.
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
    rest: "_Node | None" = None
    name: str = ""
    routes: dict[str, Route] = field(default_factory=dict)

    def find(self, segments: list[str], start: int, names: dict[str, str]) -> "_Node | None":
        """Return the node where the segments from ``start`` on lead to, and note what stands for names."""
        node, passed = self, dict[str, str]()
        for place in range(start, len(segments)):
            following, variable = node.literals.get(segments[place].lower()), node.variable
            if variable is not None:
                if following is not None and (found := following.find(segments, place + 1, passed)) is not None:
                    names.update(passed)
                    return found
                passed[variable.name] = segments[place]
                following = variable
            if following is None:
                return None
            node = following
        if not node.routes:
            return None
        names.update(passed)
        return node

    def find_rest(self, segments: list[str], start: int, names: dict[str, str]) -> "_Node | None":
        """Return the node, if any, that takes all segments from some place on."""
        if start == len(segments):
            return None
        for following in (self.literals.get(segments[start].lower()), self.variable):
            if following is not None and (found := following.find_rest(segments, start + 1, names)):
                if following is self.variable:
                    names[following.name] = segments[start]
                return found
        if self.rest is not None:
            names[self.rest.name] = "/".join(segments[start:])
        return self.rest


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
        segments = _segments(call.path)
        if (node := self._root.find(segments, 0, call.names)) is not None:
            if (route := node.routes.get(call.method)) is None:
                raise _not_allowed(call, node.routes)
            return route
        rest = self._root.find_rest(segments, 0, call.names)
        if rest is None or (route := rest.routes.get(call.method)) is None:
            raise _unknown(call)
        return route

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.pattern):
            if segment.startswith("{*"):
                node.rest = node.rest or _Node(name=segment[2:-1])
                node = node.rest
            elif segment.startswith("{"):
                node.variable = node.variable or _Node(name=segment[1:-1])
                node = node.variable
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        node.routes[route.method] = route


def _segments(path: str) -> list[str]:
    """Return what stands between slashes; two of them are one, as an official client writes for "no parent"."""
    return [segment for segment in path.split("/") if segment]


def _unknown(call: Call) -> Refusal:
    return Refusal(404, "InvalidResourceType", f"No resource type of the emulator is found at '{call.path}'.")


def _not_allowed(call: Call, routes: Iterable[str]) -> Refusal:
    message = f"The requested resource does not support http method '{call.method}'."
    return Refusal(405, "HttpMethodNotAllowed", message, {"allow": ", ".join(routes)})
