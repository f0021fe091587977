"""Which resource names which: the ids that stand in a resource's properties, kept in both directions.

Whoever names a part of a resource, as a network interface names a subnet, names the whole too. Keys are lower-case ids,
so that a look-up costs the same however many resources there are; users are told by the ids that they show.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from azvm_async.emulator.packing import shared


class Links:
    """Who refers to whom."""

    def __init__(self) -> None:
        self._targets: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, str | dict[str, None]] = {}  # most have one

    def set(self, path: str, document: Any) -> None:
        """Take in what a resource refers to now, in place of what it referred to before."""
        self.drop(path)
        targets = tuple({shared(whole): None for target in referred(document) for whole in _wholes(target.lower())})
        if targets:
            self._targets[path] = targets
        for target in targets:
            known = self._users.setdefault(target, path)
            if isinstance(known, dict):
                known[path] = None
            elif known != path:
                self._users[target] = {known: None, path: None}

    def drop(self, path: str) -> None:
        """Forget what a resource refers to."""
        for target in self._targets.pop(path, ()):
            users = self._users[target]
            if isinstance(users, dict):
                del users[path]
            if not users or users == path:
                del self._users[target]

    def users(self, path: str) -> list[str]:
        """Return the ids of what refers to a resource or to a part of it, but is no part of it itself, sorted."""
        key = path.lower()
        found = self._users.get(key, ())
        users = (found,) if isinstance(found, str) else found
        return sorted(user for user in users if not f"{user.lower()}/".startswith(f"{key}/"))


def referred(value: Any) -> Iterator[str]:
    """Return the ids of resources that a document refers to."""
    if isinstance(value, list):
        for each in value:
            yield from referred(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name.lower() == "id" and isinstance(inner, str):
                yield from [inner] if "/providers/" in inner.lower() else []
            else:
                yield from referred(inner)


def _wholes(key: str) -> Iterable[str]:
    """Return a lower-case id and those of the resources that it is a part of."""
    scope, _, tail = key.rpartition("/providers/")
    parts = tail.split("/")
    return [f"{scope}/providers/{'/'.join(parts[:length])}" for length in range(len(parts), 2, -2)]
