"""Whatever is read, by whichever reader: what its docstring says comes out, and soon."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from protocol.support import ENDPOINT, MIDNIGHT, STATUS_URL, URL, VM

from azvm_async.budget import Budget
from azvm_async.errors import AzureVMError
from azvm_async.protocol import hints, intent, vm
from azvm_async.protocol.bulk_request import registration, unavailable
from azvm_async.protocol.deployment import Deployed, causes_of, creations, period, progress_of, resources_named, seconds
from azvm_async.protocol.faults import Fault, absent, error_for, facts
from azvm_async.protocol.fields import date
from azvm_async.protocol.ids import is_vm, short_name, subscription_in
from azvm_async.protocol.ownership import Facts, creation_time, group_of, is_extension, parent_of, type_of
from azvm_async.protocol.pacing import LONGEST_WAIT, retry_after
from azvm_async.protocol.reading import Tracking, Unreadable, parsed, read, settled
from azvm_async.protocol.script import RunCommandResult
from azvm_async.protocol.survey import disks_of
from azvm_async.protocol.throttling import blamed, keys_of, told
from azvm_async.protocol.urls import follow, is_on
from azvm_async.protocol.what_if import changes_in, validated_in
from azvm_async.wire import DEEPEST, Request, Response, nests_deeper
from fuzz.hostile import (
    BODIES,
    DATES,
    DEEP,
    DOCUMENTS,
    FUZZ,
    IDS,
    ISO_DATES,
    PERIODS,
    RESPONSES,
    SECRET,
    URLS,
    VALUES,
    WAITS,
    damaged,
    is_at_home,
    is_ours,
)

LISTED = {
    "value": [
        {
            "id": VM,
            "name": "vm1",
            "location": "westeurope",
            "tags": {"a": "b"},
            "properties": {
                "provisioningState": "Succeeded",
                "hardwareProfile": {"vmSize": "Standard_B2s"},
                "storageProfile": {"osDisk": {"osType": "Linux", "managedDisk": {"id": VM}}, "dataDisks": []},
                "instanceView": {"statuses": [{"code": "ProvisioningState/succeeded"}, {"code": "PowerState/running"}]},
            },
        }
    ]
}


def levels(document):
    """Return how many levels JSON has, counted by walking."""
    level, found = [document], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        found += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return found


@FUZZ
@given(body=BODIES)
def test_any_body_is_json_of_so_many_levels_at_most_or_a_value_error(body):
    try:
        found = Response(200, {}, body).json()
    except ValueError:
        assert Response(200, {}, body).document() == {}
    else:
        assert levels(found) <= DEEPEST


NESTED = st.recursive(
    st.sampled_from([0, "", "[", "]", '"', "\\", '\\"]', "{[", "}" * 70, "[" * 70, "a\\", '"[', "\\\\"])
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\a', max_size=3), inner, max_size=3),
    max_leaves=30,
)


@FUZZ
@given(document=NESTED, allowed=st.integers(1, 6), escaped=st.booleans(), more=st.sampled_from([0, 0, 3_000]))
def test_levels_are_counted_whatever_strings_hold(document, allowed, escaped, more):
    whole = [document, "x[" * more] if more else document
    text = json.dumps(whole, ensure_ascii=escaped).encode()
    assert nests_deeper(text, allowed) is (levels(whole) > allowed)


@FUZZ
@given(text=DEEP)
def test_what_nests_more_deeply_than_answers_do_is_no_document(text):
    try:
        whole = levels(json.loads(text))
    except (ValueError, RecursionError):
        whole = DEEPEST + 1
    assert (whole <= DEEPEST) or Response(200, {}, text.encode()).document() == {}


@FUZZ
@given(response=RESPONSES)
def test_any_refusal_is_told_without_what_is_secret(response):
    error = error_for("what", Request("GET", URL), response)
    is_ours(error)
    assert isinstance(absent(response), bool)
    assert unavailable(error) is None or unavailable(error)
    assert facts(response)["status"] == response.status


@FUZZ
@given(document=VALUES)
def test_any_fault_has_texts_or_nothing(document):
    fault = Fault.of(document)
    assert all(each is None or (isinstance(each, str) and SECRET not in each) for each in (fault.code, fault.message))
    assert isinstance(fault.details, tuple)


@pytest.mark.parametrize("tracking", Tracking)
def test_any_answer_to_a_poll_is_a_reading_or_unreadable(tracking):
    @FUZZ
    @given(response=RESPONSES)
    def reads(response):
        assert settled(tracking, response) in Tracking
        try:
            reading = read(tracking, response)
        except Unreadable:
            return
        assert isinstance(reading.status, str)
        assert reading.status
        assert reading.percent is None or 0 <= reading.percent <= 100

    reads()


@FUZZ
@given(header=WAITS, date_header=DATES | WAITS, utc=st.none() | st.just(MIDNIGHT))
@example(header="9" * 400, date_header="", utc=None)
def test_any_wait_is_a_number_of_seconds_within_an_hour(header, date_header, utc):
    found = retry_after(Response(429, {"retry-after": header, "date": date_header}), utc)
    assert found is None or 0 <= found <= LONGEST_WAIT


@FUZZ
@given(header=DATES | WAITS)
def test_any_date_of_an_answer_gives_a_mark(header):
    mark = intent.since_after(Response(200, {"date": header}), MIDNIGHT)
    assert mark.tzinfo is not None
    assert set(intent.Intent("n", "d").tags(mark)) == {intent.INTENT_TAG, intent.SINCE_TAG}


@FUZZ
@given(value=ISO_DATES | DATES | VALUES)
def test_any_date_in_a_body_is_aware_or_none(value):
    found = date(value)
    assert found is None or (found.tzinfo is not None and isinstance(found - datetime.now(UTC), object))


@FUZZ
@given(value=PERIODS | VALUES)
def test_any_period_is_seconds_or_none(value):
    found = seconds(value)
    assert found is None or found >= 0


@FUZZ
@given(base=st.sampled_from([STATUS_URL, URL, f"{ENDPOINT}:443/x"]), link=URLS)
def test_any_link_leads_home_or_nowhere(base, link):
    try:
        assert is_at_home(follow(base, link))
    except AzureVMError as error:
        is_ours(error)
    assert is_on(link, ENDPOINT) in {True, False}


@FUZZ
@given(
    response=RESPONSES, url=st.sampled_from([STATUS_URL, URL]) | URLS, method=st.sampled_from(["GET", "POST", "DELETE"])
)
def test_any_answer_is_taken_in_by_a_budget(response, url, method):
    budget, keys = Budget(), keys_of(Request(method, url), lambda _: None)
    assert blamed(keys, response) in {None, *keys}
    assert all(key in keys and left >= 0 for key, left in told(keys, response))
    ticket = budget.take(keys, 0.0)
    budget.heard(ticket, response, 1.0)
    after = budget.take(keys, 2.0)
    assert 0 <= getattr(after, "seconds", 0.0) <= 1.1 * LONGEST_WAIT


@FUZZ
@given(page=damaged(st.just(LISTED)) | DOCUMENTS)
def test_any_page_is_read_for_vms_and_hints(page):
    page = page if isinstance(page, dict) else {}
    assert all(isinstance(key, str) for key in vm.power_states(page))
    for _, sighting in hints.sightings(page, {VM.lower()}):
        assert isinstance(hints.seems_ended("start", sighting), bool)
    for document in vm.documents(page):
        machine = vm.VirtualMachine.of(document)
        assert all(isinstance(each, str) for each in (machine.id, machine.name, machine.location))
        assert all(
            each is None or isinstance(each, str) for each in (machine.size, machine.os_type, machine.power_state)
        )
        assert all(isinstance(key, str) for _, key in disks_of(document))
        assert isinstance(vm.InstanceView.of(document).codes, tuple)


@FUZZ
@given(document=DOCUMENTS, others=st.lists(DOCUMENTS, max_size=3))
def test_any_document_is_read_for_deployments(document, others):
    ran = period({"properties": document})
    assert ran is None or ran[0] <= ran[1]
    assert isinstance(Deployed.of({"properties": document}, "x").name, str)
    assert all(isinstance(each, str) for each in resources_named({"properties": document}))
    assert all(isinstance(progress_of(each).state, str) for each in creations(others).values())
    assert all(isinstance(str(each), str) for each in causes_of({"properties": document}, others))
    assert intent.since_on(document) is None or intent.since_on(document).tzinfo
    assert intent.mark_of(document).isprintable()
    assert all(isinstance(each.resource, str) for each in changes_in({"properties": document}))
    assert all(isinstance(each, str) for each in validated_in({"properties": document}))
    assert isinstance(registration(document), bool)
    assert creation_time(document) is None or creation_time(document).tzinfo


@FUZZ
@given(view=DOCUMENTS)
def test_any_instance_view_is_a_scripts_result(view):
    result = RunCommandResult.of({**view, "executionState": "Succeeded"})
    assert isinstance((result.stdout + result.stderr + result.message).encode(), bytes)


@FUZZ
@given(resource=IDS | st.text("/aA.", max_size=20) | URLS, created=st.none() | ISO_DATES, until=st.none() | ISO_DATES)
def test_any_id_and_any_time_is_judged(resource, created, until):
    key = resource.lower()
    told_of = Facts(since=date("2025-05-31"), until=date(until), targets={key: key}, created={key: date(created)})
    assert told_of.reason(key)
    for part in (parent_of(key), group_of(key)):
        assert part is None or key.startswith(part)
    assert isinstance(type_of(key) + short_name(key) + subscription_in(key), str)
    assert is_extension(key) in {True, False}
    assert is_vm(key) in {True, False}


@FUZZ
@given(response=RESPONSES)
def test_what_is_parsed_can_be_told_again(response):
    with suppress(Unreadable):
        json.dumps(parsed(response))
