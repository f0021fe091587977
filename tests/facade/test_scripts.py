"""Scripts on VMs: sent as they are, told as they ended, and deleted when their result was read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from azvm_async.emulator import Emulator
from azvm_async.facade import Status, actions
from facade.conftest import Make
from facade.support import SCRIPT, VM, ScriptedFacade, TimedFacade

LINES = [
    "#!/bin/bash",
    "# a comment",
    "cat <<END",
    "here; & $x",
    "END",
    "for i in 1 2; do",
    "  echo $i &",
    "  wait",
    "done",
]


def ran(facade: TimedFacade, *lines: str, **env: Any) -> tuple[Status, dict[str, Any]]:
    """Run a script and return its results."""
    status, begun = facade.remote_exec(lines, SCRIPT, env)
    assert status is Status.PENDING
    return facade.get_remote_exec_results(begun)


def kept(arm: Emulator) -> list[str]:
    """Return the names of the run commands that the VM has, but for those being deleted."""
    machine = arm.vm("vm1")
    return [each.name for each in machine.run_commands.values() if each.provisioning_state != "Deleting"]


def test_script_is_sent_line_by_line_as_it_is(facade: TimedFacade):
    status, results = ran(facade, *LINES, x="env")
    assert (status, results["stdout"]) == (Status.SUCCEEDED, "here; & env\n1\n2\n")


@pytest.mark.parametrize("script", ["echo a\necho b", iter(["echo a", "echo b"]), ("echo a\n", "echo b\n")])
def test_script_is_any_iterable_of_lines_or_a_text(facade: TimedFacade, script: Iterator[str] | str):
    _, begun = facade.remote_exec(script, SCRIPT, {})
    assert facade.get_remote_exec_results(begun)[1]["stdout"] == "a\nb\n"


def test_results_are_text_a_code_and_times_with_a_zone(facade: TimedFacade):
    _, results = ran(facade, "echo out", "echo err >&2")
    assert (results["stdout"], results["stderr"], results["exitCode"]) == ("out\n", "err\n", 0)
    assert results["startTimestamp"].tzinfo is not None
    assert results["startTimestamp"] <= results["endTimestamp"]


def test_failed_script_keeps_its_output(facade: TimedFacade):
    status, results = ran(facade, "echo before", "echo why >&2", "exit 7")
    assert (status, results["stdout"], results["stderr"], results["exitCode"]) == (
        Status.FAILED,
        "before\n",
        "why\n",
        7,
    )


@pytest.mark.parametrize("script", [[1], ["true", None], b"true", None, 7])
def test_script_that_is_no_text_is_a_value_error(script: Any):
    with ScriptedFacade([]) as facade, pytest.raises(ValueError, match="lines of text"):
        facade.remote_exec(script, SCRIPT, {})


def test_environment_of_the_script_is_text(facade: TimedFacade):
    assert ran(facade, "echo $A $B $C", A=1, B=2.5, C=True)[1]["stdout"] == "1 2.5 True\n"


def test_environment_of_the_script_is_protected(facade: TimedFacade):
    facade.remote_exec(["true"], SCRIPT, {"SECRET": "hush"})
    assert "parameters" not in facade.puts[0]
    assert facade.puts[0]["protectedParameters"] == [{"name": "SECRET", "value": "hush"}]


def test_time_out_of_the_script_is_that_of_the_wait(make: Make):
    facade = make(pollTimeout="77.5")
    facade.remote_exec(["true"], SCRIPT, {})
    assert facade.puts[0]["timeoutInSeconds"] == 78


def test_environment_of_the_script_is_not_in_the_dict(facade: TimedFacade):
    assert "hush" not in json.dumps(facade.remote_exec(["true"], SCRIPT, {"SECRET": "hush"})[1])


def test_script_that_takes_too_long_is_timed_out(make: Make):
    status, _ = ran(make(pollTimeout=2), "sleep 60")
    assert status is Status.TIMED_OUT


def test_command_name_is_required(facade: TimedFacade):
    with pytest.raises(ValueError, match="commandName"):
        facade.remote_exec(["true"], VM, {})


def test_location_of_the_params_needs_no_reading(facade: TimedFacade, arm: Emulator):
    facade.remote_exec(["true"], {**SCRIPT, "location": "westeurope"}, {})
    assert [each.method for each in arm.requests] == ["PUT"]


def test_run_command_is_deleted_when_its_result_was_read(facade: TimedFacade, arm: Emulator):
    ran(facade, "true")
    assert kept(arm) == []


def test_run_command_is_deleted_when_only_its_url_was_known(facade: TimedFacade, make: Make, arm: Emulator):
    url = facade.remote_exec(["true"], SCRIPT, {})[1]["asyncResultsUrl"]
    assert make().get_remote_exec_results({"asyncResultsUrl": url})[0] is Status.SUCCEEDED
    assert kept(arm) == []


def test_unread_result_is_deleted_by_the_next_script_of_that_name(facade: TimedFacade, arm: Emulator):
    first = facade.remote_exec(["true"], SCRIPT, {})[1]["asyncResultsUrl"]
    second = facade.remote_exec(["true"], SCRIPT, {})[1]["asyncResultsUrl"]
    assert [name in second for name in kept(arm)] == [True]
    assert first != second


def test_deletion_of_an_unread_result_is_not_what_closing_leaves(facade: TimedFacade, caplog: pytest.LogCaptureFixture):
    facade.remote_exec(["true"], SCRIPT, {})
    facade.remote_exec(["true"], SCRIPT, {})
    facade.close()
    (left,) = [each.message for each in caplog.records if "had not ended" in each.message]
    assert "DELETE" not in left


def test_unread_result_is_left_by_scripts_of_other_names(facade: TimedFacade, arm: Emulator):
    facade.remote_exec(["true"], SCRIPT, {})
    facade.remote_exec(["true"], {**SCRIPT, "commandName": "other"}, {})
    assert len(kept(arm)) == 2


def test_twenty_six_trials_find_room(facade: TimedFacade):
    assert {ran(facade, "true")[0] for _ in range(26)} == {Status.SUCCEEDED}


def test_results_can_be_got_again(facade: TimedFacade):
    _, begun = facade.remote_exec(["echo once"], SCRIPT, {})
    assert facade.get_remote_exec_results(begun) == facade.get_remote_exec_results(begun)


def test_results_can_be_got_again_after_closing(facade: TimedFacade):
    _, begun = facade.remote_exec(["echo once"], SCRIPT, {})
    first = facade.get_remote_exec_results(begun)
    facade.close()
    assert facade.get_remote_exec_results(begun) == first


def test_only_the_last_results_are_remembered(facade: TimedFacade, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(actions, "RESULTS_KEPT", 1)
    assert [ran(facade, "true")[0] for _ in range(3)] == [Status.SUCCEEDED] * 3
    assert len(facade._scripts._read) == 1


def test_results_can_be_got_after_the_wait(facade: TimedFacade):
    _, begun = facade.remote_exec(["echo once"], SCRIPT, {})
    assert facade.wait_remote_exec_operation(begun)[0] is Status.SUCCEEDED
    assert facade.get_remote_exec_results(begun)[1]["stdout"] == "once\n"


def test_dict_of_the_wait_takes_the_results_elsewhere(facade: TimedFacade, make: Make):
    _, begun = facade.remote_exec(["echo once"], SCRIPT, {})
    _, ended = facade.wait_remote_exec_operation(begun)
    elsewhere = make().get_remote_exec_results(json.loads(json.dumps(ended)))
    assert elsewhere == facade.get_remote_exec_results(begun)


def test_wait_tells_that_the_script_failed(facade: TimedFacade):
    _, begun = facade.remote_exec(["exit 1"], SCRIPT, {})
    assert facade.wait_remote_exec_operation(begun)[0] is Status.FAILED


def test_results_can_be_got_in_another_process(facade: TimedFacade, make: Make):
    _, begun = facade.remote_exec(["echo far"], SCRIPT, {})
    assert make().get_remote_exec_results(json.loads(json.dumps(begun)))[1]["stdout"] == "far\n"


def test_what_is_no_script_has_no_results(facade: TimedFacade):
    _, begun = facade.start_host(VM)
    assert facade.get_remote_exec_results(begun)[0] is Status.FAILED


def test_empty_dict_is_pending(facade: TimedFacade):
    assert facade.get_remote_exec_results({}) == (Status.PENDING, {})


def test_script_on_a_missing_vm_is_a_failure(facade: TimedFacade):
    status, answer = facade.remote_exec(["true"], {**SCRIPT, "vmName": "nobody"}, {})
    assert (status, answer["error"]["httpStatus"]) == (Status.FAILED, 404)
