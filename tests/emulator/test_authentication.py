"""Who may ask: only those who bring a token of this emulator."""

import base64
import json
from typing import Any

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, identity
from azvm_async.wire import Request
from emulator.support import Caller


async def test_no_token_is_refused_with_a_challenge(arm: Emulator, caller: Caller, vm: str):
    answer = await arm.send(Request("GET", caller.url(vm)))
    assert (answer.status, answer.document()["error"]["code"]) == (401, "AuthenticationFailed")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says of itself."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_a_token_names_its_tenant_and_its_principal(arm: Emulator):
    claims = claims_of((await arm.credential(principal="me").get_token()).token)
    assert (claims["tid"], claims["oid"]) == (identity.TENANT, "me")


async def test_a_token_says_until_when_it_is_valid(arm: Emulator):
    token = await arm.credential().get_token()
    assert claims_of(token.token)["exp"] == token.expires_on


async def test_a_token_is_a_header_a_payload_and_a_signature(arm: Emulator):
    header, _, signature = (await arm.credential().get_token()).token.split(".")
    assert json.loads(base64.urlsafe_b64decode(f"{header}==")) == {"typ": "JWT", "alg": "none"}
    assert len(base64.urlsafe_b64decode(f"{signature}=")) == 32


async def test_two_tokens_of_one_moment_differ_in_their_signature_only(arm: Emulator):
    one, other = [(await arm.credential().get_token()).token.rpartition(".") for _ in range(2)]
    assert one[0] == other[0]
    assert one[2] != other[2]


async def test_a_token_with_another_signature_is_refused(caller: Caller, vm: str):
    told = caller.headers["authorization"].rpartition(".")[0]
    answer = await caller.send("GET", vm, authorization=f"{told}.{'A' * 43}")
    assert (answer.status, answer.document()["error"]["code"]) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer a.b.c"])
async def test_a_token_from_elsewhere_is_refused(caller: Caller, vm: str, header: str):
    answer = await caller.send("GET", vm, authorization=header)
    assert (answer.status, answer.document()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_another_scheme_counts_as_no_token(caller: Caller, vm: str):
    answer = await caller.send("GET", vm, authorization="Basic dXNlcg==")
    assert answer.document()["error"]["code"] == "AuthenticationFailed"


async def test_a_token_expires_by_the_date(clock: VirtualClock, caller: Caller, vm: str):
    clock.jump(86_400)
    answer = await caller.send("GET", vm)
    assert (answer.status, answer.document()["error"]["code"]) == (401, "ExpiredAuthenticationToken")


async def test_the_life_of_tokens_can_be_chosen(clock: VirtualClock):
    async with Emulator(clock, port=None, token_lifetime=60) as arm:
        token = await arm.credential().get_token("https://management.azure.com/.default")
    assert token.expires_on == clock.utcnow().timestamp() + 60


async def test_polls_need_the_token_too(arm: Emulator, caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/restart")
    answer = await arm.send(Request("GET", accepted.headers["azure-asyncoperation"]))
    assert answer.status == 401


async def test_tokens_of_two_seeds_differ():
    tokens = {(await Emulator(port=None, seed=seed).credential().get_token()).token for seed in (1, 2)}
    assert len(tokens) == 2
