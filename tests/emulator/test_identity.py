"""The real azure-identity logs in: on a VM and in an App Service, sync and async."""

import asyncio
from typing import Any

import aiohttp
import azure.identity
import azure.identity.aio
import pytest
from azure.core.exceptions import ClientAuthenticationError

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator

SCOPE = "https://management.azure.com/.default"
CREDENTIALS = ("ManagedIdentityCredential", "DefaultAzureCredential")


@pytest.fixture(params=["on a VM", "in an App Service"])
def environment(request: pytest.FixtureRequest, served: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead azure-identity to the emulator."""
    variables = served.environment if request.param == "on a VM" else served.app_service_environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


async def status_with(served: Emulator, token: str) -> int:
    """Return what ARM says to a request with this token."""
    async with aiohttp.ClientSession() as session:
        url = f"{served.endpoint}/subscriptions?api-version=2022-12-01"
        async with session.get(url, headers={"authorization": f"Bearer {token}"}) as answer:
            return answer.status


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", CREDENTIALS)
async def test_the_async_credential_gets_a_token_that_arm_takes(served: Emulator, name: str):
    async with getattr(azure.identity.aio, name)() as credential:
        token = await credential.get_token(SCOPE)
    assert await status_with(served, token.token) == 200


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", CREDENTIALS)
async def test_the_sync_credential_gets_a_token_that_arm_takes(served: Emulator, name: str):
    with getattr(azure.identity, name)() as credential:
        token = await asyncio.to_thread(credential.get_token, SCOPE)
    assert await status_with(served, token.token) == 200


@pytest.mark.parametrize("module", [azure.identity, azure.identity.aio], ids=["sync", "async"])
async def test_with_a_wrong_header_azure_identity_raises_its_own_error(
    served: Emulator, module: Any, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {**served.app_service_environment, "IDENTITY_HEADER": "wrong"}.items():
        monkeypatch.setenv(name, value)
    credential = module.ManagedIdentityCredential()
    with pytest.raises(ClientAuthenticationError, match="metadata header"):
        await (
            credential.get_token(SCOPE)
            if module is azure.identity.aio
            else asyncio.to_thread(credential.get_token, SCOPE)
        )
    closed = credential.close()
    if closed is not None:
        await closed


async def ask(served: Emulator, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Ask a token endpoint."""
    async with aiohttp.ClientSession() as session, session.get(f"{served.endpoint}{path}", headers=headers) as answer:
        return answer.status, await answer.json()


async def test_the_resource_comes_back_exactly(served: Emulator):
    path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2FManagement.azure.com%2F%2F"
    _, document = await ask(served, path, Metadata="true")
    assert document["resource"] == "https://Management.azure.com//"


@pytest.mark.parametrize(
    "path", ["/metadata/identity/oauth2/token?resource=x", "/msi/token?resource=x"], ids=["imds", "app service"]
)
async def test_without_its_header_there_is_no_token(served: Emulator, path: str):
    status, document = await ask(served, path)
    assert status == 400
    assert "access_token" not in document


async def test_without_a_resource_there_is_no_token(served: Emulator):
    status, document = await ask(served, "/metadata/identity/oauth2/token", Metadata="true")
    assert (status, document["error"]) == (400, "invalid_request")


async def test_tokens_are_forgotten_a_day_after_their_end(arm: Emulator, clock: VirtualClock):
    for _ in range(3):
        await arm.credential().get_token()
        await clock.sleep(86_400)
    assert len(arm._world.tokens) == 2
    await arm.credential().get_token()
    assert len(arm._world.tokens) == 2


async def test_requests_for_tokens_are_not_recorded_as_arm_requests(served: Emulator):
    await ask(served, "/metadata/identity/oauth2/token?resource=x", Metadata="true")
    assert served.requests == []
