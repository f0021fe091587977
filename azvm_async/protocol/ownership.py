"""Whose a resource is: what the deployment created, what stood before, and what goes with its parent.

Ours is what is not older than the deployment's first PUT (:mod:`azvm_async.protocol.intent`), nor newer than the end of its
last run. A child follows its parent; where the parent stays, Azure's own word for when the child was created decides, and
where there is none, the child stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from azvm_async.protocol.fields import date, within
from azvm_async.protocol.ids import short_name

LOCKS = "microsoft.authorization/locks"
MACHINES = "microsoft.compute/virtualmachines"

_MARKER = "/providers/"

SLACK = timedelta(minutes=1)
"""What is created so much later than a deployment's end is another's."""


class Verdict(Enum):
    """What is to become of a resource that a deployment names."""

    OURS = auto()
    WITH_PARENT = auto()
    OLDER = auto()
    NEWER = auto()
    UNTOLD = auto()
    PARENT_STAYS = auto()
    ABSENT = auto()
    UNASKED = auto()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the resources that a deployment names; all keys are lower-case ids.

    Parameters
    ----------
    assume_owned : bool
        Whether all that exists is ours.
    since : datetime or None
        When the deployment was first sent, if that is known.
    until : datetime or None
        When its last run ended, if that is known.
    targets : Mapping[str, str]
        Ids as Azure writes them.
    created : Mapping[str, datetime or None]
        When what exists was created, as far as Azure tells; also of what the deployment does not name.
    absent : frozenset of str
        What is known not to exist.
    """

    assume_owned: bool = False
    since: datetime | None = None
    until: datetime | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    created: Mapping[str, datetime | None] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def with_targets(self, ids: Mapping[str, str]) -> "Facts":
        """Add resources that the deployment names."""
        return replace(self, targets={**self.targets, **ids})

    def with_created(self, times: Mapping[str, datetime | None]) -> "Facts":
        """Add resources that exist."""
        return replace(self, created={**self.created, **times})

    def without(self, key: str) -> "Facts":
        """Note that a resource does not exist."""
        return replace(self, absent=self.absent | {key})

    def verdict(self, key: str) -> Verdict:
        """Judge one resource, after those that it belongs to: an id may have any number of parts."""
        line = [key]
        while (parent := parent_of(line[-1])) is not None and parent in self.targets:
            line.append(parent)
        verdict = None
        for each in reversed(line):
            verdict = self._judged(each, verdict)
        assert verdict is not None  # noqa: S101 - the line has the resource itself in it
        return verdict

    def _judged(self, key: str, of_parent: Verdict | None) -> Verdict:
        if key in self.absent or of_parent is Verdict.ABSENT:
            return Verdict.ABSENT
        if of_parent in {Verdict.OURS, Verdict.WITH_PARENT}:
            return Verdict.WITH_PARENT
        if key not in self.created:
            return Verdict.UNASKED
        return Verdict.OURS if self.assume_owned else self._by_age(self.created[key], parent_of(key))

    def _by_age(self, created: datetime | None, parent: str | None) -> Verdict:
        if created is None or self.since is None:
            return Verdict.PARENT_STAYS if parent else Verdict.UNTOLD
        if created < self.since:
            return Verdict.OLDER
        late = self.until is not None and created - self.until > SLACK
        return Verdict.NEWER if late else Verdict.OURS

    def reason(self, key: str) -> str:
        """Say why a resource stays."""
        verdict, parent = self.verdict(key), parent_of(key)
        if verdict is Verdict.OLDER:
            return f"it was there before the deployment: it was created {self.created[key]}"
        if verdict is Verdict.NEWER:
            return f"it was created after the deployment had ended: {self.created[key]}"
        if verdict is Verdict.PARENT_STAYS and parent:
            return f"it belongs to {short_name(parent)}, which the deployment did not create"
        return "Azure does not tell when it was created"


def parent_of(resource: str) -> str | None:
    """Return the id of the resource that another belongs to, as its child or its extension; ``None`` at the top."""
    before, after = _split(resource)
    parts = after.split("/")
    if len(parts) > 3:  # noqa: PLR2004 - namespace, type, name: a resource of its own
        return resource.rsplit("/", 2)[0]
    return before if _MARKER in before.lower() else None


def is_extension(resource: str) -> bool:
    """Tell whether a resource is put on one of another provider, which it may outlive, or is a lock, also of a group."""
    return _MARKER in _split(resource)[0].lower() or type_of(resource).lower() == LOCKS


def type_of(resource: str) -> str:
    """Return the type that an id tells: ``Microsoft.Network/virtualNetworks/subnets``."""
    namespace, *rest = _split(resource)[1].split("/")
    return "/".join([namespace, *rest[::2]])


def group_of(resource: str) -> str | None:
    """Return the id of the resource group that a resource is in."""
    parts = resource.split("/")
    in_group = len(parts) > 4 and parts[3].lower() == "resourcegroups"  # noqa: PLR2004 - ["", subscriptions, …]
    return "/".join(parts[:5]) if in_group else None


def _split(resource: str) -> tuple[str, str]:
    """Return what stands before and after an id's last ``/providers/``, which is written in any case."""
    at = resource.lower().rfind(_MARKER)
    return ("", resource) if at < 0 else (resource[:at], resource[at + len(_MARKER) :])


def creation_time(document: Mapping[str, Any]) -> datetime | None:
    """Return when a resource was created by its own document; services tell it in different places."""
    properties = within(document, "properties")
    told = (within(document, "systemData").get("createdAt"), properties.get("createdOn"), properties.get("timeCreated"))
    return next(filter(None, map(date, told)), None)
