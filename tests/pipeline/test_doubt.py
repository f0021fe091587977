"""A lost sending leaves a doubt, and what may settle it; the challenge of claims; the end of a pipeline."""

import base64
import json
from collections.abc import Callable

import pytest
from doubles import Credential

from azvm_async.errors import AuthenticationError, CertificateError, ClientClosed, OutcomeUnknown
from pipeline.support import GET, OK, VM, Line, lost, refused, unsent


@pytest.mark.parametrize(
    "later",
    [
        lambda: [CertificateError("Not trusted", maybe_applied=False)],
        lambda: [refused(401), refused(401)],
        lambda: [unsent(), unsent()],
        lambda: [refused(429), refused(429)],
        lambda: [refused(409), refused(409)],
        lambda: [refused(404)],
    ],
    ids=["untrusted", "401", "no connection", "429", "409", "404"],
)
async def test_doubt_of_a_lost_sending_is_not_settled_by(line: Callable[..., Line], later):
    assert type(await line(lost(), *later()).failure()) is OutcomeUnknown


async def test_read_leaves_no_doubt(line: Callable[..., Line]):
    assert type(await line(lost(), refused(403)).failure(request=GET)) is AuthenticationError


async def test_unsent_error_names_the_vm(line: Callable[..., Line]):
    assert (await line(unsent(), unsent(), unsent()).failure()).vm == VM


async def test_claims_are_read_in_the_alphabet_of_urls_too(line: Callable[..., Line], credential: Credential):
    claims = json.dumps({"a": "??>>~~?"})
    encoded = base64.urlsafe_b64encode(claims.encode()).decode()
    challenge = f'Bearer error="insufficient_claims", claims="{encoded}"'
    await line(refused(401, www_authenticate=challenge), OK).send()
    assert credential.asked[1].get("claims") == claims


async def test_closed_pipeline_sends_nothing(line: Callable[..., Line]):
    closed = line(OK)
    await closed.pipeline.close()
    with pytest.raises(ClientClosed):
        await closed.send()
    assert closed.sent == []


async def test_transport_is_closed_though_the_credential_fails_to(line: Callable[..., Line], monkeypatch):
    async def fails() -> None:
        raise RuntimeError("It does not close.")

    opened = line(OK)
    monkeypatch.setattr(opened.pipeline._tokens, "close", fails)
    with pytest.raises(RuntimeError):
        await opened.pipeline.close()
    assert opened.transport.closed
