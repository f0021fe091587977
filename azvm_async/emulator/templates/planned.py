"""A resource to be deployed: known by its id at once, its document evaluated when its turn has come."""

from dataclasses import dataclass, field, replace

from azvm_async.emulator.templates import nested
from azvm_async.emulator.templates.budget import Budget
from azvm_async.emulator.templates.errors import RuntimeNeeded, bounded, within_resource
from azvm_async.emulator.templates.evaluation import evaluate
from azvm_async.emulator.templates.index import Index
from azvm_async.emulator.templates.model import Document, Nested, References
from azvm_async.emulator.templates.resources import BODY, Declaration
from azvm_async.emulator.templates.scope import Scope


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A resource to be deployed.

    Parameters
    ----------
    id : str
        The full ARM id, in the case as written.
    type, name, api_version : str
        As the template says; those of a child begin with its parent's.
    depends_on : frozenset of str
        The lower-case ids of the resources of the same template that it waits for.
    """

    id: str
    type: str
    name: str
    api_version: str
    depends_on: frozenset[str]
    _declaration: Declaration = field(repr=False)
    _index: Index = field(repr=False)

    @classmethod
    def of(cls, one: Declaration, depends_on: frozenset[str], index: Index) -> "Planned":
        """Plan a declared resource."""
        return cls(one.id, one.type, one.name, one.api_version, depends_on, one, index)

    def document(self, references: References) -> Document:
        """Return the body of its PUT.

        Raises
        ------
        TemplateError
            When an expression has no value, or asks for a resource that doesn't exist.
        """
        return self._document(self._scope(references, Budget()))

    def static_document(self, budget: Budget | None = None) -> Document | None:
        """Return the body of its PUT, ``None`` when that can't be told before the deployment runs."""
        try:
            return self._document(self._scope(None, budget or Budget()))
        except RuntimeNeeded:
            return None

    def nested(self, references: References) -> Nested | None:
        """Return the nested deployment that it is, ``None`` when it is none."""
        return self._nested(self._scope(references, Budget()))

    def static_nested(self, budget: Budget) -> Nested | None:
        """Return the nested deployment that it is, as far as that can be told before the deployment runs."""
        try:
            return self._nested(self._scope(None, budget))
        except RuntimeNeeded:
            return None

    def _scope(self, references: References | None, budget: Budget) -> Scope:
        return replace(self._declaration.scope, targets=self._index, references=references, budget=budget)

    @bounded
    def _document(self, scope: Scope) -> Document:
        one = self._declaration
        written = {key: one.raw[key] for key in BODY if one.raw.get(key) is not None}
        with within_resource(self.id):
            if nested.is_deployment(one):
                return nested.body(one, written, scope)
            document: Document = evaluate(written, scope)
            return document

    @bounded
    def _nested(self, scope: Scope) -> Nested | None:
        with within_resource(self.id):
            return nested.nested(self._declaration, scope) if nested.is_deployment(self._declaration) else None
