"""When a token is renewed: once for all, ahead of its end, and never in the way of those who have a valid one."""

import asyncio
import logging

import pytest
from doubles import AccessToken, Credential, turns

from azvm_async.clock import VirtualClock
from azvm_async.credential import LAST_SECONDS, RENEW_AHEAD, RETRY_RENEWAL, TokenSource
from azvm_async.errors import AuthenticationError

LIFETIME = 3600.0
DUE = LIFETIME - RENEW_AHEAD
"""Seconds after which a token's successor is to be fetched."""


async def waiting(source: TokenSource, number: int) -> list[asyncio.Task[str]]:
    """Return so many tasks that wait for a token."""
    tasks = [asyncio.create_task(source.token()) for _ in range(number)]
    await turns()
    return tasks


async def aged(source: TokenSource, clock: VirtualClock, seconds: float) -> None:
    """Get a token and let it age."""
    await source.token()
    clock.jump(seconds)


async def test_a_token_is_used_again(source: TokenSource, credential: Credential, clock: VirtualClock):
    await aged(source, clock, DUE - 1)
    assert await source.token() == "token-1"
    assert len(credential.asked) == 1


async def test_a_hundred_at_once_fetch_one_token(source: TokenSource, credential: Credential):
    credential.gate.clear()
    tasks = await waiting(source, 100)
    credential.gate.set()
    assert set(await asyncio.gather(*tasks)) == {"token-1"}
    assert len(credential.asked) == 1


async def test_a_hundred_at_once_hear_of_one_failure(source: TokenSource, credential: Credential):
    credential.gate.clear()
    credential.broken = RuntimeError("not signed in")
    tasks = await waiting(source, 100)
    credential.gate.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {AuthenticationError}
    assert len(credential.asked) == 1


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "another"])
async def test_a_cancelled_waiter_leaves_the_fetch_to_the_others(
    source: TokenSource, credential: Credential, which: int
):
    credential.gate.clear()
    tasks = await waiting(source, 3)
    tasks.pop(which).cancel()
    await turns()
    credential.gate.set()
    assert await asyncio.gather(*tasks) == ["token-1", "token-1"]
    assert len(credential.asked) == 1


async def test_a_fetch_whose_only_waiter_was_cancelled_serves_the_next(source: TokenSource, credential: Credential):
    credential.gate.clear()
    (task,) = await waiting(source, 1)
    task.cancel()
    await turns()
    credential.gate.set()
    assert await source.token() == "token-1"
    assert len(credential.asked) == 1


async def test_ahead_of_its_end_a_token_is_handed_out_while_its_successor_is_fetched(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, DUE + 1)
    credential.gate.clear()
    assert await source.token() == "token-1"
    await turns()
    assert len(credential.asked) == 2
    await source.close()


async def test_the_successor_is_used_as_soon_as_it_is_there(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, DUE + 1)
    await source.token()
    await turns()
    assert await source.token() == "token-2"
    assert len(credential.asked) == 2


async def test_one_successor_is_fetched_however_many_ask(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, DUE + 1)
    await asyncio.gather(*(source.token() for _ in range(100)))
    await turns()
    assert len(credential.asked) == 2


async def test_a_short_lived_token_is_renewed_at_half_its_life(clock: VirtualClock):
    credential = Credential(clock, lifetime=100)
    source = TokenSource(credential, "scope", "authority", clock)
    await aged(source, clock, 49)
    await source.token()
    await turns()
    assert len(credential.asked) == 1
    clock.jump(2)
    await source.token()
    await turns()
    assert len(credential.asked) == 2


async def test_a_credentials_own_date_of_renewal_decides(clock: VirtualClock):
    asked: list[None] = []

    class Refreshing(AccessToken):
        refresh_on = int(clock.utcnow().timestamp()) + 1000

    class Dated:
        async def get_token(self, *_scopes: str) -> AccessToken:
            asked.append(None)
            return Refreshing("t", int(clock.utcnow().timestamp() + LIFETIME))

    source = TokenSource(Dated(), "scope", "authority", clock)
    await aged(source, clock, 999)
    await source.token()
    await turns()
    assert len(asked) == 1
    clock.jump(2)
    await source.token()
    await turns()
    assert len(asked) == 2


async def failed(source: TokenSource, credential: Credential, clock: VirtualClock) -> None:
    """Let a renewal ahead of the end fail."""
    await aged(source, clock, DUE + 1)
    credential.broken = RuntimeError("down")
    await source.token()
    await turns()
    assert len(credential.asked) == 2


async def test_a_failed_renewal_leaves_the_old_token_in_use(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await failed(source, credential, clock)
    assert await source.token() == "token-1"


async def test_a_failed_renewal_is_not_tried_again_at_once(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await failed(source, credential, clock)
    clock.jump(RETRY_RENEWAL - 1)
    await source.token()
    await turns()
    assert len(credential.asked) == 2


async def test_a_failed_renewal_is_tried_again_after_half_a_minute(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await failed(source, credential, clock)
    credential.broken = None
    clock.jump(30)
    await source.token()
    await turns()
    assert await source.token() == "token-3"


async def test_a_failed_renewal_is_logged_for_who_looks_closely(
    source: TokenSource, credential: Credential, clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG, logger="azvm_async"):
        await failed(source, credential, clock)
    assert "A token could not be renewed" in caplog.text


@pytest.mark.parametrize("age", [LIFETIME - LAST_SECONDS, LIFETIME, LIFETIME + 1000])
async def test_a_token_at_its_end_is_replaced_before_anything_is_handed_out(
    source: TokenSource, clock: VirtualClock, age: float
):
    await aged(source, clock, age)
    assert await source.token() == "token-2"


async def test_an_expired_token_is_not_handed_out_where_no_other_is_to_be_had(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, LIFETIME)
    credential.broken = RuntimeError("down")
    with pytest.raises(AuthenticationError):
        await source.token()


async def test_an_expired_token_is_not_handed_out_while_its_renewal_is_slow(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, DUE + 1)
    credential.gate.clear()
    await source.token()
    clock.jump(RENEW_AHEAD)
    tasks = await waiting(source, 2)
    assert not any(task.done() for task in tasks)
    credential.gate.set()
    assert await asyncio.gather(*tasks) == ["token-2", "token-2"]


async def test_a_refused_token_is_replaced(source: TokenSource):
    refused = await source.token()
    assert await source.replace(refused, None) == "token-2"


async def test_after_a_replacement_the_new_token_is_used(source: TokenSource):
    await source.replace(await source.token(), None)
    assert await source.token() == "token-2"


async def test_who_was_refused_with_an_old_token_gets_the_newer_one(source: TokenSource, credential: Credential):
    old = await source.token()
    await source.replace(old, None)
    assert await source.replace(old, None) == "token-2"
    assert len(credential.asked) == 2


async def test_claims_are_asked_for(source: TokenSource, credential: Credential):
    await source.replace(await source.token(), "CLAIMS")
    assert credential.asked[1:] == [{"enable_cae": True, "claims": "CLAIMS"}]


async def test_claims_are_asked_for_where_the_newer_token_has_none(source: TokenSource, credential: Credential):
    old = await source.token()
    await source.replace(old, None)
    assert await source.replace(old, "CLAIMS") == "token-3"
    assert credential.asked[2]["claims"] == "CLAIMS"


async def test_claims_are_asked_for_after_a_renewal_that_was_under_way_without_them(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, DUE + 1)
    credential.gate.clear()
    old = await source.token()
    replaced = asyncio.create_task(source.replace(old, "CLAIMS"))
    await turns()
    credential.gate.set()
    assert await replaced == "token-3"
    assert [asked.get("claims") for asked in credential.asked] == [None, None, "CLAIMS"]


@pytest.mark.parametrize("claims", ["CLAIMS", None])
async def test_a_hundred_refused_at_once_fetch_one_token(
    source: TokenSource, credential: Credential, claims: str | None
):
    old = await source.token()
    credential.gate.clear()
    tasks = [asyncio.create_task(source.replace(old, claims)) for _ in range(100)]
    await turns()
    credential.gate.set()
    assert set(await asyncio.gather(*tasks)) == {"token-2"}
    assert len(credential.asked) == 2


async def test_who_asks_during_a_replacement_gets_the_new_token(source: TokenSource, credential: Credential):
    old = await source.token()
    credential.gate.clear()
    replaced = asyncio.create_task(source.replace(old, "CLAIMS"))
    await turns()
    (task,) = await waiting(source, 1)
    credential.gate.set()
    assert await asyncio.gather(replaced, task) == ["token-2", "token-2"]


async def test_a_refused_token_is_not_handed_out_again_where_its_replacement_failed(
    source: TokenSource, credential: Credential
):
    old = await source.token()
    credential.broken = RuntimeError("down")
    with pytest.raises(AuthenticationError):
        await source.replace(old, None)
    with pytest.raises(AuthenticationError):
        await source.token()


async def test_closing_ends_a_renewal_that_is_under_way(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await aged(source, clock, DUE + 1)
    credential.gate.clear()
    await source.token()
    await turns()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await source.close()
    assert others
    assert all(task.done() for task in others)


async def test_closing_after_a_failed_renewal_is_quiet(
    source: TokenSource, credential: Credential, clock: VirtualClock
):
    await failed(source, credential, clock)
    await source.close()
