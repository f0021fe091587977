"""A session with one endpoint: what a client consists of, how it is left, and what is taken up again in it."""

import logging
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version
from os import PathLike
from types import TracebackType
from typing import Any, Self

from azvm_async.budget import Budget
from azvm_async.clock import Clock, SystemClock
from azvm_async.credential import TokenSource
from azvm_async.deployer import Deployer
from azvm_async.errors import InvalidRequest
from azvm_async.operation import Operation
from azvm_async.outbox import Outbox
from azvm_async.pipeline import Pipeline, Retry
from azvm_async.poller import Poller
from azvm_async.protocol import tokens, urls
from azvm_async.protocol.clouds import cloud_named
from azvm_async.protocol.ids import VmId, checked_resource_group, checked_subscription
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.script import is_ours
from azvm_async.reader import Reader
from azvm_async.runner import Runner
from azvm_async.telemetry import Observer, guarded
from azvm_async.transport import HttpTransport, Timeouts, Transport, environment_proxy

_NAMED_AT_THE_END = 10

_log = logging.getLogger(__name__)


class Session:
    """Pipeline, poller, outbox, reader, runner and deployer of a client; its parameters are the client's.

    Raises
    ------
    InvalidRequest
        When a name, the endpoint or the cloud can't be.
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
        budget: Budget | None = None,
        ca_file: str | PathLike[str] | None = None,
        observer: Observer | None = None,
    ) -> None:
        home = cloud_named(cloud)
        _check(credential, budget)
        self.subscription = checked_subscription(subscription)
        self.resource_group = checked_resource_group(resource_group)
        self.endpoint = urls.endpoint(home.endpoint if endpoint is None else endpoint)
        self._clock = clock or SystemClock()
        hearing = None if observer is None else guarded(observer)
        regions: dict[str, str] = {}
        self._pipeline = Pipeline(
            self.endpoint,
            transport or _http(self.endpoint, timeouts or Timeouts(), self._clock, ca_file),
            TokenSource(credential, home.scope, home.authority, self._clock),
            clock=self._clock,
            retry=retry or Retry(),
            user_agent=f"azvm-async/{version('azvm-async')}",
            budget=budget,
            region=regions.get,
            observer=hearing,
        )
        self._reader = Reader(self._pipeline, self.endpoint, regions)
        self._poller = Poller(
            self._pipeline.poll, self._pipeline.send, self._clock, self._now, self._reader.state_pages, hearing
        )
        self._outbox = Outbox(self._pipeline, self._poller, self._now, hearing)
        self._runner = Runner(self._pipeline, self._outbox, self._reader, self.endpoint, self._now)
        self._deployer = Deployer(
            self._pipeline, self._outbox, self._poller, self._reader, self.endpoint, self._clock, self._now
        )
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections and stop polling. Operations go on in Azure; :attr:`outstanding` keeps their tokens.

        Submissions under way are given five seconds to be answered; who only waits for Azure's limits is sent away at once.
        Closing again does nothing.
        """
        if self._closed:
            return
        self._closed = True
        async with AsyncExitStack() as stack:  # each in its turn, whatever happens to the one before
            stack.callback(self._say_what_goes_on)
            stack.push_async_callback(self._pipeline.close)
            stack.push_async_callback(self._poller.close)
            stack.push_async_callback(self._outbox.close)
            stack.callback(self._pipeline.dismiss)

    @property
    def clock(self) -> Clock:
        """What it tells the time by."""
        return self._clock

    @property
    def budget(self) -> Budget | None:
        """What it may use of Azure's limits; where it was given none, that is known from its first request on."""
        return self._pipeline.budget

    @property
    def outstanding(self) -> list[Operation[Any]]:
        """Handles of all operations that have not ended, as far as this client knows, the oldest first.

        Those are among them whose handle was dropped, or whose submission's caller was cancelled. After the client is
        closed they can't be awaited, but their tokens are good.
        """
        return self._poller.outstanding

    def resume(self, token: str | Mapping[str, Any], *, subscription: str | None = None) -> Operation[Any]:
        """Take an operation up again, also one of another process. Sends nothing by itself.

        Parameters
        ----------
        token : str or dict
            :attr:`Operation.token`, the same as a dict, or a bare ``asyncResultsUrl``. The token of an intent, as
            ``on_token`` gets it first, is looked for; its handle then goes on as what it finds.
        subscription : str, optional
            To which it belongs, by default the client's.

        Raises
        ------
        InvalidRequest
            When it is none of these, of a version not known here, or names anything of another endpoint or subscription.

        Notes
        -----
        Awaiting an intent raises :class:`NotAccepted` where it never came to Azure, and :class:`OutcomeUnknown` where
        nothing tells.
        """
        home = self.subscription if subscription is None else checked_subscription(subscription)
        return self._poller.resume(tokens.load(token, self.endpoint, self._now(), home))

    def __repr__(self) -> str:
        return f"<AzureVMClient {self.resource_group} at {self.endpoint}>"

    def _vm(self, name: str) -> VmId:
        return VmId.parse(name, self.subscription, self.resource_group)

    def _now(self) -> Moment:
        return Moment(self._clock.monotonic(), self._clock.utcnow(), random.random())  # noqa: S311 - jitter

    def _say_what_goes_on(self) -> None:
        """Leaving is no stopping, except of what is driven from here: name both, so that nobody is surprised by a bill."""
        left = [operation for operation in self.outstanding if not _tidies_up(operation)]
        driven = [operation for operation in left if operation.driven]
        others = [operation for operation in left if not operation.driven]
        for operations, fate in ((others, "may go on in Azure"), (driven, "stops here until it is resumed")):
            if operations:
                _log.warning("%s, and %s. Who has a token of it can take it up again", _counted(operations), fate)


def _check(credential: object, budget: object) -> None:
    """Refuse what is neither credential nor budget."""
    if credential is not None and not hasattr(credential, "get_token"):
        raise InvalidRequest(f"A {type(credential).__name__} is no credential: it has no get_token")
    if not isinstance(budget, Budget | None):
        raise InvalidRequest(f"A budget is a Budget, not a {type(budget).__name__}")


def _http(endpoint: str, timeouts: Timeouts, clock: Clock, ca_file: str | PathLike[str] | None) -> HttpTransport:
    return HttpTransport(timeouts, clock, proxy=environment_proxy(endpoint), ca_file=ca_file)


def _tidies_up(operation: Operation[Any]) -> bool:
    """Tell whether this deletes a script's run command that is not needed any more; nobody waits for that."""
    return operation.about.verb == "DELETE" and is_ours(operation.about.resource)


def _counted(operations: list[Operation[Any]]) -> str:
    """Return how many operations there are, and the names of some."""
    named = ", ".join(str(operation.about) for operation in operations[:_NAMED_AT_THE_END])
    more = f" and {len(operations) - _NAMED_AT_THE_END} more" if len(operations) > _NAMED_AT_THE_END else ""
    counted = "1 operation" if len(operations) == 1 else f"{len(operations)} operations"
    return f"{counted} had not ended when last read ({named}{more})"
