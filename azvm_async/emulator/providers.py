"""Resource providers: which types of resources there are, where, and in which API versions.

A table of what is common, and beside it whatever was seen in PUTs: the emulator keeps resources of any type but those
of Microsoft.Resources, which are rooms of their own. Registration is noted; only bulk operations ask for it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.calls import Call
from azvm_async.emulator.model import Document, World
from azvm_async.emulator.routing import Route
from azvm_async.wire import Response

_REGIONS = (
    "East US, East US 2, West US, West US 2, West US 3, Central US, South Central US, North Europe, West Europe, "
    "UK South, France Central, Germany West Central, Sweden Central, Southeast Asia, East Asia, Japan East, "
    "Australia East, Canada Central, Brazil South, Central India"
)
# Namespace, API versions with the newest first, types that have a location, types that have none.
_TABLE = (
    (
        "Microsoft.Compute",
        "2025-04-01 2024-11-01 2024-07-01 2024-03-01 2023-09-01 2023-03-01 2022-11-01 2022-08-01 2021-11-01 2020-12-01",
        (
            "virtualMachines virtualMachines/extensions virtualMachines/runCommands virtualMachineScaleSets "
            "availabilitySets proximityPlacementGroups capacityReservationGroups hostGroups images sshPublicKeys"
        ),
        "locations/operations",
    ),
    (
        "Microsoft.Compute",
        "2024-03-02 2023-10-02 2023-04-02 2022-07-02 2021-12-01 2020-12-01",
        "disks snapshots diskEncryptionSets",
        "",
    ),
    (
        "Microsoft.Compute",
        "2023-07-03 2022-03-03 2021-10-01",
        "galleries galleries/images galleries/images/versions",
        "",
    ),
    (
        "Microsoft.Network",
        "2024-10-01 2024-07-01 2024-05-01 2024-01-01 2023-11-01 2023-09-01 2023-04-01 2022-07-01 2021-08-01 2020-11-01",
        (
            "virtualNetworks networkInterfaces networkSecurityGroups publicIPAddresses publicIPPrefixes loadBalancers "
            "routeTables natGateways applicationGateways applicationSecurityGroups bastionHosts privateEndpoints "
            "virtualNetworkGateways localNetworkGateways connections"
        ),
        (
            "virtualNetworks/subnets virtualNetworks/virtualNetworkPeerings networkSecurityGroups/securityRules "
            "routeTables/routes loadBalancers/backendAddressPools locations/operations"
        ),
    ),
    ("Microsoft.Network", "2024-06-01 2020-06-01 2018-09-01", "privateDnsZones", "privateDnsZones/A"),
    (
        "Microsoft.Storage",
        "2024-01-01 2023-05-01 2023-01-01 2022-09-01 2021-09-01 2021-04-01 2019-06-01",
        "storageAccounts",
        (
            "storageAccounts/blobServices storageAccounts/blobServices/containers storageAccounts/fileServices "
            "storageAccounts/fileServices/shares storageAccounts/queueServices storageAccounts/tableServices"
        ),
    ),
    (
        "Microsoft.Resources",
        "2025-04-01 2024-11-01 2024-03-01 2023-07-01 2022-09-01 2021-04-01 2020-10-01 2020-06-01 2019-10-01",
        "",
        "subscriptions resourceGroups resources providers deployments deployments/operations",
    ),
    ("Microsoft.Resources", "2024-03-01 2022-08-01-preview", "", "deploymentStacks"),
    ("Microsoft.Authorization", "2020-05-01 2017-04-01 2016-09-01", "", "locks"),
    ("Microsoft.Authorization", "2022-04-01 2020-10-01-preview 2018-07-01", "", "roleAssignments roleDefinitions"),
    ("Microsoft.Insights", "2023-12-01 2022-10-01 2020-02-02", "components actionGroups autoscaleSettings", ""),
    (
        "Microsoft.Insights",
        "2023-03-11 2022-06-01 2021-09-01-preview",
        "dataCollectionRules dataCollectionEndpoints",
        "dataCollectionRuleAssociations",
    ),
    ("Microsoft.Insights", "2021-05-01-preview 2017-05-01-preview", "", "diagnosticSettings"),
    ("Microsoft.OperationalInsights", "2023-09-01 2022-10-01 2021-06-01 2020-08-01", "workspaces", ""),
    (
        "Microsoft.ManagedIdentity",
        "2023-01-31 2022-01-31-preview 2018-11-30",
        "userAssignedIdentities",
        "userAssignedIdentities/federatedIdentityCredentials",
    ),
    ("Microsoft.KeyVault", "2023-07-01 2022-07-01 2021-10-01 2019-09-01", "vaults", "vaults/secrets vaults/keys"),
    ("Microsoft.ComputeSchedule", "2025-05-01 2024-10-01", "", "operations locations/operations"),
    ("Microsoft.DevTestLab", "2018-09-15", "schedules labs labs/virtualMachines", ""),
)  # fmt: skip


class Type(NamedTuple):
    """A type of resources: its full name, where it is to be had, and its API versions."""

    name: str
    locations: tuple[str, ...]
    versions: tuple[str, ...]


def _read() -> Iterator[Type]:
    regions = tuple(_REGIONS.split(", "))
    for namespace, versions, located, others in _TABLE:
        yield from (Type(f"{namespace}/{each}", regions, tuple(versions.split())) for each in located.split())
        yield from (Type(f"{namespace}/{each}", (), tuple(versions.split())) for each in others.split())


_KNOWN = {each.name.lower(): each for each in _read()}
_NAMESPACES = {namespace.lower(): namespace for namespace, *_ in _TABLE}
_PROVIDERS = "/subscriptions/{subscription}/providers"
_PROVIDER = f"{_PROVIDERS}/{{namespace}}"


def canonical(kind: str) -> str:
    """Return a full type as it is usually written."""
    known = _KNOWN.get(kind.lower())
    return known.name if known else kind


def has_location(kind: str) -> bool:
    """Tell whether resources of a type are known to need a location."""
    known = _KNOWN.get(kind.lower())
    return known is not None and bool(known.locations)


def require_emulated(kind: str) -> None:
    """Refuse the types of Microsoft.Resources that no other room has taken: to keep a document would be a pretence."""
    namespace, _, rest = kind.partition("/")
    if namespace.lower() == "microsoft.resources":
        message = (
            f"The resource type '{rest}' could not be found in the namespace '{namespace}': it is not emulated here."
        )
        raise Refusal(404, "InvalidResourceType", message)


def require_registered(world: World, subscription: str, namespace: str) -> None:
    """Refuse when the subscription's registration with a provider was taken back."""
    if _key(subscription, namespace) in world.unregistered:
        code = "MissingSubscriptionRegistration"
        message = (
            f"The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for "
            "how to register subscriptions."
        )
        raise Refusal(409, code, message, details=[{"code": code, "target": namespace, "message": message}])


def note(world: World, kind: str, location: str, version: str) -> None:
    """Take in that a resource was put."""
    known = world.seen.get(kind.lower()) or Type(kind, (), ())
    locations, versions = {*known.locations, location}, {*known.versions, version}
    world.seen[kind.lower()] = Type(kind, tuple(sorted(locations)), tuple(sorted(versions, reverse=True)))


def is_known(world: World, kind: str) -> bool:
    """Tell whether a type is in the table or was seen."""
    return kind.lower() in _KNOWN or kind.lower() in world.seen


def list_all(world: World, call: Call) -> Response:
    """Answer GET on a subscription's providers."""
    namespaces = {_of(each.name).lower(): _of(each.name) for each in world.seen.values()} | _NAMESPACES
    shown = [_document(world, call.name("subscription"), each) for each in sorted(namespaces.values())]
    return Response.with_json(200, {"value": shown})


def get(world: World, call: Call) -> Response:
    """Answer GET on a provider."""
    return Response.with_json(200, _document(world, call.name("subscription"), _named(world, call)))


def register(world: World, call: Call) -> Response:
    """Register the subscription with a provider: done at once."""
    _note(world, call, "register")
    world.unregistered.discard(_key(call.name("subscription"), _named(world, call)))
    return get(world, call)


def unregister(world: World, call: Call) -> Response:
    """Take the subscription's registration with a provider back."""
    _note(world, call, "unregister")
    world.unregistered.add(_key(call.name("subscription"), _named(world, call)))
    return get(world, call)


def _note(world: World, call: Call, verb: str) -> None:
    subscription = world.subscription(call.name("subscription"))
    world.chronicle.note(verb, f"{subscription.path}/providers/{_named(world, call)}")


def _named(world: World, call: Call) -> str:
    """Return the namespace that a path names, or refuse."""
    given = call.name("namespace")
    seen = (_of(each.name) for each in world.seen.values())
    found = _NAMESPACES.get(given.lower()) or next((each for each in seen if each.lower() == given.lower()), None)
    if found is None:
        raise Refusal(404, "InvalidResourceNamespace", f"The resource namespace '{given}' is invalid.")
    return found


def _document(world: World, subscription: str, namespace: str) -> Document:
    state = "NotRegistered" if _key(subscription, namespace) in world.unregistered else "Registered"
    types = [_type_document(each) for each in (world.seen | _KNOWN).values() if _is_of(each.name, namespace)]
    return {
        "id": f"{world.subscription(subscription).path}/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": state,
        "resourceTypes": types,
    }


def _type_document(kind: Type) -> Document:
    return {
        "resourceType": kind.name.partition("/")[2],
        "locations": list(kind.locations),
        "apiVersions": list(kind.versions),
        "defaultApiVersion": next((each for each in kind.versions if "preview" not in each), kind.versions[0]),
        "capabilities": "SupportsTags, SupportsLocation" if kind.locations else "None",
    }


def _of(kind: str) -> str:
    return kind.partition("/")[0]


def _is_of(kind: str, namespace: str) -> bool:
    """Tell whether a type, as somebody wrote it, is of a namespace."""
    return _of(kind).lower() == namespace.lower()


def _key(subscription: str, namespace: str) -> tuple[str, str]:
    return subscription.lower(), namespace.lower()


ROUTES = (
    Route("GET", _PROVIDERS, list_all),
    Route("GET", _PROVIDER, get),
    Route("POST", f"{_PROVIDER}/register", register),
    Route("POST", f"{_PROVIDER}/unregister", unregister),
)
