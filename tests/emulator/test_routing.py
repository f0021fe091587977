"""Where requests lead, and the refusals of those that lead nowhere."""

import pytest

from azvm_async.emulator import Emulator
from emulator.support import Caller

SUB = "/subscriptions/00000000-0000-0000-0000-000000000001"
RG = f"{SUB}/resourceGroups/emulated-rg"
COMPUTE = "providers/Microsoft.Compute"


async def test_paths_and_names_are_found_without_regard_to_case(caller: Caller, vm: str):
    assert (await caller.get(vm.upper()))["id"] == vm


async def test_ids_keep_the_case_of_their_creation(arm: Emulator, caller: Caller):
    path = arm.add_vm("BigVM", resource_group="Some-RG")
    assert (await caller.get(path.lower()))["id"].endswith(
        "resourceGroups/Some-RG/providers/Microsoft.Compute/virtualMachines/BigVM"
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/subscriptions/1234/resourceGroups", 404, "SubscriptionNotFound"),
        ("GET", f"{SUB}/resourceGroups/nowhere", 404, "ResourceGroupNotFound"),
        ("GET", f"{SUB}/resourceGroups/nowhere/{COMPUTE}/virtualMachines/x", 404, "ResourceGroupNotFound"),
        ("GET", f"{RG}/{COMPUTE}/virtualMachines/ghost", 404, "ResourceNotFound"),
        ("POST", f"{RG}/{COMPUTE}/virtualMachines/ghost/start", 404, "ResourceNotFound"),
        ("GET", f"{RG}/{COMPUTE}/virtualMachines/vm1/runCommands/ghost", 404, "ResourceNotFound"),
        ("GET", f"{RG}/providers/Microsoft.Network/virtualNetworks/x", 404, "ResourceNotFound"),
        ("GET", f"{RG}/providers/Microsoft.Nothing/things", 404, "InvalidResourceType"),
        ("GET", f"{SUB}/providers/Microsoft.Nothing", 404, "InvalidResourceNamespace"),
        ("GET", "/", 404, "InvalidResourceType"),
        ("PUT", f"{RG}/{COMPUTE}/virtualMachines/vm1/start", 405, "HttpMethodNotAllowed"),
        ("POST", f"{RG}/{COMPUTE}/virtualMachines/vm1/dance", 404, "InvalidResourceType"),
    ],
)
@pytest.mark.usefixtures("vm")
async def test_what_is_not_there_is_refused_with_its_code(
    caller: Caller, method: str, path: str, status: int, code: str
):
    answer = await caller.send(method, path)
    assert (answer.status, answer.document()["error"]["code"]) == (status, code)


async def test_a_missing_vm_is_told_in_arms_words(caller: Caller):
    answer = await caller.get(f"{RG}/{COMPUTE}/virtualMachines/ghost")
    assert answer["error"]["message"].startswith(
        "The Resource 'Microsoft.Compute/virtualMachines/ghost' under resource group 'emulated-rg' was not found."
    )


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b'{"properties": 1}', b'{"tags": {"a": 1}}'])
async def test_a_body_that_is_not_what_it_should_be_is_refused(caller: Caller, vm: str, body: bytes):
    request = caller.url(vm), body
    answer = await caller.raw("PATCH", *request)
    assert (answer.status, answer.document()["error"]["code"]) == (400, "InvalidRequestContent")


async def test_every_answer_carries_ids_and_the_clocks_date(caller: Caller, vm: str):
    headers = (await caller.send("GET", vm)).headers
    assert headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert {"x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id", "cache-control"} <= set(
        headers
    )


async def test_refusals_carry_an_id_too(caller: Caller):
    assert "x-ms-request-id" in (await caller.send("GET", f"{SUB}/resourceGroups/nowhere")).headers


async def test_the_clients_request_id_comes_back_when_asked_for(caller: Caller, vm: str):
    asked = await caller.send("GET", vm, x_ms_client_request_id="mine", x_ms_return_client_request_id="true")
    unasked = await caller.send("GET", vm, x_ms_client_request_id="mine")
    assert asked.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-client-request-id" not in unasked.headers


async def test_each_request_is_recorded_with_what_it_was_answered(arm: Emulator, caller: Caller, vm: str):
    await caller.send("GET", vm)
    await caller.send("POST", f"{vm}/start")
    assert [(seen.method, seen.path, seen.status) for seen in arm.requests] == [
        ("GET", vm, 200),
        ("POST", f"{vm}/start", 202),
    ]
