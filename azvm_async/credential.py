"""The only door to azure.*: tokens from any azure-core credential, renewed ahead of time, one renewal at once.

While a token is valid it is used, also while its successor is being fetched: a slow sign-in never holds up requests
before it must. ``azure.identity`` is imported only when a credential has to be made for the user: it takes 100 ms.
"""

import asyncio
import base64
import inspect
import json
import logging
import re
import weakref
from dataclasses import dataclass
from typing import Any

from azvm_async.clock import Clock
from azvm_async.errors import AuthenticationError, ClientClosed, TransportError, fresh

RENEW_AHEAD = 300.0
"""Seconds before its end at which a token's successor is fetched, as azure-core does."""

LAST_SECONDS = 10.0
"""A token with less to live is not sent: it would be refused on arrival."""

RETRY_RENEWAL = 30.0
"""Seconds between two tries to renew a token that is still valid."""

_log = logging.getLogger(__name__)


_SENDABLE = re.compile(r"[!-~]+")
"""Visible ASCII."""


class Bearer(str):
    """A token that does not show itself where what holds it is printed, such as a traceback with its locals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<a bearer token>"


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    """A bearer token and its dates, in seconds of the Unix epoch."""

    text: str
    expires: float
    renew: float
    claims: str | None

    def replaces(self, refused: str, claims: str | None) -> bool:
        """Tell whether this is another token than the one refused, and proves the claims if there are any."""
        return self.text != refused and (claims is None or self.claims == claims)


class TokenSource:
    """Bearer tokens of one credential for one scope.

    Parameters
    ----------
    credential : TokenCredential or AsyncTokenCredential, optional
        Any azure-core credential. None: ``azure.identity.aio.DefaultAzureCredential``, made at the first need and
        closed with this object.
    scope : str
        Such as ``https://management.azure.com/.default``.
    authority : str
        Host of the cloud's sign-in, for the credential that is made here.
    clock : Clock
        Tells when a token ends.
    """

    def __init__(self, credential: Any, scope: str, authority: str, clock: Clock) -> None:
        self._credential = credential
        self._own = credential is None
        self._scope = scope
        self._authority = authority
        self._clock = clock
        self._token: _Token | None = None
        self._principal: object = None
        self._renewal: asyncio.Task[_Token] | None = None
        self._claims_asked: str | None = None  # by the renewal under way
        self._last_try = float("-inf")
        self._closed = False

    async def token(self) -> str:
        """Return a token that is valid now.

        Raises
        ------
        AuthenticationError
            When the credential gives none.
        ClientClosed
            After :meth:`close`.
        """
        now, token = self._now(), self._token
        if token is None or now >= token.expires:
            return (await self._renewed(None)).text
        if now >= token.expires - LAST_SECONDS:
            return (await self._renewed_or(token)).text
        if now >= token.renew and now >= self._last_try + RETRY_RENEWAL:
            self._renewing(None)  # in the background
        return token.text

    async def principal(self) -> object:
        """Return what tells the caller from others: tenant and object id, as the token names them, else the credential.

        Raises
        ------
        AuthenticationError, ClientClosed
            As :meth:`token`.
        """
        if self._principal is None:
            self._principal = _named_in(await self.token()) or _mark_of(self._credential)
        return self._principal

    async def replace(self, refused: str, claims: str | None) -> str:
        """Return a token in place of one that Azure refused.

        Parameters
        ----------
        refused : str
            The token that was refused; if there is a newer one that proves the claims, that is returned.
        claims : str, optional
            What Continuous Access Evaluation asks the new token to prove.

        Raises
        ------
        AuthenticationError, ClientClosed
            As :meth:`token`.
        """
        while self._under_way and self._claims_asked != claims and self._renewal is not None:
            await asyncio.wait([self._renewal])  # it does not know these claims
        if not self._under_way and self._token is not None and self._token.replaces(refused, claims):
            return self._token.text
        self._token = None  # Azure would refuse it again
        return (await self._renewed(claims)).text

    async def close(self) -> None:
        """Stop renewing; close the credential if it was made here."""
        self._closed = True
        try:
            if self._renewal is not None:
                self._renewal.cancel()
                await asyncio.wait([self._renewal])
        finally:  # also where the closing is cancelled
            if self._own and self._credential is not None:
                credential, self._credential = self._credential, None
                await credential.close()

    def _now(self) -> float:
        return self._clock.utcnow().timestamp()

    @property
    def _under_way(self) -> bool:
        return self._renewal is not None and not self._renewal.done()

    async def _renewed_or(self, token: _Token) -> _Token:
        """Renew a token in its last seconds; where that fails, they must do."""
        try:
            return await self._renewed(None)
        except (AuthenticationError, TransportError):
            return token

    async def _renewed(self, claims: str | None) -> _Token:
        """Wait for the one renewal. A waiter that is cancelled leaves it to the others; each gets an error of its own."""
        renewal = self._renewing(claims)
        try:
            return await asyncio.shield(renewal)
        except (AuthenticationError, TransportError) as error:
            raise fresh(error) from error.__cause__
        except asyncio.CancelledError:
            if self._closed and renewal.cancelled():
                raise ClientClosed("The client was closed while it signed in") from None
            raise

    def _renewing(self, claims: str | None) -> "asyncio.Task[_Token]":
        """Return the renewal under way, begun now if there is none."""
        if self._closed:
            raise ClientClosed("The client is closed")
        if self._renewal is None or self._renewal.done():
            self._last_try = self._now()
            self._claims_asked = claims
            self._renewal = asyncio.create_task(self._fetch(claims))
            self._renewal.add_done_callback(_observed)
        return self._renewal

    async def _fetch(self, claims: str | None) -> _Token:
        try:
            with self._clock.working():
                self._token = _read(await self._ask(claims), self._now(), claims)
        except Exception as error:
            raise _failure(error) from error
        return self._token

    async def _ask(self, claims: str | None) -> Any:
        """Ask the credential; one whose ``get_token`` is no coroutine function may block, and is asked in a thread."""
        if self._credential is None:
            self._credential = _default_credential(self._authority)
        ask = self._credential.get_token
        options = _accepted(ask, {"enable_cae": True, **({"claims": claims} if claims else {})})
        if inspect.iscoroutinefunction(ask):
            return await ask(self._scope, **options)
        answer = await asyncio.to_thread(ask, self._scope, **options)
        return await answer if inspect.isawaitable(answer) else answer


def _default_credential(authority: str) -> Any:
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - see the module's first paragraph

    return DefaultAzureCredential(authority=authority)


def _accepted(ask: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return those options that a credential's ``get_token`` takes: simple ones of users may take none."""
    parameters = inspect.signature(ask).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return options
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in options.items() if name in names}


def _read(answer: Any, now: float, claims: str | None) -> _Token:
    """Read azure-core's AccessToken; it is renewed when it says, else ahead of its end, halfway through a short life."""
    expires = float(answer.expires_on)
    ahead = min(RENEW_AHEAD, max(0.0, expires - now) / 2)
    renew = float(getattr(answer, "refresh_on", None) or expires - ahead)
    text = answer.token
    if not isinstance(text, str) or not _SENDABLE.fullmatch(text):
        del answer, text  # tracebacks may be shown with their locals
        raise ValueError("the credential's token is empty, or holds what no header may hold")
    return _Token(Bearer(text), expires, renew, claims)


def _named_in(token: str) -> str | None:
    """Return tenant and object id of the principal that a token of Azure's (a JWT) names; it is not verified here."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - header, payload, signature
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    principal = claims.get("oid") if isinstance(claims, dict) else None
    return f"{claims.get('tid')}/{principal}" if principal else None


def _mark_of(credential: object) -> object:
    """Return what is equal for the same credential only; its bare ``id`` may be another one's later."""
    try:
        mark = weakref.ref(credential)
        hash(mark)
    except TypeError:
        return id(credential)
    return mark


def _failure(error: Exception) -> AuthenticationError | TransportError:
    """Tell a sign-in that failed from one that could not be reached: that may come right by itself."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError  # noqa: PLC0415 - see above

    lines = str(error).strip().splitlines()  # the first says it; the rest of an azure-identity message can be pages
    what = lines[0].rstrip(".") if lines else type(error).__name__
    if isinstance(error, OSError | ServiceRequestError | ServiceResponseError):
        return TransportError(f"The sign-in could not be reached: {what}", maybe_applied=False)
    return AuthenticationError(f"No token could be had: {what}")


def _observed(renewal: "asyncio.Task[_Token]") -> None:
    """Say that a renewal failed, which may be in the background; who waits for it gets the error too."""
    if not renewal.cancelled() and renewal.exception() is not None:
        _log.warning("A token could not be renewed: %s", renewal.exception())
