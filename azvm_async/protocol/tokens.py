"""Tokens: what a handle becomes when it leaves the process, and how one is taken up again.

A token is one line of JSON with the machine's kind and version, and enough to go on reading: URLs, counters, names. It
holds no result, no request body and no credential. It does hold signed URLs, so it is to be kept like a password, not
logged. What is loaded is not trusted: every URL in it must be on the endpoint's host, and in the client's subscription. It
causes reads; it deletes only run commands of our own naming, and, for a removal, what Azure itself says belongs to it.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from azvm_async.errors import InvalidRequest
from azvm_async.protocol import lro, provision, run_command
from azvm_async.protocol.bulk import Bulk
from azvm_async.protocol.bulk_request import subscription_of
from azvm_async.protocol.deployment import is_deployment
from azvm_async.protocol.deprovision import Deprovision
from azvm_async.protocol.ids import short_name
from azvm_async.protocol.lro import Lro
from azvm_async.protocol.machine import About, Machine
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.patience import Patience
from azvm_async.protocol.provision import Provision
from azvm_async.protocol.run_command import RunCommand
from azvm_async.protocol.sought import Sought
from azvm_async.protocol.urls import climbs, is_on

FORMAT = 1

DEEPEST = 8
"""Objects within objects that a token may have; ours have three."""

BARE = "operation"
"""What an operation is called of which only the URL is known."""

_URLS = frozenset({"url", "poll_url", "location"})
"""What of a token is a URL, or null."""

_RUN_COMMAND = re.compile(r"(?P<vm>.*/virtualMachines/[^/]+)/runCommands/[^/]+", re.IGNORECASE)

Resumable = Lro | RunCommand | Provision | Deprovision | Bulk | Sought
"""What a token can be of."""

_KINDS: Mapping[str, type[Resumable]] = {
    kind.kind: kind for kind in (Lro, RunCommand, Provision, Deprovision, Bulk, Sought)
}


def dump(machine: Machine) -> str:
    """Return a machine's token."""
    head = {"azvm": FORMAT, "kind": machine.kind, "version": machine.version}
    return json.dumps({**head, **machine.to_token()}, separators=(",", ":"))


def intent(
    about: About, url: str | None = None, *, nonce: str | None = None, keep: bool = False
) -> Callable[[str], str]:
    """Return what makes the token of something that is about to be sent, of its client request id.

    Parameters
    ----------
    about, url, nonce, keep
        See :class:`~azvm_async.protocol.sought.Sought`; where a nonce is not given, the request id is it.
    """
    return lambda request_id: dump(Sought(about, url, nonce or request_id, keep, Patience(0.0)))


def is_bulk(token: str) -> bool:
    """Tell whether a token is of an operation on many VMs."""
    return _document(token).get("kind") == Bulk.kind if token.startswith("{") else False


def load(token: str | Mapping[str, Any], endpoint: str, now: Moment, subscription: str | None = None) -> Resumable:
    """Return the machine of a token, due now.

    Parameters
    ----------
    token : str or mapping
        What :func:`dump` gave; the same as a dict; or a bare tracking URL, alone or as ``{"asyncResultsUrl": …}``.
    endpoint : str
        The client's endpoint, on whose host all URLs must be.
    now : Moment
        When it is taken up.
    subscription : str, optional
        In which all URLs and resources must be; ``None`` for any.

    Raises
    ------
    InvalidRequest
        When it is none of these, of another version, endpoint or subscription.
    """
    home = _Home(endpoint, subscription)
    if isinstance(token, str) and "://" in token and not token.lstrip().startswith("{"):
        return _from_url(token.strip(), home, now)
    document = _document(token)
    if "azvm" not in document and isinstance(document.get("asyncResultsUrl"), str):
        return _from_url(document["asyncResultsUrl"], home, now)
    kind = _KINDS.get(str(document.get("kind")))
    if not _is(document.get("azvm"), FORMAT) or kind is None or not _is(document.get("version"), kind.version):
        raise InvalidRequest("The token is of a kind or version that this release does not know")
    home.check(document)
    try:
        return kind.from_token(document, now)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        # Without the cause, which may show what stands there: a signed URL in the place of a name.
        raise InvalidRequest(f"The token is damaged, or not of the endpoint {endpoint}") from None


def _document(token: str | Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        document = json.loads(token) if isinstance(token, str) else token
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The token is neither JSON nor a URL") from error
    if not isinstance(document, Mapping):
        raise InvalidRequest("A token is a str, or the dict that it spells")
    return document


def _from_url(url: str, home: "_Home", now: Moment) -> Resumable:
    """Take up a bare URL; the path tells a run command's and a deployment's from all others."""
    home.check_url(url)
    if subscription_of(url) is not None:
        raise InvalidRequest("This URL is that of all bulk operations of a location; resume the token of yours")
    path = url.partition("?")[0]
    match = _RUN_COMMAND.fullmatch(urlsplit(path).path)
    if match:
        return run_command.bare(About("run_command", match["vm"]), url, now)
    if is_deployment(path):
        return provision.found(About("provision", urlsplit(path).path), url, now)
    return lro.bare(About(BARE, short_name(path)), url, now)


class _Home(NamedTuple):
    """Where everything that a token names must be."""

    endpoint: str
    subscription: str | None

    def check(self, document: Mapping[str, Any], depth: int = 0) -> None:
        """Refuse a token that names a URL or a resource elsewhere, or nests more deeply than any of ours."""
        if depth > DEEPEST:
            raise InvalidRequest("The token is damaged: it nests more deeply than any of ours")
        for name, value in document.items():
            if isinstance(value, Mapping):
                self.check(value, depth + 1)
            elif name == "resource":
                self._check_resource(value)
            elif value is not None and (name in _URLS or (isinstance(value, str) and "://" in value)):
                self.check_url(value)

    def check_url(self, url: object) -> None:
        """Refuse what is no URL on the endpoint, in the subscription."""
        if not is_on(url, self.endpoint):
            raise InvalidRequest(
                f"This does not belong to the endpoint {self.endpoint}: it names a URL elsewhere, or none"
            )
        if self.subscription is not None and not _is_in(urlsplit(str(url)).path, self.subscription):
            raise self._elsewhere()

    def _check_resource(self, resource: object) -> None:
        """Refuse an ARM id of another subscription; of a bare URL only the name of what it is about is known."""
        known = self.subscription is not None and isinstance(resource, str) and resource.startswith("/")
        if known and not _is_in(str(resource), str(self.subscription)):
            raise self._elsewhere()

    def _elsewhere(self) -> InvalidRequest:
        return InvalidRequest(
            f"This does not belong to the subscription {self.subscription}: it names something elsewhere",
            advice="A token of another subscription is resumed by its client, or with 'subscription='",
        )


def _is_in(path: str, subscription: str) -> bool:
    """Tell whether a path stays in a subscription, however it is read."""
    return path.lower().startswith(f"/subscriptions/{subscription.lower()}/") and not climbs(path)


def _is(value: object, number: int) -> bool:
    """Tell whether a value is this number, and not what only equals it: true, or 1.0."""
    return type(value) is int and value == number
