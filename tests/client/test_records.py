"""What the client makes of a deployment's record, or of there being none, before it sends anything."""

from datetime import UTC, datetime

import pytest
from client.scripted import SUBSCRIPTION, Script
from client.stock import rules, template

from azvm_async import (
    AzureVMClient,
    Deployed,
    InvalidRequest,
    NotFound,
    OwnershipUnknown,
    ProtocolError,
    VirtualClock,
)
from azvm_async.emulator import Emulator
from azvm_async.order import order
from azvm_async.protocol.ids import VmId
from azvm_async.wire import Response

RULES = template(rules("one"))
VM = VmId.parse("new", SUBSCRIPTION, "group")
TAGS = order(VM, RULES, None, None, "Incremental", None).intent.tags(datetime(2026, 1, 1, tzinfo=UTC))
STACK_TAGS = order(VM, RULES, None, None, "Incremental", None, stack=True).intent.tags(datetime(2026, 1, 1, tzinfo=UTC))
OTHERS_TAGS = {**TAGS, "azvm-intent": f"{'0' * 32}.{'0' * 64}"}
OUTPUTS = {"outputs": {"a": {"type": "string", "value": "b"}}}
HEALTHY = Response.with_json(200, {"name": "new", "properties": {"provisioningState": "Succeeded"}})
NO_VM = Response.with_json(404, {"error": {"code": "ResourceNotFound", "message": "No such VM."}})


def record(word: str, tags: dict[str, str] | None = None) -> Response:
    """Return the answer to a read of the deployment."""
    return Response.with_json(200, {"tags": tags or {}, "properties": {"provisioningState": word, **OUTPUTS}})


def missing(code: str) -> Response:
    """Return ARM's word that something is not there."""
    return Response.with_json(404, {"error": {"code": code, "message": "It is not there."}})


def world(clock: VirtualClock, found: Response, machine: Response = NO_VM) -> Script:
    """Return a network with one deployment, or none, and one VM, or none."""

    def answer(request):
        if request.method == "PUT":
            return Response.with_json(201, {"properties": {"provisioningState": "Accepted"}}, {"retry-after": "60"})
        if request.url.partition("?")[0].endswith("/operations"):
            return Response.with_json(200, {"value": []})
        return machine if "/virtualMachines/" in request.url else found

    return Script(clock, [answer])


def methods(script: Script) -> set[str]:
    """Return how ARM was asked."""
    return {request.method for request in script.requests}


@pytest.mark.parametrize(
    ("word", "sent"), [("Running", False), ("Deleting", True), ("deleting", True), ("Deleted", True)]
)
@pytest.mark.parametrize(("stack", "tags"), [(False, TAGS), (True, STACK_TAGS)])
async def test_what_is_being_deleted_is_not_adopted(clock: VirtualClock, word: str, sent: bool, stack: bool, tags):
    script = world(clock, record(word, tags))
    async with script.client() as client:
        await client.provision("new", RULES, stack=stack)
    assert ("PUT" in methods(script)) is sent


async def test_who_adopts_is_told_that_no_secret_is_sent(clock: VirtualClock, caplog: pytest.LogCaptureFixture):
    async with world(clock, record("Running", TAGS)).client() as client:
        await client.provision("new", RULES)
    assert "no new value of a secure parameter" in caplog.text


async def test_keep_follows_what_is_running_of_the_same_intent(clock: VirtualClock):
    async with world(clock, record("Running", TAGS), HEALTHY).client() as client:
        assert not (await client.provision("new", RULES, if_exists="keep")).done


@pytest.mark.parametrize(
    ("word", "tags", "outputs"),
    [
        ("Succeeded", TAGS, {"a": "b"}),
        ("Succeeded", OTHERS_TAGS, {"a": "b"}),
        ("Failed", TAGS, {}),
        ("Canceled", TAGS, {}),
        ("Deleting", TAGS, {}),
        ("Running", OTHERS_TAGS, {}),
    ],
)
async def test_keep_brings_outputs_of_a_deployment_that_succeeded_only(clock: VirtualClock, word, tags, outputs):
    script = world(clock, record(word, tags), HEALTHY)
    async with script.client() as client:
        deployed = await client.provision("new", RULES, if_exists="keep").result()
    assert (deployed, methods(script)) == (Deployed("new-deployment", outputs, kept=True), {"GET"})


@pytest.mark.parametrize("code", ["DeploymentNotFound", "DeploymentStackNotFound", "ResourceNotFound", "notFound"])
async def test_removal_of_what_is_missing_is_a_success(clock: VirtualClock, code: str):
    async with world(clock, missing(code)).client() as client:
        assert (await client.deprovision("new")).status == "Succeeded"


UNBELIEVED = {
    "no subscription": (missing("SubscriptionNotFound"), NotFound),
    "no group": (missing("ResourceGroupNotFound"), NotFound),
    "something else": (missing("InvalidResourceType"), NotFound),
    "a page": (Response(404, {"content-type": "text/html"}, b"<h1>Not Found</h1>"), ProtocolError),
    "nothing": (Response(404), ProtocolError),
    "other JSON": (Response.with_json(404, {"detail": "Not Found"}), ProtocolError),
}


@pytest.mark.parametrize(("answer", "error"), UNBELIEVED.values(), ids=UNBELIEVED)
async def test_other_absence_is_no_success_of_a_removal(clock: VirtualClock, answer: Response, error):
    async with world(clock, answer).client() as client:
        with pytest.raises(error):
            await client.deprovision("new")


@pytest.mark.parametrize(("answer", "error"), UNBELIEVED.values(), ids=UNBELIEVED)
async def test_other_absence_is_no_reason_to_deploy(clock: VirtualClock, answer: Response, error):
    script = world(clock, answer)
    async with script.client() as client:
        with pytest.raises(error):
            await client.provision("new", RULES)
    assert methods(script) == {"GET"}


@pytest.mark.parametrize("plan", [True, False])
async def test_vm_without_its_deployment_is_no_success(client: AzureVMClient, arm: Emulator, plan: bool):
    with pytest.raises(OwnershipUnknown, match="no deployment vm1-deployment"):
        await client.deprovision("vm1", plan=plan)
    assert all(request.method == "GET" for request in arm.requests)


async def test_vm_without_its_deployment_is_told_what_to_do(client: AzureVMClient):
    with pytest.raises(OwnershipUnknown) as unknown:
        await client.deprovision("vm1", assume_owned=True)
    assert "'deployment_name'" in unknown.value.advice
    assert "client.delete(name)" in unknown.value.advice
    assert "assume_owned" not in str(unknown.value)


async def test_untagged_stack_is_not_removed(clock: VirtualClock):
    script = world(clock, record("succeeded"))
    async with script.client() as client:
        with pytest.raises(OwnershipUnknown, match="assume_owned"):
            await client.deprovision("new", stack=True)
    assert methods(script) == {"GET"}


async def test_untagged_stack_is_removed_where_it_is_assumed_to_be_owned(clock: VirtualClock):
    async with world(clock, record("succeeded")).client() as client:
        assert not (await client.deprovision("new", stack=True, assume_owned=True)).done


@pytest.mark.parametrize("flag", ["no", 0, None])
@pytest.mark.parametrize("call", ["provision", "deprovision"])
async def test_stack_that_is_no_bool_is_refused(clock: VirtualClock, call: str, flag):
    script = world(clock, record("Succeeded"))
    template_of = {"provision": {"template": RULES}, "deprovision": {}}
    async with script.client() as client:
        with pytest.raises(InvalidRequest, match="True or False is asked for"):
            await getattr(client, call)("new", **template_of[call], stack=flag)
    assert script.requests == []


async def test_what_earlier_runs_brought_is_not_read_in_circles(clock: VirtualClock):
    def answer(request):
        if request.url.partition("?")[0].endswith("/operations"):
            return Response.with_json(200, {"value": [], "nextLink": request.url})
        return record("Succeeded", TAGS)

    script = Script(clock, [answer])
    async with script.client() as client:
        with pytest.raises(ProtocolError, match="in circles"):
            await client.provision("new", RULES)
    assert methods(script) == {"GET"}
