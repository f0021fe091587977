"""Who may ask: only those who bring a token of this emulator."""

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.wire import Request
from emulator.support import Caller


async def test_no_token_is_refused_with_a_challenge(arm: Emulator, caller: Caller, vm: str):
    answer = await arm.send(Request("GET", caller.url(vm)))
    assert (answer.status, answer.document()["error"]["code"]) == (401, "AuthenticationFailed")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer emulated.00"])
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
