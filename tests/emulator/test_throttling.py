"""Throttling: the published limits, and what is said to those who go beyond."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, Throttling
from azvm_async.wire import Request, Response
from emulator.support import Caller

ARM = "x-ms-ratelimit-remaining-subscription"
COMPUTE = "x-ms-ratelimit-remaining-resource"
REFUSED = 429
VMS = "/providers/Microsoft.Compute/virtualMachines"
OTHER = "00000000-0000-0000-0000-000000000099"


async def caller_of(arm: Emulator, clock: VirtualClock, principal: str) -> Caller:
    """Return a caller with a token of this principal."""
    return Caller(arm, clock, (await arm.credential(principal=principal).get_token()).token)


async def callers_of(arm: Emulator, clock: VirtualClock, count: int) -> list[Caller]:
    """Return so many callers, each a principal of its own."""
    return [await caller_of(arm, clock, f"principal-{number}") for number in range(count)]


async def until_refused(send: Callable[[int], Awaitable[Response]], most: int = 5_000) -> tuple[int, Response]:
    """Send until a request is refused; return how many were not, and the refusal."""
    for sent in range(most):
        if (answer := await send(sent)).status == REFUSED:
            return sent, answer
    raise AssertionError(f"{most} requests were let in")


def group_of(vm: str) -> str:
    """Return the id of a VM's resource group."""
    return vm.partition("/providers/")[0]


def detail_of(refused: Response) -> dict[str, object]:
    """Return what Compute says in the one detail of its refusal."""
    (detail,) = refused.document()["error"]["details"]
    return {**detail, "message": json.loads(detail["message"])}


@asynccontextmanager
async def throttled(clock: VirtualClock, throttling: Throttling | None) -> AsyncIterator[tuple[Emulator, Caller]]:
    """Open an emulator that throttles so, and a caller."""
    async with Emulator(clock, port=None, throttling=throttling) as arm:
        yield arm, await caller_of(arm, clock, "me")


# ARM's limits.


@pytest.mark.parametrize(
    ("method", "path", "size", "refill"),
    [
        ("GET", "", 250, 25),
        ("HEAD", "", 250, 25),
        ("GET", "/resources", 250, 25),
        ("PATCH", "", 200, 10),
        ("PUT", "/providers/Microsoft.Network/natGateways/none", 200, 10),
        ("POST", "/providers/Microsoft.Resources/deployments/none/cancel", 200, 10),
        ("DELETE", "/providers/Microsoft.Network/natGateways/none", 200, 10),
    ],
)
async def test_arm_lets_in_a_bucket_and_then_what_flows_in(
    clock: VirtualClock, caller: Caller, vm: str, method: str, path: str, size: int, refill: int
):
    async def send(_: int) -> Response:
        return await caller.send(method, f"{group_of(vm)}{path}", None if method == "HEAD" else {})

    at_once, _ = await until_refused(send)
    await clock.sleep(2)
    assert (at_once, (await until_refused(send))[0]) == (size, 2 * refill)


async def test_reads_writes_and_deletes_are_counted_apart(caller: Caller, vm: str):
    read = (await caller.send("GET", vm)).headers
    write = (await caller.send("POST", f"{vm}/restart")).headers
    removal = (await caller.send("DELETE", vm)).headers
    assert (read[f"{ARM}-reads"], read[f"{ARM}-global-reads"]) == ("249", "3749")
    assert (write[f"{ARM}-writes"], write[f"{ARM}-global-writes"]) == ("199", "2999")
    assert (removal[f"{ARM}-deletes"], removal[f"{ARM}-global-deletes"]) == ("199", "2999")


async def test_each_principal_has_a_bucket_of_its_own(arm: Emulator, clock: VirtualClock, vm: str):
    one, other = await callers_of(arm, clock, 2)
    await until_refused(lambda _: one.send("GET", group_of(vm)))
    headers = (await other.send("GET", group_of(vm))).headers
    assert (headers[f"{ARM}-reads"], headers[f"{ARM}-global-reads"]) == ("249", "3499")


async def test_all_principals_together_have_fifteen_times_as_much(arm: Emulator, clock: VirtualClock, vm: str):
    callers = await callers_of(arm, clock, 20)
    sent, refused = await until_refused(lambda number: callers[number % 20].send("GET", group_of(vm)))
    assert (sent, refused.headers[f"{ARM}-global-reads"], refused.headers[f"{ARM}-reads"]) == (3750, "0", "63")
    assert "actor" not in refused.document()["error"]["message"]


async def test_each_subscription_has_buckets_of_its_own(arm: Emulator, caller: Caller, vm: str):
    other = arm.add_resource_group("g", subscription=OTHER)
    await until_refused(lambda _: caller.send("GET", group_of(vm)))
    assert (await caller.send("GET", other)).headers[f"{ARM}-global-reads"] == "3749"


async def test_a_subscription_is_one_in_any_case(arm: Emulator, caller: Caller):
    group = arm.add_resource_group("g", subscription="00000000-0000-0000-0000-0000000000ab")
    await caller.send("GET", group)
    assert (await caller.send("GET", group.upper())).headers[f"{ARM}-reads"] == "248"


@pytest.mark.parametrize("by", ["", "&client_id=me"])
async def test_a_managed_identitys_token_is_of_the_client_asked_for(arm: Emulator, caller: Caller, vm: str, by: str):
    url = f"{arm.endpoint}/metadata/identity/oauth2/token?resource=r{by}"
    token = (await arm.send(Request("GET", url, b"", {"Metadata": "true"}))).document()["access_token"]
    await caller.send("GET", vm)
    headers = (await caller.send("GET", vm, authorization=f"Bearer {token}")).headers
    assert headers[f"{ARM}-reads"] == ("249" if by else "248")


async def test_tokens_and_what_is_of_no_subscription_are_not_counted(arm: Emulator, caller: Caller, vm: str):
    url = f"{arm.endpoint}/metadata/identity/oauth2/token?resource=r"
    for _ in range(300):
        assert (await arm.send(Request("GET", url, b"", {"Metadata": "true"}))).status == 200
        assert (await caller.send("GET", "/subscriptions")).status == 200
    assert (await caller.send("GET", vm)).headers[f"{ARM}-reads"] == "249"


async def test_arms_refusal_says_who_asked_and_when_to_come_again(caller: Caller, arm: Emulator, vm: str):
    _, refused = await until_refused(lambda _: caller.send("GET", group_of(vm)))
    error = refused.document()["error"]
    assert error["code"] == "SubscriptionRequestsThrottled"
    assert f"Number of 'read' requests for subscription '{arm.subscription}' actor '" in error["message"]
    assert "Please try again after '1' seconds" in error["message"]
    assert (refused.headers["retry-after"], refused.headers["x-ms-failure-cause"]) == ("1", "gateway")
    assert (refused.headers[f"{ARM}-reads"], refused.headers[f"{ARM}-global-reads"]) == ("0", "3500")


async def test_what_arm_refuses_doesnt_get_to_compute(caller: Caller, clock: VirtualClock, vm: str):
    await until_refused(lambda _: caller.send("GET", group_of(vm)))
    refused = await caller.send("GET", vm)
    await clock.sleep(1)
    assert COMPUTE not in refused.headers
    assert "LowCostGetResource;35" in (await caller.send("GET", vm)).headers[COMPUTE]


async def test_the_refused_pay_nothing(caller: Caller, clock: VirtualClock, vm: str):
    await until_refused(lambda _: caller.send("GET", group_of(vm)))
    for _ in range(50):
        await caller.send("GET", group_of(vm))
    await clock.sleep(1)
    assert (await caller.send("GET", group_of(vm))).headers[f"{ARM}-reads"] == "24"


# Compute's limits.


@pytest.mark.parametrize(
    ("method", "tail", "policy", "size", "by_minute"),
    [
        ("PUT", "", "PutVM", 12, 4),
        ("PATCH", "", "UpdateVM", 12, 4),
        *(("POST", f"/{verb}", "UpdateVM", 12, 4) for verb in ("start", "powerOff", "restart", "redeploy")),
        *(("POST", f"/{verb}", "UpdateVM", 12, 4) for verb in ("reapply", "reimage", "runCommand")),
        *((method, "/runCommands/none", "UpdateVM", 12, 4) for method in ("PUT", "PATCH", "DELETE")),
        ("DELETE", "", "DeleteVM", 12, 4),
        ("POST", "/deallocate", "DeleteVM", 12, 4),
        ("POST", "/simulateEviction", "DeleteVM", 12, 4),
        *(("GET", tail, "LowCostGet", 36, 12) for tail in ("", "/instanceView", "/runCommands", "/runCommands/none")),
        ("HEAD", "", "LowCostGet", 36, 12),
    ],
)
async def test_compute_lets_in_a_resources_bucket_and_then_what_flows_in(
    clock: VirtualClock, caller: Caller, vm: str, method: str, tail: str, policy: str, size: int, by_minute: int
):
    async def send(_: int) -> Response:
        return await caller.send(method, f"{vm}{tail}")

    at_once, refused = await until_refused(send)
    assert (at_once, detail_of(refused)["target"]) == (size, policy)
    await clock.sleep(60)
    assert (await until_refused(send))[0] == by_minute


async def test_polls_are_reads_with_a_limit_for_each_operation(
    arm: Emulator, clock: VirtualClock, caller: Caller, vm: str
):
    one = (await caller.send("POST", f"{vm}/restart")).headers["azure-asyncoperation"]
    other = (await caller.send("POST", f"{arm.add_vm('vm2')}/start")).headers["location"]
    at_once, refused = await until_refused(lambda _: caller.send("GET", one))
    assert (at_once, detail_of(refused)["target"]) == (45, "GetOperation")
    assert (await caller.send("GET", other)).headers[f"{ARM}-reads"] == "203"
    await clock.sleep(60)
    assert (await until_refused(lambda _: caller.send("GET", one)))[0] == 15


@pytest.mark.parametrize(
    ("method", "tail", "policy", "size", "by_minute"),
    [
        ("PUT", "/{}", "PutVM", 1_500, 500),
        ("POST", "/{}/start", "UpdateVM", 1_500, 500),
        ("DELETE", "/{}", "DeleteVM", 1_500, 500),
        ("GET", "/{}", "LowCostGet", 24_000, 8_000),
        ("GET", "", "HighCostGet", 900, 300),
    ],
)
async def test_the_subscriptions_bucket_of_a_policy_has_its_size_and_refill(
    clock: VirtualClock, caller: Caller, vm: str, method: str, tail: str, policy: str, size: int, by_minute: int
):
    for number in range(50):
        answer = await caller.send(method, f"{group_of(vm)}{VMS}{tail.format(number)}")
    assert f"Microsoft.Compute/{policy}SubscriptionMaximum;{size - 50}" in answer.headers[COMPUTE]
    await clock.sleep(20.1 * 60 / by_minute)
    answer = await caller.send(method, f"{group_of(vm)}{VMS}{tail.format('last')}")
    assert f"Microsoft.Compute/{policy}SubscriptionMaximum;{size - 31}" in answer.headers[COMPUTE]


async def test_the_subscriptions_bucket_for_polls_has_its_size_and_refill(clock: VirtualClock, caller: Caller, vm: str):
    polled = (await caller.send("POST", f"{vm}/restart")).headers["azure-asyncoperation"]
    told = [(await caller.send("GET", polled)).headers[COMPUTE] for _ in range(30)]
    await clock.sleep(20.1 * 60 / 5_000)
    assert told[-1].endswith("Microsoft.Compute/GetOperationSubscriptionMaximum;14970")
    assert (await caller.send("GET", polled)).headers[COMPUTE].endswith(";14989")


@pytest.mark.parametrize(
    ("method", "tail", "policy", "size"),
    [
        ("PUT", "/{}", "PutVM", 1_500),
        ("POST", "/{}/start", "UpdateVM", 1_500),
        ("DELETE", "/{}", "DeleteVM", 1_500),
        ("GET", "", "HighCostGet", 900),
    ],
)
async def test_compute_refuses_what_is_too_much_for_the_subscription(
    arm: Emulator, clock: VirtualClock, vm: str, method: str, tail: str, policy: str, size: int
):
    callers = await callers_of(arm, clock, 10)

    async def send(number: int) -> Response:
        return await callers[number % 10].send(method, f"{group_of(vm)}{VMS}{tail.format(number)}")

    sent, refused = await until_refused(send)
    assert (sent, detail_of(refused)["target"]) == (size, policy)
    assert detail_of(refused)["message"]["allowedRequestCount"] == size


async def test_vms_share_the_subscriptions_bucket_only(arm: Emulator, caller: Caller, vm: str):
    await caller.send("POST", f"{vm}/restart")
    headers = (await caller.send("POST", f"{arm.add_vm('vm2')}/start")).headers
    assert headers[COMPUTE] == (
        "Microsoft.Compute/UpdateVMResource;11,Microsoft.Compute/UpdateVMSubscriptionMaximum;1498"
    )


async def test_principals_share_computes_buckets(arm: Emulator, clock: VirtualClock, vm: str):
    one, other = await callers_of(arm, clock, 2)
    await until_refused(lambda _: one.send("POST", f"{vm}/restart"))
    assert (await other.send("POST", f"{vm}/restart")).status == REFUSED


async def test_a_vms_name_is_one_in_any_case(caller: Caller, vm: str):
    await caller.send("GET", vm)
    assert "LowCostGetResource;34" in (await caller.send("GET", vm.upper())).headers[COMPUTE]


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (("GET", "vm1"), ("GET", "there"), False),
        (("GET", "there"), ("GET", "there2"), True),
        (("PUT", "new", "North Europe"), ("PUT", "new2", "northeurope"), True),
        (("PUT", "new", "North Europe"), ("PUT", "new2", "westeurope"), False),
        (("PUT", "there", "westeurope"), ("PUT", "new2", "northeurope"), True),
    ],
)
async def test_compute_counts_by_the_region_of_the_vm(
    arm: Emulator, caller: Caller, vm: str, first: tuple[str, ...], second: tuple[str, ...], shared: bool
):
    for name in ("there", "there2"):
        arm.add_vm(name, location="northeurope")
    for method, name, *location in (first, second):
        document = {"location": location[0]} if location else None
        answer = await caller.send(method, f"{group_of(vm)}{VMS}/{name}", document)
    assert answer.headers[COMPUTE].endswith({"GET": "2399", "PUT": "149"}[second[0]] + ("8" if shared else "9"))


async def test_compute_counts_lists_by_the_region_in_their_path(arm: Emulator, caller: Caller):
    def lists(region: str) -> str:
        return f"/subscriptions/{arm.subscription}/providers/Microsoft.Compute/locations/{region}/virtualMachines"

    await caller.send("GET", lists("northeurope"))
    left = [(await caller.send("GET", lists(region))).headers[COMPUTE] for region in ("westeurope", "NorthEurope")]
    assert [each.rpartition(";")[2] for each in left] == ["899", "898"]


async def test_computes_refusal_is_told_as_text_within_a_message(caller: Caller, clock: VirtualClock, vm: str):
    await clock.sleep(100)
    _, refused = await until_refused(lambda _: caller.send("POST", f"{vm}/restart"))
    error = refused.document()["error"]
    assert (error["code"], error["innererror"]) == (
        "OperationNotAllowed",
        {"internalErrorCode": "TooManyRequestsReceived"},
    )
    assert detail_of(refused) == {
        "code": "TooManyRequests",
        "target": "UpdateVM",
        "message": {
            "operationGroup": "UpdateVM",
            "startTime": arm_date(caller, 0),
            "endTime": arm_date(caller, 15),
            "allowedRequestCount": 12,
            "measuredRequestCount": 13,
        },
    }


def arm_date(caller: Caller, later: float) -> str:
    """Return the date so many seconds from now as ARM writes it."""
    now = caller.clock.monotonic()
    return caller.arm._world.date(now + later)


async def test_computes_refusal_tells_what_is_left_everywhere(caller: Caller, vm: str):
    _, refused = await until_refused(lambda _: caller.send("POST", f"{vm}/restart"))
    assert refused.headers[COMPUTE] == (
        "Microsoft.Compute/UpdateVMResource;0,Microsoft.Compute/UpdateVMSubscriptionMaximum;1488"
    )
    assert (refused.headers["retry-after"], refused.headers[f"{ARM}-writes"]) == ("15", "187")


async def test_the_wait_is_told_anew_each_time_and_is_enough(caller: Caller, clock: VirtualClock, vm: str):
    _, refused = await until_refused(lambda _: caller.send("POST", f"{vm}/restart"))
    told = [refused.headers["retry-after"]]
    for pause in (9.5, 5):
        await clock.sleep(pause)
        told.append((await caller.send("POST", f"{vm}/restart")).headers["retry-after"])
    await clock.sleep(1)
    assert (told, (await caller.send("POST", f"{vm}/restart")).status) == (["15", "6", "1"], 202)


async def test_a_request_that_compute_lets_in_is_charged_one(caller: Caller, vm: str):
    _, refused = await until_refused(lambda _: caller.send("POST", f"{vm}/restart"))
    assert (await caller.send("GET", vm)).headers["x-ms-request-charge"] == "1"
    assert "x-ms-request-charge" not in refused.headers
    assert "x-ms-request-charge" not in (await caller.send("GET", group_of(vm))).headers


async def test_a_refused_request_is_recorded_and_does_nothing(arm: Emulator, caller: Caller, vm: str):
    await until_refused(lambda _: caller.send("POST", f"{vm}/restart"))
    before = len(arm.effects)
    refused = await caller.send("POST", f"{vm}/powerOff")
    assert (refused.status, arm.requests[-1].status, arm.requests[-1].path) == (REFUSED, REFUSED, f"{vm}/powerOff")
    assert (len(arm.effects), arm.vm("vm1").power_state) == (before, "running")


# What a user may choose.


async def test_without_throttling_nothing_is_refused(clock: VirtualClock):
    async with throttled(clock, None) as (arm, caller):
        vm = arm.add_vm("vm1")
        answers = [await caller.send("GET", vm) for _ in range(300)]
    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize(
    ("method", "kind", "policies"),
    [
        ("GET", "reads", ["LowCostGetResource", "LowCostGetSubscriptionMaximum"]),
        ("PATCH", "writes", ["UpdateVMResource", "UpdateVMSubscriptionMaximum"]),
        ("DELETE", "deletes", ["DeleteVMResource", "DeleteVMSubscriptionMaximum"]),
    ],
)
async def test_without_throttling_plenty_is_left_whatever_was_asked_for(
    clock: VirtualClock, method: str, kind: str, policies: list[str]
):
    async with throttled(clock, None) as (arm, caller):
        vm = arm.add_vm("vm1")
        told = [(await caller.send(method, vm)).headers for _ in range(3)][-1]
    assert (told[f"{ARM}-{kind}"], told[f"{ARM}-global-{kind}"]) == ("99999", "99999")
    assert told[COMPUTE] == ",".join(f"Microsoft.Compute/{policy};99999" for policy in policies)


async def test_without_throttling_a_list_has_the_subscriptions_policy_only(clock: VirtualClock):
    async with throttled(clock, None) as (arm, caller):
        vm = arm.add_vm("vm1")
        told = (await caller.send("GET", vm.rpartition("/")[0])).headers
    assert told[COMPUTE] == "Microsoft.Compute/HighCostGetSubscriptionMaximum;99999"


async def test_without_throttling_a_refusal_tells_of_plenty_too(clock: VirtualClock):
    async with throttled(clock, None) as (arm, caller):
        answer = await caller.send("GET", f"{arm.add_vm('vm1')}x")
    assert (answer.status, answer.headers[f"{ARM}-reads"]) == (404, "99999")


@pytest.mark.parametrize(
    ("scale", "size", "in_a_minute"), [(2.0, 24, 8), (0.5, 6, 2), (0.25, 3, 1), (0.02, 1, 0), (1 / 240, 1, 0)]
)
async def test_buckets_and_refills_are_scaled_but_each_holds_one(
    clock: VirtualClock, scale: float, size: int, in_a_minute: int
):
    async with throttled(clock, Throttling(scale)) as (arm, caller):
        vm = arm.add_vm("vm1")
        at_once, _ = await until_refused(lambda _: caller.send("POST", f"{vm}/restart"))
        await clock.sleep(60)
        assert (at_once, (await until_refused(lambda _: caller.send("POST", f"{vm}/restart")))[0]) == (
            size,
            in_a_minute,
        )


@pytest.mark.parametrize("scale", [0, -1, 9e-7, 1.1e6, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: float):
    with pytest.raises(ValueError, match=r"from 0\.000001 to 1000000"):
        Throttling(scale)


@pytest.mark.parametrize(
    ("per_policy", "lines"),
    [
        (False, ["Microsoft.Compute/LowCostGetResource;35,Microsoft.Compute/LowCostGetSubscriptionMaximum;23999"]),
        (True, ["Microsoft.Compute/LowCostGetResource;35", "Microsoft.Compute/LowCostGetSubscriptionMaximum;23999"]),
    ],
)
async def test_policies_come_in_one_header_or_in_one_each(per_policy: bool, lines: list[str]):
    async with Emulator(throttling=Throttling(header_per_policy=per_policy)) as arm:
        token = (await arm.credential().get_token()).token
        url = URL(f"{arm.endpoint}{arm.add_vm('vm1')}?api-version=2024-07-01", encoded=True)
        headers = {"authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            assert answer.headers.getall(COMPUTE) == lines
            assert len(answer.headers.getall(f"{ARM}-reads")) == 1


async def test_in_process_headers_of_one_name_are_joined(clock: VirtualClock):
    async with throttled(clock, Throttling(header_per_policy=True)) as (arm, caller):
        told = (await caller.send("GET", arm.add_vm("vm1"))).headers[COMPUTE]
    assert told == "Microsoft.Compute/LowCostGetResource;35, Microsoft.Compute/LowCostGetSubscriptionMaximum;23999"
