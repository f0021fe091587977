"""Small templates of our own: networks, interfaces and machines that depend on each other."""

from typing import Any

from emulator.support import version_of

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/emulated-rg"
OTHER = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/other-rg"
ALL = f"{GROUP}/providers/Microsoft.Resources/deployments"
ONE = f"{ALL}/d1"
NETWORKS = "Microsoft.Network/virtualNetworks"
NETWORK = f"{GROUP}/providers/{NETWORKS}/net"
INTERFACE = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"
BALANCERS = "Microsoft.Network/loadBalancers"

Template = dict[str, Any]


def template(*resources: Template, **sections: Any) -> Template:
    """Return a template of these resources."""
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": list(resources), **sections}


def body(*resources: Template, mode: str = "Incremental", values: Any = None, **sections: Any) -> Template:
    """Return the body of a deployment of these resources, with values for the template's parameters."""
    values = {name: {"value": value} for name, value in (values or {}).items()}
    return {"properties": {"mode": mode, "template": template(*resources, **sections), "parameters": values}}


def balancer(name: str, *after: str, **more: Any) -> Template:
    """Return the simplest resource there is, to be made after others of its sort."""
    waits = [f"{GROUP}/providers/{BALANCERS}/{each}" for each in after]
    return resource(BALANCERS, name, *waits, **more)


def balancer_id(name: str, group: str = GROUP) -> str:
    """Return the id of such a resource."""
    return f"{group}/providers/{BALANCERS}/{name}"


def resource(kind: str, name: str, *after: str, **more: Any) -> Template:
    """Return a resource that waits for those with these ids."""
    return {
        "type": kind,
        "apiVersion": version_of(kind, "2024-05-01"),
        "name": name,
        "location": "westeurope",
        "dependsOn": list(after),
        "properties": {},
        **more,
    }


def nested(name: str, inner: Template, *after: str, **more: Any) -> Template:
    """Return a nested deployment."""
    properties = {"mode": "Incremental", "template": inner}
    made = resource("Microsoft.Resources/deployments", name, *after, properties=properties, **more)
    return {name: value for name, value in made.items() if name != "location"}


def network() -> Template:
    """Return a virtual network with a subnet."""
    subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    return resource(NETWORKS, "net", properties={"addressSpace": space, "subnets": [subnet]})


def interface() -> Template:
    """Return a network interface in the network."""
    inside = {"subnet": {"id": f"{NETWORK}/subnets/default"}}
    configuration = {"name": "ipconfig1", "properties": inside}
    return resource(
        "Microsoft.Network/networkInterfaces", "nic", NETWORK, properties={"ipConfigurations": [configuration]}
    )


def machine() -> Template:
    """Return a VM with the interface."""
    properties = {
        "hardwareProfile": {"vmSize": "Standard_B1s"},
        "osProfile": {"computerName": "vm1", "adminUsername": "azure", "adminPassword": "hunter2!"},
        "networkProfile": {"networkInterfaces": [{"id": INTERFACE}]},
    }
    return resource("Microsoft.Compute/virtualMachines", "vm1", INTERFACE, properties=properties)
