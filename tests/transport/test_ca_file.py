"""Whose certificates are trusted: the system's authorities, or those of a file in their place. Nothing turns it off."""

import ssl
from pathlib import Path

import pytest
from doubles import RawServer

from azvm_async import AzureVMClient, InvalidRequest
from azvm_async.clock import SystemClock
from azvm_async.emulator import Emulator
from azvm_async.errors import CertificateError
from azvm_async.transport import HttpTransport, Timeouts
from azvm_async.wire import Request

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


async def test_authority_of_the_file_is_trusted(self_signed: Path, tls: ssl.SSLContext):
    transport = HttpTransport(Timeouts(), SystemClock(), ca_file=self_signed)
    async with RawServer(tls=tls) as server:
        assert (await transport.send(Request("GET", server.url))).status == 200
        await transport.close()


async def test_authorities_of_another_file_are_not(tls: ssl.SSLContext):
    async with Emulator(tls=True) as arm, RawServer(tls=tls) as server:
        transport = HttpTransport(Timeouts(), SystemClock(), ca_file=arm.ca_file)
        with pytest.raises(CertificateError, match="ca_file"):
            await transport.send(Request("GET", server.url))
        assert server.requests == []
        await transport.close()


async def test_name_is_checked_too(self_signed: Path, tls: ssl.SSLContext):
    transport = HttpTransport(Timeouts(), SystemClock(), ca_file=self_signed)
    async with RawServer(tls=tls) as server:
        with pytest.raises(CertificateError):
            await transport.send(Request("GET", server.url.replace("127.0.0.1", "localhost")))
        assert server.requests == []
        await transport.close()


async def test_client_speaks_to_an_emulator_with_tls():
    async with Emulator(tls=True) as arm:
        arm.add_vm("vm1")
        where = (arm.subscription, arm.resource_group, arm.credential(), arm.endpoint)
        async with AzureVMClient(*where, ca_file=arm.ca_file) as client:
            assert (await client.get("vm1")).name == "vm1"


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAA=="])
def test_file_that_holds_no_certificate_is_refused_at_once(tmp_path: Path, content: str | None):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidRequest, match=r"ca\.pem"):
        AzureVMClient(SUBSCRIPTION, "group", ca_file=path)
