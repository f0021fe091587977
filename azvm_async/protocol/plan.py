"""What is to be deleted, in which order, and what stays: judged from what a survey found.

Extensions of other resources go first (a lock would hold them), then VMs, for they hold most of the rest. Then whatever
depends on something goes before it, as the deployment's own ``dependencies`` tell; children go with their parents; the disks
that Azure made with a VM go after it. The records of the deployments go last, the nested ones first, and only when all else
is gone: they are what a later try is planned from.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from azvm_async.protocol.deployment import TYPE, deployment_url
from azvm_async.protocol.fields import objects, within, word
from azvm_async.protocol.ownership import MACHINES, Verdict, is_extension, parent_of, type_of
from azvm_async.protocol.survey import Survey, disks_of, id_of
from azvm_async.protocol.urls import with_query

_STAYING = {Verdict.OLDER, Verdict.NEWER, Verdict.PARENT_STAYS}
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
    kept_by : str, optional
        What stays, and depends on it: if it is refused for a while, that is for ever.
    disks : JSON or None
        Of a VM: what to change in it first, so that its disks go with it whatever becomes of this process.
    """

    id: str
    url: str = field(repr=False)
    after: frozenset[str] = frozenset()
    used_by: frozenset[str] = frozenset()
    disks: str | None = None
    kept_by: str | None = None

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
        Resources, in order.
    records : tuple of Deletable
        The deployments' records, for when all resources of ours are gone.
    children : tuple of str
        Ids of what goes with its parent.
    left : tuple of Left
        What stays, for it is not ours.
    stuck : tuple of Left
        What may be ours, but can't be told or asked for: then the records stay, too.
    absent : tuple of str
        Ids of what is not there any more.
    waiting : bool
        Whether a later survey may know more.
    """

    deletions: tuple[Deletable, ...] = ()
    records: tuple[Deletable, ...] = ()
    children: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    stuck: tuple[Left, ...] = ()
    absent: tuple[str, ...] = ()
    waiting: bool = False

    @property
    def shown(self) -> DeprovisionPlan:
        """The plan as a caller sees it."""
        named = tuple(each.id for each in (*self.deletions, *self.records))
        return DeprovisionPlan(named, self.left + self.stuck)


def plan(survey: Survey) -> Plan:
    """Judge what a survey found."""
    verdicts = {key: survey.facts.verdict(key) for key in survey.facts.targets}
    if survey.of_stack:
        return _plan_of_stack(survey, verdicts)
    unread = [key for key, verdict in verdicts.items() if _is_unread_machine(survey, key, verdict)]
    named = (key for key, verdict in verdicts.items() if _goes_by_itself(key, verdict) and key not in unread)
    ours = [key for key in named if survey.version(type_of(key))]
    resources = _ordered(_resources(survey, ours))
    return Plan(
        deletions=tuple(resources),
        records=tuple(_records(survey)),
        children=tuple(_ids(survey, (key for key, verdict in verdicts.items() if _goes_with_parent(key, verdict)))),
        left=tuple(_left(survey, verdicts)),
        stuck=tuple(_stuck(survey, verdicts)),
        absent=tuple(_ids(survey, (key for key, verdict in verdicts.items() if verdict is Verdict.ABSENT))),
        waiting=bool(unread) or Verdict.UNTOLD in verdicts.values(),
    )


def _goes_by_itself(key: str, verdict: Verdict) -> bool:
    """Tell whether a resource is deleted by a request of its own; an extension is, for it may outlive its parent."""
    return verdict is Verdict.OURS or (verdict is Verdict.WITH_PARENT and is_extension(key))


def _is_unread_machine(survey: Survey, key: str, verdict: Verdict) -> bool:
    """Tell whether it is a VM of ours that could not be read: without it, nobody would know of its disks."""
    return verdict is Verdict.OURS and type_of(key) == MACHINES and key not in survey.machines


def _goes_with_parent(key: str, verdict: Verdict) -> bool:
    return verdict is Verdict.WITH_PARENT and not is_extension(key)


def _left(survey: Survey, verdicts: Mapping[str, Verdict]) -> Iterable[Left]:
    for key, verdict in verdicts.items():
        if verdict in _STAYING:
            yield Left(survey.facts.targets[key], survey.facts.reason(key))
    for resource in survey.outside.values():
        yield Left(resource, "only resources of a resource group or subscription are deleted, not what holds them")


def _stuck(survey: Survey, verdicts: Mapping[str, Verdict]) -> Iterable[Left]:
    """Return what can't be judged, asked for, or deleted."""
    for key, verdict in verdicts.items():
        wanted = verdict is Verdict.UNASKED or _goes_by_itself(key, verdict)
        if wanted and survey.version(type_of(key)) is None:
            yield Left(survey.facts.targets[key], "Azure names no api-version for its type")
        elif _is_unread_machine(survey, key, verdict):
            yield Left(survey.facts.targets[key], "it can't be read, so that its disks are not known")
        elif verdict is Verdict.UNTOLD:
            yield Left(survey.facts.targets[key], survey.facts.reason(key))
    for deployment in survey.untold:
        yield Left(deployment, "its record is gone, or another deployment took its name: nothing tells what it made")


def _ids(survey: Survey, keys: Iterable[str]) -> Iterable[str]:
    return (survey.facts.targets[key] for key in keys)


def _resources(survey: Survey, ours: list[str]) -> Iterable[Deletable]:
    """Return what is ours with its order: extensions first, then VMs, then the rest, users before what they use."""
    machines = frozenset(key for key in ours if type_of(key) == MACHINES)
    first = frozenset(key for key in ours if is_extension(key))
    staying = frozenset(key for key in survey.facts.targets if survey.facts.verdict(key) in _STAYING)
    users = _users(survey, frozenset(ours) | staying)
    for key in ours:
        held = key not in first | machines
        depending = users.get(key, frozenset()) - first
        used_by = depending - staying if held else frozenset()
        after = used_by | machines | first if held else first if key in machines else frozenset()
        disks = _disks_to_bind(survey, key) if key in machines else None
        resource = survey.facts.targets[key]
        kept_by = min(depending & staying, default=None)
        yield Deletable(resource, survey.resource_url(resource), after, used_by, disks, kept_by)


def _users(survey: Survey, among: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return, for each of these, which of them depend on it, and the VM whose disk it is."""
    users: dict[str, frozenset[str]] = {}
    for record in survey.records.values():
        for dependent in objects(within(record, "properties").get("dependencies")):
            holders = _members(survey, word(dependent.get("id")).lower(), among)
            for each in objects(dependent.get("dependsOn")):
                for held in _members(survey, word(each.get("id")).lower(), among):
                    users[held] = users.get(held, frozenset()) | (holders - {held})
    for machine, document in survey.machines.items():
        for _, disk in disks_of(document):
            users[disk.lower()] = users.get(disk.lower(), frozenset()) | (among & {machine})
    return users


def _members(survey: Survey, key: str, among: frozenset[str]) -> frozenset[str]:
    """Return what among these an id stands for: itself, the parent that it goes with, or all of a nested deployment."""
    found, left, seen = set[str](), [key], set[str]()
    while left:
        at: str | None = left.pop()
        if at is not None and type_of(at) == TYPE.lower():
            left += survey.made.get(at, frozenset()) if at not in seen else ()  # they may name each other
            seen.add(at)
            continue
        while at is not None and at not in among:
            at = parent_of(at)
        found |= {at} if at else set()
    return frozenset(found)


def _disks_to_bind(survey: Survey, machine: str) -> str | None:
    """Return the body of a PATCH by which a VM takes its disks with it; ``None`` where all of them do already."""
    document = survey.machines.get(machine, {})
    ours = [disk for disk, key in disks_of(document) if survey.facts.verdict(key.lower()) is Verdict.OURS]
    loose = [disk for disk in ours if word(disk.get("deleteOption")).lower() != "delete"]
    storage = within(document, "properties", "storageProfile")
    data, bound = objects(storage.get("dataDisks")), {"deleteOption": "Delete"}
    changes: dict[str, Any] = {"osDisk": bound} if within(storage, "osDisk") in loose else {}
    if any(disk in loose for disk in data):  # Compute replaces an array as a whole: a disk left out would be detached
        changes["dataDisks"] = [{**disk, **bound} if disk in loose else disk for disk in data]
    return json.dumps({"properties": {"storageProfile": changes}}) if changes else None


def _ordered(deletions: Iterable[Deletable]) -> list[Deletable]:
    """Sort by what waits for what, and cut the circles: children that need each other's parents make them."""
    waiting, ordered = list(deletions), list[Deletable]()
    known, placed = frozenset(each.key for each in waiting), frozenset[str]()
    while waiting:
        ready = [each for each in waiting if each.after & known <= placed] or [_in_circle(waiting)]
        ordered += [replace(each, after=each.after & placed, used_by=each.used_by & placed) for each in ready]
        placed |= {each.key for each in ready}
        waiting = [each for each in waiting if each.key not in placed]
    return ordered


def _in_circle(waiting: list[Deletable]) -> Deletable:
    """Return one that waits for itself by way of others, where each of them waits for another."""
    by_key = {each.key: each for each in waiting}
    at, passed = waiting[0], set[str]()
    while at.key not in passed:
        passed.add(at.key)
        at = by_key[min(at.after & by_key.keys())]
    return at


def _records(survey: Survey) -> Iterable[Deletable]:
    """Return the records of the deployments, the root's last; each waits for all before it."""
    before: frozenset[str] = frozenset()
    for key, record in reversed(list(survey.records.items())):
        deployment = id_of(record, key)
        yield Deletable(deployment, deployment_url(survey.endpoint, deployment), after=before, used_by=before)
        before |= {deployment.lower()}


def _plan_of_stack(survey: Survey, verdicts: Mapping[str, Verdict]) -> Plan:
    """Return the plan for a stack, which deletes itself what it manages: so it may go only if all of that is ours."""
    foreign = (*_left(survey, verdicts), *_stuck(survey, verdicts))
    if foreign and not survey.facts.assume_owned:
        return Plan(stuck=foreign, waiting=Verdict.UNTOLD in verdicts.values())
    url = with_query(deployment_url(survey.endpoint, survey.root), **_UNMANAGED)
    there = (key for key, verdict in verdicts.items() if verdict is not Verdict.ABSENT)
    return Plan((Deletable(survey.root, url),), children=tuple(_ids(survey, there)))
