"""What goes wrong while a run is taken up: it leaves open what an earlier run began, for a later one."""

from pathlib import Path

import pytest

from azvm_async import AzureVMClient, Conflict, InvalidRequest, StatusUnreadable, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.mishaps import Mishaps
from azvm_async.wire import Request
from fleet.journals import cut, lines
from fleet.support import Wire, crowd, done, opened, put, run_of, states, text_of

SCRIPT = ("run_command", "echo ran")


async def about_to_be_sent(
    arm: Emulator, clock: VirtualClock, journal: Path, verb: str = "deallocate", *given: str
) -> None:
    """Leave a journal as of a run that was killed when Azure had accepted something."""
    async with opened(arm, clock) as client:
        await run_of(client, ["vm0"], verb, *given, journal=journal, deadline=0.5)
    cut(journal, lambda line: "intent" in line)


@pytest.mark.parametrize(
    "fault",
    [faults.Status(403), faults.Refused(), faults.Status(500)],
    ids=lambda each: type(each).__name__,
)
async def test_script_that_cannot_be_looked_for_stays_open_and_runs_once(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path, fault: faults.Fault
):
    crowd(arm, 1, power="running")
    await about_to_be_sent(arm, clock, journal, *SCRIPT)
    arm.inject(fault, method="GET", path="*/runCommands/*", times=99)
    first = (await run_of(client, ["vm0"], *SCRIPT, journal=journal)).report
    arm._door.mishaps = Mishaps()
    async with opened(arm, clock) as third:
        last = (await run_of(third, ["vm0"], *SCRIPT, journal=journal)).report
    assert (states(first), states(last), done(arm, "run")) == ({"vm0": "Unknown"}, {"vm0": "Succeeded"}, {"vm0": 1})


async def test_error_of_the_looking_is_told(client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path):
    crowd(arm, 1, power="running")
    await about_to_be_sent(arm, clock, journal, *SCRIPT)
    arm.inject(faults.Status(403), method="GET", path="*/runCommands/*")
    outcome = (await run_of(client, ["vm0"], *SCRIPT, journal=journal)).report["vm0"]
    assert (type(outcome.error), outcome.error.status, outcome.ended) == (StatusUnreadable, 403, None)


@pytest.mark.parametrize("engine", ["direct", "bulk"])
async def test_token_that_this_release_does_not_know_is_kept(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path, engine
):
    crowd(arm, 1)
    await run_of(client, ["vm0"], engine=engine, journal=journal, deadline=5)
    known = text_of(journal)
    put(journal, known.replace(r"\"version\":1", r"\"version\":91"))
    written = text_of(journal)
    async with opened(arm, clock) as later:
        outcome = (await run_of(later, ["vm0"], engine=engine, journal=journal)).report["vm0"]
        assert (outcome.state, type(outcome.error)) == ("Unknown", InvalidRequest)
        assert (outcome.token, text_of(journal)) == (lines(journal)[-1]["token"], written)
        put(journal, known)
        assert (await run_of(later, ["vm0"], engine=engine, journal=journal)).report.totals == {"Succeeded": 1}


@pytest.mark.parametrize("engine", ["direct", "bulk"])
@pytest.mark.parametrize(
    "fault", [faults.Refused(), faults.Conflict(), faults.Status(504)], ids=lambda each: type(each).__name__
)
async def test_what_is_sent_again_in_vain_stays_open(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path, engine, fault: faults.Fault
):
    """What stands in its way may be what was sent before."""
    crowd(arm, 1, power="running")
    await about_to_be_sent(arm, clock, journal)
    arm.inject(fault, method="POST", path="*eallocate", times=9)
    first = (await run_of(client, ["vm0"], "deallocate", engine=engine, journal=journal)).report
    arm._door.mishaps = Mishaps()
    async with opened(arm, clock) as third:
        last = (await run_of(third, ["vm0"], "deallocate", engine=engine, journal=journal)).report
    assert (states(first), states(last)) == ({"vm0": "Unknown"}, {"vm0": "Succeeded"})


async def test_refusal_of_one_of_many_that_are_sent_again_leaves_it_open(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, wire: Wire, journal: Path
):
    names = crowd(arm, 2, power="running")
    await about_to_be_sent(arm, clock, journal)

    def refuse(request: Request) -> None:
        if "ExecuteDeallocate" in request.url:
            arm.vm("vm0").location = "elsewhere"

    wire.before = refuse
    first = (await run_of(client, names, "deallocate", engine="bulk", journal=journal)).report
    assert (first["vm0"].error.code, states(first)) == (
        "InvalidResourceLocation",
        {"vm0": "Unknown", "vm1": "Succeeded"},
    )
    assert [line["vm"] for line in lines(journal) if "end" in line] == [first["vm1"].vm]


async def test_refusal_of_what_no_earlier_run_sent_is_its_end(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path
):
    crowd(arm, 2, power="running")
    await about_to_be_sent(arm, clock, journal)
    arm.inject(faults.Conflict(), path="*/vm1/deallocate")
    report = (await run_of(client, ["vm0", "vm1"], "deallocate", engine="direct", journal=journal)).report
    assert (states(report)["vm1"], type(report["vm1"].error)) == ("Failed", Conflict)


async def test_failure_of_what_was_accepted_again_is_its_end(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path
):
    crowd(arm, 1)
    await about_to_be_sent(arm, clock, journal, "start")
    arm.inject(faults.AllocationFailed(), path="*/start")
    report = (await run_of(client, ["vm0"], journal=journal)).report
    assert (states(report), lines(journal)[-1]["end"]) == ({"vm0": "Failed"}, "Failed")


async def test_what_only_the_caller_can_look_at_stops_no_run_twice(
    client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal: Path
):
    names = crowd(arm, 2, power="running")
    await about_to_be_sent(arm, clock, journal, "reboot")
    for _ in range(2):
        run = await run_of(client, names, "reboot", journal=journal, stop_after_failures=1, max_concurrency=1)
    assert states(run.report) == {"vm0": "Unknown", "vm1": "Succeeded"}
