"""The removal where the first look does not tell all: looks again, other runs, what holds what, and answers to doubt."""

from itertools import pairwise

import pytest

from azvm_async.errors import DeprovisionIncomplete, StatusUnreadable
from azvm_async.protocol.deprovision import LOOK_SECONDS, LOOKS, Deprovisioned
from protocol.group import (
    AFTER,
    ANOTHER,
    BEFORE,
    DISK,
    LOCK,
    MEMORY,
    NESTED,
    NET,
    NIC,
    ROOT,
    ROUTES,
    STORE,
    SUBNET,
    Group,
    Record,
    Thing,
    driven,
    ended,
    refusal,
    removal,
    usual,
)
from protocol.support import GROUP, NOW, VM, answer, at
from protocol.test_deprovision import FORBIDDEN, deleted_in, deletes, resumed, until


def asked(group):
    """Return what was asked, in order: the method and the last name in the URL."""
    return [(each.method, each.url.partition("?")[0].rpartition("/")[2]) for each in group.asked]


def test_records_go_after_a_second_survey_showed_nothing_of_ours():
    group = usual()
    ended(group)
    last = asked(group).index(("DELETE", "vm1-deployment"))
    assert asked(group)[:last].count(("GET", "operations")) == 2


def test_second_survey_comes_after_the_last_deletion():
    group = usual()
    ended(group)
    second = [place for place, each in enumerate(asked(group)) if each == ("GET", "operations")][1]
    assert asked(group).index(("DELETE", "net")) < second


def test_where_nothing_is_left_one_survey_is_enough():
    group = Group([], [Record(ROOT, (NIC,))])
    ended(group)
    assert asked(group).count(("GET", "operations")) == 1


def late(*, created=AFTER):
    """Return the usual group, in which a store appears while the rest is deleted."""
    group = usual()
    group.late = [Thing(STORE, created=created)]
    group.records[ROOT.lower()].names += (STORE,)
    return group


def test_what_appears_meanwhile_goes_too():
    group = late()
    report = ended(group).result
    assert (group.things, group.records) == ({}, {})
    assert report.deleted == (VM, NIC, DISK, NET, STORE, ROOT, SUBNET)


def test_what_appears_meanwhile_is_not_told_as_absent():
    assert ended(late()).result.absent == ()


def test_what_appears_meanwhile_and_is_not_ours_stays():
    group = late(created=BEFORE)
    assert ([each.id for each in ended(group).result.left], group.records) == ([STORE], {})


def test_records_stay_with_what_appears_and_can_not_be_deleted():
    group = late()
    group.late[0].stuck = FORBIDDEN
    assert (ended(group).status, list(group.records)) == ("Failed", [ROOT.lower()])


def sent_anew(change):
    """Return how a removal ends whose deployment becomes another run right before its network is deleted."""
    group = usual()
    record = group.records[ROOT.lower()]
    machine = until(group, deletes("net"), removal(record=group.document(record)))
    change(record)
    return driven(machine, group)[0].outcome, group


CHANGES = {
    "sent again": lambda record: setattr(record, "correlation", ANOTHER),
    "made anew": lambda record: setattr(record, "tags", {"azvm-since": "2025-06-01T00:00:00Z"}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_record_of_another_run_is_left(change):
    _, group = sent_anew(change)
    assert (list(group.records), group.things) == ([ROOT.lower()], {})


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_removal_that_meets_another_run_tells_what_it_did(change):
    outcome, _ = sent_anew(change)
    assert outcome.result.deleted == (VM, NIC, DISK, NET, SUBNET)


def test_same_run_is_removed_to_the_end():
    _, group = sent_anew(lambda _: None)
    assert group.records == {}


def test_mark_survives_in_the_token():
    group = usual()
    machine = resumed(removal(record=group.document(group.records[ROOT.lower()])))
    group.records[ROOT.lower()].correlation = ANOTHER
    assert (driven(machine, group)[0].outcome.result, group.accepted) == (Deprovisioned(), [])


def routed(**changes):
    """Return a group whose network uses a route table that, says the template, depends on the network."""
    out = f"{ROUTES}/routes/out"
    things = [Thing(NET, **changes), Thing(SUBNET, told="nowhere", needs=(ROUTES,)), Thing(ROUTES)]
    return Group(things, [Record(ROOT, (NET, SUBNET, ROUTES, out), ((out, (NET,)), (SUBNET, (NET,))))])


def test_what_waits_for_its_own_user_is_tried_when_that_is_held():
    group = routed()
    assert (ended(group).status, group.things) == ("Succeeded", {})
    assert asked(group).index(("DELETE", "rt")) < asked(group).index(("DELETE", "net"))
    assert deleted_in(group) == ["net", "rt", "vm1-deployment"]


def test_user_that_can_not_be_deleted_leaves_what_it_uses():
    group = routed(stuck=FORBIDDEN)
    assert {each.id for each in ended(group).report.left} == {NET, ROUTES}


def test_nothing_is_tried_before_a_lock_that_is_held_is_gone():
    lock = f"{NIC}/{LOCK}"
    group = usual()
    group.things[lock.lower()] = Thing(lock, told="document", refusals=[(409, "Conflict")] * 3)
    group.records[ROOT.lower()].names += (lock,)
    assert (ended(group).status, deleted_in(group)[0]) == ("Succeeded", "keep")


@pytest.mark.parametrize("response", [refusal(403, "AuthorizationFailed"), answer(400), answer(405)], ids=str)
def test_resource_that_can_not_be_read_is_left_and_the_rest_goes(response):
    group = usual(NIC={"told": "nowhere"})
    group.instead = lambda request: response if request.method == "GET" and "/nic?" in request.url else None
    group.things[VM.lower()].needs = (DISK,)
    group.things[NIC.lower()].needs = ()
    outcome = ended(group)
    assert [each.id for each in outcome.report.left] == [NIC]
    assert (set(group.things), list(group.records)) == ({NIC.lower()}, [ROOT.lower()])


@pytest.mark.parametrize(
    "odd",
    [answer(404), answer(404, b"<html>"), refusal(404, "SubscriptionNotFound"), refusal(404, "InvalidResourceType")],
    ids=["empty", "html", "subscription", "type"],
)
@pytest.mark.parametrize("part", ["/vm1-deployment?", "/azvm-made-", "/resources?", "/Microsoft.Network?", "/nic?"])
def test_404_that_is_no_word_of_absence_is_not_taken_for_one(part, odd):
    group = usual(NIC={"told": "document"})
    machine = until(group, lambda request: part in request.url)
    assert machine.receive(odd, NOW).again(NOW).due(NOW).url == machine.due(at(1e6)).url


def test_404_that_is_no_word_of_absence_is_told_in_the_end():
    group = usual()
    group.instead = lambda _: answer(404)
    with pytest.raises(StatusUnreadable):
        ended(group)


def test_deletion_is_not_believed_to_a_404_of_anybody():
    group = usual()
    machine = until(group, deletes("net"))
    driven(machine.receive(answer(404, b"<html>"), NOW), group)
    assert ("DELETE", NET.lower()) in group.accepted


def test_what_tells_no_age_is_looked_at_again():
    group = Group([Thing(NIC, told="nowhere")], [Record(ROOT, (NIC,))])
    _, now = driven(removal(), group)
    assert (asked(group).count(("GET", "operations")), now) == (LOOKS + 1, LOOKS * LOOK_SECONDS)


def test_age_that_is_told_late_counts():
    group = Group([Thing(NIC, told="nowhere")], [Record(ROOT, (NIC,))])
    machine = until(group, lambda _: asked(group).count(("GET", "nic")) == 2)
    group.things[NIC.lower()].told = "document"
    assert (driven(machine, group)[0].outcome.status, group.things) == ("Succeeded", {})


def test_what_is_all_stuck_ends_incomplete():
    group = Group([Thing(NIC, told="nowhere")], [Record(ROOT, (NIC,))])
    outcome = ended(group)
    assert isinstance(outcome.error(removal().about), DeprovisionIncomplete)
    assert ([each.id for each in outcome.report.left], group.accepted) == ([NIC], [])


@pytest.mark.parametrize("names", [NESTED, f"{GROUP}/providers/Microsoft.Network/oddities/x"])
def test_what_no_later_look_can_tell_ends_incomplete_at_once(names):
    group = Group([], [Record(ROOT, (names,))])
    machine, now = driven(removal(), group)
    assert (machine.outcome.status, now, group.accepted) == ("Failed", 0.0, [])


def test_rest_goes_although_something_is_stuck():
    group = usual()
    group.records[ROOT.lower()].names += (NESTED,)
    assert (ended(group).status, group.things, list(group.records)) == ("Failed", {}, [ROOT.lower()])


def test_memory_goes_with_the_records():
    group = usual()
    group.records[MEMORY.lower()] = Record(MEMORY, made=(NIC,), tags={})
    ended(group)
    assert (group.records, deleted_in(group)[-1]) == ({}, "vm1-deployment")


def test_what_earlier_runs_brought_goes():
    group = Group([Thing(STORE)], [Record(ROOT), Record(MEMORY, made=(STORE,), tags={})])
    ended(group)
    assert (group.things, group.records) == ({}, {})


def test_networks_that_are_peered_both_go():
    other = NET.replace("/net", "/other")
    there, back = (f"{each}/virtualNetworkPeerings/to" for each in (NET, other))
    depends = ((there, (NET, other)), (back, (other, NET)))
    things = [Thing(each) for each in (NET, other)] + [Thing(each, told="nowhere") for each in (there, back)]
    group = Group(things, [Record(ROOT, (NET, other, there, back), depends)])
    assert (ended(group).status, group.things) == ("Succeeded", {})


def steps_of(count):
    """Return in how many steps so many resources are removed, each of which depends on the one before."""
    stores = [f"{STORE}{number}" for number in range(count)]
    depends = tuple((user, (used,)) for used, user in pairwise(stores))
    group = Group(map(Thing, stores), [Record(ROOT, tuple(stores), depends)])
    ended(group)
    assert (group.things, group.records) == ({}, {})
    return len(group.asked)


def test_work_grows_no_faster_than_what_is_removed():
    assert steps_of(200) <= 4.1 * steps_of(50)


@pytest.mark.parametrize("assume_owned", [True, False])
def test_vm_that_can_not_be_read_is_left_for_its_disks_would_be_forgotten(*, assume_owned):
    group = usual()
    group.instead = lambda request: answer(403) if request.method == "GET" and "/vm1?" in request.url else None
    report = ended(group, assume_owned=assume_owned).report
    assert VM in {each.id for each in report.left if "its disks are not known" in each.reason}
    assert VM.lower() in group.things


def test_vm_that_can_not_be_read_is_looked_at_again():
    group = usual()
    machine = until(group, lambda request: request.method == "GET" and "/vm1?" in request.url)
    for _ in range(2):  # it is asked for twice in one survey
        machine = machine.receive(answer(403), NOW)
    assert driven(machine, group)[0].outcome.status == "Succeeded"
