"""Only who has a trusted certificate for the endpoint's name gets a request, and nothing turns that off.

The client is a program of its own: what a process trusts is read when it starts. The authority is trusted by the
environment variable that OpenSSL reads, so that a refusal is for what is wrong with the certificate, and for nothing else.
"""

import ast
import asyncio
import inspect
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from doubles import RawServer, says

import azvm_async
from azvm_async import AzureVMClient
from azvm_async.facade import VMFacade
from azvm_async.fleet import Fleet
from azvm_async.transport import HttpTransport, Timeouts, environment_proxy
from security import https_visit
from security.authority import DAY, Authority
from security.hostile import told

SOURCES = Path(azvm_async.__file__).parent
VM = told({"id": "x", "name": "vm1", "location": "l"})

OFF_SWITCHES = {
    "PYTHONHTTPSVERIFY": "0",
    "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION": "1",
    "ADAL_PYTHON_SSL_NO_VERIFY": "1",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_VERIFY": "0",
    "AZVM_INSECURE": "1",
    "AZVM_VERIFY": "0",
}
"""Environment variables by which other programs are told to trust everybody, and such as we might have been given."""


class Visited(NamedTuple):
    """What a client said of an endpoint, and what came to that."""

    said: str
    server: RawServer


async def visits(servers: dict[str, RawServer], **variables: str) -> dict[str, Visited]:
    """Run the program that visits these servers; return what came of each."""
    urls = {
        name: server.url.replace("127.0.0.1", "localhost") if name == "by name" else server.url
        for name, server in servers.items()
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, https_visit.__file__, *urls.values()),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return {name: Visited(json.loads(said)[urls[name]], server) for name, server in servers.items()}


@pytest.fixture(scope="module", params=[{}, OFF_SWITCHES], ids=["as it is", "told to trust everybody"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return request.param


@pytest.fixture(scope="module")
def visited(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Visited]:
    """Return what came of a visit to a server with a good certificate, and to servers with bad ones."""
    authority = Authority(tmp_path_factory.mktemp("tls"))
    stranger = Authority(authority.folder, "stranger")
    tls = {
        "good": authority.server(),
        "by name": authority.server(["localhost"]),
        "another name": authority.server(["management.azure.com"]),
        "a longer name": authority.server(["127.0.0.1.evil.example"]),
        "no name": authority.server([]),
        "expired": authority.server(life=(-2 * DAY, -DAY)),
        "not valid yet": authority.server(life=(DAY, 2 * DAY)),
        "of another authority": stranger.server(),
    }

    async def visiting() -> dict[str, Visited]:
        async with AsyncExitStack() as stack:
            servers = {
                name: await stack.enter_async_context(RawServer(says(VM), tls=context)) for name, context in tls.items()
            }
            return await visits(servers, SSL_CERT_FILE=str(authority.file), **environment)

    return asyncio.run(visiting())


@pytest.mark.parametrize("kind", ["good", "by name"])
def test_control_a_good_certificate_is_trusted(visited: dict[str, Visited], kind: str):
    assert (visited[kind].said, visited[kind].server.requests[0].headers["authorization"]) == (
        "vm1",
        "Bearer t0ps3cret",
    )


BAD = ["another name", "a longer name", "no name", "expired", "not valid yet", "of another authority"]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_certificate_is_refused_and_nothing_is_sent(visited: dict[str, Visited], kind: str):
    assert visited[kind].said.startswith("CertificateError")
    assert visited[kind].server.requests == []


@cache
def trees() -> list[tuple[Path, ast.AST]]:
    """Return the syntax of all that we ship, but for the emulator, who is a server."""
    files = [file for file in SOURCES.rglob("*.py") if "emulator" not in file.parts]
    return [(file, ast.parse(file.read_text())) for file in files]


def test_nothing_in_the_client_touches_how_certificates_are_checked():
    words = {"CERT_NONE", "CERT_OPTIONAL", "verify_mode", "check_hostname", "_create_unverified_context", "verify_ssl"}
    named = {getattr(node, "attr", None) or getattr(node, "id", None) for _, tree in trees() for node in ast.walk(tree)}
    keywords = {node.arg for _, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert not words & (named | keywords)


def test_the_environment_sets_no_more_than_an_endpoint_and_a_proxy():
    def is_environment(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getproxies"}

    readers = {file.name: file for file, tree in trees() if any(map(is_environment, ast.walk(tree)))}
    # AZVM_ENDPOINT, which must be https as any other; of the command line also the defaults of its options, the values that
    # --secret names, and how it may draw.
    assert readers.keys() == {"service.py", "options.py", "scripting.py", "console.py"}
    names = {file.name for file, tree in trees() if "getproxies" in ast.dump(tree)}
    assert names == {"transport.py"}


@pytest.mark.parametrize("public", [AzureVMClient, VMFacade, HttpTransport, Timeouts, Fleet, environment_proxy])
def test_no_parameter_turns_checks_off(public: Any):
    parameters = " ".join(inspect.signature(public).parameters)
    assert not [word for word in ("verif", "insecure", "ssl", "tls", "check", "trust") if word in parameters]


@pytest.mark.parametrize("kind", BAD[:4])
async def test_a_proxy_gets_no_token_and_its_tunnel_is_checked_to_the_end(tmp_path: Path, kind: str, tunnel: "Tunnel"):
    authority = Authority(tmp_path)
    tls = {"another name": authority.server(["x.example"]), "a longer name": authority.server(["127.0.0.1.x.example"]),
           "no name": authority.server([]), "expired": authority.server(life=(-2 * DAY, -DAY))}  # fmt: skip
    async with RawServer(says(VM), tls=tls[kind]) as evil:
        tunnel.target = int(evil.url.rpartition(":")[2])
        found = await visits(
            {"it": evil}, SSL_CERT_FILE=str(authority.file), HTTPS_PROXY=tunnel.url, NO_PROXY="", no_proxy=""
        )
    assert (found["it"].said[:16], evil.requests, len(tunnel.heads)) == ("CertificateError", [], 1)
    assert b"t0ps3cret" not in b"".join(tunnel.heads).lower()


class Tunnel:
    """A proxy that leads each tunnel to a server of its own choice."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.target = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead one connection."""
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        there, away = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_carried(reader, away), _carried(there, writer))


async def _carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def tunnel() -> AsyncIterator[Tunnel]:
    proxy = Tunnel()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield proxy
