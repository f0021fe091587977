"""Deployments as ARM knows them: their URLs, and typed views of what they answer.

Sources: the REST reference of Microsoft.Resources, "Deployments" and "Deployment Operations", and "Deployment Stacks".
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from azvm_async.errors import DeploymentFailed, InvalidRequest, OperationFailed
from azvm_async.protocol.faults import Fault
from azvm_async.protocol.fields import date, line, objects, within, word
from azvm_async.protocol.ids import group_path, short_name
from azvm_async.protocol.machine import CANCELED, About, Failure, ResourceProgress
from azvm_async.protocol.reading import ending_of, provisioning_state
from azvm_async.protocol.urls import path_of, with_query

API_VERSION = "2024-03-01"
"""Of deployments and of deployment stacks."""

TYPE, STACK_TYPE = "Microsoft.Resources/deployments", "Microsoft.Resources/deploymentStacks"

_ID = re.compile(r".*/providers/Microsoft\.Resources/deployment(?P<kind>s|Stacks)/[^/]+", re.IGNORECASE)
_NAME = re.compile(r"[\w().-]{1,64}", re.ASCII)
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class DeploymentId:
    """The ARM id of a resource group's deployment, or deployment stack."""

    subscription: str
    resource_group: str
    name: str
    stack: bool = False

    def __str__(self) -> str:
        kind = STACK_TYPE if self.stack else TYPE
        return f"{group_path(self.subscription, self.resource_group)}/providers/{kind}/{self.name}"

    def url(self, endpoint: str, action: str = "") -> str:
        """Return the URL of the deployment, or of an action on it."""
        return deployment_url(endpoint, str(self), action)


def is_deployment(resource: str) -> bool:
    """Tell whether an ARM id, or its URL, is a deployment's or a deployment stack's."""
    return _ID.fullmatch(path_of(resource)) is not None


def is_stack(resource: str) -> bool:
    """Tell whether an ARM id, or its URL, is a deployment stack's."""
    match = _ID.fullmatch(path_of(resource))
    return match is not None and match["kind"].lower() == "stacks"


def memory_of(deployment: str) -> str:
    """Return the id of the deployment that remembers what earlier runs of one brought.

    ARM's list of operations knows the last run only. The name is short, whatever the deployment's is.
    """
    before, _, name = deployment.rpartition("/")
    return f"{before}/azvm-made-{hashlib.sha256(name.lower().encode()).hexdigest()[:16]}"


def remembering(made: Sequence[str], deployment: str) -> dict[str, Any]:
    """Return the body of a deployment that creates nothing, and tells ids as its output."""
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
        "outputs": {"made": {"type": "array", "value": [*made]}},
    }
    return {
        "tags": {"azvm-made-by": short_name(deployment)},
        "properties": {"mode": "Incremental", "template": template},
    }


def deployment_url(endpoint: str, deployment: str, action: str = "") -> str:
    """Return the URL of what is found at an ARM id of Microsoft.Resources."""
    return with_query(f"{endpoint}{quote(deployment)}{action}", **{"api-version": API_VERSION})


def checked_deployment_name(name: str) -> str:
    """Return a deployment's name if Azure would take it, or raise :class:`InvalidRequest`."""
    if isinstance(name, str) and _NAME.fullmatch(name) and not name.endswith("."):
        return name
    raise InvalidRequest(
        f"{name!r} is not the name of a deployment: 1 to 64 ASCII letters, digits, '_', '-', '.', '(' or ')' are, "
        "not ending with '.'; 'deployment_name' names one"
    )


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment brought.

    Attributes
    ----------
    name : str
        The deployment's name.
    outputs : Mapping[str, object]
        The template's outputs by name, their bare values; Azure tells no secure ones.
    resources : tuple of str
        ARM ids of the resources that the template names, those of nested deployments included.
    duration : float or None
        Seconds that Azure took.
    correlation_id : str or None
        Finds the deployment in Azure's activity log.
    kept : bool
        Whether nothing was deployed, for the VM was there: then the rest is of an older deployment, or empty.
    """

    name: str
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    resources: tuple[str, ...] = ()
    duration: float | None = None
    correlation_id: str | None = None
    kept: bool = False

    @classmethod
    def of(cls, document: Mapping[str, Any], name: str) -> "Deployed":
        """Read the JSON of a deployment, or of a stack, whose resources have another name."""
        properties = within(document, "properties")
        outputs = within(properties, "outputs")
        listed = objects(properties.get("outputResources")) or objects(properties.get("resources"))
        return cls(
            name=word(document.get("name")) or name,
            outputs={key: within(output).get("value") for key, output in outputs.items()},
            resources=ids_of(listed),
            duration=seconds(properties.get("duration")),
            correlation_id=word(properties.get("correlationId")) or None,
        )


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a deployment failed: one innermost error.

    Attributes
    ----------
    code, message : str or None
        Azure's, such as ``AllocationFailed``.
    resource : str or None
        ARM id of the resource that it befell.
    """

    code: str | None
    message: str | None
    resource: str | None

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.code, self.message) if part)
        return f"{short_name(self.resource)}: {said}" if self.resource else said


@dataclass(frozen=True, slots=True)
class DeploymentFailure(Failure):
    """How a deployment ended that failed; the first of ``causes`` is told as the error's own code and message."""

    causes: tuple[Cause, ...] = ()
    resources: tuple[ResourceProgress, ...] = ()

    def error(self, about: About) -> OperationFailed:
        """Return a new error for one waiter."""
        if self.status == CANCELED:
            error = Failure.error(self, about)
            error.advice = "What it had begun to create may be there: 'client.deprovision(name)' removes it"
            return error
        first, *others = self.causes or (Cause(self.fault.code, self.fault.message, None),)
        where = f" at {short_name(first.resource)}" if first.resource else ""
        more = f" ({len(others)} more in '.causes')" if others else ""
        return DeploymentFailed(
            f"The {about} failed{where}{more}",
            vm=about.resource,
            code=first.code,
            message=first.message,
            details=self.fault.details,
            request_id=self.request_id,
            causes=self.causes,
            resources=self.resources,
        )


def ending(document: object) -> str | None:
    """Return ``Succeeded``, ``Failed`` or ``Canceled`` for a deployment that has ended, else None."""
    return ending_of(provisioning_state(document))


def period(document: object) -> tuple[datetime, datetime] | None:
    """Return when a deployment's run began and ended, or was last heard of; ``None`` where it does not tell."""
    properties = within(document, "properties")
    end, lasted = date(properties.get("timestamp")), seconds(properties.get("duration"))
    try:
        return None if end is None or lasted is None else (end - timedelta(seconds=lasted), end)
    except OverflowError:  # no calendar goes that far back
        return None


def ids_of(listed: object) -> tuple[str, ...]:
    """Return the ARM ids of what an answer lists; what lies outside of ARM has none."""
    return tuple(found for each in objects(listed) if (found := line(each.get("id"))))


def creations(operations: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return a deployment's operations that create a resource, by its lower-case id; the last of each counts."""
    found = {}
    for operation in operations:
        properties = within(operation, "properties")
        target = line(within(properties, "targetResource").get("id"))
        if target and word(properties.get("provisioningOperation")).lower() == "create":
            found[target.lower()] = properties
    return found


def progress_of(properties: Mapping[str, Any]) -> ResourceProgress:
    """Read the properties of one operation of a deployment."""
    target = within(properties, "targetResource")
    return ResourceProgress(
        id=word(target.get("id")),
        type=word(target.get("resourceType")),
        name=word(target.get("resourceName")) or short_name(word(target.get("id"))),
        state=word(properties.get("provisioningState")) or "Running",
        since=date(properties.get("timestamp")),
    )


def resources_named(document: object) -> set[str]:
    """Return the lower-case ids of all resources that a deployment's document names, for a guess how many there are."""
    properties = within(document, "properties")
    found = {*ids_of(properties.get("outputResources"))}
    for dependent in objects(properties.get("dependencies")):
        found |= {*ids_of([dependent]), *ids_of(dependent.get("dependsOn"))}
    return {each.lower() for each in found}


def causes_of(document: object, operations: Sequence[Mapping[str, Any]]) -> tuple[Cause, ...]:
    """Return the innermost errors of a failed deployment, the earliest first, each once.

    Parameters
    ----------
    document : JSON
        The deployment; its own ``error`` is looked into where the operations tell nothing.
    operations : sequence of JSON objects
        Properties of its operations.
    """
    failed = [each for each in operations if word(each.get("provisioningState")).lower() == "failed"]
    failed.sort(key=lambda each: word(each.get("timestamp")))
    found: list[Cause] = []
    for each in failed:
        found += innermost(each.get("statusMessage"), word(within(each, "targetResource").get("id")) or None)
    return tuple(dict.fromkeys(found or innermost(within(document, "properties").get("error"), None)))


def innermost(error: object, resource: str | None, depth: int = 0) -> list[Cause]:
    """Return the leaves of an error: ARM nests them in ``details``, and as JSON text in messages."""
    fault = Fault.of({"message": error} if isinstance(error, str) else error)
    inner: list[object] = [*fault.details] or [_json_in(fault.message)]
    found: list[Cause] = []
    for each in inner:
        if isinstance(each, Mapping) and each and depth < _DEEPEST:
            target = word(each.get("target"))
            found += innermost(each, target if target.startswith("/") else resource, depth + 1)
    if found or not (fault.code or fault.message):
        return found
    return [Cause(fault.code, fault.message, resource)]


def seconds(duration: object) -> float | None:
    """Read an ISO 8601 duration such as ``PT2M5.5S``."""
    match = _DURATION.fullmatch(word(duration))
    if match is None or not any(match.groups()):
        return None
    return sum(float(amount) * _SECONDS[unit] for unit, amount in match.groupdict().items() if amount)


def _json_in(message: str | None) -> object:
    """Return the JSON object that a message is, or None."""
    if not message or not message.lstrip().startswith("{"):
        return None
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None
