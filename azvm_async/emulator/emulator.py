"""The emulator as its users see it: an async context manager with an endpoint, a credential and a few VMs."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Literal, NamedTuple, Self

from azvm_async.clock import Clock, SystemClock
from azvm_async.emulator import entra, hosts, identity, ids, registry
from azvm_async.emulator.calls import require_location
from azvm_async.emulator.core import Core
from azvm_async.emulator.deployment_model import all_deployments
from azvm_async.emulator.door import Door, InProcess, Received
from azvm_async.emulator.effects import Effect
from azvm_async.emulator.faults import Fault, Refused
from azvm_async.emulator.mishaps import Pattern
from azvm_async.emulator.model import Failure, Injected, Moment, VirtualMachine, World
from azvm_async.emulator.server import Server
from azvm_async.emulator.settings import Durations, Settings, Throttling
from azvm_async.emulator.state.file import StateFile
from azvm_async.emulator.state.reading import restore
from azvm_async.emulator.state.rest import bring_to_rest
from azvm_async.emulator.state.writing import world_text
from azvm_async.wire import Request, Response

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
RESOURCE_GROUP = "emulated-rg"
_AS_PUBLISHED = Throttling()


class AccessToken(NamedTuple):
    """A token as credentials hand it out."""

    token: str
    expires_on: int


class Credential:
    """Gets tokens from an emulator without asking its endpoint."""

    def __init__(self, world: World, clock: Clock, principal: str) -> None:
        self._world = world
        self._clock = clock
        self._principal = principal

    async def get_token(
        self,
        *scopes: str,  # noqa: ARG002  # a token of the emulator is good for everything
        claims: str | None = None,
        tenant_id: str | None = None,  # noqa: ARG002
        enable_cae: bool = False,  # noqa: ARG002
        **options: object,  # noqa: ARG002
    ) -> AccessToken:
        """Return a new token, which proves the claims that were asked for."""
        token, expiry = identity.issue(self._world, Moment.of(self._clock), claims, self._principal)
        return AccessToken(token, int(expiry.timestamp()))

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Emulator:
    """An ARM endpoint on loopback.

    Enter it with ``async with``: it listens on a free port, and on leaving it kills the scripts that run.

    Parameters
    ----------
    clock : Clock or None
        The machine's clock by default. With the :class:`~azvm_async.clock.VirtualClock` of a client in the same event
        loop, an operation of ten minutes takes milliseconds.
    port : int or None
        ``0`` for a free port; ``None`` opens no socket: :meth:`transport` and :meth:`send` are the door then.
    host : str
        ``127.0.0.1``, another address of loopback, ``::1`` or ``localhost``.
    tls : bool
        Whether the endpoint is https, with a certificate that :attr:`ca_file` vouches for. Clients find that file through
        :attr:`environment`; aiohttp reads it when it is imported.
    durations : Durations or None
        How long operations take.
    run_scripts : bool
        Whether run commands really execute their scripts, as the user who runs the emulator.
    seed : int
        Ids come from it; tokens and signatures never do, for everybody would know them.
    subscription, resource_group : str or None
        What exists at first, and is meant where no other one is named. By default the first ones in the state file, and
        where that has none, :data:`SUBSCRIPTION` and :data:`RESOURCE_GROUP`.
    location : str
        Of what is added without another one.
    throttling : Throttling or None
        How much may be asked for, by default as much as Azure has published; ``None`` refuses nothing, and says that
        plenty is left.
    retry_after, page_size, token_lifetime, spread
        See :class:`~azvm_async.emulator.settings.Settings`.
    state : Path or str or None
        A file to start from, if there is one, with nothing but what is in it, and to save to on leaving, where all that
        is under way is brought to its end.

    Raises
    ------
    ValueError
        When the host is not this machine for itself, when a name or location can't be one, when TLS is wanted without a
        socket, when the state file is not as it should be, or when another emulator has it.

    Examples
    --------
    >>> async def main() -> None:
    ...     async with Emulator(durations=Durations.quick()) as arm:
    ...         arm.add_vm("vm1", power="running")
    ...         print(arm.endpoint, arm.environment)
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        port: int | None = 0,
        host: str = "127.0.0.1",
        tls: bool = False,
        durations: Durations | None = None,
        run_scripts: bool = True,
        seed: int = 0,
        subscription: str | None = None,
        resource_group: str | None = None,
        location: str = "westeurope",
        retry_after: int | None = None,
        page_size: int = 500,
        token_lifetime: float = 86_400.0,
        spread: float = 0.0,
        throttling: Throttling | None = _AS_PUBLISHED,
        state: Path | str | None = None,
    ) -> None:
        hosts.require_loopback(host)
        for name in (subscription, resource_group):
            if name is not None:
                ids.require_name(name)
        if tls and port is None:
            raise ValueError("TLS is for a socket, and port=None opens none")
        settings = Settings(
            durations or Durations(), run_scripts, retry_after, page_size, token_lifetime, throttling, spread
        )
        self.clock: Clock = clock or SystemClock()
        self.location = require_location(location)
        self.endpoint = f"http://{hosts.in_url(host)}"
        self._world = World(Moment.of(self.clock), settings, seed, SystemRandom())
        self._core = Core(self._world)
        self._door = Door(self._core, self.clock)
        self._server = None if port is None else Server(self._door, self.clock, host, tls=tls)
        self._port = port or 0
        self._file = None if state is None else StateFile(state)
        restored = self._restore()
        self.subscription = subscription or self._world.first_subscription() or SUBSCRIPTION
        self.resource_group = resource_group or self._world.first_group(self.subscription) or RESOURCE_GROUP
        if not restored:
            self.add_resource_group(self.resource_group)

    async def __aenter__(self) -> Self:
        try:
            if self._server is not None:
                self.endpoint = await self._server.start(self._port)
        except BaseException:
            self._let_go()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._server is not None:
                await self._server.stop()
            await self._door.close()
        finally:
            self._save()

    @property
    def requests(self) -> list[Received]:
        """Every request that ARM received so far, but for those for tokens."""
        return self._door.received

    @property
    def effects(self) -> list[Effect]:
        """Every change that was made so far by requests and what they began, in order."""
        self._core.settle(Moment.of(self.clock))
        return self._world.chronicle.effects

    @property
    def ca_file(self) -> Path | None:
        """The certificate (PEM) that clients are to trust, while it listens with TLS; it is removed on leaving."""
        return None if self._server is None else self._server.ca_file

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that lead azure-identity's managed identity here, as on a VM."""
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.endpoint, **self._trust()}

    @property
    def app_service_environment(self) -> dict[str, str]:
        """Environment variables that lead azure-identity's managed identity here, as in an App Service."""
        return {
            "IDENTITY_ENDPOINT": f"{self.endpoint}{identity.APP_SERVICE_PATH}",
            "IDENTITY_HEADER": self._world.identity_header,
            **self._trust(),
        }

    @property
    def service_principal_environment(self) -> dict[str, str]:
        """Environment variables that lead azure-identity's service principal here; it wants https.

        Its sync credentials ask login.microsoftonline.com about the authority first, unless they are made with
        ``disable_instance_discovery=True``; its async ones don't.
        """
        return {
            "AZURE_AUTHORITY_HOST": self.endpoint,
            "AZURE_TENANT_ID": identity.TENANT,
            "AZURE_CLIENT_ID": entra.CLIENT_ID,
            "AZURE_CLIENT_SECRET": self._world.client_secret,
            **self._trust(),
        }

    def credential(self, *, principal: str = identity.PRINCIPAL) -> Credential:
        """Return a credential in the shape of azure-identity's async ones, good for this emulator only.

        Parameters
        ----------
        principal : str
            Whose it is: each principal has limits of its own. By default they are all one's.
        """
        return Credential(self._world, self.clock, principal)

    def transport(self) -> InProcess:
        """Return the door without sockets, in the shape of a client's transport."""
        return InProcess(self._door)

    async def send(self, request: Request) -> Response:
        """Answer a request without sockets; like the server, only with a token."""
        return await self._door.send(request)

    def add_resource_group(self, name: str, *, location: str | None = None, subscription: str | None = None) -> str:
        """Add a resource group, and its subscription, where they don't exist; return the group's ARM id.

        Raises
        ------
        ValueError
            When a name can't stand in an id, or the location can't be one.
        """
        ids.require_name(name)
        ids.require_name(subscription or self.subscription)
        place = self.location if location is None else require_location(location)
        return self._world.add_group(self._world.add_subscription(subscription or self.subscription), name, place).path

    def add_vm(
        self,
        name: str,
        *,
        power: Literal["running", "stopped", "deallocated"] = "deallocated",
        location: str | None = None,
        size: str = "Standard_B2s",
        os_type: Literal["Linux", "Windows"] = "Linux",
        tags: dict[str, str] | None = None,
        resource_group: str | None = None,
        subscription: str | None = None,
    ) -> str:
        """Add a VM, and the resource group it is in; return its ARM id.

        Raises
        ------
        ValueError
            When there is a VM of this name, it can't stand in an id, or the location can't be one.
        """
        ids.require_name(name)
        place = None if location is None else require_location(location)
        self.add_resource_group(resource_group or self.resource_group, subscription=subscription)
        group = self._world.group(subscription or self.subscription, resource_group or self.resource_group)
        if name.lower() in group.machines:
            raise ValueError(f"there is a VM {name!r} in {group.name!r}")
        machine = self._world.add_machine(group, name, place or group.location, self.clock.monotonic())
        machine.power_state, machine.size, machine.os_type = power, size, os_type
        machine.tags = None if tags is None else dict(tags)
        return machine.path

    def fail(self, resource: str, code: str, message: str, *, times: int = 1, preflight: bool = False) -> None:
        """Let the next creations of a resource fail, by a deployment or by PUT, or the next actions on a VM's power.

        Parameters
        ----------
        resource : str
            Which ones: type and name as in ids, ``"Microsoft.Compute/virtualMachines/vm1"``, in any case and with ``*``.
            An action is named by its verb after them, ``"Microsoft.Compute/virtualMachines/*/start"``.
        code, message : str
            The error.
        times : int
            How many creations or actions.
        preflight : bool
            Whether it is refused before anything begins; otherwise the operation fails.
        """
        moment = "preflight" if preflight else "creation"
        self._world.injected.append(Injected(resource.lower(), moment, Failure(code, message), times))

    def refuse_delete(self, resource: str, code: str, message: str, *, status: int = 409, times: int = 1) -> None:
        """Let the next so many DELETEs of a resource be refused; which ones is said as in :meth:`fail`."""
        self._world.injected.append(Injected(resource.lower(), "deletion", Failure(code, message), times, status))

    def inject(self, fault: Fault, *, method: str = "*", path: str = "*", times: int = 1) -> None:
        """Let a fault strike the next requests that match, beside those for tokens.

        Parameters
        ----------
        fault : Fault
            One of :mod:`azvm_async.emulator.faults`. Requests that cannot be struck by it, as a GET by
            ``AllocationFailed``, do not count.
        method, path : str
            Globs of the method and of the path, without the query, in any case: ``"*/virtualMachines/vm1/start"``.
        times : int
            How many requests.

        Raises
        ------
        ValueError
            When ``times`` is less than 1, or the server cannot do it; see :class:`~azvm_async.emulator.faults.Refused`.
        """
        self._require_possible([fault])
        self._door.mishaps.script(fault, Pattern(method, path), times)

    def inject_randomly(
        self, shares: Mapping[Fault, float], *, seed: int = 0, method: str = "*", path: str = "*"
    ) -> None:
        """Let faults strike by chance, in place of those that did so far; an empty ``shares`` ends it.

        Parameters
        ----------
        shares : Mapping[Fault, float]
            How many of the requests each fault strikes, from 0 to 1; together 1 at most.
        seed : int
            The same seed and the same requests meet the same faults.
        method, path : str
            As in :meth:`inject`, whose faults go first.

        Raises
        ------
        ValueError
            When the shares are not such, or the server cannot do it.
        """
        self._require_possible(shares)
        self._door.mishaps.leave_to_chance(shares, Pattern(method, path), seed)

    async def refuse_connections(self, seconds: float) -> None:
        """Let there be no connection for so long by the clock; connections at rest are closed."""
        self._door.shut(seconds)
        if self._server is not None:
            await self._server.refuse(seconds)

    def resources(self) -> list[str]:
        """Return the ids of all VMs and other resources that exist, in the order of their creation in each group."""
        self._core.settle(Moment.of(self.clock))
        return registry.paths(self._world)

    def vm(self, name: str, *, resource_group: str | None = None, subscription: str | None = None) -> VirtualMachine:
        """Return a VM as it is now, to be read: ``power_state``, ``provisioning_state`` and more.

        Raises
        ------
        KeyError
            When there is no such VM.
        """
        self._core.settle(Moment.of(self.clock))
        owner = self._world.subscriptions[(subscription or self.subscription).lower()]
        return owner.groups[(resource_group or self.resource_group).lower()].machines[name.lower()]

    def deployments(self) -> list[str]:
        """Return the ids of all deployments, those nested in others included."""
        self._core.settle(Moment.of(self.clock))
        return [deployment.path for deployment in all_deployments(self._world)]

    def _restore(self) -> bool:
        """Start from the state file; tell whether there was anything in it."""
        if self._file is None:
            return False
        try:
            text = self._file.read()
            if text.strip():
                restore(self._world, text, self.clock.monotonic())
        except ValueError as error:
            self._let_go()
            raise ValueError(f"the state file {self._file.path} is not as it should be: {error}") from error
        except BaseException:
            self._let_go()
            raise
        return bool(text.strip())

    def _save(self) -> None:
        if self._file is None:
            return
        try:
            bring_to_rest(self._world, self.clock.monotonic())
            self._file.write(world_text(self._world))
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()

    def _trust(self) -> dict[str, str]:
        """Return the variables that make OpenSSL's programs, aiohttp among them, and requests trust the certificate."""
        return {} if self.ca_file is None else dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(self.ca_file))

    def _require_possible(self, faults: Iterable[Fault]) -> None:
        if self._server is not None and any(isinstance(fault, Refused) for fault in faults):
            raise ValueError("a server that listens cannot choose whom to refuse: see refuse_connections")
