"""The older action ``runCommand``: one script at a time, and its output as text in the operation's result."""

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, text
from azvm_async.emulator.documents import status
from azvm_async.emulator.model import NEVER, Document, Kind, Operation, RunCommand, World
from azvm_async.emulator.operations import accepted, begin
from azvm_async.emulator.programs import Program
from azvm_async.emulator.routing import Route
from azvm_async.emulator.run_commands import require_running, start
from azvm_async.wire import Response

_ACTION = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute"
    "/virtualMachines/{machine}/runCommand"
)


def post(world: World, call: Call) -> Response:
    """Run a script in a VM."""
    machine = world.machine(call.name("subscription"), call.name("group"), call.name("machine"))
    require_running(machine)
    program = Program.of(_properties(call.document()))
    earlier = machine.action_run
    if earlier is not None and earlier.operation is not None and earlier.operation.running:
        message = (
            "Run command extension execution is in progress. Please wait for completion before invoking a run command."
        )
        raise Refusal(409, "Conflict", message)
    record = RunCommand(machine, "runCommand", machine.location, {})
    machine.action_run = record
    record.operation = begin(world, call.now.monotonic, _EXECUTION, record, NEVER)
    start(world, record, program, call.now.monotonic)
    return accepted(world, call, record.operation)


def _properties(document: Document) -> Document:
    """Return the action's document as the properties of a managed run command."""
    lines = document.get("script") or []
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Refusal.bad_content("'script' is not a list of strings.")
    shell = text(document, "commandId").lower() == "runshellscript"
    source = {"script": "\n".join(lines)} if shell else {"commandId": text(document, "commandId")}
    return {"source": source, "parameters": document.get("parameters")}


def _end(world: World, operation: Operation) -> None:
    """Nothing is left to do: the record has its output."""


def _result(world: World, operation: Operation) -> Response:  # noqa: ARG001  # one of Kind's results
    record: RunCommand = operation.target
    head = "Enable succeeded: " if record.state == "Succeeded" else f"Enable failed: {record.message}"
    message = f"{head}\n[stdout]\n{record.output}\n[stderr]\n{record.error}"
    return Response.with_json(
        200, {"value": [status("ProvisioningState/succeeded", "Provisioning succeeded", message=message)]}
    )


_EXECUTION = Kind("runCommand", _end, _result)

ROUTES = (Route("POST", _ACTION, post, "UpdateVM"),)
