"""ARM ids of resources, taken apart.

An id is a scope, then ``/providers/``, a namespace, and pairs of type and name. The scope is a subscription, a resource
group, or another resource that is extended.
"""

import re
from typing import NamedTuple, Self

from azvm_async.emulator.answers import Refusal

_SCOPE = re.compile(r"/subscriptions/[^/]+(/resourceGroups/[^/]+(/providers/.+)?|/providers/.+)?", re.IGNORECASE)
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)+")
_FORBIDDEN = frozenset("<>%&?#\\")


class ResourceId(NamedTuple):
    """The id of a resource.

    Parameters
    ----------
    scope : str
        All before the last ``/providers/``.
    types, names : tuple[str, ...]
        The pairs; the last one is the resource, those before it its parents.
    """

    scope: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, path: str) -> Self:
        """Take an id apart.

        Raises
        ------
        Refusal
            When it is not shaped like one.
        """
        place = path.lower().rfind("/providers/")
        namespace, *pairs = path[place + len("/providers/") :].split("/")
        well = place > 0 and _SCOPE.fullmatch(path[:place]) and _NAMESPACE.fullmatch(namespace)
        if not well or not pairs or len(pairs) % 2 or not all(pairs) or _FORBIDDEN & set("".join(pairs)):
            raise Refusal(400, "InvalidResourceId", f"The resource id '{path}' is not valid.")
        return cls(path[:place], namespace, tuple(pairs[::2]), tuple(pairs[1::2]))

    @property
    def type(self) -> str:
        """The full type, as ``Microsoft.Network/virtualNetworks/subnets``."""
        return "/".join((self.namespace, *self.types))

    @property
    def name(self) -> str:
        """The full name, as ``vnet1/default``."""
        return "/".join(self.names)

    @property
    def path(self) -> str:
        """The id."""
        return f"{self.scope}/providers/{label(self.type, self.name)}"

    @property
    def parent(self) -> str:
        """The id of what it belongs to."""
        if len(self.types) == 1:
            return self.scope
        return self._replace(types=self.types[:-1], names=self.names[:-1]).path

    @property
    def extends(self) -> bool:
        """Whether it extends another resource."""
        return "/providers/" in self.scope.lower()


def require_name(name: str) -> None:
    """Make sure that a name can stand in an id.

    Raises
    ------
    ValueError
        When it is empty, or no single segment of a path.
    """
    if not name or (_FORBIDDEN | {"/"}) & set(name):
        raise ValueError(f"{name!r} is no name: it must have characters, and none of / {' '.join(sorted(_FORBIDDEN))}")


def label(kind: str, name: str) -> str:
    """Return what follows ``/providers/`` in the id of a resource of this full type and full name."""
    namespace, *types = kind.split("/")
    return "/".join((namespace, *(f"{each}/{own}" for each, own in zip(types, name.split("/"), strict=False))))


def label_of(path: str) -> str:
    """Return what follows the last ``/providers/`` in an id."""
    place = path.lower().rfind("/providers/")
    return path[place + len("/providers/") :]


def part(path: str, number: int) -> str:
    """Return a segment of an id, counted from 1: the second is the subscription, the fourth the resource group."""
    return path.split("/")[number]
