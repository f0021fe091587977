"""What the survey asks, in which order, and what it takes from the answers."""

import pytest

from azvm_async.protocol.fields import date
from azvm_async.protocol.ownership import Verdict
from azvm_async.protocol.survey import Kind, Survey
from protocol.group import AFTER, NESTED, NET, NIC, ROOT, SUBNET, Group, Record, Thing, removal, usual
from protocol.support import ENDPOINT, GROUP, SUBSCRIPTION, VM


def surveyed(group, *, halting=True, assume_owned=False):
    """Return a survey at its end, and what it asked."""
    survey = Survey.of(ENDPOINT, ROOT, assume_owned=assume_owned, halting=halting)
    asked = []
    while (question := survey.next) is not None:
        asked.append(question)
        response = group.answer(question.request)
        document = response.document() if response.status == 200 else None
        survey = survey.answered(document, (document or {}).get("nextLink"))
    return survey, asked


def kinds(asked):
    return [each.kind.name for each in asked]


def test_questions_come_in_stages():
    _, asked = surveyed(usual())
    lists, providers = ["LIST"] * 2, ["PROVIDER"] * 2
    assert kinds(asked) == ["RECORD", "OPERATIONS", *lists, *providers, "RESOURCE"]


def test_times_are_asked_for_in_the_list():
    survey, _ = surveyed(usual())
    assert survey.facts.created[NIC.lower()] == date(AFTER)


def test_all_pages_of_the_list_are_read():
    survey, _ = surveyed(usual())
    assert {each.lower() for each in (VM, NIC, NET)} <= survey.facts.created.keys()


def test_pages_of_the_operations_are_read_under_the_same_deployment():
    survey = Survey.of(ENDPOINT, ROOT, assume_owned=True, halting=True).answered(
        {"id": ROOT, "properties": {"provisioningState": "Succeeded"}}, None
    )
    pages = [{"properties": {"provisioningOperation": "Create", "targetResource": {"id": each}}} for each in (NIC, NET)]
    survey = survey.answered({"value": pages[:1]}, f"{ENDPOINT}/page2").answered({"value": pages[1:]}, None)
    assert survey.made == {ROOT.lower(): {NIC.lower(), NET.lower()}}


def test_what_is_only_read_is_no_target():
    survey, _ = surveyed(usual())
    assert set(survey.facts.targets.values()) == {NET, SUBNET, NIC, VM}


@pytest.mark.parametrize(("created", "asked_for"), [("list", [VM]), ("document", [NIC, VM])])
def test_only_what_no_list_tells_and_vms_are_read_by_themselves(created, asked_for):
    _, asked = surveyed(usual(NIC={"told": created}))
    assert sorted(each.about for each in asked if each.kind is Kind.RESOURCE) == sorted(map(str.lower, asked_for))


def test_document_tells_the_age_that_no_list_told():
    survey, _ = surveyed(usual(NIC={"told": "document"}))
    assert survey.facts.verdict(NIC.lower()) is Verdict.OURS


def test_vm_of_ours_is_kept_for_its_disks():
    survey, _ = surveyed(usual())
    assert survey.machines.keys() == {VM.lower()}


def test_resource_that_is_not_found_is_absent():
    group = usual()
    del group.things[NIC.lower()]
    survey, _ = surveyed(group)
    assert survey.facts.verdict(NIC.lower()) is Verdict.ABSENT


def test_newest_version_that_is_no_preview_is_taken():
    survey, _ = surveyed(usual())
    assert survey.version("microsoft.network/NETWORKINTERFACES") == "2023-09-01"


def test_preview_is_taken_where_there_is_nothing_else():
    survey, _ = surveyed(usual())
    question = next(each for each in surveyed(usual())[1] if each.kind is Kind.PROVIDER)
    types = [{"resourceType": "x", "apiVersions": ["2020-01-01-preview", "2021-01-01-preview"]}]
    survey = survey._with(question, {"namespace": "My.Own", "resourceTypes": types})
    assert survey.version("my.own/X") == "2021-01-01-preview"


def test_nested_deployments_are_surveyed_too():
    records = [Record(ROOT, (NESTED,)), Record(NESTED, (NIC,), tags={})]
    survey, _ = surveyed(Group([Thing(NIC)], records))
    assert (list(survey.records), set(survey.facts.targets)) == ([ROOT.lower(), NESTED.lower()], {NIC.lower()})


def test_nested_deployment_whose_record_is_gone_is_passed_over():
    survey, _ = surveyed(Group([Thing(NIC)], [Record(ROOT, (NESTED, NIC))]))
    assert (list(survey.records), set(survey.facts.targets)) == ([ROOT.lower()], {NIC.lower()})


def test_since_is_the_roots():
    inner = Record(NESTED, (NIC,), tags={"azvm-since": "2020-01-01T00:00:00Z"})
    survey, _ = surveyed(Group([Thing(NIC)], [Record(ROOT, (NESTED,)), inner]))
    assert survey.facts.since == date("2025-05-31T12:00:00Z")


def test_running_deployment_is_canceled_and_read_again():
    _, asked = surveyed(Group([], [Record(ROOT, state="Running")]))
    assert kinds(asked) == ["RECORD", "CANCEL", "RECORD", "OPERATIONS"]


def test_running_nested_deployment_is_canceled_too():
    group = Group([], [Record(ROOT, (NESTED,)), Record(NESTED, state="Running")])
    _, asked = surveyed(group)
    assert [each.about for each in asked if each.kind is Kind.CANCEL] == [NESTED.lower()]


def test_cancellation_is_asked_for_once():
    survey = Survey.of(ENDPOINT, ROOT, assume_owned=True, halting=True)
    running = {"id": ROOT, "properties": {"provisioningState": "Running"}}
    seen = []
    for _ in range(4):
        seen.append(survey.next.kind.name)
        survey = survey.answered(running, None)
    assert seen == ["RECORD", "CANCEL", "RECORD", "RECORD"]


def test_plan_cancels_nothing():
    group = Group([], [Record(ROOT, state="Running")])
    _, asked = surveyed(group, halting=False)
    assert kinds(asked) == ["RECORD", "OPERATIONS"]


def test_survey_of_what_is_not_there_ends_at_once():
    survey, asked = surveyed(Group([], []))
    assert (survey.gone, kinds(asked)) == (True, ["RECORD"])


@pytest.mark.parametrize(
    ("tags", "assume_owned", "unowned"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"AZVM-Since": "2025-05-31T12:00:00Z"}, False, False),
        ({"azvm-since": "once"}, False, True),
    ],
)
def test_without_the_tag_or_the_callers_word_nothing_is_owned(tags, assume_owned, unowned):
    survey, _ = surveyed(Group([], [Record(ROOT, tags=tags)]), assume_owned=assume_owned)
    assert survey.unowned is unowned


def test_stack_is_asked_itself_and_no_other():
    stack = ROOT.replace("deployments/", "deploymentStacks/")
    survey = Survey.of(ENDPOINT, stack, assume_owned=False, halting=True)
    survey = survey.answered({"id": stack, "properties": {"provisioningState": "succeeded"}}, None)
    assert (survey.next, survey.gone, survey.unowned) == (None, False, False)


def test_each_group_concerned_is_listed():
    other = GROUP.replace("/rg", "/other")
    group = Group([], [Record(ROOT, (NIC, NIC.replace(GROUP, other)))])
    survey = removal().survey
    for _ in range(2):
        survey = survey.answered(group.answer(survey.next.request).document(), None)
    lists = [each.about for each in survey.todo if each.kind is Kind.LIST]
    assert lists == [GROUP.lower(), other.lower()]


def test_each_provider_is_asked_once():
    _, asked = surveyed(usual())
    urls = [each.url.partition("?")[0] for each in asked if each.kind is Kind.PROVIDER]
    base = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers"
    assert urls == [f"{base}/Microsoft.Network", f"{base}/Microsoft.Compute"]


@pytest.mark.parametrize(
    "nonsense", [{}, {"value": 5}, {"value": [5, None, {}]}, {"value": [{"properties": []}]}], ids=str
)
def test_operations_that_make_no_sense_name_nothing(nonsense):
    survey = removal().survey.answered({"id": ROOT, "properties": {"provisioningState": "Succeeded"}}, None)
    assert not survey.answered(nonsense, None).facts.targets


def test_what_a_purged_nested_deployment_made_is_known_from_the_outputs():
    properties = {"provisioningState": "Succeeded", "outputResources": [{"id": NIC}]}
    survey = removal().survey.answered({"id": ROOT, "properties": properties}, None)
    assert survey.facts.targets == {NIC.lower(): NIC}


def test_resource_group_is_no_target():
    made = {"properties": {"provisioningOperation": "Create", "targetResource": {"id": GROUP}}}
    survey = removal().survey.answered({"id": ROOT, "properties": {"provisioningState": "Succeeded"}}, None)
    assert not survey.answered({"value": [made]}, None).facts.targets
