"""Tokens: where they go, and what is done when Azure does not take one."""

import base64
import json
from collections.abc import Callable

import pytest
from doubles import Credential, ScriptedTransport

from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource
from azvm_async.errors import AuthenticationError, ProtocolError
from azvm_async.pipeline import Pipeline, Retry
from azvm_async.protocol.repeat import Repeat
from azvm_async.wire import Request, Response
from pipeline.support import ABOUT, ENDPOINT, GET, OK, POST, Announced, Line, refused

Build = Callable[..., Line]
Ways = pytest.mark.parametrize("way", ["send", "poll"])

CLAIMS = {  # by how many characters of padding their base64 has
    count: json.dumps({"access_token": {"nbf": {"essential": True, "value": "1" * length}}})
    for count, length in ((0, 10), (1, 12), (2, 11))
}


async def ask(line: Line, way: str) -> Response:
    """Send a request in one of the pipeline's two ways."""
    return await (line.send() if way == "send" else line.pipeline.poll(POST))


def challenge(claims: str, *, claims_first: bool = False, padded: bool = True) -> Response:
    """Return the 401 of Continuous Access Evaluation."""
    encoded = base64.b64encode(claims.encode()).decode()
    attributes = ['error="insufficient_claims"', f'claims="{encoded if padded else encoded.rstrip("=")}"']
    if claims_first:
        attributes.reverse()
    text = ", ".join(['Bearer realm=""', 'authorization_uri="https://login/x"', *attributes])
    return refused(401, www_authenticate=text)


@Ways
async def test_a_request_carries_the_token(line: Build, way: str):
    sending = line(OK)
    await ask(sending, way)
    assert [sent.request.headers["authorization"] for sent in sending.sent] == ["Bearer token-1"]


@Ways
async def test_a_refused_token_is_renewed_and_the_request_sent_once_more(line: Build, way: str):
    sending = line(refused(401), OK)
    assert await ask(sending, way) is OK
    assert [sent.token for sent in sending.sent] == ["token-1", "token-2"]


@pytest.mark.parametrize("repeat", Repeat)
async def test_a_refused_token_is_renewed_whatever_may_be_repeated(line: Build, repeat: Repeat):
    sending = line(refused(401), OK)
    assert await sending.send(repeat) is OK


async def test_the_resend_is_the_same_request(line: Build):
    sending = line(refused(401), OK)
    await sending.send(request=Request("PUT", POST.url, b"body", {"if-match": "*"}))
    first, second = (sent.request for sent in sending.sent)
    assert {**first.headers, "authorization": ""} == {**second.headers, "authorization": ""}
    assert (first.method, first.url, first.body) == (second.method, second.url, second.body)


async def test_the_resend_is_made_without_a_wait(line: Build):
    sending = line(refused(401), OK)
    await sending.send()
    assert sending.waits == [0]


@pytest.mark.parametrize("padded", [True, False], ids=["padded", "unpadded"])
@pytest.mark.parametrize("claims_first", [True, False], ids=["claims first", "error first"])
@pytest.mark.parametrize("padding", [0, 1, 2])
async def test_the_challenges_claims_reach_the_credential_decoded(
    line: Build, credential: Credential, padding: int, claims_first: bool, padded: bool
):
    claims = CLAIMS[padding]
    assert base64.b64encode(claims.encode()).count(b"=") == padding
    await line(challenge(claims, claims_first=claims_first, padded=padded), OK).send()
    assert [asked.get("claims") for asked in credential.asked] == [None, claims]


@pytest.mark.parametrize(
    "header",
    [
        'Bearer error="invalid_token", claims="e30="',
        'Bearer error="insufficient_claims"',
        'Bearer error="insufficient_claims", claims="a"',
        'Bearer error="insufficient_claims", claims="//79"',
        "",
    ],
    ids=["another error", "no claims", "no base64", "no text", "no challenge"],
)
async def test_a_401_without_readable_claims_leads_to_a_plain_renewal(line: Build, credential: Credential, header: str):
    assert await line(refused(401, www_authenticate=header), OK).send() is OK
    assert [asked.get("claims") for asked in credential.asked] == [None, None]


async def test_a_second_refusal_is_an_authentication_error(line: Build):
    sending = line(refused(401, "InvalidAuthenticationToken"))
    error = await sending.failure()
    assert (type(error), error.status, error.code, len(sending.sent)) == (
        AuthenticationError,
        401,
        "InvalidAuthenticationToken",
        2,
    )


async def test_a_403_is_an_authentication_error_without_a_renewal(line: Build, credential: Credential):
    sending = line(refused(403, "AuthorizationFailed"))
    error = await sending.failure()
    assert (type(error), len(sending.sent), len(credential.asked)) == (AuthenticationError, 1, 1)


async def test_the_same_token_again_is_not_sent_again(line: Build, credential: Credential):
    credential.frozen = True
    sending = line(refused(401))
    error = await sending.failure()
    assert (type(error), len(sending.sent), len(credential.asked)) == (AuthenticationError, 1, 2)


async def test_a_renewal_that_fails_is_an_authentication_error(line: Build, credential: Credential):
    def sign_out() -> None:
        credential.broken = RuntimeError("signed out")

    with pytest.raises(AuthenticationError, match="signed out"):
        await line(refused(401)).send(sending=Announced(sign_out))


async def test_claims_that_are_asked_for_after_a_renewal_are_brought_too(line: Build, credential: Credential):
    assert await line(refused(401), challenge(CLAIMS[0]), OK).send() is OK
    assert [asked.get("claims") for asked in credential.asked] == [None, None, CLAIMS[0]]


async def test_claims_that_were_brought_in_vain_are_not_brought_again(line: Build, credential: Credential):
    sending = line(challenge(CLAIMS[0]))
    assert type(await sending.failure()) is AuthenticationError
    assert (len(sending.sent), len(credential.asked)) == (2, 2)


async def test_two_renewals_are_the_most(line: Build):
    sending = line(*[challenge(claims) for claims in CLAIMS.values()])
    assert type(await sending.failure()) is AuthenticationError
    assert len(sending.sent) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 429, 500, 503])
async def test_a_poll_returns_an_error_status_as_the_answer_it_is(line: Build, status: int):
    assert (await line(refused(status)).pipeline.poll(GET)).status == status


@pytest.mark.parametrize("status", [404, 408, 429, 500, 503])
async def test_a_poll_is_one_attempt(line: Build, status: int):
    sending = line(refused(status, retry_after="0"))
    await sending.pipeline.poll(GET)
    assert len(sending.sent) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/subscriptions",
        "https://management.azure.com.evil.example/",
        "https://management.azure.com:8443/",
        "http://management.azure.com/",
        "https://other.management.azure.com/",
    ],
)
@Ways
async def test_nothing_is_sent_to_another_host(line: Build, credential: Credential, url: str, way: str):
    sending = line(OK)
    with pytest.raises(ProtocolError):
        await (
            sending.send(request=Request("GET", url)) if way == "send" else sending.pipeline.poll(Request("GET", url))
        )
    assert (sending.sent, credential.asked) == ([], [])


async def test_a_signature_is_not_in_the_error_about_another_host(line: Build):
    error = await line(OK).failure(request=Request("GET", "https://evil.example/op?s=c2lnbmVk"))
    assert "c2lnbmVk" not in str(error)


@pytest.mark.parametrize("url", [f"{ENDPOINT}:443/x", "https://MANAGEMENT.azure.com/x"])
async def test_the_endpoint_may_be_written_in_another_way(line: Build, url: str):
    assert await line(OK).pipeline.poll(Request("GET", url)) is OK


async def test_a_request_is_announced_after_the_token_is_there_and_before_it_is_sent(
    clock: VirtualClock, credential: Credential
):
    events: list[str] = []

    class Listening(ScriptedTransport):
        async def send(self, request: Request) -> Response:
            events.append("sent")
            return await super().send(request)

    transport = Listening(clock, OK)
    tokens = TokenSource(credential, "scope", "authority", clock)
    pipeline = Pipeline(ENDPOINT, transport, tokens, clock=clock, retry=Retry(), user_agent="tests/1")
    sending = Announced(lambda: events.append(f"announced, {len(credential.asked)} token"))
    await pipeline.send(POST, ABOUT, Repeat.NEVER, sending)
    assert events == ["announced, 1 token", "sent"]


async def test_a_request_is_not_announced_where_there_is_no_token(line: Build, credential: Credential):
    credential.broken = RuntimeError("not signed in")
    announced: list[str] = []
    sending = line(OK)
    with pytest.raises(AuthenticationError):
        await sending.send(sending=Announced(lambda: announced.append("it")))
    assert (announced, sending.sent) == ([], [])


async def test_a_request_that_is_sent_three_times_is_announced_each_time(line: Build):
    announced: list[str] = []
    sending = line(refused(503), refused(503), OK)
    await sending.send(sending=Announced(lambda: announced.append("it")))
    assert (announced, len(sending.sent)) == (["it"] * 3, 3)


async def test_a_missing_token_is_not_asked_for_again_by_itself(line: Build, credential: Credential):
    credential.broken = RuntimeError("not signed in")
    await line(OK).failure()
    assert len(credential.asked) == 1
