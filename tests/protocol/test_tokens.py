"""Tokens: out of a process, into another, and what is refused on the way in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.errors import InvalidRequest, StatusUnreadable
from azvm_async.protocol import tokens
from azvm_async.protocol.lro import FinalState, Lro
from azvm_async.protocol.machine import Success
from azvm_async.protocol.provision import Provision
from azvm_async.protocol.run_command import RunCommand
from azvm_async.wire import Request
from protocol.deployments import (
    CORRELATION,
    CREATED_VM,
    CREATING_VM,
    DEPLOYMENT,
    DEPLOYMENT_URL,
    READ,
    SECOND_PAGE,
    STACK_URL,
    deployment,
    document,
    failure,
    operations,
    provisioned,
)
from protocol.support import (
    BY_BOTH,
    BY_LOCATION,
    BY_STATUS,
    COMMAND_URL,
    ENDPOINT,
    LOCATION_URL,
    STATUS_URL,
    STEADY,
    URL,
    VIEW_URL,
    VM,
    answer,
    at,
    begun,
    commanded,
    fed,
    resource,
    says,
    viewed,
)

LATER = at(5000)
BOTH = answer(202, headers=BY_BOTH)
STAGES = {
    "status": begun(),
    "both": begun(first=BOTH, wants_result=True, final_state=FinalState.LOCATION),
    "location": begun("DELETE", answer(202, headers=BY_LOCATION)),
    "resource": begun("PUT", answer(201, resource("Creating")), wants_result=True),
    "polled": fed(begun(), [says("Running", percentComplete=5)] * 7),
    "missed": fed(begun(), [answer(503)] * 3),
    "fetching": fed(begun(first=BOTH, wants_result=True), [says("Succeeded")]),
    "fetched": fed(begun(first=BOTH, wants_result=True), [says("Succeeded"), answer(200, {"a": "secret"})]),
    "failed": fed(begun(), [says("Failed", error={"code": "secret"})]),
    "located": fed(begun(first=answer(202, headers=BY_LOCATION), wants_result=True), [answer(200, {"a": "secret"})]),
}
stages = pytest.mark.parametrize("state", STAGES.values(), ids=STAGES)
SAVED = {name: json.loads(tokens.dump(state)) for name, state in STAGES.items()}
COMMAND = json.loads(tokens.dump(commanded()))


def load(token, endpoint=ENDPOINT):
    return tokens.load(token, endpoint, LATER)


@stages
def test_a_token_is_one_line_of_text(state):
    assert "\n" not in tokens.dump(state)


@stages
def test_a_resumed_operation_is_read_at_once_where_it_was_read_last(state):
    assert load(tokens.dump(state)).due(LATER) == Request("GET", state.poll_url)


@stages
@pytest.mark.parametrize("spell", [str, json.loads], ids=["str", "dict"])
def test_a_token_comes_back_the_same(state, spell):
    token = tokens.dump(state)
    assert tokens.dump(load(spell(token))) == token


@pytest.mark.parametrize("name", ["status", "both", "location", "resource", "polled", "missed", "fetching"])
def test_a_resumed_operation_ends_as_the_one_it_was_taken_from(name):
    end = [says("Succeeded", properties={"provisioningState": "Succeeded"}), answer(200, {"a": 1})]
    state, twin = STAGES[name], load(tokens.dump(STAGES[name]))
    for response in end:
        if state.outcome is None:
            state, twin = state.receive(response, LATER), twin.receive(response, LATER)
    assert twin.outcome is not None
    assert twin.outcome == state.outcome


@stages
def test_a_token_holds_no_result(state):
    assert "secret" not in tokens.dump(state)


@stages
def test_a_token_holds_no_due_time(state):
    assert tokens.dump(state.again(at(98765))) == tokens.dump(state)


def test_what_ended_at_once_has_ended_in_its_token():
    assert load(tokens.dump(begun("POST", answer(200)))).due(LATER) == Success()


def test_space_around_a_token_is_no_harm():
    assert load(f"\n {tokens.dump(begun())} \n").due(LATER) == Request("GET", STATUS_URL)


@pytest.mark.parametrize("endpoint", [ENDPOINT, f"{ENDPOINT}:443", "https://MANAGEMENT.azure.com"])
def test_a_token_is_good_for_its_endpoint_however_written(endpoint):
    assert isinstance(load(tokens.dump(begun()), endpoint), Lro)


BARE = [
    pytest.param(STATUS_URL, STATUS_URL, id="status"),
    pytest.param(LOCATION_URL, LOCATION_URL, id="location"),
    pytest.param(URL, URL, id="resource"),
    pytest.param(VIEW_URL, VIEW_URL, id="view"),
    pytest.param(COMMAND_URL, VIEW_URL, id="command"),
    pytest.param(DEPLOYMENT_URL, DEPLOYMENT_URL, id="deployment"),
    pytest.param(STACK_URL, STACK_URL, id="stack"),
]


@pytest.mark.parametrize(("url", "read"), BARE)
@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda url: url, id="str"),
        pytest.param(lambda url: f"  {url}\n", id="spaced"),
        pytest.param(lambda url: {"asyncResultsUrl": url}, id="dict"),
        pytest.param(lambda url: {"asyncResultsUrl": url, "pollInterval": 3, "vmName": "vm1"}, id="larger-dict"),
        pytest.param(lambda url: json.dumps({"asyncResultsUrl": url}), id="json"),
    ],
)
def test_a_bare_url_is_read_at_once(url, read, spell):
    assert load(spell(url)).due(LATER) == Request("GET", read)


def test_the_resumed_tracking_url_of_a_script_brings_its_result():
    state = load(commanded().tracking_url)
    assert isinstance(state, RunCommand)
    assert fed(state, [viewed("Failed", exitCode=4)]).outcome.result.exit_code == 4


def test_a_bare_run_command_is_told_of_by_its_vm():
    assert load(COMMAND_URL).about.resource.endswith(VM)


def test_a_bare_location_waits_for_its_200():
    state = fed(load(LOCATION_URL), [answer(202)])
    assert fed(state, [answer(200, {"a": 1})]).outcome == Success({"a": 1})


def test_a_bare_url_that_was_running_keeps_its_way_in_its_token():
    state = fed(load(STATUS_URL), [says("Running")])
    assert fed(load(tokens.dump(state)), [answer(202)]).outcome is None


FOREIGN = {
    "host": "https://elsewhere.example/x",
    "port": "https://management.azure.com:8443/x",
    "scheme": "http://management.azure.com/x",
    "user": "https://management.azure.com@elsewhere.example/x",
    "backslash": "https://management.azure.com\\.elsewhere.example/x",
    "relative": "/x",
    "scheme-less": "//management.azure.com/x",
    "nothing": "",
    "words": "take up my operation, please",
    "bracket": "https://[",
}
foreign = pytest.mark.parametrize("url", FOREIGN.values(), ids=FOREIGN)


@foreign
@pytest.mark.parametrize("spell", [lambda url: url, lambda url: {"asyncResultsUrl": url}], ids=["str", "dict"])
def test_a_bare_url_elsewhere_is_refused(url, spell):
    with pytest.raises(InvalidRequest):
        load(spell(url))


@foreign
@pytest.mark.parametrize("field", ["url", "poll_url", "location"])
def test_a_token_with_any_url_elsewhere_is_refused(field, url):
    with pytest.raises(InvalidRequest):
        load({**SAVED["both"], field: url})


@foreign
@pytest.mark.parametrize("field", ["url", "poll_url", "location"])
def test_a_token_with_any_inner_url_elsewhere_is_refused(field, url):
    with pytest.raises(InvalidRequest):
        load({**COMMAND, "creation": {**COMMAND["creation"], field: url}})


@pytest.mark.parametrize(
    "endpoint",
    ["https://management.usgovcloudapi.net", "http://management.azure.com", f"{ENDPOINT}:8443", "http://127.0.0.1:1"],
)
@pytest.mark.parametrize("token", [tokens.dump(begun()), STATUS_URL], ids=["token", "bare"])
def test_what_belongs_to_another_endpoint_is_refused(endpoint, token):
    with pytest.raises(InvalidRequest):
        load(token, endpoint)


@pytest.mark.parametrize(
    "head",
    [
        {"azvm": 2},
        {"azvm": None},
        {"azvm": "1"},
        {"kind": "deployment"},
        {"kind": None},
        {"kind": ["lro"]},
        {"version": 2},
        {"version": 0},
        {"version": "1"},
        {"version": None},
    ],
    ids=str,
)
def test_an_unknown_kind_or_version_is_refused(head):
    with pytest.raises(InvalidRequest, match="kind or version"):
        load({**SAVED["status"], **head})


@pytest.mark.parametrize("field", ["azvm", "kind", "version"])
def test_a_token_without_its_head_is_refused(field):
    token = dict(SAVED["status"])
    del token[field]
    with pytest.raises(InvalidRequest):
        load(token)


@pytest.mark.parametrize(
    ("saved", "field"),
    [
        (saved, field)
        for saved in (SAVED["both"], COMMAND)
        for field in saved
        if field not in {"azvm", "kind", "version"}
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_a_token_without_one_of_its_fields_is_refused(saved, field):
    token = dict(saved)
    del token[field]
    with pytest.raises(InvalidRequest):
        load(token)


@pytest.mark.parametrize(
    "broken",
    [
        {"url": None},
        {"url": 5},
        {"url": [URL]},
        {"poll_url": 5},
        {"location": True},
        {"tracking": "stars"},
        {"tracking": None},
        {"tracking": []},
        {"final_state": "nowhere"},
        {"final_state": 5},
        {"polls": "many"},
        {"polls": None},
        {"polls": []},
    ],
    ids=str,
)
def test_a_token_with_a_mistyped_field_is_refused(broken):
    with pytest.raises(InvalidRequest):
        load({**SAVED["both"], **broken})


@pytest.mark.parametrize("creation", ["x", 5, [1], True, {"url": URL}], ids=str)
def test_a_script_whose_operation_is_damaged_is_refused(creation):
    with pytest.raises(InvalidRequest):
        load({**COMMAND, "creation": creation})


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_token_that_was_cut_is_refused(cut):
    with pytest.raises(InvalidRequest):
        load(tokens.dump(begun())[:cut])


@pytest.mark.parametrize("token", [None, 5, b"{}", [], ["{}"], object()], ids=repr)
def test_what_is_neither_text_nor_a_dict_is_refused(token):
    with pytest.raises(InvalidRequest):
        load(token)


def test_a_refusal_does_not_show_the_token():
    with pytest.raises(InvalidRequest) as caught:
        load({**SAVED["both"], "polls": "many"})
    assert "c=MIIH" not in str(caught.value)


@pytest.mark.parametrize("text", ["{" * 100_000, '{"a":' * 100_000, "{", "{}", '{"azvm":1}', "{]", "{'azvm': 1}"])
def test_text_that_only_begins_like_a_token_is_refused(text):
    with pytest.raises(InvalidRequest):
        load(text)


@STEADY
@given(st.text(max_size=80))
def test_no_text_does_more_than_be_refused(text):
    with pytest.raises(InvalidRequest):
        load(text)


@STEADY
@given(
    st.dictionaries(st.sampled_from(["azvm", "kind", "version", "url", "asyncResultsUrl"]), st.text() | st.integers())
)
def test_no_small_dict_does_more_than_be_refused(token):
    with pytest.raises(InvalidRequest):
        load(token)


@STEADY
@given(
    saved=st.sampled_from([SAVED["both"], COMMAND]),
    data=st.data(),
    junk=st.none() | st.text(max_size=5) | st.lists(st.integers(), max_size=2) | st.just({"x": 1}),
)
def test_no_damage_to_a_url_or_a_choice_goes_unnoticed(saved, data, junk):
    """Where nothing is allowed, as for a location, nothing is no damage."""
    field = data.draw(st.sampled_from(sorted({"url", "poll_url", "tracking"} & set(saved))))
    if field == "poll_url" and junk is None:
        return
    with pytest.raises(InvalidRequest):
        load({**saved, field: junk})


def test_a_resumed_operation_is_fresh_no_more():
    """It was known to Azure long ago: a 404 means that it is gone."""
    state = load(tokens.dump(fed(begun(), [says("Running")] * 5)))
    with pytest.raises(StatusUnreadable):
        state.receive(answer(404), LATER)


def test_a_token_remembers_the_wish_for_a_result():
    done = answer(200, {"status": "Succeeded"}, BY_STATUS)
    wishes = [fed(load(tokens.dump(begun("PUT", wants_result=wish))), [done]).due(at(9999)) for wish in (True, False)]
    assert wishes == [Request("GET", URL), Success(None)]


DEPLOYING = {
    "begun": provisioned(),
    "begun-untold": provisioned(answer(201, {})),
    "creating": fed(provisioned(), [CREATING_VM] * 3),
    "paging": fed(provisioned(), [operations(more=SECOND_PAGE)]),
    "reading": fed(provisioned(), [CREATED_VM]),
    "closing": fed(provisioned(), [CREATED_VM, deployment("Failed", error={"code": "secret"})]),
    "failed": fed(provisioned(), [CREATED_VM, deployment("Failed"), operations(failure(VM, "secret", "secret"))]),
    "succeeded": fed(provisioned(), [CREATED_VM, deployment("Succeeded", VM, outputs={"a": {"value": "secret"}})]),
}
deploying = pytest.mark.parametrize("state", DEPLOYING.values(), ids=DEPLOYING)


@deploying
def test_a_resumed_deployment_is_read_at_once(state):
    assert load(tokens.dump(state)).due(LATER) == READ


@deploying
def test_a_resumed_deployment_ends_as_azure_says(state):
    assert fed(load(tokens.dump(state)), [deployment("Failed"), operations()]).outcome.status == "Failed"


@deploying
def test_a_token_of_a_deployment_comes_back_the_same(state):
    assert tokens.dump(load(tokens.dump(state))) == tokens.dump(state)


@deploying
def test_a_token_of_a_deployment_holds_no_result(state):
    assert "secret" not in tokens.dump(state)


def test_a_resumed_deployment_knows_another_of_its_name():
    state = fed(load(tokens.dump(provisioned())), [deployment("Succeeded", correlation="another")])
    assert (CORRELATION in tokens.dump(state), state.outcome) == (True, None)


def test_a_resumed_stack_is_one():
    token = tokens.dump(provisioned(answer(201, document("creating", correlation=None)), STACK_URL))
    assert load(token).cancellation() is None


@foreign
def test_a_token_of_a_deployment_elsewhere_is_refused(url):
    with pytest.raises(InvalidRequest):
        load({**json.loads(tokens.dump(provisioned())), "url": url})


@pytest.mark.parametrize("url", [DEPLOYMENT_URL, DEPLOYMENT_URL.lower(), STACK_URL])
def test_a_bare_deployment_is_told_of_by_itself(url):
    state = load(url)
    assert isinstance(state, Provision)
    assert str(state.about) == "provision of vm1-deployment"


@pytest.mark.parametrize("path", [f"{DEPLOYMENT}/operations", f"{DEPLOYMENT}/operations/1", f"/x?y={DEPLOYMENT}"])
def test_a_bare_url_beneath_a_deployment_is_none(path):
    assert isinstance(load(ENDPOINT + path), Lro)
