"""What a deployment made: found out by reads, one after the other, and never remembered by us.

=====  ==============================================================================================================
stage  what is asked
=====  ==============================================================================================================
0      the deployment, its operations, and what earlier runs of it brought; nested deployments likewise. One that is
       running is canceled first, unless only a plan is wanted.
1      the list of each resource group concerned, for when each resource was created; each provider, for the api-versions
2      each resource that no list told of; each VM of ours, for the disks that Azure made with it
3      each of these disks that no list told of
=====  ==============================================================================================================

What is not found (404) is an answer too.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum, auto
from typing import Any
from urllib.parse import quote

from azvm_async.protocol.deployment import (
    TYPE,
    creations,
    deployment_url,
    ending,
    ids_of,
    is_stack,
    memory_of,
    period,
)
from azvm_async.protocol.fields import date, line, objects, within, word
from azvm_async.protocol.intent import mark_of, since_on
from azvm_async.protocol.machine import SUCCEEDED
from azvm_async.protocol.ownership import (
    MACHINES,
    Facts,
    Verdict,
    creation_time,
    group_of,
    type_of,
)
from azvm_async.protocol.urls import MOST_PAGES, with_query
from azvm_async.wire import Request

_RESOURCES_API = "2021-04-01"
_LAST_STAGE = 3
_ROUNDING = timedelta(seconds=1)
_STABLE = re.compile(r"\d{4}-\d\d-\d\d")


class Kind(Enum):
    """What a question is about."""

    RECORD = auto()
    CANCEL = auto()
    OPERATIONS = auto()
    MEMORY = auto()
    LIST = auto()
    PROVIDER = auto()
    RESOURCE = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """A read (or the cancellation) that a survey needs; ``about`` is a lower-case id or a namespace."""

    kind: Kind
    url: str
    about: str

    def is_again(self, other: "Question") -> bool:
        """Tell whether it is another one once more."""
        return (self.kind, self.about) == (other.kind, other.about)

    @property
    def request(self) -> Request:
        """The question as it is sent."""
        return Request("POST" if self.kind is Kind.CANCEL else "GET", self.url)


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known so far.

    Parameters
    ----------
    endpoint, root : str
        Where, and the ARM id of the deployment.
    halting : bool
        Whether a deployment that is running is canceled.
    todo : tuple of Question
        What is asked next.
    asked_to_stop : frozenset of str
        Deployments, by lower-case id, that were asked to stop.
    pages : frozenset of str
        URLs of pages, of which none is read twice.
    facts : Facts
        On the resources.
    records : Mapping[str, JSON object]
        Deployments by lower-case id, the root first; that of earlier runs is one of them.
    made : Mapping[str, frozenset of str]
        What each deployment names, by lower-case ids.
    lost : Mapping[str, str]
        Nested deployments whose records are gone, or were taken by another deployment: what they made is not known.
    outside : Mapping[str, str]
        What the deployment names and is no resource of a provider in Azure's sense, such as a resource group.
    versions : Mapping[str, str]
        Api-versions by lower-case type.
    machines : Mapping[str, JSON object]
        The VMs of ours.
    """

    endpoint: str
    root: str
    halting: bool
    todo: tuple[Question, ...]
    stage: int = 0
    asked_to_stop: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()
    facts: Facts = field(default_factory=Facts)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    made: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, endpoint: str, root: str, *, assume_owned: bool, halting: bool) -> "Survey":
        """Return a survey that begins."""
        first = Question(Kind.RECORD, deployment_url(endpoint, root), root.lower())
        return cls(endpoint, root, halting, (first,), facts=Facts(assume_owned))

    def again(self, gone: frozenset[str]) -> "Survey":
        """Return another survey of the same, which knows that some resources are gone."""
        begun = Survey.of(self.endpoint, self.root, assume_owned=self.facts.assume_owned, halting=self.halting)
        return replace(begun, facts=replace(begun.facts, absent=gone), versions=self.versions)

    @property
    def next(self) -> Question | None:
        """What is asked next; ``None`` when all is known."""
        return self.todo[0] if self.todo else None

    @property
    def walked(self) -> bool:
        """Whether all is known of what the deployment names, and of the resources themselves nothing yet."""
        return self.stage > 0 or not self.todo

    @property
    def gone(self) -> bool:
        """Whether there is no such deployment (any more)."""
        return not self.todo and self._root is None

    @property
    def of_stack(self) -> bool:
        """Whether it is about a deployment stack, which knows itself what it manages."""
        return is_stack(self.root)

    @property
    def unowned(self) -> bool:
        """Whether nothing tells what the deployment created."""
        return self._root is not None and not self.facts.assume_owned and self.facts.since is None

    @property
    def remembered(self) -> frozenset[str]:
        """What earlier runs brought, as far as that was written down, by lower-case id."""
        return frozenset(each.lower() for each in _written_down(self.records.get(memory_of(self.root).lower())))

    @property
    def untold(self) -> tuple[str, ...]:
        """Ids of nested deployments of which nothing tells what they made."""
        named = within(self._root, "properties").get("outputResources")
        known = ending(self._root) == SUCCEEDED and bool(ids_of(named))
        return () if known or self.facts.assume_owned else tuple(self.lost.values())

    def replaced(self, mark: str | None) -> bool:
        """Whether it is another run than the one with this mark: the deployment was made anew, or sent again."""
        return bool(self._root and mark and mark != mark_of(self._root))

    def leads_back(self, more: str | None) -> bool:
        """Tell whether the page that is named as the next one leads nowhere: it was read before, or is one of too many."""
        if more is None or self.next is None:
            return False
        return more == self.next.url or more in self.pages or len(self.pages) >= MOST_PAGES

    def answered(self, document: Mapping[str, Any] | None, more: str | None) -> "Survey":
        """Take in the answer to :attr:`next`; ``None`` for what is not there.

        Parameters
        ----------
        document : JSON object or None
            The answer.
        more : str or None
            URL of the next page.
        """
        question, *rest = self.todo
        state = replace(self, todo=tuple(rest))
        if more:
            pages = self.pages | {question.url, more}
            state = replace(state, todo=(replace(question, url=more), *state.todo), pages=pages)
        state = state._with(question, document)
        while not state.todo and state.stage < _LAST_STAGE and state.records:
            state = replace(state, stage=state.stage + 1)._asking(state.stage + 1)
        return state

    def version(self, kind: str) -> str | None:
        """Return the api-version for a type."""
        return self.versions.get(kind.lower())

    def resource_url(self, resource: str) -> str:
        """Return a resource's URL."""
        return with_query(self.endpoint + quote(resource), **{"api-version": self.version(type_of(resource))})

    @property
    def _root(self) -> Mapping[str, Any] | None:
        return self.records.get(self.root.lower())

    def _with(self, question: Question, document: Mapping[str, Any] | None) -> "Survey":
        take: dict[Kind, Callable[[str, Mapping[str, Any] | None], Survey]] = {
            Kind.RECORD: self._with_record,
            Kind.CANCEL: lambda *_: self,  # whatever is answered, the record tells what became of it
            Kind.OPERATIONS: self._with_operations,
            Kind.MEMORY: self._with_memory,
            Kind.LIST: self._with_list,
            Kind.PROVIDER: self._with_provider,
            Kind.RESOURCE: self._with_resource,
        }
        return take[question.kind](question.about, document)

    def _with_record(self, key: str, document: Mapping[str, Any] | None) -> "Survey":
        nested = key != self.root.lower()
        if nested and (document is None or not _belongs(document, self._root)):
            return replace(self, lost={**self.lost, key: key})
        if document is None:
            return self
        if self.halting and ending(document) is None:
            stopping = key in self.asked_to_stop or self.of_stack
            question = Question(Kind.RECORD, deployment_url(self.endpoint, id_of(document, key)), key)
            again = (question,) if stopping else (self._cancellation(key), question)
            return replace(self, todo=(*again, *self.todo), asked_to_stop=self.asked_to_stop | {key})
        state = replace(self, records={**self.records, key: document})
        return state._with_nested(key, document) if nested else state._with_root(key, document)

    def _with_root(self, key: str, document: Mapping[str, Any]) -> "Survey":
        ran = period(document)
        facts = replace(self.facts, since=since_on(document), until=ran and ran[1])
        memory = memory_of(self.root)
        question = Question(Kind.MEMORY, deployment_url(self.endpoint, memory), memory.lower())
        if not self.of_stack:
            return replace(self, facts=facts, todo=(*self.todo, question))._with_nested(key, document)
        managed = ids_of(within(document, "properties").get("resources"))
        return replace(self, facts=facts)._with_targets({each.lower(): each for each in managed})

    def _with_nested(self, key: str, document: Mapping[str, Any]) -> "Survey":
        """Ask for a deployment's operations; what it says that it brought is known even where records were purged."""
        operations = Question(Kind.OPERATIONS, deployment_url(self.endpoint, id_of(document, key), "/operations"), key)
        named = ids_of(within(document, "properties").get("outputResources"))
        targets = {each.lower(): each for each in named if type_of(each).lower() != TYPE.lower()}
        return replace(self, todo=(operations, *self.todo))._with_targets(targets)

    def _with_memory(self, key: str, document: Mapping[str, Any] | None) -> "Survey":
        if document is None:
            return self
        targets = {each.lower(): each for each in _written_down(document)}
        return replace(self, records={**self.records, key: document})._with_targets(targets)

    def _with_targets(self, targets: Mapping[str, str]) -> "Survey":
        resources = {key: each for key, each in targets.items() if _is_resource(key)}
        outside = {key: each for key, each in targets.items() if key not in resources}
        return replace(self, facts=self.facts.with_targets(resources), outside={**self.outside, **outside})

    def _cancellation(self, key: str) -> Question:
        return Question(Kind.CANCEL, deployment_url(self.endpoint, key, "/cancel"), key)

    def _with_operations(self, deployment: str, document: Mapping[str, Any] | None) -> "Survey":
        found = creations(objects(within(document).get("value")))
        targets = {key: word(within(properties, "targetResource").get("id")) for key, properties in found.items()}
        nested = {key: target for key, target in targets.items() if type_of(key) == TYPE.lower() and _is_resource(key)}
        records = tuple(
            Question(Kind.RECORD, deployment_url(self.endpoint, target), key)
            for key, target in nested.items()
            if key not in self.records
        )
        made = {**self.made, deployment: self.made.get(deployment, frozenset()) | targets.keys()}
        state = replace(self, made=made, todo=(*self.todo, *records))
        return state._with_targets({key: target for key, target in targets.items() if key not in nested})

    def _with_list(self, _group: str, document: Mapping[str, Any] | None) -> "Survey":
        found = objects(within(document).get("value"))
        listed = {word(each.get("id")).lower(): date(each.get("createdTime")) for each in found}
        told = {key: time for key, time in listed.items() if time is not None}
        return replace(self, facts=self.facts.with_created(told))

    def _with_provider(self, namespace: str, document: Mapping[str, Any] | None) -> "Survey":
        return replace(self, versions={**self.versions, **_versions(namespace, document or {})})

    def _with_resource(self, key: str, document: Mapping[str, Any] | None) -> "Survey":
        if document is None:
            return replace(self, facts=self.facts.without(key))
        state = self  # a VM that can't be read is none of the machines: its disks are not known
        if key not in self.facts.created:
            state = replace(self, facts=self.facts.with_created({key: creation_time(document)}))
        if document and type_of(key) == MACHINES and state.facts.verdict(key) is Verdict.OURS:
            state = replace(state, machines={**state.machines, key: document})
            state = state._with_targets({disk.lower(): disk for _, disk in disks_of(document)})
        return state

    def _asking(self, stage: int) -> "Survey":
        """Return this with the questions of a stage."""
        questions = self._lists_and_providers() if stage == 1 else self._resources()
        return replace(self, todo=tuple(questions))

    def _lists_and_providers(self) -> Iterable[Question]:
        targets = self.facts.targets.values()
        for group in {group.lower(): group for group in map(group_of, targets) if group}.values():
            url = with_query(
                f"{self.endpoint}{quote(group)}/resources",
                **{"api-version": _RESOURCES_API, "$expand": "createdTime"},
            )
            yield Question(Kind.LIST, url, group.lower())
        subscription = "/".join(self.root.split("/")[:3])
        known = {kind.partition("/")[0] for kind in self.versions}
        spaces = {space.lower(): space for space in (type_of(each).partition("/")[0] for each in targets)}
        for key, space in spaces.items():
            path = quote(f"{subscription}/providers/{space}")
            if key not in known:
                yield Question(
                    Kind.PROVIDER, with_query(self.endpoint + path, **{"api-version": _RESOURCES_API}), space
                )

    def _resources(self) -> Iterable[Question]:
        for key, resource in self.facts.targets.items():
            verdict = self.facts.verdict(key)
            new_machine = verdict is Verdict.OURS and type_of(key) == MACHINES and key not in self.machines
            if self.version(type_of(key)) and (verdict is Verdict.UNASKED or new_machine):
                yield Question(Kind.RESOURCE, self.resource_url(resource), key)


def disks_of(machine: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """Return the disks that Azure made with a VM, as its document describes them, with their ids."""
    storage = within(machine, "properties", "storageProfile")
    disks = [within(storage, "osDisk"), *objects(storage.get("dataDisks"))]
    found = [(disk, line(within(disk, "managedDisk").get("id"))) for disk in disks]
    return [(disk, each) for disk, each in found if each and word(disk.get("createOption")).lower() != "attach"]


def _written_down(document: Mapping[str, Any] | None) -> list[str]:
    """Return the ids that the deployment of nothing tells."""
    made = within(document, "properties", "outputs", "made").get("value")
    return [each for each in map(line, made) if each] if isinstance(made, list) else []


def _belongs(nested: Mapping[str, Any], root: Mapping[str, Any] | None) -> bool:
    """Tell whether a nested deployment's record is of the root's run: names of nested ones are often the same.

    ARM gives both the same correlation id; what ran within the time of the root's run is taken for its part, too.
    """
    theirs, ours = (word(within(each, "properties").get("correlationId")).lower() for each in (nested, root))
    if theirs and theirs == ours:
        return True
    inner, outer = period(nested), period(root)
    if inner is None or outer is None:
        return not (theirs and ours)
    return outer[0] - inner[0] <= _ROUNDING and inner[1] - outer[1] <= _ROUNDING


def _is_resource(key: str) -> bool:
    """Tell a resource's id from others, such as a resource group's, which is not deleted here."""
    return key.startswith("/subscriptions/") and "/providers/" in key


def id_of(document: Mapping[str, Any], default: str) -> str:
    """Return the id of a deployment as Azure writes it, if that is the one that was asked for."""
    found = word(document.get("id"))
    return found if found.lower() == default.lower() else default


def _versions(namespace: str, provider: Mapping[str, Any]) -> dict[str, str]:
    """Return the newest api-version of each type of a provider, one that is no preview where there is one."""
    found = {}
    for each in objects(provider.get("resourceTypes")):
        listed = each.get("apiVersions")
        versions = sorted(filter(None, map(line, listed if isinstance(listed, list) else ())), reverse=True)
        stable = [version for version in versions if _STABLE.fullmatch(version)]
        if versions:
            found[f"{namespace}/{word(each.get('resourceType'))}".lower()] = (stable or versions)[0]
    return found
