"""Deployments as a client offers them: a VM with all that belongs to it, from a template, and its removal."""

from collections.abc import Callable
from functools import partial
from os import PathLike
from typing import Any, Literal, overload

from azvm_async.operation import Operation
from azvm_async.order import IfExists, Order, deployment_of, order
from azvm_async.protocol import vm
from azvm_async.protocol.arguments import one_of
from azvm_async.protocol.deployment import Deployed
from azvm_async.protocol.deprovision import Deprovisioned
from azvm_async.protocol.plan import DeprovisionPlan
from azvm_async.protocol.what_if import ResourceChange
from azvm_async.sending import Sending
from azvm_async.session import Session
from azvm_async.submission import OnToken, Submission
from azvm_async.templates import Source


class Provisioning(Session):
    """Deploys and removes; a part of :class:`~azvm_async.client.AzureVMClient`."""

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
        on_token: OnToken | None = None,
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
        wanted = partial(self._order, *given, stack=stack)
        return Submission(partial(self._provision, wanted, if_exists), self._clock, on_token)

    @overload
    def deprovision(
        self,
        name: str,
        *,
        deployment_name: str | None = ...,
        assume_owned: bool = ...,
        plan: Literal[True],
        stack: bool = ...,
        on_token: OnToken | None = ...,
    ) -> Submission[DeprovisionPlan]: ...

    @overload
    def deprovision(
        self,
        name: str,
        *,
        deployment_name: str | None = ...,
        assume_owned: bool = ...,
        stack: bool = ...,
        on_token: OnToken | None = ...,
    ) -> Submission[Deprovisioned]: ...

    @overload
    def deprovision(
        self,
        name: str,
        *,
        deployment_name: str | None = ...,
        assume_owned: bool = ...,
        plan: bool,
        stack: bool = ...,
        on_token: OnToken | None = ...,
    ) -> Submission[Deprovisioned | DeprovisionPlan]: ...

    def deprovision(
        self,
        name: str,
        *,
        deployment_name: str | None = None,
        assume_owned: bool = False,
        plan: bool = False,
        stack: bool = False,
        on_token: OnToken | None = None,
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
        removing = partial(self._deprovision, name, deployment_name, assume_owned, plan, stack)
        return Submission(removing, self._clock, on_token)

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

    async def _provision(self, wanted: Callable[[], Order], if_exists: str, sending: Sending) -> Operation[Deployed]:
        keep = one_of(IfExists, if_exists, "if_exists") is IfExists.KEEP
        return await self._deployer.provision(wanted(), sending, keep=keep)

    async def _deprovision(
        self, name: str, deployment_name: str | None, assume_owned: bool, plan: bool, stack: bool, sending: Sending
    ) -> Operation[Any]:
        target = self._vm(name)
        owned, only_plan, of_stack = (bool(vm.flag(each)) for each in (assume_owned, plan, stack))
        deployment = deployment_of(target, deployment_name, stack=of_stack)
        return await self._deployer.deprovision(target, deployment, sending, assume_owned=owned, only_plan=only_plan)

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
