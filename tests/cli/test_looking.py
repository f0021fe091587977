"""Lists and states."""

import pytest

from cli.support import Stage, documents


def test_a_list_has_a_line_for_each_vm(stage: Stage):
    stage.has("web-1", power="running", tags={"env": "test"})
    lines = stage.run("list").stdout.splitlines()
    assert lines[0].split() == ["name", "state", "size", "location", "resource_group", "tags"]
    assert lines[1].split() == ["web-1", "running", "Standard_B2s", "westeurope", "emulated-rg", "env=test"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["web-1", "web-2", "db-1"]),
        (["web-*"], ["web-1", "web-2"]),
        (["web-1", "db-*"], ["web-1", "db-1"]),
        (["--tag", "env=test"], ["web-2"]),
        (["--tag", "env"], ["web-2", "db-1"]),
        (["--state", "running"], ["db-1"]),
        (["x-*"], []),
    ],
)
def test_a_list_is_narrowed(stage: Stage, arguments: list[str], names: list[str]):
    stage.has("web-1")
    stage.has("web-2", tags={"env": "test"})
    stage.has("db-1", tags={"env": "prod"}, power="running")
    ended = stage.run("list", *arguments, "-o", "json")
    assert ended.exit_code == 0
    assert [vm["name"] for vm in documents(ended.stdout)] == names


@pytest.mark.parametrize("group", ["*", None])
def test_without_a_group_all_of_the_subscription_are_listed(stage: Stage, group: str | None):
    stage.has("web-1")
    stage.has("far-1", resource_group="other-rg")
    stage.environ["AZURE_RESOURCE_GROUP"] = group
    assert {vm["resource_group"] for vm in documents(stage.run("list", "-o", "json").stdout)} == {
        "emulated-rg",
        "other-rg",
    }


def test_a_status_tells_both_states(stage: Stage):
    stage.has("web-1", power="running")
    assert stage.run("status", "web-1").stdout.splitlines()[1].split()[:3] == ["web-1", "running", "succeeded"]


def test_a_status_is_told_of_the_others_where_one_is_not_there(stage: Stage):
    stage.has("web-1", "web-2")
    ended = stage.run("status", "web-{1..2}", "nope", "-o", "tsv")
    assert [line.split("\t")[0] for line in ended.stdout.splitlines()] == ["web-1", "web-2"]
    assert ended.stderr.startswith("nope: ")
    assert ended.exit_code == 1


def test_a_state_that_there_is_not_is_refused(stage: Stage):
    assert stage.run("list", "--state", "sleeping").exit_code == 2
