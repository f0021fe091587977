"""How a credential is asked, and what is made of its answers."""

import subprocess
import sys
import threading
from typing import Any

import pytest
from doubles import AccessToken, BlockingCredential, Credential

from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource
from azvm_async.errors import AuthenticationError


async def asked(credential: Any, clock: VirtualClock) -> TokenSource:
    """Return a source that has got a token of a credential."""
    source = TokenSource(credential, "scope", "authority", clock)
    await source.token()
    return source


async def test_an_async_credential_is_awaited(source: TokenSource):
    assert await source.token() == "token-1"


async def test_an_async_credential_is_asked_on_the_loops_thread(clock: VirtualClock):
    threads: list[int] = []

    class Noting:
        async def get_token(self, *_scopes: str) -> AccessToken:
            threads.append(threading.get_ident())
            return AccessToken("t", int(clock.utcnow().timestamp()) + 3600)

    await asked(Noting(), clock)
    assert threads == [threading.get_ident()]


async def test_a_sync_credential_gives_its_token(clock: VirtualClock):
    source = await asked(BlockingCredential(clock), clock)
    assert await source.token() == "token-1"


async def test_a_sync_credential_is_asked_off_the_loops_thread(clock: VirtualClock):
    credential = BlockingCredential(clock)
    await asked(credential, clock)
    assert len(credential.threads) == 1
    assert threading.get_ident() not in credential.threads


async def test_a_credential_that_returns_an_awaitable_is_awaited(clock: VirtualClock):
    class Wrapping:
        def get_token(self, *scopes: str, **options: Any) -> Any:
            return Credential(clock).get_token(*scopes, **options)

    assert await (await asked(Wrapping(), clock)).token() == "token-1"


async def test_the_scope_is_asked_for(source: TokenSource, credential: Credential):
    await source.token()
    assert credential.scopes == [("https://management.azure.com/.default",)]


async def test_continuous_access_evaluation_is_asked_for(source: TokenSource, credential: Credential):
    await source.token()
    assert credential.asked == [{"enable_cae": True}]


async def test_a_credential_without_keywords_is_asked_without(clock: VirtualClock):
    class Simple:
        async def get_token(self, *_scopes: str) -> AccessToken:
            return AccessToken("simple", int(clock.utcnow().timestamp()) + 3600)

    source = TokenSource(Simple(), "scope", "authority", clock)
    assert await source.token() == "simple"


async def test_a_credential_is_given_those_keywords_that_it_names(clock: VirtualClock):
    given: list[str | None] = []

    class Choosy:
        async def get_token(self, *_scopes: str, claims: str | None = None) -> AccessToken:
            given.append(claims)
            return AccessToken(f"t-{len(given)}", int(clock.utcnow().timestamp()) + 3600)

    source = await asked(Choosy(), clock)
    await source.replace("t-1", "CLAIMS")
    assert given == [None, "CLAIMS"]


async def test_virtual_time_stands_still_while_a_credential_is_asked(clock: VirtualClock):
    asked_at: list[float] = []
    answer = threading.Event()

    class Slow(BlockingCredential):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            answer.wait(0.05)
            asked_at.append(clock.monotonic())
            return super().get_token(*scopes, **options)

    clock.call_later(60, lambda: None)
    await asked(Slow(clock), clock)
    assert asked_at == [0]


async def test_a_failure_is_an_authentication_error(source: TokenSource, credential: Credential):
    credential.broken = RuntimeError("not signed in")
    with pytest.raises(AuthenticationError, match="No token could be had: not signed in"):
        await source.token()


async def test_a_failure_keeps_its_cause(source: TokenSource, credential: Credential):
    credential.broken = RuntimeError("not signed in")
    with pytest.raises(AuthenticationError) as caught:
        await source.token()
    assert caught.value.__cause__ is credential.broken


async def test_of_a_failures_words_only_the_first_line_is_repeated(source: TokenSource, credential: Credential):
    credential.broken = RuntimeError("\nnot signed in.\nThe request was: client_secret=hunter2\nTo mitigate, see x")
    with pytest.raises(AuthenticationError) as caught:
        await source.token()
    assert "not signed in" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_failure_without_words_is_named_by_its_class(source: TokenSource, credential: Credential):
    credential.broken = ZeroDivisionError()
    with pytest.raises(AuthenticationError, match="ZeroDivisionError"):
        await source.token()


@pytest.mark.parametrize("answer", [None, "a text", AccessToken("t", "soon")])  # type: ignore[arg-type]
async def test_what_is_no_token_is_an_authentication_error(clock: VirtualClock, answer: object):
    class Odd:
        async def get_token(self, *_scopes: str) -> object:
            return answer

    with pytest.raises(AuthenticationError):
        await TokenSource(Odd(), "scope", "authority", clock).token()


async def test_a_token_is_in_no_repr_of_its_source(source: TokenSource):
    await source.token()
    assert "token-1" not in repr(vars(source))


async def test_after_a_failure_the_credential_is_asked_again(source: TokenSource, credential: Credential):
    credential.broken = RuntimeError("not yet")
    with pytest.raises(AuthenticationError):
        await source.token()
    credential.broken = None
    assert await source.token() == "token-2"


async def test_the_users_credential_is_not_closed(source: TokenSource, credential: Credential):
    await source.token()
    await source.close()
    assert not credential.closed


@pytest.fixture
def default(monkeypatch: pytest.MonkeyPatch, credential: Credential) -> dict[str, Any]:
    """Put a double in the place of azure-identity's default; return what it is made with."""
    made: dict[str, Any] = {}

    def make(**options: Any) -> Credential:
        made.update(options)
        return credential

    monkeypatch.setattr("azure.identity.aio.DefaultAzureCredential", make)
    return made


async def test_without_a_credential_the_default_one_is_made(
    default: dict[str, Any], credential: Credential, clock: VirtualClock
):
    await TokenSource(None, "scope", "login.microsoftonline.us", clock).token()
    assert (default, len(credential.asked)) == ({"authority": "login.microsoftonline.us"}, 1)


async def test_the_default_credential_is_not_made_before_it_is_needed(default: dict[str, Any], clock: VirtualClock):
    await TokenSource(None, "scope", "authority", clock).close()
    assert default == {}


@pytest.mark.usefixtures("default")
async def test_the_default_credential_is_closed(credential: Credential, clock: VirtualClock):
    await (await asked(None, clock)).close()
    assert credential.closed


def test_importing_the_package_does_not_import_azure_identity():
    code = "import azvm_async, sys; print([name for name in sys.modules if name.split('.')[0] in ('azure', 'msal')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
