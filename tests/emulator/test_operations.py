"""Long-running operations: their URLs, their two documents, their ends."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Durations, Emulator, faults
from emulator.support import Caller, run_command


async def test_an_action_is_accepted_with_both_urls_and_no_body(caller: Caller, vm: str):
    answer = await caller.send("POST", f"{vm}/deallocate")
    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["location"] == f"{answer.headers['azure-asyncoperation']}&monitor=true"
    assert answer.headers["azure-asyncnotification"] == "Enabled"


async def test_the_urls_are_long_and_signed(caller: Caller, vm: str):
    url = (await caller.send("POST", f"{vm}/restart")).headers["azure-asyncoperation"]
    assert len(url) > 1000
    assert set(parse_qs(urlsplit(url).query)) == {"p", "api-version", "t", "c", "s", "h"}


@pytest.mark.parametrize("parameter", ["p", "api-version", "t", "c", "s", "h"])
async def test_a_url_that_was_changed_is_refused(caller: Caller, vm: str, parameter: str):
    url = (await caller.send("POST", f"{vm}/restart")).headers["azure-asyncoperation"]
    changed = re.sub(rf"([?&]{parameter}=)(.)", lambda found: found[1] + ("2" if found[2] == "1" else "1"), url)
    changed = changed.replace("api-version=1024-07-01", "api-version=2024-03-01")
    assert changed != url
    answer = await caller.send("GET", changed)
    assert (answer.status, answer.document()["error"]["code"]) == (403, "AuthorizationFailed")


async def test_another_operations_signature_is_refused(caller: Caller, vm: str):
    one = (await caller.send("POST", f"{vm}/restart")).headers["azure-asyncoperation"]
    other = (await caller.send("POST", f"{vm}/restart")).headers["azure-asyncoperation"]
    mixed = f"{one.partition('?')[0]}?{other.partition('?')[2]}"
    assert (await caller.send("GET", mixed)).status == 403


async def test_a_poll_says_in_progress_until_the_end_and_then_how_it_ended(
    clock: VirtualClock, caller: Caller, vm: str
):
    accepted = await caller.send("POST", f"{vm}/deallocate")
    await clock.sleep(59)
    running = await caller.poll(accepted)
    await clock.sleep(1)
    ended = await caller.poll(accepted)
    assert running == {"startTime": "2026-01-01T00:00:00.000000+00:00", "status": "InProgress", "name": running["name"]}
    assert ended == {**running, "status": "Succeeded", "endTime": "2026-01-01T00:01:00.000000+00:00"}


async def test_an_operation_ends_when_it_was_due_not_when_somebody_looks(clock: VirtualClock, caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/deallocate")
    await clock.sleep(3600)
    assert (await caller.poll(accepted))["endTime"] == "2026-01-01T00:01:00.000000+00:00"


async def test_the_monitor_answers_202_until_an_empty_200(caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/start")
    running = await caller.send("GET", accepted.headers["location"])
    await caller.done(accepted)
    ended = await caller.send("GET", accepted.headers["location"])
    assert (running.status, running.headers["location"]) == (202, accepted.headers["location"])
    assert (ended.status, ended.body) == (200, b"")


async def test_the_monitor_of_a_deletion_ends_with_204(caller: Caller, vm: str):
    accepted = await caller.send("DELETE", vm)
    await caller.done(accepted)
    assert (await caller.send("GET", accepted.headers["location"])).status == 204


async def test_the_monitor_of_a_put_ends_with_the_resource(caller: Caller, vm: str):
    accepted = await caller.send("PUT", vm, {"location": "westeurope", "properties": {}})
    await caller.done(accepted)
    assert (await caller.get(f"{accepted.headers['azure-asyncoperation']}&monitor=true"))["id"] == vm


async def test_the_monitor_of_a_canceled_operation_answers_its_error(caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/powerOff")
    await caller.send("POST", f"{vm}/start")
    answer = await caller.send("GET", accepted.headers["location"])
    assert (answer.status, answer.document()["error"]["code"]) == (409, "OperationPreempted")


async def test_no_retry_after_is_sent_unless_chosen(caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/start")
    poll = await caller.send("GET", accepted.headers["azure-asyncoperation"])
    assert "retry-after" not in {**accepted.headers, **poll.headers}


async def test_a_chosen_retry_after_comes_with_what_still_runs(clock: VirtualClock):
    async with Emulator(clock, port=None, retry_after=7) as arm:
        caller = Caller(arm, clock, (await arm.credential().get_token()).token)
        accepted = await caller.send("POST", f"{arm.add_vm('vm1')}/start")
        running = await caller.send("GET", accepted.headers["azure-asyncoperation"])
        await caller.done(accepted)
        ended = await caller.send("GET", accepted.headers["azure-asyncoperation"])
    assert (accepted.headers["retry-after"], running.headers["retry-after"]) == ("7", "7")
    assert "retry-after" not in ended.headers


async def test_urls_begin_with_the_host_that_was_called(caller: Caller, vm: str):
    answer = await caller.send("POST", caller.url(f"{vm}/start").replace("127.0.0.1", "localhost:1234"))
    assert answer.headers["location"].startswith("http://localhost:1234/subscriptions/")


async def test_durations_scale():
    assert Durations().scaled(0.5).start == Durations().start / 2


async def test_the_same_seed_gives_the_same_ids(clock: VirtualClock):
    async def history(seed: int) -> list[tuple[str, str]]:
        async with Emulator(clock, port=None, seed=seed, run_scripts=False) as arm:
            caller = Caller(arm, clock, (await arm.credential().get_token()).token)
            vm = arm.add_vm("vm1", power="running")
            answers = [
                await caller.send("GET", vm),
                await caller.send("POST", f"{vm}/restart"),
                await caller.send("PUT", f"{vm}/runCommands/a", run_command("true")),
            ]
            paths = [answer.headers.get("azure-asyncoperation", "").partition("?")[0] for answer in answers]
            return [(answer.headers["x-ms-request-id"], path) for answer, path in zip(answers, paths, strict=True)]

    assert await history(1) == await history(1) != await history(2)


async def test_tokens_and_signatures_come_from_no_seed(clock: VirtualClock):
    async def secrets() -> set[str]:
        async with Emulator(clock, port=None, seed=1) as arm:
            token = (await arm.credential().get_token()).token
            accepted = await Caller(arm, clock, token).send("POST", f"{arm.add_vm('vm1', power='running')}/restart")
            return {token, accepted.headers["location"], arm.app_service_environment["IDENTITY_HEADER"]}

    assert await secrets() & await secrets() == set()


async def later(caller: Caller, seconds: float) -> Caller:
    """Return a caller with a token that is still good after so long."""
    await caller.clock.sleep(seconds)
    return Caller(caller.arm, caller.clock, (await caller.arm.credential().get_token()).token)


async def test_an_operation_is_forgotten_a_day_after_its_end(caller: Caller, vm: str):
    accepted = await caller.send("POST", f"{vm}/deallocate")
    caller = await later(caller, 60 + 86_399)
    assert (await caller.poll(accepted))["status"] == "Succeeded"
    await caller.clock.sleep(1)
    answer = await caller.send("GET", accepted.headers["azure-asyncoperation"])
    assert (answer.status, answer.document()["error"]["code"]) == (404, "NotFound")


async def test_an_operation_that_lasts_is_not_forgotten(arm: Emulator, caller: Caller, vm: str):
    arm.inject(faults.Endless())
    accepted = await caller.send("POST", f"{vm}/deallocate")
    caller = await later(caller, 200_000)
    assert (await caller.poll(accepted))["status"] == "InProgress"


async def test_with_a_spread_operations_take_more_or_less_by_chance():
    async with Emulator(VirtualClock(), port=None, durations=Durations(start=30), spread=1 / 3, throttling=None) as arm:
        caller = Caller(arm, arm.clock, (await arm.credential().get_token()).token)
        for number in range(200):
            await caller.send("POST", f"{arm.add_vm(f'vm{number}')}/start")
        took = sorted(operation.due - operation.started for operation in arm._world.operations.values())
    assert 20 <= took[0] < 22
    assert 38 < took[-1] <= 40


@pytest.mark.parametrize("spread", [-0.1, 1.1])
def test_a_spread_is_a_part_of_the_duration(spread: float):
    with pytest.raises(ValueError, match="from 0 to 1"):
        Emulator(spread=spread)
