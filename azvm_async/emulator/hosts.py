"""Where the emulator may listen: on loopback alone, for whoever reaches it can run scripts as its user."""

import re
from ipaddress import ip_address, ip_network

_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_PORT = re.compile(r":[0-9]*$")


def require_loopback(host: str) -> None:
    """Make sure that a host is this machine for itself.

    Raises
    ------
    ValueError
        When it is an address that others could reach, or a name that could stand for one.
    """
    if host != "localhost" and not _is_loopback(host):
        raise ValueError(
            f"the host {host!r} is none of this machine's own (127.0.0.1, ::1, localhost), "
            "and whoever reaches the emulator can get a token and run scripts as you"
        )


def address(host: str) -> str:
    """Return the address to listen on: the name ``localhost`` can have two, and a free port of one may not be free there."""
    return "127.0.0.1" if host == "localhost" else host


def in_url(host: str) -> str:
    """Return a host as URLs and the header ``Host`` write it: clients shorten an address of IPv6."""
    return f"[{ip_address(host)}]" if ":" in host else host


def without_port(host: str) -> str:
    """Return the value of a header ``Host`` without the port, in lower case."""
    return _PORT.sub("", host).lower()


def _is_loopback(host: str) -> bool:
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return "%" not in host and any(found in network for network in _NETWORKS)  # no zone: URLs write it otherwise
