"""Templates that the tests of provisioning deploy: written for them, small, and with what VM templates are made of."""

import copy
from pathlib import Path
from typing import Any

from emulator.support import version_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "ubuntu-vm.jsonc"
KEY = {"adminPublicKey": "ssh-ed25519 AAAA example"}
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/emulated-rg"
NETWORK = f"{GROUP}/providers/Microsoft.Network"

Template = dict[str, Any]


def template(*resources: Template, **sections: Any) -> Template:
    """Return a template of resources."""
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [*resources], **sections}


def resource(kind: str, name: str, *after: str, **more: Any) -> Template:
    """Return a resource that comes after others."""
    made = {
        "type": kind,
        "apiVersion": version_of(kind, "2023-11-01"),
        "name": name,
        "location": "westeurope",
        "properties": {},
    }
    return {**made, "dependsOn": [*after], **more}


def rules(name: str, *after: str) -> Template:
    """Return a network security group, the smallest thing that can be deployed."""
    return resource("Microsoft.Network/networkSecurityGroups", name, *after)


def rules_id(name: str) -> str:
    """Return its ARM id."""
    return f"{NETWORK}/networkSecurityGroups/{name}"


def nested(name: str, *inner: Template, **more: Any) -> Template:
    """Return a nested deployment."""
    properties = {"mode": "Incremental", "template": template(*inner)}
    made = resource("Microsoft.Resources/deployments", name, properties=properties, **more)
    del made["location"]
    return made


def vm(name: str, disks: Template | None = None) -> list[Template]:
    """Return a network, an interface and a VM; its disks stay when it is deleted, unless ``disks`` says otherwise."""
    network = resource("Microsoft.Network/virtualNetworks", f"{name}-net")
    network["properties"] = {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}],
    }
    card = resource("Microsoft.Network/networkInterfaces", f"{name}-nic", f"{name}-net")
    subnet = {"id": f"{NETWORK}/virtualNetworks/{name}-net/subnets/default"}
    card["properties"] = {"ipConfigurations": [{"name": "primary", "properties": {"subnet": subnet}}]}
    machine = resource("Microsoft.Compute/virtualMachines", name, f"{name}-nic", apiVersion="2024-07-01")
    data = {"lun": 0, "createOption": "Empty", "diskSizeGB": 8}
    machine["properties"] = {
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "storageProfile": {"osDisk": {"createOption": "FromImage", **(disks or {})}, "dataDisks": [data]},
        "networkProfile": {"networkInterfaces": [{"id": f"{NETWORK}/networkInterfaces/{name}-nic"}]},
    }
    return copy.deepcopy([network, card, machine])
