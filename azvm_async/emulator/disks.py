"""The disks of VMs: made with the VM, attached and detached by its changes, and kept or deleted when it goes.

A VM's document names its disks; what it leaves out, a name or an id, is filled in. Only VMs that were put have disks as
resources, those added in Python have none.
"""

from collections.abc import Iterator

from azvm_async.emulator import generic, registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import objects, section, text
from azvm_async.emulator.ids import ResourceId, part
from azvm_async.emulator.model import Document, ResourceGroup, VirtualMachine, World

_TYPE = "Microsoft.Compute/disks"
_OS_SIZE, _DATA_SIZE = 30, 32


def completed(world: World, group: ResourceGroup, name: str, storage: Document, before: Document | None) -> Document:
    """Return a VM's storage profile with a name and an id for each managed disk; ``None`` before is a new VM."""
    former = before or {}
    os_disk = _merged(section(former, "osDisk"), section(storage, "osDisk"))
    if before is None:
        os_disk = {"createOption": "FromImage", "caching": "ReadWrite", "diskSizeGB": _OS_SIZE, **os_disk}
    if before is None or os_disk["managedDisk"].get("id"):
        os_disk = _identified(group, os_disk, f"{name}_OsDisk_1_{_hex(world)}")
    known = {each["lun"]: each for each in former.get("dataDisks") or []}
    disks = []
    for given in _data_disks(storage):
        disk = {"createOption": "Empty", "diskSizeGB": _DATA_SIZE, **_merged(known.get(given["lun"], {}), given)}
        disks.append(_identified(group, disk, f"{name}_disk{given['lun'] + 2}_{_hex(world)}"))
    return {**storage, "osDisk": os_disk, "dataDisks": disks}


def check(world: World, path: str, storage: Document, before: Document | None) -> None:
    """Refuse a completed storage profile when a disk that it names cannot be had."""
    known = {key.lower() for key, _ in _managed(before or {})}
    for disk_id, disk in _managed(storage):
        if disk_id.lower() in known:
            continue
        found = registry.find(world, disk_id)
        if text(disk, "createOption").lower() != "attach":
            if found is not None:
                message = f"Disk {found.name} already exists in resource group {part(found.path, 4)}."
                raise Refusal(409, "ConflictingUserInput", f"{message} Only CreateOption.Attach is supported.")
            ResourceId.parse(disk_id)
        elif found is None:
            raise Refusal(404, "NotFound", f"Disk {disk_id} is not found.")
        elif others := [user for user in world.links.users(disk_id) if user.lower() != path.lower()]:
            message = f"Disk '{disk_id}' cannot be attached as the disk is already owned by VM '{others[0]}'."
            raise Refusal(409, "ConflictingUserInput", message)


def make(world: World, machine: VirtualMachine, storage: Document, now: float) -> None:
    """Make the disks of a completed and checked storage profile that don't exist."""
    for disk_id, disk in _managed(storage):
        if registry.find(world, disk_id) is None:
            generic.place(world, ResourceId.parse(disk_id), _document(machine, disk), machine.location, now)


def dispose(world: World, machine: VirtualMachine) -> None:
    """Delete what shall go with a VM that is gone; the rest is free again."""
    properties = section(machine.given, "properties")
    world.links.drop(machine.path)
    doomed = [disk_id for disk_id, disk in _managed(section(properties, "storageProfile")) if _goes(disk)]
    interfaces = objects(section(properties, "networkProfile"), "networkInterfaces")
    doomed += [text(each, "id") for each in interfaces if _goes(section(each, "properties"))]
    for path in doomed:
        if (found := registry.find(world, path)) is not None:
            registry.drop(world, found)


def _goes(entry: Document) -> bool:
    return str(entry.get("deleteOption")).lower() == "delete"


def _merged(old: Document, given: Document) -> Document:
    """Return a disk's new entry: the old one with the changes, unless it names another disk."""
    name, chosen = text(old, "name"), text(section(old, "managedDisk"), "id")
    same = (text(given, "name", name), text(section(given, "managedDisk"), "id", chosen)) == (name, chosen)
    kept = old if same else {}
    return {**kept, **given, "managedDisk": {**section(kept, "managedDisk"), **section(given, "managedDisk")}}


def _identified(group: ResourceGroup, disk: Document, default: str) -> Document:
    """Return a disk's entry with its name and id; an unmanaged disk has none."""
    if disk.get("vhd"):
        return {name: value for name, value in disk.items() if name != "managedDisk"}
    managed = disk["managedDisk"]
    if chosen := text(managed, "id"):
        return {**disk, "name": chosen.rpartition("/")[2]}
    name = text(disk, "name") or default
    managed = {"storageAccountType": "Premium_LRS", **managed, "id": f"{group.path}/providers/{_TYPE}/{name}"}
    return {**disk, "name": name, "managedDisk": managed}


def _data_disks(storage: Document) -> list[Document]:
    given = objects(storage, "dataDisks")
    if not all(type(each.get("lun")) is int for each in given):
        raise Refusal.bad_content("'dataDisks' is not a list of disks with a 'lun' each.")
    return [each for each in given if each.get("toBeDetached") is not True]


def _managed(storage: Document) -> Iterator[tuple[str, Document]]:
    """Return the managed disks of a storage profile, each with its id."""
    for disk in (section(storage, "osDisk"), *(storage.get("dataDisks") or [])):
        if disk_id := section(disk, "managedDisk").get("id"):
            yield disk_id, disk


def _document(machine: VirtualMachine, disk: Document) -> Document:
    properties = {"creationData": {"createOption": disk["createOption"]}, "diskSizeGB": disk.get("diskSizeGB")}
    if "lun" not in disk:
        properties["osType"] = machine.os_type
    sku = {"name": disk["managedDisk"].get("storageAccountType", "Premium_LRS")}
    return {"location": machine.location, "sku": sku, "properties": properties}


def _hex(world: World) -> str:
    return world.new_id().replace("-", "")
