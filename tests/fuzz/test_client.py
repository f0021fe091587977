"""A client among fuzzed answers, from end to end: errors of ours and nothing else, in bounded time, by bounded requests."""

import asyncio

import pytest
from doubles import Credential
from hypothesis import given
from hypothesis import strategies as st
from protocol.bulks import VMS
from protocol.group import usual
from protocol.support import ENDPOINT, SUBSCRIPTION, VM, answer

from azvm_async import AzureVMClient, AzureVMError, Budget, VirtualClock
from azvm_async.errors import TransportError
from azvm_async.wire import Request, Response
from fuzz.hostile import CHANGES, FUZZ, RESPONSES, changed, encoded, is_at_home, is_ours, likely
from fuzz.test_machines import BULK_ANSWERS, DEPLOYMENT_ANSWERS, FIRSTS, POLLS, answered_by
from fuzz.test_readers import LISTED
from fuzz.test_tokens import TEXTS

MOST_REQUESTS = 400
"""More than any example needs: who asks more often will never stop."""

HOUR = 3600.0
TEMPLATE = {"resources": [], "parameters": {"vmName": {"type": "string"}}}
MACHINE = LISTED["value"][0]
READS = likely(answer(200, MACHINE), answer(200, LISTED), answer(200, MACHINE["properties"]["instanceView"]))
LOST = st.builds(lambda applied: TransportError("lost", maybe_applied=applied), st.booleans())
MISSING = answer(404, {"error": {"code": "DeploymentNotFound", "message": "There is none."}})
END = answer(400, {"error": {"code": "Over", "message": "No more."}})


class Network:
    """Answers by a row of answers, and then refuses all; asks of nobody but the endpoint are let through."""

    def __init__(self, row):
        self.row = list(row)
        self.sent = []

    async def send(self, request: Request) -> Response:
        assert len(self.sent) < MOST_REQUESTS
        assert is_at_home(request.url)
        self.sent.append(request)
        step = self.row.pop(0) if self.row else END
        step = step(request) if callable(step) else step
        if isinstance(step, Exception):
            raise step
        return step

    async def close(self):
        """Nothing to close."""


def is_known(error):
    """Check an error, and that it is none of those that stand for a mistake of ours."""
    is_ours(error)
    assert type(error) is not AzureVMError, error
    return True


def visit(row, call):
    """Do something with a client in a world of its own, and bound the time that it took."""

    async def visited():
        clock, network = VirtualClock(), Network(row)
        began = clock.monotonic()
        client = AzureVMClient(
            SUBSCRIPTION, "rg", Credential(clock, 1e9), ENDPOINT, clock=clock, transport=network, budget=Budget(1_000)
        )
        async with client:
            try:
                await call(client)
            except AzureVMError as error:
                is_known(error)
        assert clock.monotonic() - began <= 2 * HOUR * (len(network.sent) + 1)

    asyncio.run(visited())


async def followed(client, submission):
    """Await a submission's handle to its end, twice more where it can't be read; it stays whole."""
    operation = await submission
    for _ in range(3):
        try:
            return await operation
        except AzureVMError as error:
            is_known(error)
            if operation.done:
                return None
            assert isinstance(operation.status, str)
            assert client.resume(operation.token).token == operation.token
    return None


async def resumption(client, token):
    """Return the handle of a token, as a submission does."""
    return client.resume(token)


CALLS = {
    "start": (lambda client: client.start("vm1"), FIRSTS | POLLS),
    "reboot": (lambda client: client.reboot("vm1"), FIRSTS | POLLS),
    "delete": (lambda client: client.delete("vm1"), FIRSTS | POLLS),
    "begin": (lambda client: client.begin("PUT", f"{VM}?api-version=1", {}), FIRSTS | POLLS),
    "run_command": (lambda client: client.run_command("vm1", "true", location="westeurope"), FIRSTS | POLLS),
    "run_command-somewhere": (lambda client: client.run_command("vm1", "true"), READS | FIRSTS | POLLS),
    "provision": (lambda client: client.provision("vm1", TEMPLATE), DEPLOYMENT_ANSWERS | st.just(MISSING)),
    "provision-kept": (lambda client: client.provision("vm1", TEMPLATE, if_exists="keep"), READS | DEPLOYMENT_ANSWERS),
    "bulk": (lambda client: client.bulk("start", VMS, "westeurope"), BULK_ANSWERS),
    "resume": (lambda client: resumption(client, TEXTS["deployment"]), DEPLOYMENT_ANSWERS),
    "resume-bulk": (lambda client: resumption(client, TEXTS["bulk"]), BULK_ANSWERS),
    "resume-command": (lambda client: resumption(client, TEXTS["command"]), POLLS),
}


@pytest.mark.parametrize("name", CALLS)
def test_any_answers_to_a_call_bring_its_end_or_an_error_of_ours(name):
    call, answers = CALLS[name]

    @FUZZ
    @given(row=st.lists(answers | RESPONSES | LOST, max_size=12))
    def calls(row):
        visit(row, lambda client: followed(client, call(client)))

    calls()


async def read_all(client):
    async for machine in client.list():
        assert isinstance(machine.id, str)


async def read_states(client):
    async for machine in client.list_states():
        assert isinstance(machine.id, str)


LOOKS = {
    "get": lambda client: client.get("vm1"),
    "instance_view": lambda client: client.instance_view("vm1"),
    "list": read_all,
    "list_states": read_states,
    "validate": lambda client: client.validate("vm1", TEMPLATE),
    "what_if": lambda client: client.what_if("vm1", TEMPLATE),
}


@pytest.mark.parametrize("name", LOOKS)
def test_any_answers_to_a_read_bring_its_result_or_an_error_of_ours(name):
    @FUZZ
    @given(row=st.lists(READS | READS | FIRSTS | LOST, max_size=6))
    def looks(row):
        visit(row, LOOKS[name])

    looks()


@pytest.mark.parametrize("options", [{}, {"assume_owned": True}, {"plan": True}], ids=str)
def test_any_damage_to_answers_brings_a_removals_end_or_an_error_of_ours(options):
    @FUZZ
    @given(steps=st.lists(st.just([]) | st.just([]) | st.just([]) | CHANGES | RESPONSES | LOST, max_size=30))
    def removes(steps):
        group = usual()

        def given_by(step):
            def answered(request):
                if isinstance(step, Response | Exception):
                    return step
                response = answered_by(group, request)
                if not step or not response.body:
                    return response
                return Response(response.status, response.headers, encoded(changed(response.json(), step)))

            return answered

        visit(map(given_by, steps), lambda client: followed(client, client.deprovision("vm1", **options)))

    removes()
