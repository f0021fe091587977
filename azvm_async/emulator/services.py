"""What a few services add to their resources: the addresses, endpoints and back references that templates read.

Addresses come from ranges that belong to nobody: public ones from the range for benchmarks, private ones from the
subnet. At PUT a resource is completed; what depends on others is added when somebody looks.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_network

from azvm_async.emulator import registry
from azvm_async.emulator.ids import label_of
from azvm_async.emulator.model import TENANT, Document, Resource, World

_PUBLIC_V4, _HOW_MANY_V4 = IPv4Address("198.18.0.0"), 1 << 17
_PUBLIC_V6, _HOW_MANY_V6 = IPv6Address("2001:db8::"), 1 << 64
_RESERVED = 4
_MACHINES = "microsoft.compute/virtualmachines/"


def complete(world: World, resource: Resource, before: Document) -> None:
    """Add to a resource what its service does at PUT; what it gave out ``before`` stays."""
    kind = resource.type.lower()
    if kind.startswith("microsoft.network/"):
        _name_parts(resource)
    if kind in _COMPLETE:
        _COMPLETE[kind](world, resource, before)
    identify(world, resource.document, before)


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


def _name_parts(resource: Resource) -> None:
    """Give the named entries of lists in the properties their ids."""
    for name, entries in resource.properties.items():
        if isinstance(entries, list):
            for entry in entries:
                if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                    entry["id"] = f"{resource.path}/{name}/{entry['name']}"


def _public_address(world: World, resource: Resource, before: Document) -> None:  # noqa: ARG001  # one of the table's
    properties = resource.properties
    properties.setdefault("publicIPAllocationMethod", "Dynamic")
    version = properties.setdefault("publicIPAddressVersion", "IPv4")
    number = resource.serial
    address = _PUBLIC_V6 + number % _HOW_MANY_V6 if version == "IPv6" else _PUBLIC_V4 + number % _HOW_MANY_V4
    properties["ipAddress"] = str(address)
    settings = _inner(properties, "dnsSettings")
    if settings.get("domainNameLabel"):
        settings["fqdn"] = f"{settings['domainNameLabel']}.{resource.location}.cloudapp.azure.com"


def _interface(world: World, resource: Resource, before: Document) -> None:
    given_out = {str(entry.get("name")): inner for entry, inner in _configurations(before)}
    for number, (entry, inner) in enumerate(_configurations(resource.document)):
        inner.setdefault("privateIPAllocationMethod", "Dynamic")
        inner.setdefault("primary", number == 0)
        known = given_out.get(str(entry.get("name")), {})
        if not inner.get("privateIPAddress") and known.get("subnet") == inner.get("subnet"):
            inner["privateIPAddress"] = known.get("privateIPAddress")
        if not inner.get("privateIPAddress"):
            inner["privateIPAddress"] = _private_address(world, _inner(inner, "subnet"))


def _configurations(document: Document) -> list[tuple[Document, Document]]:
    """Return the IP configurations of a network interface, each with its properties."""
    entries = _inner(document, "properties").get("ipConfigurations")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [(entry, entry["properties"]) for entry in found if isinstance(entry.get("properties"), dict)]


def _private_address(world: World, subnet: Document) -> str:
    """Return the subnet's next address; its first ones are the platform's."""
    key = str(subnet.get("id")).lower()
    place = world.addresses.get(key, _RESERVED)
    world.addresses[key] = place + 1
    found = registry.find(world, key)
    network = ip_network(_prefix(found.properties if found else {}), strict=False)
    return str(network[place % network.num_addresses])


def _prefix(subnet: Document) -> str:
    prefixes = subnet.get("addressPrefixes") or [None]
    try:
        return str(ip_network(str(subnet.get("addressPrefix") or prefixes[0]), strict=False))
    except (ValueError, TypeError, LookupError):
        return "10.0.0.0/24"


def _storage_account(world: World, resource: Resource, before: Document) -> None:  # noqa: ARG001  # as above
    doors = ("blob", "queue", "table", "file", "dfs")
    resource.properties.update(
        {
            "primaryEndpoints": {each: f"https://{resource.name}.{each}.core.windows.net/" for each in doors},
            "primaryLocation": resource.location,
            "statusOfPrimary": "available",
            "creationTime": world.date(resource.created),
        }
    )


def _vault(world: World, resource: Resource, before: Document) -> None:  # noqa: ARG001  # one of the table's
    resource.properties["vaultUri"] = f"https://{resource.name}.vault.azure.net/"


def _assigned_identity(world: World, resource: Resource, before: Document) -> None:
    new = {"tenantId": TENANT, "principalId": world.new_id(), "clientId": world.new_id()}
    known = _inner(before, "properties")
    resource.properties.update({name: known.get(name, value) for name, value in new.items()})


def _disk(world: World, resource: Resource, before: Document) -> None:  # noqa: ARG001  # as above
    resource.properties.setdefault("timeCreated", world.date(resource.created))


def _assigned_role(world: World, resource: Resource, before: Document) -> None:  # noqa: ARG001
    """Tell when a role was assigned: no list of resources has it, so that only its own document does."""
    resource.properties["createdOn"] = world.date(resource.created)
    resource.properties["updatedOn"] = world.date(resource.changed)


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
        for entry, inner in _configurations(found.document) if found else []:
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


_COMPLETE: dict[str, Callable[[World, Resource, Document], None]] = {
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
