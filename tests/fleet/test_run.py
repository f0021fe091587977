"""How a run goes: outcomes as they come, nobody's failure but one's own, and every way of stopping it."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest
from doubles import turns

from azvm_async import (
    AuthenticationError,
    AzureVMClient,
    Conflict,
    Fleet,
    NotFound,
    OperationFailed,
    OperationPreempted,
    OutcomeUnknown,
    Report,
    State,
    Submission,
    VirtualClock,
)
from azvm_async.emulator import Emulator, faults
from azvm_async.fleet.books import Books
from azvm_async.fleet.engine import Halt
from azvm_async.wire import Request
from fleet.journals import lines
from fleet.support import OTHER, Wire, crowd, done, fleet_tasks, run_of, states

START = "*/start"


async def test_outcomes_come_as_vms_end(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 1, prefix="slow") + crowd(arm, 1, prefix="quick", power="running")
    async with Fleet(client, names) as fleet:
        came = [outcome.name async for outcome in fleet.start()]
    assert came == ["quick0", "slow0"]


async def test_report_is_in_the_order_of_the_fleet(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 1, prefix="slow") + crowd(arm, 1, prefix="quick", power="running")
    assert list(states((await run_of(client, names)).report)) == names


async def test_each_reader_gets_each_outcome_once_also_who_comes_late(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 5)
    async with Fleet(client, names) as fleet:
        run = fleet.start(max_concurrency=2)

        async def read() -> list[str]:
            return [outcome.name async for outcome in run]

        first, second = asyncio.create_task(read()), asyncio.create_task(read())
        await run
        told = [await first, await second, await read()]
    assert told[0] == told[1] == told[2]
    assert sorted(told[0]) == names


async def test_reader_that_stops_early_harms_nobody(client: AzureVMClient, arm: Emulator):
    async with Fleet(client, crowd(arm, 4)) as fleet:
        run = fleet.start()
        async for _ in run:
            break
        assert (await run).totals == {"Succeeded": 4}


async def test_run_can_be_awaited_by_many_and_again(client: AzureVMClient, arm: Emulator, wire: Wire):
    async with Fleet(client, crowd(arm, 2)) as fleet:
        run = fleet.start()
        first, second = await asyncio.gather(run.over(), run.over())
        assert first == second == await run
    assert len(wire.writes) == 2


async def test_cancelled_wait_leaves_the_run_going(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    async with Fleet(client, crowd(arm, 3)) as fleet:
        run = fleet.start(max_concurrency=1)
        waiting = asyncio.create_task(run.over())
        await clock.sleep(2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await run).totals == {"Succeeded": 3}


async def test_refusals_and_failures_are_each_one_vms_own(client: AzureVMClient, arm: Emulator):
    names = [*crowd(arm, 6), "absent"]
    arm.inject(faults.Conflict(), path="*/vm1/start")
    arm.inject(faults.AllocationFailed(), path="*/vm2/start")
    arm.inject(faults.Preempted(), path="*/vm3/start")
    report = (await run_of(client, names)).report
    kinds = {outcome.name: type(outcome.error) for outcome in report if outcome.error}
    assert kinds == {"vm1": Conflict, "vm2": OperationFailed, "vm3": OperationPreempted, "absent": NotFound}
    assert report.totals["Succeeded"] == 3


async def test_preempted_operation_failed(client: AzureVMClient, arm: Emulator):
    arm.add_vm("vm1")
    arm.inject(faults.Preempted(), method="POST")
    assert (await run_of(client, ["vm1"])).report["vm1"].state is State.FAILED


async def test_lost_answer_of_what_is_sent_once_is_unknown(client: AzureVMClient, arm: Emulator):
    names = crowd(arm, 2, power="running")
    arm.inject(faults.ResetAfter(), path="*/vm0/restart")
    report = (await run_of(client, names, "reboot")).report
    assert states(report) == {"vm0": "Unknown", "vm1": "Succeeded"}
    assert isinstance(report["vm0"].error, OutcomeUnknown)
    assert done(arm, "restart") == {"vm0": 1, "vm1": 1}


async def test_accepted_operation_that_cannot_be_read_is_unknown_and_has_its_token(
    client: AzureVMClient, arm: Emulator
):
    names = crowd(arm, 2)
    arm.inject(faults.Status(403), method="GET", path="*/operations/*")
    report = (await run_of(client, names)).report
    (outcome,) = report.failures
    assert (outcome.state, outcome.ended) == (State.UNKNOWN, None)
    assert await client.resume(report.tokens[outcome.vm]) is None


async def test_accepted_operation_whose_token_for_azure_is_refused_is_unknown(
    client: AzureVMClient, arm: Emulator, monkeypatch: pytest.MonkeyPatch
):
    arm.add_vm("vm1")
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        while not run.report["vm1"].accepted:
            await turns(1)

        async def refused() -> None:
            raise AuthenticationError("nobody is signed in")

        monkeypatch.setattr(client._pipeline._tokens, "token", refused)
        outcome = (await run)["vm1"]
    assert (outcome.state, type(outcome.error), outcome.token is None) == (State.UNKNOWN, AuthenticationError, False)


async def test_vms_of_one_subscription_do_not_wait_for_anothers_limits(client: AzureVMClient, arm: Emulator):
    other = arm.add_vm("other", subscription=OTHER, resource_group="g")
    report = (await run_of(client, [*crowd(arm, 300), other], engine="direct")).report
    waited = [(outcome.submitted - report.began).total_seconds() for outcome in report if outcome.submitted]
    assert (max(waited[:-1]) > 5, waited[-1] < 1) == (True, True)


async def test_live_report_tells_of_each_stage(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    names = crowd(arm, 1, prefix="quick", power="running") + crowd(arm, 2)
    async with Fleet(client, names) as fleet:
        run = fleet.start(max_concurrency=2)
        await clock.sleep(4)
        live = run.report
        await run
    assert states(live) == {"quick0": "Succeeded", "vm0": "Running", "vm1": "Running"}
    assert [outcome.name for outcome in live if outcome.token] == ["vm0", "vm1"]
    assert all(outcome.accepted and outcome.ended is None for outcome in live if outcome.token)


async def test_live_token_is_resumed_elsewhere(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    arm.add_vm("vm1")
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        await clock.sleep(2)
        assert await client.resume(run.report["vm1"].token or "") is None


async def test_words_of_a_run_tell_how_it_stands(client: AzureVMClient, arm: Emulator):
    run = await run_of(client, crowd(arm, 2))
    assert repr(run).startswith("<Run: start of 2 VMs in 2")
    assert repr(run).endswith("2 Succeeded>")


# Stopping.


async def test_stopped_run_begins_nothing_more_and_waits_for_what_has_begun(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock
):
    async with Fleet(client, crowd(arm, 5)) as fleet:
        run = fleet.start(max_concurrency=2)
        await clock.sleep(3)
        run.stop("that is enough")
        report = await run
    assert report.totals == {"Succeeded": 2, "NotBegun": 3}
    assert {outcome.note for outcome in report if outcome.state is State.NOT_BEGUN} == {"that is enough"}
    assert done(arm, "start").total() == 2


async def test_stop_without_waiting_leaves_tokens(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    async with Fleet(client, crowd(arm, 5)) as fleet:
        run = fleet.start(max_concurrency=2)
        await clock.sleep(3)
        run.stop(wait=False)
        report = await run
    assert clock.monotonic() == pytest.approx(3, abs=1)
    assert report.totals == {"Running": 2, "NotBegun": 3}
    assert {outcome.state for outcome in report if outcome.token} == {State.RUNNING}
    for token in report.tokens.values():
        await client.resume(token)


async def test_stop_is_hurried_by_a_later_one(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    async with Fleet(client, crowd(arm, 2)) as fleet:
        run = fleet.start()
        await clock.sleep(3)
        run.stop("first")
        run.stop("second", wait=False)
        report = await run
    assert ({outcome.note for outcome in report}, clock.monotonic() < 4) == ({"first"}, True)


async def test_stop_of_what_is_over_changes_nothing(client: AzureVMClient, arm: Emulator):
    run = await run_of(client, crowd(arm, 2))
    before = run.report
    run.stop(wait=False)
    assert run.report == before


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_nothing_is_sent_after_the_stop_whenever_that_is(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock, *, engine, wait: bool
):
    """Loop turn by loop turn, from before the run's first step until all is sent; accepted ones have token or end."""
    for turn in [*range(40), *range(40, 160, 7)]:
        names = crowd(arm, 4, prefix=f"at{turn}-")
        async with Fleet(client, names) as fleet:
            run = fleet.start(engine=engine, max_concurrency=2)
            await turns(turn)
            run.stop(wait=wait)
            before = len(wire.writes)
            report = await run
        await clock.sleep(100)
        assert len(wire.writes) == before
        begun = {name for name in done(arm, "start") if name in names}
        assert begun == {outcome.name for outcome in report if outcome.state is not State.NOT_BEGUN}
        assert all(outcome.token or outcome.ok for outcome in report if outcome.name in begun)
        assert len(report) == 4
        assert fleet_tasks() == []


@pytest.mark.parametrize("wait", [True, False])
async def test_answer_that_is_on_its_way_is_waited_for(client: AzureVMClient, arm: Emulator, clock, *, wait: bool):
    arm.add_vm("vm1")
    arm.inject(faults.Slow(4), path=START)
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        await clock.sleep(1)
        run.stop(wait=wait)
        outcome = (await run)["vm1"]
    assert outcome.state is (State.SUCCEEDED if wait else State.RUNNING)
    assert wait or await client.resume(outcome.token or "") is None


async def test_answer_that_does_not_come_in_time_is_unknown(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    arm.add_vm("vm1")
    arm.inject(faults.Slow(60), path=START)
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        await clock.sleep(1)
        run.stop(wait=False)
        while not run.done:
            await clock.sleep(0.1)
        outcome = (await run)["vm1"]
    assert (outcome.state, type(outcome.error)) == (State.UNKNOWN, OutcomeUnknown)
    assert clock.monotonic() == pytest.approx(11, abs=1)
    await clock.sleep(100)


@pytest.mark.parametrize("fault", [faults.Status(429, retry_after=30), faults.Refused()])
@pytest.mark.parametrize("after", [1, 8])
async def test_what_azure_put_off_is_not_sent_again_after_the_stop(
    client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock, fault: faults.Fault, after: int
):
    """Whether the answer is still on its way (1 s) or has come (8 s) when the run is stopped."""
    arm.add_vm("vm1")
    arm.inject(fault, path=START, times=99)
    wire.before = lambda request: clock.sleep(5) if request.method == "POST" else None
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        await clock.sleep(after)
        run.stop()
        before = len(wire.writes)
        outcome = (await run)["vm1"]
    assert clock.monotonic() < 15
    await clock.sleep(100)
    assert (outcome.state, len(wire.writes), done(arm, "start").total()) == (State.NOT_BEGUN, before, 0)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("after", [1, 8])
@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_what_azure_answered_in_vain_may_be_done(
    client: AzureVMClient,
    arm: Emulator,
    wire: Wire,
    clock: VirtualClock,
    journal: Path,
    engine,
    after: int,
    status: int,
):
    """It is not sent again after the stop, and its intent stays in the journal."""
    arm.add_vm("vm1")
    arm.inject(faults.Status(status, retry_after=30), path="*Start" if engine == "bulk" else START, times=99)
    wire.before = lambda request: clock.sleep(5) if request.method == "POST" else None
    async with Fleet(client, ["vm1"], engine=engine) as fleet:
        run = fleet.start(journal=journal)
        await clock.sleep(after)
        run.stop()
        outcome = (await run)["vm1"]
    await clock.sleep(100)
    assert (outcome.state, type(outcome.error), len(wire.writes)) == (State.UNKNOWN, OutcomeUnknown, 1)
    assert "intent" in lines(journal)[-1]


async def test_what_azure_put_off_after_an_answer_in_vain_may_be_done(client: AzureVMClient, arm: Emulator, clock):
    arm.add_vm("vm1")
    arm.inject(faults.Status(504), path=START)
    arm.inject(faults.Status(429, retry_after=60), path=START)
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        await clock.sleep(20)
        run.stop()
    assert states(run.report) == {"vm1": "Unknown"}


async def test_what_ended_with_its_late_answer_has_its_end(client: AzureVMClient, wire: Wire, clock: VirtualClock):
    wire.before = lambda request: clock.sleep(4) if request.method == "DELETE" else None
    run = await run_of(client, ["absent"], "delete", deadline=1)
    assert states(run.report) == {"absent": "Succeeded"}


async def test_what_would_let_more_begin_is_ended_with_the_run():
    halt = Halt(None)
    before, after = (asyncio.create_task(asyncio.Event().wait()) for _ in range(2))
    halt.feed(before)
    halt.call("enough", waits=True)
    halt.feed(after)
    await asyncio.wait([before, after])
    assert before.cancelled()
    assert after.cancelled()


async def test_refusal_that_comes_after_the_stop_is_a_failure(client: AzureVMClient, arm: Emulator, wire, clock):
    arm.add_vm("vm1")
    arm.inject(faults.Conflict(), path=START)
    wire.before = lambda request: clock.sleep(5) if request.method == "POST" else None
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start()
        await clock.sleep(1)
        run.stop()
        assert (await run)["vm1"].state is State.FAILED


async def test_wait_for_azures_limits_ends_with_the_stop(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    names = crowd(arm, 300)
    async with Fleet(client, names) as fleet:
        run = fleet.start(engine="direct")
        await clock.sleep(2)
        run.stop(wait=False)
        report = await run
    begun = done(arm, "start").total()
    assert 150 < begun < 300
    assert report.totals == {"Running": begun, "NotBegun": 300 - begun}
    await clock.sleep(60)
    assert done(arm, "start").total() == begun


async def test_stop_ends_the_looking_up(client: AzureVMClient, arm: Emulator, wire: Wire, clock: VirtualClock):
    names = crowd(arm, 3)
    wire.before = lambda _: clock.sleep(300)
    async with Fleet(client, names) as fleet:
        run = fleet.start(only_needed=True)
        await clock.sleep(1)
        run.stop()
        report = await run
    assert (report.totals, clock.monotonic() < 2, wire.writes) == ({"NotBegun": 3}, True, [])


async def test_client_that_is_closed_under_a_run_leaves_tokens(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, wire: Wire
):
    names = crowd(arm, 4)
    async with Fleet(client, names) as fleet:
        run = fleet.start(max_concurrency=2)
        await clock.sleep(3)
        await client.close()
        report = await run
    assert (report.totals, len(report.tokens), len(wire.writes)) == ({"Running": 2, "NotBegun": 2}, 2, 2)


async def test_loop_that_ends_under_a_run_leaves_nothing_behind(arm: Emulator, client: AzureVMClient, clock):
    async with Fleet(client, crowd(arm, 3)) as fleet:
        run = fleet.start()
        await clock.sleep(2)
        run._task.cancel()
        await run.ended()
        assert (run.report.totals, fleet_tasks()) == ({"Running": 3}, [])
        run._heard = True


async def test_lookup_error_is_no_error_of_the_run_and_the_outcomes_say_why(client: AzureVMClient, arm: Emulator):
    """One failure never cancels a sibling: VMs that can be read are not left alone for those that can't."""
    arm.inject(faults.Status(403), method="GET", times=99)
    async with Fleet(client, crowd(arm, 2)) as fleet:
        run = fleet.start(only_needed=True)
        outcomes = [outcome async for outcome in run]
        await run
    assert [(outcome.state, type(outcome.error)) for outcome in outcomes] == [(State.FAILED, AuthenticationError)] * 2


async def test_fault_of_ours_is_one_vms_own(client: AzureVMClient, arm: Emulator, monkeypatch: pytest.MonkeyPatch):
    whole = client.start

    def broken(name: str) -> Submission[None]:
        if name.endswith("/vm1"):
            raise ZeroDivisionError("oh")
        return whole(name)

    monkeypatch.setattr(client, "start", broken)
    report: Report = (await run_of(client, crowd(arm, 3))).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Failed", "vm2": "Succeeded"}
    assert "ZeroDivisionError" in str(report["vm1"].error)


async def test_fault_of_ours_after_the_sending_tells_nothing_of_what_was_sent(
    client: AzureVMClient, arm: Emulator, wire: Wire
):
    def broken(request: Request) -> Awaitable[object] | None:
        if "/vm1/start" in request.url:
            raise ZeroDivisionError("oh")
        return None

    wire.before = broken
    report: Report = (await run_of(client, crowd(arm, 3))).report
    assert states(report) == {"vm0": "Succeeded", "vm1": "Unknown", "vm2": "Succeeded"}


async def test_fault_of_ours_after_the_end_tells_nothing_of_what_was_done(
    client: AzureVMClient, arm: Emulator, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Books, "succeeded", broken)
    outcome = (await run_of(client, crowd(arm, 1))).report["vm0"]
    assert (outcome.state, outcome.token is None, type(outcome.error)) == (State.UNKNOWN, False, OutcomeUnknown)
