"""Run commands: scripts in a VM, really executed on the emulator's host.

A managed run command is a resource. Its PUT begins an operation and asks the door to run the script; the door reports
the start and the end (:func:`script_started`, :func:`script_ended`), and the instance view tells of them. That the
operation succeeded doesn't say that the script did. The older action ``runCommand`` is in
:mod:`azvm_async.emulator.action_run` and shares the life of a script with it.
"""

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, location_of, section, string_map
from azvm_async.emulator.documents import status
from azvm_async.emulator.in_use import permit
from azvm_async.emulator.injected import next_failure, refuse_if_wanted
from azvm_async.emulator.instructions import KillScript, ScriptResult
from azvm_async.emulator.model import (
    NEVER,
    Document,
    Failure,
    Kind,
    Operation,
    RunCommand,
    VirtualMachine,
    World,
)
from azvm_async.emulator.operations import accepted, begin, fail, gone, nothing, preempt, reschedule, tracking
from azvm_async.emulator.programs import Program, shown_properties
from azvm_async.emulator.registry import drop_children
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

MOST = 25
_COMMANDS = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute"
    "/virtualMachines/{machine}/runCommands"
)
_COMMAND = f"{_COMMANDS}/{{command}}"
_VM_WENT_DOWN = Failure(
    "VMAgentStatusCommunicationError", "The VM stopped before the run command ended: its agent reports no more."
)


def get(world: World, call: Call) -> Response:
    """Answer GET on a run command."""
    record = _named(world, call)
    return Response.with_json(200, document_of(world, record, view=_views(record, call)))


def get_all(world: World, call: Call) -> Response:
    """Answer GET on a VM's run commands."""
    machine = _machine(world, call)
    records = (machine.run_commands or {}).values()
    shown = [document_of(world, record, view=_views(record, call)) for record in records]
    return Response.with_json(200, {"value": shown})


def put(world: World, call: Call) -> Response:
    """Create a run command and run its script, or run another under the same name."""
    machine = _machine(world, call)
    return _answered(world, call, machine, call.document())


def patch(world: World, call: Call) -> Response:
    """Run a run command again with some of its properties changed; protected ones must be given anew."""
    record = _named(world, call)
    changes = call.document()
    merged = {"location": record.location, "tags": record.tags, **changes}
    merged["properties"] = {**record.properties, **section(changes, "properties")}
    return _answered(world, call, record.machine, merged)


def delete(world: World, call: Call) -> Response:
    """Delete a run command, ending its script; 204 when there is none."""
    record = find(_machine(world, call), call.name("command"))
    if record is None:
        return Response(204)
    return accepted(world, call, remove(world, record, call.now.monotonic))


def remove(world: World, record: RunCommand, now: float) -> Operation:
    """Let the deletion of a run command begin, or return the one under way."""
    if record.provisioning_state == "Deleting" and record.operation is not None:
        return record.operation
    permit(world, record.path)
    _abandon(world, record, now)
    record.provisioning_state = "Deleting"
    record.operation = begin(world, now, _DELETION, record, world.settings.durations.run_command_delete)
    return record.operation


def change(world: World, machine: VirtualMachine, name: str, document: Document, now: float) -> Operation:
    """Adopt a document as a run command of the VM, and run its script."""
    require_running(machine)
    properties = section(document, "properties")
    program, tags = Program.of(properties), string_map(document, "tags")
    known = find(machine, name)
    location = location_of(document, known.location if known else None)
    refuse_if_wanted(world, f"{machine.path}/runCommands/{name}")
    record = known or _added(machine, name, location)
    if known is not None:
        _renew(world, known, now)
    world.chronicle.note("update" if known else "create", record.path)
    record.properties, record.tags = shown_properties(properties), tags
    record.visible = now + world.settings.durations.instance_view
    record.operation = begin(world, now, _EXECUTION, record, NEVER)
    record.operation.doom = next_failure(world, record.path)
    start(world, record, program, now)
    return record.operation


def find(machine: VirtualMachine, name: str) -> RunCommand | None:
    """Return a VM's run command of this name, if there is one."""
    return (machine.run_commands or {}).get(name.lower())


def require_running(machine: VirtualMachine) -> None:
    """Refuse when the VM isn't running, or not for long."""
    if machine.power_state != "running" or machine.provisioning_state == "Deleting":
        raise Refusal(409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running.")


def start(world: World, record: RunCommand, program: Program, now: float) -> None:
    """Ask the door to run a script, or end the run command at once when that can't be done."""
    if why_not := program.refusal(record.machine.os_type, run_scripts=world.settings.run_scripts):
        _conclude(world, record, ScriptResult.refused(why_not), now)
        return
    record.script = next(world.serials)
    world.scripts[record.script] = record
    world.instructions.append(program.instruction(record.script))


def script_started(world: World, key: int, now: float) -> None:
    """Take in that a script began to run."""
    if (record := world.scripts.get(key)) is None:
        return
    record.state, record.started = "Running", now
    _note_run(world, record, now)
    if _asynchronous(record):
        _end_operation_soon(world, record, now)


def script_ended(world: World, key: int, result: ScriptResult, now: float) -> None:
    """Take in that a script ended; one that was killed for a request has nobody who wants to know."""
    if (record := world.scripts.pop(key, None)) is not None:
        record.script = None
        _conclude(world, record, result, now)


def interrupt(world: World, machine: VirtualMachine, now: float) -> None:
    """End the scripts in a VM that goes down, and the operations that wait for them."""
    for record in (*(machine.run_commands or {}).values(), machine.action_run):
        if record is not None and record.script is not None:
            _kill(world, record)
            record.state, record.ended, record.exit_code = "Failed", now, -1
            record.message = _VM_WENT_DOWN.message
            record.provisioning_state = "Failed"
            if record.operation is not None:
                fail(world, record.operation, _VM_WENT_DOWN, now)


def _answered(world: World, call: Call, machine: VirtualMachine, document: Document) -> Response:
    """Run a script and answer as PUT and PATCH do."""
    known = find(machine, call.name("command"))
    operation = change(world, machine, call.name("command"), document, call.now.monotonic)
    headers = tracking(world, call, operation, location=False)
    return Response.with_json(200 if known else 201, document_of(world, operation.target), headers)


def _added(machine: VirtualMachine, name: str, location: str) -> RunCommand:
    machine.run_commands = machine.run_commands if machine.run_commands is not None else {}
    if len(machine.run_commands) >= MOST:
        message = f"The maximum number of managed Run commands (max={MOST}, current={MOST}) has been exceeded."
        raise Refusal(409, "OperationNotAllowed", message)
    record = RunCommand(machine, name, location, {})
    machine.run_commands[record.name.lower()] = record
    return record


def _renew(world: World, record: RunCommand, now: float) -> None:
    """Make a record ready for another script."""
    if record.provisioning_state == "Deleting":
        raise Refusal(409, "Conflict", f"The run command '{record.name}' is being deleted.")
    _abandon(world, record, now)
    record.provisioning_state, record.state = "Updating", "Pending"
    record.message = record.output = record.error = ""
    record.exit_code, record.started, record.ended = 0, None, None


def _abandon(world: World, record: RunCommand, now: float) -> None:
    """End what is under way for a record."""
    if record.script is not None:
        _kill(world, record)
        record.state, record.ended = "Canceled", now
    preempt(world, record.operation, now)


def _kill(world: World, record: RunCommand) -> None:
    assert record.script is not None  # noqa: S101  # asked for by the callers
    world.instructions.append(KillScript(record.script))
    world.scripts.pop(record.script, None)
    record.script = None


def _conclude(world: World, record: RunCommand, result: ScriptResult, now: float) -> None:
    record.state, record.message, record.exit_code = result.state, result.message, result.exit_code
    record.output, record.error = result.output, result.error
    record.started, record.ended = now if record.started is None else record.started, now
    _end_operation_soon(world, record, now)


def _end_operation_soon(world: World, record: RunCommand, now: float) -> None:
    """Let the operation end now, but not earlier than the platform is able to report."""
    operation = record.operation
    if operation is not None and operation.running and operation.due == NEVER:
        reschedule(world, operation, max(now, operation.started + world.settings.durations.run_command))


def _end_execution(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    record: RunCommand = operation.target
    record.provisioning_state = "Succeeded"
    if record.state in {"Failed", "TimedOut"} and record.properties.get("treatFailureAsDeploymentFailure") is True:
        message = f"Run command '{record.name}' ended with {record.state}, exit code {record.exit_code}."
        record.provisioning_state, operation.status = "Failed", "Failed"
        operation.failure = Failure("RunCommandScriptFailed", message)


def _note_run(world: World, record: RunCommand, now: float) -> None:
    """Note that a script runs; that of the older action has no resource but the VM."""
    world.chronicle.turn_to(now, record.operation.request if record.operation else None)
    world.chronicle.note("run", record.machine.path if record is record.machine.action_run else record.path)


def _end_deletion(world: World, operation: Operation) -> None:
    record: RunCommand = operation.target
    world.chronicle.note("delete", record.path)
    drop_children(world, record.path)
    (record.machine.run_commands or {}).pop(record.name.lower(), None)


def _asynchronous(record: RunCommand) -> bool:
    return record.properties.get("asyncExecution") is True


def _machine(world: World, call: Call) -> VirtualMachine:
    return world.machine(call.name("subscription"), call.name("group"), call.name("machine"))


def _named(world: World, call: Call) -> RunCommand:
    machine = _machine(world, call)
    if (record := find(machine, call.name("command"))) is None:
        resource = f"Microsoft.Compute/virtualMachines/{machine.name}/runCommands/{call.name('command')}"
        raise Refusal.not_found(resource, machine.group.name)
    return record


def document_of(world: World, record: RunCommand, *, view: bool = False) -> Document:
    """Return a run command as GET shows it, with its instance view on demand."""
    properties = {**record.properties, "provisioningState": record.provisioning_state}
    if view:
        properties["instanceView"] = _instance_view(world, record)
    document: Document = {
        "name": record.name,
        "id": record.path,
        "type": "Microsoft.Compute/virtualMachines/runCommands",
        "location": record.location,
    }
    if record.tags is not None:
        document["tags"] = record.tags
    return document | {"properties": properties}


def _views(record: RunCommand, call: Call) -> bool:
    """Tell whether the answer shall contain the instance view, and can."""
    return call.expands_instance_view() and call.now.monotonic >= record.visible


def _instance_view(world: World, record: RunCommand) -> Document:
    view: Document = {
        "executionState": record.state,
        "executionMessage": record.message,
        "exitCode": record.exit_code,
        "output": record.output,
        "error": record.error,
    }
    if record.started is not None:
        view["startTime"] = world.date(record.started)
    if record.ended is not None:
        view["endTime"] = world.date(record.ended)
    return view | {"statuses": [status(f"ExecutionState/{record.state.lower()}", record.state)]}


_EXECUTION = Kind("runCommands", _end_execution, nothing)
_DELETION = Kind("deleteRunCommand", _end_deletion, gone)

ROUTES = (
    Route("GET", _COMMANDS, get_all, "LowCostGet"),
    Route("GET", _COMMAND, get, "LowCostGet"),
    Route("PUT", _COMMAND, put, "UpdateVM"),
    Route("PATCH", _COMMAND, patch, "UpdateVM"),
    Route("DELETE", _COMMAND, delete, "UpdateVM"),
)
