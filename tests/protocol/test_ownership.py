"""Whose a resource is: by its age, its parent, or the caller's word."""

import pytest

from azvm_async.protocol.fields import date
from azvm_async.protocol.ownership import Facts, Verdict, creation_time, group_of, is_extension, parent_of, type_of
from protocol.group import AFTER, ASSIGNMENT, BEFORE, DIAGNOSTICS, LOCK, NET, NIC, SINCE, SUBNET
from protocol.support import GROUP, SUBSCRIPTION

END, MUCH_LATER = "2025-05-31T12:10:00Z", "2025-06-30T12:00:00Z"


def facts(created=(), targets=(NET, SUBNET), since=SINCE, *, until=None, assume_owned=False):
    """Return what is known of a network and its subnet: times by id."""
    times = {key.lower(): time and date(time) for key, time in dict(created).items()}
    named = {each.lower(): each for each in targets}
    return Facts(assume_owned, since and date(since), until and date(until), named, times)


def verdict(known, resource=NET):
    return known.verdict(resource.lower())


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (BEFORE, Verdict.OLDER),
        (SINCE, Verdict.OURS),
        (AFTER, Verdict.OURS),
        ("2025-05-31T14:00:00+02:00", Verdict.OURS),
        ("2025-05-31T13:59:59+02:00", Verdict.OLDER),
        (None, Verdict.UNTOLD),
    ],
)
def test_age_decides(created, expected):
    assert verdict(facts({NET: created})) is expected


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (AFTER, Verdict.OURS),
        ("2025-05-31T12:11:00Z", Verdict.OURS),
        ("2025-05-31T12:11:01Z", Verdict.NEWER),
        (BEFORE, Verdict.OLDER),
        (None, Verdict.UNTOLD),
    ],
)
def test_what_is_created_a_minute_after_the_end_is_anothers(created, expected):
    assert verdict(facts({NET: created}, until=END)) is expected


def test_callers_word_takes_what_is_newer():
    assert verdict(facts({NET: "2026-01-01T00:00:00Z"}, until=END, assume_owned=True)) is Verdict.OURS


def test_what_was_not_looked_for_is_unasked():
    assert verdict(facts()) is Verdict.UNASKED


def test_age_tells_nothing_where_the_deployments_is_unknown():
    assert verdict(facts({NET: AFTER}, since=None)) is Verdict.UNTOLD


@pytest.mark.parametrize("created", [BEFORE, None])
def test_callers_word_beats_age(created):
    assert verdict(facts({NET: created}, since=None, assume_owned=True)) is Verdict.OURS


def test_callers_word_does_not_stand_for_existence():
    assert verdict(facts(assume_owned=True)) is Verdict.UNASKED


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({NET: AFTER}, Verdict.WITH_PARENT),
        ({NET: AFTER, SUBNET: BEFORE}, Verdict.WITH_PARENT),
        ({NET: BEFORE}, Verdict.UNASKED),
        ({NET: BEFORE, SUBNET: None}, Verdict.PARENT_STAYS),
        ({NET: BEFORE, SUBNET: AFTER}, Verdict.OURS),
        ({NET: BEFORE, SUBNET: BEFORE}, Verdict.OLDER),
        ({NET: MUCH_LATER}, Verdict.UNASKED),
        ({NET: MUCH_LATER, SUBNET: AFTER}, Verdict.OURS),
    ],
)
def test_child_follows_a_parent_of_ours_only(times, expected):
    assert verdict(facts(times, until=END), SUBNET) is expected


def test_child_of_an_unnamed_parent_is_judged_by_itself():
    assert verdict(facts({NET: AFTER, SUBNET: None}, targets=[SUBNET]), SUBNET) is Verdict.PARENT_STAYS


def test_grandchild_goes_with_its_grandparent():
    below = f"{SUBNET}/things/x"
    assert verdict(facts({NET: AFTER}, targets=[NET, SUBNET, below]), below) is Verdict.WITH_PARENT


@pytest.mark.parametrize("resource", [NET, SUBNET])
def test_what_is_absent_takes_its_children_along(resource):
    known = facts({NET: AFTER, SUBNET: AFTER}).without(NET.lower())
    assert verdict(known, resource) is Verdict.ABSENT


def test_absent_child_of_what_is_ours_is_absent():
    assert verdict(facts({NET: AFTER}).without(SUBNET.lower()), SUBNET) is Verdict.ABSENT


@pytest.mark.parametrize(
    ("times", "resource", "said"),
    [
        ({NET: BEFORE}, NET, "created 2025-05-31 11:59:59"),
        ({NET: BEFORE, SUBNET: None}, SUBNET, "belongs to net,"),
        ({NET: None}, NET, "does not tell when"),
        ({NET: MUCH_LATER}, NET, "after the deployment had ended: 2025-06-30"),
    ],
)
def test_reason_tells_why_it_stays(times, resource, said):
    assert said in facts(times, until=END).reason(resource.lower())


@pytest.mark.parametrize(
    ("resource", "parent"),
    [
        (NIC, None),
        (SUBNET, NET),
        (f"{SUBNET}/things/x", SUBNET),
        (f"{NIC}/{LOCK}", NIC),
        (f"{SUBNET}/{LOCK}", SUBNET),
        (f"{GROUP}/{LOCK}", None),
        (f"{NIC}/{LOCK}".replace("/providers/", "/Providers/"), NIC.replace("/providers/", "/Providers/")),
        (SUBNET.replace("/providers/", "/PROVIDERS/"), NET.replace("/providers/", "/PROVIDERS/")),
        (NET.replace("/providers/", "/Providers/"), None),
    ],
)
def test_parent_is_read_off_the_id(resource, parent):
    assert parent_of(resource) == parent


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (SUBNET, "Microsoft.Network/virtualNetworks/subnets"),
        (f"{SUBNET}/{LOCK}", "Microsoft.Authorization/locks"),
        (SUBNET.replace("/providers/", "/Providers/"), "Microsoft.Network/virtualNetworks/subnets"),
        (f"{NIC}/{LOCK}".replace("/providers/", "/Providers/"), "Microsoft.Authorization/locks"),
    ],
)
def test_type_is_read_off_the_id(resource, kind):
    assert type_of(resource) == kind


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (NIC, False),
        (SUBNET, False),
        (f"{NIC}/{DIAGNOSTICS}", True),
        (f"{SUBNET}/{ASSIGNMENT}", True),
        (f"{NIC}/{DIAGNOSTICS}".replace("/providers/", "/Providers/"), True),
        (f"{GROUP}/{LOCK}", True),
        (f"{GROUP}/{ASSIGNMENT}", False),
    ],
)
def test_extensions_of_resources_and_locks_of_groups_are_told_from_the_rest(resource, expected):
    assert is_extension(resource) is expected


@pytest.mark.parametrize(
    ("resource", "group"),
    [
        (SUBNET, GROUP),
        (SUBNET.replace("resourceGroups", "RESOURCEGROUPS"), GROUP.replace("resourceGroups", "RESOURCEGROUPS")),
        (f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/x", None),
    ],
)
def test_group_is_read_off_the_id(resource, group):
    assert group_of(resource) == group


@pytest.mark.parametrize(
    "document",
    [
        {"systemData": {"createdAt": AFTER}},
        {"properties": {"createdOn": AFTER}},
        {"properties": {"timeCreated": AFTER}},
        {"systemData": {"createdAt": "soon"}, "properties": {"timeCreated": AFTER}},
    ],
    ids=str,
)
def test_creation_is_found_in_the_document(document):
    assert creation_time(document) == date(AFTER)


@pytest.mark.parametrize("document", [{}, {"systemData": None}, {"properties": {"createdOn": 5}}], ids=str)
def test_creation_that_is_not_told_is_unknown(document):
    assert creation_time(document) is None
