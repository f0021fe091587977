"""The client for synchronous callers: every call returns ``(Status, dict)``, as mlos_bench's protocols have it.

Calls that begin something return once Azure has accepted it, and their dict is the handle: plain JSON, which can be
waited for in any process. One background loop serves all facades of a process (:mod:`azvm_async.portal`); what is done on
it is in :mod:`azvm_async.facade.actions`.
"""

import logging
import os
import pickle
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import CancelledError
from functools import partial
from types import TracebackType
from typing import Any, Self

from azvm_async import portal
from azvm_async.client import AzureVMClient
from azvm_async.clock import Clock, SystemClock
from azvm_async.errors import AzureVMError, ClientClosed
from azvm_async.facade import actions
from azvm_async.facade.answers import (
    RESULTS,
    TOKEN,
    URL,
    Answer,
    Status,
    brought,
    failed,
    plain,
    results,
    script_status,
)
from azvm_async.facade.session import Session
from azvm_async.facade.settings import OF_CONFIG, Settings, deployment_name, required, vm_of
from azvm_async.facade.template import Blueprint
from azvm_async.submission import Submission

__all__ = ["Status", "VMFacade"]

Params = Mapping[str, Any]
Doing = Callable[[AzureVMClient, Settings], Coroutine[Any, Any, Answer]]

_log = logging.getLogger(__name__)


class VMFacade:
    """Operates virtual machines, for callers that know no asyncio; usable from many threads, and right after ``fork``.

    Parameters
    ----------
    config : dict
        mlos_bench's keys; ``subscription`` and ``resourceGroup`` are required. Params of a call come before it.
    credential : TokenCredential or AsyncTokenCredential, optional
        As :class:`~azvm_async.client.AzureVMClient` takes it.
    endpoint : str, optional
        Resource Manager's URL, if it is not Azure's own.
    ca_file : str or Path, optional
        As :class:`~azvm_async.client.AzureVMClient` takes it.

    Raises
    ------
    ValueError
        When the config lacks a key, or has a value that can't be.

    Notes
    -----
    Connections are opened at the first call. :meth:`close` lets go of them, the next call opens others; without it they
    are let go of with the object. What a call can't do is told in its answer, ``(FAILED, {"error": {…}})``, and in the
    log; only a missing key and a value that can't be is a ValueError. No dict that is given is changed.

    Examples
    --------
    >>> with VMFacade({"subscription": subscription, "resourceGroup": "my-group"}) as facade:
    ...     status, handle = facade.start_host({"vmName": "vm1"})
    ...     status, _ = facade.wait_host_operation(handle)
    """

    _clock: Clock = SystemClock()

    def __init__(
        self,
        config: Params,
        *,
        credential: Any = None,
        endpoint: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._config = dict(config)
        self._credential = credential
        self._endpoint = endpoint
        self._ca_file = ca_file
        Settings.of(self._config)
        self._blueprint = Blueprint.of(self._config)
        self._scripts = actions.Scripts()
        self._sessions: dict[int, Session] = {}  # by process, of which a fork makes two

    @property
    def deploy_params(self) -> dict[str, Any]:
        """The parameters of the deployment's template, as the config has them."""
        return dict(self._blueprint.parameters)

    def provision_host(self, params: Params) -> Answer:
        """Deploy the config's template: a VM with all that belongs to it. Then: :meth:`wait_host_deployment`.

        Raises
        ------
        ValueError
            When ``vmName`` is missing, or the config has no template.
        """
        config = self._merged(params, "vmName")
        name = deployment_name(config)
        sent = self._blueprint.filled({**params, "deploymentName": name}, {**config, "deploymentName": name})
        shown = {**self._blueprint.shown(sent), **config, "deploymentName": name}  # the dict says where the VM is
        template = self._blueprint.template or {}
        return self._do(
            config, lambda client, _: actions.begin(_provision(client, config, template, sent, name), shown)
        )

    def wait_host_deployment(self, params: Params, *, is_setup: bool) -> Answer:
        """Wait for the end of a deployment, or (``is_setup=False``) of a removal, which goes on where it stopped.

        Parameters
        ----------
        params : dict
            What :meth:`provision_host` or :meth:`deprovision_host` returned; ``asyncResultsUrl``, ``deploymentName`` or
            ``vmName`` are each enough.
        is_setup : bool
            Which of the two.

        Notes
        -----
        A removal is waited for by what :meth:`deprovision_host` returned, or by a URL or name alone, and never by the dict
        of another call: that is FAILED, and nothing is deleted. What no tag tells to be the deployment's is deleted by
        :meth:`deprovision_host` alone; its wait waits for that, and then deletes the deployment's record.
        """
        config = self._merged(params)
        if not config.get(URL):
            deployment_name(config)
        if not is_setup:
            return self._do(
                config,
                lambda client, settings: actions.wait_for_removal(client, config, settings.poll_timeout, self._clock),
            )
        return self._do(
            config, lambda client, settings: actions.wait_for_deployment(client, config, settings.poll_timeout)
        )

    def deprovision_host(self, params: Params) -> Answer:
        """Delete all that the VM's deployment created, and its record.

        Of a deployment that was not made here, which does not tell what it created, the VM is deleted with what Azure
        deletes with it; a warning in the log says what was left. Then: :meth:`wait_host_deployment`.
        """
        config = self._merged(params, "vmName")
        named = {**config, "deploymentName": deployment_name(config)}
        return self._do(config, lambda client, _: actions.begin_removal(client, named))

    def deallocate_host(self, params: Params) -> Answer:
        """Stop a VM and give its hardware back."""
        return self._begin(params, lambda client, vm: client.deallocate(vm))

    def start_host(self, params: Params) -> Answer:
        """Start a VM. Then: :meth:`wait_host_operation`."""
        return self._begin(params, lambda client, vm: client.start(vm))

    def stop_host(self, params: Params, force: bool = False) -> Answer:
        """Power a VM off; with ``force`` without shutting its system down first."""
        return self._begin(params, lambda client, vm: client.stop(vm, force=bool(force)))

    def restart_host(self, params: Params, force: bool = False) -> Answer:
        """Restart a VM. With ``force`` it is powered off without shutting down, waited for, and started."""
        config = self._merged(params, "vmName")
        return self._do(
            config,
            lambda client, settings: actions.restart(
                client, vm_of(config), config, settings.poll_timeout, force=bool(force)
            ),
        )

    def wait_host_operation(self, params: Params) -> Answer:
        """Wait for the end of what a call returned; PENDING where there is no ``asyncResultsUrl``."""
        config = self._merged(params)
        if not config.get(URL):
            return Status.PENDING, {}
        return self._do(config, lambda client, settings: actions.wait(client, config, settings.poll_timeout))

    def shutdown(self, params: Params, force: bool = False) -> Answer:
        """See :meth:`stop_host`."""
        return self.stop_host(params, force)

    def reboot(self, params: Params, force: bool = False) -> Answer:
        """See :meth:`restart_host`."""
        return self.restart_host(params, force)

    def wait_os_operation(self, params: Params) -> Answer:
        """See :meth:`wait_host_operation`."""
        return self.wait_host_operation(params)

    def remote_exec(self, script: Iterable[str], config: Params, env_params: Params) -> Answer:
        """Run a script on a VM. Then: :meth:`get_remote_exec_results`.

        Parameters
        ----------
        script : iterable of str
            Its lines, or its text; sent as it is.
        config : dict
            ``vmName`` and ``commandName``; ``location`` is read where it is not given.
        env_params : dict
            Environment variables of the script; Azure never shows them again.

        Raises
        ------
        ValueError
            When a name is missing, or a line is no text.

        Notes
        -----
        ``commandName`` names the script for who calls; in Azure each run has a name of its own. A result that was not read
        is deleted by the next script of this name on this VM.
        """
        merged = self._merged(config, "vmName", "commandName")
        text = actions.text_of(script)  # an iterator may be one of this thread's, and can be read only once
        return self._do(
            merged,
            lambda client, settings: self._scripts.begin(client, text, merged, env_params, settings.poll_timeout),
        )

    def wait_remote_exec_operation(self, params: Params) -> Answer:
        """Wait for a script's end. The dict takes its results along for :meth:`get_remote_exec_results`."""
        config = self._merged(params)
        if not (config.get(URL) or RESULTS in config):
            return Status.PENDING, {}
        return self._do(config, partial(self._script_ended, config))

    def get_remote_exec_results(self, config: Params) -> Answer:
        """Wait for a script's end and return its ``stdout``, ``stderr``, ``exitCode``, ``startTimestamp``, ``endTimestamp``.

        A script that failed is FAILED with all of these. The run command is deleted in Azure when its result has been
        read; after that this facade still remembers the last results, and a dict of :meth:`wait_remote_exec_operation`
        holds its own.
        """
        merged = self._merged(config)
        if not (merged.get(URL) or RESULTS in merged):
            return Status.PENDING, {}
        return self._do(merged, partial(self._script_results, merged))

    def close(self) -> None:
        """Let go of all connections; what goes on in Azure goes on. The next call opens others."""
        session = self._sessions.pop(os.getpid(), None)
        if session is not None:
            session.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self._credential)
        except Exception as error:
            kind = type(self._credential).__qualname__
            raise TypeError(
                f"The credential, a {kind}, can't be pickled, and so its {type(self).__name__} can't"
            ) from error
        return _rebuilt, (type(self), self._config, self._credential, self._endpoint, self._ca_file)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._config['resourceGroup']}>"

    def _merged(self, params: Params, *keys: str) -> dict[str, Any]:
        """Return the config with a call's params, in which nothing is missing."""
        config = {**self._config, **{key: value for key, value in params.items() if key not in OF_CONFIG}}
        required(config, "subscription", "resourceGroup", *keys)
        Settings.of(config)
        return config

    def _begin(self, params: Params, verb: Callable[[AzureVMClient, str], Submission[None]]) -> Answer:
        config = self._merged(params, "vmName")
        return self._do(config, lambda client, _: _submitted(client, config, verb))

    def _do(self, config: Params, doing: Doing) -> Answer:
        """Do something on the loop; whatever goes wrong is an answer."""
        settings = Settings.of(config)
        try:
            session = self._session()
            return session.portal.call(lambda: self._done(session, settings, doing))
        except AzureVMError as error:
            _log.error("%s", error)
            return failed(error, config)
        except (CancelledError, portal.PortalClosed):
            return failed(ClientClosed("The facade was closed meanwhile; what goes on in Azure goes on"), config)
        except portal.OwnThread:
            raise
        except Exception as error:  # noqa: BLE001 - an error that escaped would end a whole experiment
            _log.exception("A call came to nothing")
            return failed(error, config)

    async def _done(self, session: Session, settings: Settings, doing: Doing) -> Answer:
        client = session.client(settings, self._client)
        return await actions.unhindered(lambda: doing(client, settings), self._clock, settings.poll_timeout)

    def _client(self, settings: Settings) -> AzureVMClient:
        return AzureVMClient(
            settings.subscription,
            settings.resource_group,
            self._credential,
            self._endpoint,
            timeouts=settings.timeouts,
            retry=settings.retry,
            clock=self._clock,
            ca_file=self._ca_file,
        )

    def _session(self) -> Session:
        """Return what this facade has on the process's loop; of two threads that make it at once, one wins."""
        pid = os.getpid()
        session = self._sessions.get(pid)
        if session is not None and session.portal.usable:
            return session
        if session is not None:
            self._sessions.pop(pid, None)
        made = Session()
        kept = self._sessions.setdefault(pid, made)
        if kept is not made:
            made.release()
            return kept
        made.ends_with(self)
        return made

    async def _script_ended(self, config: Params, client: AzureVMClient, settings: Settings) -> Answer:
        result = await self._scripts.result(client, config, settings.poll_timeout)
        status, told = brought(result)
        handle = {key: config[key] for key in (URL, TOKEN) if key in config}
        return status, {**plain(config), **handle, **told}

    async def _script_results(self, config: Params, client: AzureVMClient, settings: Settings) -> Answer:
        result = await self._scripts.result(client, config, settings.poll_timeout)
        return script_status(result), results(result)


def _rebuilt(
    kind: type[VMFacade], config: Params, credential: Any, endpoint: str | None, ca_file: str | os.PathLike[str] | None
) -> VMFacade:
    return kind(config, credential=credential, endpoint=endpoint, ca_file=ca_file)


async def _submitted(
    client: AzureVMClient, config: Params, verb: Callable[[AzureVMClient, str], Submission[None]]
) -> Answer:
    return await actions.begin(verb(client, vm_of(config)), config)


def _provision(client: AzureVMClient, config: Params, template: Params, sent: Params, name: str) -> Submission[Any]:
    return client.provision(vm_of(config), template, sent, deployment_name=name)
