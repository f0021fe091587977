"""What the fuzz found, each once more as it was found."""

import time

import pytest
from protocol.bulks import started
from protocol.deployments import document, provisioned
from protocol.group import NIC, ROOT, Group, Record, Thing, ended, removal, usual
from protocol.support import ENDPOINT, SUBSCRIPTION, URL, VM, answer, at, begun

from azvm_async.errors import AzureVMError, ProtocolError
from azvm_async.order import order
from azvm_async.protocol.deployment import period
from azvm_async.protocol.faults import Fault, error_for
from azvm_async.protocol.fields import date
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.machine import Wait
from azvm_async.protocol.ownership import Facts
from azvm_async.protocol.script import RunCommandResult
from azvm_async.protocol.urls import follow
from azvm_async.wire import Request, Response, without_query
from fuzz.hostile import SECRET, is_at_home, resumed
from fuzz.test_machines import answered_by, groups

EVIL = ".evil.example/providers/Microsoft.Resources/deployments/x"


def asked_of(group, machine):
    """Return the URLs that a removal asks, each of them once."""
    urls, now = [], 0.0
    while machine.outcome is None:
        step = machine.due(at(now))
        if isinstance(step, Wait):
            now = step.until
            continue
        urls.append((step.method, step.url))
        machine = machine.receive(answered_by(group, step), at(now))
    return urls


@pytest.mark.parametrize("odd", ["Succeeded", EVIL, "@evil.example/", ":1/x"])
def test_record_with_a_strange_id_leads_a_removal_nowhere(odd):
    group, seen = usual(), usual().document

    def told(record):
        return {**seen(record), "id": odd}

    group.document = told
    assert all(is_at_home(url) for _, url in asked_of(group, removal()))


def test_record_with_another_id_has_nothing_else_deleted():
    group, seen = usual(), usual().document
    other = f"{VM}-of-somebody"
    group.document = lambda record: {**seen(record), "id": other}
    assert [url for method, url in asked_of(group, removal()) if method == "DELETE" and "of-somebody" in url] == []


@pytest.mark.parametrize("odd", ["Microsoft.Resources/deployments/x", EVIL, f"{NIC}\ud800", f"{NIC}\n"])
def test_operation_on_a_strange_id_leads_a_removal_nowhere(odd):
    group = groups()
    group.records[ROOT.lower()].names += (odd,)
    assert all(is_at_home(url) for _, url in asked_of(group, removal()))


@pytest.mark.parametrize("odd", ["a\nb", "\ud800", "\x00"])
def test_token_of_a_deployment_with_a_strange_correlation_id_can_be_loaded(odd):
    state = provisioned(answer(201, document("Running", correlation=odd)))
    assert resumed(state).correlation_id is None


@pytest.mark.parametrize("odd", ["a\nb", "\ud800"])
def test_token_of_a_removal_with_a_strange_mark_can_be_loaded(odd):
    state = removal(record={"tags": {"azvm-since": odd}, "properties": {"correlationId": odd}})
    assert resumed(state).mark in {None, ""}


@pytest.mark.parametrize("duration", ["P999999999D", f"P{'9' * 400}D", "PT1e9S"])
def test_run_that_lasted_longer_than_any_calendar_has_no_period(duration):
    assert period({"properties": {"timestamp": "2025-06-01T00:00:00Z", "duration": duration}}) is None


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-23:59"])
def test_resource_is_judged_at_the_end_of_the_calendar(until):
    facts = Facts(since=date("2025-05-31"), until=date(until), created={NIC: date("2025-06-01")})
    assert facts.verdict(NIC).name == "OURS"


@pytest.mark.parametrize("link", [f"https://u:{SECRET}@℀/", f"https://[{SECRET}/", f"https://[?s={SECRET}"])
def test_link_that_can_not_be_taken_apart_shows_no_part_of_it(link):
    with pytest.raises(ProtocolError) as caught:
        follow(URL, link)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["sig", "s", "c", "h", "SIG"])
def test_url_in_azures_message_shows_no_signature(name):
    fault = Fault.of({"code": "x", "message": f"No {URL}&{name}={SECRET}&x=y here, see https://aka.ms/x?LinkId=1"})
    assert SECRET not in fault.message
    assert fault.message.endswith("&x=y here, see https://aka.ms/x?LinkId=1")


def test_error_shows_the_beginning_of_a_long_message_and_holds_all_of_it():
    error = error_for(
        "what", Request("GET", URL), Response.with_json(500, {"error": {"code": "c", "message": "m" * 9_999}})
    )
    assert len(str(error)) < 2_000
    assert len(error.message) == 9_999


def test_url_of_any_length_is_shown_in_brief():
    assert len(without_query(f"{ENDPOINT}/{'x' * 100_000}?s=1")) < 600


def test_error_with_a_header_in_no_known_encoding_can_be_printed():
    error = error_for("what", Request("GET", URL), Response(500, {"x-ms-request-id": "\udcff"}))
    assert str(error).encode()


def test_script_output_that_was_cut_within_a_character_can_be_printed():
    view = {"executionState": "Succeeded", "output": "\ude00 is half a smile", "error": None}
    assert RunCommandResult.of(view).stdout == "? is half a smile"


def test_parameter_that_names_the_vm_by_a_list_is_refused_in_our_words():
    template = {"resources": [], "parameters": {"vmName": {"type": "string"}}}
    with pytest.raises(AzureVMError):
        order(VmId(SUBSCRIPTION, "rg", "vm1"), template, {"vmName": []}, None, "Incremental", None)


def test_resource_far_down_in_others_is_judged():
    line = [f"{VM}{'/x/y' * depth}".lower() for depth in range(2_000)]
    facts = Facts(assume_owned=True, targets=dict(zip(line, line, strict=True)), created={line[0]: None})
    assert facts.verdict(line[-1]).name == "WITH_PARENT"


def test_deployments_that_all_name_each_other_are_planned_soon():
    names = tuple(f"{ROOT}-{number}" for number in range(14))
    records = [Record(ROOT, (VM, *names), ((names[0], (NIC,)),)), *(Record(name, (VM, NIC, *names)) for name in names)]
    group = Group([Thing(VM), Thing(NIC)], records)
    began = time.perf_counter()
    assert set(ended(group, only_plan=True).result.delete) >= {VM, NIC}
    assert time.perf_counter() - began < 5.0  # it takes milliseconds; each way from name to name would take hours


@pytest.mark.parametrize("status", [100, 101, 199, 0])
@pytest.mark.parametrize("begin", [begun, started], ids=["one", "many"])
def test_what_is_no_answer_is_no_success(status, begin):
    with pytest.raises(ProtocolError):
        begin(first=answer(status))
