"""Which VMs a command line means."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async import Query
from azvm_async.cli.names import MOST, Wanted, exactly, expanded, wanted


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("web-1", ["web-1"]),
        ("web-{1..3}", ["web-1", "web-2", "web-3"]),
        ("web-{3..1}", ["web-3", "web-2", "web-1"]),
        ("web-{08..10}", ["web-08", "web-09", "web-10"]),
        ("{a,b}-{1..2}", ["a-1", "a-2", "b-1", "b-2"]),
        ("web-{a,b{1..2}}", ["web-a", "web-b1", "web-a", "web-b2"]),
        ("web{,-old}", ["web", "web-old"]),
    ],
)
def test_braces_stand_for_what_a_shell_makes_of_them(text: str, names: list[str]):
    assert expanded(text) == names


@pytest.mark.parametrize("text", ["web-{1}", "web-{}", "web-{1..}", "web-{", "web-}", "web-{a..c}", "}{"])
def test_braces_that_say_nothing_are_refused(text: str):
    with pytest.raises(click.UsageError):
        expanded(text)


@pytest.mark.parametrize("text", ["{1..999999999}", "{1..400}{1..400}", "x{0..100000}"])
def test_too_many_names_are_refused_at_once(text: str):
    with pytest.raises(click.UsageError, match=f"more than {MOST:,} names"):
        expanded(text)


@given(st.text(alphabet="ab{},.19-", max_size=12))
def test_any_text_is_expanded_or_refused(text: str):
    try:
        names = expanded(text)
    except click.UsageError:
        return
    assert not any("{" in name or "}" in name for name in names)


def test_names_and_patterns_go_together():
    found = wanted(["web-{1..2}", "db-*"], [], everything=False)
    assert found == Wanted(("web-1", "web-2"), (Query("db-*", {}),))


def test_a_name_given_twice_is_one():
    assert wanted(["web-{1..2}", "web-1"], [], everything=False).exact == ("web-1", "web-2")


def test_tags_narrow_each_pattern():
    found = wanted(["web-*"], ["env=test", "owner"], everything=False)
    assert found.queries == (Query("web-*", {"env": "test", "owner": None}),)


@pytest.mark.parametrize(("tags", "everything"), [(["env=test"], False), ([], True), (["env=test"], True)])
def test_tags_or_all_need_no_name(tags: list[str], everything: bool):
    (query,) = wanted([], tags, everything=everything).queries
    assert query.name is None


@pytest.mark.parametrize(
    ("names", "tags", "everything", "group"),
    [
        ([], [], False, None),
        (["web-1"], [], True, None),
        (["web-1"], ["env=test"], False, None),
        (["web-1"], [], False, "*"),
    ],
)
def test_what_names_nobody_or_contradicts_itself_is_refused(
    names: list[str], tags: list[str], everything: bool, group: str | None
):
    with pytest.raises(click.UsageError):
        wanted(names, tags, everything=everything, group=group)


def test_an_arm_id_goes_with_all_groups():
    vm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web-1"
    assert wanted([vm], [], everything=False, group="*").exact == (vm,)


def test_what_is_still_to_be_has_no_pattern():
    with pytest.raises(click.UsageError, match="pattern"):
        exactly(["web-*"])
