"""What each request carries beside its token, and how the pipeline is closed."""

import platform
import uuid
from collections.abc import Callable

from doubles import Credential, ScriptedTransport

from azvm_async.clock import VirtualClock
from azvm_async.credential import TokenSource
from azvm_async.pipeline import Pipeline, Retry
from azvm_async.wire import Request
from pipeline.support import ENDPOINT, GET, OK, POST, Line, refused

Build = Callable[..., Line]
ID = "x-ms-client-request-id"


def ids(line: Line) -> list[str]:
    """Return the ids that the requests carried."""
    return [sent.request.headers[ID] for sent in line.sent]


async def test_a_request_carries_an_id(line: Build):
    sending = line(OK)
    await sending.send()
    assert uuid.UUID(ids(sending)[0]).version == 4


async def test_all_sendings_of_one_call_carry_one_id(line: Build):
    sending = line(refused(503), refused(401), refused(503), OK)
    await sending.send()
    assert (len(ids(sending)), len(set(ids(sending)))) == (4, 1)


async def test_each_call_has_an_id_of_its_own(line: Build):
    sending = line(OK)
    await sending.send()
    await sending.send()
    await sending.pipeline.poll(GET)
    assert len(set(ids(sending))) == 3


async def test_a_refusal_names_the_id_that_the_request_went_out_with(line: Build):
    sending = line(refused(409))
    error = await sending.failure()
    assert error.client_request_id == ids(sending)[0]


async def test_the_user_agent_names_the_package_and_python(line: Build):
    sending = line(OK)
    await sending.send()
    assert sending.sent[0].request.headers["user-agent"] == f"tests/1 Python/{platform.python_version()}"


async def test_json_is_asked_for(line: Build):
    sending = line(OK)
    await sending.send()
    assert sending.sent[0].request.headers["accept"] == "application/json"


async def test_the_requests_own_headers_and_body_go_out(line: Build):
    sending = line(OK)
    await sending.send(request=Request("PUT", POST.url, b"body", {"if-match": "etag"}))
    sent = sending.sent[0].request
    assert (sent.body, sent.headers["if-match"]) == (b"body", "etag")


async def test_the_callers_request_is_left_as_it_is(line: Build):
    request = Request("POST", POST.url, headers={"if-match": "etag"})
    await line(OK).send(request=request)
    assert request.headers == {"if-match": "etag"}


async def test_closing_closes_the_transport(clock: VirtualClock, credential: Credential):
    transport = ScriptedTransport(clock, OK)
    tokens = TokenSource(credential, "scope", "authority", clock)
    await Pipeline(ENDPOINT, transport, tokens, clock=clock, retry=Retry(), user_agent="tests/1").close()
    assert transport.closed
