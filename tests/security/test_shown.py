"""What programs print of themselves shows no secret: reprs, messages, tracebacks with their locals, what is pickled."""

import json
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import Any

import leaks
import pytest
from doubles import Credential, RawServer, ScriptedTransport, answer, says_and_closes

from azvm_async import AzureVMClient, Budget, Fleet, VirtualClock
from azvm_async.errors import AuthenticationError, AzureVMError, InvalidRequest, TransportError
from azvm_async.facade.template import Blueprint
from azvm_async.fleet.outcome import Outcome, State
from azvm_async.order import order
from azvm_async.protocol import tokens
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.pacing import Moment
from azvm_async.protocol.script import RunCommandResult, Script
from azvm_async.transport import HttpTransport, Timeouts
from azvm_async.wire import Request, Response, without_query
from security import hostile
from security.hostile import SUBSCRIPTION, VM, told

TOKEN, WORD, GIVEN = (leaks.register(each) for each in ("t0ken-of-the-be4rer", "t0ps3cret", "c0nfid3d"))
"""What is in bearer tokens, in signatures (and elsewhere), and what a caller confides to us."""

SIGNED = f"https://arm.example{hostile.OPERATION}?api-version=1&t=1&c={WORD}&s={WORD}&h={WORD}"
TEMPLATE = {
    "resources": [],
    "parameters": {name: {"type": kind} for name, kind in (("key", "secureString"), ("customData", "string"))},
}


class Secretive(Credential):
    """A credential whose tokens hold the word."""

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return one."""
        return (await super().get_token(*scopes, **options))._replace(token=f"{TOKEN}-{len(self.asked)}")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def client_on(transport: ScriptedTransport, clock: VirtualClock) -> AzureVMClient:
    """Return a client whose every secret holds the word."""
    return AzureVMClient(
        *(SUBSCRIPTION, "group", Secretive(clock, 1e9), "https://arm.example"),
        clock=clock,
        transport=transport,
        budget=Budget(share=1000),
    )


ACCEPTED = Response(202, {"azure-asyncoperation": SIGNED, "location": SIGNED})
MACHINE = Response.with_json(200, {"id": VM, "name": "vm1", "location": "l"})
NOW = Moment(0.0, VirtualClock().utcnow(), 0.5)
RESULT = RunCommandResult(0, WORD, WORD, None, None, "Succeeded")


def everything_held(frames: Iterator[tuple[FrameType, int]]) -> Iterator[tuple[str, str]]:
    """Yield where, and the repr, of each local variable in the frames of others than the tests."""
    for frame, _ in frames:
        if "/tests/" not in frame.f_code.co_filename:
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_filename}:{frame.f_code.co_name}: {name}", repr(value)


def held(error: BaseException | None) -> list[str]:
    """Return which locals of an error, and of all that it comes from as a traceback shows it, show a bearer token."""
    found, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        walked = traceback.walk_tb(error.__traceback__)
        found += [where for where, local in everything_held(walked) if TOKEN in local]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def shown(error: BaseException) -> str:
    """Return all that is printed of an error, with what it comes from."""
    plain = "".join(traceback.format_exception(error))
    source = [
        line for line in plain.splitlines() if not line.startswith("    ")
    ]  # lines of source are not what is held
    chain = [repr(error), repr(error.__cause__), repr(vars(error)), pickle.dumps(error).decode("latin-1")]
    return "\n".join([*source, *chain])


SECRETIVE = {
    "a request": Request("PUT", SIGNED, WORD.encode(), {"authorization": f"Bearer {WORD}"}),
    "an answer": Response(200, {"location": SIGNED, "set-cookie": WORD}, WORD.encode()),
    "a script": Script(WORD, {"A": WORD}, {"B": WORD}, 1.0),
    "an order": order(VmId.parse(VM, "", ""), TEMPLATE, {"key": WORD}, WORD, "Incremental", None),
    "a blueprint": Blueprint(TEMPLATE, {"key": WORD, "customData": WORD}),
    "an outcome": Outcome(VM, State.RUNNING, token=WORD, result=RESULT),
}


@pytest.mark.parametrize("thing", SECRETIVE.values(), ids=SECRETIVE)
def test_its_repr_shows_nothing(thing: object):
    assert WORD not in f"{thing!r} {thing} {[thing]}"


@pytest.mark.parametrize(
    "url",
    [
        SIGNED,
        f"https://me:{WORD}@arm.example/x",
        f"me:{WORD}@arm.example/x",
        f"//me:{WORD}@arm.example/x",
        f"https:me:{WORD}@arm.example/x",
        f"https:\\\\me:{WORD}@arm.example",
        f"https://[me:{WORD}@arm.example",
        f"/relative?s={WORD}",
        f"https://arm.example/x#{WORD}",
    ],
)
def test_a_url_that_is_shown_shows_no_signature_and_no_password(url: str):
    assert WORD not in without_query(url)


async def handles(clock: VirtualClock) -> AsyncIterator[object]:
    """Yield what a client gives and what is behind it, while operations with signed URLs are under way."""
    transport = ScriptedTransport(clock, MACHINE, ACCEPTED)
    async with client_on(transport, clock) as client:
        command = await client.run_command("vm1", WORD, {"A": WORD}, {"B": WORD})
        start = client.start("vm1")
        operation = await start
        update = await anext(operation.updates())
        fleet = Fleet(client, ["vm1"])
        yield [client, command, operation, start, update, fleet, client.outstanding]
        yield [each._tracked.machine for each in (command, operation)]
        yield [client._pipeline, client._pipeline._tokens, vars(client._pipeline._tokens), transport.sent]


async def test_no_repr_of_a_client_at_work_shows_anything(clock: VirtualClock):
    everything = [each async for each in handles(clock)]
    assert len(everything) == 3
    assert not {word for word in (TOKEN, WORD) if word in repr(everything)}


@pytest.mark.parametrize(
    "kind", [kind for kind in hostile.TOKENS if "a removal" not in kind and "a deployment" not in kind]
)
def test_no_repr_of_what_is_taken_up_again_shows_its_urls(kind: str):
    token = hostile.TOKENS[kind]("https://arm.example/x")
    signed = json.loads(
        json.dumps(token).replace("/operations/1", f"/operations/1?s={WORD}").replace("/x", f"/x?s={WORD}")
    )
    machine = tokens.load(hostile.at_home(signed, "https://arm.example"), "https://arm.example", NOW)
    assert WORD not in repr(machine)


FAILURES: dict[str, Any] = {
    "refused": Response.with_json(403, {"error": {"code": "AuthorizationFailed", "message": "No."}}),
    "not signed in": Response.with_json(401, {"error": {"code": "x"}}, {"www-authenticate": f"Bearer x={WORD}"}),
    "lost": TransportError("The connection broke", maybe_applied=True),
    "lost, in Python's words": ConnectionResetError("reset"),
    "refused, in Python's words": ConnectionRefusedError("refused"),
    "led astray": Response(202, {"azure-asyncoperation": SIGNED.replace("arm.", "evil.")}),
    "led astray by a user": Response(202, {"location": f"https://me:{WORD}@arm.example/x"}),
    "redirected": Response(302, {"location": SIGNED}, WORD.encode()),
    "no JSON": Response(200, {"content-type": "text/html"}, f"<p>{WORD}".encode()),
    "accepted, and no more": Response(202, {}, WORD.encode()),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_no_error_shows_a_secret_not_even_in_its_locals(clock: VirtualClock, failure: Any):
    async with client_on(ScriptedTransport(clock, failure), clock) as client:
        for call in (
            lambda: client.begin("POST", f"{VM}/start", {"key": GIVEN}, api_version="1"),
            lambda: client.run_command("vm1", GIVEN, {"A": GIVEN}, {"B": GIVEN}, location="l"),
            lambda: client.provision("vm1", TEMPLATE, {"key": GIVEN}, custom_data=GIVEN),
        ):
            with pytest.raises(AzureVMError) as caught:
                await (await call())
            assert not {word for word in (TOKEN, WORD, GIVEN) if word in shown(caught.value)}
            assert held(caught.value) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.begin("GET", SIGNED.replace("arm.", "evil.")),
        lambda client: client.begin("GET", f"https://me:{WORD}@arm.example/x"),
        lambda client: client.begin("GET", f"me:{WORD}@arm.example/x"),
        lambda client: client.begin("GET", f"relative?s={WORD}"),
        lambda client: client.run_command("vm1", "x", {"A B": WORD}, location="l"),
        lambda client: client.run_command("vm1", "x", None, {"A": [WORD]}, location="l"),
        lambda client: client.run_command("vm1", "x", {"A": WORD}, {"A": WORD}, location="l"),
        lambda client: client.provision("vm1", TEMPLATE, {"key": [WORD], "customData": WORD}),
        lambda client: client.provision("vm1", TEMPLATE, {"key": WORD, "custom": WORD}),
        lambda client: client.provision("vm1", TEMPLATE, json.dumps({"key": WORD})),
        lambda client: client.provision("vm1", json.dumps({"resources": [WORD]})),
    ],
)
async def test_a_call_that_is_refused_is_told_without_its_secrets(clock: VirtualClock, call: Any):
    async with client_on(ScriptedTransport(clock), clock) as client:
        with pytest.raises(InvalidRequest) as caught:
            await call(client)
    assert WORD not in shown(caught.value)


@pytest.mark.parametrize(
    "token", [SIGNED.replace("arm.", "evil."), {"asyncResultsUrl": SIGNED + "#"}, f"x{SIGNED}", WORD]
)
def test_a_token_that_is_refused_is_not_shown(clock: VirtualClock, token: Any):
    with pytest.raises(InvalidRequest) as caught:
        client_on(ScriptedTransport(clock), clock).resume(token)
    assert WORD not in shown(caught.value)


@pytest.mark.parametrize(
    "endpoint", [f"https://me:{WORD}@arm.example", f"me:{WORD}@arm.example", f"https://x?s={WORD}"]
)
def test_an_endpoint_that_is_refused_is_told_without_its_password(endpoint: str):
    with pytest.raises(InvalidRequest) as caught:
        AzureVMClient(SUBSCRIPTION, "group", endpoint=endpoint)
    assert WORD not in shown(caught.value)


async def test_a_sign_in_that_fails_shows_no_token_in_its_locals(clock: VirtualClock):
    class Odd(Credential):
        async def get_token(self, *scopes: str, **options: Any) -> Any:
            return (await super().get_token(*scopes, **options))._replace(token=f"{TOKEN}\n")

    transport = ScriptedTransport(clock)
    async with AzureVMClient(
        SUBSCRIPTION, "group", Odd(clock), "https://arm.example", clock=clock, transport=transport
    ) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.get("vm1")
    assert (TOKEN in shown(caught.value), held(caught.value)) == (False, [])


BROKEN = {
    "no HTTP": f"{WORD}\r\n\r\n",
    "no header": f"HTTP/1.1 200 OK\r\n{WORD}\r\n\r\n",
    "nul in a signed URL": f"HTTP/1.1 202 OK\r\nLocation: /x?s={WORD}\0\r\nContent-Length: 0\r\n\r\n",
    "long header": f"HTTP/1.1 200 OK\r\nLocation: /x?s={WORD * 2000}\r\n\r\n",
    "chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{WORD}\r\n0\r\n\r\n",
    "nothing": "",
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_breaks_http_is_not_shown(said: str):
    transport = HttpTransport(Timeouts(), VirtualClock())
    async with RawServer(says_and_closes(said.encode())) as server:
        request = Request("GET", f"{server.url}/x?s={WORD}", headers={"authorization": f"Bearer {TOKEN}"})
        with pytest.raises(TransportError) as caught:
            await transport.send(request)
    await transport.close()
    assert not {word for word in (TOKEN, WORD) if word in shown(caught.value)}
    assert (held(caught.value), caught.value.__context__) == ([], None)


CUT = {
    "half an answer": f"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{WORD}",
    "no gzip": f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(WORD)}\r\n\r\n{WORD}",
}


@pytest.mark.parametrize("said", CUT.values(), ids=CUT)
async def test_what_there_was_of_a_body_that_broke_is_not_shown(said: str):
    transport = HttpTransport(Timeouts(), VirtualClock())
    async with RawServer(says_and_closes(said.encode())) as server:
        response = await transport.send(Request("GET", server.url))
    await transport.close()
    assert (response.body, WORD in f"{response!r} {response.cut}", bool(response.cut)) == (b"", False, True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", f"https://127.0.0.1:1/x?s={WORD}"])
@pytest.mark.parametrize("proxy", [None, f"http://me:{WORD}@127.0.0.1:1"])
async def test_a_connection_that_is_refused_shows_no_token_in_the_locals_of_aiohttp(url: str, proxy: str | None):
    transport = HttpTransport(Timeouts(), VirtualClock(), proxy=proxy)
    try:
        with pytest.raises(TransportError) as caught:
            await transport.send(Request("GET", url, headers={"authorization": f"Bearer {TOKEN}"}))
    finally:
        await transport.close()
    assert not {word for word in (TOKEN, WORD) if word in shown(caught.value)}
    assert held(caught.value) == []


async def test_a_journal_holds_no_script_no_parameter_and_no_template(clock: VirtualClock, tmp_path: Any):
    path = tmp_path / "run.journal"
    transport = ScriptedTransport(clock, MACHINE, Response.with_json(403, {"error": {"code": "x", "message": "No."}}))
    async with client_on(transport, clock) as client, Fleet(client, ["vm1"]) as fleet:
        report = await fleet.run_command(f": {WORD}", {"A": WORD}, {"B": WORD}, journal=path)
    assert report.failures
    assert WORD not in path.read_text() + repr(report) + report.table() + report.to_json(tokens=True)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_debugging_line_shows_no_query(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "azvm_async")
    steps = [ACCEPTED, Response.with_json(200, {"status": "Succeeded"})]
    async with client_on(ScriptedTransport(clock, *steps), clock) as client:
        await client.start("vm1").result()
    assert (len(caplog.records), WORD in caplog.text, "api-version" in caplog.text) == (2, False, False)


async def test_over_the_wire_a_signed_url_is_nonetheless_sent_whole(clock: VirtualClock):
    async with RawServer() as arm, hostile.client_of(arm, clock) as client:
        signed = f"{hostile.OPERATION}?t=1&s={WORD}"
        hostile.answers(arm, answer(b"", "202 OK", f"Location: {arm.url}{signed}"), told({"status": "Succeeded"}))
        await client.start("vm1").result()
    assert arm.requests[1].line == f"GET {signed} HTTP/1.1"
