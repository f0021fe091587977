"""What goes wrong with mlos_bench's own class on the wire, and does not here. More of it: test_scripts, test_provisioning."""

import itertools
import logging
from pathlib import Path

import pytest
from client.scripted import ACCEPTED, RUNNING, STATUS_URL, SUCCEEDED

from azvm_async.emulator import Emulator, faults
from azvm_async.facade import Status
from azvm_async.wire import Response
from facade.conftest import Make
from facade.support import SCRIPT, VM, ScriptedFacade, TimedFacade, Token

LOCATION = Response(202, {"location": STATUS_URL + "&monitor=true"})


class FailingOnce(Token):
    """A credential that fails at first."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = itertools.count()

    def get_token(self, *scopes: str, **options: object):  # noqa: ARG002
        if next(self.tries) == 0:
            raise ValueError("the sign-in has hiccups")
        return super().get_token(*scopes)


def started(facade: TimedFacade, arm: Emulator) -> None:
    """Start a VM; that must come out right."""
    facade.wait_host_operation(facade.deallocate_host(VM)[1])
    status, begun = facade.start_host(VM)
    assert status is Status.PENDING
    assert facade.wait_host_operation(begun)[0] is Status.SUCCEEDED
    assert arm.vm("vm1").power_state == "running"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_post_is_sent_again(facade: TimedFacade, arm: Emulator, status: int):
    arm.inject(faults.Status(status), method="POST", path="*/start", times=3)
    started(facade, arm)


def test_put_of_a_script_is_sent_again_after_throttling(facade: TimedFacade, arm: Emulator):
    arm.inject(faults.Status(429, retry_after=1), method="PUT", times=2)
    assert facade.remote_exec(["true"], SCRIPT, {})[0] is Status.PENDING


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("status", [500, 503])
def test_script_whose_answer_is_lost_runs_once(
    facade: TimedFacade, arm: Emulator, tmp_path: Path, status: int, applied
):
    arm.inject(faults.Status(status, applied=applied), method="PUT")
    _, begun = facade.remote_exec([f"echo ran >> {tmp_path}/log", "echo done"], SCRIPT, {})
    assert facade.get_remote_exec_results(begun)[1]["stdout"] == "done\n"
    assert (tmp_path / "log").read_text() == "ran\n"


def test_operation_in_the_way_is_waited_for(facade: TimedFacade, arm: Emulator):
    arm.inject(faults.Conflict(), method="POST", path="*/start", times=10)
    started(facade, arm)


def test_operation_in_the_way_is_waited_for_within_poll_timeout(make: Make, arm: Emulator):
    arm.inject(faults.Conflict(), method="POST", path="*/start", times=1000)
    assert make(pollTimeout=60).start_host(VM)[0] is Status.FAILED


def test_refusal_that_will_not_pass_is_told_at_once(facade: TimedFacade, arm: Emulator):
    arm.inject(faults.QuotaExceeded(), method="POST", path="*/start")
    assert facade.start_host(VM)[0] is Status.FAILED


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_poll_that_brings_no_state_is_repeated(facade: TimedFacade, arm: Emulator, status: int):
    arm.inject(faults.Status(status), method="GET", path="*/operations/*", times=3)
    started(facade, arm)


def test_bare_429_on_a_poll_is_waited_out(facade: TimedFacade, arm: Emulator):
    arm.inject(faults.Status(429), method="GET", path="*/operations/*", times=5)
    started(facade, arm)


@pytest.mark.parametrize("word", ["Updating", "Reticulating", "running"])
def test_unknown_word_for_the_state_goes_on(facade: TimedFacade, arm: Emulator, word: str):
    arm.inject(faults.UnknownState(word), times=2)
    started(facade, arm)


def test_operation_not_known_everywhere_yet_goes_on(facade: TimedFacade, arm: Emulator):
    arm.inject(faults.NotYetFound(), times=2)
    started(facade, arm)


def test_operation_tracked_by_location_is_followed():
    with ScriptedFacade([LOCATION, Response(202), Response(202), Response(200)]) as facade:
        assert facade.wait_host_operation(facade.start_host(VM)[1])[0] is Status.SUCCEEDED


def test_location_alone_is_enough_to_follow():
    with ScriptedFacade([LOCATION, Response(202), Response(200)]) as facade:
        url = facade.start_host(VM)[1]["asyncResultsUrl"]
        assert facade.wait_host_operation({"asyncResultsUrl": url})[0] is Status.SUCCEEDED


def test_retry_after_of_later_polls_is_kept_to(make: Make, arm: Emulator, clock):
    arm.inject(faults.Status(503, retry_after=100), method="GET", path="*/operations/*")
    facade = make()
    before = clock.monotonic()
    facade.wait_host_operation(facade.deallocate_host(VM)[1])
    assert clock.monotonic() - before >= 100


def test_first_poll_does_not_wait_for_a_whole_interval():
    with ScriptedFacade([ACCEPTED, SUCCEEDED], pollInterval=1000, pollTimeout=5) as facade:
        assert facade.wait_host_operation(facade.start_host(VM)[1])[0] is Status.SUCCEEDED


def test_token_error_while_waiting_is_an_answer():
    with ScriptedFacade([RUNNING], FailingOnce()) as facade:
        status, answer = facade.wait_host_operation({"asyncResultsUrl": STATUS_URL})
    assert (status, answer["error"]["type"]) == (Status.FAILED, "AuthenticationError")


def test_one_session_carries_all_polls(facade: TimedFacade, arm: Emulator, monkeypatch: pytest.MonkeyPatch):
    opened = []
    from azvm_async import transport  # noqa: PLC0415 - what is counted

    original = transport.aiohttp.ClientSession
    monkeypatch.setattr(transport.aiohttp, "ClientSession", lambda **more: opened.append(1) or original(**more))
    started(facade, arm)
    assert opened == [1]


def test_secrets_are_not_logged(facade: TimedFacade, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        _, begun = facade.remote_exec(["echo hush-hush-script"], SCRIPT, {"SECRET": "hush-hush"})
        facade.get_remote_exec_results(begun)
    assert "hush-hush" not in caplog.text


def test_one_shot_iterator_is_sent_whole_whatever_is_logged(facade: TimedFacade, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        _, begun = facade.remote_exec(iter(["echo one", "echo two"]), SCRIPT, {})
    assert facade.get_remote_exec_results(begun)[1]["stdout"] == "one\ntwo\n"


def test_script_with_a_bash_line_is_run(facade: TimedFacade):
    _, begun = facade.remote_exec(["#!/bin/bash", "echo ran", "exit 4"], SCRIPT, {})
    status, results = facade.get_remote_exec_results(begun)
    assert (status, results["stdout"], results["exitCode"]) == (Status.FAILED, "ran\n", 4)
