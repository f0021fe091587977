"""Deployments: templates sent, found again when their answer is lost, and removed with all that they created.

Before a deployment is sent the one of its name is read: its tags say when the first was sent, and whether what is running
there is what is wanted now (:mod:`azvm_async.protocol.intent`).
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from azvm_async.clock import Clock
from azvm_async.errors import (
    AzureVMError,
    Conflict,
    NotFound,
    OwnershipUnknown,
    ProtocolError,
    RequestRefused,
    fresh,
)
from azvm_async.memory import Memory
from azvm_async.operation import Operation
from azvm_async.order import Order
from azvm_async.outbox import Outbox, handed_over
from azvm_async.pipeline import Pipeline
from azvm_async.poller import Poller
from azvm_async.protocol import deprovision, lro, provision, tokens
from azvm_async.protocol.deployment import DeploymentId, ending, innermost
from azvm_async.protocol.faults import Fault, error_for, facts
from azvm_async.protocol.fields import within, word
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.intent import SETTLING, Intent, since_after, since_on
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import FAILED, About, Failure
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.provision import Provision
from azvm_async.protocol.reading import provisioning_state
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.vm import VirtualMachine
from azvm_async.protocol.what_if import ResourceChange, changes_in, validated_in
from azvm_async.reader import Reader, read
from azvm_async.sending import Sending
from azvm_async.telemetry import marked
from azvm_async.wire import Request, Response

ABSENCE_CONFIRMED = 2.0
"""Seconds after which it is asked again for a deployment that was not found, before nothing is left to remove."""

_log = logging.getLogger(__name__)
_FULL = "FullResourcePayloads"
_MISSING = frozenset({"deploymentnotfound", "deploymentstacknotfound", "resourcenotfound", "notfound"})
_GOING = frozenset({"deleting", "deleted"})


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
        self._memory = Memory(pipeline, outbox, endpoint)

    async def provision(self, wanted: Order, sending: Sending, *, keep: bool) -> Operation[Any]:
        """Deploy, or adopt what is being deployed, or keep what is there."""
        kept = keep and await self._is_healthy(wanted.vm)
        record, response = await self._record(wanted.about, wanted.deployment)
        if record and _is_running(record) and wanted.intent.is_on(record):
            _tell_adoption(wanted)
            return handed_over(self._poller.resume(self._adopted(wanted, record)), sending)
        if kept:
            return handed_over(self._poller.adopt(self._kept(wanted, record)), sending)
        url = wanted.deployment.url(self._endpoint)
        sending.intent = tokens.intent(wanted.about, url, nonce=wanted.intent.nonce)
        request = wanted.request(self._endpoint, await self._since(wanted, record, response, sending))
        begin, search = partial(provision.begin, wanted.about, request), partial(self._search, wanted)
        try:
            return await self._outbox.submit(wanted.about, request, Repeat.REFUSED, begin, search, sending)
        except RequestRefused as error:
            raise _explained(error) from error.__cause__

    async def deprovision(
        self, vm: VmId, deployment: DeploymentId, sending: Sending, *, assume_owned: bool, only_plan: bool
    ) -> Operation[Any]:
        """Remove what a deployment created, or show what that is. What is not there needs no removal."""
        about, url = About(deprovision.VERB, str(vm)), deployment.url(self._endpoint)
        record = await self._record_if_any(about, deployment)
        if record is None and await self._vm(vm) is not None:
            raise _without_deployment(vm, deployment)
        if record and since_on(record) is None and not assume_owned:
            raise deprovision.ownership_unknown(about, url)
        begun = deprovision.begin(about, url, record, self._now(), assume_owned=assume_owned, only_plan=only_plan)
        sending.intent = lambda _: tokens.dump(begun)
        sending.foretell()  # what it writes is sent by its driver, later
        return handed_over(self._poller.adopt(begun) if only_plan else self._poller.resume(begun), sending)

    async def validate(self, wanted: Order) -> tuple[str, ...]:
        """Ask ARM whether it would take a deployment; return the ids of what it would deploy."""
        return validated_in(await self._asked("validate", "validate", wanted, {}))

    async def what_if(self, wanted: Order) -> tuple[ResourceChange, ...]:
        """Ask ARM what a deployment would change."""
        return changes_in(await self._asked("what-if", "whatIf", wanted, {"whatIfSettings": {"resultFormat": _FULL}}))

    async def _asked(self, verb: str, action: str, wanted: Order, settings: Mapping[str, Any]) -> object:
        """Have ARM work something out, which is an operation of its own."""
        about = About(verb, str(wanted.vm))
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
        record, response = await read(self._pipeline, about, request, absence=True)
        if response.status != HTTPStatus.NOT_FOUND:
            return record, response
        _check_missing(about, request, response)
        return None, response

    async def _record_if_any(self, about: About, deployment: DeploymentId) -> Mapping[str, Any] | None:
        """Read a deployment, twice before it is believed that there is none: a new one is not known everywhere at once."""
        record, _ = await self._record(about, deployment)
        if record is None:
            await self._clock.sleep(ABSENCE_CONFIRMED)
            record, _ = await self._record(about, deployment)
        return record

    async def _vm(self, target: VmId) -> VirtualMachine | None:
        """Read a VM; ``None`` where there is none."""
        try:
            return await self._reader.vm(target)
        except NotFound:
            return None

    async def _since(
        self, wanted: Order, record: Mapping[str, Any] | None, response: Response, sending: Sending
    ) -> datetime:
        """Return the mark that a deployment carries: that of the first of its name, whose runs are written down."""
        since = since_on(record) if record else None
        if record is None or since is None:
            mark = since_after(response, self._clock.utcnow())
            await self._clock.sleep(SETTLING)
            return mark
        if not (_is_running(record) or wanted.deployment.stack):  # what is running will be in the way of this one
            sending.foretell()
            await self._memory.keep(wanted.about, str(wanted.deployment))
        return since

    async def _is_healthy(self, target: VmId) -> bool:
        """Tell whether a VM is there, and was provisioned well."""
        found = await self._vm(target)
        return found is not None and (found.provisioning_state or "").lower() == "succeeded"

    def _kept(self, wanted: Order, record: Mapping[str, Any] | None) -> Provision:
        """Return the state of a deployment that need not be made: its record's, if there is one, tells its outputs."""
        _log.info("%s is there, and is kept as it is", wanted.vm, extra=marked(wanted.about))
        state = provision.found(wanted.about, wanted.deployment.url(self._endpoint), self._now(), kept=True)
        return state.kept_as(record)

    async def _search(self, wanted: Order, error: AzureVMError) -> Provision | None:
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
            if wanted.intent != Intent.on(record):
                _tell_adoption(wanted)
            return self._adopted(wanted, record)
        if isinstance(error, Conflict) and _is_running(record):
            raise _in_the_way(wanted, error)
        return None

    def _adopted(self, wanted: Order, record: Mapping[str, Any]) -> Provision:
        """Return a state to follow the deployment of a record."""
        correlation_id = word(within(record, "properties").get("correlationId")) or None
        url = wanted.deployment.url(self._endpoint)
        return provision.found(wanted.about, url, self._now(), correlation_id=correlation_id)


def _tell_adoption(wanted: Order) -> None:
    """Say that nothing is sent: whoever changed a password must not wait for it to be set."""
    _log.warning(
        "The deployment %s is under way with the same template and parameters: it is followed, and nothing is sent, "
        "no new value of a secure parameter either",
        wanted.deployment.name,
        extra=marked(wanted.about),
    )


def _is_running(record: Mapping[str, Any]) -> bool:
    """Tell whether a deployment goes on; one that is being deleted, as a stack is for a while, does not."""
    return ending(record) is None and (provisioning_state(record) or "").lower() not in _GOING


def _check_missing(about: About, request: Request, response: Response) -> None:
    """Believe a 404 only where ARM says that the deployment is missing: a wrong address must not be a success.

    Raises
    ------
    NotFound
        When something else is missing: the resource group, the subscription.
    ProtocolError
        When it is not ARM who answers.
    """
    code = Fault.of(response.document()).code
    if code is None:
        what = f"Whether there is a deployment for the {about} is not known: the 404 is not Resource Manager's"
        raise ProtocolError(what, vm=about.resource, **facts(response))
    if code.lower() not in _MISSING:
        what = f"The {about} can't be done for want of its resource group or subscription"
        raise error_for(what, request, response, vm=about.resource)


def _without_deployment(vm: VmId, deployment: DeploymentId) -> OwnershipUnknown:
    """Return the error for a VM that is there without the deployment that would tell what belongs to it."""
    kind = "deployment stack" if deployment.stack else "deployment"
    return OwnershipUnknown(
        f"There is no {kind} {deployment.name}, but there is the VM: nothing tells what was created with it",
        vm=str(vm),
        advice="'deployment_name' (and 'stack') name another; 'client.delete(name)' deletes the VM alone",
    )


def _in_the_way(wanted: Order, error: Conflict) -> Conflict:
    """Return the error for another deployment that has the name."""
    conflict = fresh(error)
    conflict.advice = "Wait for its end, cancel it, or give this one another 'deployment_name'"
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
