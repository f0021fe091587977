"""The engine of deployments: each resource begins when all that it depends on has succeeded.

Nothing runs while nobody looks. The end of a resource's operation (``then``) moves its deployment on: what waited for it
begins, in its own duration and exactly as a PUT would, until all is there, or until something failed and what was under
way has ended. A nested deployment is a deployment of its own, and its end is the end of a step of its parent's.
"""

from http import HTTPStatus

from azvm_async.emulator import resource_changes, version_checks
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import plain_location
from azvm_async.emulator.deployment_documents import failure, nested_failure, plain_error, template_error
from azvm_async.emulator.deployment_model import DEPLOYMENTS, Deployment, Step, after, keep
from azvm_async.emulator.deployment_plans import nested_request, planned
from azvm_async.emulator.deployment_references import Reading
from azvm_async.emulator.deployment_removal import Removal, world_time
from azvm_async.emulator.deployment_requests import Requested, checked_name
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.model import Document, Failure, Kind, Moment, Operation, ResourceGroup, World
from azvm_async.emulator.operations import begin as begin_operation
from azvm_async.emulator.operations import nothing
from azvm_async.emulator.providers import note
from azvm_async.emulator.templates import Nested, Planned, TemplateError

_ID_BITS = 64
_WEEK = 7 * 86_400


def begin(world: World, group: ResourceGroup, name: str, requested: Requested, now: Moment) -> Deployment:
    """Let a deployment begin.

    Raises
    ------
    Refusal
        400 when the template is not valid, 409 when one of this name is active or the group is being deleted.
    """
    refuse_while_active(world, group, checked_name(name))
    if group.provisioning_state == "Deleting":
        raise Refusal.being_deleted(group.name)
    deployment = planned(world, group, name, requested, now)
    keep(world, deployment)
    world.chronicle.note("deploy", deployment.path)
    begin_operation(world, now.monotonic, _EVALUATION, deployment, evaluation(world))
    return deployment


def cancel(world: World, deployment: Deployment, now: float) -> None:
    """Let a deployment begin nothing more; what is under way ends by itself."""
    _finish(world, deployment, "Canceled", now)
    world.chronicle.note("cancel", deployment.path)
    for step in deployment.steps:
        if step.nested is not None and step.nested.active:
            cancel(world, step.nested, now)


def refuse_while_active(world: World, group: ResourceGroup, name: str) -> None:
    """Refuse to touch a deployment that has not ended."""
    known = group.deployments.get(name.lower())
    if known is not None and known.active:
        began, expires = (_american(world.moment(known.started + later)) for later in (0, _WEEK))
        message = (
            f"Unable to edit or replace deployment '{name}': previous deployment from '{began}' is still active "
            f"(expiration time is '{expires}'). Please see https://aka.ms/arm-deploy for usage details."
        )
        raise Refusal(409, "DeploymentActive", message)


def evaluation(world: World) -> float:
    """Return how long the evaluation of a template takes, or what else changes no resource."""
    return world.settings.durations.evaluation


def _end_evaluation(world: World, operation: Operation) -> None:
    deployment: Deployment = operation.target
    if deployment.active:
        deployment.state = "Running"
        _advance(world, deployment, world_time(operation))


def _advance(world: World, deployment: Deployment, now: float) -> None:
    """Begin what nothing stands in the way of, and end the deployment when there is nothing left to wait for."""
    if (plan := deployment.plan) is None:
        return
    for key in () if plan.stopped else plan.order.get_ready():
        _start(world, deployment, plan.resources[key], now)
    if plan.running or deployment.plan is None:
        return
    if plan.stopped:
        failed = (step for step in deployment.steps if step.error is not None)
        _finish(world, deployment, "Failed", now, failure(deployment, failed))
    else:
        _conclude(world, deployment, now)


def _start(world: World, deployment: Deployment, resource: Planned, now: float) -> None:
    """Begin the PUT of a resource, or a nested deployment."""
    step = Step(_step_id(world), "Create", now, resource.id, resource.type, resource.name)
    deployment.steps.append(step)
    try:
        if resource.type.lower() == DEPLOYMENTS.lower():
            _start_nested(world, deployment, resource, step, now)
        else:
            _put(world, deployment, resource, step, now)
    except Refusal as refusal:
        phrase = HTTPStatus(refusal.status).phrase.replace(" ", "")
        _refuse(deployment, step, plain_error(refusal.code, refusal.message) | refusal.more, phrase)
    except TemplateError as error:
        _refuse(deployment, step, template_error(error), "BadRequest")


def _put(world: World, deployment: Deployment, resource: Planned, step: Step, now: float) -> None:
    moment = world.moment(now)
    note(world, resource.type, deployment.group.location, resource.api_version)  # also where the PUT is refused
    document = resource.document(Reading(world, moment))
    _require_version(resource, document, deployment.group)
    step.status_code = "OK" if resource_changes.exists(world, resource.id) else "Created"
    operation = resource_changes.put(world, resource.id, resource.api_version, document, moment)
    _count(deployment, +1)

    def ended(world: World, operation: Operation) -> None:
        error = operation.failure and plain_error(*operation.failure)
        _end(world, deployment, resource, step, world_time(operation), error)

    after(operation, ended)


def _require_version(resource: Planned, document: Document, group: ResourceGroup) -> None:
    """Refuse an API version that the type hasn't: ARM looks no earlier than at the resource's turn."""
    kind = ResourceId.parse(resource.id).type
    if not version_checks.is_taken(kind, resource.api_version):
        location = document.get("location")
        where = plain_location(location) if isinstance(location, str) else group.location
        raise version_checks.refusal(kind, resource.api_version, where)


def _start_nested(world: World, deployment: Deployment, resource: Planned, step: Step, now: float) -> None:
    moment = world.moment(now)
    nested: Nested | None = resource.nested(Reading(world, moment))
    if nested is None:
        raise Refusal(400, "InvalidTemplate", f"The nested deployment '{resource.name}' has no template.")
    group, requested = nested_request(nested, deployment.group, world)
    inner = begin(world, group, nested.name, requested, moment)
    inner.correlation = deployment.correlation  # what is deployed together is found together in the activity log
    step.nested, step.path, step.status_code = inner, inner.path, "Created"
    _count(deployment, +1)

    def ended(world: World, inner: Deployment) -> None:
        error = None if inner.state == "Succeeded" else nested_failure(inner)
        _end(world, deployment, resource, step, inner.ended or inner.started, error)

    inner.then = ended


def _refuse(deployment: Deployment, step: Step, error: Document, status_code: str) -> None:
    """End a step that was refused when it was to begin."""
    step.refused = True
    step.end(step.began, error, status_code)
    if deployment.plan is not None:
        deployment.plan.stopped = True


def _end(
    world: World, deployment: Deployment, resource: Planned, step: Step, now: float, error: Document | None
) -> None:
    """Take in that a resource is there, or failed, and go on."""
    step.end(now, error)
    _count(deployment, -1)
    if (plan := deployment.plan) is None:
        return
    if error is None:
        plan.order.done(resource.id.lower())
    else:
        plan.stopped = True
    _advance(world, deployment, now)


def _conclude(world: World, deployment: Deployment, now: float) -> None:
    """Clean up, where the mode says so, and evaluate the outputs."""
    if deployment.mode != "Complete":
        _evaluate_outputs(world, deployment, now)
        return
    step = Step(_step_id(world), "DeploymentCleanup", now)
    deployment.steps.append(step)

    def done(world: World, now: float, failures: dict[str, Failure]) -> None:
        details = [plain_error(*failed) | {"target": path} for path, failed in failures.items()]
        step.end(now, _cleanup_failure(details) if details else None)
        if not deployment.active:
            return
        if details:
            _finish(world, deployment, "Failed", now, failure(deployment, [step]))
        else:
            _evaluate_outputs(world, deployment, now)

    Removal(surplus(world, deployment.group, deployment.resources(), world.moment(now)), done).advance(world, now)


def surplus(world: World, group: ResourceGroup, kept: list[str], now: Moment) -> list[str]:
    """Return the ids of what is in a group and not among what is kept, nor managed by something kept, as disks are."""
    keys = {path.lower() for path in kept}
    found = [path for path in resource_changes.in_group(world, group) if path.lower() not in keys]
    managers = {path: resource_changes.document_of(world, path, now).get("managedBy") for path in found}
    return [path for path, manager in managers.items() if str(manager).lower() not in keys]


def _evaluate_outputs(world: World, deployment: Deployment, now: float) -> None:
    step = Step(_step_id(world), "EvaluateDeploymentOutput", now)
    deployment.steps.append(step)
    assert deployment.plan is not None  # noqa: S101  # only an active deployment comes here
    try:
        outputs = deployment.plan.expanded.outputs(Reading(world, world.moment(now)))
    except TemplateError as error:
        step.end(now, template_error(error), "BadRequest")
        _finish(world, deployment, "Failed", now, step.error)
        return
    step.end(now)
    deployment.outputs = outputs
    _finish(world, deployment, "Succeeded", now)


def _finish(world: World, deployment: Deployment, state: str, now: float, error: Document | None = None) -> None:
    """End a deployment, and tell who waits for it."""
    deployment.state, deployment.ended, deployment.error, deployment.plan = state, now, error, None
    then, deployment.then = deployment.then, None
    if then is not None:
        then(world, deployment)


def _count(deployment: Deployment, change: int) -> None:
    if deployment.plan is not None:
        deployment.plan.running += change


def _cleanup_failure(details: list[Document]) -> Document:
    return plain_error("ResourceDeletionFailed", "Resources that the template has not could not be deleted.") | {
        "details": details
    }


def _step_id(world: World) -> str:
    return f"{world.random.getrandbits(_ID_BITS):016X}"


def _american(moment: Moment) -> str:
    utc = moment.utc
    return f"{utc.month}/{utc.day}/{utc.year} {utc:%I:%M:%S %p}".replace(" 0", " ")


_EVALUATION = Kind("evaluateDeployment", _end_evaluation, nothing)
