"""The client: one coroutine for each thing that one does with Azure VMs.

What changes something gives a handle (:class:`~azvm_async.operation.Operation`) once Azure has accepted it; what only
reads gives a value. A client is a session: one connection pool, one sign-in, one poller for all its handles.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from azvm_async.errors import InvalidRequest
from azvm_async.operation import Operation
from azvm_async.protocol import bulk, bulk_request, lro, tokens, urls, vm
from azvm_async.protocol.arguments import one_of, own_request
from azvm_async.protocol.bulk_member import BulkMember
from azvm_async.protocol.ids import VmId, checked_resource_group, checked_subscription
from azvm_async.protocol.lro import FinalState
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.script import RunCommandResult, Script, checked_command_name
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.provisioning import Provisioning
from azvm_async.runner import new_command_name
from azvm_async.sending import Sending
from azvm_async.submission import OnToken, Submission
from azvm_async.wire import Request


class AzureVMClient(Provisioning):
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
    budget : Budget, optional
        How much of Azure's limits it may use. By default all of them, shared with all clients of this process that have
        the same endpoint and principal.
    ca_file : str or Path, optional
        PEM file of the authorities whose certificates are trusted, in place of the system's: for a proxy that opens TLS, or
        the emulator's. Certificates are always checked. Sign-in is the credential's: it reads ``REQUESTS_CA_BUNDLE``.
    observer : Observer, optional
        Called with each :class:`~azvm_async.telemetry.Event`: what is submitted, accepted, polled, throttled, retried, finished.
        It is called on the loop, so it must not block; what it raises is logged, once.

    Raises
    ------
    InvalidRequest
        When a name, the endpoint, the cloud, the CA file or the observer can't be.

    Examples
    --------
    >>> async with AzureVMClient(subscription, "my-group") as client:
    ...     operation = await client.start("vm1")
    ...     await operation
    """

    def start(self, name: str, *, on_token: OnToken | None = None) -> Submission[None]:
        """Start a VM.

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        on_token : callable, optional
            Called with a token, a str, before the first byte is sent, and with another one once Azure has accepted. Of
            either ``resume`` tells what became of it, in another process too; the first only looks. All that submits
            takes this. Where the first call raises, nothing is sent; what the second raises is logged.

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
        OutcomeUnknown
            When it may have been done or not: an answer was lost, or Azure answered neither yes nor no (408, 5xx).
        TransportError
            When there was no connection; nothing was sent.

        Notes
        -----
        All that operates a VM raises these. REST reference: Microsoft.Compute, "Virtual Machines - Start".
        """
        return self._act(vm.START, name, on_token)

    def stop(self, name: str, force: bool = False, *, on_token: OnToken | None = None) -> Submission[None]:
        """Power a VM off; its hardware stays allocated and billed.

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        force : bool
            Without shutting the system down first (``skipShutdown``).
        """
        return self._act(vm.STOP, name, on_token, skipShutdown=vm.flag(force))

    def deallocate(self, name: str, hibernate: bool = False, *, on_token: OnToken | None = None) -> Submission[None]:
        """Stop a VM and give its hardware back; it is not billed any more.

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        hibernate : bool
            Save its memory to its disk first, where the VM has that enabled.
        """
        return self._act(vm.DEALLOCATE, name, on_token, hibernate=vm.flag(hibernate))

    def reboot(self, name: str, *, on_token: OnToken | None = None) -> Submission[None]:
        """Restart a VM. Sent at most once: a lost answer raises :class:`OutcomeUnknown`."""
        return self._act(vm.REBOOT, name, on_token)

    def redeploy(self, name: str, *, on_token: OnToken | None = None) -> Submission[None]:
        """Move a VM to another host and start it there. Sent at most once."""
        return self._act(vm.REDEPLOY, name, on_token)

    def reapply(self, name: str, *, on_token: OnToken | None = None) -> Submission[None]:
        """Apply a VM's present model once more, for one in a failed state."""
        return self._act(vm.REAPPLY, name, on_token)

    def reimage(self, name: str, *, on_token: OnToken | None = None) -> Submission[None]:
        """Set a VM's disk back to its image. Sent at most once."""
        return self._act(vm.REIMAGE, name, on_token)

    def simulate_eviction(self, name: str, *, on_token: OnToken | None = None) -> Submission[None]:
        """Have Azure evict a Spot VM within 30 minutes. The operation ends with Azure's promise. Sent at most once."""
        return self._act(vm.SIMULATE_EVICTION, name, on_token)

    def delete(self, name: str, force: bool = False, *, on_token: OnToken | None = None) -> Submission[None]:
        """Delete a VM, and what is set to go with it. One that is not there is a success, as Azure has it (204).

        Parameters
        ----------
        name : str
            Its name, or full ARM id.
        force : bool
            Without shutting the system down first (``forceDeletion``).
        """
        return self._act(vm.DELETE, name, on_token, forceDeletion=vm.flag(force))

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
        command_name: str | None = None,
        on_token: OnToken | None = None,
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
        command_name : str, optional
            What the run command is called in Azure, for who must know that before it is sent: ``azvm-`` and 32 hexadecimal
            digits, as ``f"azvm-{uuid4().hex}"``. By default a new one of these.

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
        return Submission(partial(self._run, name, wanted, location, keep, command_name), self._clock, on_token)

    def begin(
        self,
        method: str,
        path_or_url: str,
        json: Any = None,
        api_version: str | None = None,
        final_state_via: str | None = None,
        repeat: str | None = None,
        *,
        on_token: OnToken | None = None,
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
        repeat : {"always", "answered", "refused", "never"}, optional
            What may be sent again, where that it was never sent is not known: anything; what was answered by 408, 429 or
            5xx; what was answered by 429; nothing. Else it is an :class:`OutcomeUnknown`. By default ``always`` for GET and
            DELETE, for all others ``refused``: whether those may be done twice is not known here.

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
        return Submission(partial(self._begin, request, final_state_via, repeat), self._clock, on_token)

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

    def list(
        self, resource_group: str | None = None, subscription: str | None = None, *, states: bool = True
    ) -> AsyncIterator[VirtualMachine]:
        """Iterate over VMs, all pages: ``async for vm in client.list()``.

        Parameters
        ----------
        resource_group : str, optional
            By default the client's, with ``subscription`` all of them; ``"*"`` means all.
        subscription : str, optional
            By default the client's.
        states : bool
            Read the power states, too.

        Raises
        ------
        InvalidRequest
            When a name can't be one. Beside that, when iterated over, as :meth:`get`.

        Notes
        -----
        Azure's lists tell no power states, so they are read first, by one list of the whole subscription. Where the
        caller may not read that, ``power_state`` is None.
        """
        if resource_group is None and subscription is None:
            resource_group = self.resource_group
        group = None if resource_group in {None, "*"} else checked_resource_group(str(resource_group))
        return self._reader.vms(self._subscription(subscription), group, states=states)

    def list_states(self, subscription: str | None = None) -> AsyncIterator[VirtualMachine]:
        """Iterate over all VMs of a subscription, by default the client's, by the one list that tells their run-time states.

        Notes
        -----
        It tells of each VM its id, region, power and provisioning state; whether it tells more is up to Azure. REST reference:
        "Virtual Machines - List All" with ``statusOnly``. Raises as :meth:`list`.
        """
        return self._reader.states(self._subscription(subscription))

    def bulk(
        self,
        verb: str,
        names: Sequence[str],
        location: str,
        force: bool = False,
        *,
        on_token: OnToken | None = None,
    ) -> Submission[tuple[BulkMember, ...]]:
        """Have Azure start, deallocate, hibernate or delete up to 100 VMs by one request, with retries of its own.

        Parameters
        ----------
        verb : {"start", "deallocate", "hibernate", "delete"}
            What is done to each.
        names : sequence of str
            Names, or full ARM ids, of 1 to 100 VMs of one subscription.
        location : str
            The region of them all, such as ``westeurope``.
        force : bool
            Delete without shutting the systems down first.

        Returns
        -------
        Submission
            Its result tells how each VM's operation ended: a failed one is no error of the whole. Its updates show each.

        Raises
        ------
        InvalidRequest
            When Azure would not take that. Beside that as :meth:`start`.

        Notes
        -----
        By Microsoft.ComputeSchedule, with which the subscription must be registered. :class:`~azvm_async.fleet.Fleet` uses
        it for any number of VMs.
        """
        return Submission(partial(self._bulk, verb, names, location, force), self._clock, on_token)

    async def _bulk(
        self, verb: str, names: Sequence[str], location: str, force: bool, sending: Sending
    ) -> Operation[tuple[BulkMember, ...]]:
        targets = [self._vm(name) for name in names]
        subscription = targets[0].subscription if targets else self.subscription
        resources, number = [str(target) for target in targets], str(uuid4())
        request = bulk_request.request(self.endpoint, subscription, location, verb, resources, number, force=force)
        about = bulk_request.about_many(verb, subscription, location, resources)
        begin, sending.intent = partial(bulk.begin, about, request), tokens.intent(about, nonce=number)
        return await self._outbox.submit(about, request, Repeat.ALWAYS, begin, sending=sending)

    def _subscription(self, subscription: str | None) -> str:
        return self.subscription if subscription is None else checked_subscription(subscription)

    def _act(self, verb: vm.Verb, name: str, on_token: OnToken | None, **query: str | None) -> Submission[None]:
        return Submission(partial(self._operate, verb, name, query), self._clock, on_token)

    async def _operate(
        self, verb: vm.Verb, name: str, query: Mapping[str, str | None], sending: Sending
    ) -> Operation[None]:
        target = self._vm(name)
        about, request = About(verb.name, str(target)), verb.request(self.endpoint, target, **query)
        begin, sending.intent = partial(lro.begin, about, request), partial(self._intent, about, verb, target)
        return await self._outbox.submit(about, request, verb.repeat, begin, sending=sending)

    def _intent(self, about: About, verb: vm.Verb, target: VmId, request_id: str) -> str:
        """Return the token of what is about to be done to a VM, with where to look for it, if anything tells of it."""
        evident = vm.get(self.endpoint, target).url if verb in vm.EVIDENT else None
        return tokens.intent(about, evident)(request_id)

    async def _run(
        self, name: str, script: Script, location: str | None, keep: bool, command: str | None, sending: Sending
    ) -> Operation[RunCommandResult]:
        named = new_command_name() if command is None else checked_command_name(command)
        return await self._runner.run(self._vm(name), script, named, location, sending, keep=keep)

    async def _begin(
        self, request: Callable[[], Request], final_state_via: str | None, repeat: str | None, sending: Sending
    ) -> Operation[Any]:
        final = None if final_state_via is None else one_of(FinalState, final_state_via, "final_state_via")
        chosen = None if repeat is None else one_of(Repeat, repeat, "repeat")
        asked = request()
        policy = chosen or (Repeat.ALWAYS if asked.method in {"GET", "DELETE"} else Repeat.REFUSED)
        about = About(asked.method, urls.path_of(asked.url))
        begin = partial(lro.begin, about, asked, wants_result=True, final_state=final)
        sending.intent = tokens.intent(about)
        return await self._outbox.submit(about, asked, policy, begin, sending=sending)
