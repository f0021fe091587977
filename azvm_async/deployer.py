"""Deployments: templates sent, found again when their answer is lost, and removed with all that they created.

Before a deployment is sent the one of its name is read: its tags say when the first was sent, and whether what is running
there is what is wanted now (:mod:`azvm_async.protocol.intent`).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import partial
from http import HTTPStatus
from os import PathLike
from typing import Any
from uuid import uuid4

from azvm_async import templates
from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, Conflict, InvalidRequest, NotFound, RequestRefused, fresh
from azvm_async.operation import Operation
from azvm_async.outbox import Outbox
from azvm_async.pipeline import Pipeline, Sending
from azvm_async.poller import Poller
from azvm_async.protocol import deprovision, lro, provision
from azvm_async.protocol.deployment import DeploymentId, checked_deployment_name, ending, innermost
from azvm_async.protocol.faults import Fault, error_for
from azvm_async.protocol.fields import within, word
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.intent import SETTLING, Intent, since_after, since_on
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import FAILED, About, Failure, Machine
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.provision import Provision
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.template import MODES, declared_name, not_secure, wired
from azvm_async.protocol.what_if import ResourceChange, changes_in, validated_in
from azvm_async.reader import Reader, document_of
from azvm_async.templates import Source
from azvm_async.wire import Request, Response

_log = logging.getLogger(__name__)
_FULL = "FullResourcePayloads"
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
    if mode not in MODES:
        raise InvalidRequest(f"mode can't be {mode!r}; {' and '.join(map(repr, MODES))} can")
    deployment = deployment_of(vm, deployment_name, stack=stack)
    document = templates.template_of(template)
    given = templates.parameters_of(parameters)
    sent = wired(document, {**given, **_custom_data(document, given, custom_data), **_vm_name(document, given, vm)})
    body = {"template": document, "parameters": sent, **({} if stack else {"mode": mode})}
    intent = Intent.of(uuid4().hex, document, not_secure(document, sent), mode)
    return Order(vm, deployment, body, intent)


def deployment_of(vm: VmId, deployment_name: str | None, *, stack: bool = False) -> DeploymentId:
    """Return the deployment of a VM: the one named, or ``{vm}-deployment``."""
    name = checked_deployment_name(f"{vm.name}-deployment" if deployment_name is None else deployment_name)
    return DeploymentId(vm.subscription, vm.resource_group, name, stack)


class Deployer:
    """Deploys, and removes what was deployed.

    Parameters
    ----------
    pipeline, outbox, poller, reader : Pipeline, Outbox, Poller, Reader
        The client's.
    endpoint : str
        Where.
    clock : Clock
        Waits.
    now : callable
        Returns the present :class:`Moment`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        outbox: Outbox,
        poller: Poller,
        reader: Reader,
        endpoint: str,
        clock: Clock,
        now: Callable[[], Moment],
    ) -> None:
        self._pipeline = pipeline
        self._outbox = outbox
        self._poller = poller
        self._reader = reader
        self._endpoint = endpoint
        self._clock = clock
        self._now = now

    async def provision(self, wanted: Order, *, keep: bool) -> Operation[Any]:
        """Deploy, or adopt what is being deployed, or keep what is there."""
        if keep and await self._is_healthy(wanted.vm):
            return self._poller.adopt(await self._kept(wanted))
        record, response = await self._record(wanted.about, wanted.deployment)
        if record and _is_running(record) and wanted.intent.is_on(record):
            return self._poller.resume(self._adopted(wanted, record))
        since = since_on(record) if record else None
        if since is None:
            since = since_after(response, self._clock.utcnow())
            await self._clock.sleep(SETTLING)
        request = wanted.request(self._endpoint, since)
        begin, search = partial(provision.begin, wanted.about, request), partial(self._search, wanted)
        try:
            return await self._outbox.submit(wanted.about, request, Repeat.REFUSED, begin, search)
        except RequestRefused as error:
            raise _explained(error) from error.__cause__

    async def deprovision(
        self, vm: VmId, deployment: DeploymentId, *, assume_owned: bool, only_plan: bool
    ) -> Operation[Any]:
        """Remove what a deployment created, or show what that is. What is not there needs no removal."""
        about, url = About("deprovision", str(vm)), deployment.url(self._endpoint)
        record, _ = await self._record(about, deployment)
        if record and since_on(record) is None and not (assume_owned or deployment.stack):
            raise deprovision.ownership_unknown(about, url)
        begun = deprovision.begin(about, url, record, self._now(), assume_owned=assume_owned, only_plan=only_plan)
        return self._poller.adopt(begun) if only_plan else self._poller.resume(begun)

    async def validate(self, wanted: Order) -> tuple[str, ...]:
        """Ask ARM whether it would take a deployment; return the ids of what it would deploy."""
        return validated_in(await self._asked("validate", wanted, {}))

    async def what_if(self, wanted: Order) -> tuple[ResourceChange, ...]:
        """Ask ARM what a deployment would change."""
        return changes_in(await self._asked("whatIf", wanted, {"whatIfSettings": {"resultFormat": _FULL}}))

    async def _asked(self, action: str, wanted: Order, settings: Mapping[str, Any]) -> object:
        """Have ARM work something out, which is an operation of its own."""
        about = About("what-if" if settings else action, str(wanted.vm))
        url = wanted.deployment.url(self._endpoint, f"/{action}")
        request = Request.with_json("POST", url, {"properties": {**wanted.body, **settings}})
        begin = partial(lro.begin, about, request, wants_result=True, final_state=FinalState.LOCATION)
        try:
            answer = await (await self._outbox.submit(about, request, Repeat.ALWAYS, begin))
        except RequestRefused as error:
            raise _explained(error) from error.__cause__
        if within(answer, "error"):
            raise Failure(FAILED, Fault.of(answer)).error(about)
        return answer

    async def _record(self, about: About, deployment: DeploymentId) -> tuple[Mapping[str, Any] | None, Response]:
        """Read a deployment; ``None`` where there is none, or none any more."""
        request = Request("GET", deployment.url(self._endpoint))
        response = await self._pipeline.send(request, about, Repeat.ALWAYS, Sending(absence=True))
        if response.status != HTTPStatus.NOT_FOUND:
            return document_of(about, response), response
        if (Fault.of(response.document()).code or "").lower() == "resourcegroupnotfound":
            what = f"There is no resource group {deployment.resource_group}, so the {about} can't be done"
            raise error_for(what, request, response, vm=about.resource)
        return None, response

    async def _is_healthy(self, target: VmId) -> bool:
        """Tell whether a VM is there, and was provisioned well."""
        try:
            found = await self._reader.vm(target)
        except NotFound:
            return False
        return (found.provisioning_state or "").lower() == "succeeded"

    async def _kept(self, wanted: Order) -> Machine:
        """Return the state of a deployment that need not be made: its record's, if there is one, tells its outputs."""
        _log.info("%s is there, and is kept as it is", wanted.vm)
        record, _ = await self._record(wanted.about, wanted.deployment)
        state = provision.found(wanted.about, wanted.deployment.url(self._endpoint), self._now(), kept=True)
        return state.kept_as(record)

    async def _search(self, wanted: Order, error: AzureVMError) -> Machine | None:
        """Look for the deployment that a request began whose answer was lost, or that is in the way of one.

        Raises
        ------
        AzureVMError
            The error itself, where the looking fails, too.
        Conflict
            When another deployment is running under this name.
        """
        try:
            record, _ = await self._record(wanted.about, wanted.deployment)
        except AzureVMError as blind:
            raise error from blind
        if record is None:
            return None
        if wanted.intent == Intent.on(record) or (_is_running(record) and wanted.intent.is_on(record)):
            return self._adopted(wanted, record)
        if isinstance(error, Conflict) and _is_running(record):
            raise _in_the_way(wanted, error)
        return None

    def _adopted(self, wanted: Order, record: Mapping[str, Any]) -> Provision:
        _log.info("The deployment %s is under way already; it is followed", wanted.deployment.name)
        correlation_id = word(within(record, "properties").get("correlationId")) or None
        url = wanted.deployment.url(self._endpoint)
        return provision.found(wanted.about, url, self._now(), correlation_id=correlation_id)


def _is_running(record: Mapping[str, Any]) -> bool:
    return ending(record) is None


def _in_the_way(wanted: Order, error: Conflict) -> Conflict:
    """Return the error for another deployment that has the name."""
    conflict = fresh(error)
    conflict.what = (
        f"Another deployment is running under the name {wanted.deployment.name}: it has other parameters or another "
        "template, or was not sent by azvm_async"
    )
    return conflict


def _explained(error: RequestRefused) -> RequestRefused:
    """Return the error with the innermost reasons in it, which ARM hides behind a general one."""
    causes = [cause for detail in error.details for cause in innermost(detail, None)]
    if not causes:
        return error
    explained = fresh(error)
    explained.what = f"{error.what} ({'; '.join(map(str, causes))})"
    return explained


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
    if given[spelt].get("value") not in {vm.name, None}:
        raise InvalidRequest(f"The parameter {spelt!r} names another VM than {vm.name!r}; leave it out", vm=vm.name)
    return {}
