"""Ids and bodies of the resources that a VM stands on, for the tests."""

from typing import Any

from emulator.support import Caller

SUB = "/subscriptions/00000000-0000-0000-0000-000000000001"
RG = f"{SUB}/resourceGroups/emulated-rg"
NETWORK = f"{RG}/providers/Microsoft.Network"
COMPUTE = f"{RG}/providers/Microsoft.Compute"
VNET = f"{NETWORK}/virtualNetworks/vnet"
SUBNET = f"{VNET}/subnets/default"
NSG = f"{NETWORK}/networkSecurityGroups/nsg"
ADDRESS = f"{NETWORK}/publicIPAddresses/ip"
NIC = f"{NETWORK}/networkInterfaces/nic"
SET = f"{COMPUTE}/availabilitySets/set"
VM = f"{COMPUTE}/virtualMachines/new"
LOCK = "providers/Microsoft.Authorization/locks/keep"


def body(**properties: Any) -> dict[str, Any]:
    """Return the body of a resource with these properties."""
    return {"location": "westeurope", "properties": properties}


def vnet(**subnet: Any) -> dict[str, Any]:
    """Return the body of a network with one subnet."""
    properties = {"addressPrefix": "10.1.0.0/24", **subnet}
    return body(
        addressSpace={"addressPrefixes": ["10.1.0.0/16"]}, subnets=[{"name": "default", "properties": properties}]
    )


def nic(**more: Any) -> dict[str, Any]:
    """Return the body of a network interface in the subnet."""
    return body(ipConfigurations=[{"name": "one", "properties": {"subnet": {"id": SUBNET}, **more}}])


def machine(storage: dict[str, Any] | None = None, **interface: Any) -> dict[str, Any]:
    """Return the body of a VM with this storage profile, on the network interface if anything is said of it."""
    network = {"networkInterfaces": [{"id": NIC, "properties": interface}] if interface else []}
    return body(
        hardwareProfile={"vmSize": "Standard_B1s"}, storageProfile=storage or {"osDisk": {}}, networkProfile=network
    )


async def network(caller: Caller) -> None:
    """Make a network and a network interface in it."""
    await caller.act(VNET, "PUT", vnet())
    await caller.act(NIC, "PUT", nic())


async def gone(caller: Caller, path: str) -> bool:
    """Return whether there is nothing at a path."""
    return (await caller.send("GET", path)).status == 404


async def refusal(caller: Caller, method: str, path: str, document: Any = None) -> tuple[int, str]:
    """Return the status and the code with which a request is refused."""
    answer = await caller.send(method, path, document)
    return answer.status, answer.document()["error"]["code"]
