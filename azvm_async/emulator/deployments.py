"""Template deployments: what each request does to them.

How a deployment goes on between the requests is told in :mod:`azvm_async.emulator.deploying`.
"""

from azvm_async.emulator import deployment_tracking, what_if
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, section, text
from azvm_async.emulator.deploying import begin, cancel, evaluation
from azvm_async.emulator.deployment_documents import (
    deployment_document,
    status_document,
    step_document,
    validated_document,
)
from azvm_async.emulator.deployment_model import Deployment, deployment_not_found, find_deployment
from azvm_async.emulator.deployment_plans import planned
from azvm_async.emulator.deployment_requests import Requested, checked_name, wanted_state
from azvm_async.emulator.deployment_tracking import accepted, patience, require_genuine, signed
from azvm_async.emulator.model import Document, Kind, Operation, ResourceGroup, World
from azvm_async.emulator.operations import begin as begin_operation
from azvm_async.emulator.operations import gone
from azvm_async.emulator.pages import page
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_RESOURCES = "providers/Microsoft.Resources"
_ALL = f"{_GROUP}/{_RESOURCES}/deployments"
_ONE = f"{_ALL}/{{deployment}}"
_SHORT = f"{_GROUP}/deployments/{{deployment}}"
_ELSEWHERE = f"{_SUBSCRIPTION}/{_RESOURCES}/deployments/{{deployment}}"


def put(world: World, call: Call) -> Response:
    """Begin a deployment."""
    group = _group(world, call)
    name = checked_name(call.name("deployment"))
    known = name.lower() in group.deployments
    deployment = begin(world, group, name, Requested.of(call.document()), call.now)
    url = signed(world, call, f"{deployment.path}/operationStatuses/{deployment.status_id}")
    return Response.with_json(
        200 if known else 201, _shown(world, call, deployment), {"azure-asyncoperation": url, **patience(world)}
    )


def get(world: World, call: Call) -> Response:
    """Answer GET on a deployment."""
    return Response.with_json(200, _shown(world, call, _named(world, call)))


def head(world: World, call: Call) -> Response:
    """Tell whether there is such a deployment."""
    known = _group(world, call).deployments
    return Response(204 if call.name("deployment").lower() in known else 404)


def get_all(world: World, call: Call) -> Response:
    """Answer GET on a resource group's deployments."""
    found = list(_group(world, call).deployments.values())
    if (state := wanted_state(call.query)) is not None:
        found = [each for each in found if each.state.lower() == state]
    return page(world, call, found, lambda each: (0, each.serial), lambda each: _shown(world, call, each))


def delete(world: World, call: Call) -> Response:
    """Forget a deployment, not what it deployed; 204 when there is none."""
    deployment = _group(world, call).deployments.get(call.name("deployment").lower())
    if deployment is None:
        return Response(204)
    if deployment.active:
        message = f"The deployment '{deployment.name}' cannot be deleted because it is still active."
        raise Refusal(409, "DeploymentActive", message)
    if deployment.deletion is None:
        deployment.state = "Deleting"
        deployment.deletion = begin_operation(world, call.now.monotonic, _DELETION, deployment, evaluation(world))
    return accepted(world, call, deployment.deletion)


def post_cancel(world: World, call: Call) -> Response:
    """Let an active deployment begin nothing more."""
    deployment = _named(world, call)
    if not deployment.active:
        message = f"The deployment '{deployment.name}' cannot be cancelled because it is not active."
        raise Refusal(409, "DeploymentCannotBeCancelled", message)
    cancel(world, deployment, call.now.monotonic)
    return Response(204)


def post_validate(world: World, call: Call) -> Response:
    """Tell whether a deployment would be accepted."""
    requested = Requested.of(call.document())
    deployment = planned(world, _group(world, call), checked_name(call.name("deployment")), requested, call.now)
    return Response.with_json(200, validated_document(world, deployment))


def post_what_if(world: World, call: Call) -> Response:
    """Tell, a little later, what a deployment would change."""
    document = call.document()
    settings = section(section(document, "properties"), "whatIfSettings")
    requested = Requested.of(document)
    name = checked_name(call.name("deployment"))
    found = what_if.foresee(world, _group(world, call), name, requested, call.now)
    if text(settings, "resultFormat").lower() == "resourceidonly":
        found = [what_if.without_payload(change) for change in found]
    result: Document = {
        "status": "Succeeded",
        "properties": {"correlationId": world.new_id(), "changes": found},
    }
    return accepted(world, call, begin_operation(world, call.now.monotonic, _FORESIGHT, result, evaluation(world)))


def export(world: World, call: Call) -> Response:
    """Answer with the template as it was given."""
    deployment = _named(world, call)
    if not deployment.template:
        message = f"The template of deployment '{deployment.name}' was not kept: the emulator's state file has none."
        raise Refusal(409, "DeploymentTemplateNotKept", message)
    return Response.with_json(200, {"template": deployment.template})


def get_steps(world: World, call: Call) -> Response:
    """Answer GET on a deployment's operations."""
    deployment = _named(world, call)
    now = call.now.monotonic
    numbered = enumerate(deployment.steps, start=1)
    return page(
        world, call, numbered, lambda step: (0, step[0]), lambda step: step_document(world, deployment, step[1], now)
    )


def get_step(world: World, call: Call) -> Response:
    """Answer GET on one of a deployment's operations."""
    deployment = _named(world, call)
    wanted = call.name("operation")
    for step in deployment.steps:
        if step.id.lower() == wanted.lower():
            return Response.with_json(200, step_document(world, deployment, step, call.now.monotonic))
    message = f"Deployment operation '{wanted}' of deployment '{deployment.name}' could not be found."
    raise Refusal(404, "DeploymentOperationNotFound", message)


def poll(world: World, call: Call) -> Response:
    """Answer a poll of a deployment, also of one that was replaced since."""
    require_genuine(world, call)
    deployment = world.deployments.get(call.name("status").lower())
    if deployment is None:
        raise Refusal(404, "NotFound", f"The operation '{call.name('status')}' was not found.")
    return Response.with_json(200, status_document(deployment), patience(world) if deployment.active else {})


def get_elsewhere(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Answer that a subscription has no such deployment: none can be made."""
    raise deployment_not_found(call.name("deployment"))


def head_elsewhere(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Tell that a subscription has no such deployment."""
    return Response(404)


def delete_elsewhere(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Forget no deployment of a subscription: there is none."""
    return Response(204)


def list_elsewhere(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """List the deployments of a subscription: there are none."""
    return Response.with_json(200, {"value": []})


def refuse(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Refuse what would be a deployment to a subscription."""
    raise Refusal(400, "InvalidDeployment", "The emulator deploys templates to resource groups only.")


def _group(world: World, call: Call) -> ResourceGroup:
    return world.group(call.name("subscription"), call.name("group"))


def _named(world: World, call: Call) -> Deployment:
    return find_deployment(_group(world, call), call.name("deployment"))


def _shown(world: World, call: Call, deployment: Deployment) -> Document:
    return deployment_document(world, deployment, call.now.monotonic)


def _end_deletion(world: World, operation: Operation) -> None:
    deployment: Deployment = operation.target
    known = deployment.group.deployments
    if known.get(deployment.name.lower()) is deployment:
        del known[deployment.name.lower()]
        world.chronicle.note("delete", deployment.path)


def _end_foresight(world: World, operation: Operation) -> None:
    """Change nothing: to foresee is all."""


_DELETION = Kind("deleteDeployment", _end_deletion, gone)
_FORESIGHT = Kind("whatIf", _end_foresight, lambda _, operation: Response.with_json(200, operation.target))

ROUTES = (
    *deployment_tracking.ROUTES,
    Route("GET", _ALL, get_all),
    Route("PUT", _ONE, put),
    Route("GET", _ONE, get),
    Route("HEAD", _ONE, head),
    Route("DELETE", _ONE, delete),
    Route("POST", f"{_ONE}/cancel", post_cancel),
    Route("POST", f"{_ONE}/validate", post_validate),
    Route("POST", f"{_ONE}/whatIf", post_what_if),
    Route("POST", f"{_ONE}/exportTemplate", export),
    Route("GET", f"{_ONE}/operationStatuses/{{status}}", poll),
    *(Route("GET", f"{one}/operations", get_steps) for one in (_ONE, _SHORT)),
    *(Route("GET", f"{one}/operations/{{operation}}", get_step) for one in (_ONE, _SHORT)),
    Route("GET", _ELSEWHERE.rpartition("/")[0], list_elsewhere),
    Route("PUT", _ELSEWHERE, refuse),
    Route("GET", _ELSEWHERE, get_elsewhere),
    Route("HEAD", _ELSEWHERE, head_elsewhere),
    Route("DELETE", _ELSEWHERE, delete_elsewhere),
    *(Route("POST", f"{_ELSEWHERE}/{verb}", refuse) for verb in ("validate", "whatIf")),
)
