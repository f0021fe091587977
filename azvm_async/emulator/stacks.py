"""Deployment stacks: a template, and the resources that come and go with it.

What a stack does between the requests is told in :mod:`azvm_async.emulator.stacking`.
"""

from collections.abc import Mapping
from typing import Any

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, section, string_map, text
from azvm_async.emulator.deployment_documents import stack_document
from azvm_async.emulator.deployment_model import Stack, find_stack
from azvm_async.emulator.deployment_requests import Requested, required_properties, template_of
from azvm_async.emulator.deployment_tracking import accepted, patience, require_genuine, signed
from azvm_async.emulator.model import Document, Operation, ResourceGroup, World
from azvm_async.emulator.pages import page
from azvm_async.emulator.routing import Route
from azvm_async.emulator.stacking import AT_REST, deploy, remove
from azvm_async.wire import Response

_SUBSCRIPTION = "/subscriptions/{subscription}"
_RESOURCES = "providers/Microsoft.Resources"
_ALL = f"{_SUBSCRIPTION}/resourceGroups/{{group}}/{_RESOURCES}/deploymentStacks"
_ONE = f"{_ALL}/{{stack}}"
_STATUS = f"{_SUBSCRIPTION}/{_RESOURCES}/locations/{{location}}/deploymentStackOperationStatus/{{operation}}"
_ELSEWHERE = f"{_SUBSCRIPTION}/{_RESOURCES}/deploymentStacks/{{stack}}"
_ACTIONS = {"delete", "detach"}
_SHOWN = ("actionOnUnmanage", "denySettings", "description", "bypassStackOutOfSyncError")


def put(world: World, call: Call) -> Response:
    """Create a stack, or let it deploy another template."""
    group, name = _group(world, call), call.name("stack")
    document = call.document()
    properties = required_properties(document)
    requested = Requested(template_of(properties), section(properties, "parameters"))
    deletes = _action(section(properties, "actionOnUnmanage"), "resources") == "delete"
    _refuse_deny_settings(section(properties, "denySettings"))
    tags = string_map(document, "tags")
    known = group.stacks.get(name.lower())
    if known is not None:
        _refuse_while_busy(known)
    now = call.now.monotonic
    stack = known or Stack(group, name, next(world.serials), now, now, correlation="")
    deploy(world, stack, requested, deletes=deletes, now=call.now)
    stack.given, stack.tags = {key: properties[key] for key in _SHOWN if key in properties}, tags
    group.stacks[name.lower()] = stack
    world.chronicle.note("update" if known else "create", stack.path)
    return Response.with_json(200 if known else 201, stack_document(world, stack), _tracking(world, call, stack))


def get(world: World, call: Call) -> Response:
    """Answer GET on a stack."""
    return Response.with_json(200, stack_document(world, _named(world, call)))


def get_all(world: World, call: Call) -> Response:
    """Answer GET on a resource group's stacks."""
    found = _group(world, call).stacks.values()
    return page(world, call, found, lambda stack: (0, stack.serial), lambda stack: stack_document(world, stack))


def delete(world: World, call: Call) -> Response:
    """Delete a stack, and what it manages when ``unmanageAction.Resources`` says so; 204 when there is none."""
    stack = _group(world, call).stacks.get(call.name("stack").lower())
    if stack is None:
        return Response(204)
    deletes = _action(call.query, "unmanageaction.resources", "detach") == "delete"
    _refuse_while_busy(stack)
    remove(world, stack, deletes=deletes, now=call.now.monotonic)
    tracking = _tracking(world, call, stack)
    assert stack.operation is not None  # noqa: S101  # just begun
    return Response(202, {**accepted(world, call, stack.operation).headers, **tracking})


def export(world: World, call: Call) -> Response:
    """Answer with the template as it was given."""
    stack = _named(world, call)
    if stack.deployment is None or not stack.deployment.template:
        message = f"The template of stack '{stack.name}' was not kept: the emulator's state file has none."
        raise Refusal(409, "DeploymentTemplateNotKept", message)
    return Response.with_json(200, {"template": stack.deployment.template})


def poll(world: World, call: Call) -> Response:
    """Answer a poll of a stack's PUT or DELETE."""
    require_genuine(world, call)
    operation = world.operations.get(call.name("operation").lower())
    if operation is None or not isinstance(operation.target, Stack):
        raise Refusal(404, "NotFound", f"The operation '{call.name('operation')}' was not found.")
    headers = patience(world) if operation.running else {}
    return Response.with_json(200, _status(operation, call.path), headers)


def refuse(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Refuse what would be a stack of a subscription."""
    raise Refusal(400, "InvalidDeploymentStack", "The emulator keeps deployment stacks in resource groups only.")


def _status(operation: Operation, path: str) -> Document:
    stack: Stack = operation.target
    word = stack.state if operation.running else operation.status.lower()
    document: Document = {"id": path, "name": operation.id, "status": word}
    failed = operation.failure is not None and stack.error is not None
    return document | ({"error": stack.error} if failed else {})


def _tracking(world: World, call: Call, stack: Stack) -> dict[str, str]:
    assert stack.operation is not None  # noqa: S101  # a stack that is tracked is busy
    path = _STATUS.format(
        subscription=stack.group.subscription.id, location=stack.location, operation=stack.operation.id
    )
    return {"azure-asyncoperation": signed(world, call, path), **patience(world)}


def _action(given: Mapping[str, Any], name: str, default: str = "") -> str:
    """Return what is to become of resources that a stack manages no longer."""
    action = text(given, name, default).lower()
    if action not in _ACTIONS:
        message = f"The value '{action}' of 'actionOnUnmanage.resources' is not valid. It must be 'delete' or 'detach'."
        raise Refusal(400, "InvalidRequestContent", message)
    return action


def _refuse_deny_settings(settings: Document) -> None:
    mode = text(settings, "mode").lower()
    if not mode:
        raise Refusal.bad_content("Required property 'denySettings.mode' not found in JSON.")
    if mode != "none":
        message = f"The emulator denies nobody anything: 'denySettings.mode' can be 'none' only, not '{mode}'."
        raise Refusal(400, "DenySettingsNotSupported", message)


def _refuse_while_busy(stack: Stack) -> None:
    if stack.state not in AT_REST:
        message = (
            f"The operation cannot be performed because the deploymentStack '{stack.name}' is in the non-terminal state "
            f"'{stack.state}'. Please wait until it has ended and try again."
        )
        raise Refusal(409, "DeploymentStackInNonTerminalState", message)


def _group(world: World, call: Call) -> ResourceGroup:
    return world.group(call.name("subscription"), call.name("group"))


def _named(world: World, call: Call) -> Stack:
    return find_stack(_group(world, call), call.name("stack"))


ROUTES = (
    Route("GET", _ALL, get_all),
    Route("PUT", _ONE, put),
    Route("GET", _ONE, get),
    Route("DELETE", _ONE, delete),
    Route("POST", f"{_ONE}/exportTemplate", export),
    Route("GET", _STATUS, poll),
    Route("PUT", _ELSEWHERE, refuse),
)
