"""The real azure-identity signs in at the emulator, and its token opens the emulator's door."""

from typing import Any

import azure.identity
import azure.identity.aio
import pytest
from doubles import Credential

from azvm_async.clock import SystemClock
from azvm_async.credential import TokenSource
from azvm_async.emulator import Emulator
from azvm_async.pipeline import Pipeline, Retry
from azvm_async.protocol.clouds import cloud_named
from azvm_async.transport import HttpTransport, Timeouts
from azvm_async.wire import Request


async def status_with(credential: Any, arm: Emulator) -> int:
    """Return what ARM says to a request that is signed by a credential."""
    clock, cloud = SystemClock(), cloud_named("public")
    tokens = TokenSource(credential, cloud.scope, cloud.authority, clock)
    transport = HttpTransport(Timeouts(), clock)
    pipeline = Pipeline(arm.endpoint, transport, tokens, clock=clock, retry=Retry(attempts=1), user_agent="tests/1")
    url = f"{arm.endpoint}{arm.add_vm('vm1')}?api-version=2024-07-01"
    try:
        return (await pipeline.poll(Request("GET", url))).status
    finally:
        await pipeline.close()


@pytest.fixture(params=["on a VM", "in an App Service"])
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what leads azure-identity to an emulator."""

    def lead_to(arm: Emulator) -> None:
        variables = arm.environment if request.param == "on a VM" else arm.app_service_environment
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return lead_to


async def test_the_async_managed_identity_signs_in(environment: Any):
    async with Emulator() as arm:
        environment(arm)
        async with azure.identity.aio.ManagedIdentityCredential() as credential:
            assert await status_with(credential, arm) == 200


async def test_the_sync_managed_identity_signs_in(environment: Any):
    async with Emulator() as arm:
        environment(arm)
        with azure.identity.ManagedIdentityCredential() as credential:
            assert await status_with(credential, arm) == 200


async def test_without_a_credential_the_default_one_finds_the_managed_identity(environment: Any):
    async with Emulator() as arm:
        environment(arm)
        assert await status_with(None, arm) == 200


async def test_control_without_a_valid_token_the_door_is_shut():
    async with Emulator() as arm:
        assert await status_with(Credential(SystemClock()), arm) == 401
