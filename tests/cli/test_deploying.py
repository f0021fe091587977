"""Deployments and their removal."""

from pathlib import Path

import pytest

from azvm_async.cli.demo import TEMPLATE
from cli.support import Stage, documents


def provisioned(stage: Stage, *arguments: str) -> str:
    ended = stage.run("provision", "web-1", "--template", str(TEMPLATE), *arguments)
    assert ended.exit_code == 0
    return ended.stderr


def test_resources_are_shown_as_they_come(stage: Stage):
    said = provisioned(stage).splitlines()
    known = [line for line in said if line.startswith("web-1: ")]
    assert known.index("web-1: virtualNetworks web-1-network: Succeeded") < known.index(
        "web-1: virtualMachines web-1: Running"
    )
    assert known[-1] == "web-1: virtualMachines web-1: Succeeded"


def test_no_change_is_told_twice(stage: Stage):
    said = [line for line in provisioned(stage).splitlines() if line.startswith("web-1: ")]
    assert len(said) == len(set(said))


def test_many_vms_tell_no_resources(stage: Stage):
    ended = stage.run("provision", "web-{1..6}", "-t", str(TEMPLATE))
    assert ended.exit_code == 0
    assert "virtualNetworks" not in ended.stderr


def test_parameters_come_from_the_command_line(stage: Stage):
    provisioned(stage, "-p", "location=northeurope")
    assert stage.arm.vm("web-1").location == "northeurope"


def test_a_parameter_of_a_value_that_cant_be_is_told_without_it(stage: Stage):
    ended = stage.run("provision", "web-1", "-t", str(TEMPLATE), "-p", "nosuch=hunter2")
    assert ended.exit_code in {1, 2}
    assert "hunter2" not in ended.stdout + ended.stderr


def test_a_failure_tells_its_innermost_cause(stage: Stage):
    stage.settings.append(
        lambda arm: arm.fail("Microsoft.Compute/virtualMachines/web-1", "AllocationFailed", "No room.")
    )
    ended = stage.run("provision", "web-1", "-t", str(TEMPLATE))
    assert ended.exit_code == 1
    assert "AllocationFailed: No room" in ended.stderr
    assert "azvm deprovision" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["web-*", "-t", str(TEMPLATE)], "pattern"),
        (["web-1"], "--template"),
        (["web-1", "-t", "nope.json"], "nope.json"),
        (["web-1", "-t", str(TEMPLATE), "-p", "x"], "NAME=VALUE"),
        (["web-1", "-t", str(TEMPLATE), "--parameters", str(TEMPLATE), "-p", "a=b"], "not both"),
    ],
)
def test_what_cant_be_is_said_with_code_2(stage: Stage, arguments: list[str], said: str):
    ended = stage.run("provision", *arguments)
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_a_spoilt_template_is_told_with_its_line(stage: Stage, tmp_path: Path):
    (tmp_path / "bad.json").write_text("{\n oops", encoding="utf-8")
    ended = stage.run("provision", "web-1", "-t", "bad.json")
    assert ended.exit_code == 2
    assert "line 2" in ended.stderr


def test_a_removal_without_anything_to_remove_is_well(stage: Stage):
    assert stage.run("deprovision", "web-1", "--yes").exit_code == 0


def test_a_vm_that_was_not_deployed_is_not_removed(stage: Stage):
    stage.has("web-1")
    ended = stage.run("deprovision", "web-1", "--yes")
    assert ended.exit_code == 1
    assert "--assume-owned" in ended.stderr
    assert stage.arm.vm("web-1")


def test_a_plan_deletes_nothing(stage: Stage):
    ended = stage.run("deprovision", "web-1", "--plan", "-o", "json")
    assert (ended.exit_code, documents(ended.stdout)) == (0, [])
    assert [each for each in stage.arm.requests if each.method == "DELETE"] == []
