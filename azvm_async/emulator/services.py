"""What a few services add to their resources: the addresses, endpoints and back references that templates read.

Addresses come from ranges that belong to nobody: public ones from the range for benchmarks, private ones from the
subnet. At PUT a resource is completed; what depends on others is added when somebody looks.
"""

# ruff: noqa: ARG001  # those in a table take the same arguments

from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from azvm_async.emulator import registry
from azvm_async.emulator.ids import label_of
from azvm_async.emulator.model import TENANT, Document, Resource, World

_RANGES: dict[str, tuple[IPv4Address | IPv6Address, int]] = {
    "IPv4": (IPv4Address("198.18.0.0"), 1 << 17),
    "IPv6": (IPv6Address("2001:db8::"), 1 << 64),
}
_RESERVED = 4
_MACHINES = "microsoft.compute/virtualmachines/"


def complete(world: World, resource: Resource, document: Document, before: Document) -> None:
    """Add to a resource's new document what its service does at PUT; what it gave out ``before`` stays."""
    kind = resource.type.lower()
    if kind.startswith("microsoft.network/"):
        _name_parts(resource, document["properties"])
    if kind in _COMPLETE:
        _COMPLETE[kind](world, resource, document["properties"], _inner(before, "properties"))
    identify(world, document, before)


def shown(world: World, resource: Resource, document: Document) -> Document:
    """Return a resource's document with what depends on others."""
    add = _SHOWN.get(resource.type.lower())
    return add(world, resource, document) if add else document


def identify(world: World, document: Document, before: Document) -> None:
    """Give a system-assigned identity its ids."""
    identity = document.get("identity")
    if isinstance(identity, dict) and "systemassigned" in str(identity.get("type")).lower():
        principal = _inner(before, "identity").get("principalId") or world.new_id()
        document["identity"] = {**identity, "principalId": principal, "tenantId": TENANT}


def has_address(resource: Resource) -> bool:
    """Tell whether a resource is given an address, of which there is one for each."""
    return resource.type.lower() in {"microsoft.network/publicipaddresses", "microsoft.network/networkinterfaces"}


def note_addresses(world: World, resource: Resource) -> None:
    """See to it that the addresses that a resource has already are not given out again."""
    _note_address(world, str(resource.properties.get("ipAddress")), _RANGES)
    for _, inner in _configurations(resource.properties):
        if inner.get("privateIPAllocationMethod") != "Static":
            key = str(_inner(inner, "subnet").get("id")).lower()
            network = _network(world, key)
            _note_address(
                world, str(inner.get("privateIPAddress")), {key: (network.network_address, network.num_addresses)}
            )


def _note_address(world: World, given: str, ranges: Mapping[str, tuple[IPv4Address | IPv6Address, int]]) -> None:
    with suppress(ValueError):
        address = ip_address(given)
        for key, (first, how_many) in ranges.items():
            if address.version == first.version and 0 <= (place := int(address) - int(first)) < how_many:
                world.addresses[key] = max(world.addresses.get(key, 0), place + 1)


def _name_parts(resource: Resource, properties: Document) -> None:
    """Give the named entries of lists in the properties their ids."""
    for name, entries in properties.items():
        if isinstance(entries, list):
            for entry in entries:
                if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                    entry["id"] = f"{resource.path}/{name}/{entry['name']}"


def _public_address(world: World, resource: Resource, properties: Document, before: Document) -> None:
    properties.setdefault("publicIPAllocationMethod", "Dynamic")
    version = properties.setdefault("publicIPAddressVersion", "IPv4")
    same = before.get("ipAddress") and before.get("publicIPAddressVersion", "IPv4") == version
    properties["ipAddress"] = before["ipAddress"] if same else _new_public_address(world, version)
    settings = _inner(properties, "dnsSettings")
    if settings.get("domainNameLabel"):
        settings["fqdn"] = f"{settings['domainNameLabel']}.{resource.location}.cloudapp.azure.com"


def _new_public_address(world: World, version: object) -> str:
    family = "IPv6" if version == "IPv6" else "IPv4"
    first, how_many = _RANGES[family]
    place = world.addresses.get(family, 1)
    world.addresses[family] = place + 1
    return str(first + place % how_many)


def _interface(world: World, resource: Resource, properties: Document, before: Document) -> None:
    given_out = {str(entry.get("name")): inner for entry, inner in _configurations(before)}
    for number, (entry, inner) in enumerate(_configurations(properties)):
        inner.setdefault("privateIPAllocationMethod", "Dynamic")
        inner.setdefault("primary", number == 0)
        known = given_out.get(str(entry.get("name")), {})
        if not inner.get("privateIPAddress") and known.get("subnet") == inner.get("subnet"):
            inner["privateIPAddress"] = known.get("privateIPAddress")
        if not inner.get("privateIPAddress"):
            inner["privateIPAddress"] = _private_address(world, _inner(inner, "subnet"))


def _configurations(properties: Document) -> list[tuple[Document, Document]]:
    """Return the IP configurations of a network interface, each with its properties."""
    entries = properties.get("ipConfigurations")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [(entry, entry["properties"]) for entry in found if isinstance(entry.get("properties"), dict)]


def _private_address(world: World, subnet: Document) -> str:
    """Return the subnet's next address; its first ones are the platform's."""
    key = str(subnet.get("id")).lower()
    place = world.addresses.get(key, _RESERVED)
    world.addresses[key] = place + 1
    network = _network(world, key)
    return str(network[place % network.num_addresses])


def _network(world: World, key: str) -> IPv4Network | IPv6Network:
    """Return the addresses of the subnet with this id."""
    found = registry.find(world, key)
    return ip_network(_prefix(found.properties if found else {}), strict=False)


def _prefix(subnet: Document) -> str:
    prefixes = subnet.get("addressPrefixes") or [None]
    try:
        return str(ip_network(str(subnet.get("addressPrefix") or prefixes[0]), strict=False))
    except (ValueError, TypeError, LookupError):
        return "10.0.0.0/24"


def _storage_account(world: World, resource: Resource, properties: Document, before: Document) -> None:
    doors = ("blob", "queue", "table", "file", "dfs")
    properties.update(
        {
            "primaryEndpoints": {each: f"https://{resource.name}.{each}.core.windows.net/" for each in doors},
            "primaryLocation": resource.location,
            "statusOfPrimary": "available",
            "creationTime": world.date(resource.created),
        }
    )


def _vault(world: World, resource: Resource, properties: Document, before: Document) -> None:
    properties["vaultUri"] = f"https://{resource.name}.vault.azure.net/"


def _assigned_identity(world: World, resource: Resource, properties: Document, before: Document) -> None:
    new = {"tenantId": TENANT, "principalId": world.new_id(), "clientId": world.new_id()}
    properties.update({name: before.get(name, value) for name, value in new.items()})


def _disk(world: World, resource: Resource, properties: Document, before: Document) -> None:
    properties.setdefault("timeCreated", world.date(resource.created))


def _assigned_role(world: World, resource: Resource, properties: Document, before: Document) -> None:
    """Tell when a role was assigned: no list of resources has it, so that only its own document does."""
    properties["createdOn"] = world.date(resource.created)
    properties["updatedOn"] = world.date(resource.changed)


def _shown_disk(world: World, resource: Resource, document: Document) -> Document:
    owner = _machine_of(world, resource)
    document["properties"]["diskState"] = "Attached" if owner else "Unattached"
    return {**document, "managedBy": owner} if owner else document


def _shown_interface(world: World, resource: Resource, document: Document) -> Document:
    if owner := _machine_of(world, resource):
        document["properties"]["virtualMachine"] = {"id": owner}
    return document


def _shown_public_address(world: World, resource: Resource, document: Document) -> Document:
    for user in world.links.users(resource.path):
        found = registry.find(world, user)
        for entry, inner in _configurations(found.properties) if found else []:
            if str(_inner(inner, "publicIPAddress").get("id")).lower() == resource.path.lower():
                document["properties"]["ipConfiguration"] = {"id": entry.get("id")}
    return document


def _inner(document: Document, name: str) -> Document:
    """Return the object under a name, empty when there is something else."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _machine_of(world: World, resource: Resource) -> str | None:
    users = world.links.users(resource.path)
    return next((user for user in users if label_of(user).lower().startswith(_MACHINES)), None)


_COMPLETE: dict[str, Callable[[World, Resource, Document, Document], None]] = {
    "microsoft.network/publicipaddresses": _public_address,
    "microsoft.network/networkinterfaces": _interface,
    "microsoft.storage/storageaccounts": _storage_account,
    "microsoft.keyvault/vaults": _vault,
    "microsoft.managedidentity/userassignedidentities": _assigned_identity,
    "microsoft.compute/disks": _disk,
    "microsoft.authorization/roleassignments": _assigned_role,
}
_SHOWN: dict[str, Callable[[World, Resource, Document], Document]] = {
    "microsoft.compute/disks": _shown_disk,
    "microsoft.network/networkinterfaces": _shown_interface,
    "microsoft.network/publicipaddresses": _shown_public_address,
}
