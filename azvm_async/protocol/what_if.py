"""What a deployment would do, before it does it: ARM's ``validate`` and ``whatIf``, as typed values.

Source: the REST reference of Microsoft.Resources, "Deployments - Validate" and "Deployments - What If".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azvm_async.protocol.deployment import ids_of
from azvm_async.protocol.fields import objects, within, word


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """A property of a resource that would change.

    Attributes
    ----------
    path : str
        Where it is, such as ``properties.hardwareProfile.vmSize``; in ``children`` relative to the parent.
    change : str
        ``Create``, ``Delete``, ``Modify``, ``Array`` or ``NoEffect``.
    before, after : JSON
        Its values.
    children : tuple of PropertyChange
        Of a property that is an object or array: what changes in it.
    """

    path: str
    change: str
    before: Any = field(default=None, repr=False)
    after: Any = field(default=None, repr=False)
    children: "tuple[PropertyChange, ...]" = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "PropertyChange":
        """Read one entry of a ``delta``."""
        return cls(
            path=word(document.get("path")),
            change=word(document.get("propertyChangeType")),
            before=document.get("before"),
            after=document.get("after"),
            children=tuple(map(cls.of, objects(document.get("children")))),
        )


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What a deployment would do to one resource.

    Attributes
    ----------
    resource : str
        ARM id.
    change : str
        ``Create``, ``Delete``, ``Modify``, ``NoChange``, ``Deploy``, ``Ignore`` (it is not in the template and stays) or
        ``Unsupported``.
    before, after : JSON object or None
        The resource now and then.
    delta : tuple of PropertyChange
        Of ``Modify``: what would change.
    reason : str or None
        Of ``Unsupported``: why it can't be told.
    """

    resource: str
    change: str
    before: Mapping[str, Any] | None = field(default=None, repr=False)
    after: Mapping[str, Any] | None = field(default=None, repr=False)
    delta: tuple[PropertyChange, ...] = ()
    reason: str | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "ResourceChange":
        """Read one entry of ``changes``."""
        return cls(
            resource=word(document.get("resourceId")),
            change=word(document.get("changeType")),
            before=_object(document.get("before")),
            after=_object(document.get("after")),
            delta=tuple(map(PropertyChange.of, objects(document.get("delta")))),
            reason=word(document.get("unsupportedReason")) or None,
        )


def changes_in(document: object) -> tuple[ResourceChange, ...]:
    """Read the answer of ``whatIf``."""
    return tuple(map(ResourceChange.of, objects(within(document, "properties").get("changes"))))


def validated_in(document: object) -> tuple[str, ...]:
    """Return the ids of the resources that ``validate`` found in order."""
    return ids_of(within(document, "properties").get("validatedResources"))


def _object(value: object) -> Mapping[str, Any] | None:
    """Return a JSON object as it is, ``None`` for what is none."""
    return value if isinstance(value, Mapping) else None
