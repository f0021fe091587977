"""What a deployment made: found out by reads, one after the other, and never remembered.

=====  ==============================================================================================================
stage  what is asked
=====  ==============================================================================================================
0      the deployment, then its operations; nested deployments likewise. One that is running is canceled first, unless
       only a plan is wanted.
1      the list of each resource group concerned, for when each resource was created; each provider, for the api-versions
2      each resource that no list told of; each VM of ours, for the disks that Azure made with it
=====  ==============================================================================================================

What is not found (404) is an answer too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any
from urllib.parse import quote

from azvm_async.protocol.deployment import STACK_TYPE, TYPE, creations, deployment_url, ending, ids_of
from azvm_async.protocol.fields import date, objects, within, word
from azvm_async.protocol.intent import mark_of, since_on
from azvm_async.protocol.ownership import (
    MACHINES,
    Facts,
    Verdict,
    creation_time,
    group_of,
    type_of,
)
from azvm_async.protocol.urls import with_query
from azvm_async.wire import Request

_RESOURCES_API = "2021-04-01"
_LAST_STAGE = 2


class Kind(Enum):
    """What a question is about."""

    RECORD = auto()
    CANCEL = auto()
    OPERATIONS = auto()
    LIST = auto()
    PROVIDER = auto()
    RESOURCE = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """A read (or the cancellation) that a survey needs; ``about`` is a lower-case id or a namespace."""

    kind: Kind
    url: str
    about: str

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
        Deployments by lower-case id, the root first.
    made : Mapping[str, frozenset of str]
        What each deployment names, by lower-case ids.
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
    versions: Mapping[str, str] = field(default_factory=dict)
    machines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, endpoint: str, root: str, *, assume_owned: bool, halting: bool) -> "Survey":
        """Return a survey that begins."""
        first = Question(Kind.RECORD, deployment_url(endpoint, root), root.lower())
        return cls(endpoint, root, halting, (first,), facts=Facts(assume_owned))

    @property
    def next(self) -> Question | None:
        """What is asked next; ``None`` when all is known."""
        return self.todo[0] if self.todo else None

    @property
    def gone(self) -> bool:
        """Whether there is no such deployment (any more)."""
        return not self.todo and self.root.lower() not in self.records

    @property
    def of_stack(self) -> bool:
        """Whether it is about a deployment stack, which is asked itself and no other."""
        return type_of(self.root).lower() == STACK_TYPE.lower()

    @property
    def unowned(self) -> bool:
        """Whether nothing tells what the deployment created."""
        known = self.facts.assume_owned or self.facts.since is not None or self.of_stack
        return self.root.lower() in self.records and not known

    def replaced(self, mark: str | None) -> bool:
        """Whether the deployment is another than the one with this mark: it was removed, and then made anew."""
        root = self.records.get(self.root.lower())
        return bool(root and mark and mark != mark_of(root))

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

    def _with(self, question: Question, document: Mapping[str, Any] | None) -> "Survey":
        if question.kind is Kind.RECORD:
            return self._with_record(question, document)
        if question.kind is Kind.OPERATIONS:
            return self._with_operations(question.about, document or {})
        if question.kind is Kind.LIST:
            return self._with_list(document or {})
        if question.kind is Kind.PROVIDER:
            return replace(self, versions={**self.versions, **_versions(document or {})})
        if question.kind is Kind.RESOURCE:
            return self._with_resource(question.about, document)
        return self  # whatever is answered to a cancellation, the record tells what became of it

    def _with_record(self, question: Question, document: Mapping[str, Any] | None) -> "Survey":
        if document is None:
            return self
        key = question.about
        if self.halting and ending(document) is None:
            stopping = key in self.asked_to_stop or self.of_stack
            again = (question,) if stopping else (self._cancellation(key), question)
            return replace(self, todo=(*again, *self.todo), asked_to_stop=self.asked_to_stop | {key})
        state = replace(self, records={**self.records, key: document})
        if self.of_stack:
            return state
        state = state._with_outputs(document)
        operations = Question(Kind.OPERATIONS, deployment_url(self.endpoint, _id(document, key), "/operations"), key)
        state = replace(state, todo=(*self.todo, operations))
        if key != self.root.lower():
            return state
        return replace(state, facts=replace(state.facts, since=since_on(document)))

    def _with_outputs(self, document: Mapping[str, Any]) -> "Survey":
        """Add what a deployment says that it brought: that includes nested deployments whose records were purged."""
        named = ids_of(within(document, "properties").get("outputResources"))
        targets = {each.lower(): each for each in named if _is_resource(each)}
        resources = {key: each for key, each in targets.items() if type_of(key) != TYPE.lower()}
        return replace(self, facts=self.facts.with_targets({**resources, **self.facts.targets}))

    def _cancellation(self, key: str) -> Question:
        return Question(Kind.CANCEL, deployment_url(self.endpoint, key, "/cancel"), key)

    def _with_operations(self, deployment: str, document: Mapping[str, Any]) -> "Survey":
        found = creations(objects(document.get("value")))
        targets = {key: word(within(properties, "targetResource").get("id")) for key, properties in found.items()}
        targets = {key: target for key, target in targets.items() if _is_resource(key)}
        nested = {key: target for key, target in targets.items() if type_of(key) == TYPE.lower()}
        records = tuple(
            Question(Kind.RECORD, deployment_url(self.endpoint, target), key)
            for key, target in nested.items()
            if key not in self.records
        )
        resources = {key: target for key, target in targets.items() if key not in nested}
        made = {**self.made, deployment: self.made.get(deployment, frozenset()) | targets.keys()}
        return replace(self, facts=self.facts.with_targets(resources), made=made, todo=(*self.todo, *records))

    def _with_list(self, document: Mapping[str, Any]) -> "Survey":
        listed = {
            word(each.get("id")).lower(): date(each.get("createdTime")) for each in objects(document.get("value"))
        }
        told = {key: time for key, time in listed.items() if time is not None}
        return replace(self, facts=self.facts.with_created(told))

    def _with_resource(self, key: str, document: Mapping[str, Any] | None) -> "Survey":
        if document is None:
            return replace(self, facts=self.facts.without(key))
        state = self
        if key not in self.facts.created:
            state = replace(self, facts=self.facts.with_created({key: creation_time(document)}))
        if type_of(key) == MACHINES:
            state = replace(state, machines={**state.machines, key: document})
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
        for namespace in {
            kind.lower(): kind for kind in (type_of(each).partition("/")[0] for each in targets)
        }.values():
            url = with_query(f"{self.endpoint}{subscription}/providers/{namespace}", **{"api-version": _RESOURCES_API})
            yield Question(Kind.PROVIDER, url, namespace)

    def _resources(self) -> Iterable[Question]:
        for key, resource in self.facts.targets.items():
            verdict = self.facts.verdict(key)
            known = verdict is not Verdict.UNASKED
            if self.version(type_of(key)) and (not known or (verdict is Verdict.OURS and type_of(key) == MACHINES)):
                yield Question(Kind.RESOURCE, self.resource_url(resource), key)


def _is_resource(key: str) -> bool:
    """Tell a resource's id from others, such as a resource group's, which is not deleted here."""
    return key.startswith("/subscriptions/") and "/providers/" in key


def _id(document: Mapping[str, Any], default: str) -> str:
    return word(document.get("id")) or default


def _versions(provider: Mapping[str, Any]) -> dict[str, str]:
    """Return the newest api-version of each type of a provider, one that is no preview where there is one."""
    namespace = word(provider.get("namespace")).lower()
    found = {}
    for each in objects(provider.get("resourceTypes")):
        listed = each.get("apiVersions")
        versions = sorted((v for v in listed if isinstance(v, str)) if isinstance(listed, list) else (), reverse=True)
        stable = [version for version in versions if "preview" not in version.lower()]
        if versions:
            found[f"{namespace}/{word(each.get('resourceType')).lower()}"] = (stable or versions)[0]
    return found
