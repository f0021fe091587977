"""How a run is taken up from its journal."""

import json
from pathlib import Path

import pytest

from azvm_async import AzureVMClient, Fleet, OutcomeUnknown, State, TransportError, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.mishaps import Mishaps
from fleet.journals import cut, lines
from fleet.support import Wire, bytes_of, crowd, done, opened, put, run_of, states, text_of


async def test_ended_ones_are_told_as_they_were_and_not_asked_again(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path
):
    names = [*crowd(arm, 2), "absent"]
    arm.inject(faults.AllocationFailed(), path="*/vm1/start")
    first = (await run_of(client, names, journal=journal)).report
    before = len(wire.sent)
    second = (await run_of(client, names, journal=journal)).report
    assert len(wire.sent) == before
    told = [[(each.vm, each.state, each.ended, each.polls, str(each.error)) for each in run] for run in (first, second)]
    assert told[0] == told[1]
    assert [type(outcome.error) for outcome in first] == [type(outcome.error) for outcome in second]


async def test_result_of_a_script_is_told_again(client: AzureVMClient, arm: Emulator, journal: Path):
    crowd(arm, 1, power="running")
    first, second = [(await run_of(client, ["vm0"], "run_command", "echo hi", journal=journal)).report for _ in "12"]
    assert first["vm0"].result == second["vm0"].result
    assert second["vm0"].result.stdout == "hi\n"


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_accepted_ones_are_resumed_with_their_times(
    arm: Emulator, clock: VirtualClock, journal: Path, client: AzureVMClient, engine
):
    names = crowd(arm, 3)
    first = (await run_of(client, names, engine=engine, journal=journal, deadline=5)).report
    wire = Wire(arm.transport())
    async with opened(arm, clock, wire) as later:
        second = (await run_of(later, names, engine=engine, journal=journal)).report
    assert (first.totals, second.totals) == ({"Running": 3}, {"Succeeded": 3})
    assert (wire.writes, done(arm, "start").total()) == ([], 3)
    times = [[(outcome.submitted, outcome.accepted) for outcome in report] for report in (first, second)]
    assert times[0] == times[1]
    assert all(outcome.ended and outcome.seconds and outcome.seconds > 5 for outcome in second)


async def test_those_that_were_not_begun_are_begun(client: AzureVMClient, arm: Emulator, journal: Path):
    names = crowd(arm, 4)
    first = (await run_of(client, names, journal=journal, max_concurrency=2, deadline=5)).report
    second = (await run_of(client, names, journal=journal)).report
    assert (first.totals, second.totals) == ({"Running": 2, "NotBegun": 2}, {"Succeeded": 4})
    assert done(arm, "start") == dict.fromkeys(names, 1)


async def test_those_that_a_short_run_does_not_come_to_stay_as_they_were_left(
    client: AzureVMClient, arm: Emulator, journal: Path
):
    """Accepted ones keep their token in its report, and what was about to be sent is unknown."""
    names = crowd(arm, 3)
    await run_of(client, names, journal=journal, max_concurrency=2, deadline=5)
    put(journal, text_of(journal) + json.dumps({"vms": [Fleet(client, ["vm2"]).vms[0]], "intent": "{}"}) + "\n")
    report = (await run_of(client, names, journal=journal, deadline=0)).report
    assert states(report) == {"vm0": "Running", "vm1": "Running", "vm2": "Unknown"}
    assert [outcome.token is not None for outcome in report] == [True, True, False]
    assert isinstance(report["vm2"].error, OutcomeUnknown)
    assert (await run_of(client, names, journal=journal)).report.totals == {"Succeeded": 3}


@pytest.mark.parametrize("verb", ["start", "stop", "deallocate", "reapply", "delete"])
async def test_intent_without_token_is_sent_again(client: AzureVMClient, arm: Emulator, wire, journal, verb: str):
    crowd(arm, 1, power="deallocated" if verb == "start" else "running")
    await run_of(client, ["vm0"], verb, journal=journal)
    cut(journal, lambda line: "intent" in line)
    before = len(wire.writes)
    assert (await run_of(client, ["vm0"], verb, journal=journal)).report.totals == {"Succeeded": 1}
    assert len(wire.writes) == before + 1


@pytest.mark.parametrize("verb", ["reboot", "redeploy", "reimage", "simulate_eviction"])
async def test_intent_of_what_is_done_once_is_unknown_and_nothing_is_sent(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path, verb: str
):
    crowd(arm, 1, power="running")
    await run_of(client, ["vm0"], verb, journal=journal)
    cut(journal, lambda line: "intent" in line)
    before = len(wire.sent)
    outcome = (await run_of(client, ["vm0"], verb, journal=journal)).report["vm0"]
    assert (outcome.state, type(outcome.error), len(wire.sent)) == (State.UNKNOWN, OutcomeUnknown, before)


@pytest.mark.parametrize("seconds", ["0", "30"])
async def test_script_that_was_sent_is_found_by_its_name_and_runs_once(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path, seconds: str
):
    """It is deleted at its end, as it would have been."""
    crowd(arm, 1, power="running")
    arm.inject(faults.Slow(3600), method="PUT")
    await run_of(client, ["vm0"], "run_command", f": {seconds}; echo ran", journal=journal, deadline=1)
    assert [*lines(journal)[-1]] == ["vms", "intent", "at"]
    async with opened(arm, clock) as later:
        outcome = (await run_of(later, ["vm0"], "run_command", f": {seconds}; echo ran", journal=journal)).report["vm0"]
        await clock.sleep(60)
    assert (outcome.state, outcome.result.stdout, done(arm, "run")) == (State.SUCCEEDED, "ran\n", {"vm0": 1})
    assert not arm.vm("vm0").run_commands


async def test_script_that_is_to_be_kept_is_kept_when_it_is_found(client: AzureVMClient, arm: Emulator, journal: Path):
    crowd(arm, 1, power="running")
    for _ in range(2):
        run = await run_of(client, ["vm0"], "run_command", "echo ran", keep=True, journal=journal)
        cut(journal, lambda line: "intent" in line)
    assert (run.report.totals, done(arm, "run")) == ({"Succeeded": 1}, {"vm0": 1})
    assert len(arm.vm("vm0").run_commands) == 1


async def test_script_that_was_not_sent_is_sent_once(client: AzureVMClient, arm: Emulator, journal: Path):
    crowd(arm, 1, power="running")
    arm.inject(faults.ResetBefore(), method="PUT")
    arm.inject(faults.Status(503), method="GET", path="*/runCommands/*", times=99)
    first = (await run_of(client, ["vm0"], "run_command", "echo ran", journal=journal)).report
    assert (states(first), done(arm, "run").total()) == ({"vm0": "Unknown"}, 0)
    arm._door.mishaps = Mishaps()
    cut(journal, lambda line: "intent" in line)
    second = (await run_of(client, ["vm0"], "run_command", "echo ran", journal=journal)).report
    assert (states(second), done(arm, "run")) == ({"vm0": "Succeeded"}, {"vm0": 1})


async def test_unreadable_operation_is_taken_up_again(client: AzureVMClient, arm: Emulator, journal: Path):
    """It has not ended: the journal has its token, and no end."""
    crowd(arm, 1)
    arm.inject(faults.Status(403), method="GET", path="*/operations/*")
    first = (await run_of(client, ["vm0"], journal=journal)).report
    second = (await run_of(client, ["vm0"], journal=journal)).report
    assert (states(first), states(second)) == ({"vm0": "Unknown"}, {"vm0": "Succeeded"})
    assert done(arm, "start") == {"vm0": 1}


async def test_failures_of_an_earlier_run_stop_nothing(client: AzureVMClient, arm: Emulator, journal: Path):
    names = ["absent", *crowd(arm, 3)]
    first = (await run_of(client, names, journal=journal, max_concurrency=1, stop_after_failures=1)).report
    second = (await run_of(client, names, journal=journal, max_concurrency=1, stop_after_failures=1)).report
    assert (first.totals, second.totals) == ({"Failed": 1, "NotBegun": 3}, {"Succeeded": 3, "Failed": 1})


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_every_cut_of_the_journal_comes_to_the_same_end(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, tmp_path: Path, engine
):
    """As if it had been killed after any line: no VM is lost or doubled, and all are started."""
    names = crowd(arm, 3)
    whole = tmp_path / "whole"
    await run_of(client, names, engine=engine, journal=whole)
    written = bytes_of(whole).splitlines(keepends=True)
    for kept in range(len(written) + 1):
        part = tmp_path / f"part{kept}"
        put(part, b"".join(written[:kept]))
        async with opened(arm, clock) as later:
            report = (await run_of(later, names, engine=engine, journal=part, max_concurrency=2)).report
        assert (len(report), report.totals) == (3, {"Succeeded": 3})
        assert len([line for line in lines(part) if "end" in line]) == 3


async def test_vm_that_came_to_the_fleet_later_is_begun(client: AzureVMClient, arm: Emulator, journal: Path):
    names = crowd(arm, 3)
    await run_of(client, names[:2], journal=journal)
    assert (await run_of(client, names, journal=journal)).report.totals == {"Succeeded": 3}
    assert done(arm, "start") == dict.fromkeys(names, 1)


async def test_skipped_ones_are_not_looked_up_again(client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path):
    crowd(arm, 2, power="running")
    for _ in range(2):
        run = await run_of(client, ["vm0", "vm1"], only_needed=True, journal=journal)
    assert (run.report.totals, len(wire.sent)) == ({"Skipped": 2}, 2)


async def test_begun_one_is_not_skipped_for_its_state(client: AzureVMClient, arm: Emulator, journal: Path, clock):
    """A VM that is starting is running as Azure tells; its start's end is still to be told."""
    crowd(arm, 1)
    await run_of(client, ["vm0"], journal=journal, deadline=5)
    await clock.sleep(60)
    report = (await run_of(client, ["vm0"], only_needed=True, journal=journal)).report
    assert states(report) == {"vm0": "Succeeded"}


async def test_what_is_sent_again_after_the_end_is_not_written_any_more(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, wire: Wire, journal: Path
):
    """The start whose answer was lost is made sure of by its client, when the run has closed its file."""
    crowd(arm, 1)

    async def lost() -> None:
        await clock.sleep(40)
        raise TransportError("The connection broke", maybe_applied=True)

    wire.before = lambda request: lost() if wire.writes == [request] else None
    async with Fleet(client, ["vm0"]) as fleet:
        run = fleet.start(journal=journal)
        await clock.sleep(1)
        run.stop(wait=False)
        while not run.done:
            await clock.sleep(0.1)
        written = bytes_of(journal)
        await clock.sleep(100)
    assert (states(run.report), len(wire.writes), done(arm, "start").total()) == ({"vm0": "Unknown"}, 2, 1)
    assert bytes_of(journal) == written


async def test_what_azure_put_off_stays_in_doubt_where_an_earlier_run_may_have_sent_it(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path
):
    crowd(arm, 1)
    await run_of(client, ["vm0"], journal=journal)
    cut(journal, lambda line: "intent" in line)
    arm.inject(faults.Status(429, retry_after=60), path="*/start")
    async with Fleet(client, ["vm0"]) as fleet:
        run = fleet.start(journal=journal)
        await clock.sleep(5)
        run.stop()
    assert states(run.report) == {"vm0": "Unknown"}
    assert "intent" in lines(journal)[-1]


async def test_script_that_is_not_known_everywhere_yet_is_found_later(
    client: AzureVMClient, arm: Emulator, journal: Path
):
    crowd(arm, 1, power="running")
    await run_of(client, ["vm0"], "run_command", "echo ran", keep=True, journal=journal)
    cut(journal, lambda line: "intent" in line)
    arm.inject(faults.Status(404), method="GET", path="*/runCommands/*", times=2)
    run = await run_of(client, ["vm0"], "run_command", "echo ran", keep=True, journal=journal)
    assert (run.report.totals, done(arm, "run")) == ({"Succeeded": 1}, {"vm0": 1})


async def test_what_was_begun_is_taken_up_before_anything_new(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path
):
    await run_of(client, crowd(arm, 1, prefix="begun"), journal=journal, deadline=5)
    async with opened(arm, clock) as later, Fleet(later, [*crowd(arm, 2), "begun0"]) as fleet:
        came = [outcome.name async for outcome in fleet.start(journal=journal, max_concurrency=1)]
    assert came == ["begun0", "vm0", "vm1"]


async def test_what_was_about_to_be_sent_comes_before_anything_new(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path
):
    await run_of(client, crowd(arm, 1, prefix="doubt"), journal=journal)
    cut(journal, lambda line: "intent" in line)
    before = len(wire.writes)
    await run_of(client, [*crowd(arm, 2), "doubt0"], journal=journal, max_concurrency=1)
    assert [each.url.split("/")[-2] for each in wire.writes[before:]] == ["doubt0", "vm0", "vm1"]
