"""What is to be deleted, in which order, and what stays: judged from what a survey found.

VMs go first, for they hold most of the rest. Then whatever depends on something goes before it, as the deployment's own
``dependencies`` tell; children go with their parents; the disks that Azure made with a VM go after it. The records of the
deployments go last, the nested ones first, and only when all else is gone: they are what a later try is planned from.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azvm_async.protocol.deployment import TYPE, deployment_url
from azvm_async.protocol.fields import objects, within, word
from azvm_async.protocol.ownership import LOCKS, MACHINES, Verdict, parent_of, type_of
from azvm_async.protocol.survey import Survey
from azvm_async.protocol.urls import with_query

_DISKS = "Microsoft.Compute/disks"
_OURS = {Verdict.OURS, Verdict.WITH_PARENT}
_UNMANAGED = {"unmanageAction.Resources": "delete", "unmanageAction.ResourceGroups": "detach"}


@dataclass(frozen=True, slots=True)
class Left:
    """A resource that a deployment names and that was not deleted.

    Attributes
    ----------
    id : str
        ARM id.
    reason : str
        Why.
    """

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deletable:
    """What is to be deleted.

    Parameters
    ----------
    id, url : str
        ARM id, and where it is deleted.
    after : frozenset of str
        Lower-case ids of what must have been dealt with before.
    used_by : frozenset of str
        Those among them that hold it: while one of them stays, so does this.
    disks : JSON or None
        Of a VM: what to change in it first, so that its disks go with it whatever becomes of this process.
    """

    id: str
    url: str = field(repr=False)
    after: frozenset[str] = frozenset()
    used_by: frozenset[str] = frozenset()
    disks: str | None = None

    @property
    def key(self) -> str:
        """The lower-case id."""
        return self.id.lower()


@dataclass(frozen=True, slots=True)
class DeprovisionPlan:
    """What ``deprovision`` would do.

    Attributes
    ----------
    delete : tuple of str
        ARM ids of what would be deleted, in order; children go with their parents and are not named.
    left : tuple of Left
        What would stay, and why.
    """

    delete: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Parameters
    ----------
    deletions : tuple of Deletable
        In order.
    children : tuple of str
        Ids of what goes with its parent.
    left : tuple of Left
        What stays, for it is not ours.
    stuck : tuple of Left
        What may be ours and can't even be asked for: then the records stay, too.
    absent : tuple of str
        Ids of what is not there any more.
    """

    deletions: tuple[Deletable, ...]
    children: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    stuck: tuple[Left, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def shown(self) -> DeprovisionPlan:
        """The plan as a caller sees it."""
        return DeprovisionPlan(tuple(each.id for each in self.deletions), self.left + self.stuck)


def plan(survey: Survey) -> Plan:
    """Judge what a survey found."""
    if survey.of_stack:
        return _plan_of_stack(survey)
    verdicts = {key: survey.facts.verdict(key) for key in survey.facts.targets}
    ours = [key for key, verdict in verdicts.items() if _goes_by_itself(key, verdict) and survey.version(type_of(key))]
    stuck = tuple(_stuck(survey, verdicts))
    resources = _ordered(_resources(survey, ours))
    records = () if stuck else _records(survey, frozenset(each.key for each in resources))
    return Plan(
        deletions=(*resources, *records),
        stuck=stuck,
        children=tuple(_ids(survey, (key for key in verdicts if verdicts[key] in _OURS and key not in ours))),
        left=tuple(_left(survey, verdicts)),
        absent=tuple(_ids(survey, (key for key, verdict in verdicts.items() if verdict is Verdict.ABSENT))),
    )


def _goes_by_itself(key: str, verdict: Verdict) -> bool:
    """Tell whether a resource is deleted by a request of its own; a lock, which would hold its parent, always is."""
    return verdict is Verdict.OURS or (verdict is Verdict.WITH_PARENT and type_of(key) == LOCKS)


def _left(survey: Survey, verdicts: Mapping[str, Verdict]) -> Iterable[Left]:
    for key, verdict in verdicts.items():
        if verdict in {Verdict.OLDER, Verdict.UNTOLD, Verdict.PARENT_STAYS}:
            yield Left(survey.facts.targets[key], survey.facts.reason(key))


def _stuck(survey: Survey, verdicts: Mapping[str, Verdict]) -> Iterable[Left]:
    """Return what can't be asked for, or deleted, since Azure names no api-version for it."""
    for key, verdict in verdicts.items():
        if verdict in {Verdict.OURS, Verdict.UNASKED} and survey.version(type_of(key)) is None:
            yield Left(survey.facts.targets[key], "Azure names no api-version for its type")


def _ids(survey: Survey, keys: Iterable[str]) -> Iterable[str]:
    return (survey.facts.targets[key] for key in keys)


def _resources(survey: Survey, ours: list[str]) -> Iterable[Deletable]:
    """Return what is ours with its order; VMs wait for nothing but locks."""
    machines = frozenset(key for key in ours if type_of(key) == MACHINES)
    locks = frozenset(key for key in ours if type_of(key) == LOCKS)
    users = _users(survey, frozenset(ours))
    for key in ours:
        used_by = frozenset() if key in locks | machines else users.get(key, frozenset()) - locks
        after = frozenset() if key in locks else locks if key in machines else used_by | machines | locks
        resource = survey.facts.targets[key]
        disks = _disks_to_bind(survey, key) if key in machines else None
        yield Deletable(resource, survey.resource_url(resource), after, used_by, disks)
        if key in machines:
            yield from _disks(survey, key, frozenset(ours))


def _users(survey: Survey, ours: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return, for each of ours, which of ours depend on it."""
    users: dict[str, frozenset[str]] = {}
    for record in survey.records.values():
        for dependent in objects(within(record, "properties").get("dependencies")):
            holders = _members(survey, word(dependent.get("id")).lower(), ours)
            for each in objects(dependent.get("dependsOn")):
                for held in _members(survey, word(each.get("id")).lower(), ours):
                    users[held] = users.get(held, frozenset()) | (holders - {held})
    return users


def _members(survey: Survey, key: str, ours: frozenset[str]) -> frozenset[str]:
    """Return what of ours an id stands for: itself, the parent that it goes with, or all of a nested deployment."""
    if type_of(key) == TYPE.lower():
        made = survey.made.get(key, frozenset()) - {key}
        return frozenset().union(*(_members(survey, each, ours) for each in made))
    at: str | None = key
    while at is not None and at not in ours:
        at = parent_of(at)
    return frozenset({at} if at else ())


def _disks_of(survey: Survey, machine: str) -> list[tuple[Mapping[str, Any], str]]:
    """Return a VM's disks that Azure made with it, and that are not known to be older than the deployment, with ids."""
    storage = within(survey.machines.get(machine), "properties", "storageProfile")
    disks = [within(storage, "osDisk"), *objects(storage.get("dataDisks"))]
    found = [(disk, word(within(disk, "managedDisk").get("id"))) for disk in disks]
    return [
        (disk, resource)
        for disk, resource in found
        if resource.startswith("/subscriptions/")
        and word(disk.get("createOption")).lower() != "attach"
        and survey.facts.verdict(resource.lower()) in {Verdict.OURS, Verdict.UNASKED}
    ]


def _disks(survey: Survey, machine: str, ours: frozenset[str]) -> Iterable[Deletable]:
    for _, disk in _disks_of(survey, machine):
        if disk.lower() not in ours and survey.version(_DISKS):
            holder = frozenset({machine})
            yield Deletable(disk, survey.resource_url(disk), after=holder, used_by=holder)


def _disks_to_bind(survey: Survey, machine: str) -> str | None:
    """Return the body of a PATCH by which a VM takes its disks with it; ``None`` where all of them do already."""
    loose = [disk for disk, _ in _disks_of(survey, machine) if word(disk.get("deleteOption")).lower() != "delete"]
    storage = within(survey.machines.get(machine), "properties", "storageProfile")
    data, bound = objects(storage.get("dataDisks")), {"deleteOption": "Delete"}
    changes: dict[str, Any] = {"osDisk": bound} if within(storage, "osDisk") in loose else {}
    if any(disk in loose for disk in data):  # Compute replaces an array as a whole: a disk left out would be detached
        changes["dataDisks"] = [{**disk, **bound} if disk in loose else disk for disk in data]
    return json.dumps({"properties": {"storageProfile": changes}}) if changes else None


def _ordered(deletions: Iterable[Deletable]) -> list[Deletable]:
    """Sort by what waits for what; what waits in a circle, which no deployment makes, keeps its place at the end."""
    waiting, ordered = list(deletions), []
    placed: set[str] = set()
    keys = {each.key for each in waiting}
    while waiting:
        ready = [each for each in waiting if not (each.after & keys) - placed] or waiting
        ordered += ready
        placed |= {each.key for each in ready}
        waiting = [each for each in waiting if each.key not in placed]
    return ordered


def _records(survey: Survey, resources: frozenset[str]) -> Iterable[Deletable]:
    """Return the records of the deployments, the root's last; each waits for all before it."""
    before = resources
    for key, record in reversed(list(survey.records.items())):
        deployment = word(record.get("id")) or key
        yield Deletable(deployment, deployment_url(survey.endpoint, deployment), after=before, used_by=before)
        before |= {deployment.lower()}


def _plan_of_stack(survey: Survey) -> Plan:
    """Return the plan for a stack, which knows itself what it manages, and deletes that in its own order."""
    properties = within(survey.records[survey.root.lower()], "properties")
    managed = tuple(word(each.get("id")) for each in objects(properties.get("resources")))
    stack = Deletable(survey.root, with_query(deployment_url(survey.endpoint, survey.root), **_UNMANAGED))
    return Plan((stack,), managed)
