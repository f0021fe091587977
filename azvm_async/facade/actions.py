"""What the facade does on the loop: one coroutine for each kind of call, over the async client.

Nothing is remembered between a call and its wait but what is in the dict, with one exception: a run command is deleted
when its result has been read, so the last results that were read are kept for who asks again.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from azvm_async.client import AzureVMClient
from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, Conflict, InvalidRequest, NotFound, OwnershipUnknown, WaitTimeout
from azvm_async.facade.answers import RESULTS, TOKEN, URL, Answer, Status, begun, brought, named_by, plain, taken_up
from azvm_async.facade.settings import deployment_of, vm_of
from azvm_async.operation import Operation
from azvm_async.protocol.deployment import deployment_url, is_deployment
from azvm_async.protocol.deprovision import VERB, Deprovisioned
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.plan import Left
from azvm_async.protocol.script import RunCommandResult, is_ours
from azvm_async.protocol.urls import is_on, path_of
from azvm_async.protocol.vm import DELETE
from azvm_async.submission import Submission

RESULTS_KEPT = 16
"""Results of scripts that a facade remembers after they were read."""

PAUSE = 5.0
"""Seconds before something is tried again that another operation stood in the way of."""

_PASSING = frozenset({"conflict", "deploymentactive", "anotheroperationinprogress", "retryableerror"})

Config = Mapping[str, Any]

_log = logging.getLogger(__name__)


async def unhindered(doing: Callable[[], Awaitable[Answer]], clock: Clock, timeout: float) -> Answer:
    """Do something, again as long as Azure says that another operation is in the way, which will pass."""
    deadline = clock.monotonic() + timeout
    while True:
        try:
            return await doing()
        except Conflict as error:
            pause = error.retry_after or PAUSE
            if (error.code or "").lower() not in _PASSING or clock.monotonic() + pause > deadline:
                raise
            _log.info("This is tried again in %g s: %s", pause, error.what)
        await clock.sleep(pause)


async def begin(submission: Submission[Any], config: Config) -> Answer:
    """Submit, and let the handle go: the dict is enough to go on from."""
    operation = await submission
    if operation.done:
        await operation  # raises where it failed at once
        return Status.SUCCEEDED, plain(config)
    return begun(config, operation.async_results_url, operation.token, operation.retry_after)


async def wait(client: AzureVMClient, config: Config, timeout: float) -> Answer:
    """Wait for the end of what a dict names."""
    return brought(await resumed(client, config).result(timeout))


def resumed(client: AzureVMClient, config: Config) -> Operation[Any]:
    """Take up what a dict names: by its token, or by its URL alone."""
    url = config.get(URL)
    if named_by(config.get(TOKEN), url):
        return client.resume(config[TOKEN])
    if not isinstance(url, str):
        raise InvalidRequest(f"{URL} is a URL, not {url!r}")
    return client.resume({URL: url})


async def restart(client: AzureVMClient, vm: str, config: Config, timeout: float, *, force: bool) -> Answer:
    """Restart a VM. ARM knows no forced restart: power off without shutting down, wait for that, then start."""
    if not force:
        return await begin(client.reboot(vm), config)
    await client.stop(vm, force=True).result(timeout)
    return await begin(client.start(vm), config)


async def wait_for_deployment(client: AzureVMClient, config: Config, timeout: float) -> Answer:
    """Wait for the end of a deployment, which its name is enough to find."""
    return await wait(client, {**config, URL: deployment_in(config, client.endpoint)}, timeout)


def deployment_in(config: Config, endpoint: str) -> str:
    """Return the URL of the deployment that a dict names: by its URL, by ``deploymentName`` or by ``vmName``."""
    url = config.get(URL)
    return str(url) if url else deployment_of(config).url(endpoint)


async def begin_removal(client: AzureVMClient, config: Config) -> Answer:
    """Begin to delete what a deployment created; where nothing tells what that is, the VM alone."""
    vm, deployment = vm_of(config), deployment_of(config)
    try:
        return await begin(client.deprovision(vm, deployment_name=deployment.name), config)
    except OwnershipUnknown as error:
        _log.warning("%s. So only the VM and what Azure deletes with it is deleted", error.what)
    with suppress(NotFound, Conflict):  # there is none, or it has ended
        await client.begin("POST", deployment.url(client.endpoint, "/cancel"), repeat="always")
    deletion = await client.delete(vm)
    return begun(config, deployment.url(client.endpoint), None if deletion.done else deletion.token)


async def wait_for_removal(client: AzureVMClient, config: Config, timeout: float, clock: Clock) -> Answer:
    """Drive a removal to its end, whoever began it.

    Waiting deletes less than beginning: what a deployment's own tag tells to be its, and a record whose VM is gone.
    """
    try:
        async with clock.timeout(timeout):
            return brought(await _removed(client, config, clock))
    except WaitTimeout:
        raise
    except TimeoutError:
        what = f"The {VERB} did not end within {timeout:g} s"
        raise WaitTimeout(what, advice="Waiting again goes on with it") from None


async def _removed(client: AzureVMClient, config: Config, clock: Clock) -> object:
    url, token = deployment_in(config, client.endpoint), config.get(TOKEN)
    verb = token.get("verb") if isinstance(token, Mapping) else None
    if (verb == VERB and named_by(token, config.get(URL))) or not is_deployment(url):
        return await resumed(client, {**config, URL: url})
    if verb not in {None, VERB, DELETE.name}:
        raise InvalidRequest(f"This is the dict of a {verb}, so nothing is deleted: deprovision_host begins a removal")
    if not is_on(url, client.endpoint):
        raise InvalidRequest(f"This does not belong to the endpoint {client.endpoint}: it names a URL elsewhere")
    if verb == DELETE.name:  # of the VM alone
        await client.resume(config[TOKEN])
    vm, deployment = _vm_of_deployment(config, path_of(url)), path_of(url)
    try:
        return await client.deprovision(vm, deployment_name=short_name(deployment)).result()
    except OwnershipUnknown as unknown:
        return await _removed_unowned(client, vm, deployment, unknown, clock, named=bool(config.get("vmName")))


async def _removed_unowned(
    client: AzureVMClient, vm: str, deployment: str, unknown: OwnershipUnknown, clock: Clock, *, named: bool
) -> Deprovisioned:
    """Wait for the end of a VM that was deleted alone, and delete the record of its deployment."""
    left = await _left_by(client, vm, deployment)
    if left is None and not named:
        return Deprovisioned()  # all that was named was the deployment, and that is gone
    machines = {each.lower() for each in left or () if "/microsoft.compute/virtualmachines/" in each.lower()}
    for machine in {*machines, vm.lower()} if named else machines:
        await _gone(client, machine, unknown, clock)
    return await _record_removed(client, vm, deployment)


async def _gone(client: AzureVMClient, vm: str, unknown: OwnershipUnknown, clock: Clock) -> None:
    """Wait until a VM that is being deleted is gone; one that nobody deletes is not known to be ours."""
    with suppress(NotFound):
        while ((await client.get(vm)).provisioning_state or "").lower() == "deleting":
            await clock.sleep(PAUSE)
        raise unknown


async def _record_removed(client: AzureVMClient, vm: str, deployment: str) -> Deprovisioned:
    """Delete the record of a deployment whose VM was deleted alone; say what was left."""
    found = await _left_by(client, vm, deployment)
    left = found or ()
    if found is not None:
        await client.begin("DELETE", deployment_url(client.endpoint, deployment), repeat="always").result()
    _log.warning(
        "The deployment %s was not made by azvm_async, so only the VM %s and what Azure deletes with it was deleted. "
        "Left: %s",
        short_name(deployment),
        short_name(vm),
        ", ".join(left)
        or ("what was created with it; no record tells what" if found is None else "nothing that it names"),
    )
    return Deprovisioned((vm,), (), tuple(Left(each, "not known to be the deployment's own") for each in left))


async def _left_by(client: AzureVMClient, vm: str, deployment: str) -> tuple[str, ...] | None:
    """Return what a deployment names and is still there; ``None`` where there is no such deployment."""
    if not await _record(client, deployment):
        return None
    found = await client.deprovision(vm, deployment_name=short_name(deployment), assume_owned=True, plan=True).result()
    named = (*found.delete, *(each.id for each in found.left))
    return tuple(each for each in named if each.lower() != deployment.lower())


async def _record(client: AzureVMClient, deployment: str) -> bool:
    """Tell whether there is a deployment."""
    try:
        await client.begin("GET", deployment_url(client.endpoint, deployment)).result()
    except NotFound:
        return False
    return True


def _vm_of_deployment(config: Config, deployment: str) -> str:
    """Return the VM that a deployment is about, in its group; without ``vmName`` its name tells where to look."""
    group, _, name = deployment.partition("/providers/")
    bare = f"{group}/providers/Microsoft.Compute/virtualMachines/"
    if not config.get("vmName"):
        return bare + short_name(name).removesuffix("-deployment")
    vm = vm_of(config)
    if vm.lower() != (bare + short_name(vm)).lower():
        raise InvalidRequest(f"The deployment {deployment} is not in the resource group of the VM {vm}")
    return vm


class Scripts:
    """The scripts of one facade: those that nobody read the result of, and the last results that somebody read."""

    def __init__(self) -> None:
        self._unread: dict[tuple[str, str], str] = {}
        self._read: OrderedDict[str, RunCommandResult] = OrderedDict()
        self._awaited: dict[tuple[AzureVMClient, str], Operation[Any]] = {}  # a child of fork has another client

    async def begin(
        self, client: AzureVMClient, script: Iterable[str], config: Config, env: Config, timeout: float
    ) -> Answer:
        """Send a script. What is left of the last one of this name on this VM goes first, as if it were replaced."""
        vm = vm_of(config)
        key = vm.lower(), str(config["commandName"])
        await _delete(client, self._unread.pop(key, None))
        protected = {name: str(value) for name, value in env.items()}
        location = config.get("location") or None
        submission = client.run_command(
            vm, text_of(script), protected_parameters=protected, timeout=max(1.0, timeout), location=location
        )
        status, answer = await begin(submission, config)
        if URL in answer:
            self._unread[key] = answer[URL]
        return status, answer

    async def result(self, client: AzureVMClient, config: Config, timeout: float) -> RunCommandResult:
        """Wait for a script's end; its run command is deleted then."""
        if RESULTS in config:
            return taken_up(config[RESULTS])
        url = str(config[URL])
        if url not in self._read:
            found = await self._ended(client, config, timeout)
            self._remember(url, found)
            if not named_by(config.get(TOKEN), url) and is_ours(url):  # nothing else told that it may be deleted
                await _delete(client, url)
            return found
        return self._read[url]

    async def _ended(self, client: AzureVMClient, config: Config, timeout: float) -> RunCommandResult:
        """Wait for a script's end; two who wait at once share its handle: the second would find nothing any more."""
        key = client, str(config[URL])
        operation = self._awaited.get(key) or resumed(client, config)
        self._awaited[key] = operation
        try:
            found = await operation.result(timeout)
        finally:
            self._awaited.pop(key, None)
        if not isinstance(found, RunCommandResult):
            raise InvalidRequest("This was no script: its URL is not a run command's")
        return found

    def _remember(self, url: str, result: RunCommandResult) -> None:
        self._read[url] = result
        self._read.move_to_end(url)
        while len(self._read) > RESULTS_KEPT:
            self._read.popitem(last=False)
        self._unread = {key: each for key, each in self._unread.items() if each != url}


def text_of(script: Iterable[str]) -> str:
    """Return a script's text: its lines, each on its own, sent as they are.

    Raises
    ------
    ValueError
        When that is no text.
    """
    if isinstance(script, str):
        return script
    lines = list(script) if isinstance(script, Iterable) else [script]
    odd = {type(line).__name__ for line in lines if not isinstance(line, str)}
    if odd:
        raise ValueError(f"A script is a text, or lines of text, not {', '.join(sorted(odd))}")
    return "\n".join(line.removesuffix("\n") for line in lines)


async def _delete(client: AzureVMClient, url: str | None) -> None:
    """Delete a run command of ours; that it can't be deleted is said, and no more."""
    if url is None:
        return
    try:
        await client.begin("DELETE", url, repeat="always")
    except NotFound:
        pass
    except AzureVMError as error:
        _log.warning("A run command that is not needed any more could not be deleted: %s", error)
