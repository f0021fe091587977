"""Scripts as they are sent, and what is refused before it is sent."""

import math
from pathlib import PurePosixPath

import pytest

from azvm_async.errors import InvalidRequest
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.script import Script, is_ours, script_url
from protocol.support import COMMAND, COMMAND_URL, ENDPOINT, VM

SECRET = "hunter2-" + "x" * 8


def script(text="echo", parameters=None, protected=None, timeout=60, user=None):
    """Return a script that is right but for what a test says."""
    return Script(text, parameters or {}, protected or {}, timeout, user)


@pytest.mark.parametrize(
    "text",
    ["#!/usr/bin/env python3\nprint(1)\n", "cat <<'EOF'\n  a\tb\n\nEOF\n", "  echo  ", "echo 'ü' \\\n  | cat\r\n"],
)
def test_the_text_is_sent_as_it_is(text):
    assert script(text).properties()["source"] == {"script": text}


@pytest.mark.parametrize("text", ["", " ", "\n\t\n", None, 5, b"echo", ["echo"]])
def test_a_script_without_text_is_refused(text):
    with pytest.raises(InvalidRequest, match="empty"):
        script(text).properties()


@pytest.mark.parametrize("name", ["A", "_", "a_b", "PATH2", "_1"])
def test_a_variables_name_is_taken(name):
    assert script(parameters={name: "x"}).properties()["parameters"] == [{"name": name, "value": "x"}]


@pytest.mark.parametrize("name", ["", "1A", "a-b", "a b", "a=b", "ü", "a\n", "$(x)", "a;b", None, 5])
@pytest.mark.parametrize("where", ["parameters", "protected"])
def test_a_name_that_is_no_variables_is_refused(where, name):
    with pytest.raises(InvalidRequest, match="environment variable"):
        script(**{where: {name: SECRET}}).properties()


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (5, "5"), (1.5, "1.5"), (True, "True"), (PurePosixPath("/a"), "/a"), ("a\nb", "a\nb")],
)
def test_a_value_becomes_a_string(value, text):
    assert script(parameters={"A": value}).properties()["parameters"] == [{"name": "A", "value": text}]


@pytest.mark.parametrize("value", [None, [], {}, (), {1}, frozenset(), b"x", bytearray(b"x")], ids=repr)
@pytest.mark.parametrize("where", ["parameters", "protected"])
def test_a_value_without_a_plain_text_form_is_refused(where, value):
    with pytest.raises(InvalidRequest, match="A is a"):
        script(**{where: {"A": value}}).properties()


def test_a_refusal_does_not_show_the_value():
    with pytest.raises(InvalidRequest) as caught:
        script(protected={"A": [SECRET]}).properties()
    assert SECRET not in str(caught.value)


def test_protected_parameters_are_sent_apart():
    sent = script(parameters={"A": 1}, protected={"B": SECRET}).properties()
    assert (sent["parameters"], sent["protectedParameters"]) == (
        [{"name": "A", "value": "1"}],
        [{"name": "B", "value": SECRET}],
    )


def test_parameters_keep_their_order():
    sent = script(parameters={"Z": 1, "A": 2, "M": 3}).properties()["parameters"]
    assert [each["name"] for each in sent] == ["Z", "A", "M"]


@pytest.mark.parametrize(("seconds", "sent"), [(1, 1), (1.2, 2), (60, 60), (59.01, 60)])
def test_a_timeout_is_rounded_up_to_whole_seconds(seconds, sent):
    assert script(timeout=seconds).properties()["timeoutInSeconds"] == sent


@pytest.mark.parametrize("seconds", [0, -1, 0.5, math.inf, -math.inf, math.nan])
def test_a_timeout_that_is_none_is_refused(seconds):
    with pytest.raises(InvalidRequest, match="time-out"):
        script(timeout=seconds).properties()


def test_a_script_runs_asynchronously():
    """Otherwise ARM's operation lasts as long as the script, and fails with it."""
    assert script().properties()["asyncExecution"] is True


def test_what_is_not_given_is_not_sent():
    assert set(script().properties()) == {"source", "asyncExecution", "timeoutInSeconds"}


def test_the_user_is_sent():
    assert script(user="nobody").properties()["runAsUser"] == "nobody"


def test_a_scripts_repr_shows_nothing_of_it():
    shown = repr(script(SECRET, {"A": SECRET}, {"B": SECRET}))
    assert SECRET not in shown


def test_a_commands_url_is_below_its_vms():
    vm = VmId.parse(VM, "", "")
    assert script_url(ENDPOINT, vm, COMMAND) == COMMAND_URL


@pytest.mark.parametrize("url", [COMMAND_URL, COMMAND_URL.replace("runCommands", "RUNCOMMANDS")])
def test_our_commands_are_known_by_their_names(url):
    assert is_ours(url)


def test_a_command_of_another_name_is_not_ours():
    assert not is_ours(COMMAND_URL.replace("azvm-", "backup-"))
