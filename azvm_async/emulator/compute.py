"""Virtual machines: what each request does to them.

Most requests begin an operation (see :mod:`azvm_async.emulator.operations`); what the end of one does stands here, in
the functions named ``_end_…``. A newer operation on a VM takes over from the older one, which ends as Canceled.
"""

from azvm_async.emulator import disks, machine_documents, power, registry, run_commands
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call, location_of
from azvm_async.emulator.documents import instance_view, overlaid
from azvm_async.emulator.in_use import permit
from azvm_async.emulator.injected import next_action_failure, next_failure, refuse_action_if_wanted, refuse_if_wanted
from azvm_async.emulator.machine_documents import whole_document
from azvm_async.emulator.model import Document, Kind, Operation, ResourceGroup, VirtualMachine, World
from azvm_async.emulator.operations import accepted, begin, gone, nothing, preempt, tracking
from azvm_async.emulator.routing import Handler, Route
from azvm_async.wire import Response

GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
MACHINES = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
MACHINE = f"{MACHINES}/{{machine}}"


def get(world: World, call: Call) -> Response:
    """Answer GET on a VM."""
    return Response.with_json(200, whole_document(world, named(world, call), expanded=call.expands_instance_view()))


def get_instance_view(world: World, call: Call) -> Response:
    """Answer GET on a VM's instance view."""
    return Response.with_json(200, instance_view(world, named(world, call)))


def head(world: World, call: Call) -> Response:
    """Tell whether there is a VM."""
    group = world.group(call.name("subscription"), call.name("group"))
    return Response(204 if call.name("machine").lower() in group.machines else 404)


def put(world: World, call: Call) -> Response:
    """Create a VM, or replace what is known of it."""
    group = world.group(call.name("subscription"), call.name("group"))
    known = call.name("machine").lower() in group.machines
    operation = change(world, group, call.name("machine"), call.document(), call.now.monotonic)
    return _answered(world, call, operation, 200 if known else 201)


def patch(world: World, call: Call) -> Response:
    """Change some of a VM's properties, or its tags."""
    machine = named(world, call)
    merged = overlaid({"tags": machine.tags, **machine.given}, call.document())
    return _answered(world, call, _update(world, machine, merged, call.now.monotonic), 200)


def delete(world: World, call: Call) -> Response:
    """Delete a VM; 204 when there is none."""
    group = world.group(call.name("subscription"), call.name("group"))
    machine = group.machines.get(call.name("machine").lower())
    if machine is None:
        return Response(204)
    return accepted(world, call, remove(world, machine, call.now.monotonic))


def change(world: World, group: ResourceGroup, name: str, document: Document, now: float) -> Operation:
    """Create a VM, or replace what is known of it."""
    machine = group.machines.get(name.lower())
    if machine is None:
        return _create(world, group, name, document, now)
    if location_of(document, machine.location) != machine.location:
        raise Refusal.moved(machine.name, machine.location, document["location"], group.name)
    refuse_if_wanted(world, machine.path)
    operation = _update(world, machine, document, now)
    operation.doom = next_failure(world, machine.path)
    return operation


def remove(world: World, machine: VirtualMachine, now: float) -> Operation:
    """Let the deletion of a VM begin, or return the one under way."""
    if machine.provisioning_state == "Deleting" and machine.operation is not None:
        return machine.operation
    permit(world, machine.path)
    seconds = world.settings.durations.delete
    operation = take_over(world, now, machine, _DELETION, seconds, provisioning="Deleting")
    run_commands.interrupt(world, machine, now)
    return operation


def simulate_eviction(world: World, call: Call) -> Response:
    """Evict a spot VM: 204 at once, deallocated a little later."""
    machine = named(world, call)
    _refuse_while_deleting(machine)
    begin(world, call.now.monotonic, _EVICTION, machine, world.settings.durations.eviction)
    world.chronicle.note("simulateEviction", machine.path)
    return Response(204)


def act(verb: str) -> Handler:
    """Return the handler of an action on a VM's power."""

    def handler(world: World, call: Call) -> Response:
        hibernate = verb == "deallocate" and call.asks("hibernate")
        return accepted(world, call, perform(world, named(world, call), verb, call.now.monotonic, hibernate=hibernate))

    return handler


def perform(world: World, machine: VirtualMachine, verb: str, now: float, *, hibernate: bool = False) -> Operation:
    """Let an action on a VM's power begin."""
    refuse_action_if_wanted(world, machine.path, verb)
    if verb == "restart" and power.at_rest(machine.power_state) == power.DEALLOCATED:
        _refuse_while_deleting(machine)
        raise Refusal(409, "OperationNotAllowed", "The operation requires the VM to be running (or set to run).")
    action = power.ACTIONS[verb]
    seconds = _seconds(world, machine, verb)
    operation = take_over(world, now, machine, _KINDS[verb], seconds)
    operation.doom = next_action_failure(world, machine.path, verb)
    operation.before = power.at_rest(machine.power_state), machine.hibernated
    world.chronicle.note(verb, machine.path)
    machine.power_state = power.meanwhile(action, machine.power_state)
    machine.hibernated = hibernate if verb == "deallocate" else machine.hibernated and verb != "start"
    if action.interrupts:
        run_commands.interrupt(world, machine, now)
    return operation


def named(world: World, call: Call) -> VirtualMachine:
    """Return the VM that a path names."""
    return world.machine(call.name("subscription"), call.name("group"), call.name("machine"))


def take_over(
    world: World, now: float, machine: VirtualMachine, kind: Kind, seconds: float, *, provisioning: str = "Updating"
) -> Operation:
    """Begin an operation on a VM, and end the one that is under way there."""
    _refuse_while_deleting(machine)
    preempt(world, machine.operation, now)
    machine.provisioning_state = provisioning
    machine.operation = begin(world, now, kind, machine, seconds)
    return machine.operation


def _answered(world: World, call: Call, operation: Operation, status: int) -> Response:
    """Answer as PUT and PATCH do."""
    headers = tracking(world, call, operation, location=False)
    return Response.with_json(status, whole_document(world, operation.target), headers)


def _create(world: World, group: ResourceGroup, name: str, document: Document, now: float) -> Operation:
    location = location_of(document)
    if group.provisioning_state == "Deleting":
        raise Refusal.being_deleted(group.name)
    known = machine_documents.checked(world, group, name, document, None)
    refuse_if_wanted(world, f"{group.path}/providers/{machine_documents.TYPE}/{name}")
    machine = world.add_machine(group, name, location, now)
    world.chronicle.note("create", machine.path)
    machine_documents.adopt(world, machine, known, now)
    seconds = world.settings.durations.create
    operation = take_over(world, now, machine, _CREATION, seconds, provisioning="Creating")
    operation.doom = next_failure(world, machine.path)
    return operation


def _update(world: World, machine: VirtualMachine, document: Document, now: float) -> Operation:
    _refuse_while_deleting(machine)
    known = machine_documents.checked(world, machine.group, machine.name, document, machine)
    operation = take_over(world, now, machine, _UPDATE, world.settings.durations.update)
    world.chronicle.note("update", machine.path)
    machine_documents.adopt(world, machine, known, now)
    return operation


def _seconds(world: World, machine: VirtualMachine, verb: str) -> float:
    """Return how long an action is going to take: hardly any time when there is nothing to do."""
    action, durations = power.ACTIONS[verb], world.settings.durations
    idle = machine.operation is None or not machine.operation.running
    unchanged = idle and action.to is not None and machine.power_state == power.after(action, machine.power_state)
    return durations.unchanged if unchanged and verb != "restart" else action.seconds(durations)


def _refuse_while_deleting(machine: VirtualMachine) -> None:
    if machine.provisioning_state == "Deleting":
        message = f"Operation is not allowed on VM '{machine.name}' since the VM is marked for deletion."
        raise Refusal(409, "OperationNotAllowed", message)


def _end_action(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    machine: VirtualMachine = operation.target
    machine.power_state = power.after(power.ACTIONS[operation.kind.name], machine.power_state)
    machine.provisioning_state = "Succeeded"


def _end_change(world: World, operation: Operation) -> None:  # noqa: ARG001  # one of Kind's ends
    machine: VirtualMachine = operation.target
    machine.power_state = power.at_rest(machine.power_state)
    machine.provisioning_state = "Succeeded"


def _end_deletion(world: World, operation: Operation) -> None:
    machine: VirtualMachine = operation.target
    machine.group.machines.pop(machine.name.lower(), None)
    registry.note_gone(world, machine)
    registry.drop_children(world, machine.path.lower())
    disks.dispose(world, machine)


def _end_eviction(world: World, operation: Operation) -> None:
    machine: VirtualMachine = operation.target
    if machine.provisioning_state == "Deleting":
        return
    preempt(world, machine.operation, operation.due)
    machine.power_state = power.DEALLOCATED
    machine.provisioning_state = "Succeeded"
    run_commands.interrupt(world, machine, operation.due)


def _shown(world: World, operation: Operation) -> Response:
    """Answer the end of a PUT: the VM."""
    return Response.with_json(200, whole_document(world, operation.target))


_CREATION = Kind("create", _end_change, _shown)
_UPDATE = Kind("update", _end_change, _shown)
_DELETION = Kind("delete", _end_deletion, gone)
_EVICTION = Kind("simulateEviction", _end_eviction, nothing)
_KINDS = {verb: Kind(verb, _end_action, nothing) for verb in power.ACTIONS}

ROUTES = (
    Route("GET", MACHINE, get, "LowCostGet"),
    Route("GET", f"{MACHINE}/instanceView", get_instance_view, "LowCostGet"),
    Route("HEAD", MACHINE, head, "LowCostGet"),
    Route("PUT", MACHINE, put, "PutVM"),
    Route("PATCH", MACHINE, patch, "UpdateVM"),
    Route("DELETE", MACHINE, delete, "DeleteVM"),
    Route("POST", f"{MACHINE}/simulateEviction", simulate_eviction, "DeleteVM"),
    *(
        Route("POST", f"{MACHINE}/{verb}", act(verb), "DeleteVM" if verb == "deallocate" else "UpdateVM")
        for verb in power.ACTIONS
    ),
)
