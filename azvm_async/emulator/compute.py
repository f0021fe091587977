"""Virtual machines: what each request does to them.

Most requests begin an operation (see :mod:`azvm_async.emulator.operations`); what the end of one does stands here, in
the functions named ``_end_…``. A newer operation on a VM takes over from the older one, which ends as Canceled.
"""

from azvm_async.emulator import power, run_commands
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, location_of, section, string_map, text
from azvm_async.emulator.documents import instance_view, machine_document, without_secrets
from azvm_async.emulator.model import Document, Kind, Operation, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.operations import accepted, begin, gone, nothing, preempt, tracking
from azvm_async.emulator.routing import Handler, Route
from azvm_async.wire import Response

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
MACHINES = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
_OS_TYPES = ("Linux", "Windows")
MACHINE = f"{MACHINES}/{{machine}}"


def get(world: World, call: Call) -> Response:
    """Answer GET on a VM."""
    machine = named(world, call)
    return Response.with_json(200, machine_document(world, machine, expanded=call.expands_instance_view()))


def get_instance_view(world: World, call: Call) -> Response:
    """Answer GET on a VM's instance view."""
    return Response.with_json(200, instance_view(world, named(world, call)))


def put(world: World, call: Call) -> Response:
    """Create a VM, or replace what is known of it."""
    group = world.group(call.name("subscription"), call.name("group"))
    document = call.document()
    machine = group.machines.get(call.name("machine").lower())
    if machine is None:
        return _create(world, call, group, document)
    if (location := location_of(document, machine.location)) != machine.location:
        raise Refusal(409, "InvalidResourceLocation", _moved(machine, location))
    return _update(world, call, machine, document)


def patch(world: World, call: Call) -> Response:
    """Change some of a VM's properties, or its tags."""
    machine = named(world, call)
    changes = call.document()
    known: Document = machine.given or {}
    merged = {**known, **changes, "properties": _merged(section(known, "properties"), section(changes, "properties"))}
    if "tags" not in changes:
        merged["tags"] = machine.tags
    return _update(world, call, machine, merged)


def delete(world: World, call: Call) -> Response:
    """Delete a VM; 204 when there is none."""
    group = world.group(call.name("subscription"), call.name("group"))
    machine = group.machines.get(call.name("machine").lower())
    if machine is None:
        return Response(204)
    if machine.provisioning_state != "Deleting":
        seconds = world.settings.durations.delete
        take_over(world, call, machine, _DELETION, seconds, provisioning="Deleting")
        run_commands.interrupt(world, machine, call.now.monotonic)
    assert machine.operation is not None  # noqa: S101  # a VM in deletion has the operation that deletes it
    return accepted(world, call, machine.operation)


def simulate_eviction(world: World, call: Call) -> Response:
    """Evict a spot VM: 204 at once, deallocated a little later."""
    machine = named(world, call)
    _refuse_while_deleting(machine)
    begin(world, call, _EVICTION, machine, world.settings.durations.eviction)
    return Response(204)


def act(verb: str) -> Handler:
    """Return the handler of an action on a VM's power."""
    action = power.ACTIONS[verb]
    kind = Kind(verb, lambda _, operation: _end_action(operation, action), nothing)

    def handler(world: World, call: Call) -> Response:
        machine = named(world, call)
        idle = machine.operation is None or not machine.operation.running
        unchanged = idle and action.to is not None and machine.power_state == power.after(action, machine.power_state)
        durations = world.settings.durations
        quick = unchanged and verb != "restart"
        operation = take_over(world, call, machine, kind, durations.unchanged if quick else action.seconds(durations))
        machine.power_state = power.meanwhile(action, machine.power_state)
        machine.hibernated = call.asks("hibernate") if verb == "deallocate" else machine.hibernated and verb != "start"
        if action.interrupts:
            run_commands.interrupt(world, machine, call.now.monotonic)
        return accepted(world, call, operation)

    return handler


def named(world: World, call: Call) -> VirtualMachine:
    """Return the VM that a path names."""
    return world.machine(call.name("subscription"), call.name("group"), call.name("machine"))


def take_over(
    world: World, call: Call, machine: VirtualMachine, kind: Kind, seconds: float, *, provisioning: str = "Updating"
) -> Operation:
    """Begin an operation on a VM, and end the one that is under way there."""
    _refuse_while_deleting(machine)
    preempt(machine.operation, call.now.monotonic)
    machine.provisioning_state = provisioning
    machine.operation = begin(world, call, kind, machine, seconds)
    return machine.operation


def _create(world: World, call: Call, group: ResourceGroup, document: Document) -> Response:
    location = location_of(document)
    if group.provisioning_state == "Deleting":
        raise Refusal.being_deleted(group.name)
    known = _checked(document)
    machine = world.add_machine(group, call.name("machine"), location, call.now.monotonic)
    _adopt(machine, known)
    operation = take_over(world, call, machine, _CREATION, world.settings.durations.create, provisioning="Creating")
    headers = tracking(world, call, operation, location=False)
    return Response.with_json(201, machine_document(world, machine), headers)


def _update(world: World, call: Call, machine: VirtualMachine, document: Document) -> Response:
    known = _checked(document)
    operation = take_over(world, call, machine, _UPDATE, world.settings.durations.update)
    _adopt(machine, known)
    headers = tracking(world, call, operation, location=False)
    return Response.with_json(200, machine_document(world, machine), headers)


def _checked(document: Document) -> Document:
    """Return a copy of a VM's document without secrets, refused where it isn't shaped like one."""
    properties = section(document, "properties")
    string_map(document, "tags")
    text(section(properties, "hardwareProfile"), "vmSize")
    section(properties, "osProfile")
    os_type = text(section(section(properties, "storageProfile"), "osDisk"), "osType", "Linux")
    if os_type not in _OS_TYPES:
        raise Refusal(400, "InvalidParameter", f"The value '{os_type}' of parameter 'osDisk.osType' is invalid.")
    known: Document = without_secrets(document)
    return known


def _adopt(machine: VirtualMachine, document: Document) -> None:
    properties = section(document, "properties")
    disk = section(section(properties, "storageProfile"), "osDisk")
    windows = "windowsConfiguration" in section(properties, "osProfile")
    machine.given = document
    machine.tags = string_map(document, "tags")
    machine.size = text(section(properties, "hardwareProfile"), "vmSize", machine.size)
    machine.os_type = "Windows" if windows else text(disk, "osType", machine.os_type)


def _merged(known: Document, changes: Document) -> Document:
    """Return ``known`` with ``changes`` laid over it, objects within objects."""
    merged = dict(known)
    for name, value in changes.items():
        inner = known.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _refuse_while_deleting(machine: VirtualMachine) -> None:
    if machine.provisioning_state == "Deleting":
        message = f"Operation is not allowed on VM '{machine.name}' since the VM is marked for deletion."
        raise Refusal(409, "OperationNotAllowed", message)


def _end_action(operation: Operation, action: power.Action) -> None:
    machine: VirtualMachine = operation.target
    machine.power_state = power.after(action, machine.power_state)
    machine.provisioning_state = "Succeeded"


def _end_change(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    machine: VirtualMachine = operation.target
    machine.power_state = power.at_rest(machine.power_state)
    machine.provisioning_state = "Succeeded"


def _end_deletion(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    machine: VirtualMachine = operation.target
    machine.group.machines.pop(machine.name.lower(), None)


def _end_eviction(world: World, operation: Operation) -> None:
    machine: VirtualMachine = operation.target
    if machine.provisioning_state == "Deleting":
        return
    preempt(machine.operation, operation.due)
    machine.power_state = power.DEALLOCATED
    machine.provisioning_state = "Succeeded"
    run_commands.interrupt(world, machine, operation.due)


def _shown(world: World, operation: Operation) -> Response:
    """Answer the end of a PUT: the VM."""
    return Response.with_json(200, machine_document(world, operation.target))


def _moved(machine: VirtualMachine, location: str) -> str:
    return (
        f"The resource '{machine.name}' already exists in location '{machine.location}' in resource group "
        f"'{machine.group.name}'. A resource with the same name cannot be created in location '{location}'. "
        "Please select a new resource name."
    )


_CREATION = Kind("create", _end_change, _shown)
_UPDATE = Kind("update", _end_change, _shown)
_DELETION = Kind("delete", _end_deletion, gone)
_EVICTION = Kind("simulateEviction", _end_eviction, nothing)

ROUTES = (
    Route("GET", MACHINE, get, "LowCostGet"),
    Route("GET", f"{MACHINE}/instanceView", get_instance_view, "LowCostGet"),
    Route("PUT", MACHINE, put, "PutVM"),
    Route("PATCH", MACHINE, patch, "UpdateVM"),
    Route("DELETE", MACHINE, delete, "DeleteVM"),
    Route("POST", f"{MACHINE}/simulateEviction", simulate_eviction, "DeleteVM"),
    *(
        Route("POST", f"{MACHINE}/{verb}", act(verb), "DeleteVM" if verb == "deallocate" else "UpdateVM")
        for verb in power.ACTIONS
    ),
)
