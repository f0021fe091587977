"""The client: one coroutine for each thing that one does with Azure VMs.

What changes something gives a handle (:class:`~azvm_async.operation.Operation`) once Azure has accepted it; what only
reads gives a value. A client is a session: one connection pool, one sign-in, one poller for all its handles.
"""

import logging
import random
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from enum import Enum
from functools import partial
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self, TypeVar

from azvm_async.clock import Clock, SystemClock
from azvm_async.credential import TokenSource
from azvm_async.errors import InvalidRequest, RequestRefused
from azvm_async.operation import Operation, Submission
from azvm_async.outbox import Outbox
from azvm_async.pipeline import Pipeline, Retry
from azvm_async.poller import Poller
from azvm_async.protocol import lro, run_command, tokens, urls, vm
from azvm_async.protocol.clouds import cloud_named
from azvm_async.protocol.ids import VmId, checked_resource_group, checked_subscription
from azvm_async.protocol.lro import METHODS, FinalState
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.repeat import Repeat
from azvm_async.protocol.script import NAME_PREFIX, RunCommandResult, Script, script_url
from azvm_async.protocol.vm import InstanceView, VirtualMachine
from azvm_async.reader import Reader
from azvm_async.transport import HttpTransport, Timeouts, Transport, environment_proxy
from azvm_async.wire import Request

_NAMED_AT_THE_END = 10

_log = logging.getLogger(__name__)


class AzureVMClient:
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

    def __init__(
        self,
        subscription: str,
        resource_group: str,
        credential: Any = None,
        endpoint: str | None = None,
        *,
        cloud: str = "public",
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
        transport: Transport | None = None,
    ) -> None:
        home = cloud_named(cloud)
        if credential is not None and not hasattr(credential, "get_token"):
            raise InvalidRequest(f"A {type(credential).__name__} is no credential: it has no get_token")
        self.subscription = checked_subscription(subscription)
        self.resource_group = checked_resource_group(resource_group)
        self.endpoint = urls.endpoint(home.endpoint if endpoint is None else endpoint)
        self._clock = clock or SystemClock()
        self._pipeline = Pipeline(
            self.endpoint,
            transport or HttpTransport(timeouts or Timeouts(), self._clock, proxy=environment_proxy(self.endpoint)),
            TokenSource(credential, home.scope, home.authority, self._clock),
            clock=self._clock,
            retry=retry or Retry(),
            user_agent=f"azvm-async/{version('azvm-async')}",
        )
        self._poller = Poller(self._pipeline.poll, self._clock, self._now)
        self._outbox = Outbox(self._pipeline, self._poller, self._now)
        self._reader = Reader(self._pipeline, self.endpoint)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections and stop polling. Operations go on in Azure; :attr:`outstanding` keeps their tokens.

        Submissions under way are given five seconds to be answered. Closing again does nothing.
        """
        if self._closed:
            return
        self._closed = True
        async with AsyncExitStack() as stack:  # each in its turn, whatever happens to the one before
            stack.callback(self._say_what_goes_on)
            stack.push_async_callback(self._pipeline.close)
            stack.push_async_callback(self._poller.close)
            stack.push_async_callback(self._outbox.close)

    @property
    def outstanding(self) -> list[Operation[Any]]:
        """Handles of all operations that have not ended, as far as this client knows, the oldest first.

        Those are among them whose handle was dropped, or whose submission's caller was cancelled. After the client is
        closed they can't be awaited, but their tokens are good.
        """
        return self._poller.outstanding

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
        request = partial(self._request, method, path_or_url, json, api_version)
        return Submission(self._begin(request, final_state_via, repeat), self._clock)

    def resume(self, token: str | Mapping[str, Any]) -> Operation[Any]:
        """Take an operation up again, also one of another process. Sends nothing by itself.

        Parameters
        ----------
        token : str or dict
            :attr:`Operation.token`, the same as a dict, or a bare ``asyncResultsUrl``.

        Raises
        ------
        InvalidRequest
            When it is none of these, or belongs to another endpoint.
        """
        return self._poller.resume(tokens.load(token, self.endpoint, self._now()))

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

    def __repr__(self) -> str:
        return f"<AzureVMClient {self.resource_group} at {self.endpoint}>"

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic(), self._clock.utcnow(), random.random())  # noqa: S311 - jitter

    def _vm(self, name: str) -> VmId:
        return VmId.parse(name, self.subscription, self.resource_group)

    def _act(self, verb: vm.Verb, name: str, **query: str | None) -> Submission[None]:
        return Submission(self._operate(verb, name, query), self._clock)

    async def _operate(self, verb: vm.Verb, name: str, query: Mapping[str, str | None]) -> Operation[None]:
        target = self._vm(name)
        about, request = About(verb.name, str(target)), verb.request(self.endpoint, target, **query)
        return await self._outbox.submit(about, request, verb.repeat, partial(lro.begin, about, request))

    async def _run(self, name: str, script: Script, location: str | None, *, keep: bool) -> Operation[RunCommandResult]:
        target, properties = self._vm(name), script.properties()
        about = About("run_command", str(target))
        url = script_url(self.endpoint, target, f"{NAME_PREFIX}{uuid.uuid4().hex}")
        region = location or await self._reader.location(target)
        request = Request.with_json("PUT", url, {"location": region, "properties": properties})
        begin = partial(run_command.begin, about, request, keep=keep)
        try:
            return await self._outbox.submit(about, request, Repeat.REFUSED, begin)
        except RequestRefused:
            self._reader.forget(target)  # it may have been made anew, in another region
            raise

    async def _begin(self, request: Callable[[], Request], final_state_via: str | None, repeat: str) -> Operation[Any]:
        final = None if final_state_via is None else _one_of(FinalState, final_state_via, "final_state_via")
        policy, asked = _one_of(Repeat, repeat, "repeat"), request()
        about = About(asked.method, urls.path_of(asked.url))
        begin = partial(lro.begin, about, asked, wants_result=True, final_state=final)
        return await self._outbox.submit(about, asked, policy, begin)

    def _request(self, method: str, path_or_url: str, json: Any, api_version: str | None) -> Request:
        """Build a request of a caller's own, or say what is wrong with it."""
        if not isinstance(path_or_url, str):
            raise InvalidRequest(f"The path is a str, not a {type(path_or_url).__name__}")
        if not isinstance(method, str) or method.upper() not in METHODS:
            raise InvalidRequest(f"{method!r} is not a method of Resource Manager; {', '.join(sorted(METHODS))} are")
        url = self.endpoint + path_or_url if path_or_url.startswith("/") else path_or_url
        if not urls.is_on(url, self.endpoint):
            what = f"{path_or_url!r} is neither a path with a leading '/', nor a URL on {self.endpoint}"
            raise InvalidRequest(what)
        try:
            return Request.with_json(method.upper(), urls.with_query(url, **{"api-version": api_version}), json)
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"The body is not JSON: {error}") from error

    def _say_what_goes_on(self) -> None:
        """Leaving is no stopping: name what goes on in Azure, so that nobody is surprised by a bill."""
        going_on = [str(operation.about) for operation in self.outstanding]
        if going_on:
            more = f" and {len(going_on) - _NAMED_AT_THE_END} more" if len(going_on) > _NAMED_AT_THE_END else ""
            named = ", ".join(going_on[:_NAMED_AT_THE_END]) + more
            counted = "1 operation" if len(going_on) == 1 else f"{len(going_on)} operations"
            _log.warning(
                "%s had not ended when last read, and may go on in Azure: %s. Their tokens are in client.outstanding",
                counted,
                named,
            )


Choice = TypeVar("Choice", bound=Enum)


def _one_of(kind: type[Choice], value: str, name: str) -> Choice:
    try:
        return kind(value)
    except ValueError as error:
        allowed = ", ".join(repr(member.value) for member in kind)
        raise InvalidRequest(f"{name} can't be {value!r}; {allowed} can") from error
