"""Faults on demand that happen in ARM, each seen through the door without sockets."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.faults import Fault
from azvm_async.wire import Response
from emulator.deploying import Deployer
from emulator.sites import NSG, VM, body, machine
from emulator.small_templates import ONE, balancer
from emulator.small_templates import body as deployment
from emulator.support import Caller, run_command, until

CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
ANSWERS = [408, 429, 500, 502, 503, 504]
NAMED = [
    each for each in vars(faults).values() if isinstance(each, type) and issubclass(each, Fault) and each is not Fault
]


def code(answer: Response) -> tuple[int, str]:
    """Return the status and the code of an error."""
    return answer.status, answer.document()["error"]["code"]


async def begun(caller: Caller, vm: str, fault: Fault | None = None) -> Response:
    """Return the answer to a deallocation that a fault strikes."""
    if fault is not None:
        caller.arm.inject(fault)
    return await caller.send("POST", f"{vm}/deallocate")


@pytest.mark.parametrize("fault", [each for each in NAMED if not each.__name__.startswith("_")])
def test_every_fault_has_its_line_in_the_documentation(fault: type[Fault]):
    page = Path(__file__).parents[2] / "docs" / "emulator.md"
    assert re.search(rf"^\| `{fault.__name__}\b[^|]*\|", page.read_text(), re.MULTILINE)


# Of the answer.


async def test_a_truncated_answer_is_half_of_its_json(arm: Emulator, caller: Caller, vm: str):
    whole = await caller.send("GET", vm)
    arm.inject(faults.Truncated())
    half = await caller.send("GET", vm)
    assert (half.status, half.body) == (200, whole.body[: len(whole.body) // 2])


@pytest.mark.parametrize("text", ["[]", "<html>"])
async def test_another_body_is_answered_to_what_was_done(arm: Emulator, caller: Caller, vm: str, text: str):
    arm.inject(faults.WrongBody(text))
    answer = await caller.send("POST", f"{vm}/deallocate")
    assert (answer.status, answer.body.decode(), await caller.power(vm)) == (202, text, "PowerState/deallocating")


@pytest.mark.parametrize("status", ANSWERS)
@pytest.mark.parametrize("patience", [None, 7, "Thu, 01 Jan 2026 00:00:09 GMT"])
async def test_an_error_says_how_long_to_wait_or_does_not(
    arm: Emulator, caller: Caller, vm: str, status: int, patience: int | str | None
):
    answer = await begun(caller, vm, faults.Status(status, patience))
    expected = None if patience is None else str(patience)
    assert (answer.status, answer.headers.get("retry-after")) == (status, expected)
    assert answer.document()["error"]["code"].isalpha()
    assert arm.vm("vm1").power_state == "running"


async def test_an_error_carries_the_headers_of_arm(caller: Caller, vm: str):
    assert "x-ms-request-id" in (await begun(caller, vm, faults.Status(503))).headers


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_an_error_may_come_although_the_request_was_carried_out(caller: Caller, vm: str, status: int):
    answer = await begun(caller, vm, faults.Status(status, applied=True))
    assert (answer.status, caller.arm.vm("vm1").power_state) == (status, "deallocating")


async def test_an_error_that_has_no_name_is_one_too(caller: Caller, vm: str):
    answer = await begun(caller, vm, faults.Status(499))
    assert (answer.status, answer.document()["error"]["code"]) == (499, "Status499")


@pytest.mark.parametrize(("status", "applied"), [(200, False), (600, False), (429, True), (409, True)])
def test_what_is_no_error_or_contradicts_itself_is_no_fault(status: int, applied: bool):
    with pytest.raises(ValueError, match=str(status)):
        faults.Status(status, applied=applied)


@pytest.mark.parametrize("text", ["1\r\nx: y", "1\n", "\ud83d", "später"])
def test_what_cannot_be_sent_in_a_header_is_no_fault(text: str):
    for make in (lambda: faults.Status(429, text), lambda: faults.TrackingForeign(text)):
        with pytest.raises(ValueError, match="one line of ASCII"):
            make()


@pytest.mark.parametrize("make", [faults.WrongBody, faults.ClaimsChallenge])
def test_what_cannot_be_written_in_utf_8_is_no_fault(make: Callable[[str], Fault]):
    with pytest.raises(ValueError, match="surrogates"):
        make("half a pair: \ud83d")


@pytest.mark.parametrize(
    ("seconds", "date"), [(3600, "Thu, 01 Jan 2026 01:00:00 GMT"), (-60, "Wed, 31 Dec 2025 23:59:00 GMT")]
)
async def test_the_date_is_off(arm: Emulator, caller: Caller, vm: str, seconds: float, date: str):
    arm.inject(faults.ClockSkew(seconds))
    assert (await caller.send("GET", vm)).headers["date"] == date


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_what_is_no_time_to_wait_is_no_fault(seconds: float):
    with pytest.raises(ValueError, match="from 0 on"):
        faults.Slow(seconds)


@pytest.mark.parametrize("seconds", [1e15, -1e15, float("nan")])
def test_a_date_that_cannot_be_told_is_no_fault(seconds: float):
    with pytest.raises(ValueError, match="a century at most"):
        faults.ClockSkew(seconds)


# Of the token.


async def test_a_token_expires_for_good_and_another_one_does_not(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.ExpiredToken())
    answers = [await caller.send("GET", vm) for _ in range(2)]
    assert [code(answer) for answer in answers] == [(401, "ExpiredAuthenticationToken")] * 2
    other = (await arm.credential().get_token()).token
    assert (await caller.send("GET", vm, authorization=f"Bearer {other}")).status == 200


async def test_a_challenge_names_its_claims(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.ClaimsChallenge(CLAIMS))
    answer = await caller.send("GET", vm)
    challenge = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["www-authenticate"]))
    assert (answer.status, challenge["error"]) == (401, "insufficient_claims")
    assert base64.b64decode(challenge["claims"]).decode() == CLAIMS


@pytest.mark.parametrize(("claims", "status"), [(CLAIMS, 200), (None, 401), ("{}", 401)])
async def test_after_a_challenge_only_a_token_with_the_claims_is_accepted(
    arm: Emulator, caller: Caller, vm: str, claims: str | None, status: int
):
    arm.inject(faults.ClaimsChallenge(CLAIMS))
    await caller.send("GET", vm)
    token = (await arm.credential().get_token(claims=claims)).token
    assert (await caller.send("GET", vm, authorization=f"Bearer {token}")).status == status


async def test_once_the_claims_were_proved_tokens_need_none_but_those_taken_back_stay_so(
    arm: Emulator, caller: Caller, vm: str
):
    arm.inject(faults.ClaimsChallenge(CLAIMS))
    await caller.send("GET", vm)
    await arm.credential().get_token(claims=CLAIMS)
    later = (await arm.credential().get_token()).token
    assert (await caller.send("GET", vm, authorization=f"Bearer {later}")).status == 200
    assert (await caller.send("GET", vm)).status == 401


# Of following an operation.


async def test_the_first_polls_find_nothing(arm: Emulator, caller: Caller, vm: str):
    accepted = await begun(caller, vm)
    arm.inject(faults.NotYetFound(), times=2)
    await caller.send("GET", vm)
    polls = [await caller.send("GET", accepted.headers["azure-asyncoperation"]) for _ in range(3)]
    assert [poll.status for poll in polls] == [404, 404, 200]
    assert code(polls[0]) == (404, "NotFound")


async def test_a_poll_tells_of_a_state_that_nobody_knows(arm: Emulator, caller: Caller, vm: str):
    accepted = await begun(caller, vm)
    arm.inject(faults.UnknownState("Pondering"))
    assert [(await caller.poll(accepted))["status"] for _ in range(2)] == ["Pondering", "InProgress"]


async def test_a_poll_without_state_is_left_as_it_is(arm: Emulator, caller: Caller, vm: str):
    accepted = await begun(caller, vm)
    arm.inject(faults.UnknownState())
    answer = await caller.send("GET", accepted.headers["location"])
    assert (answer.status, answer.body) == (202, b"")


@pytest.mark.parametrize("header", ["azure-asyncoperation", "location"])
async def test_a_poll_names_another_url_and_both_work(arm: Emulator, caller: Caller, vm: str, header: str):
    old = (await begun(caller, vm)).headers[header]
    arm.inject(faults.TrackingMoved())
    first = await caller.send("GET", old)
    new = first.headers[header]
    assert new != old
    assert [(await caller.send("GET", url)).status for url in (old, new)] == [first.status] * 2


async def test_a_deployment_is_followed_at_another_url_too(arm: Emulator, deployer: Deployer):
    old = (await deployer.send("PUT", ONE, deployment(balancer("a")))).headers["azure-asyncoperation"]
    arm.inject(faults.TrackingMoved())
    new = (await deployer.send("GET", old)).headers["azure-asyncoperation"]
    assert new != old
    assert (await deployer.get(new))["status"] == "Accepted"


async def test_the_result_of_what_if_is_at_another_url_too(arm: Emulator, deployer: Deployer):
    old = (await deployer.send("POST", f"{ONE}/whatIf", deployment(balancer("a")))).headers["location"]
    arm.inject(faults.TrackingMoved())
    new = (await deployer.send("GET", old)).headers["location"]
    assert new != old
    assert (await deployer.send("GET", new)).status == 202


@pytest.mark.parametrize("header", ["azure-asyncoperation", "location"])
async def test_a_relative_url_is_the_absolute_one_without_its_host(caller: Caller, vm: str, header: str):
    url = (await begun(caller, vm, faults.TrackingRelative())).headers[header]
    assert url.startswith("/subscriptions/")
    assert (await caller.send("GET", f"{caller.arm.endpoint}{url}")).status in {200, 202}


@pytest.mark.parametrize("header", ["azure-asyncoperation", "location"])
async def test_a_foreign_url_is_on_another_host(caller: Caller, vm: str, header: str):
    url = (await begun(caller, vm, faults.TrackingForeign("https://elsewhere.example"))).headers[header]
    assert url.startswith("https://elsewhere.example/subscriptions/")


async def test_a_poll_names_a_foreign_url_too(arm: Emulator, caller: Caller, vm: str):
    accepted = await begun(caller, vm)
    arm.inject(faults.TrackingForeign())
    answer = await caller.send("GET", accepted.headers["azure-asyncoperation"])
    assert answer.headers["azure-asyncoperation"].startswith("https://arm.example/")


# Of the operation.


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (faults.Preempted(), "Canceled", "OperationPreempted"),
        (faults.AllocationFailed(), "Failed", "AllocationFailed"),
    ],
)
async def test_an_operation_fails_and_the_vm_is_what_it_was(
    arm: Emulator, caller: Caller, vm: str, fault: Fault, status: str, error: str
):
    told = await caller.done(await begun(caller, vm, fault))
    assert (told["status"], told["error"]["code"]) == (status, error)
    assert (arm.vm("vm1").power_state, arm.vm("vm1").provisioning_state) == ("running", status)


@pytest.mark.parametrize("path", [VM, NSG])
async def test_a_creation_fails_and_the_next_one_does_not(arm: Emulator, caller: Caller, path: str):
    arm.inject(faults.AllocationFailed())
    ends = [(await caller.act(path, "PUT", machine()))["status"] for _ in range(2)]
    assert ends == ["Failed", "Succeeded"]


async def test_a_deletion_that_fails_deletes_nothing(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.Preempted())
    assert (await caller.act(vm, "DELETE"))["status"] == "Canceled"
    assert arm.resources() == [vm]


@pytest.mark.parametrize("verb", ["start", "deallocate", "restart"])
async def test_an_operation_never_ends(arm: Emulator, caller: Caller, clock: VirtualClock, vm: str, verb: str):
    arm.inject(faults.Endless())
    accepted = await caller.send("POST", f"{vm}/{verb}")
    await clock.sleep(50_000)
    assert (await caller.poll(accepted))["status"] == "InProgress"


async def test_a_newer_operation_takes_over_from_one_that_never_ends(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.Endless())
    endless = await caller.send("POST", f"{vm}/deallocate")
    assert (await caller.act(f"{vm}/start"))["status"] == "Succeeded"
    assert (await caller.poll(endless))["status"] == "Canceled"


async def test_a_run_command_never_ends_although_its_script_did(live: Caller, quick: Emulator):
    vm = quick.add_vm("vm1", power="running")
    quick.inject(faults.Endless())
    accepted = await live.send("PUT", f"{vm}/runCommands/x", run_command("true"))
    await until(lambda: [effect.verb for effect in quick.effects] == ["create", "run"])
    await until(lambda: not quick._world.scripts)
    await quick.clock.sleep(0.05)
    assert (await live.poll(accepted))["status"] == "InProgress"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(faults.QuotaExceeded(), (409, "OperationNotAllowed")), (faults.Conflict(), (409, "Conflict"))],
)
async def test_a_change_is_refused_and_nothing_exists(
    arm: Emulator, caller: Caller, fault: Fault, expected: tuple[int, str]
):
    arm.inject(fault)
    assert code(await caller.send("PUT", NSG, body())) == expected
    assert arm.resources() == []


@pytest.mark.parametrize(
    "fault",
    [faults.QuotaExceeded(), faults.Conflict(), faults.AllocationFailed(), faults.Preempted(), faults.Endless()],
)
async def test_what_strikes_changes_waits_for_one(arm: Emulator, caller: Caller, vm: str, fault: Fault):
    arm.inject(fault)
    assert (await caller.send("GET", vm)).status == 200
    answer = await caller.send("POST", f"{vm}/deallocate")
    await caller.clock.sleep(100)
    assert answer.status == 409 or (await caller.poll(answer))["status"] != "Succeeded"


async def test_what_was_spoiled_is_answered_well_the_next_time(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.WrongBody())
    answers = [json.loads((await caller.send("GET", vm)).body) for _ in range(2)]
    assert answers[0] == []
    assert answers[1]["name"] == "vm1"
