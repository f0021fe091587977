"""What happens to a deployment stack between the requests: it deploys, and removes what it manages no longer.

A stack makes a deployment of its own. When that has succeeded, what the stack managed before and the template has no
more is deleted or let go, as ``actionOnUnmanage`` says. Its operation ends when it is at rest.
"""

from collections.abc import Iterable

from azvm_async.emulator import deploying
from azvm_async.emulator.deployment_documents import plain_error
from azvm_async.emulator.deployment_model import Deployment, Stack
from azvm_async.emulator.deployment_removal import Removal
from azvm_async.emulator.deployment_requests import Requested
from azvm_async.emulator.model import NEVER, Document, Failure, Kind, Moment, Operation, World
from azvm_async.emulator.operations import begin as begin_operation
from azvm_async.emulator.operations import fail, gone, reschedule, succeed
from azvm_async.wire import Response

AT_REST = {"succeeded", "failed", "canceled"}
_LONGEST_NAME = 64
_NOT_DEPLOYED = "One or more resources could not be deployed. Correlation id: '{}'."
_NOT_DELETED = "One or more resources could not be deleted. Correlation id: '{}'."
_STILL_THERE = (
    "An error occurred while deleting resources. These resources are still present in the stack but can be deleted "
    "manually. Please see the FailedResources property for specific error information."
)


def deploy(world: World, stack: Stack, requested: Requested, *, deletes: bool, now: Moment) -> None:
    """Let a stack deploy a template, and delete or let go what it has no more.

    Raises
    ------
    Refusal
        As the PUT of a deployment answers.
    """
    name = f"{stack.name[: _LONGEST_NAME - 13]}-{world.random.getrandbits(48):012x}"
    deployment = deploying.begin(world, stack.group, name, requested, now)
    _rest_not(world, stack, "deploying", _UPDATE, now.monotonic)
    stack.deployment, stack.correlation = deployment, deployment.correlation
    stack.failed, stack.detached, stack.deleted = {}, [], []

    def deployed(world: World, deployment: Deployment) -> None:
        _take_in(world, stack, deployment, deletes=deletes)

    deployment.then = deployed


def remove(world: World, stack: Stack, *, deletes: bool, now: float) -> None:
    """Let a stack go, with what it manages where that is wanted."""
    _rest_not(world, stack, "deleting", _DELETION, now)
    stack.correlation = world.new_id()
    if not deletes:
        assert stack.operation is not None  # noqa: S101  # just begun
        reschedule(world, stack.operation, now + deploying.evaluation(world))
        return
    stack.state = "deletingResources"

    def removed(world: World, now: float, failures: dict[str, Failure]) -> None:
        stack.resources = _remaining(stack.resources, failures)
        if failures:
            _fail_deletion(world, stack, failures, now)
        else:
            _end(world, stack, now)

    Removal(reversed(stack.resources), removed).advance(world, now)


def _rest_not(world: World, stack: Stack, state: str, kind: Kind, now: float) -> None:
    stack.state, stack.started, stack.ended, stack.error = state, now, None, None
    stack.operation = begin_operation(world, now, kind, stack, NEVER)


def _take_in(world: World, stack: Stack, deployment: Deployment, *, deletes: bool) -> None:
    """Take over what a deployment made, and part with the rest."""
    now = deployment.started if deployment.ended is None else deployment.ended
    made = {path.lower(): path for path in deployment.resources()}
    before = [path for path in stack.resources if path.lower() not in made]
    if deployment.state != "Succeeded":
        stack.resources = [*before, *made.values()]
        stack.failed = {step.path: step.error for step in deployment.steps if step.error is not None and step.path}
        details = [deployment.error] if deployment.error is not None else []
        _fail(world, stack, _error("DeploymentStackDeploymentFailed", _NOT_DEPLOYED, stack, details), now)
        return
    stack.resources = list(made.values())
    if not deletes:
        stack.detached = before
        _end(world, stack, now)
        return
    _part(world, stack, before, now)


def _part(world: World, stack: Stack, before: list[str], now: float) -> None:
    """Delete what a stack manages no longer."""
    stack.state = "deletingResources"

    def removed(world: World, now: float, failures: dict[str, Failure]) -> None:
        stack.deleted = [path for path in before if path not in failures]
        stack.resources += failures
        if failures:
            _fail_deletion(world, stack, failures, now)
        else:
            _end(world, stack, now)

    Removal(reversed(before), removed).advance(world, now)


def _end(world: World, stack: Stack, now: float) -> None:
    """Let a stack be at rest."""
    stack.state, stack.ended = "succeeded", now
    if stack.operation is not None:
        succeed(world, stack.operation, now)


def _fail_deletion(world: World, stack: Stack, failures: dict[str, Failure], now: float) -> None:
    stack.failed = {path: plain_error(*failure) for path, failure in failures.items()}
    details = [plain_error("DeploymentStackDeleteResourcesFailed", _STILL_THERE)]
    _fail(world, stack, _error("DeploymentStackDeleteResourcesFailed", _NOT_DELETED, stack, details), now)


def _fail(world: World, stack: Stack, error: Document, now: float) -> None:
    stack.state, stack.ended, stack.error = "failed", now, error
    if stack.operation is not None:
        fail(world, stack.operation, Failure(error["code"], error["message"]), now)


def _error(code: str, message: str, stack: Stack, details: list[Document]) -> Document:
    return plain_error(code, message.format(stack.correlation)) | {"details": details}


def _remaining(paths: Iterable[str], failures: dict[str, Failure]) -> list[str]:
    return [path for path in paths if path in failures]


def _end_update(world: World, operation: Operation) -> None:
    """Change nothing: the stack is at rest already."""


def _end_deletion(world: World, operation: Operation) -> None:
    stack: Stack = operation.target
    world.chronicle.note("delete", stack.path)
    stack.group.stacks.pop(stack.name.lower(), None)


def _shown(world: World, operation: Operation) -> Response:  # noqa: ARG001  # one of Kind's results
    """Answer the end of a PUT: nobody asks for it, for a PUT names no ``Location``."""
    return Response(200)


_UPDATE = Kind("putStack", _end_update, _shown)
_DELETION = Kind("deleteStack", _end_deletion, gone)
