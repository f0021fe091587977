"""VMs and their run commands, read from a state file."""

from azvm_async.emulator.calls import location_of, section, string_map
from azvm_async.emulator.documents import without_secrets
from azvm_async.emulator.model import (
    Document,
    Failure,
    Kind,
    Operation,
    ResourceGroup,
    RunCommand,
    VirtualMachine,
    World,
)
from azvm_async.emulator.operations import nothing
from azvm_async.emulator.programs import shown_properties
from azvm_async.emulator.state.entries import Entry
from azvm_async.emulator.state.writing import READ_ONLY, os_type_of

MACHINES = "Microsoft.Compute/virtualMachines"
RUN_COMMANDS = f"{MACHINES}/runCommands"
_POWER_STATES = ("deallocated", "stopped", "running")
_TAKEN_APART = {"type", "name", "id", "location", "tags", "properties", "emulator"}


def read_machine(world: World, group: ResourceGroup, entry: Entry, now: float) -> None:
    """Add a VM; one without a power state is deallocated."""
    name, properties = entry.text("name"), entry.entry("properties")
    if "/" in name or name.lower() in group.machines:
        raise entry.wrong("name", "the name of a VM that isn't there yet")
    created = properties.time_or("timeCreated", world, now)
    with entry.blamed():
        location = location_of(entry.document, group.location)
        machine = world.add_machine(group, name, location, created)
        given = machine.given = _given(entry, properties)
        os_type = os_type_of(given["properties"])
    machine.tags = entry.tags()
    machine.size = properties.entry("hardwareProfile").value("vmSize", str, machine.size)
    machine.vm_id = properties.text("vmId", machine.vm_id)
    machine.provisioning_state = properties.text("provisioningState", "Succeeded")
    _read_ours(world, machine, entry.entry("emulator"), os_type)
    world.links.set(machine.path, given["properties"])


def _given(entry: Entry, properties: Entry) -> Document:
    shown = {name: value for name, value in properties.document.items() if name not in (*READ_ONLY, "instanceView")}
    others = {name: value for name, value in entry.document.items() if name not in _TAKEN_APART}
    given: Document = without_secrets({**others, "properties": shown})
    return given


def _read_ours(world: World, machine: VirtualMachine, ours: Entry, os_type: str) -> None:
    """Take in what a VM's own document doesn't show."""
    ours.allow("powerState", "osType", "hibernated", "changed", "ended", "failure")
    unborn = "powerState" in ours.document and ours.document["powerState"] is None
    machine.power_state = None if unborn else ours.one_of("powerState", *_POWER_STATES)
    machine.hibernated = ours.value("hibernated", bool, default=False)
    machine.os_type = ours.text("osType", os_type)
    if machine.os_type not in {"Linux", "Windows"}:
        raise ours.wrong("osType", "Linux or Windows")
    changed, ended = ours.time("changed", world), ours.time("ended", world)
    if changed is None:
        return
    failure = None
    if "failure" in ours.document:
        told = ours.entry("failure")
        failure = Failure(told.text("code"), told.value("message", str, ""))
    status = "Succeeded" if failure is None else "Failed"
    ended = changed if ended is None else ended
    machine.operation = Operation("", _PAST, machine, changed, ended, ended, status, failure)


def read_run_command(world: World, group: ResourceGroup, entry: Entry) -> None:
    """Add a run command to its VM, which stands before it."""
    owner, _, name = entry.text("name").partition("/")
    machine = group.machines.get(owner.lower())
    if machine is None or not name or "/" in name:
        raise entry.wrong("name", "a VM that stands before it, a slash and a name")
    machine.run_commands = machine.run_commands if machine.run_commands is not None else {}
    if name.lower() in machine.run_commands:
        raise entry.wrong("name", "another name than before")
    properties = entry.entry("properties")
    with entry.blamed():
        command = RunCommand(machine, name, location_of(entry.document, machine.location), {})
        section(properties.document, "source")
        command.properties = shown_properties(properties.document)
        command.tags = string_map(entry.document, "tags")
    command.provisioning_state = properties.text("provisioningState", "Succeeded")
    _read_view(world, command, properties.entry("instanceView"))
    machine.run_commands[name.lower()] = command


def _read_view(world: World, command: RunCommand, view: Entry) -> None:
    command.state = view.text("executionState", "Succeeded")
    command.message = view.value("executionMessage", str, "")
    command.exit_code = view.value("exitCode", int, 0)
    command.output, command.error = view.value("output", str, ""), view.value("error", str, "")
    command.started, command.ended = view.time("startTime", world), view.time("endTime", world)


def _do_nothing(world: World, operation: Operation) -> None:
    """Nothing is left to do: it ended in another emulator."""


_PAST = Kind("past", _do_nothing, nothing)
