"""What GET shows of VMs and resource groups."""

from typing import Any

from azvm_async.emulator.model import TENANT, Document, ResourceGroup, Subscription, VirtualMachine, World
from azvm_async.emulator.packing import pack

_SHOWN = {"name", "id", "type", "location", "tags", "properties"}
_SECRETS = {
    "adminpassword",
    "administratorloginpassword",
    "customdata",
    "password",
    "protectedsettings",
    "userdata",
}
_POWER = {
    "starting": "VM starting",
    "running": "VM running",
    "stopping": "VM stopping",
    "stopped": "VM stopped",
    "deallocating": "VM deallocating",
    "deallocated": "VM deallocated",
}
IMAGES = {
    "Linux": {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"},
    "Windows": {
        "publisher": "MicrosoftWindowsServer",
        "offer": "WindowsServer",
        "sku": "2022-datacenter-azure-edition",
        "version": "latest",
    },
}


def subscription_document(subscription: Subscription) -> Document:
    """Return a subscription as GET shows it."""
    return {
        "id": subscription.path,
        "subscriptionId": subscription.id,
        "tenantId": TENANT,
        "displayName": "Emulated subscription",
        "state": "Enabled",
    }


def group_document(group: ResourceGroup) -> Document:
    """Return a resource group as GET shows it."""
    document: Document = {
        "id": group.path,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
    }
    if group.tags is not None:
        document["tags"] = group.tags
    return document | {"properties": {"provisioningState": group.provisioning_state}}


def machine_document(world: World, machine: VirtualMachine, *, expanded: bool = False) -> Document:
    """Return a VM as GET shows it, with its instance view when ``expanded``."""
    given = machine.given
    document: Document = {
        "name": machine.name,
        "id": machine.path,
        "type": "Microsoft.Compute/virtualMachines",
        "location": machine.location,
    }
    if machine.tags is not None:
        document["tags"] = machine.tags
    document |= {name: value for name, value in given.items() if name not in _SHOWN}
    document["properties"] = _properties(world, machine, given.get("properties") or {})
    if expanded:
        document["properties"]["instanceView"] = instance_view(world, machine)
    return document


def machine_text(world: World, machine: VirtualMachine) -> str:
    """Return a VM with its instance view as text, which is made anew only when something has changed."""
    face = machine.face
    if machine.shown is None or machine.shown[0] != face:
        machine.shown = face, pack(machine_document(world, machine, expanded=True))
    return machine.shown[1]


def _properties(world: World, machine: VirtualMachine, given: Document) -> Document:
    return {
        "storageProfile": _default_storage(machine),
        **given,
        "hardwareProfile": {**(given.get("hardwareProfile") or {}), "vmSize": machine.size},
        "provisioningState": machine.provisioning_state,
        "vmId": machine.vm_id,
        "timeCreated": world.date(machine.created),
    }


def _default_storage(machine: VirtualMachine) -> Document:
    disk = {
        "osType": machine.os_type,
        "name": f"{machine.name}_OsDisk",
        "createOption": "FromImage",
        "caching": "ReadWrite",
        "managedDisk": {"storageAccountType": "Premium_LRS"},
        "diskSizeGB": 30,
    }
    return {"imageReference": IMAGES[machine.os_type], "osDisk": disk, "dataDisks": []}


def instance_view(world: World, machine: VirtualMachine) -> Document:
    """Return what the platform knows of a VM at this moment."""
    view: Document = {}
    if machine.power_state == "running":
        view |= _guest(world, machine)
    if machine.power_state is not None:
        given = machine.given.get("properties") or {}
        view |= {"disks": _disks(world, machine, given), **_boot_diagnostics(machine, given), "hyperVGeneration": "V2"}
    view["statuses"] = _statuses(world, machine)
    return view


def _guest(world: World, machine: VirtualMachine) -> Document:
    """Return what the agent in the guest reports; there is none in a VM that isn't running."""
    ready = status("ProvisioningState/succeeded", "Ready", message="Guest Agent is running")
    return {
        "computerName": machine.name,
        "osName": "ubuntu" if machine.os_type == "Linux" else "Windows Server 2022 Datacenter Azure Edition",
        "vmAgent": {"vmAgentVersion": "2.12.0.2", "statuses": [ready | {"time": world.date(machine.created)}]},
    }


def _disks(world: World, machine: VirtualMachine, given: Document) -> list[Document]:
    """Return how the disks are that a VM names."""
    storage = given.get("storageProfile") or _default_storage(machine)
    named = [storage.get("osDisk") or {}, *(storage.get("dataDisks") or [])]
    state = status("ProvisioningState/succeeded", "Provisioning succeeded") | {"time": world.date(machine.created)}
    return [{"name": disk["name"], "statuses": [state]} for disk in named if disk.get("name")]


def _boot_diagnostics(machine: VirtualMachine, given: Document) -> Document:
    """Return where a VM's screenshot and log would be, if that was asked for; storage of the platform's own is not told."""
    wanted = (given.get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
    if wanted.get("enabled") is not True:
        return {}
    if not (account := str(wanted.get("storageUri") or "").rstrip("/")):
        return {"bootDiagnostics": {}}
    short = "".join(filter(str.isalnum, machine.name.lower()))[:9]
    start = f"{account}/bootdiagnostics-{short}-{machine.vm_id}/{machine.name}.{machine.vm_id}"
    uris = {
        "consoleScreenshotBlobUri": f"{start}.screenshot.bmp",
        "serialConsoleLogBlobUri": f"{start}.serialconsole.log",
    }
    return {"bootDiagnostics": uris}


def _statuses(world: World, machine: VirtualMachine) -> list[Document]:
    state = machine.provisioning_state
    ended = machine.operation.ended if machine.operation is not None else None
    time = world.date(machine.created if ended is None else ended)
    shown = [_provisioning(machine, state) | {"time": time}]
    if machine.power_state is not None:
        shown.append(status(f"PowerState/{machine.power_state}", _POWER[machine.power_state]))
    if machine.hibernated:
        shown.append(status("HibernationState/Hibernated", "VM hibernated"))
    return shown


def _provisioning(machine: VirtualMachine, state: str) -> Document:
    """Return the entry of a VM's provisioning state, which names the error of one that failed."""
    failure = machine.operation.failure if machine.operation is not None else None
    if state != "Failed" or failure is None:
        return status(f"ProvisioningState/{state.lower()}", _provisioning_words(state))
    words = _provisioning_words(state)
    return status(f"ProvisioningState/failed/{failure.code}", words, level="Error", message=failure.message)


def _provisioning_words(state: str) -> str:
    return f"Provisioning {state.lower()}" if state in {"Succeeded", "Failed"} else state


def status(code: str, shown: str, *, level: str = "Info", message: str = "") -> Document:
    """Return an entry of a list of statuses."""
    entry: Document = {"code": code, "level": level, "displayStatus": shown}
    return entry | ({"message": message} if message else {})


def without_secrets(value: Any) -> Any:
    """Return a copy of a document without what must never be shown again."""
    if isinstance(value, dict):
        return {name: without_secrets(inner) for name, inner in value.items() if name.lower() not in _SECRETS}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    return value


def overlaid(known: Document, changes: Document) -> Document:
    """Return ``known`` with ``changes`` laid over it, objects within objects; tags are replaced as a whole."""
    laid = dict(known)
    for name, value in changes.items():
        inner = known.get(name)
        both = isinstance(inner, dict) and isinstance(value, dict) and name != "tags"
        laid[name] = overlaid(inner or {}, value) if both else value
    return laid
