"""The journal: what is in it when, what is never in it, whose it is, and how a run is taken up from it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles import turns

from azvm_async import AzureVMClient, Fleet, InvalidRequest, OutcomeUnknown, State, TransportError, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.emulator.mishaps import Mishaps
from azvm_async.fleet.journal import opened as opened_journal
from azvm_async.wire import Request
from fleet.support import Wire, bytes_of, crowd, done, mode_of, opened, put, run_of, states, text_of


def lines(journal: Path) -> list[dict[str, Any]]:
    """Return what is written."""
    return [json.loads(line) for line in text_of(journal).splitlines()]


def about(line: dict[str, Any], name: str) -> bool:
    """Tell whether a line is of a VM."""
    return any(each.endswith(f"/{name}") for each in [line.get("vm", ""), *line.get("vms", [])])


def cut(journal: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Leave some lines out, as if the run had been killed before they were written."""
    left = [line for line in lines(journal) if "azvm_journal" in line or keep(line)]
    put(journal, "".join(f"{json.dumps(line)}\n" for line in left))


# What is in it.


@pytest.mark.parametrize(("verb", "given"), [("start", []), ("run_command", ["true"]), ("reboot", []), ("delete", [])])
async def test_intent_is_written_before_the_first_byte(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path, verb: str, given: list[str]
):
    names = crowd(arm, 3, power="deallocated" if verb == "start" else "running")
    checked = []

    def look(request: Request) -> None:
        if request in wire.writes and "/runCommands/" in request.url and request.method == "DELETE":
            return
        for name in names:
            if request in wire.writes and f"/virtualMachines/{name}" in request.url:
                (line,) = [line for line in lines(journal) if about(line, name)]
                checked.append((line["intent"], line.get("command", "") in request.url))

    wire.before = look
    await run_of(client, names, verb, *given, journal=journal)
    assert checked == [(True, True)] * 3


async def test_intent_in_bulk_is_written_before_the_first_byte(client: AzureVMClient, arm, wire: Wire, journal: Path):
    names, seen = crowd(arm, 3), []
    wire.before = lambda request: seen.append(lines(journal)[1:]) if "ExecuteStart" in request.url else None
    await run_of(client, names, engine="bulk", journal=journal)
    assert [[len(line["vms"]) for line in each] for each in seen] == [[3]]


async def test_token_is_written_when_azure_has_accepted(client: AzureVMClient, arm: Emulator, wire: Wire, journal):
    arm.add_vm("vm1")
    seen = []
    wire.before = lambda request: seen.append([*lines(journal)[-1]]) if "/operations/" in request.url else None
    await run_of(client, ["vm1"], journal=journal)
    assert seen[0] == ["vms", "token", "at"]


async def test_end_is_written_when_it_is_known(client: AzureVMClient, arm: Emulator, journal: Path):
    names = [*crowd(arm, 2), "absent"]
    async with Fleet(client, names) as fleet:
        async for outcome in fleet.start(journal=journal):
            assert [line["end"] for line in lines(journal) if "end" in line and about(line, outcome.name)]
    ends = {line["vm"].rpartition("/")[2]: line["end"] for line in lines(journal) if "end" in line}
    assert ends == {"vm0": "Succeeded", "vm1": "Succeeded", "absent": "Failed"}


async def test_only_its_owner_may_read_it(client: AzureVMClient, arm: Emulator, journal: Path):
    await run_of(client, crowd(arm, 1), journal=journal)
    assert mode_of(journal) == 0o600


async def test_no_script_no_parameter_and_no_template_is_in_it(client: AzureVMClient, arm: Emulator, tmp_path: Path):
    crowd(arm, 1, power="running")
    first, second = tmp_path / "first", tmp_path / "second"
    await run_of(
        client, ["vm0"], "run_command", ": scripttext", {"P": "plainvalue"}, {"Q": "hiddenvalue"}, journal=first
    )
    rules = {"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2023-11-01", "name": "templatetext"}
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"plain": {"type": "string"}},
        "resources": [{**rules, "location": "westeurope", "properties": {}}],
    }
    await run_of(client, ["new"], "provision", template, {"plain": "plainvalue"}, journal=second)
    assert lines(first)[-1]["end"] == lines(second)[-1]["end"] == "Succeeded"
    written = text_of(first) + text_of(second)
    for secret in ("scripttext", "plainvalue", "hiddenvalue", "templatetext"):
        assert secret not in written


async def test_what_azure_put_off_is_withdrawn_by_the_stop(client: AzureVMClient, arm: Emulator, journal, clock):
    arm.add_vm("vm1")
    arm.inject(faults.Status(429, retry_after=60), path="*/start")
    async with Fleet(client, ["vm1"]) as fleet:
        run = fleet.start(journal=journal)
        await clock.sleep(5)
        run.stop()
    assert [*lines(journal)[-1]] == ["vms", "withdrawn"]


# Whose it is.


@pytest.mark.parametrize(
    ("verb", "given"),
    [("stop", {}), ("stop", {"force": True}), ("run_command", {"script": "true"}), ("run_command", {"script": "a"})],
)
async def test_journal_of_another_run_is_refused_unsent(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path, verb: str, given: dict[str, Any]
):
    names = crowd(arm, 1, power="running")
    earlier = {
        "stop": ("stop", {"force": not given.get("force", False)}),
        "run_command": ("run_command", {"script": "b"}),
    }
    first, more = earlier[verb]
    await run_of(client, names, first, journal=journal, **more)
    before, written = len(wire.sent), bytes_of(journal)
    async with Fleet(client, names) as fleet:
        with pytest.raises(InvalidRequest, match="other arguments"):
            getattr(fleet, verb)(journal=journal, **given)
        with pytest.raises(InvalidRequest, match="another run, of a"):
            fleet.reboot(journal=journal)
    assert (len(wire.sent), bytes_of(journal)) == (before, written)


async def test_journal_of_another_endpoint_is_refused(client: AzureVMClient, arm: Emulator, journal: Path):
    await run_of(client, crowd(arm, 1), journal=journal)
    put(journal, text_of(journal).replace(f'"endpoint":"{arm.endpoint}"', '"endpoint":"https://a"', 1))
    with pytest.raises(InvalidRequest, match="for https://a"):
        await run_of(client, ["vm0"], journal=journal)


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"my notes\nand more\n",
        b"my notes\nand more",
        b"{}\n",
        b"[]\n",
        b"\xff\xfe\n",
        b'{"azvm_journal": 9}\n',
    ],
)
async def test_file_that_is_no_journal_is_refused_and_left_as_it_is(client: AzureVMClient, journal: Path, content):
    put(journal, content)
    with pytest.raises(InvalidRequest, match="no journal"):
        await run_of(client, ["vm1"], journal=journal)
    assert bytes_of(journal) == content


@pytest.mark.parametrize("damage", ["nonsense", "{}", '{"vm": "x"}', '{"vm": "x", "end": "Odd"}', '{"vms": 5}', "5"])
async def test_damaged_journal_is_refused_unsent(client: AzureVMClient, arm: Emulator, wire: Wire, journal, damage):
    await run_of(client, crowd(arm, 1), journal=journal)
    head, *rest = text_of(journal).splitlines()
    put(journal, "\n".join([head, damage, *rest, ""]))
    before = len(wire.sent)
    with pytest.raises(InvalidRequest, match="damaged"):
        await run_of(client, ["vm0"], journal=journal)
    assert len(wire.sent) == before


async def test_directory_and_missing_folder_are_refused(client: AzureVMClient, tmp_path: Path):
    for wrong in (tmp_path, tmp_path / "none" / "journal"):
        with pytest.raises(InvalidRequest, match="can't be opened"):
            await run_of(client, ["vm1"], journal=wrong)


async def test_what_is_no_regular_file_is_refused(client: AzureVMClient, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="no regular file"):
        await run_of(client, ["vm1"], journal=tmp_path / "pipe")


async def test_journal_in_use_is_refused(client: AzureVMClient, arm: Emulator, journal: Path):
    async with Fleet(client, crowd(arm, 1), journal=journal) as fleet:
        run = fleet.start()
        with pytest.raises(InvalidRequest, match="in use"):
            fleet.start()
        await run
        assert (await fleet.start()).totals == {"Succeeded": 1}
    assert done(arm, "start") == {"vm0": 1}


@pytest.mark.parametrize("torn", [0, 1, 40, -1])
async def test_torn_last_line_is_left_out(client: AzureVMClient, arm: Emulator, journal: Path, torn: int):
    await run_of(client, crowd(arm, 2), journal=journal)
    *before, last = bytes_of(journal).splitlines(keepends=True)
    put(journal, b"".join(before) + last[:torn])
    run = await run_of(client, ["vm0", "vm1"], journal=journal)
    assert (run.report.totals, done(arm, "start")) == ({"Succeeded": 2}, {"vm0": 1, "vm1": 1})
    assert len(lines(journal)) >= len(before) + 1


async def test_torn_first_line_is_begun_anew(client: AzureVMClient, journal: Path):
    await run_of(client, [], journal=journal)
    whole = bytes_of(journal)
    put(journal, whole[:20])
    await run_of(client, [], journal=journal)
    assert bytes_of(journal) == whole


async def test_journal_that_cannot_be_written_any_more_lets_nothing_be_sent(
    client: AzureVMClient, arm: Emulator, journal: Path, monkeypatch: pytest.MonkeyPatch
):
    """And what goes on is not lost: it is in the report."""
    names = crowd(arm, 3)
    whole = os.write
    async with Fleet(client, names) as fleet:
        run = fleet.start(journal=journal, max_concurrency=2)

        def full(descriptor: int, data: bytes) -> int:
            return whole(descriptor, data[:10]) if b"azvm" in data or b"end" in data or b"intent" in data else 0

        while not all(outcome.accepted for outcome in run.report.outcomes[:2]):
            await turns(1)
        with monkeypatch.context() as patched:
            patched.setattr("azvm_async.fleet.journal.os.write", full)
            report = await run
    assert states(report) == {"vm0": "Succeeded", "vm1": "Succeeded", "vm2": "Failed"}
    assert "journal can't be written" in str(report["vm2"].error)
    assert done(arm, "start") == {"vm0": 1, "vm1": 1}
    assert any("not complete" in note for note in report.notes)
    assert [*lines(journal)[-1]] == ["vms", "token", "at"]


# Taking up.


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
    put(journal, text_of(journal) + json.dumps({"vms": [Fleet(client, ["vm2"]).vms[0]], "intent": True}) + "\n")
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
    assert [*lines(journal)[-1]] == ["vms", "intent", "at", "command"]
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


async def test_script_that_was_not_sent_is_sent_once_under_its_name(
    client: AzureVMClient, arm: Emulator, journal: Path, wire: Wire
):
    crowd(arm, 1, power="running")
    arm.inject(faults.ResetBefore(), method="PUT")
    arm.inject(faults.Status(503), method="GET", path="*/runCommands/*", times=99)
    first = (await run_of(client, ["vm0"], "run_command", "echo ran", journal=journal)).report
    assert (states(first), done(arm, "run").total()) == ({"vm0": "Unknown"}, 0)
    arm._door.mishaps = Mishaps()
    cut(journal, lambda line: "intent" in line)
    command = lines(journal)[-1]["command"]
    second = (await run_of(client, ["vm0"], "run_command", "echo ran", journal=journal)).report
    assert (states(second), done(arm, "run")) == ({"vm0": "Succeeded"}, {"vm0": 1})
    assert {each.url.partition("/runCommands/")[2].partition("?")[0] for each in wire.writes} == {command}


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


def test_journal_that_was_closed_writes_to_no_other_file(journal: Path, tmp_path: Path):
    book = opened_journal(journal, "start", "https://a", {})
    book.close()
    with (tmp_path / "other").open("w+b") as other, pytest.raises(OSError, match="descriptor"):
        book.withdrawn([str(other.fileno())])
    assert (tmp_path / "other").read_bytes() == b""
