"""The older action ``runCommand``: one script at a time, and its output as text in the operation's result.

It runs commands of a catalogue. Of Azure's, the emulator has the two that take a script from the request; their own
scripts, which Azure runs where the request brings none, are empty here.
"""

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
_CATALOGUE = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/runCommands"


def _command(name: str, os_type: str, language: str) -> Document:
    """Return a command as the catalogue lists it."""
    return {
        "$schema": "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json",
        "id": name,
        "osType": os_type,
        "label": f"Executes a {language} script",
        "description": f"Runs the {language} script that the request brings.",
    }


_COMMANDS = (
    _command("RunPowerShellScript", "Windows", "PowerShell"),
    _command("RunShellScript", "Linux", "Linux shell"),
)


def list_commands(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Answer GET on the catalogue of commands."""
    return Response.with_json(200, {"value": list(_COMMANDS)})


def get_command(world: World, call: Call) -> Response:  # noqa: ARG001  # a handler
    """Answer GET on a command of the catalogue, with its script and its parameters."""
    name = call.name("command")
    for each in _COMMANDS:
        if each["id"].lower() == name.lower():
            return Response.with_json(200, {"script": [], "parameters": [], **each})
    raise Refusal(404, "NotFound", f"The run command '{name}' was not found.")


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

ROUTES = (
    Route("GET", _CATALOGUE, list_commands),
    Route("GET", f"{_CATALOGUE}/{{command}}", get_command),
    Route("POST", _ACTION, post, "UpdateVM"),
)
