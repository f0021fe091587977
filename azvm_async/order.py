"""What a caller wants deployed, read and checked: templates and parameters of files or dicts, names, a mode.

Nothing is sent here. Of an :class:`Order` the deployer makes its requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from os import PathLike
from typing import Any
from uuid import uuid4

from azvm_async import templates
from azvm_async.errors import InvalidRequest
from azvm_async.protocol.deployment import DeploymentId, checked_deployment_name
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.intent import Intent
from azvm_async.protocol.machine import About
from azvm_async.protocol.template import MODES, declared_name, not_secure, wired
from azvm_async.templates import Source
from azvm_async.wire import Request

_UNMANAGED = {
    "actionOnUnmanage": {"resources": "delete", "resourceGroups": "detach", "managementGroups": "detach"},
    "denySettings": {"mode": "none"},
}


class IfExists(Enum):
    """What becomes of a VM that is there already."""

    UPDATE = "update"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants deployed, checked.

    Parameters
    ----------
    vm : VmId
        The VM that it is about.
    deployment : DeploymentId
        Under which name.
    body : JSON object
        ``properties`` of the request.
    intent : Intent
        What is known again.
    """

    vm: VmId
    deployment: DeploymentId
    body: Mapping[str, Any] = field(repr=False)
    intent: Intent

    @property
    def about(self) -> About:
        """What is done to what."""
        return About("provision", str(self.vm))

    def request(self, endpoint: str, since: datetime) -> Request:
        """Return the PUT."""
        extra = _UNMANAGED if self.deployment.stack else {}
        document = {"tags": self.intent.tags(since), "properties": {**self.body, **extra}}
        return Request.with_json("PUT", self.deployment.url(endpoint), document)


def order(
    vm: VmId,
    template: Source,
    parameters: Source | None,
    custom_data: str | PathLike[str] | None,
    mode: str,
    deployment_name: str | None,
    *,
    stack: bool = False,
) -> Order:
    """Read and check what is to be deployed.

    Raises
    ------
    InvalidRequest
        When anything of it can't be.
    """
    try:
        return _order(vm, template, parameters, custom_data, mode, deployment_name, stack=stack)
    except InvalidRequest as error:
        error.vm, error.what = str(vm), f"{vm.name}: {error.what}"
        raise


def deployment_of(vm: VmId, deployment_name: str | None, *, stack: bool = False) -> DeploymentId:
    """Return the deployment of a VM: the one named, or ``{vm}-deployment``."""
    name = checked_deployment_name(f"{vm.name}-deployment" if deployment_name is None else deployment_name)
    return DeploymentId(vm.subscription, vm.resource_group, name, stack)


def _order(
    vm: VmId,
    template: Source,
    parameters: Source | None,
    custom_data: str | PathLike[str] | None,
    mode: str,
    deployment_name: str | None,
    *,
    stack: bool,
) -> Order:
    if mode not in MODES:
        raise InvalidRequest(f"mode can't be {mode!r}; {' and '.join(map(repr, MODES))} can")
    if stack and mode != MODES[0]:
        raise InvalidRequest(f"mode={mode!r} is not for a stack, which deletes what a later template leaves out anyway")
    deployment = deployment_of(vm, deployment_name, stack=stack)
    document = templates.template_of(template)
    given = templates.parameters_of(parameters)
    sent = wired(document, {**given, **_custom_data(document, given, custom_data), **_vm_name(document, given, vm)})
    body = {"template": document, "parameters": sent, **({} if stack else {"mode": mode})}
    intent = Intent.of(uuid4().hex, document, not_secure(document, sent), mode)
    return Order(vm, deployment, body, intent)


def _custom_data(
    template: Mapping[str, Any], given: Mapping[str, Any], custom_data: str | PathLike[str] | None
) -> dict[str, Mapping[str, Any]]:
    """Return custom data as the parameter that a template declares for it."""
    if custom_data is None:
        return {}
    name = declared_name(template, "customData")
    if name is None:
        raise InvalidRequest("The template declares no parameter 'customData' that could take 'custom_data'")
    if name.lower() in {each.lower() for each in given}:
        raise InvalidRequest(f"'custom_data' and the parameter {name!r} are both given")
    return {name: {"value": templates.text_of(custom_data, "custom_data")}}


def _vm_name(template: Mapping[str, Any], given: Mapping[str, Any], vm: VmId) -> dict[str, Mapping[str, Any]]:
    """Return the VM's name as the parameter ``vmName``, where a template declares one and the caller leaves it out."""
    name = declared_name(template, "vmName")
    if name is None:
        return {}
    spelt = next((each for each in given if each.lower() == name.lower()), None)
    if spelt is None:
        return {name: {"value": vm.name}}
    if given[spelt].get("value") not in (vm.name, None):
        raise InvalidRequest(f"The parameter {spelt!r} names another VM than {vm.name!r}; leave it out", vm=vm.name)
    return {}
