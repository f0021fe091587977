"""The way from a template to the resources to deploy: read, check, name, plan, and evaluate what can be evaluated."""

from dataclasses import dataclass, field, replace
from typing import Any

from azvm_async.emulator.templates import outputs, parameters
from azvm_async.emulator.templates.budget import Budget
from azvm_async.emulator.templates.checks import check_expressions
from azvm_async.emulator.templates.dependencies import check_acyclic, dependencies
from azvm_async.emulator.templates.errors import RuntimeNeeded, TemplateError, bounded
from azvm_async.emulator.templates.index import Index
from azvm_async.emulator.templates.members import section
from azvm_async.emulator.templates.model import Document, Nested, References, Site
from azvm_async.emulator.templates.planned import Planned
from azvm_async.emulator.templates.resources import declare
from azvm_async.emulator.templates.scope import Scope
from azvm_async.emulator.templates.sections import open_scope, read


@dataclass(frozen=True, slots=True, eq=False)
class Expanded:
    """A template with its parameters, ready to be deployed.

    Parameters
    ----------
    parameters : dict
        What ARM shows of the parameters: the values of secret ones are left out.
    resources : tuple of Planned
        The resources to deploy, in the template's order: those whose condition holds, copies and children included.
    """

    parameters: dict[str, Document]
    resources: tuple[Planned, ...]
    _document: Document = field(repr=False)
    _scope: Scope = field(repr=False)

    def outputs(self, references: References) -> dict[str, Document]:
        """Return what ARM shows of the outputs.

        Raises
        ------
        TemplateError
            ``DeploymentOutputEvaluationFailed``, with the causes as details.
        """
        found, errors = _outputs(self._document, replace(self._scope, references=references, budget=Budget()))
        if errors:
            raise outputs.failed(errors)
        return found


def expand(template: object, parameters: object, site: Site) -> Expanded:
    """Evaluate of a template what needs no run-time state.

    Parameters
    ----------
    template : object
        The template as it came.
    parameters : object
        In wire form, ``{name: {"value": …}}``.
    site : Site
        Where it is deployed.

    Raises
    ------
    TemplateError
        When the template or its parameters are not valid.
    """
    return _expand(template, parameters, site, Budget())


@bounded
def _expand(template: object, given: object, site: Site, budget: Budget) -> Expanded:
    document = read(template)
    check_expressions(document, budget)
    scope, types = open_scope(document, given, site, budget)
    declared = declare(document, scope)
    index = Index(declared, str(site.group.get("id", "")))
    waits = {each.id.lower(): dependencies(each, index) for each in declared if each.active}
    check_acyclic(waits, {each.id.lower(): each.id for each in declared})
    planned = tuple(Planned.of(each, waits[each.id.lower()], index) for each in declared if each.active)
    expanded = Expanded(parameters.shown(types, scope.parameters), planned, document, replace(scope, targets=index))
    _preflight(expanded, site, budget)
    return expanded


def _preflight(expanded: Expanded, site: Site, budget: Budget) -> None:
    """Evaluate everything that doesn't depend on run-time state, nested templates included, to refuse it at once."""
    for each in expanded.resources:
        each.static_document(budget)
        if (deployment := each.static_nested(budget)) is not None:
            _expand(deployment.template, deployment.parameters, _site_of(deployment, site), budget)
    _, errors = _outputs(expanded._document, expanded._scope)  # noqa: SLF001  # its other half
    for error in errors.values():
        raise error


def _outputs(document: Document, scope: Scope) -> tuple[dict[str, Document], dict[str, TemplateError]]:
    """Return the outputs that there are, and what is wrong with the others."""
    types = section(document, "definitions")
    found: dict[str, Document] = {}
    errors: dict[str, TemplateError] = {}
    for name, raw in section(document, "outputs").items():
        try:
            shown = _output(name, raw, types, scope)
        except TemplateError as error:
            errors[name] = error
        else:
            found.update({} if shown is None else {name: shown})
    return found, errors


@bounded
def _output(name: str, raw: Any, types: Document, scope: Scope) -> Document | None:
    try:
        return outputs.output(name, raw, types, scope)
    except RuntimeNeeded:
        return None


def _site_of(deployment: Nested, site: Site) -> Site:
    """Return where a nested deployment goes, as far as the parent knows: of another group its id and its name."""
    if deployment.resource_group is None:
        return replace(site, deployment=deployment.name)
    subscription, group = site.subscription, deployment.resource_group
    if deployment.subscription is not None:
        path = f"/subscriptions/{deployment.subscription}"
        subscription = {**subscription, "id": path, "subscriptionId": deployment.subscription}
    place = {**site.group, "id": f"{subscription.get('id')}/resourceGroups/{group}", "name": group}
    return replace(site, deployment=deployment.name, subscription=subscription, group=place)
