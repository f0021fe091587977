"""What goes into the evaluation of a template, and the plain values that come out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a template is deployed, and what else is given from outside.

    Parameters
    ----------
    subscription : dict
        What ``subscription()`` gives.
    group : dict
        What ``resourceGroup()`` gives.
    deployment : str
        The deployment's name.
    utc : datetime
        What ``utcNow()`` gives, with its time zone.
    new_guid : Callable
        What ``newGuid()`` gives.
    """

    subscription: Document
    group: Document
    deployment: str
    utc: datetime
    new_guid: Callable[[], str]


class References(Protocol):
    """What exists at run time."""

    def reference(self, resource_id: str, api_version: str | None, full: bool) -> Document:
        """Return a resource's ``properties``, or all of its document; raise ``KeyError`` when there is none."""

    def listed(self, resource_id: str, function: str, api_version: str, body: object) -> object:
        """Return what ``listKeys`` or one of its kin gives; raise ``KeyError`` when there is no such resource."""


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested deployment, ready to be expanded on its own.

    Parameters
    ----------
    name : str
        The deployment's name.
    mode : str
        ``Incremental`` or ``Complete``.
    template, parameters : dict
        In wire form; what belongs to the parent's scope has been evaluated.
    subscription, resource_group : str or None
        Where it is deployed; ``None``: where its parent is.
    """

    name: str
    mode: str
    template: Document
    parameters: Document
    subscription: str | None
    resource_group: str | None
