"""What GET shows of deployments, their operations and stacks."""

import hashlib
import json
from collections.abc import Iterable

from azvm_async.emulator.answers import error_body
from azvm_async.emulator.deployment_model import DEPLOYMENTS, STACKS, Deployment, Stack, Step
from azvm_async.emulator.model import Document, World
from azvm_async.emulator.templates import Planned, TemplateError

FAILED = (
    "At least one resource deployment operation failed. Please list deployment operations for details. Please see "
    "https://aka.ms/arm-deployment-operations for usage details."
)
UNFINISHED = (
    "The resource write operation failed to complete successfully, because it reached terminal provisioning state '{}'."
)
_WRAPPED = {"BadRequest", "Conflict"}


def deployment_document(world: World, deployment: Deployment, now: float) -> Document:
    """Return a deployment as GET shows it."""
    document: Document = {"id": deployment.path, "name": deployment.name, "type": DEPLOYMENTS}
    if deployment.tags is not None:
        document["tags"] = deployment.tags
    return document | {"properties": _properties(world, deployment, now)}


def _properties(world: World, deployment: Deployment, now: float) -> Document:
    ended = deployment.ended
    properties: Document = {
        "templateHash": deployment.template_hash,
        "parameters": deployment.parameters,
        "mode": deployment.mode,
        "provisioningState": deployment.state,
        "timestamp": world.date(deployment.started if ended is None else ended),
        "duration": duration((now if ended is None else ended) - deployment.started),
        "correlationId": deployment.correlation,
        "providers": deployment.providers,
        "dependencies": deployment.dependencies,
    }
    if deployment.outputs is not None:
        properties["outputs"] = deployment.outputs
        properties["outputResources"] = references(deployment.resources())
    if deployment.error is not None:
        properties["error"] = deployment.error
    return properties


def step_document(world: World, deployment: Deployment, step: Step, now: float) -> Document:
    """Return an operation of a deployment as GET shows it."""
    ended = step.ended
    properties: Document = {
        "provisioningOperation": step.operation,
        "provisioningState": step.state,
        "timestamp": world.date(step.began if ended is None else ended),
        "duration": duration((now if ended is None else ended) - step.began),
        "serviceRequestId": None,
        "statusCode": step.status_code,
    }
    if step.error is not None:
        properties["statusMessage"] = ({} if step.refused else {"status": "Failed"}) | {"error": step.error}
    if step.path:
        properties["targetResource"] = {"id": step.path, "resourceType": step.type, "resourceName": step.name}
    return {"id": f"{deployment.path}/operations/{step.id}", "operationId": step.id, "properties": properties}


def failure(deployment: Deployment, steps: Iterable[Step]) -> Document:
    """Return the error of a deployment in which these steps failed."""
    details = [_detail(step) for step in steps]
    return {"code": "DeploymentFailed", "target": deployment.path, "message": FAILED, "details": details}


def nested_failure(nested: Deployment) -> Document:
    """Return the error of the step that was a nested deployment."""
    error: Document = {
        "code": "ResourceDeploymentFailure",
        "target": nested.path,
        "message": UNFINISHED.format(nested.state),
    }
    return error if nested.error is None else error | {"details": [nested.error]}


def _detail(step: Step) -> Document:
    """Return what a deployment's error says of one step: the words of a refused PUT stand there as text."""
    error = step.error or {}
    if step.refused and step.status_code in _WRAPPED:
        body = json.dumps({"error": error}, indent=2).replace("\n", "\r\n")
        error = {"code": step.status_code, "message": body}
    return {"target": step.path, **error} if step.path else error


def stack_document(world: World, stack: Stack) -> Document:
    """Return a deployment stack as GET shows it."""
    document: Document = {"id": stack.path, "name": stack.name, "type": STACKS}
    if stack.tags is not None:
        document["tags"] = stack.tags
    properties: Document = {
        **stack.given,
        "provisioningState": stack.state,
        "correlationId": stack.correlation,
        "resources": [{"id": path, **_management(stack, path)} for path in stack.resources],
        "detachedResources": references(stack.detached),
        "deletedResources": references(stack.deleted),
        "failedResources": [{"id": path, "error": error} for path, error in stack.failed.items()],
    }
    if stack.deployment is not None:
        properties |= {"deploymentId": stack.deployment.path, "outputs": stack.deployment.outputs or {}}
        properties["parameters"] = stack.deployment.parameters
    if stack.ended is not None:
        properties["duration"] = duration(stack.ended - stack.started)
    if stack.error is not None:
        properties["error"] = stack.error
    return document | {"properties": properties, "systemData": {"createdAt": world.date(stack.created)}}


def _management(stack: Stack, path: str) -> Document:
    return {"status": "deleteFailed" if path in stack.failed else "managed", "denyStatus": "none"}


def validated_document(world: World, deployment: Deployment) -> Document:
    """Return what ``validate`` answers for a deployment that was planned and not begun."""
    properties = _properties(world, deployment, deployment.started) | {"provisioningState": "Succeeded"}
    resources = deployment.plan.expanded.resources if deployment.plan is not None else ()
    properties["validatedResources"] = references(each.id for each in resources)
    return {"id": deployment.path, "name": deployment.name, "type": DEPLOYMENTS, "properties": properties}


def status_document(deployment: Deployment) -> Document:
    """Return what a poll of a deployment is told."""
    document: Document = {"status": deployment.state}
    return document if deployment.error is None else document | {"error": deployment.error}


def references(paths: Iterable[str]) -> list[Document]:
    """Return ids as ARM lists them."""
    return [{"id": path} for path in paths]


def dependencies(resources: Iterable[Planned]) -> list[Document]:
    """Return which resources wait for which, those that wait for none left out."""
    known = {each.id.lower(): each for each in resources}
    waiting = {each: sorted(each.depends_on & known.keys()) for each in known.values()}
    return [
        {"dependsOn": [_target(known[key]) for key in keys], **_target(each)} for each, keys in waiting.items() if keys
    ]


def providers(resources: Iterable[tuple[str, str | None]]) -> list[Document]:
    """Return the types that a template has, with their locations, by namespace."""
    found: dict[str, dict[str, dict[str | None, None]]] = {}
    for kind, location in resources:
        namespace, _, rest = kind.partition("/")
        found.setdefault(namespace, {}).setdefault(rest, {})[location] = None
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": kind, "locations": list(places)} for kind, places in kinds.items()],
        }
        for namespace, kinds in found.items()
    ]


def template_hash(template: Document) -> str:
    """Return a number that tells templates apart; ARM's own digest is another one."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return str(int.from_bytes(digest[:8], "big"))


def duration(seconds: float) -> str:
    """Return a length of time as ISO 8601 writes it."""
    minutes, rest = divmod(max(seconds, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f"{rest:.7f}".rstrip("0").rstrip(".")
    return f"PT{f'{hours}H' if hours else ''}{f'{minutes}M' if hours or minutes else ''}{shown}S"


def plain_error(code: str, message: str) -> Document:
    """Return the inside of an error document."""
    found: Document = error_body(code, message)["error"]
    return found


def template_error(error: TemplateError) -> Document:
    """Return the inside of an error document that tells what is wrong with a template."""
    details = [template_error(cause) for cause in error.details]
    return plain_error(error.code, error.message) | ({"details": details} if details else {})


def _target(planned: Planned) -> Document:
    return {"id": planned.id, "resourceType": planned.type, "resourceName": planned.name}
