"""The submission: what ``client.start("vm1")`` gives before Azure has said a word. Await it for the handle.

It says what is known of its request meanwhile, for whoever may give it up, and hands out tokens: before the first byte leaves
that of the intent, and once Azure has accepted that of the operation.
"""

import logging
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from azvm_async.clock import Clock
from azvm_async.errors import AzureVMError, InvalidRequest, WaitTimeout
from azvm_async.operation import Operation, check_timeout
from azvm_async.sending import Sending
from azvm_async.telemetry import Observer, guarded

T_co = TypeVar("T_co", covariant=True)

OnToken = Callable[[str], object]
"""What is called with a token."""

_log = logging.getLogger(__name__)


class Submission(Coroutine[Any, Any, Operation[T_co]]):
    """A request not sent yet: await it for the handle, or ``.result()`` it for the result.

    A coroutine object, so that ``asyncio.gather``, ``TaskGroup.create_task`` and ``create_task`` take it.
    """

    def __init__(
        self,
        submit: Callable[[Sending], Coroutine[Any, Any, Operation[T_co]]],
        clock: Clock,
        on_token: OnToken | None = None,
    ) -> None:
        _check(on_token)
        self._sending = Sending()
        if on_token is not None:
            self._sending.announce, self._sending.told = _once(on_token), partial(_told, on_token)
        self._submitting = submit(self._sending)
        self._clock = clock

    @property
    def in_doubt(self) -> bool:
        """Whether Azure may have got it although there is no answer yet; to cancel it then does not undo it."""
        return self._sending.in_doubt

    @property
    def lost(self) -> bool:
        """Whether an answer was lost: then it is sent again, or looked for, to learn what became of it."""
        return self._sending.lost

    @property
    def may_be_broken_off(self) -> bool:
        """Whether nothing is to come that tells more of what was done: nothing was, or Azure answered in vain (408, 5xx)."""
        return self._sending.may_be_broken_off

    @property
    def failure(self) -> AzureVMError | None:
        """How it was answered, or not, the last time it was sent; ``None`` where it is under way, or was never sent."""
        return self._sending.failure

    def announce(self, callback: Callable[[Callable[[], str]], object]) -> None:
        """Have something called each time before the first byte is sent, with what makes the token of what is about to be done."""
        self._sending.announce = callback

    def observe(self, observer: Observer) -> None:
        """Have somebody hear of it, beside the client's observer, to the end of what it begins. Before it is awaited."""
        self._sending.observer = guarded(observer)

    def give_up(self) -> None:
        """Have nothing sent again but where an answer was lost, to learn what became of what was sent."""
        self._sending.given_up = True

    async def result(self, timeout: float | None = None) -> T_co:
        """Submit, then wait as :meth:`Operation.result` does, all within ``timeout`` seconds.

        Raises
        ------
        WaitTimeout
            When they pass before Azure answered, too: it then has no operation, and if there is to be one, it is found
            in ``client.outstanding``.
        """
        if timeout is None:
            return await (await self._submitting).result()
        try:
            check_timeout(timeout)
        except InvalidRequest:
            self._submitting.close()
            raise
        deadline = self._clock.monotonic() + timeout
        try:
            async with self._clock.timeout(timeout):
                operation = await self._submitting
        except TimeoutError:
            raise WaitTimeout(f"Azure did not accept the operation within {timeout:g} s") from None
        return await operation.within(max(0.0, deadline - self._clock.monotonic()), timeout)

    def __await__(self) -> Generator[Any, Any, Operation[T_co]]:
        return self._submitting.__await__()

    def send(self, value: Any) -> Any:
        """See :class:`collections.abc.Coroutine`."""
        return self._submitting.send(value)

    def throw(self, *error: Any) -> Any:
        """See :class:`collections.abc.Coroutine`."""
        return self._submitting.throw(*error)

    def close(self) -> None:
        """See :class:`collections.abc.Coroutine`."""
        self._submitting.close()


def _check(on_token: object) -> None:
    """Refuse what can't be called, before anything is sent.

    Raises
    ------
    InvalidRequest
        For what is no callable, or one that would have to be awaited.
    """
    if on_token is None:
        return
    if not callable(on_token):
        raise InvalidRequest(f"on_token is called with each token; a {type(on_token).__name__} can't be called")
    if iscoroutinefunction(on_token) or iscoroutinefunction(type(on_token).__call__):
        raise InvalidRequest(
            "on_token is called, not awaited, so that nothing leaves before it is done; make it a plain 'def'"
        )


def _once(callback: OnToken) -> Callable[[Callable[[], str]], None]:
    """Call back for another token only: the same thing may be sent several times."""
    last: list[str] = []

    def announce(intent: Callable[[], str]) -> None:
        token = intent()
        if last[-1:] != [token]:
            callback(token)
            last[:] = [token]

    return announce


def _told(callback: OnToken, token: str) -> None:
    """Call back when Azure has accepted; a mistake there must not keep the handle from the caller."""
    try:
        callback(token)
    except Exception:  # noqa: BLE001 - whatever it is, it is the caller's
        _log.exception("on_token failed for an operation that Azure has accepted")
