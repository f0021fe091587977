"""Fleets: the same done to many VMs, within Azure's limits, each on its own.

>>> async with Fleet(client, ["vm1", "vm2"]) as fleet:
...     run = fleet.start()
...     async for outcome in run:
...         print(outcome.name, outcome.state)
...     report = await run

A fleet is VMs by name, by id, or by :class:`Query`. Its verbs are the client's; each begins a :class:`Run` over all VMs.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from azvm_async.client import AzureVMClient
from azvm_async.errors import AzureVMError, InvalidRequest
from azvm_async.fleet import journal
from azvm_async.fleet.jobs import Job, Retake
from azvm_async.fleet.options import Options, RunOptions
from azvm_async.fleet.outcome import Outcome, State
from azvm_async.fleet.query import Query, Vm, named, queried
from azvm_async.fleet.report import Report
from azvm_async.fleet.run import Run
from azvm_async.protocol.script import Script
from azvm_async.protocol.vm import flag
from azvm_async.submission import Submission
from azvm_async.templates import Source, template_of

__all__ = ["Fleet", "Outcome", "Query", "Report", "Run", "RunOptions", "State"]

ForEach = Mapping[str, object] | Callable[[str], Mapping[str, object]]
"""The same for all VMs, or what gives it for each by the VM's name."""

T = TypeVar("T")

_log = logging.getLogger(__name__)

_STOPPED = frozenset({"stopped", "deallocated"})


class Fleet:
    """VMs to which the same is done.

    Parameters
    ----------
    client : AzureVMClient
        Works on them. They may be in other resource groups and subscriptions than its own, not at another endpoint.
    vms : iterable of str, or Query
        Names in the client's resource group, full ARM ids, or what finds them.
    **options : RunOptions
        For all runs of the fleet: ``max_concurrency``, ``stop_after_failures``, ``deadline``, ``only_needed``, ``engine``,
        ``journal``; see :class:`RunOptions`. A verb takes the same, for its run.

    Raises
    ------
    InvalidRequest
        When a name or an option can't be. Nothing was sent.

    Notes
    -----
    Leaving the ``async with`` block waits for its runs. Leaving it by an exception lets nothing more begin, and waits for
    nothing but answers that are due: what goes on in Azure has its token in ``run.report`` and in the journal.
    """

    def __init__(self, client: AzureVMClient, vms: Iterable[str] | Query, **options: Unpack[RunOptions]) -> None:
        self._client = client
        self._query = vms if isinstance(vms, Query) else None
        self._vms = [] if isinstance(vms, Query) else named(client, vms)
        self._options = Options().changed(options)
        self._runs: list[Run] = []
        self._entered = False

    async def __aenter__(self) -> Self:
        """Find the VMs of a query.

        Raises
        ------
        AuthenticationError, NotFound, RequestRefused, TransportError
            When Azure's lists can't be read.
        """
        if self._query is not None:
            self._vms = await queried(self._client, self._query)
            if not self._vms:
                _log.warning("%r finds no VMs", self._query)
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._entered = False
        if error is not None:
            self._leave(error)
        try:
            await self._over()
        except asyncio.CancelledError as cancelled:
            self._leave(cancelled)
            await self._over()
            raise
        for run in self._runs:
            if not run.heard:
                try:
                    await run
                except AzureVMError:
                    if error is None:
                        raise

    def _leave(self, error: BaseException) -> None:
        for run in self._runs:
            run.stop(f"it was left by {type(error).__name__}", wait=False)

    async def _over(self) -> None:
        for run in self._runs:
            await run.ended()

    @property
    def vms(self) -> tuple[str, ...]:
        """ARM ids of its VMs; of a query's once the fleet is entered."""
        return tuple(str(vm.id) for vm in self._vms)

    def __len__(self) -> int:
        return len(self._vms)

    def __repr__(self) -> str:
        return f"<Fleet of {len(self._vms):,} VMs>"

    def start(self, **options: Unpack[RunOptions]) -> Run:
        """Start the VMs.

        Parameters
        ----------
        **options : RunOptions
            For this run, in place of the fleet's.

        Returns
        -------
        Run
            Under way: await it for its report, or iterate over the outcomes.

        Raises
        ------
        InvalidRequest
            When an option can't be, does not go with this verb, or the journal is another run's. Nothing was sent.
        RuntimeError
            When the fleet is not entered.

        Notes
        -----
        All verbs of a fleet return and raise these; what they do to a VM is told by the client's method of that name.
        """
        return self._begin(self._simple("start", bulk="start", idle=frozenset({"running"})), options)

    def stop(self, force: bool = False, **options: Unpack[RunOptions]) -> Run:
        """Power the VMs off, with ``force`` without shutting their systems down."""
        return self._begin(self._simple("stop", force=force, idle=_STOPPED), options)

    def deallocate(self, hibernate: bool = False, **options: Unpack[RunOptions]) -> Run:
        """Stop the VMs and give their hardware back; with ``hibernate`` save their memory before."""
        name = "hibernate" if hibernate else "deallocate"
        job = self._simple("deallocate", bulk=name, idle=frozenset({"deallocated"}), hibernate=hibernate)
        return self._begin(replace(job, verb=name), options)

    def hibernate(self, **options: Unpack[RunOptions]) -> Run:
        """Save the VMs' memory to their disks and give their hardware back."""
        return self.deallocate(hibernate=True, **options)

    def reboot(self, **options: Unpack[RunOptions]) -> Run:
        """Restart the VMs, each once at most."""
        return self._begin(self._simple("reboot", retake=Retake.ASK), options)

    def redeploy(self, **options: Unpack[RunOptions]) -> Run:
        """Move the VMs to other hosts, each once at most."""
        return self._begin(self._simple("redeploy", retake=Retake.ASK), options)

    def reapply(self, **options: Unpack[RunOptions]) -> Run:
        """Apply the VMs' present models once more."""
        return self._begin(self._simple("reapply"), options)

    def reimage(self, **options: Unpack[RunOptions]) -> Run:
        """Set the VMs' disks back to their images, each once at most."""
        return self._begin(self._simple("reimage", retake=Retake.ASK), options)

    def simulate_eviction(self, **options: Unpack[RunOptions]) -> Run:
        """Have Azure evict the VMs, which are Spot VMs, within 30 minutes; each once at most."""
        return self._begin(self._simple("simulate_eviction", retake=Retake.ASK), options)

    def delete(self, force: bool = False, **options: Unpack[RunOptions]) -> Run:
        """Delete the VMs, with ``force`` without shutting their systems down."""
        return self._begin(self._simple("delete", bulk="delete", force=force), options)

    def run_command(
        self,
        script: str,
        parameters: ForEach | None = None,
        protected_parameters: ForEach | None = None,
        timeout: float = 3600.0,
        run_as_user: str | None = None,
        *,
        keep: bool = False,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Run a script on the VMs; each outcome's result is a :class:`RunCommandResult`, also where the script failed.

        Parameters
        ----------
        script : str
            The same for all.
        parameters, protected_parameters : Mapping[str, object] or callable, optional
            The same for all, or what returns a VM's own when it is called with the VM's name.
        timeout, run_as_user, keep
            As of :meth:`AzureVMClient.run_command`.
        **options : RunOptions
            See :meth:`start`.
        """
        same = [given if not callable(given) else {} for given in (parameters, protected_parameters)]
        Script(script, same[0] or {}, same[1] or {}, timeout, run_as_user).properties()  # what can't be is said at once
        plain, protected = _for_each(parameters), _for_each(protected_parameters, secret=True)

        def submit(vm: Vm) -> Submission[Any]:
            return self._client.run_command(
                str(vm.id),
                script,
                plain(vm.id.name),
                protected(vm.id.name),
                timeout,
                run_as_user,
                location=vm.location,
                keep=keep,
            )

        known = parameters if isinstance(parameters, Mapping) else None
        arguments = {"script": script, "parameters": known, "timeout": timeout, "user": run_as_user, "keep": keep}
        return self._begin(Job("run_command", submit, arguments, Retake.LOOK), options)

    def provision(
        self,
        template: Source,
        parameters: Source | Callable[[str], Source] | None = None,
        mode: Literal["Incremental", "Complete"] = "Incremental",
        if_exists: Literal["update", "keep"] = "update",
        *,
        custom_data: str | PathLike[str] | None = None,
        stack: bool = False,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Deploy one template for each VM: the fleet's names are those of the VMs to be.

        Parameters
        ----------
        template : Mapping, str or PathLike
            The same for all; its parameter ``vmName`` is the VM's name.
        parameters : Mapping, str, PathLike or callable, optional
            The same for all, or what returns a VM's own when it is called with the VM's name.
        mode, if_exists, custom_data, stack
            As of :meth:`AzureVMClient.provision`.
        **options : RunOptions
            See :meth:`start`.
        """
        document, own = template_of(template), _for_each(parameters, secret=True)

        def submit(vm: Vm) -> Submission[Any]:
            return self._client.provision(
                str(vm.id), document, own(vm.id.name), mode, if_exists, custom_data=custom_data, stack=stack
            )

        arguments = {"template": document, "mode": mode, "if_exists": if_exists, "stack": stack}
        return self._begin(Job("provision", submit, arguments, Retake.LOOK), options)

    def deprovision(self, *, assume_owned: bool = False, stack: bool = False, **options: Unpack[RunOptions]) -> Run:
        """Delete everything that the VMs' deployments created; see :meth:`AzureVMClient.deprovision`."""
        return self._begin(self._simple("deprovision", assume_owned=assume_owned, stack=stack), options)

    def _simple(
        self,
        verb: str,
        *,
        bulk: str | None = None,
        idle: frozenset[str] = frozenset(),
        retake: Retake = Retake.SEND,
        **given: bool,
    ) -> Job:
        """Return the job of a verb that has flags only."""
        for value in given.values():
            flag(value)
        method = getattr(self._client, verb)
        force = given.get("force", False)
        return Job(verb, lambda vm: method(str(vm.id), **given), given, retake, bulk, force, idle)

    def _begin(self, job: Job, given: RunOptions) -> Run:
        if not self._entered:
            raise RuntimeError("A fleet is used inside of 'async with Fleet(...) as fleet:'")
        options = self._options.changed(given)
        if options.only_needed and not job.can_be_needless:
            raise InvalidRequest(f"only_needed is not for {job.verb}: no state of a VM tells that it is not needed")
        if options.engine == "bulk" and job.bulk is None:
            raise InvalidRequest(f"Azure has no {job.verb} in bulk; start, deallocate, hibernate and delete it has")
        book = journal.opened(options.journal, job.verb, self._client.endpoint, job.arguments)
        run = Run(self._client, job, self._vms, options, book)
        self._runs.append(run)
        return run


def _for_each(given: T | Callable[[str], T], *, secret: bool = False) -> Callable[[str], T]:
    """Return what gives each VM its own; where a caller's own callable fails, that is this VM's failure.

    What is secret may stand in the words of its error, which are not told then.
    """

    def own(name: str) -> T:
        if not callable(given):
            return given
        try:
            return given(name)
        except Exception as error:  # noqa: BLE001 - whatever it raises
            told = type(error).__name__ if secret else f"{type(error).__name__}: {error}"
            raise InvalidRequest(f"No parameters for {name}: {told}", vm=name) from (None if secret else error)

    return own
