"""What the survey asks, in which order, and what it takes from the answers."""

import pytest

from azvm_async.protocol.fields import date
from azvm_async.protocol.ownership import Verdict
from azvm_async.protocol.survey import Kind, Survey
from protocol.group import (
    AFTER,
    ANOTHER,
    BEFORE,
    CORRELATION,
    DISK,
    MEMORY,
    NESTED,
    NET,
    NIC,
    ROOT,
    SINCE,
    Group,
    Record,
    Thing,
    removal,
    usual,
)
from protocol.support import ENDPOINT, GROUP, SUBSCRIPTION, VM

OTHER_NESTED = f"{NESTED}-2"


def surveyed(group, *, halting=True, assume_owned=False, survey=None):
    """Return a survey at its end, and what it asked."""
    survey = survey or Survey.of(ENDPOINT, ROOT, assume_owned=assume_owned, halting=halting)
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
    _, asked = surveyed(usual(DISK={"told": "document"}))
    lists, providers = ["LIST"] * 2, ["PROVIDER"] * 2
    assert kinds(asked) == ["RECORD", "OPERATIONS", "MEMORY", *lists, *providers, "RESOURCE", "RESOURCE"]


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
    survey, _ = surveyed(Group([Thing(NIC)], [Record(ROOT, (NIC,))]))
    assert set(survey.facts.targets.values()) == {NIC}


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
    assert taught(["2020-01-01-preview", "2021-01-01-preview"]).version("microsoft.network/X") == "2021-01-01-preview"


def taught(versions, namespace="Microsoft.Network"):
    """Return a survey that asked for Microsoft.Network, and was told these versions of its type x."""
    question = next(each for each in surveyed(usual())[1] if each.kind is Kind.PROVIDER)
    types = [{"resourceType": "x", "apiVersions": versions}]
    return removal().survey._with(question, {"namespace": namespace, "resourceTypes": types})


@pytest.mark.parametrize("odd", ["2022-01-01-alpha", "2022-01-01-privatepreview", "2022-01-01.beta", "v2", "99", 5])
def test_version_that_is_more_than_a_date_is_not_stable(odd):
    assert taught([odd, "2020-01-01"]).version("Microsoft.Network/x") == "2020-01-01"


@pytest.mark.parametrize("told", ["microsoft.network", "Microsoft.Netzwerk", None])
def test_versions_are_kept_under_the_namespace_that_was_asked_for(told):
    assert taught(["2020-01-01"], told).version("Microsoft.Network/x") == "2020-01-01"


def test_nested_deployments_are_surveyed_too():
    records = [Record(ROOT, (NESTED,)), Record(NESTED, (NIC,), tags={})]
    survey, _ = surveyed(Group([Thing(NIC)], records))
    assert (list(survey.records), set(survey.facts.targets)) == ([ROOT.lower(), NESTED.lower()], {NIC.lower()})


def test_nested_deployment_whose_record_is_gone_is_passed_over():
    survey, _ = surveyed(Group([Thing(NIC)], [Record(ROOT, (NESTED, NIC))]))
    assert (list(survey.records), set(survey.facts.targets)) == ([ROOT.lower()], {NIC.lower()})


def ran(end, duration):
    """Return what a deployment tells of its time."""
    return {"timestamp": f"2025-05-31T{end}Z", "duration": duration}


def nesting(root=None, inner=None):
    """Return a group of a deployment and one in it, which made the NIC."""
    records = [Record(ROOT, (NESTED,), **(root or {})), Record(NESTED, (NIC,), tags={}, **(inner or {}))]
    return Group([Thing(NIC)], records)


@pytest.mark.parametrize(
    ("root", "inner"),
    [
        ({}, {"correlation": CORRELATION.upper()}),
        ({"more": ran("12:10:00", "PT10M")}, {"correlation": ANOTHER, "more": ran("12:05:00", "PT5M")}),
        ({"more": ran("12:10:00", "PT10M")}, {"correlation": ANOTHER, "more": ran("12:10:00.9", "PT5M")}),
        ({"more": ran("12:10:00", "PT10M")}, {"correlation": ANOTHER, "more": ran("12:05:00", "PT5M0.9S")}),
        ({}, {"correlation": ""}),
        ({"correlation": ""}, {}),
    ],
    ids=["same id", "same time", "rounded end", "rounded beginning", "nested tells nothing", "root tells nothing"],
)
def test_nested_deployment_of_the_roots_run_is_believed(root, inner):
    survey, _ = surveyed(nesting(root, inner))
    assert (survey.lost, list(survey.facts.targets.values())) == ({}, [NIC])


@pytest.mark.parametrize(
    ("root", "inner"),
    [
        ({}, {"correlation": ANOTHER}),
        ({"more": ran("12:10:00", "PT10M")}, {"correlation": ANOTHER, "more": ran("12:05:00", "PT6M")}),
        ({"more": ran("12:10:00", "PT10M")}, {"correlation": ANOTHER, "more": ran("12:10:02", "PT1M")}),
        ({"more": ran("12:10:00", "PT10M")}, {"correlation": "", "more": ran("13:00:00", "PT1M")}),
    ],
    ids=["another id", "began before", "ended after", "another time"],
)
def test_record_of_another_run_that_took_a_nested_ones_name_is_not_believed(root, inner):
    survey, _ = surveyed(nesting(root, inner))
    assert (survey.untold, list(survey.records), survey.facts.targets) == ((NESTED.lower(),), [ROOT.lower()], {})


def test_running_deployment_of_another_run_is_not_canceled():
    _, asked = surveyed(nesting(inner={"correlation": ANOTHER, "state": "Running"}))
    assert "CANCEL" not in kinds(asked)


def test_nested_deployment_whose_record_is_gone_is_lost():
    survey, _ = surveyed(Group([], [Record(ROOT, (NESTED,))]))
    assert survey.untold == (NESTED.lower(),)


@pytest.mark.parametrize(
    ("root", "assume_owned", "untold"),
    [
        ({"brought": (NIC,)}, False, 0),
        ({"brought": (NIC,), "state": "Failed"}, False, 1),
        ({}, False, 1),
        ({}, True, 0),
    ],
    ids=["outputs tell", "it failed", "no outputs", "callers word"],
)
def test_what_a_lost_one_made_is_untold_unless_the_roots_outputs_or_the_caller_tell(root, assume_owned, untold):
    survey, _ = surveyed(Group([], [Record(ROOT, (NESTED,), **root)]), assume_owned=assume_owned)
    assert len(survey.untold) == untold


def test_deployment_in_the_outputs_is_no_target():
    survey, _ = surveyed(Group([Thing(NIC)], [Record(ROOT, brought=(NESTED, NIC))]))
    assert list(survey.facts.targets.values()) == [NIC]


def test_nested_deployments_that_name_each_other_are_asked_once():
    records = [Record(ROOT, (NESTED,)), Record(NESTED, (OTHER_NESTED,)), Record(OTHER_NESTED, (NESTED, ROOT))]
    _, asked = surveyed(Group([], records))
    assert [each.about for each in asked if each.kind is Kind.OPERATIONS] == [each.id.lower() for each in records]


def remembering(*made):
    return Group([Thing(NIC)], [Record(ROOT, (NET,)), Record(MEMORY, made=made, tags={})])


def test_what_earlier_runs_brought_is_a_target():
    survey, _ = surveyed(remembering(NIC))
    assert list(survey.facts.targets.values()) == [NET, NIC]


def test_memory_has_a_record_of_its_own():
    survey, _ = surveyed(remembering(NIC))
    assert survey.records.keys() == {ROOT.lower(), MEMORY.lower()}


def test_memory_that_makes_no_sense_names_nothing():
    survey, _ = surveyed(remembering(5, None, {}))
    assert list(survey.facts.targets.values()) == [NET]


def test_without_a_memory_nothing_is_remembered():
    survey, _ = surveyed(Group([], [Record(ROOT)]))
    assert survey.records.keys() == {ROOT.lower()}


def test_operations_of_the_memory_are_not_asked_for():
    _, asked = surveyed(remembering(NIC))
    assert kinds(asked).count("OPERATIONS") == 1


def test_disk_of_a_vm_of_ours_becomes_a_target():
    survey, _ = surveyed(usual())
    assert survey.facts.targets[DISK.lower()] == DISK


def test_disk_of_a_vm_that_stays_does_not():
    survey, _ = surveyed(usual(VM={"created": BEFORE}))
    assert DISK.lower() not in survey.facts.targets


@pytest.mark.parametrize(("told", "asked_for"), [("list", []), ("document", [DISK.lower()])])
def test_disk_is_asked_for_last_where_no_list_told_of_it(told, asked_for):
    _, asked = surveyed(usual(DISK={"told": told}))
    machine = next(place for place, each in enumerate(asked) if each.about == VM.lower())
    assert [each.about for each in asked[machine + 1 :] if each.about == DISK.lower()] == asked_for


def test_disk_tells_its_own_age():
    survey, _ = surveyed(usual(DISK={"told": "document", "created": BEFORE}))
    assert survey.facts.verdict(DISK.lower()) is Verdict.OLDER


def test_until_is_the_end_of_the_last_run():
    survey, _ = surveyed(Group([], [Record(ROOT, more=ran("12:10:00", "PT1M"))]))
    assert survey.facts.until == date("2025-05-31T12:10:00Z")


def test_another_survey_knows_what_is_gone_and_the_versions():
    again = surveyed(usual())[0].again(frozenset({NIC.lower()}))
    assert (again.facts.absent, again.facts.targets, again.version("Microsoft.Network/virtualNetworks")) == (
        {NIC.lower()},
        {},
        "2023-11-01",
    )


def test_another_survey_asks_no_provider_that_is_known():
    group = usual()
    _, asked = surveyed(group, survey=surveyed(group)[0].again(frozenset()))
    assert (kinds(asked)[0], "PROVIDER" in kinds(asked)) == ("RECORD", False)


@pytest.mark.parametrize("assume_owned", [True, False])
@pytest.mark.parametrize("halting", [True, False])
def test_another_survey_keeps_the_callers_word(assume_owned, halting):
    again = Survey.of(ENDPOINT, ROOT, assume_owned=assume_owned, halting=halting).again(frozenset())
    assert (again.facts.assume_owned, again.halting) == (assume_owned, halting)


@pytest.mark.parametrize(
    ("mark", "replaced"), [(f"{SINCE} {CORRELATION}", False), (f"{SINCE} {ANOTHER}", True), (None, False)]
)
def test_another_run_is_known_by_its_mark(mark, replaced):
    assert surveyed(usual())[0].replaced(mark) is replaced


def test_since_is_the_roots():
    inner = Record(NESTED, (NIC,), tags={"azvm-since": "2020-01-01T00:00:00Z"})
    survey, _ = surveyed(Group([Thing(NIC)], [Record(ROOT, (NESTED,)), inner]))
    assert survey.facts.since == date("2025-05-31T12:00:00Z")


def test_running_deployment_is_canceled_and_read_again():
    _, asked = surveyed(Group([], [Record(ROOT, state="Running")]))
    assert kinds(asked) == ["RECORD", "CANCEL", "RECORD", "OPERATIONS", "MEMORY"]


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
    assert kinds(asked) == ["RECORD", "OPERATIONS", "MEMORY"]


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
    assert (survey.next, survey.gone) == (None, False)


def test_what_a_stack_manages_is_a_target():
    stack = ROOT.replace("deployments/", "deploymentStacks/")
    survey = Survey.of(ENDPOINT, stack, assume_owned=False, halting=True)
    survey = survey.answered(
        {"id": stack, "properties": {"provisioningState": "succeeded", "resources": [{"id": VM}]}}, None
    )
    assert (survey.facts.targets, survey.next.kind) == ({VM.lower(): VM}, Kind.LIST)


def test_each_group_concerned_is_listed():
    other = GROUP.replace("/rg", "/other")
    group = Group([], [Record(ROOT, (NIC, NIC.replace(GROUP, other)))])
    survey = removal().survey
    for _ in range(3):
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


@pytest.mark.parametrize("odd", [GROUP, "/providers/Microsoft.Management/managementGroups/x", "elsewhere"])
def test_what_is_no_resource_is_outside(odd):
    made = {"properties": {"provisioningOperation": "Create", "targetResource": {"id": odd}}}
    survey = removal().survey.answered({"id": ROOT, "properties": {"provisioningState": "Succeeded"}}, None)
    survey = survey.answered({"value": [made]}, None)
    assert (survey.facts.targets, survey.outside) == ({}, {odd.lower(): odd})
