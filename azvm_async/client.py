"""The client: one coroutine for each thing that one does with Azure VMs.

What changes something gives a handle (:class:`~azvm_async.operation.Operation`) once Azure has accepted it; what only
reads gives a value. A client is a session: one connection pool, one sign-in, one poller for all its handles.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from os import PathLike
from typing import Any, Literal, overload

from azvm_async.errors import InvalidRequest
from azvm_async.operation import Operation, Submission
from azvm_async.order import IfExists, Order, deployment_of, order
from azvm_async.protocol import lro, urls, vm
from azvm_async.protocol.arguments import one_of, own_request
from azvm_async.protocol.deployment import Deployed
from azvm_async.protocol.deprovision import Deprovisioned
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import About
from azvm_async.protocol.plan import DeprovisionPlan
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.script import RunCommandResult, Script
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.protocol.what_if import ResourceChange
from azvm_async.session import Session
from azvm_async.templates import Source
from azvm_async.wire import Request


class AzureVMClient(Session):
    """Operates the virtual machines of a subscription.

    Parameters
    ----------
    subscription : str
        Subscription id, a GUID.
    resource_group : str
        Where VMs named by their bare name are looked for. A full ARM id names a VM anywhere.
    credential : TokenCredential or AsyncTokenCredential, optional
        Any credential of azure-identity, or one of your own with its ``get_token``; it stays yours to close. None:
        ``DefaultAzureCredential``, made at the first request.
    endpoint : str, optional
        Resource Manager's URL, if it is not the cloud's: https, or http on a loopback address (an emulator).
    cloud : {"public", "usgovernment", "china"}
        Sets endpoint, sign-in authority and token scope.
    timeouts : Timeouts, optional
        Seconds for connecting, reading and a whole exchange.
    retry : Retry, optional
        How often and how patiently requests are sent again.
    clock : Clock, optional
        For tests and simulations: :class:`~azvm_async.clock.VirtualClock`.
    transport : Transport, optional
        For tests and simulations: what carries requests in place of aiohttp.

    Raises
    ------
    InvalidRequest
        When a name, the endpoint or the cloud can't be.

    Examples
    --------
    >>> async with AzureVMClient(subscription, "my-group") as client:
    ...     operation = await client.start("vm1")
    ...     await operation
    """

    def start(self, name: str) -> Submission[None]:
        """Start a VM.

        Parameters
        ----------
        name : str
            Its name, or full ARM id.

        Returns
        -------
        Submission
            Await it for the handle, or its ``result()``.

        Raises
        ------
        InvalidRequest
            When that can't be the name of a VM. Raised, as all that follows, when the submission is awaited.
        NotFound, Conflict, Throttled, RequestRefused, AuthenticationError
            When Azure refuses.
        OutcomeUnknown, TransportError
            When no answer came; TransportError says that nothing was sent.

        Notes
        -----
        All that operates a VM raises these. REST reference: Microsoft.Compute, "Virtual Machines - Start".
        """
        return self._act(vm.START, name)

    def stop(self, name: str, force: bool = False) -> Submission[None]:
        """Power a VM off; its hardware stays allocated and billed.

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        force : bool
            Without shutting the system down first (``skipShutdown``).
        """
        return self._act(vm.STOP, name, skipShutdown=vm.flag(force))

    def deallocate(self, name: str, hibernate: bool = False) -> Submission[None]:
        """Stop a VM and give its hardware back; it is not billed any more.

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        hibernate : bool
            Save its memory to its disk first, where the VM has that enabled.
        """
        return self._act(vm.DEALLOCATE, name, hibernate=vm.flag(hibernate))

    def reboot(self, name: str) -> Submission[None]:
        """Restart a VM. Sent at most once: a lost answer raises :class:`OutcomeUnknown`."""
        return self._act(vm.REBOOT, name)

    def redeploy(self, name: str) -> Submission[None]:
        """Move a VM to another host and start it there. Sent at most once."""
        return self._act(vm.REDEPLOY, name)

    def reapply(self, name: str) -> Submission[None]:
        """Apply a VM's present model once more, for one in a failed state."""
        return self._act(vm.REAPPLY, name)

    def reimage(self, name: str) -> Submission[None]:
        """Set a VM's disk back to its image. Sent at most once."""
        return self._act(vm.REIMAGE, name)

    def simulate_eviction(self, name: str) -> Submission[None]:
        """Have Azure evict a Spot VM within 30 minutes. The operation ends with Azure's promise. Sent at most once."""
        return self._act(vm.SIMULATE_EVICTION, name)

    def delete(self, name: str, force: bool = False) -> Submission[None]:
        """Delete a VM, and what is set to go with it. One that is not there is a success, as Azure has it (204).

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        force : bool
            Without shutting the system down first (``forceDeletion``).
        """
        return self._act(vm.DELETE, name, forceDeletion=vm.flag(force))

    def run_command(
        self,
        name: str,
        script: str,
        parameters: Mapping[str, object] | None = None,
        protected_parameters: Mapping[str, object] | None = None,
        timeout: float = 3600.0,
        run_as_user: str | None = None,
        *,
        location: str | None = None,
        keep: bool = False,
    ) -> Submission[RunCommandResult]:
        """Run a script on a VM, by managed run command: a shell script on Linux, PowerShell on Windows.

        Parameters
        ----------
        name : str
            The VM's name, or full ARM id.
        script : str
            Its text, sent as it is.
        parameters, protected_parameters : Mapping[str, object], optional
            Environment variables of the script (named parameters on Windows); numbers become text. Azure drops empty
            ones. Protected ones are never shown again, by Azure or here.
        timeout : float
            Seconds after which Azure ends the script.
        run_as_user : str, optional
            The user who runs it.
        location : str, optional
            The VM's region; it is read where it is not given.
        keep : bool
            Leave the run command in Azure. Otherwise it is deleted once its result is known, for a VM takes 25.

        Returns
        -------
        Submission
            Its result is a :class:`RunCommandResult`, also where the script failed.

        Notes
        -----
        A token that is resumed after the run command was deleted finds nothing any more: use ``keep`` where the result
        must outlive a crash at that moment. REST reference: "Virtual Machine Run Commands - Create Or Update".
        """
        if not isinstance(location, str | None):
            raise InvalidRequest(f"A region is named by a str, not by {location!r}")
        wanted = Script(script, parameters or {}, protected_parameters or {}, timeout, run_as_user)
        return Submission(self._run(name, wanted, location, keep=keep), self._clock)

    def provision(
        self,
        name: str,
        template: Source,
        parameters: Source | None = None,
        mode: Literal["Incremental", "Complete"] = "Incremental",
        if_exists: Literal["update", "keep"] = "update",
        *,
        deployment_name: str | None = None,
        custom_data: str | PathLike[str] | None = None,
        stack: bool = False,
    ) -> Submission[Deployed]:
        """Deploy an ARM template: a VM with all that belongs to it.

        Parameters
        ----------
        name : str
            The VM's name, or full ARM id. It is the template's parameter ``vmName``, where there is one and
            ``parameters`` leaves it out.
        template : Mapping, str or PathLike
            The template, or the path of a ``.json`` or ``.jsonc`` file, in which there may be comments.
        parameters : Mapping, str or PathLike, optional
            Values by the template's parameter names, or the path of an ARM parameter file.
        mode : {"Incremental", "Complete"}
            ``Complete`` deletes what is in the resource group and not in the template.
        if_exists : {"update", "keep"}
            ``keep`` sends nothing where the VM is there and was provisioned well.
        deployment_name : str, optional
            ``{name}-deployment`` by default.
        custom_data : str or Path, optional
            Text, or the path object of a file, for the template's parameter ``customData``.
        stack : bool
            Deploy by a deployment stack, which deletes what a later template leaves out; ``mode`` does not apply to it.

        Returns
        -------
        Submission
            Its result is a :class:`Deployed`; its updates show each resource. A deployment of this name that is running
            with the same template and parameters is adopted. One whose answer was lost is looked for, not sent twice.

        Raises
        ------
        InvalidRequest
            For a template or parameter that can't be, with the file's line. Nothing was sent.
        Conflict
            When another deployment is running under this name.
        NotFound, RequestRefused, AuthenticationError, OutcomeUnknown, TransportError
            As :meth:`start`; RequestRefused tells what ARM has against the template.

        Notes
        -----
        The handle raises :class:`DeploymentFailed` with the innermost cause. The first deployment of a name waits a
        second for Azure's clock, so that ``deprovision`` can tell what stood before. REST reference:
        "Deployments - Create Or Update", and "Deployment Stacks - Create Or Update At Resource Group".
        """
        given = (name, template, parameters, custom_data, mode, deployment_name)
        return Submission(self._provision(partial(self._order, *given, stack=stack), if_exists), self._clock)

    @overload
    def deprovision(
        self,
        name: str,
        *,
        deployment_name: str | None = ...,
        assume_owned: bool = ...,
        plan: Literal[True],
        stack: bool = ...,
    ) -> Submission[DeprovisionPlan]: ...

    @overload
    def deprovision(
        self, name: str, *, deployment_name: str | None = ..., assume_owned: bool = ..., stack: bool = ...
    ) -> Submission[Deprovisioned]: ...

    @overload
    def deprovision(
        self, name: str, *, deployment_name: str | None = ..., assume_owned: bool = ..., plan: bool, stack: bool = ...
    ) -> Submission[Deprovisioned | DeprovisionPlan]: ...

    def deprovision(
        self,
        name: str,
        *,
        deployment_name: str | None = None,
        assume_owned: bool = False,
        plan: bool = False,
        stack: bool = False,
    ) -> Submission[Any]:
        """Delete everything that a deployment created, VM first, and its record last.

        Ours is what is not older than the first deployment of that name, by Azure's own word; children go with their
        parents, and the disks that Azure made with a VM go with it. What the deployment only changed stays. A
        deployment that is running is canceled first.

        Parameters
        ----------
        name : str
            The VM's name, or full ARM id.
        deployment_name : str, optional
            ``{name}-deployment`` by default.
        assume_owned : bool
            Take everything that the deployment names for its own, also what stood before it.
        plan : bool
            Only show what would be done: the result is a :class:`DeprovisionPlan`.
        stack : bool
            It is a deployment stack, which deletes what it manages.

        Returns
        -------
        Submission
            Its result is a :class:`Deprovisioned`: what was deleted, and what was left and why. Where there is neither
            such a deployment nor the VM, nothing is left to do: that is a success.

        Raises
        ------
        OwnershipUnknown
            When the deployment was not made by :meth:`provision`, and ``assume_owned`` is not given; when there is the
            VM, but no such deployment.
        InvalidRequest, NotFound, RequestRefused, AuthenticationError, TransportError
            As :meth:`start`.

        Notes
        -----
        The handle raises :class:`DeprovisionIncomplete` where something of ours could not be deleted. Resumed in another
        process, it finds out again what is to be done. REST reference: "Deployment Operations - List", "Resources - List
        By Resource Group" with ``$expand=createdTime``.
        """
        return Submission(self._deprovision(name, deployment_name, assume_owned, plan, stack), self._clock)

    async def validate(
        self,
        name: str,
        template: Source,
        parameters: Source | None = None,
        mode: Literal["Incremental", "Complete"] = "Incremental",
        *,
        deployment_name: str | None = None,
        custom_data: str | PathLike[str] | None = None,
    ) -> tuple[str, ...]:
        """Have ARM check a deployment without doing it; the parameters are those of :meth:`provision`.

        Returns
        -------
        tuple of str
            ARM ids of the resources that it would deploy.

        Raises
        ------
        RequestRefused
            When ARM would not take it, with the reasons. Beside that as :meth:`provision`.
        """
        wanted = self._order(name, template, parameters, custom_data, mode, deployment_name)
        return await self._deployer.validate(wanted)

    async def what_if(
        self,
        name: str,
        template: Source,
        parameters: Source | None = None,
        mode: Literal["Incremental", "Complete"] = "Incremental",
        *,
        deployment_name: str | None = None,
        custom_data: str | PathLike[str] | None = None,
    ) -> tuple[ResourceChange, ...]:
        """Have ARM tell what a deployment would change; parameters and errors are those of :meth:`validate`."""
        wanted = self._order(name, template, parameters, custom_data, mode, deployment_name)
        return await self._deployer.what_if(wanted)

    def begin(
        self,
        method: str,
        path_or_url: str,
        json: Any = None,
        api_version: str | None = None,
        final_state_via: str | None = None,
        repeat: str = "answered",
    ) -> Submission[Any]:
        """Begin any operation of Resource Manager.

        Parameters
        ----------
        method : {"PUT", "PATCH", "POST", "DELETE", "GET"}
            HTTP method.
        path_or_url : str
            Path with its leading slash, or URL on the endpoint.
        json : JSON, optional
            Body.
        api_version : str, optional
            ``api-version``, where the path does not have it.
        final_state_via : {"azure-async-operation", "operation-location", "location", "original-uri"}, optional
            Where the result is, if the service's API description says so.
        repeat : {"answered", "always", "refused", "never"}
            What may be sent again: after an answer of 408, 429 or 5xx, while a lost answer raises
            :class:`OutcomeUnknown`; after a lost answer too; after 429 only; nothing.

        Returns
        -------
        Submission
            Its result is the final JSON.

        Raises
        ------
        InvalidRequest
            When an argument can't be.
        """
        request = partial(own_request, self.endpoint, method, path_or_url, json, api_version)
        return Submission(self._begin(request, final_state_via, repeat), self._clock)

    async def get(self, name: str) -> VirtualMachine:
        """Read a VM with its power state.

        Raises
        ------
        NotFound, AuthenticationError, RequestRefused
            When Azure refuses.
        TransportError, ProtocolError
            When no answer came, or one that is no JSON.
        """
        return await self._reader.vm(self._vm(name))

    async def instance_view(self, name: str) -> InstanceView:
        """Read a VM's run-time state only. Raises as :meth:`get`."""
        return await self._reader.instance_view(self._vm(name))

    def list(self) -> AsyncIterator[VirtualMachine]:
        """Iterate over the VMs of the resource group, all pages: ``async for vm in client.list()``.

        Notes
        -----
        Azure's list of a group tells no power states, so they are read first, by one list of the whole subscription.
        Where the caller may not read that, ``power_state`` is None. Raises as :meth:`get`.
        """
        return self._reader.vms(self.subscription, self.resource_group)

    def _vm(self, name: str) -> VmId:
        return VmId.parse(name, self.subscription, self.resource_group)

    def _act(self, verb: vm.Verb, name: str, **query: str | None) -> Submission[None]:
        return Submission(self._operate(verb, name, query), self._clock)

    async def _operate(self, verb: vm.Verb, name: str, query: Mapping[str, str | None]) -> Operation[None]:
        target = self._vm(name)
        about, request = About(verb.name, str(target)), verb.request(self.endpoint, target, **query)
        return await self._outbox.submit(about, request, verb.repeat, partial(lro.begin, about, request))

    async def _run(self, name: str, script: Script, location: str | None, *, keep: bool) -> Operation[RunCommandResult]:
        return await self._runner.run(self._vm(name), script, location, keep=keep)

    async def _provision(self, wanted: Callable[[], Order], if_exists: str) -> Operation[Deployed]:
        keep = one_of(IfExists, if_exists, "if_exists") is IfExists.KEEP
        return await self._deployer.provision(wanted(), keep=keep)

    async def _deprovision(
        self, name: str, deployment_name: str | None, assume_owned: bool, plan: bool, stack: bool
    ) -> Operation[Any]:
        target = self._vm(name)
        owned, only_plan, of_stack = (bool(vm.flag(each)) for each in (assume_owned, plan, stack))
        deployment = deployment_of(target, deployment_name, stack=of_stack)
        return await self._deployer.deprovision(target, deployment, assume_owned=owned, only_plan=only_plan)

    def _order(
        self,
        name: str,
        template: Source,
        parameters: Source | None,
        custom_data: str | PathLike[str] | None,
        mode: str,
        deployment_name: str | None,
        *,
        stack: bool = False,
    ) -> Order:
        by_stack = bool(vm.flag(stack))
        return order(self._vm(name), template, parameters, custom_data, mode, deployment_name, stack=by_stack)

    async def _begin(self, request: Callable[[], Request], final_state_via: str | None, repeat: str) -> Operation[Any]:
        final = None if final_state_via is None else one_of(FinalState, final_state_via, "final_state_via")
        policy, asked = one_of(Repeat, repeat, "repeat"), request()
        about = About(asked.method, urls.path_of(asked.url))
        begin = partial(lro.begin, about, asked, wants_result=True, final_state=final)
        return await self._outbox.submit(about, asked, policy, begin)
