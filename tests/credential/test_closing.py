"""Closing, cancelled: a credential that was made here is closed all the same."""

import asyncio

import pytest
from doubles import Credential, turns

from azvm_async import VirtualClock
from azvm_async.credential import TokenSource


async def test_credential_of_ours_is_closed_where_the_closing_is_cancelled(monkeypatch: pytest.MonkeyPatch):
    class Stubborn(Credential):
        """One that takes its time to stop asking."""

        async def get_token(self, *scopes: str, **options: object) -> object:
            try:
                return await super().get_token(*scopes, **options)
            finally:
                await turns()

    clock = VirtualClock()
    credential = Stubborn(clock)
    credential.gate.clear()
    monkeypatch.setattr("azvm_async.credential._default_credential", lambda _: credential)
    source = TokenSource(None, "scope", "authority", clock)
    asking = asyncio.create_task(source.token())
    await turns()
    closing = asyncio.create_task(source.close())
    await turns(2)
    closing.cancel()
    await asyncio.wait([closing, asking])
    assert closing.cancelled()
    assert credential.closed
