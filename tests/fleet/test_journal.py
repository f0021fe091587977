"""The journal: what is in it when, what is never in it, and whose it is."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from doubles import turns

from azvm_async import AzureVMClient, Fleet, InvalidRequest
from azvm_async.emulator import Emulator, faults
from azvm_async.fleet.journal import opened as opened_journal
from azvm_async.wire import Request
from fleet.journals import about, lines
from fleet.support import Wire, allow, bytes_of, crowd, done, mode_of, put, run_of, states, text_of

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
                intent = json.loads(line["intent"])
                checked.append((intent["kind"], intent["verb"], (intent["url"] or "").partition("?")[0] in request.url))

    wire.before = look
    await run_of(client, names, verb, *given, journal=journal)
    assert checked == [("intent", verb, True)] * 3


async def test_without_a_journal_no_token_is_made(client: AzureVMClient, arm: Emulator, monkeypatch):
    """It would cost each VM, and nobody wants it."""
    made = []
    monkeypatch.setattr("azvm_async.protocol.tokens.dump", made.append)
    assert (await run_of(client, crowd(arm, 3))).report.totals == {"Succeeded": 3}
    assert made == []


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


async def test_result_of_a_script_is_written_before_its_run_command_is_deleted(
    client: AzureVMClient, arm: Emulator, wire: Wire, journal: Path
):
    seen = []
    wire.before = lambda request: seen.append(lines(journal)[-1]) if request.method == "DELETE" else None
    await run_of(client, crowd(arm, 1, power="running"), "run_command", "echo ran", journal=journal)
    assert [(line["end"], line["result"]["stdout"]) for line in seen] == [("Succeeded", "ran\n")]


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


async def test_file_that_was_there_is_its_owners_only_from_then_on(client: AzureVMClient, journal: Path):
    put(journal, b"")
    allow(journal, 0o666)
    await run_of(client, [], journal=journal)
    assert mode_of(journal) == 0o600


def test_link_is_refused_and_not_followed(journal: Path, tmp_path: Path):
    journal.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidRequest, match="symbolic link"):
        opened_journal(journal, "start", "https://a", {})
    assert [each.name for each in tmp_path.iterdir()] == [journal.name]


async def test_another_users_file_is_refused_and_left_as_it_is(
    client: AzureVMClient, journal: Path, monkeypatch: pytest.MonkeyPatch
):
    put(journal, b"")
    allow(journal, 0o644)
    monkeypatch.setattr("azvm_async.fleet.journal.os.geteuid", lambda: 4711)
    with pytest.raises(InvalidRequest, match="another user's"):
        await run_of(client, [], journal=journal)
    assert (bytes_of(journal), mode_of(journal)) == (b"", 0o644)


def test_what_is_read_is_what_was_locked(journal: Path, monkeypatch: pytest.MonkeyPatch):
    """Not what somebody has laid in its place meanwhile."""
    opened_journal(journal, "start", "https://a", {}).close()

    def swapped(*_: object) -> None:
        journal.unlink()
        put(journal, b"hello")

    monkeypatch.setattr("azvm_async.fleet.journal._lock", swapped)
    opened_journal(journal, "start", "https://a", {}).close()
    assert bytes_of(journal) == b"hello"


@pytest.mark.parametrize("fails", [True, False], ids=["fails", "short"])
def test_journal_that_cannot_be_begun_is_refused_and_stays_empty(
    journal: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
):
    whole = os.write

    def full(descriptor: int, data: bytes) -> int:
        if fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(descriptor, data[:10])

    monkeypatch.setattr("azvm_async.fleet.journal.os.write", full)
    with pytest.raises(InvalidRequest, match="can't be begun: No space left"):
        opened_journal(journal, "start", "https://a", {})
    assert bytes_of(journal) == b""


FORKED = """\
import os, sys
from azvm_async.fleet.journal import opened
first = opened(sys.argv[1], "start", "https://a", {})
goes_on, lives = os.pipe()
is_there, tell = os.pipe()
if not os.fork():
    os.close(lives)
    os.write(tell, b"1")
    os.read(goes_on, 1)  # until its parent has ended
    os._exit(0)
os.read(is_there, 1)
first.close()
opened(sys.argv[1], "start", "https://a", {}).close()
"""


def test_forked_child_does_not_keep_the_journal(journal: Path):
    command = [sys.executable, "-c", FORKED, str(journal)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stderr) == (0, "")


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


def test_journal_that_was_closed_writes_to_no_other_file(journal: Path, tmp_path: Path):
    book = opened_journal(journal, "start", "https://a", {})
    book.close()
    with (tmp_path / "other").open("w+b") as other, pytest.raises(OSError, match="descriptor"):
        book.withdrawn([str(other.fileno())])
    assert (tmp_path / "other").read_bytes() == b""
