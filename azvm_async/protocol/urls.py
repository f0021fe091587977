"""Which URLs may be asked, and how they are put together.

A bearer token goes with every request, so a URL is followed only on the endpoint's own host: an answer that names
another one (a tracking header, a ``nextLink``, a stored token) is refused here, before anything is sent.
"""

import ipaddress
import re
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from azvm_async.errors import InvalidRequest, ProtocolError
from azvm_async.wire import without_query

MOST_PAGES = 10_000
"""Pages of one list that are followed: who names another one again and again goes on for ever."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_AUTHORITY = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an absolute URL, default ports filled in.

    Raises
    ------
    ValueError
        When it has none of them, names a user or a fragment, or holds what no URL may (white space, backslashes).

    Notes
    -----
    A dot at a name's end is no other name where a certificate tells who answers. Plain http has nothing but the name:
    ``localhost.`` is asked of a name server, who may answer as he likes.
    """
    parts = _taken_apart(url)
    if parts.scheme not in _DEFAULT_PORTS or not _AUTHORITY.fullmatch(parts.netloc) or "#" in url:
        raise ValueError(f"{without_query(url)} is no absolute http(s) URL")
    if not _is_plain(url):
        raise ValueError(f"{without_query(url)} holds a character that no URL may hold")
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    host = parts.hostname or ""
    return parts.scheme, host.rstrip(".") if parts.scheme == "https" else host, port


def is_on(url: object, endpoint: str) -> bool:
    """Tell whether something is an absolute URL on an endpoint's scheme, host and port."""
    if not isinstance(url, str):
        return False
    if _plainly_on(url, endpoint):
        return True
    try:
        return origin(url) == origin(endpoint)
    except ValueError:
        return False


def _taken_apart(url: str) -> SplitResult:
    """Split a URL, or say that it can't be, without the words of ``urllib``, which show the user and the password."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - which is read only now
    except ValueError:
        raise ValueError(f"{without_query(url)} can't be taken apart") from None
    return parts


def _plainly_on(url: str, endpoint: str) -> bool:
    """Tell without taking it apart that a URL is on an endpoint: up to the path it is the same, letter by letter."""
    return (
        url.startswith(endpoint) and url[len(endpoint) : len(endpoint) + 1] == "/" and "#" not in url and _is_plain(url)
    )


def _is_plain(url: str) -> bool:
    """Tell whether a text is visible ASCII, without the backslash, which parsers disagree about."""
    return url.isascii() and url.isprintable() and " " not in url and "\\" not in url


def climbs(url: str) -> bool:
    """Tell whether the path has a part that a server may take for the one above it: ``..``, however often it is quoted."""
    plain = url.partition("?")[0]
    while (read := unquote(plain)) != plain:
        plain = read
    parts = {
        part.partition(";")[0] for part in plain.replace("\\", "/").split("/")
    }  # some servers cut what follows ";"
    return not parts.isdisjoint({".", ".."})


def follow(base: str, link: str) -> str:
    """Return ``link``, made absolute against ``base``, if it stays on the host of ``base``.

    Parameters
    ----------
    base : str
        URL of the request whose answer named ``link``.
    link : str
        Absolute or relative URL.

    Raises
    ------
    ProtocolError
        When the link leads to another host, port or scheme. azure-core would send its token there.
    """
    root = "/".join(base.split("/", 3)[:3])
    if _plainly_on(link, root) and "@" not in root:
        return link
    try:
        # Verbatim where it is absolute: putting a URL together again can change what was signed.
        target = link if _taken_apart(link).scheme else urljoin(base, link)
        same = origin(target) == origin(base)
    except ValueError as error:
        raise ProtocolError(f"Azure's answer holds an unusable URL: {error}") from error
    if not same:
        raise ProtocolError(
            f"Azure's answer points to {without_query(target)}, which is not on the endpoint's host; it was not followed"
        )
    return target


def endpoint(url: str) -> str:
    """Return an endpoint's URL without its trailing slash, once it is known to be safe to send a token to.

    Raises
    ------
    InvalidRequest
        When it is neither https nor plain http on a loopback address.
    """
    try:
        scheme, host, port = origin(url)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidRequest(f"The endpoint can't be used: {error}") from error
    if "?" in url or climbs(url) or port == 0:
        raise InvalidRequest(
            f"The endpoint {without_query(url)} has a query, '..' or port 0; give scheme, host and port"
        )
    if scheme == "http" and not is_loopback(host):
        raise InvalidRequest(
            f"The endpoint {url} is plain http, which is allowed on a loopback address only; use https"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` is this machine: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
    try:
        return host == "localhost" or any(ipaddress.ip_address(host) in network for network in _LOOPBACK)
    except ValueError:
        return False


def with_query(url: str, **parameters: str | None) -> str:
    """Return ``url`` with query parameters added; one that is ``None`` or already there is left alone."""
    parts = urlsplit(url)
    there = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = {name: value for name, value in parameters.items() if value is not None and name.lower() not in there}
    query = "&".join(part for part in (parts.query, urlencode(added, quote_via=quote, safe="$")) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def with_action(url: str, action: str) -> str:
    """Return ``url`` with a last part added to its path, its query kept."""
    path, mark, query = url.partition("?")
    return f"{path}/{action}{mark}{query}"


def path_of(url: str) -> str:
    """Return the path of a URL, which for a resource is its ARM id."""
    return urlsplit(url).path
