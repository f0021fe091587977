"""What stands in the way of a deletion: a lock, or another resource that still uses the one to be deleted.

Who uses what is read from the ids in the resources' properties; how each service words its refusal is one table.
"""

from typing import NamedTuple

from azvm_async.emulator import registry
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.ids import ResourceId
from azvm_async.emulator.injected import refuse_deletion_if_wanted
from azvm_async.emulator.model import World
from azvm_async.emulator.registry import LOCKS

_LEVELS = {"cannotdelete", "readonly"}
_SUBNETS = "microsoft.network/virtualnetworks/subnets"


class Guard(NamedTuple):
    """How a service refuses to delete what is in use.

    Parameters
    ----------
    message : str
        With ``{id}`` and ``{name}`` of the resource and ``{users}``, the ids of those that use it.
    """

    status: int
    code: str
    message: str


_SUBNET = Guard(
    400,
    "InUseSubnetCannotBeDeleted",
    "Subnet {name} is in use by {users} and cannot be deleted. In order to delete the subnet, delete all the resources "
    "within the subnet. See aka.ms/deletesubnet.",
)
_GUARDS = {
    "microsoft.network/networkinterfaces": Guard(
        400,
        "NicInUse",
        "Network Interface {id} is used by existing resource {users}. In order to delete the network interface, it must "
        "be dissociated from the resource. To learn more, see aka.ms/deletenic.",
    ),
    "microsoft.network/publicipaddresses": Guard(
        400,
        "PublicIPAddressCannotBeDeleted",
        "Public IP address {id} can not be deleted since it is still allocated to resource {users}. In order to delete "
        "the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see "
        "aka.ms/deletepublicip.",
    ),
    "microsoft.network/networksecuritygroups": Guard(
        400,
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "Network security group {id} cannot be deleted because it is in use by the following resources: {users}. In "
        "order to delete the Network security group, remove the association with the resource(s). To learn how to do "
        "this, see aka.ms/deletensg.",
    ),
    _SUBNETS: _SUBNET,
    "microsoft.network/routetables": Guard(
        400,
        "InUseRouteTableCannotBeDeleted",
        "Route table {id} is in use and cannot be deleted. It is used by: {users}.",
    ),
    "microsoft.network/natgateways": Guard(
        400,
        "InUseNatGatewayCannotBeDeleted",
        "NAT gateway {id} is in use and cannot be deleted. It is used by: {users}.",
    ),
    "microsoft.network/publicipprefixes": Guard(
        400, "InUsePublicIpPrefixCannotBeDeleted", "Public IP prefix {id} is in use by {users} and cannot be deleted."
    ),
    "microsoft.network/loadbalancers": Guard(
        400, "InUseLoadBalancerCannotBeDeleted", "Load balancer {id} is in use by {users} and cannot be deleted."
    ),
    "microsoft.network/applicationsecuritygroups": Guard(
        400,
        "InUseApplicationSecurityGroupCannotBeDeleted",
        "Application security group {id} is in use by {users} and cannot be deleted.",
    ),
    "microsoft.compute/disks": Guard(409, "OperationNotAllowed", "Disk {name} is attached to VM {users}."),
    "microsoft.compute/availabilitysets": Guard(
        409,
        "OperationNotAllowed",
        "Availability Set '{name}' cannot be deleted. Before deleting an Availability Set please ensure that it does "
        "not contain any VM.",
    ),
    "microsoft.compute/proximityplacementgroups": Guard(
        409,
        "OperationNotAllowed",
        "Proximity Placement Group '{name}' cannot be deleted. Before deleting a Proximity Placement Group please "
        "ensure that it does not contain any resource: {users}.",
    ),
}


def permit(world: World, path: str) -> None:
    """Refuse to delete a resource that is locked, or in use, or whose deletion a test wants refused."""
    _refuse_if_locked(world, path)
    refuse_deletion_if_wanted(world, path)
    refuse_if_used(world, path)


def permit_group(world: World, path: str) -> None:
    """Refuse to delete a resource group that is locked, or with something locked in it."""
    key = path.lower()
    inside = [scope for scope in _scopes(world) if scope.lower().startswith(f"{key}/")]
    _refuse_if_locked(world, path, inside)


def refuse_if_used(world: World, path: str) -> None:
    """Refuse to delete a resource that another one uses, if its service minds."""
    kind = ResourceId.parse(path).type.lower()
    guard = _GUARDS.get(kind)
    users = world.links.users(path) if guard else []
    if guard and users:
        words = guard.message.format(id=path, name=path.rpartition("/")[2], users=", ".join(users))
        raise Refusal(guard.status, guard.code, words)
    for child in registry.children(world, path):
        if child.type.lower() == _SUBNETS:
            refuse_if_used(world, child.path)


def _refuse_if_locked(world: World, path: str, also: list[str] | None = None) -> None:
    key = path.lower()
    if f"/providers/{LOCKS}/" in key:
        return
    locked = [scope for scope in _scopes(world) if key == scope.lower() or key.startswith(f"{scope.lower()}/")]
    if locked := [*locked, *(also or [])]:
        message = (
            f"The scope '{path}' cannot perform delete operation because following scope(s) are locked: "
            f"'{','.join(locked)}'. Please remove the lock and try again."
        )
        raise Refusal(409, "ScopeLocked", message)


def _scopes(world: World) -> list[str]:
    """Return what is locked."""
    return [lock.parent for lock in world.locks.values() if str(lock.properties.get("level", "")).lower() in _LEVELS]
