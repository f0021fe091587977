"""Starting, stopping and deleting, in this process: what is done, what is said where, and the exit code."""

import re
import sys
from pathlib import Path

import pytest

from azvm_async import Report
from cli.support import GROUP, SUBSCRIPTION, Stage, documents


def test_a_vm_is_started(stage: Stage):
    stage.has("web-1")
    ended = stage.run("start", "web-1")
    assert ended.exit_code == 0
    assert stage.arm.vm("web-1").power_state == "running"


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("start", "stopped", "running"),
        ("stop", "running", "stopped"),
        ("deallocate", "running", "deallocated"),
        ("reboot", "running", "running"),
    ],
)
def test_a_verb_does_what_it_says(stage: Stage, verb: str, before: str, after: str):
    stage.has("web-1", power=before)
    assert stage.run(verb, "web-1").exit_code == 0
    assert stage.arm.vm("web-1").power_state == after


def test_braces_and_patterns_find_vms(stage: Stage):
    stage.has("web-1", "web-2", "db-1", "db-2", "other")
    assert stage.run("start", "web-{1..2}", "db-*").exit_code == 0
    running = {
        name for name in ("web-1", "web-2", "db-1", "db-2", "other") if stage.arm.vm(name).power_state == "running"
    }
    assert running == {"web-1", "web-2", "db-1", "db-2"}


def test_a_tag_finds_vms(stage: Stage):
    stage.has("web-1", tags={"env": "test"})
    stage.has("web-2", tags={"env": "prod"})
    assert stage.run("start", "--tag", "env=test").exit_code == 0
    assert (stage.arm.vm("web-1").power_state, stage.arm.vm("web-2").power_state) == ("running", "deallocated")


def test_all_are_those_of_the_group(stage: Stage):
    stage.has("web-1")
    stage.has("far-1", resource_group="other-rg")
    assert "start of 1 VM in" in stage.run("start", "--all").stdout


def test_the_star_is_for_all_groups(stage: Stage):
    stage.has("web-1")
    stage.has("far-1", resource_group="other-rg")
    assert "start of 2 VMs" in stage.run("start", "--all", "-g", "*").stdout


def test_each_vm_has_a_line_and_all_have_one(stage: Stage):
    stage.has("web-1")
    lines = stage.run("start", "web-1").stdout.splitlines()
    assert lines[0].startswith("web-1: start Succeeded after ")
    assert lines[1].endswith(": 1 Succeeded")


def test_one_that_fails_harms_no_other(stage: Stage):
    stage.has("web-1")
    ended = stage.run("start", "web-1", "nope")
    assert ended.exit_code == 1
    assert "nope: start Failed" in ended.stdout
    assert "'azvm list' shows" in ended.stderr
    assert stage.arm.vm("web-1").power_state == "running"


def test_json_alone_is_on_stdout(stage: Stage):
    stage.has("web-1")
    ended = stage.run("start", "web-1", "--output", "json")
    assert documents(ended.stdout)["totals"] == {"Succeeded": 1}
    assert "web-1: start Succeeded" in ended.stderr


def test_tsv_has_a_line_for_each_vm(stage: Stage):
    stage.has("web-1")
    lines = stage.run("start", "web-1", "nope", "-o", "tsv").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["web-1", "Succeeded"], ["nope", "Failed"]]


def test_no_wait_prints_tokens_and_nothing_else_on_stdout(stage: Stage):
    stage.has("web-1", "web-2")
    ended = stage.run("start", "web-{1..2}", "--no-wait")
    assert ended.exit_code == 0
    assert [documents(line)["azvm"] for line in ended.stdout.splitlines()] == [1, 1]


def test_waiting_prints_no_token(stage: Stage):
    stage.has("web-1")
    ended = stage.run("start", "web-1", "-o", "json")
    assert '"token"' not in ended.stdout + ended.stderr


def test_after_the_deadline_tokens_are_in_a_file_of_the_owners(stage: Stage, tmp_path: Path):
    stage.has("web-1")
    ended = stage.run("start", "web-1", "--deadline", "2")
    (file,) = tmp_path.glob("azvm-start-*.tokens")
    assert ended.exit_code == 3
    assert f"azvm resume --file {file.name}" in ended.stderr
    assert documents(file.read_text(encoding="utf-8"))["azvm"] == 1
    if sys.platform != "win32":
        assert file.stat().st_mode & 0o777 == 0o600


def test_with_a_journal_the_same_command_goes_on(stage: Stage, tmp_path: Path):
    stage.has("web-1")
    ended = stage.run("start", "web-1", "--deadline", "2", "--journal", "start.journal")
    assert "--journal start.journal goes on" in ended.stderr
    assert list(tmp_path.glob("*.tokens")) == []


def test_the_picture_of_a_run_is_written(stage: Stage, tmp_path: Path):
    stage.has("web-1", "web-2")
    ended = stage.run("start", "web-*", "--timeline", str(tmp_path / "run.html"))
    page = (tmp_path / "run.html").read_text()
    assert (ended.exit_code, "<svg" in page, "web-1" in page, "run.html" in ended.stderr) == (0, True, True, True)


def test_a_picture_in_no_folder_is_refused_before_anything_is_begun(stage: Stage, tmp_path: Path):
    stage.has("web-1")
    ended = stage.run("start", "web-1", "--timeline", str(tmp_path / "nowhere" / "run.html"))
    assert (ended.exit_code, stage.arm) == (2, None)  # which is served when it is first asked for


def test_a_picture_that_cant_be_written_spoils_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stage.has("web-1")
    monkeypatch.setattr(Report, "write_timeline", full)
    ended = stage.run("start", "web-1", "--timeline", str(tmp_path / "run.html"))
    assert (ended.exit_code, "could not be written" in ended.stderr) == (0, True)


def test_long_runs_say_that_they_go_on(stage: Stage):
    stage.has("web-1", power="running")
    said = re.findall(r"^after (\d+)\S* s: 1 Running$", stage.run("deallocate", "web-1").stderr, re.MULTILINE)
    assert said == ["5", "15", "35"]


def test_what_is_as_it_is_to_be_is_left_alone(stage: Stage):
    stage.has("web-1", power="running")
    assert "web-1: start Skipped: it is running" in stage.run("start", "web-1", "--only-needed").stdout


def test_no_more_are_worked_on_at_once_than_allowed(stage: Stage):
    stage.has("web-1", "web-2", "web-3")
    stage.run("start", "--all", "--max-concurrency", "1")
    assert stage.arm.clock.monotonic() >= 3 * 21


@pytest.mark.parametrize("verb", ["delete", "deprovision"])
def test_what_destroys_needs_a_terminal_or_yes(stage: Stage, verb: str):
    stage.has("web-1")
    ended = stage.run(verb, "web-1")
    assert ended.exit_code == 2
    assert "--yes" in ended.stderr
    assert stage.arm is None


def test_delete_with_yes_deletes(stage: Stage):
    stage.has("web-1")
    assert stage.run("delete", "web-1", "--yes").exit_code == 0
    with pytest.raises(KeyError):
        stage.arm.vm("web-1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start"], "Which VMs?"),
        (["start", "web-1", "--wiat"], "--wait"),
        (["strat", "web-1"], "No such command 'strat'"),
        (["start", "web-{1}"], "neither a range"),
        (["start", "x-*"], "No VM named 'x-*'"),
        (["start", "--tag", "a=b"], "No VM tagged a=b"),
        (["start", "we b"], "is not the name of a virtual machine"),
        (["start", "web-1", "-s", "abc"], "is not a subscription id"),
        (["start", "web-1", "--max-concurrency", "0"], "max-concurrency"),
    ],
)
def test_what_cant_be_is_said_with_code_2(stage: Stage, arguments: list[str], said: str):
    ended = stage.run(*arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("missing", "said"), [("AZURE_SUBSCRIPTION_ID", "--subscription"), ("AZURE_RESOURCE_GROUP", "-g")]
)
def test_what_is_not_known_is_asked_for(stage: Stage, missing: str, said: str):
    stage.environ[missing] = None
    ended = stage.run("start", "web-1")
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_an_arm_id_names_a_vm_of_another_group(stage: Stage):
    stage.has("far-1", resource_group="other-rg")
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other-rg"
    assert stage.run("start", f"{group}/providers/Microsoft.Compute/virtualMachines/far-1", "-g", GROUP).exit_code == 0


def test_a_subscription_that_is_not_there_is_code_4(stage: Stage):
    ended = stage.run("start", "web-1", "-s", "00000000-0000-0000-0000-0000000000ff")
    assert ended.exit_code == 4
    assert "az account list" in ended.stderr


def broken(_: object) -> None:
    raise KeyError(1)


def test_a_fault_of_ours_is_told_without_a_traceback(stage: Stage):
    stage.settings.append(broken)
    ended = stage.run("start", "web-1")
    assert ended.exit_code == 1
    assert ended.stderr == "A fault in azvm: KeyError: 1. The same command with --debug shows where.\n"


@pytest.mark.parametrize("arguments", [["--debug", "start", "web-1"], ["start", "web-1", "--debug"]])
def test_debug_shows_the_traceback(stage: Stage, arguments: list[str]):
    stage.settings.append(broken)
    assert "Traceback" in stage.run(*arguments).stderr
