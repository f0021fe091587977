"""Names of things in Azure: what is allowed, and the ids built from them.

A wrong name is refused here, with what is allowed, before any request. The rules are those of "Naming rules and
restrictions for Azure resources" (Microsoft.Compute, Microsoft.Resources).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import quote

from azvm_async.errors import InvalidRequest

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_RESOURCE_GROUP = re.compile(r"[\w().-]{0,89}[\w()-]")
_VM_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?")
_VM_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.Compute/virtualMachines/(?P<name>[^/]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class VmId:
    """The ARM id of a virtual machine."""

    subscription: str
    resource_group: str
    name: str

    @classmethod
    def parse(cls, name_or_id: str, subscription: str, resource_group: str) -> Self:
        """Return the id that is meant by a VM's name in a resource group, or by a full ARM id.

        Parameters
        ----------
        name_or_id : str
            ``"vm1"``, or ``"/subscriptions/…/virtualMachines/vm1"``.
        subscription, resource_group : str
            Where a bare name is looked for.

        Raises
        ------
        InvalidRequest
            When it is neither.
        """
        if not isinstance(name_or_id, str):
            raise InvalidRequest(f"A VM is named by a str, not by {type(name_or_id).__name__}")
        if not name_or_id.startswith("/"):
            return cls(subscription, resource_group, checked_vm_name(name_or_id))
        match = _VM_ID.fullmatch(name_or_id)
        if match is None:
            raise InvalidRequest(
                f"{name_or_id!r} is not the id of a virtual machine; "
                "/subscriptions/{guid}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name} is"
            )
        return cls(
            checked_subscription(match["subscription"]),
            checked_resource_group(match["group"]),
            checked_vm_name(match["name"]),
        )

    def __str__(self) -> str:
        return f"{group_path(self.subscription, self.resource_group)}/{VM_TYPE}/{self.name}"

    @property
    def path(self) -> str:
        """The id as a URL's path, quoted."""
        return f"{_quoted(group_path(self.subscription, self.resource_group))}/{VM_TYPE}/{self.name}"


_quoted = lru_cache(maxsize=64)(quote)

VM_TYPE = "providers/Microsoft.Compute/virtualMachines"


def group_path(subscription: str, resource_group: str) -> str:
    """Return the ARM id of a resource group."""
    return f"/subscriptions/{subscription}/resourceGroups/{resource_group}"


def is_vm(resource: str) -> bool:
    """Tell whether an ARM id is that of a virtual machine."""
    return _VM_ID.fullmatch(resource) is not None


def subscription_in(resource: str) -> str:
    """Return the subscription of an ARM id, in lower case; empty where it names none."""
    head, _, rest = resource[1:].partition("/")
    return rest.partition("/")[0].lower() if head.lower() == "subscriptions" else ""


def short_name(resource: str) -> str:
    """Return what people call a resource: the last part of its id."""
    return resource.rstrip("/").rpartition("/")[2] or resource


def checked_subscription(subscription: str) -> str:
    """Return a subscription's id if it is a GUID, or raise :class:`InvalidRequest`."""
    if isinstance(subscription, str) and _GUID.fullmatch(subscription):
        return subscription
    raise InvalidRequest(
        f"{subscription!r} is not a subscription id: a GUID is, such as 00000000-0000-0000-0000-000000000000 "
        "('az account show --query id' prints yours)"
    )


def checked_resource_group(name: str) -> str:
    """Return a resource group's name if Azure would take it, or raise :class:`InvalidRequest`."""
    if isinstance(name, str) and _RESOURCE_GROUP.fullmatch(name):
        return name
    raise InvalidRequest(
        f"{name!r} is not the name of a resource group: 1 to 90 letters, digits, '_', '-', '.', '(' or ')' are, "
        "not ending with '.'"
    )


def checked_vm_name(name: str) -> str:
    """Return a VM's name if Azure would take it, or raise :class:`InvalidRequest`."""
    if isinstance(name, str) and _VM_NAME.fullmatch(name):
        return name
    raise InvalidRequest(
        f"{name!r} is not the name of a virtual machine: 1 to 64 ASCII letters, digits, '_', '-' or '.' are, "
        "beginning with a letter or digit and not ending with '.' or '-'",
        vm=name,
    )
