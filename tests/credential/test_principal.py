"""Who is calling, as far as tokens tell: those who are one share Azure's limits."""

import base64
import json
from typing import Any

import pytest
from doubles import AccessToken, Credential

from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource
from azvm_async.emulator import Emulator
from azvm_async.errors import AuthenticationError, ClientClosed


def encoded(part: object) -> str:
    """Return a part of a JWT, without padding as there."""
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def jwt(claims: object) -> str:
    """Return a token of Azure's shape."""
    return f"{encoded({'alg': 'RS256'})}.{encoded(claims)}.{encoded(b'signature')}"


class Giving:
    """A credential that gives one token."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def get_token(self, *_: str) -> AccessToken:
        """Return it."""
        return AccessToken(self.token, 4_000_000_000)


def source_of(credential: Any, clock: VirtualClock) -> TokenSource:
    return TokenSource(credential, "scope", "authority", clock)


async def principal(credential: Any, clock: VirtualClock) -> object:
    return await source_of(credential, clock).principal()


async def test_a_principal_is_known_by_tenant_and_object_id(clock: VirtualClock):
    assert await principal(Giving(jwt({"tid": "t-1", "oid": "o-1", "appid": "x"})), clock) == "t-1/o-1"


@pytest.mark.parametrize("length", range(8))
async def test_it_is_read_whatever_its_length(clock: VirtualClock, length: int):
    name = "ä" * length + "?>"
    assert await principal(Giving(jwt({"tid": "t", "oid": name})), clock) == f"t/{name}"


async def test_two_credentials_of_one_principal_are_one(clock: VirtualClock):
    one, other = (Giving(jwt({"tid": "t", "oid": "o", "iat": number})) for number in range(2))
    assert await principal(one, clock) == await principal(other, clock)


async def test_one_object_id_in_two_tenants_are_two(clock: VirtualClock):
    one, other = (Giving(jwt({"tid": tenant, "oid": "o"})) for tenant in "ab")
    assert await principal(one, clock) != await principal(other, clock)


NAMELESS = {
    "no JWT": "token-1",
    "two dots in a text": "a.b.c",
    "too many parts": f"{jwt({'oid': 'o'})}.more",
    "no base64": "head.!!!!!.tail",
    "no JSON": f"head.{encoded(b'{')}.tail",
    "no text": f"head.{encoded(bytes([255, 254]))}.tail",
    "too deep": f"head.{encoded(b'[' * 100_000)}.tail",
    "no object": jwt(["oid"]),
    "no object id": jwt({"tid": "t", "sub": "s"}),
    "no object id in it": jwt({"tid": "t", "oid": ""}),
}


@pytest.mark.parametrize("token", NAMELESS.values(), ids=NAMELESS)
async def test_a_token_that_names_nobody_stands_for_its_credential(clock: VirtualClock, token: str):
    mine, other = Giving(token), Giving(token)
    assert await principal(mine, clock) == await principal(mine, clock) != await principal(other, clock)


async def test_what_a_credential_is_known_by_is_good_as_a_key(clock: VirtualClock):
    credential = Giving("token-1")
    assert {await principal(credential, clock): 1}[await principal(credential, clock)] == 1


async def test_a_credential_that_is_gone_is_not_taken_for_another(clock: VirtualClock):
    gone = [await principal(Giving("token-1"), clock) for _ in range(50)]
    credential = Giving("token-1")
    assert await principal(credential, clock) not in gone


class Unhashable(Giving):
    """A credential that can be no key."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


async def test_a_credential_that_has_no_hash_is_known_all_the_same(clock: VirtualClock):
    one, other = Unhashable("token-1"), Unhashable("token-1")
    assert {await principal(one, clock)} == {await principal(one, clock)} != {await principal(other, clock)}


async def test_the_principal_is_asked_for_once(source: TokenSource, credential: Credential):
    assert await source.principal() == await source.principal()
    assert len(credential.asked) == 1


async def test_a_new_token_does_not_make_another_principal(source: TokenSource):
    before = await source.principal()
    await source.replace("token-1", None)
    assert await source.principal() == before


async def test_without_a_token_the_reason_is_told(source: TokenSource, credential: Credential):
    credential.broken = RuntimeError("not signed in")
    with pytest.raises(AuthenticationError, match="not signed in"):
        await source.principal()


async def test_after_closing_nobody_is_asked(source: TokenSource, credential: Credential):
    await source.close()
    with pytest.raises(ClientClosed):
        await source.principal()
    assert credential.asked == []


async def test_the_emulators_principals_are_told_from_each_other(clock: VirtualClock):
    arm = Emulator(clock, port=None)
    me, again, you = (arm.credential(principal=name) for name in ("me", "me", "you"))
    assert await principal(me, clock) == await principal(again, clock) != await principal(you, clock)
