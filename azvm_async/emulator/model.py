"""The emulated world: subscriptions, resource groups, VMs, other resources, and operations under way.

Records only, with the look-ups that every room needs; what happens to them is told in the rooms named after it. All
names are found without regard to case and shown as they were given. Times are seconds of the monotonic clock, turned
into dates when somebody looks. Records are lean, for there may be a hundred thousand of them: documents are kept as text,
and a record that has an id has it as the one string that all who speak of it share.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from azvm_async.clock import Clock
from azvm_async.emulator.answers import Refusal
from azvm_async.emulator.buckets import Buckets
from azvm_async.emulator.effects import Chronicle
from azvm_async.emulator.instructions import Instruction  # noqa: TC001  # it is no other sort of import than the rest
from azvm_async.emulator.links import Links
from azvm_async.emulator.packing import pack, shared, unpack
from azvm_async.emulator.settings import Settings
from azvm_async.emulator.shelf import Shelf
from azvm_async.emulator.signing import Signer
from azvm_async.wire import Response  # noqa: TC001

if TYPE_CHECKING:
    from azvm_async.emulator.bulk_model import BulkOperation
    from azvm_async.emulator.deployment_model import Deployment, Stack

Document = dict[str, Any]
NEVER = float("inf")
TENANT = "00000000-0000-0000-0000-00000000000a"
_FREE = 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF  # of the bits of a GUID
_VERSION_4 = 0x00000000_0000_4000_8000_000000000000
_DATES = 1_024


class Moment(NamedTuple):
    """A point in time on both clocks: ``monotonic`` measures durations, ``utc`` gives dates."""

    monotonic: float
    utc: datetime

    @classmethod
    def of(cls, clock: Clock) -> "Moment":
        """Return the present by ``clock``."""
        return cls(clock.monotonic(), clock.utcnow())


@dataclass(slots=True, eq=False)
class Subscription:
    """A subscription, its resource groups by lower-case name, and the resources outside of them by lower-case id."""

    id: str
    groups: "Shelf[ResourceGroup]" = field(default_factory=Shelf)
    resources: "Shelf[Resource]" = field(default_factory=Shelf)

    @property
    def path(self) -> str:
        """The ARM id."""
        return f"/subscriptions/{self.id}"


@dataclass(slots=True, eq=False)
class ResourceGroup:
    """A resource group with its VMs, deployments and stacks by lower-case name, and its other resources by lower-case id."""

    subscription: Subscription
    name: str
    location: str
    serial: int
    tags: dict[str, str] | None = None
    provisioning_state: str = "Succeeded"
    operation: "Operation | None" = None
    machines: "Shelf[VirtualMachine]" = field(default_factory=Shelf)
    resources: "Shelf[Resource]" = field(default_factory=Shelf)
    deployments: "dict[str, Deployment]" = field(default_factory=dict)
    stacks: "dict[str, Stack]" = field(default_factory=dict)
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"{self.subscription.path}/resourceGroups/{self.name}"


@dataclass(slots=True, eq=False)
class VirtualMachine:
    """A VM.

    Parameters
    ----------
    path : str
        The ARM id.
    power_state : str or None
        The word after ``PowerState/``; ``None`` while the VM is being created.
    packed : str
        The text of ``given``.
    operation : Operation or None
        The operation under way, if any.
    run_commands : dict or None
        Managed run commands by lower-case name; most VMs have none.
    shown : tuple or None
        The text that was last shown of it, after what :attr:`face` was then.
    """

    group: ResourceGroup
    path: str
    location: str
    vm_id: str
    serial: int
    created: float
    size: str = "Standard_B2s"
    os_type: str = "Linux"
    power_state: str | None = None
    provisioning_state: str = "Succeeded"
    hibernated: bool = False
    tags: dict[str, str] | None = None
    packed: str = field(default="", repr=False)
    operation: "Operation | None" = None
    run_commands: "dict[str, RunCommand] | None" = None
    action_run: "RunCommand | None" = None
    shown: tuple[tuple[object, ...], str] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.path.rpartition("/")[2]

    @property
    def face(self) -> tuple[object, ...]:
        """Whatever its document and its instance view are made of that may change."""
        last = self.operation
        ended, failure = (None, None) if last is None else (last.ended, last.failure)
        state = self.power_state, self.provisioning_state, self.hibernated
        return *state, ended, failure, self.size, self.os_type, self.tags, self.packed

    @property
    def given(self) -> Document:
        """What the last PUT said, without its secrets; each time a copy, empty for a VM that was added in Python."""
        return unpack(self.packed)

    @given.setter
    def given(self, document: Document) -> None:
        self.packed = pack(document)


@dataclass(slots=True, eq=False)
class Resource:
    """Any resource that is no VM and no run command: a document under an id.

    Parameters
    ----------
    path : str
        The ARM id.
    parent : str
        The id of what it belongs to: a resource, a resource group or a subscription.
    location : str
        Where its operations are; a resource without a location of its own has its parent's.
    packed : str
        The text of ``document``.
    """

    path: str
    type: str
    parent: str
    group: ResourceGroup | None
    location: str
    serial: int
    created: float
    changed: float
    packed: str = field(default="", repr=False)
    provisioning_state: str = "Succeeded"
    operation: "Operation | None" = None

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.path.rpartition("/")[2]

    @property
    def document(self) -> Document:
        """What GET shows beside id, name, type and ``provisioningState``, but no secrets; each time a copy."""
        return unpack(self.packed)

    @document.setter
    def document(self, document: Document) -> None:
        self.packed = pack(document)

    @property
    def properties(self) -> Document:
        """The document's properties."""
        found: Document = self.document.get("properties", {})
        return found


@dataclass(slots=True, eq=False)
class RunCommand:
    """A managed run command, or one execution of the older ``runCommand`` action.

    Parameters
    ----------
    properties : dict
        What GET shows of the last PUT; protected parameters are not kept at all.
    state : str
        ``executionState``.
    script : int or None
        The key of the script while it runs.
    visible : float
        When the instance view begins to be shown.
    """

    machine: VirtualMachine
    name: str
    location: str
    properties: Document = field(repr=False)
    tags: dict[str, str] | None = None
    provisioning_state: str = "Creating"
    state: str = "Pending"
    message: str = ""
    exit_code: int = 0
    output: str = field(default="", repr=False)
    error: str = field(default="", repr=False)
    started: float | None = None
    ended: float | None = None
    script: int | None = None
    visible: float = 0.0
    operation: "Operation | None" = None

    @property
    def path(self) -> str:
        """The ARM id."""
        return f"{self.machine.path}/runCommands/{self.name}"


class Kind(NamedTuple):
    """A sort of operation: its name, what its end does, and what its ``Location`` answers afterwards."""

    name: str
    finish: "Callable[[World, Operation], None]"
    result: "Callable[[World, Operation], Response]"


class Grant(NamedTuple):
    """What a token is good for: until when it is valid, and who brings it."""

    expiry: datetime
    principal: str


class Failure(NamedTuple):
    """Why an operation didn't succeed."""

    code: str
    message: str


@dataclass(slots=True, eq=False)
class Operation:
    """A long-running operation.

    Parameters
    ----------
    target : VirtualMachine, RunCommand, ResourceGroup, Resource, ...
        What it changes; it has a ``path`` and a ``location``.
    due : float
        When it ends; :data:`NEVER` until a script's end decides.
    doom : Failure or None
        How it is going to fail when it has come due; ``None``: it will succeed.
    then : callable or None
        Called once when it has ended, however it did, after its effect.
    request : int or None
        The request that it is due to.
    before : tuple or None
        The power state that a VM has again when an action on it fails, and whether it is hibernated.
    endless : bool
        Whether it stays as it is until a newer one takes over.
    """

    id: str
    kind: Kind
    target: Any
    started: float
    due: float
    ended: float | None = None
    status: str = "InProgress"
    failure: Failure | None = None
    doom: Failure | None = None
    then: "Callable[[World, Operation], None] | None" = None
    request: int | None = None
    before: tuple[str, bool] | None = None
    endless: bool = False

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None


@dataclass(slots=True)
class Injected:
    """A failure that a test asked for.

    Parameters
    ----------
    pattern : str
        Which resources it concerns, as a lower-case glob of what follows ``/providers/`` in their ids.
    moment : str
        When it strikes: ``"creation"``, ``"preflight"`` or ``"deletion"``.
    times : int
        How often still.
    status : int
        The HTTP status of a refused deletion.
    """

    pattern: str
    moment: str
    failure: Failure
    times: int = 1
    status: int = 409


class World:
    """All that the emulator knows.

    Parameters
    ----------
    start : Moment
        The present; dates are counted from it.
    settings : Settings
        The emulator's habits.
    seed : int
        Ids come from it: the same seed and requests give the same ones.
    secrets : Random or None
        Tokens and signatures come from it, for which a seed would be known to everybody; ``None``: from the seed too.
    """

    def __init__(self, start: Moment, settings: Settings, seed: int = 0, secrets: Random | None = None) -> None:
        self.settings = settings
        self.random = Random(seed)  # noqa: S311  # to be repeatable is its purpose
        self.secrets = secrets or self.random
        self.signer = Signer(self.secrets)
        self.subscriptions: dict[str, Subscription] = {}
        self.operations: dict[str, Operation] = {}
        self.ended: deque[Operation] = deque()  # those of them that have, the first one first
        self.deployments: dict[str, Deployment] = {}  # by the id of their status, for those who poll
        self.bulk: dict[str, BulkOperation] = {}
        self.tokens: dict[str, Grant] = {}
        self.challenge: str | None = None
        self.challenged: dict[str, str] = {}
        self.partition = self.new_id()
        self.identity_header = self.secrets.randbytes(16).hex()
        self.client_secret = self.secrets.randbytes(20).hex()
        self.buckets = None if settings.throttling is None else Buckets(settings.throttling.scale)
        self.scripts: dict[int, RunCommand] = {}
        self.instructions: list[Instruction] = []
        self.serials = itertools.count(1)
        self.links = Links()
        self.children: dict[str, dict[str, Resource]] = {}
        self.locks: dict[str, Resource] = {}
        self.injected: list[Injected] = []
        self.chronicle = Chronicle()
        self.addresses: dict[str, int] = {}
        self.seen: dict[str, Any] = {}
        self.unregistered: set[tuple[str, str]] = set()
        self._origin = start
        self._date = lru_cache(_DATES)(self._new_date)
        self._agenda: list[tuple[float, int, Operation]] = []

    def new_id(self) -> str:
        """Return a fresh GUID."""
        digits = f"{self.random.getrandbits(128) & _FREE | _VERSION_4:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def date(self, monotonic: float) -> str:
        """Return the date of a point on the monotonic clock as ARM writes it."""
        return self._date(monotonic)

    def moment(self, monotonic: float) -> Moment:
        """Return a point on the monotonic clock on both clocks."""
        return Moment(monotonic, self._origin.utc + timedelta(seconds=monotonic - self._origin.monotonic))

    def monotonic(self, date: datetime) -> float:
        """Return the point on the monotonic clock that has this date."""
        return self._origin.monotonic + (date - self._origin.utc).total_seconds()

    def schedule(self, operation: Operation) -> None:
        """See to it that :meth:`due` brings the operation when its time has come."""
        heapq.heappush(self._agenda, (operation.due, next(self.serials), operation))

    def due(self, now: float) -> Iterator[Operation]:
        """Take the operations that have come to their end, in order; those ended otherwise are dropped."""
        while self._agenda and self._agenda[0][0] <= now:
            when, _, operation = heapq.heappop(self._agenda)
            if operation.running and operation.due == when:
                yield operation

    def subscription(self, subscription: str) -> Subscription:
        """Look a subscription up, or refuse with ARM's 404."""
        if (found := self.subscriptions.get(subscription.lower())) is None:
            raise Refusal(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        return found

    def group(self, subscription: str, name: str) -> ResourceGroup:
        """Look a resource group up, or refuse with ARM's 404."""
        if (found := self.subscription(subscription).groups.get(name.lower())) is None:
            raise Refusal(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return found

    def machine(self, subscription: str, group: str, name: str) -> VirtualMachine:
        """Look a VM up, or refuse with ARM's 404."""
        if (found := self.group(subscription, group).machines.get(name.lower())) is None:
            raise Refusal.not_found(f"Microsoft.Compute/virtualMachines/{name}", group)
        return found

    def add_subscription(self, subscription: str) -> Subscription:
        """Return a subscription, made when it doesn't exist."""
        return self.subscriptions.setdefault(subscription.lower(), Subscription(subscription))

    def first_subscription(self) -> str | None:
        """Return the id of the oldest subscription, if there is any."""
        return next((each.id for each in self.subscriptions.values()), None)

    def first_group(self, subscription: str) -> str | None:
        """Return the name of the oldest resource group of a subscription, if there is any."""
        found = self.subscriptions.get(subscription.lower())
        return next((each.name for each in found.groups.values()), None) if found else None

    def add_group(self, subscription: Subscription, name: str, location: str) -> ResourceGroup:
        """Return a resource group, made when it doesn't exist."""
        if (found := subscription.groups.get(name.lower())) is None:
            found = ResourceGroup(subscription, name, location, next(self.serials))
            subscription.groups[name.lower()] = found
        return found

    def add_machine(self, group: ResourceGroup, name: str, location: str, now: float) -> VirtualMachine:
        """Put a new VM into a resource group."""
        path = shared(f"{group.path}/providers/Microsoft.Compute/virtualMachines/{name}")
        machine = VirtualMachine(group, path, shared(location), self.new_id(), next(self.serials), now)
        group.machines[name.lower()] = machine
        return machine

    def _new_date(self, monotonic: float) -> str:
        return self.moment(monotonic).utc.astimezone(UTC).isoformat(timespec="microseconds")
