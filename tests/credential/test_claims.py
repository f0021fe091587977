"""Tokens that were refused: replaced with all claims met; and tokens at their end."""

import asyncio

import pytest
from doubles import Credential, turns

from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource
from azvm_async.errors import ClientClosed


async def test_two_claims_are_both_met(source: TokenSource, credential: Credential, clock: VirtualClock):
    await source.token()
    clock.jump(3301)
    credential.gate.clear()
    old = await source.token()  # begins a renewal in the background
    both = [asyncio.create_task(source.replace(old, claims)) for claims in ("C", "D")]
    await turns()
    credential.gate.set()
    await asyncio.gather(*both)
    assert [asked.get("claims") for asked in credential.asked] == [None, None, "C", "D"]


async def test_token_in_its_last_seconds_is_used_where_no_other_is_had(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    old = await source.token()
    clock.jump(3591)
    credential.broken = RuntimeError("not now")
    assert await source.token() == old


async def test_each_waiter_gets_an_error_of_its_own(source: TokenSource, credential: Credential):
    credential.gate.clear()
    credential.broken = RuntimeError("not signed in")
    tasks = [asyncio.create_task(source.token()) for _ in range(3)]
    await turns()
    credential.gate.set()
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert len({id(error) for error in errors}) == 3


async def test_closing_wakes_who_waits_for_a_token(source: TokenSource, credential: Credential):
    credential.gate.clear()
    task = asyncio.create_task(source.token())
    await turns()
    await source.close()
    with pytest.raises(ClientClosed):
        await task


async def test_closed_source_asks_for_no_token(source: TokenSource, credential: Credential):
    await source.close()
    with pytest.raises(ClientClosed):
        await source.token()
    assert credential.asked == []
