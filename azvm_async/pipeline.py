"""The way of every request: signed, sent once by the transport, and sent again only where that is known to be safe.

``send`` is for submissions and plain reads: it retries, and raises what Azure refused. ``poll`` is one attempt whose
answer is returned whatever it is: the machine that asked decides what it means.
"""

import asyncio
import base64
import binascii
import platform
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from azvm_async.clock import Clock
from azvm_async.credential import TokenSource
from azvm_async.errors import AzureVMError, ClientClosed, OutcomeUnknown, ProtocolError
from azvm_async.protocol.faults import CLIENT_REQUEST_ID, error_for
from azvm_async.protocol.machine import About
from azvm_async.protocol.repeat import Repeat, may_repeat, outcome_unknown
from azvm_async.protocol.urls import is_on
from azvm_async.transport import Transport
from azvm_async.wire import Request, Response, without_query

REQUESTS_IN_FLIGHT = 100
"""Requests of one client under way at once, each on a connection. Who waits for a place is under no time-out yet."""

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a request is sent again.

    Parameters
    ----------
    attempts : int
        Sendings in all.
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
    """

    def __init__(
        self, endpoint: str, transport: Transport, tokens: TokenSource, *, clock: Clock, retry: Retry, user_agent: str
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._tokens = tokens
        self._clock = clock
        self._retry = retry
        self._closed = False
        self._places = asyncio.Semaphore(REQUESTS_IN_FLIGHT)
        self._headers = {"accept": "application/json", "user-agent": f"{user_agent} Python/{platform.python_version()}"}

    async def send(
        self, request: Request, about: About, repeat: Repeat, on_sending: Callable[[], None] = lambda: None
    ) -> Response:
        """Send a request until there is a clear answer.

        Parameters
        ----------
        request : Request
            What to send.
        about : About
            For the error's words.
        repeat : Repeat
            What may be sent again.
        on_sending : callable
            Called when the first byte may be about to leave.

        Returns
        -------
        Response
            Of a status below 400.

        Raises
        ------
        RequestRefused, AuthenticationError
            Azure's answer, when it is an error and may not, or no longer, be repeated.
        OutcomeUnknown
            When a write may have been applied, and may not be repeated.
        TransportError
            When no answer came, to a read or to what was never sent.
        """
        request = self._complete(request)
        try:
            return await self._accepted(request, about, on_sending)
        except AzureVMError as error:
            return await self._send_again(request, about, repeat, error)

    async def poll(self, request: Request) -> Response:
        """Send a request once, and return whatever is answered.

        Raises
        ------
        TransportError, AuthenticationError
            When no answer came, or no token could be had.
        """
        return await self._signed(self._complete(request), lambda: None)

    async def close(self) -> None:
        """Let go of connections and tokens. Nothing is sent any more."""
        self._closed = True
        try:
            await self._tokens.close()
        finally:
            await self._transport.close()

    async def _send_again(self, request: Request, about: About, repeat: Repeat, first: AzureVMError) -> Response:
        """Go on after a first failure. Only now tenacity comes in: its 15 µs are not spent where all goes well."""
        errors = [first]
        try:
            async for attempt in self._attempts(repeat):
                with attempt:
                    if attempt.retry_state.attempt_number == 1:
                        raise first  # the first attempt has been made: tenacity only has to be told
                    return await self._noted(request, about, errors)
        except AzureVMError as error:
            if request.method != "GET" and outcome_unknown(repeat, errors):
                raise _unknown(about, request, error) from error
            raise
        raise AssertionError("tenacity ends by an answer or an error")  # pragma: no cover

    async def _noted(self, request: Request, about: About, errors: list[AzureVMError]) -> Response:
        try:
            return await self._accepted(request, about, lambda: None)
        except AzureVMError as error:
            errors.append(error)
            raise

    def _attempts(self, repeat: Repeat) -> AsyncRetrying:
        retry = self._retry
        patience = wait_exponential(retry.first, retry.longest) + wait_random(0, retry.first)

        def wait(state: RetryCallState) -> float:
            error = state.outcome and state.outcome.exception()
            asked = error.retry_after if isinstance(error, AzureVMError) else None
            return patience(state) if asked is None else asked

        return AsyncRetrying(
            sleep=self._clock.sleep,
            wait=wait,
            stop=stop_after_attempt(retry.attempts),
            retry=retry_if_exception(partial(may_repeat, repeat)),
            reraise=True,
        )

    async def _accepted(self, request: Request, about: About, on_sending: Callable[[], None]) -> Response:
        try:
            response = await self._signed(request, on_sending)
        except AzureVMError as error:
            error.vm = error.vm or about.resource
            raise
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise error_for(f"Azure refused the {about}", request, response, vm=about.resource)
        return response

    async def _signed(self, request: Request, on_sending: Callable[[], None]) -> Response:
        """Send with a token; once more with another where Azure asks for that (401: nothing was done)."""
        self._on_endpoint(request)
        async with self._places:
            return await self._sent(request, on_sending)

    async def _sent(self, request: Request, on_sending: Callable[[], None]) -> Response:
        if self._closed:
            raise ClientClosed("The client is closed; nothing was sent")
        token = await self._tokens.token()
        on_sending()
        response = await self._transport.send(_with_headers(request, {"authorization": f"Bearer {token}"}))
        if response.status != HTTPStatus.UNAUTHORIZED:
            return response
        newer = await self._tokens.replace(token, _claims(response))
        if newer == token:
            return response
        return await self._transport.send(_with_headers(request, {"authorization": f"Bearer {newer}"}))

    def _on_endpoint(self, request: Request) -> None:
        """Guard the last gate: whatever led here, a token goes to the endpoint only."""
        if not is_on(request.url, self._endpoint):
            raise ProtocolError(f"{without_query(request.url)} is not on the endpoint's host; nothing was sent")

    def _complete(self, request: Request) -> Request:
        return _with_headers(request, {**self._headers, CLIENT_REQUEST_ID: str(uuid.uuid4())})


def _with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    return replace(request, headers={**request.headers, **headers})


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


def _unknown(about: About, request: Request, error: AzureVMError) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"Whether the {about} was done is not known: {error.what}",
        vm=about.resource,
        status=error.status,
        code=error.code,
        message=error.message,
        details=error.details,
        request_id=error.request_id,
        client_request_id=request.headers.get(CLIENT_REQUEST_ID),
    )
