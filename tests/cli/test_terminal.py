"""In a real terminal: the live picture, the question before what destroys, and Ctrl-C."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, served

from azvm_async.emulator import Durations
from cli.support import environment, process

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal is Unix's", allow_module_level=True)

from cli.terminals import terminal


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    """Have 200 VMs that start in three seconds, and stop in an hour."""
    with served(durations=Durations(start=3.0, power_off=3600.0, delete=0.1)) as serving:
        serving.do(lambda arm: [arm.add_vm(f"web-{n}") for n in range(1, 201)])
        serving.do(lambda arm: [arm.add_vm(name, power="running") for name in ("db-1", "db-2", "old-1", "old-2")])
        yield serving


@pytest.fixture
def environ(emulator: Served, tmp_path: Path) -> dict[str, str]:
    return environment(emulator, tmp_path)


def test_200_vms_stay_readable_on_a_small_terminal(environ: dict[str, str], tmp_path: Path):
    with terminal(environ, tmp_path, "start", "web-{1..200}", "nope", lines=16, columns=60) as shown:
        text = shown.until(lambda text: "Running" in text and "nope" in text)
        assert "start of 201 VMs" in text
        assert re.search(r"… and \d+ more: ", text)
        assert text.index("nope") < text.index("Running")
        assert shown.ended() == 1
        assert "1 Failed" in shown.text
        assert shown.shows_cursor


def test_the_picture_goes_and_the_result_stays(environ: dict[str, str], tmp_path: Path):
    with terminal(environ, tmp_path, "start", "web-{1..2}") as shown:
        shown.until(lambda text: "0 throttled" in text)
        assert shown.ended() == 0
        assert "throttled" not in shown.text
        assert [line.split()[:2] for line in shown.lines if line.startswith("web-")] == [
            ["web-1", "Succeeded"],
            ["web-2", "Succeeded"],
        ]


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_plain_lines_steer_nothing(environ: dict[str, str], tmp_path: Path, plain: dict[str, str]):
    with terminal({**environ, **plain}, tmp_path, "start", "web-1") as shown:
        assert shown.ended() == 0
        assert b"\x1b" not in shown.raw
        assert shown.raw.count(b"web-1: start Succeeded") == 1


def test_ctrl_c_stops_waiting_and_tells_how_to_resume(environ: dict[str, str], tmp_path: Path):
    with terminal(environ, tmp_path, "stop", "db-1", columns=200) as shown:
        shown.until(lambda text: "Running" in text)
        shown.interrupt()
        assert shown.ended() == 130
        (file,) = tmp_path.glob("azvm-stop-*.tokens")
        assert f"azvm resume --file {file.name}" in shown.text
        assert "Traceback" not in shown.text
        assert shown.shows_cursor
    resumed = process(environ, tmp_path, "resume", "--file", file.name, "--deadline", "0")
    assert (resumed.returncode, resumed.stdout.split(":")[0]) == (3, "db-1")


def test_sigterm_is_as_ctrl_c_and_its_command_can_be_pasted(environ: dict[str, str], tmp_path: Path):
    with terminal(environ, tmp_path, "stop", "db-1") as shown:
        shown.until(lambda text: "Running" in text)
        shown.terminate()
        assert shown.ended() == 130
        (file,) = tmp_path.glob("azvm-stop-*.tokens")
        assert f"  azvm resume --file {file.name}" in [line.rstrip() for line in shown.lines]
        assert shown.shows_cursor


def test_ctrl_c_with_a_journal_needs_no_tokens(environ: dict[str, str], tmp_path: Path):
    with terminal(environ, tmp_path, "stop", "db-2", "--journal", "stop.journal", columns=200) as shown:
        shown.until(lambda text: "Running" in text)
        shown.interrupt()
        assert shown.ended() == 130
        assert "The same command again with --journal stop.journal" in shown.text
    assert list(tmp_path.glob("*.tokens")) == []


def test_ctrl_c_twice_leaves_at_once(environ: dict[str, str], tmp_path: Path):
    with terminal({**environ, "AZVM_ENDPOINT": "http://127.0.0.1:9"}, tmp_path, "stop", "db-1") as shown:
        shown.until(lambda text: "Sending" in text)
        shown.interrupt()
        shown.interrupt()
        assert shown.ended() == 130
        assert shown.shows_cursor


def test_ctrl_c_before_anything_was_begun_says_so(environ: dict[str, str], tmp_path: Path):
    lost = {**environ, "AZVM_ENDPOINT": "http://127.0.0.1:9"}
    with terminal(lost, tmp_path, "stop", "db-*") as shown:
        shown.until(lambda text: "no answer yet" in text or "sent again" in text)
        shown.interrupt()
        assert shown.ended() == 130
        assert "Stopped. Nothing was begun." in shown.text


def test_no_deletes_nothing(environ: dict[str, str], tmp_path: Path, emulator: Served):
    with terminal(environ, tmp_path, "delete", "old-*") as shown:
        shown.until(lambda text: "Delete 2 VMs in resource group emulated-rg (old-1, old-2)?" in text)
        shown.type("n\r")
        assert shown.ended() == 130
        assert "Stopped." in shown.text
    assert emulator.requests("DELETE", "old-") == []


def test_yes_deletes(environ: dict[str, str], tmp_path: Path, emulator: Served):
    with terminal(environ, tmp_path, "delete", "old-1") as shown:
        shown.until(lambda text: "Delete 1 VM " in text)
        shown.type("y\r")
        assert shown.ended() == 0
    assert len(emulator.requests("DELETE", "old-1")) == 1
