"""What a PUT or PATCH says of a VM: checked against what exists, completed, taken in, and shown as a whole."""

from azvm_async.emulator import disks, generic, registry, services
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import objects, section, string_map, text
from azvm_async.emulator.documents import IMAGES, machine_document, without_secrets
from azvm_async.emulator.links import referred
from azvm_async.emulator.model import Document, ResourceGroup, VirtualMachine, World

TYPE = "Microsoft.Compute/virtualMachines"
_EXTENSIONS = f"{TYPE}/extensions".lower()
_OS_TYPES = ("Linux", "Windows")
_LOOKED_AT = ("networkProfile", "availabilitySet", "proximityPlacementGroup")


def checked(
    world: World, group: ResourceGroup, name: str, document: Document, machine: VirtualMachine | None
) -> Document:
    """Return a VM's document without secrets and with its disks named, refused where it can't be a VM's."""
    path = f"{group.path}/providers/{TYPE}/{name}"
    known: Document = without_secrets(document)
    known.pop("emulator", None)  # a key that is ours, in state files
    properties = known["properties"] = section(known, "properties")
    string_map(document, "tags")
    text(section(properties, "hardwareProfile"), "vmSize")
    section(properties, "osProfile")
    text(section(section(properties, "diagnosticsProfile"), "bootDiagnostics"), "storageUri")
    os_type = text(section(section(properties, "storageProfile"), "osDisk"), "osType", "Linux")
    if os_type not in _OS_TYPES:
        raise Refusal(400, "InvalidParameter", f"The value '{os_type}' of parameter 'osDisk.osType' is invalid.")
    _check_network(world, path, properties)
    before = section(machine_document(world, machine), "properties")["storageProfile"] if machine else None
    storage = section(properties, "storageProfile") or before or {"imageReference": IMAGES[os_type]}
    properties["storageProfile"] = disks.completed(world, group, name, storage, before)
    disks.check(world, path, properties["storageProfile"], before)
    return known


def adopt(world: World, machine: VirtualMachine, document: Document, now: float) -> None:
    """Take a checked document in, and make the disks that it names."""
    properties = document["properties"]
    disk = properties["storageProfile"]["osDisk"]
    windows = "windowsConfiguration" in section(properties, "osProfile")
    services.identify(world, document, machine.given)
    machine.tags = string_map(document, "tags")
    machine.size = text(section(properties, "hardwareProfile"), "vmSize", machine.size)
    machine.os_type = "Windows" if windows else text(disk, "osType", machine.os_type)
    disk["osType"] = machine.os_type
    machine.given = document
    disks.make(world, machine, properties["storageProfile"], now)
    world.links.set(machine.path, properties)


def whole_document(world: World, machine: VirtualMachine, *, expanded: bool = False) -> Document:
    """Return a VM as a GET on it shows it, which has its extensions: those in lists have not."""
    document = machine_document(world, machine, expanded=expanded)
    children = registry.children(world, machine.path)
    extensions = [generic.document_of(world, each) for each in children if each.type.lower() == _EXTENSIONS]
    return {**document, "resources": extensions} if extensions else document


def _check_network(world: World, path: str, properties: Document) -> None:
    """Refuse when something is missing that a VM is to use, or a network interface is another VM's."""
    network = section(properties, "networkProfile")
    if network.get("networkInterfaceConfigurations"):
        message = "The emulator makes no network interfaces out of 'networkInterfaceConfigurations'."
        raise Refusal(400, "InvalidParameter", message)
    generic.require(world, path, referred({name: properties.get(name) for name in _LOOKED_AT}))
    for each in objects(network, "networkInterfaces"):
        section(each, "properties")
        interface = text(each, "id")
        users = [user for user in world.links.users(interface) if user.lower() != path.lower()]
        if users:
            message = f"Network Interface {interface} is used by existing resource {users[0]}."
            raise Refusal(400, "NicInUse", message)
