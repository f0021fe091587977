"""The way of every request: signed, paced, sent once by the transport, and sent again only where that is known to be safe.

``send`` is for submissions and plain reads: it retries, and raises what Azure refused. ``poll`` is one attempt whose
answer is returned whatever it is: the machine that asked decides what it means.
"""

import asyncio
import base64
import binascii
import itertools
import logging
import platform
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_exponential,
    wait_random,
)

from azvm_async.budget import Budget, budget_of
from azvm_async.clock import Clock
from azvm_async.credential import TokenSource
from azvm_async.errors import (
    AzureVMError,
    ClientClosed,
    OutcomeUnknown,
    ProtocolError,
    Throttled,
    TransportError,
)
from azvm_async.pacer import Lane, Pacer
from azvm_async.protocol import lro
from azvm_async.protocol.faults import CLIENT_REQUEST_ID, error_for
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat, advice, in_vain, may_repeat
from azvm_async.protocol.throttling import Region
from azvm_async.protocol.urls import is_on, path_of
from azvm_async.sending import Sending
from azvm_async.telemetry import Observer, Trail, marked
from azvm_async.transport import Transport
from azvm_async.wire import Request, Response, without_query

IN_FLIGHT = {Lane.SUBMISSIONS: 36, Lane.POLLS: 64}
"""Requests of one client under way at once: submissions and plain reads, and polls, so that neither starves the other. Who
waits for a place is under no time-out yet, and has sent nothing."""

REFUSALS = 50
"""Answers of 429 with a ``Retry-After``, in a row, of which the last is an error; the others say when to come again."""

TOLD_FROM = 5.0
"""Seconds of waiting that are worth a line in the log."""

_log = logging.getLogger(__name__)
_PARAMETER = re.compile(r'\b(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a request is sent again.

    Parameters
    ----------
    attempts : int
        Sendings in all, but for those that Azure throttled and told when to come again.
    first, longest : float
        Seconds before the second sending, doubled each time, and the most between two. Jitter is added; a
        ``Retry-After`` of Azure's comes first.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0


class Pipeline:
    """Sends requests to one endpoint.

    Parameters
    ----------
    endpoint : str
        The only host that ever gets a token.
    transport : Transport
        Carries a request once.
    tokens : TokenSource
        Signs.
    clock : Clock
        Waits between two sendings.
    retry : Retry
        How often, how long.
    user_agent : str
        Names this package to Azure.
    budget : Budget, optional
        What may be asked of Azure; by default what all clients of the endpoint and principal share.
    region : callable
        Tells the regions of VMs, as far as they are known.
    observer : Observer, optional
        Hears of plain reads that are throttled or sent again; operations bring their trail along.
    """

    def __init__(
        self,
        endpoint: str,
        transport: Transport,
        tokens: TokenSource,
        *,
        clock: Clock,
        retry: Retry,
        user_agent: str,
        budget: Budget | None = None,
        region: Region = lambda _: None,
        observer: Observer | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._tokens = tokens
        self._clock = clock
        self._retry = retry
        self._closed = False
        self._prefix, self._numbers = str(uuid.uuid4())[:24], itertools.count()  # of request ids, which look like GUIDs
        self.budget = budget
        self._observer = observer
        self._pacer = Pacer(clock, region)
        self._places = {lane: asyncio.Semaphore(places) for lane, places in IN_FLIGHT.items()}
        self._headers = {"accept": "application/json", "user-agent": f"{user_agent} Python/{platform.python_version()}"}

    async def send(self, request: Request, about: About, repeat: Repeat, sending: Sending | None = None) -> Response:
        """Send a request until there is a clear answer.

        Parameters
        ----------
        request : Request
            What to send.
        about : About
            For the error's words.
        repeat : Repeat
            What may be sent again.
        sending : Sending, optional
            Kept up to date, and obeyed.

        Returns
        -------
        Response
            Of a status below 400, or of one that ``sending`` names as an answer.

        Raises
        ------
        RequestRefused, AuthenticationError
            Azure's answer, when it is an error and may not, or no longer, be repeated.
        OutcomeUnknown
            When a write may have been applied, and may not be repeated.
        TransportError
            When no answer came, to a read or to what was never sent.
        ClientClosed
            When the client was closed meanwhile.
        """
        request, sending = self._complete(request), sending or Sending()
        if self._observer is not None and sending.trail is None:
            sending.trail = Trail(about, self._clock, (self._observer,), plain=True)
        try:
            return await self._accepted(request, about, sending)
        except AzureVMError as error:
            sending.failed(request, error)
            return await self._send_again(request, about, repeat, sending)

    async def poll(self, request: Request, trail: Trail | None = None) -> Response:
        """Send a request once, and return whatever is answered.

        Raises
        ------
        TransportError, AuthenticationError
            When no answer came, or no token could be had.
        """
        return await self._paced(self._complete(request), Sending(trail=trail), Lane.POLLS)

    def dismiss(self) -> None:
        """Send everybody away who waits for Azure's limits, or for the next sending; what is under way is answered."""
        self._pacer.close()

    async def close(self) -> None:
        """Let go of connections and tokens. Nothing is sent any more."""
        self._closed = True
        self.dismiss()
        try:
            await self._tokens.close()
        finally:
            await self._transport.close()

    async def _send_again(self, request: Request, about: About, repeat: Repeat, sending: Sending) -> Response:
        """Go on after a first failure. Only now tenacity comes in: its 15 µs are not spent where all goes well."""
        try:
            async for attempt in self._attempts(about, repeat, sending):
                with attempt:
                    if attempt.retry_state.attempt_number == 1:
                        raise sending.failures[-1]  # the first attempt has been made: tenacity only has to be told
                    return await self._noted(request, about, sending)
        except AzureVMError as error:
            if sending.deleted_meanwhile(request):
                return Response(HTTPStatus.NO_CONTENT)
            if sending.in_doubt:
                raise _unknown(about, request, repeat, error) from error
            if isinstance(error, ClientClosed):
                raise _not_sent(about) from None
            if isinstance(error, TransportError) and request.method == "GET":
                error.maybe_applied = False  # a read applies nothing
            raise
        raise AssertionError("tenacity ends by an answer or an error")  # pragma: no cover

    async def _noted(self, request: Request, about: About, sending: Sending) -> Response:
        try:
            return await self._accepted(request, about, sending)
        except AzureVMError as error:
            sending.failed(request, error)
            raise

    def _attempts(self, about: About, repeat: Repeat, sending: Sending) -> AsyncRetrying:
        retry = self._retry
        spread = wait_random(0, retry.first)  # also after a Retry-After, or all who were refused would return at once
        patience = wait_exponential(retry.first, retry.longest) + spread

        def wait(state: RetryCallState) -> float:
            error = state.outcome and state.outcome.exception()
            asked = error.retry_after if isinstance(error, AzureVMError) else None
            return patience(state) if asked is None else asked + spread(state)

        def again(error: BaseException) -> bool:
            return may_repeat(repeat, error, doubted=sending.in_doubt) and (sending.lost or not sending.given_up)

        async def rest(seconds: float) -> None:
            sending.resting = True
            try:
                await self._pacer.sleep(seconds)
            finally:
                sending.resting = False

        return AsyncRetrying(
            sleep=rest,
            wait=wait,
            stop=_given_up(retry.attempts),
            retry=retry_if_exception(again),
            before_sleep=partial(_told, about, sending),
            reraise=True,
        )

    async def _accepted(self, request: Request, about: About, sending: Sending) -> Response:
        try:
            response = await self._paced(request, sending, Lane.SUBMISSIONS)
        except ClientClosed:
            raise _not_sent(about) from None
        except AzureVMError as error:
            error.vm = error.vm or about.resource
            raise
        answer = sending.absence and response.status == HTTPStatus.NOT_FOUND
        if response.status >= HTTPStatus.BAD_REQUEST and not answer:
            what = "gave no clear answer to" if in_vain(response.status) else "refused"
            raise error_for(f"Azure {what} the {about}", request, response, vm=about.resource)
        return response

    async def _paced(self, request: Request, sending: Sending, lane: Lane) -> Response:
        """Send once Azure's limits and our own allow it."""
        self._on_endpoint(request)
        if self.budget is None:
            self.budget = budget_of(self._endpoint, await self._tokens.principal(), self._clock)
        budget = self.budget
        if sending.age is None:
            sending.age = self._pacer.age()
        while True:
            ticket = await self._pacer.admit(budget, request, lane, sending.age)
            waits = self._places[lane].locked()
            async with self._places[lane]:
                if waits and self._pacer.is_held(budget, ticket):
                    continue  # others were refused while this waited for its place
                response = await self._signed(request, sending)
            self._pacer.heard(budget, ticket, response)
            if sending.trail is not None:
                sending.trail.heard(ticket.keys, response)
            return response

    async def _signed(self, request: Request, sending: Sending) -> Response:
        """Send with a token; again with another where Azure asks for that (401: this sending did nothing).

        Twice at most: a token may expire, and the next be asked for claims.
        """
        token, claims = await self._tokens.token(), None
        response = await self._sent(request, token, sending)
        for replaced in (False, True):
            asked = _claims(response)
            if response.status != HTTPStatus.UNAUTHORIZED or (replaced and asked in {None, claims}):
                break
            newer = await self._tokens.replace(token, asked)
            if newer == token:
                break
            token, claims = newer, asked
            response = await self._sent(request, token, sending)
        return response

    async def _sent(self, request: Request, token: str, sending: Sending) -> Response:
        if self._closed:
            raise ClientClosed("The client is closed; nothing was sent")
        sending.begins(request.headers.get(CLIENT_REQUEST_ID, ""))
        try:
            response = await self._transport.send(_with_headers(request, {"authorization": f"Bearer {token}"}))
        except OSError as error:  # a stand-in for the transport may speak in Python's own errors
            raise _in_our_words(error, request) from error
        if response.cut and not lro.is_told(request, response):
            what = f"No whole answer to {request.method} {without_query(request.url)}: {response.cut}"
            raise TransportError(what, maybe_applied=True)
        if _log.isEnabledFor(logging.DEBUG):  # a long URL takes its time to be taken apart
            path, number = path_of(request.url), response.headers.get("x-ms-request-id")
            extra = {"azvm_request_id": number, "azvm_client_request_id": request.headers.get(CLIENT_REQUEST_ID)}
            _log.debug("%s %s: %d, request id %s", request.method, path, response.status, number, extra=extra)
        return response

    def _on_endpoint(self, request: Request) -> None:
        """Guard the last gate: whatever led here, a token goes to the endpoint only."""
        if not is_on(request.url, self._endpoint):
            raise ProtocolError(f"{without_query(request.url)} is not on the endpoint's host; nothing was sent")

    def _complete(self, request: Request) -> Request:
        return _with_headers(request, {**self._headers, CLIENT_REQUEST_ID: f"{self._prefix}{next(self._numbers):012x}"})


def _given_up(attempts: int) -> Callable[[RetryCallState], bool]:
    """Return what tells whether a request has failed often enough; that Azure throttled it is no failure of its own."""
    failures = refusals = 0

    def stop(state: RetryCallState) -> bool:
        nonlocal failures, refusals
        error = state.outcome and state.outcome.exception()
        throttled = isinstance(error, Throttled) and error.retry_after is not None
        refusals, failures = (refusals + 1, failures) if throttled else (0, failures + 1)
        return failures >= attempts or refusals >= REFUSALS

    return stop


def _in_our_words(error: OSError, request: Request) -> TransportError:
    sent = not isinstance(error, ConnectionRefusedError)
    return TransportError(f"No answer to {request.method} {without_query(request.url)}: {error}", maybe_applied=sent)


def _told(about: About, sending: Sending, state: RetryCallState) -> None:
    """Say why nothing happens for a while."""
    error, seconds = sending.failures[-1], state.upcoming_sleep
    if sending.trail is not None:
        sending.trail.retried(error, seconds)
    if seconds >= TOLD_FROM:
        _log.info("The %s is sent again in %.0f s: %s", about, seconds, error, extra=marked(about, error))


def _with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    return Request(request.method, request.url, request.body, {**request.headers, **headers})


def _claims(response: Response) -> str | None:
    """Return the claims of a Continuous Access Evaluation challenge, decoded; their base64 is of either alphabet."""
    challenge = dict(_PARAMETER.findall(response.headers.get("www-authenticate", "")))
    if challenge.get("error") != "insufficient_claims":
        return None
    encoded = challenge.get("claims", "")
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() or None
    except (binascii.Error, ValueError):
        return None


def _not_sent(about: About) -> ClientClosed:
    return ClientClosed(f"The client was closed before the {about} was sent", vm=about.resource)


def _unknown(about: About, request: Request, repeat: Repeat, error: AzureVMError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"Whether the {about} was done is not known ({request.method} {path_of(request.url)}): {error.what}",
        vm=about.resource,
        status=error.status,
        code=error.code,
        message=error.message,
        details=error.details,
        request_id=error.request_id,
        retry_after=error.retry_after,
        client_request_id=request.headers.get(CLIENT_REQUEST_ID),
        advice=advice(repeat),
    )
