"""A service principal signs in with its secret, by the real azure-identity; whoever has it wrong is told as Entra tells."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import azure.identity
import azure.identity.aio
import pytest
from azure.core.exceptions import ClientAuthenticationError

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.entra import CLIENT_ID, TENANT
from azvm_async.wire import Request, Response
from emulator.support import Caller

SCOPE = "https://management.azure.com/.default"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
OTHER = "00000000-0000-0000-0000-0000000000ff"


@pytest.fixture
async def secure() -> AsyncIterator[Emulator]:
    """Give an emulator with TLS."""
    async with Emulator(tls=True) as arm:
        yield arm


def secret(arm: Emulator) -> str:
    """Return the application's secret."""
    return arm.service_principal_environment["AZURE_CLIENT_SECRET"]


async def token(arm: Emulator, kind: str, tenant: str, client: str, password: str) -> Any:
    """Return what azure-identity's credential gets."""
    options = {"authority": arm.endpoint, "connection_verify": str(arm.ca_file)}
    if kind == "async":
        async with azure.identity.aio.ClientSecretCredential(tenant, client, password, **options) as credential:
            return await credential.get_token(SCOPE)
    with azure.identity.ClientSecretCredential(
        tenant, client, password, disable_instance_discovery=True, **options
    ) as credential:
        return await asyncio.to_thread(credential.get_token, SCOPE)


async def ask(arm: Emulator, path: str, method: str, **fields: str) -> Response:
    """Ask as nobody would by mistake; a field that is empty is left out."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "scope": SCOPE, "client_secret": secret(arm)}
    body = "&".join(f"{name}={value}" for name, value in {**form, **fields}.items() if value)
    return await arm.send(Request(method, f"{arm.endpoint}{path}", body.encode(), {"client-request-id": "mine"}))


async def post(arm: Emulator, path: str = TOKEN, method: str = "POST", **fields: str) -> tuple[int, dict[str, Any]]:
    """Ask; return the status and the document."""
    answer = await ask(arm, path, method, **fields)
    return answer.status, answer.document()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_secret_gets_a_token_that_arm_takes(secure: Emulator, kind: str):
    got = await token(secure, kind, TENANT, CLIENT_ID, secret(secure))
    answer = await Caller(secure, secure.clock, got.token).send("GET", "/subscriptions")
    assert answer.status == 200


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("client", "password", "number"), [(CLIENT_ID, "wrong", "AADSTS7000215"), (OTHER, "", "AADSTS700016")]
)
async def test_what_is_wrong_is_azure_identitys_own_error(
    secure: Emulator, kind: str, client: str, password: str, number: str
):
    with pytest.raises(ClientAuthenticationError, match=number):
        await token(secure, kind, TENANT, client, password or secret(secure))


@pytest.mark.parametrize(("kind", "said"), [("sync", "check your tenant"), ("async", "AADSTS90002")])
async def test_an_unknown_tenant_is_azure_identitys_own_error(secure: Emulator, kind: str, said: str):
    with pytest.raises(ClientAuthenticationError, match=said):
        await token(secure, kind, OTHER, CLIENT_ID, secret(secure))


@pytest.mark.parametrize(
    ("fields", "status", "error", "number"),
    [
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_secret": "x"}, 401, "invalid_client", 7000215),
        ({"client_id": OTHER}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://management.azure.com/read"}, 400, "invalid_scope", 1002012),
        ({"scope": ""}, 400, "invalid_request", 900144),
        ({"path": f"/{OTHER}/oauth2/v2.0/token"}, 400, "invalid_request", 90002),
        ({"method": "GET"}, 405, "invalid_request", 900561),
        ({"path": f"/{TENANT}/v2.0/.well-known/openid-configuration"}, 405, "invalid_request", 900561),
    ],
)
async def test_each_refusal_has_its_number(arm: Emulator, fields: dict[str, str], status: int, error: str, number: int):
    got, document = await post(arm, **fields)
    assert (got, document["error"], document["error_codes"]) == (status, error, [number])
    assert document["error_description"].startswith(f"AADSTS{number}: ")
    assert document["correlation_id"] == "mine"


async def test_a_token_says_how_long_it_lasts_and_is_not_to_be_stored(clock: VirtualClock):
    async with Emulator(clock, port=None, token_lifetime=600) as arm:
        answer = await ask(arm, TOKEN, "POST")
    assert (answer.document()["expires_in"], answer.headers["cache-control"]) == (600, "no-store")


CHALLENGE = faults.ClaimsChallenge('{"access_token":{"nbf":{"essential":true,"value":"1"}}}')
CAPABLE = '"xms_cc":{"values":["CP1"]}'


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ('{"access_token":{"nbf":{"value":"1","essential":true}}}', 200),
        ('{"access_token":{"nbf":{"essential":true,"value":"1"},' + CAPABLE + "}}", 200),
        ('{"access_token":{"nbf":{"essential":true,"value":"2"}}}', 401),
        ('{"access_token":{' + CAPABLE + "}}", 401),
        ("no JSON", 401),
        pytest.param("[" * 100_000, 401, id="nested too deeply"),
        ("[]", 401),
        ("", 401),
    ],
)
async def test_a_token_proves_the_claims_it_was_asked_for_with(
    arm: Emulator, clock: VirtualClock, caller: Caller, claims: str, status: int
):
    arm.inject(CHALLENGE)
    await caller.send("GET", "/subscriptions")
    _, document = await post(arm, claims=claims)
    answer = await Caller(arm, clock, document["access_token"]).send("GET", "/subscriptions")
    assert answer.status == status


async def test_the_secrets_of_two_emulators_differ():
    assert secret(Emulator(port=None)) != secret(Emulator(port=None))


async def test_signing_in_is_neither_recorded_nor_struck(arm: Emulator):
    arm.inject(faults.Status(500))
    assert (await post(arm))[0] == 200
    assert arm.requests == []
