"""Nested deployments: whose scope their template's expressions belong to, and what is handed on to deploy them.

With the scope ``inner`` the template is handed on as it is written. With ``outer``, which is the default, its expressions
see the parent's names: they are evaluated here, in the parent's scope, and what comes out is written so that no second
evaluation changes it. A loop of the nested template's resources is unrolled then, for it would not be there later.
"""

from typing import Any

from azvm_async.emulator.templates.errors import ExpressionError, TemplateError
from azvm_async.emulator.templates.evaluation import copy_count, evaluate, evaluate_early
from azvm_async.emulator.templates.expressions import escaped
from azvm_async.emulator.templates.members import members
from azvm_async.emulator.templates.model import Document, Nested
from azvm_async.emulator.templates.resources import DEPLOYMENT, Declaration
from azvm_async.emulator.templates.scope import RESOURCE_LOOP, Scope
from azvm_async.emulator.templates.values import find_key

_PROPERTIES = (
    "mode",
    "template",
    "parameters",
    "expressionEvaluationOptions",
    "debugSetting",
    "onErrorDeployment",
    "templateLink",
    "parametersLink",
    "validationLevel",
)
_MODES = {"incremental": "Incremental", "complete": "Complete"}


def is_deployment(one: Declaration) -> bool:
    """Tell whether a resource is a nested deployment."""
    return one.type.lower() == DEPLOYMENT


def nested(one: Declaration, scope: Scope) -> Nested:
    """Return a nested deployment as it is handed on."""
    properties = _properties(one)
    return Nested(
        name=one.name,
        mode=_mode(properties, scope),
        template=_template(properties, scope),
        parameters=_parameters(properties, scope),
        subscription=one.subscription,
        resource_group=one.group,
    )


def body(one: Declaration, document: Document, scope: Scope) -> Document:
    """Return the evaluated document of a nested deployment."""
    deployment = nested(one, scope)
    rest = {key: value for key, value in document.items() if key != "properties"}
    properties = {"mode": deployment.mode, "template": deployment.template, "parameters": deployment.parameters}
    return {**evaluate(rest, scope), "properties": properties}


def seen_by_parent(one: Declaration, document: Document) -> Document:
    """Return that part of a resource whose expressions belong to the parent: not an inner template."""
    if not is_deployment(one) or not _is_inner(_properties(one), one.scope):
        return document
    kept = {key: value for key, value in _properties(one).items() if key != "template"}
    return {**document, "properties": kept}


def _properties(one: Declaration) -> Document:
    properties = members(one.raw.get("properties"), _PROPERTIES, "DeploymentProperties")
    if properties.get("templateLink") is not None or properties.get("parametersLink") is not None:
        raise TemplateError(
            "InvalidContentLink",
            f"Unable to download deployment content of '{one.name}': the emulator reads no URLs. "
            "Put the template itself into the property 'template'.",
        )
    return properties


def _is_inner(properties: Document, scope: Scope) -> bool:
    raw = properties.get("expressionEvaluationOptions")
    options = members({} if raw is None else raw, ("scope",), "ExpressionEvaluationOptions")
    wanted = evaluate_early(options.get("scope", "outer"), scope)
    if not isinstance(wanted, str) or wanted.lower() not in {"inner", "outer", "notspecified"}:
        raise ExpressionError("The scope of 'expressionEvaluationOptions' must be 'inner' or 'outer'.")
    return wanted.lower() == "inner"


def _mode(properties: Document, scope: Scope) -> str:
    mode = evaluate(properties.get("mode"), scope)
    if not isinstance(mode, str) or mode.lower() not in _MODES:
        raise ExpressionError("The mode of a nested deployment must be 'Incremental' or 'Complete'.")
    return _MODES[mode.lower()]


def _template(properties: Document, scope: Scope) -> Document:
    template = properties.get("template")
    if not isinstance(template, dict):
        raise ExpressionError("The property 'template' of a nested deployment must be an object.")
    if _is_inner(properties, scope):
        copied: Document = scope.budget.copied(template)
        return copied
    return {key: _protected(value) for key, value in _outer(template, scope).items()}


def _parameters(properties: Document, scope: Scope) -> Document:
    parameters = evaluate(properties.get("parameters"), scope)
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise ExpressionError("The parameters of a nested deployment must be an object.")
    return parameters


def _outer(template: Document, scope: Scope) -> Document:
    key = find_key(template, "resources")
    rest: Document = evaluate({name: value for name, value in template.items() if name != key}, scope)
    if key is None:
        return rest
    resources = template[key]
    return {**rest, key: _unrolled(resources, scope) if isinstance(resources, list) else evaluate(resources, scope)}


def _unrolled(resources: list[Any], scope: Scope) -> list[Any]:
    unrolled: list[Any] = []
    for each in resources:
        loop = each.get("copy") if isinstance(each, dict) else None
        if isinstance(loop, dict) and isinstance(loop.get("name"), str):
            one = {key: value for key, value in each.items() if key != "copy"}
            rounds = range(copy_count(loop.get("count"), scope))
            unrolled += [evaluate(one, scope.looped(index, RESOURCE_LOOP, loop["name"])) for index in rounds]
        else:
            unrolled.append(evaluate(each, scope))
    return unrolled


def _protected(value: Any) -> Any:
    """Return a document that evaluation changes no more."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list):
        return [_protected(each) for each in value]
    if isinstance(value, dict):
        return {escaped(key): _protected(each) for key, each in value.items()}
    return value
