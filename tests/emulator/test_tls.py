"""TLS: with nothing but environment variables, the official SDKs and azure-identity take the endpoint for Azure."""

import asyncio
import os
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Durations, Emulator, certificate, faults
from azvm_async.emulator.faults import Fault
from emulator import official_visit

VISIT = Path(official_visit.__file__)
BROKEN = (ConnectionResetError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


@pytest.fixture
async def secure() -> AsyncIterator[Emulator]:
    """Give an emulator with TLS and a VM, where operations take a moment."""
    async with Emulator(tls=True, durations=Durations().scaled(0.001)) as arm:
        arm.add_vm("vm1")
        yield arm


async def visit(arm: Emulator, kind: str, credential: str, variables: dict[str, str]) -> str:
    """Run the program that visits; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, VISIT, kind, credential, arm.endpoint, arm.subscription),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return said.decode()


def strict(arm: Emulator) -> ssl.SSLContext:
    """Return a client's context as strict as Python 3.13's."""
    context = ssl.create_default_context(cafile=str(arm.ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def session(arm: Emulator) -> aiohttp.ClientSession:
    """Return a session that brings a token and trusts the certificate."""
    token = (await arm.credential().get_token()).token
    connector = aiohttp.TCPConnector(ssl=strict(arm))
    return aiohttp.ClientSession(headers={"authorization": f"Bearer {token}"}, connector=connector)


async def status(arm: Emulator, opened: aiohttp.ClientSession) -> int:
    """Return what a read is answered."""
    async with opened.get(f"{arm.endpoint}/subscriptions?api-version=2022-12-01") as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("credential", "environment"),
    [
        ("ManagedIdentityCredential", "environment"),
        ("ManagedIdentityCredential", "app_service_environment"),
        ("DefaultAzureCredential", "environment"),
        ("EnvironmentCredential", "service_principal_environment"),
    ],
)
async def test_the_official_sdk_signs_in_and_works(secure: Emulator, kind: str, credential: str, environment: str):
    said = await visit(secure, kind, credential, getattr(secure, environment))
    assert said == "['vm1']\nResourceNotFound\n"
    assert secure.vm("vm1").power_state == "running"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_official_sdk_answers_a_claims_challenge(secure: Emulator, kind: str):
    secure.inject(faults.ClaimsChallenge())
    said = await visit(secure, kind, "EnvironmentCredential", secure.service_principal_environment)
    assert said == "['vm1']\nResourceNotFound\n"
    assert [request.status for request in secure.requests][:2] == [401, 202]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
async def test_the_certificate_is_good_for_the_host_under_strict_checks(host: str):
    async with Emulator(tls=True, host=host) as arm, await session(arm) as opened:
        assert await status(arm, opened) == 200


async def test_nobody_trusts_it_unasked(secure: Emulator):
    async with aiohttp.ClientSession() as opened:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await status(secure, opened)


async def test_the_authority_is_trusted_for_loopback_only(secure: Emulator):
    authority = x509.load_pem_x509_certificate(secure.ca_file.read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [str(name.value) for name in constraints.value.permitted_subtrees] == ["localhost", "127.0.0.0/8", "::1/128"]


async def test_the_certificate_is_judged_by_real_time_whatever_the_clock_says():
    async with Emulator(VirtualClock(), tls=True) as arm, await session(arm) as opened:
        assert await status(arm, opened) == 200


async def test_while_it_runs_there_is_no_key_on_disk(secure: Emulator):
    folder = secure.ca_file.parent
    assert [file.name for file in folder.iterdir()] == ["ca.pem"]
    assert b"PRIVATE" not in secure.ca_file.read_bytes()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_the_key_is_nobody_elses_while_it_is_loaded(monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []

    class Watched(ssl.SSLContext):
        def load_cert_chain(self, certfile: Path) -> None:
            seen.append(stat.S_IMODE(certfile.stat().st_mode))
            super().load_cert_chain(certfile)

    monkeypatch.setattr(certificate.ssl, "create_default_context", lambda _: Watched(ssl.PROTOCOL_TLS_SERVER))
    async with Emulator(tls=True):
        assert seen == [0o600]


async def test_leaving_removes_the_file():
    async with Emulator(tls=True) as arm:
        folder = arm.ca_file.parent
    assert (folder.exists(), arm.ca_file) == (False, None)


async def test_an_emulator_that_cannot_start_leaves_no_file(
    served: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match="in use"):
        async with Emulator(tls=True, port=int(served.endpoint.rpartition(":")[2])):
            pass
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240  # nobody else waits


async def test_without_tls_there_is_no_certificate(served: Emulator):
    assert (served.ca_file, list(served.environment)) == (None, ["AZURE_POD_IDENTITY_AUTHORITY_HOST"])


@pytest.mark.parametrize(
    ("fault", "power"),
    [(faults.ResetBefore(), "running"), (faults.ResetAfter(), "stopping"), (faults.ResetMidway(), "stopping")],
)
async def test_connections_break_over_tls_too(fault: Fault, power: str):
    async with Emulator(tls=True) as arm, await session(arm) as opened:
        vm = arm.add_vm("vm1", power="running")
        arm.inject(fault)
        with pytest.raises(BROKEN):
            async with opened.post(f"{arm.endpoint}{vm}/powerOff?api-version=2024-07-01") as answer:
                await answer.read()
        assert arm.vm("vm1").power_state == power
        assert await status(arm, opened) == 200


async def test_nobody_is_let_in_for_a_while_over_tls_too():
    async with Emulator(tls=True) as arm, await session(arm) as opened:
        assert await status(arm, opened) == 200
        await arm.refuse_connections(60)
        await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientConnectorError):
            await status(arm, opened)
        await arm.refuse_connections(0.05)
        await asyncio.sleep(0.15)
        assert await status(arm, opened) == 200


def test_tls_without_a_socket_is_refused():
    with pytest.raises(ValueError, match="opens none"):
        Emulator(port=None, tls=True)
