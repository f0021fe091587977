"""Files and arguments of a caller: whatever is in them, they are taken, or refused with what is wrong, and soon."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protocol.support import ENDPOINT, MIDNIGHT, SUBSCRIPTION, VM

from azvm_async.errors import AzureVMError, InvalidRequest
from azvm_async.fleet.journal import opened
from azvm_async.fleet.outcome import Outcome, State
from azvm_async.fleet.report import Report
from azvm_async.order import order
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.script import RunCommandResult
from azvm_async.templates import parameters_of, parse, template_of
from fuzz.hostile import BODIES, DEEP, DOCUMENTS, FUZZ, LEAVES, LONGEST_MESSAGE, VALUES, changed, damaged, is_ours

SOON = 5.0  # seconds, for what takes milliseconds: what is quadratic takes minutes
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "definitions": {"small": {"type": "string", "allowedValues": ["a", "b"]}, "loop": {"$ref": "#/definitions/loop"}},
    "parameters": {
        "vmName": {"type": "string", "minLength": 1, "maxLength": 64},
        "size": {"$ref": "#/definitions/small", "defaultValue": "a"},
        "count": {"type": "int", "minValue": 1, "maxValue": 9, "defaultValue": 1},
        "password": {"type": "secureString", "nullable": True},
        "tags": {"type": "object", "properties": {"a": {"type": "string"}}, "defaultValue": {}},
        "customData": {"type": "array", "defaultValue": []},
    },
    "resources": [],
}
PARAMETERS = {"vmName": "vm1", "size": "b", "count": 2, "password": "hunter2", "tags": {"a": "b"}}
WIRED = {"parameters": {name: {"value": value} for name, value in PARAMETERS.items()}}
VM1 = VmId(SUBSCRIPTION, "rg", "vm1")
COMMENTED = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"',
            '"a"',
            '\\"',
            "\\",
            "//",
            "/*",
            "*/",
            "/",
            "\n",
            " ",
            "1",
            "null",
            '"//"',
            '"resources"',
        ]
    ),
    max_size=30,
).map("".join)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "main.jsonc"


def is_refused_well(read):
    said = ""
    try:
        read()
    except InvalidRequest as error:
        said = str(error)
    assert "hunter2" not in said
    assert len(said) <= LONGEST_MESSAGE


@pytest.mark.parametrize("read", [template_of, parameters_of])
def test_any_file_is_taken_or_refused(path, read):
    @FUZZ
    @given(
        content=BODIES
        | COMMENTED.map(str.encode)
        | damaged(st.sampled_from([TEMPLATE, WIRED])).map(json.dumps).map(str.encode)
    )
    def reads(content):
        path.write_bytes(content)
        is_refused_well(lambda: read(path))
        is_refused_well(lambda: read(str(path)))

    reads()


@pytest.mark.parametrize("read", [template_of, parameters_of])
def test_any_name_of_a_file_is_refused(read):
    @FUZZ
    @given(name=st.text(max_size=300) | DEEP | LEAVES)
    def reads(name):
        if not isinstance(name, dict) and name is not None:
            is_refused_well(lambda: read(name))

    reads()


@FUZZ
@given(
    template=damaged(st.just(TEMPLATE)) | DOCUMENTS,
    parameters=damaged(st.just(PARAMETERS)) | DOCUMENTS,
    custom_data=st.none() | st.text(max_size=5),
    mode=st.sampled_from(["Incremental", "Complete", "x"]),
    name=st.none() | st.text(max_size=5),
    stack=st.booleans(),
)
def test_any_order_is_taken_or_refused(template, parameters, custom_data, mode, name, stack):
    template = template if isinstance(template, dict) else {}
    parameters = parameters if isinstance(parameters, dict) else {}

    def ordered():
        wanted = order(VM1, template, parameters, custom_data, mode, name, stack=stack)
        json.loads(wanted.request(ENDPOINT, MIDNIGHT).body)

    is_refused_well(ordered)


def nested(levels, key="a"):
    """Return a dict of so many levels, made without recursion."""
    found = {}
    for _ in range(levels - 1):
        found = {key: found}
    return found


@pytest.mark.parametrize("levels", [200, 800, 5_000])
def test_what_nests_more_deeply_than_any_template_is_refused(levels, path):
    deep = {"resources": [], "parameters": {"p": nested(levels)}}
    is_refused_well(lambda: order(VM1, deep, {"p": 1}, None, "Incremental", None))
    with pytest.raises(InvalidRequest):
        template_of(deep)
    path.write_text('{"resources": [' + '{"a":' * levels + "1" + "}" * levels + "]}")
    with pytest.raises(InvalidRequest):
        template_of(path)
    with pytest.raises(InvalidRequest):
        order(VM1, TEMPLATE, {"tags": nested(levels)}, None, "Incremental", None)


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 100_000, "/*" * 100_000, "," * 100_000, '"a",' * 50_000 + '"', "/" * 100_000]
)
def test_what_never_closes_is_refused_soon(text):
    began = time.perf_counter()
    with pytest.raises(ValueError, match=r"."):
        parse(text)
    assert time.perf_counter() - began < SOON


# Journals.


def lines():
    """Return the lines of a true journal, of all kinds."""
    at, result = MIDNIGHT.isoformat(), {"exit_code": 0, "stdout": "o", "stderr": "", "started": None, "ended": None}
    error = {"class": "Conflict", "what": "w", "vm": VM, "status": 409, "code": "c", "message": "m", "request_id": "r"}
    return [
        {"vms": [VM], "intent": "{}", "at": at},
        {"vms": [VM], "token": "{}", "at": at},
        {"vms": [VM + "2"], "withdrawn": True},
        {"vm": VM, "end": "Failed", "polls": 3, "engine": "direct", "note": "n", "error": error, "ended": at},
        {"vm": VM, "end": "Succeeded", "polls": 3, "result": {**result, "execution_state": "Succeeded", "message": ""}},
    ]


LINES = lines()


def is_read_or_refused(path):
    try:
        journal = opened(path, "start", ENDPOINT, [])
    except InvalidRequest as error:
        is_ours(error)
        return
    journal.close()
    for key, entry in journal.entries.items():
        assert key == key.lower()
        for each in (entry.intent, entry.token):
            assert each is None or isinstance(each, str)
        assert entry.outcome is None or is_sound(entry.outcome)


def is_sound(outcome: Outcome):
    """Check that an outcome of a journal is one that a run could have written."""
    assert isinstance(outcome.vm, str)
    assert isinstance(outcome.state, State)
    assert isinstance(outcome.polls, int)
    assert isinstance(outcome.result, RunCommandResult | None)
    assert isinstance(outcome.error, AzureVMError | None)
    assert all(each is None or isinstance(each, str) for each in (outcome.engine, outcome.note))
    report = Report("start", (outcome,), MIDNIGHT, MIDNIGHT)
    return report.to_json() and str(report) and repr(outcome)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "head"
    opened(path, "start", ENDPOINT, []).close()
    return path.read_bytes()


def test_any_file_is_a_journal_or_refused(path, head):
    @FUZZ
    @given(content=BODIES | BODIES.map(head.__add__) | st.lists(BODIES, max_size=3).map(b"\n".join).map(head.__add__))
    def reads(content):
        path.write_bytes(content)
        is_read_or_refused(path)
        path.write_bytes(content + b"\n")
        is_read_or_refused(path)

    reads()


def test_any_change_of_a_journal_is_read_or_refused(path, head):
    @FUZZ
    @given(
        changes=st.lists(
            st.tuples(st.lists(st.integers(0, 30), min_size=1, max_size=4), VALUES | st.just(...)), max_size=3
        )
    )
    def reads(changes):
        told = changed(LINES, changes)
        told = told if isinstance(told, list) else [told]
        path.write_bytes(head + b"".join(json.dumps(each).encode() + b"\n" for each in told))
        is_read_or_refused(path)

    reads()


@pytest.mark.parametrize(
    "change", [{"class": "TypeVar"}, {"class": "fresh"}, {"class": "Any"}, {"code": 5}, {"x": 1}, {"what": []}]
)
def test_error_in_a_journal_that_is_none_of_ours_is_refused_or_an_error(path, head, change):
    line = {**LINES[3], "error": {**LINES[3]["error"], **change}}
    path.write_bytes(head + json.dumps(line).encode() + b"\n")
    is_read_or_refused(path)
