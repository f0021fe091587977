"""The only door to aiohttp: one request goes out, one answer or one error comes back. Nothing is ever sent twice here.

aiohttp repeats a PUT or DELETE by itself when a kept-alive connection turns out to be closed, although the first one may
have been applied. A middleware stands in the way of that: it turns aiohttp's error into ours before aiohttp sees it.
"""

import os
import ssl
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from azvm_async.clock import Clock
from azvm_async.errors import CertificateError, InvalidRequest, TransportError
from azvm_async.wire import Request, Response, joined, without_query

LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer's body, unpacked, that are read: a hundred times what Resource Manager is known to send at once."""

_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
"""Errors that say that no byte of the request left: on these, and no others, a write may safely be sent again."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for one answer, in seconds of real time.

    Parameters
    ----------
    connect : float
        Until there is a connection.
    read : float, optional
        Between two pieces of an answer. By default ``total`` alone bounds that: Resource Manager may think for half a
        minute before it says a word, and a timer for every piece costs more than all else that is done with an answer.
    total : float
        For all of it.
    """

    connect: float = 10.0
    read: float | None = None
    total: float = 60.0


class Transport(Protocol):
    """What carries a request: aiohttp's session, or anything that stands in for it."""

    async def send(self, request: Request) -> Response:
        """Send once.

        Raises
        ------
        TransportError
            When no answer came. One of Python's own ``OSError`` is taken for that, too: a ``ConnectionRefusedError`` says
            that nothing was sent.
        """

    async def close(self) -> None:
        """Let go of all connections."""


class HttpTransport:
    """One aiohttp session, made at the first request and used until closed.

    Parameters
    ----------
    timeouts : Timeouts
        For every request.
    clock : Clock
        Told that real work is under way while a request is.
    proxy : str, optional
        URL of a proxy; see :func:`environment_proxy`.
    ca_file : str or Path, optional
        PEM file of the authorities that are trusted, in place of the system's.

    Raises
    ------
    InvalidRequest
        When there is no such file, or no certificate in it.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        clock: Clock,
        *,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._clock = clock
        self._proxy = proxy
        self._trust = True if ca_file is None else _trusting(ca_file)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """See :meth:`Transport.send`."""
        try:
            with self._clock.working():
                return await self._exchange(request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = _explained(error, request)
            # Only the system's errors are chained: aiohttp's own hold the request, with its URL and its token.
            failure.__cause__ = _bare(error) if isinstance(error, OSError) else None
        raise failure  # not in the handler, or else aiohttp's error would be its context

    async def close(self) -> None:
        """See :meth:`Transport.close`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, request: Request) -> Response:
        # Verbatim (encoded=True): yarl would otherwise rewrite the signature in a tracking URL.
        async with self._opened().request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
        ) as answer:
            headers = joined(answer.headers.items())
            try:
                return Response(answer.status, headers, await _body(answer))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                answer.close()
                return Response(answer.status, headers, cut=_words(error))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = self._timeouts
            # No limit of connections: the pipeline bounds the requests, for here their time-outs would run in a queue.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._trust),
                timeout=aiohttp.ClientTimeout(total=limits.total, connect=limits.connect, sock_read=limits.read),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_sent_once,),
                proxy=self._proxy,
            )
        return self._session


class _TooLargeError(aiohttp.ClientError):
    """An answer has more to say than anybody wants to hear."""


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read a body, as far as it is not too large; a packed one counts as what it unpacks to."""
    if "content-encoding" not in answer.headers and (answer.content_length or LARGEST_ANSWER + 1) <= LARGEST_ANSWER:
        return await answer.read()
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise _TooLargeError(f"it is larger than {LARGEST_ANSWER // 1024**2} MB")
    return bytes(body)


def _trusting(ca_file: str | os.PathLike[str]) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError, TypeError) as error:  # what ssl raises are OSErrors too
        why = (isinstance(error, OSError) and error.strerror) or error
        raise InvalidRequest(f"The CA file {ca_file!r} can't be used: {why}") from error


class _LostError(aiohttp.ClientError):
    """A connection broke under a request; no class that aiohttp would answer by sending it again."""


async def _sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a request whose connection broke."""
    try:
        return await handler(request)
    except _NEVER_SENT:  # some are kinds of those below, but aiohttp does not answer these by sending again
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _LostError(_words(error)) from error


def environment_proxy(endpoint: str) -> str | None:
    """Return the proxy that the environment sets for an https endpoint; plain http never takes one: it'd see the token.

    aiohttp's own ``trust_env`` would read ``.netrc`` too, and refuse its entries beside our Authorization header.
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "https" or proxy_bypass(parts.netloc):
        return None
    return getproxies().get("https")


def _explained(error: Exception, request: Request) -> TransportError:
    """Say what went wrong, and whether the request can have reached Azure."""
    where, words = without_query(request.url), _words(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return CertificateError(f"The certificate of {where} is not trusted: {words}", maybe_applied=False)
    if isinstance(error, _NEVER_SENT):
        return TransportError(f"No connection to {where}, so nothing was sent: {words}", maybe_applied=False)
    return TransportError(f"No answer to {request.method} {where}: {words}", maybe_applied=True)


def _bare(error: OSError) -> OSError:
    """Return an error without the frames that it came through: their locals hold the headers, and the proxy's password."""
    each: BaseException | None = error
    while each is not None and each.__traceback__ is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error


def _words(error: Exception) -> str:
    """Return what an error says, unless that may show a URL, whose signature is a secret, or what a server wrote."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ServerDisconnectedError):  # it shows what had come of an answer
        return "the server closed the connection"
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return f"what came broke the rules of HTTP, or off ({type(error).__name__})"
    text = str(error)
    return text if text and "://" not in text else type(error).__name__
