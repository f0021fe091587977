"""An endpoint whose answers lure to another server, and that other server, which notes whoever comes.

Every host name leads to this machine here, so that a client that follows a lure arrives, whatever the lure is called.
"""

import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from doubles import Credential, RawServer, answer, says

from azvm_async import AzureVMClient, Budget, VirtualClock

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/vm1-deployment"
COMMAND = f"{VM}/runCommands/azvm-{'0' * 32}"
OPERATION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/l/operations/1"

LURES = {
    "other port": "http://127.0.0.1:{evil}/x",
    "https": "https://127.0.0.1:{evil}/x",
    "https here": "https://127.0.0.1:{arm}/x",
    "default port": "http://127.0.0.1/x",
    "other host": "http://evil.example:{evil}/x",
    "Azure": "https://management.azure.com:{evil}/x",
    "Azure's name as a part": "http://management.azure.com.evil.example:{evil}/x",
    "our name as a part": "http://127.0.0.1.evil.example:{evil}/x",
    "other address of loopback": "http://127.0.0.2:{evil}/x",
    "localhost": "http://localhost:{evil}/x",
    "IPv6": "http://[::1]:{evil}/x",
    "IPv4 in IPv6": "http://[::ffff:127.0.0.1]:{evil}/x",
    "beside a bracket": "http://[::1]evil.example:{evil}/x",
    "trailing dot": "http://127.0.0.1.:{evil}/x",
    "trailing dot here": "http://127.0.0.1.:{arm}/x",
    "hexadecimal": "http://0x7f.1:{evil}/x",
    "short": "http://127.1:{evil}/x",
    "number": "http://2130706433:{evil}/x",
    "octal": "http://0177.0.0.1:{evil}/x",
    "no scheme": "//127.0.0.1:{evil}/x",
    "no scheme, three slashes": "///127.0.0.1:{evil}/x",
    "user": "http://127.0.0.1:{arm}@evil.example:{evil}/x",
    "user of ours": "http://127.0.0.1@127.0.0.1:{evil}/x",
    "user here": "http://me:word@127.0.0.1:{arm}/x",
    "empty user": "http://@127.0.0.1:{arm}/x",
    "backslash": "http://127.0.0.1:{evil}\\@127.0.0.1:{arm}/x",
    "backslashes": "\\\\127.0.0.1:{evil}\\x",
    "slash and backslash": "/\\127.0.0.1:{evil}/x",
    "fragment": "http://127.0.0.1:{evil}#@127.0.0.1:{arm}/x",
    "fragment here": "http://127.0.0.1:{arm}/x#y",
    "query for a host": "http://127.0.0.1:{evil}?@127.0.0.1:{arm}/x",
    "tab in the port": "http://127.0.0.1:{arm}\t.evil.example/x",
    "quoted at": "http://127.0.0.1:{arm}%40evil.example/x",
    "quoted dot": "http://127%2e0.0.1:{evil}/x",
    "two ports": "http://127.0.0.1:{arm}:{evil}/x",
    "port of plus": "http://127.0.0.1:+{evil}/x",
    "file": "file://127.0.0.1:{evil}/etc/passwd",
    "websocket": "ws://127.0.0.1:{evil}/x",
    "gopher": "gopher://127.0.0.1:{evil}/x",
}
"""URLs that must not be asked, with the port of the endpoint (``arm``) and of the other server (``evil``)."""

UNICODE = {
    "full-width dots": "http://127\uff0e0\uff0e0\uff0e1:{evil}/x",
    "full-width digits": "http://\uff11\uff12\uff17.0.0.1:{evil}/x",
    "ideographic full stop": "http://evil\u3002example:{evil}/x",
    "full-width slash": "http://127.0.0.1:{evil}\uff0f@127.0.0.1:{arm}/x",
    "Cyrillic": "http://m\u0430nagement.azure.com:{evil}/x",
    "right to left": "http://127.0.0.1:{evil}\u202e/x",
    "soft hyphen": "http://127.0.0.1\u00ad:{evil}/x",
    "newline": "http://127.0.0.1:{evil}/x\nhost: evil.example",
    "nul": "http://127.0.0.1:{evil}/x\0",
}
"""More, for where JSON or a caller brings them: a header does not."""


def lure_at(lure: str, arm: RawServer, evil: RawServer) -> str:
    """Return a lure with the ports in it."""
    return lure.replace("{arm}", port_of(arm)).replace("{evil}", port_of(evil))


def port_of(server: RawServer) -> str:
    """Return a server's port."""
    return server.url.rpartition(":")[2]


def answers(server: RawServer, *those: bytes) -> None:
    """Have a server that runs already give these answers, the last one again and again."""
    server._steps[:] = [says(each) for each in those]


def client_of(server: RawServer, clock: VirtualClock, **more: Any) -> AzureVMClient:
    """Return a client that takes a server for Resource Manager; time is virtual, sockets are real."""
    credential = Credential(clock, 1e9)
    return AzureVMClient(SUBSCRIPTION, "group", credential, server.url, clock=clock, budget=Budget(share=1000), **more)


def told(document: object, status: str = "200 OK", *headers: str) -> bytes:
    """Return the bytes of an answer with JSON."""
    return answer(json.dumps(document).encode(), status, "Content-Type: application/json", *headers)


def everywhere_here(host: object, port: Any, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
    """Stand in for ``socket.getaddrinfo``: all names are this machine's, on whatever port is asked for."""
    assert host
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port or 0)))]


Call = Callable[[AzureVMClient], Awaitable[object]]


class Channel(NamedTuple):
    """A way by which a lure comes: what the endpoint answers, and what is called."""

    answers: Callable[[str, str], list[bytes]]
    call: Call


def _accepted(header: str) -> Callable[[str, str], list[bytes]]:
    return lambda lure, _: [answer(b"", "202 Accepted", f"{header}: {lure}", "Retry-After: 0")]


def _running_then(*polls: Callable[[str], bytes]) -> Callable[[str, str], list[bytes]]:
    def steps(lure: str, arm: str) -> list[bytes]:
        first = answer(b"", "202 Accepted", f"Azure-AsyncOperation: {arm}{OPERATION}?api-version=1")
        return [first, *(poll(lure) for poll in polls)]

    return steps


def _redirects(status: str) -> Callable[[str, str], list[bytes]]:
    return lambda lure, _: [answer(b"{}", status, f"Location: {lure}")]


async def _start(client: AzureVMClient) -> object:
    return await client.start("vm1").result()


async def _get(client: AzureVMClient) -> object:
    return await client.get("vm1")


async def _put(client: AzureVMClient) -> object:
    return await client.begin("PUT", VM, {"location": "l"}, api_version="1").result()


async def _list(client: AzureVMClient) -> object:
    return [vm async for vm in client.list(states=False)]


IN_HEADERS = {
    **{
        f"redirect of a read, {status}": Channel(_redirects(f"{status} Moved"), _get)
        for status in (301, 302, 303, 307, 308)
    },
    **{
        f"redirect of an action, {status}": Channel(_redirects(f"{status} Moved"), _start) for status in (302, 307, 308)
    },
    "redirect of a PUT": Channel(_redirects("307 Moved"), _put),
    "Azure-AsyncOperation": Channel(_accepted("Azure-AsyncOperation"), _start),
    "Operation-Location": Channel(_accepted("Operation-Location"), _start),
    "Location": Channel(_accepted("Location"), _start),
    "Location of a PUT": Channel(_accepted("Location"), _put),
    "newer Azure-AsyncOperation": Channel(
        _running_then(lambda lure: told({"status": "Running"}, "200 OK", f"Azure-AsyncOperation: {lure}")), _start
    ),
    "newer Location": Channel(
        _running_then(lambda lure: told({"status": "Running"}, "200 OK", f"Location: {lure}")), _put
    ),
    "redirect of a poll": Channel(_running_then(lambda lure: answer(b"", "302 Found", f"Location: {lure}")), _start),
}
"""Ways in which a lure comes in a header."""

IN_JSON = {
    "resourceLocation": Channel(
        _running_then(lambda lure: told({"status": "Succeeded", "resourceLocation": lure})), _put
    ),
    "nextLink": Channel(lambda lure, _: [told({"value": [], "nextLink": lure})], _list),
    "second nextLink": Channel(
        lambda lure, arm: [
            told({"value": [], "nextLink": f"{arm}{GROUP}?page=2"}),
            told({"value": [], "nextLink": lure}),
        ],
        _list,
    ),
    "nextLink of all states": Channel(
        lambda lure, _: [told({"value": [], "nextLink": lure})],
        lambda client: anext(client.list_states(), None),  # type: ignore[arg-type]
    ),
}
"""Ways in which a lure comes in a body."""


def _lro(**urls: str) -> dict[str, Any]:
    """Return a token of an operation, some of whose URLs are others."""
    return {
        "azvm": 1, "kind": "lro", "version": 1, "verb": "start", "resource": VM, "method": "POST",
        "url": "{here}" + VM, "tracking": "status", "poll_url": "{here}" + OPERATION, "location": None,
        "final_state": None, "wants_result": False, "fetching": False, "polls": 0, **urls,
    }  # fmt: skip


def _command(**urls: Any) -> dict[str, Any]:
    return {
        "azvm": 1, "kind": "run_command", "version": 1, "verb": "run_command", "resource": VM,
        "url": "{here}" + COMMAND, "keep": False, "creation": None, "polls": 0, **urls,
    }  # fmt: skip


def _of_deployment(kind: str, url: str, **more: Any) -> dict[str, Any]:
    return {
        "azvm": 1, "kind": kind, "version": 1, "verb": kind, "resource": VM, "url": url, "correlation_id": None,
        "kept": False, "assume_owned": True, "only_plan": False, "mark": None, "polls": 0, **more,
    }  # fmt: skip


def _bulk(url: str) -> dict[str, Any]:
    return {
        "azvm": 1, "kind": "bulk", "version": 1, "verb": "start", "resource": VM, "url": url, "correlation_id": "c",
        "call": "1", "alone": False, "polls": 0, "members": [{"resource": VM, "operation_id": "1"}],
    }  # fmt: skip


_STATES = (
    f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ComputeSchedule/locations/l"
    "/virtualMachinesGetOperationStatus?api-version=1"
)

TOKENS: dict[str, Callable[[str], Any]] = {
    "a bare URL": lambda lure: lure,
    "asyncResultsUrl": lambda lure: {"asyncResultsUrl": lure},
    "asyncResultsUrl as text": lambda lure: json.dumps({"asyncResultsUrl": lure}),
    "the URL of an operation": lambda lure: _lro(url=lure),
    "where an operation is polled": lambda lure: _lro(poll_url=lure),
    "where an operation's result is": lambda lure: _lro(location=lure, wants_result=True),
    "the URL of a script": lambda lure: _command(url=lure),
    "the URL of a script, with its path": lambda lure: _command(url=lure.removesuffix("/x") + COMMAND),
    "the operation behind a script": lambda lure: _command(creation=_lro(poll_url=lure)),
    "the URL of a deployment": lambda lure: _of_deployment(
        "provision", lure.removesuffix("/x").removesuffix(f"/subscriptions/{SUBSCRIPTION}") + DEPLOYMENT
    ),
    "the URL of a removal": lambda lure: _of_deployment(
        "deprovision", lure.removesuffix("/x").removesuffix(f"/subscriptions/{SUBSCRIPTION}") + DEPLOYMENT
    ),
    "the URL of bulk operations": lambda lure: _bulk(lure.removesuffix("/x") + _STATES),
}
"""Tokens, as a file may hold them, in which a lure stands; ``{here}`` is the endpoint."""


def at_home(token: Any, endpoint: str) -> Any:
    """Return a token whose other URLs are on the endpoint."""
    return json.loads(json.dumps(token).replace("{here}", endpoint)) if isinstance(token, dict) else token
