"""Which types are changed at once, and which status tells that something was created.

Most types answer a PUT that creates with 201, and take their time to change and to go. Which ones don't is told by the
official clients, who take nothing else.
"""

_BOTH = {
    "microsoft.authorization/locks",
    "microsoft.authorization/roleassignments",
    "microsoft.compute/availabilitysets",
    "microsoft.compute/hostgroups",
    "microsoft.compute/proximityplacementgroups",
    "microsoft.compute/sshpublickeys",
    "microsoft.managedidentity/userassignedidentities",
    "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials",
}
_PUT = _BOTH | {
    "microsoft.compute/capacityreservationgroups",
    "microsoft.compute/restorepointcollections",
    "microsoft.network/dnszones",
    "microsoft.network/networkwatchers",
}
_DELETED = _BOTH | {"microsoft.keyvault/vaults", "microsoft.storage/storageaccounts"}
_ACCEPTED = {
    "microsoft.compute/diskaccesses",
    "microsoft.compute/diskencryptionsets",
    "microsoft.compute/disks",
    "microsoft.compute/snapshots",
    "microsoft.storage/storageaccounts",
}
_ALWAYS_OK = {"microsoft.compute/availabilitysets"}


def is_put(kind: str) -> bool:
    """Tell whether a resource of this type is what a PUT or PATCH says as soon as that is answered."""
    return kind.lower() in _PUT


def is_deleted(kind: str) -> bool:
    """Tell whether a resource of this type is gone as soon as its DELETE is answered."""
    return kind.lower() in _DELETED


def created(kind: str) -> int:
    """Return what a PUT answers that creates a resource of this type."""
    if kind.lower() in _ALWAYS_OK:
        return 200
    return 202 if kind.lower() in _ACCEPTED else 201
