"""What is deleted in which order, and what stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.protocol.ids import short_name
from azvm_async.protocol.plan import Left, plan
from azvm_async.protocol.survey import Survey
from protocol.group import (
    ASSIGNMENT,
    BEFORE,
    DATA_DISK,
    DIAGNOSTICS,
    DISK,
    LOCK,
    MEMORY,
    NESTED,
    NET,
    NIC,
    ROOT,
    SINCE,
    STORE,
    SUBNET,
    Group,
    Record,
    Thing,
    disk,
    usual,
)
from protocol.support import ENDPOINT, GROUP, STEADY, VM
from protocol.test_survey import surveyed

OTHER_NET = NET.replace("/net", "/other")


def planned(group, **options):
    return plan(surveyed(group, **options)[0])


def order(made):
    """Return the names of what is deleted, in order."""
    return [short_name(each.id) for each in made.deletions]


def deletable(made, resource):
    return next(each for each in made.deletions if each.key == resource.lower())


def stays(made):
    return {each.id: each.reason for each in made.left}


def storing(os=None, *data):
    """Return a group of a VM with these disks."""
    storage = {"osDisk": os or {}, "dataDisks": list(data)}
    things = [Thing(VM, storage=storage), Thing(DISK), Thing(DATA_DISK)]
    return Group(things, [Record(ROOT, (VM,))])


def bound(made):
    """Return the storage profile of the PATCH that binds a VM's disks to it."""
    body = deletable(made, VM).disks
    return body and json.loads(body)["properties"]["storageProfile"]


def test_order_is_vm_then_users_used_records():
    made = planned(usual())
    assert (order(made), [each.id for each in made.records]) == (["vm1", "nic", "os", "net"], [ROOT])


def test_each_is_deleted_under_its_types_own_version():
    made = planned(usual())
    urls = [each.url.partition("api-version=")[2] for each in (*made.deletions, *made.records)]
    assert urls == ["2024-07-01", "2023-09-01", "2024-03-02", "2023-11-01", "2024-03-01"]


def test_children_go_with_their_parent():
    made = planned(usual())
    assert (made.children, "default" in order(made)) == ((SUBNET,), False)


def test_what_depends_on_a_child_goes_before_the_parent():
    made = planned(usual())
    assert deletable(made, NET).used_by == {NIC.lower()}


def test_child_that_depends_makes_its_parent_wait_for_nothing_of_its_own():
    group = Group([Thing(NET), Thing(SUBNET)], [Record(ROOT, (NET, SUBNET), ((SUBNET, (NET,)),))])
    assert deletable(planned(group), NET).used_by == frozenset()


def test_vm_waits_for_nothing_even_where_something_depends_on_it():
    group = Group([Thing(VM), Thing(STORE)], [Record(ROOT, (VM, STORE), ((STORE, (VM,)),))])
    assert order(planned(group)) == ["vm1", "store"]


def test_all_else_waits_for_the_vm_but_is_not_held_by_it():
    made = planned(Group([Thing(VM), Thing(STORE)], [Record(ROOT, (VM, STORE))]))
    assert (deletable(made, STORE).after, deletable(made, STORE).used_by) == ({VM.lower()}, frozenset())


def test_dependencies_of_what_stays_do_not_count():
    made = planned(Group([Thing(NIC), Thing(STORE, created=BEFORE)], [Record(ROOT, (NIC, STORE), ((STORE, (NIC,)),))]))
    assert deletable(made, NIC).after == frozenset()


def test_locks_go_first():
    group = usual()
    lock = Thing(f"{NIC}/{LOCK}", told="document")
    group.things[lock.id.lower()] = lock
    group.records[ROOT.lower()].names += (lock.id,)
    group.records[ROOT.lower()].depends += ((lock.id, (NIC,)),)
    made = planned(group)
    assert (order(made)[0], deletable(made, VM).after, deletable(made, NIC).used_by) == (
        "keep",
        {lock.id.lower()},
        {VM.lower()},
    )


def test_all_else_waits_for_the_locks():
    lock = f"{STORE}/{LOCK}"
    group = Group([Thing(STORE), Thing(NIC), Thing(lock, told="document")], [Record(ROOT, (STORE, NIC, lock))])
    made = planned(group)
    assert [deletable(made, each).after for each in (STORE, NIC)] == [{lock.lower()}] * 2


def test_all_of_a_nested_deployment_waits_for_what_depends_on_it():
    records = [Record(ROOT, (NESTED, NIC), ((NIC, (NESTED,)),)), Record(NESTED, (NET, STORE))]
    made = planned(Group(map(Thing, (NIC, NET, STORE)), records))
    assert [deletable(made, each).used_by for each in (NET, STORE)] == [{NIC.lower()}] * 2


def test_what_a_nested_deployment_depends_on_waits_for_all_of_it():
    records = [Record(ROOT, (NESTED, NIC), ((NESTED, (NIC,)),)), Record(NESTED, (NET, STORE))]
    made = planned(Group(map(Thing, (NIC, NET, STORE)), records))
    assert deletable(made, NIC).used_by == {NET.lower(), STORE.lower()}


def test_dependencies_of_a_nested_deployment_count():
    records = [Record(ROOT, (NESTED,)), Record(NESTED, (NET, NIC), ((NIC, (NET,)),))]
    assert order(planned(Group([Thing(NET), Thing(NIC)], records)))[:2] == ["nic", "net"]


@pytest.mark.parametrize("extension", [LOCK, DIAGNOSTICS, ASSIGNMENT])
def test_extension_goes_by_itself_and_before_its_parent(extension):
    told = Thing(f"{STORE}/{extension}", told="document")
    made = planned(Group([Thing(STORE), told], [Record(ROOT, (STORE, told.id))]))
    assert ([each.id for each in made.deletions], made.children) == ([told.id, STORE], ())


def test_extension_waits_for_nothing_even_where_something_depends_on_it():
    may = f"{STORE}/{ASSIGNMENT}"
    group = Group([Thing(STORE), Thing(VM), Thing(may)], [Record(ROOT, (STORE, VM, may), ((VM, (may,)),))])
    assert deletable(planned(group), may).after == frozenset()


def test_lock_of_the_group_goes_first():
    lock = f"{GROUP}/{LOCK}"
    made = planned(Group([Thing(VM), Thing(lock, told="document")], [Record(ROOT, (VM, lock))]))
    assert (order(made), deletable(made, VM).after) == (["keep", "vm1"], {lock.lower()})


@pytest.mark.parametrize("whose", [{"created": BEFORE}, {"told": "nowhere"}])
def test_extension_of_what_is_not_ours_is_judged_by_itself(whose):
    may = f"{STORE}/{ASSIGNMENT}"
    made = planned(Group([Thing(STORE, **whose), Thing(may, told="document")], [Record(ROOT, (STORE, may))]))
    assert order(made) == ["may"]


def test_extension_without_a_version_is_stuck():
    odd = f"{STORE}/providers/Microsoft.Oddities/oddities/x"
    made = planned(Group([Thing(STORE), Thing(odd)], [Record(ROOT, (STORE, odd))]))
    assert ([each.id for each in made.stuck], made.children) == ([odd], ())


def test_records_are_the_nested_ones_first_and_the_roots_at_the_end():
    deep = f"{NESTED}-most"
    records = [Record(ROOT, (NESTED,)), Record(NESTED, (deep, NIC)), Record(deep)]
    made = planned(Group([Thing(NIC)], records))
    assert [each.id for each in made.records] == [deep, NESTED, ROOT]


def test_record_of_the_root_waits_for_all_others():
    records = [Record(ROOT, (NESTED,)), Record(NESTED), Record(MEMORY, tags={})]
    assert planned(Group([], records)).records[-1].used_by == {NESTED.lower(), MEMORY.lower()}


def peered(*others):
    """Return a group of two networks each of which has a peering that depends on the other network."""
    peering, back = f"{NET}/virtualNetworkPeerings/to", f"{OTHER_NET}/virtualNetworkPeerings/to"
    things = [Thing(each, told="list") for each in (*others, NET, OTHER_NET, peering, back)]
    depends = ((peering, (NET, OTHER_NET)), (back, (OTHER_NET, NET)))
    return Group(things, [Record(ROOT, tuple(each.id for each in things), depends)])


def test_circle_is_planned_all_the_same():
    assert sorted(order(planned(peered()))) == ["net", "other"]


def test_circle_is_cut_where_it_begins():
    first, second = planned(peered()).deletions
    assert (first.after, first.used_by, second.used_by) == (frozenset(), frozenset(), {first.key})


def test_what_only_waits_for_a_circle_comes_after_it():
    group = peered(STORE)
    group.records[ROOT.lower()].depends += ((NET, (STORE,)), (OTHER_NET, (STORE,)))
    made = planned(group)
    assert (order(made)[-1], deletable(made, STORE).used_by) == ("store", {NET.lower(), OTHER_NET.lower()})


SOME = [f"{GROUP}/providers/Microsoft.Storage/storageAccounts/s{number}" for number in range(5)]


@given(edges=st.sets(st.tuples(st.sampled_from(SOME), st.sampled_from(SOME))))
@STEADY
def test_order_is_a_real_one_whatever_depends_on_what(edges):
    depends = tuple((user, (used,)) for user, used in sorted(edges))
    placed = set()
    for each in planned(Group(map(Thing, SOME), [Record(ROOT, tuple(SOME), depends)])).deletions:
        assert each.used_by <= each.after <= placed
        placed.add(each.key)
    assert placed == {each.lower() for each in SOME}


def test_nested_deployments_that_name_each_other_end():
    other = f"{NESTED}-2"
    records = [
        Record(ROOT, (NESTED, STORE), ((STORE, (NESTED,)),)),
        Record(NESTED, (other, NIC)),
        Record(other, (NESTED,)),
    ]
    made = planned(Group([Thing(NIC), Thing(STORE)], records))
    assert deletable(made, NIC).used_by == {STORE.lower()}


@pytest.mark.parametrize(
    ("created", "said"), [(BEFORE, "there before"), ("2025-05-31T12:11:01Z", "after the deployment had ended")]
)
def test_what_is_known_to_be_anothers_stays(created, said):
    group = usual(NIC={"created": created})
    group.records[ROOT.lower()].more = {"timestamp": "2025-05-31T12:10:00Z", "duration": "PT10M"}
    made = planned(group)
    assert ("nic" in order(made), said in stays(made)[NIC], made.stuck) == (False, True, ())


def test_what_tells_no_age_is_stuck():
    made = planned(usual(NIC={"told": "nowhere"}))
    assert ("nic" in order(made), made.stuck) == (False, (Left(NIC, "Azure does not tell when it was created"),))


@pytest.mark.parametrize(("told", "waiting"), [("nowhere", True), ("document", False), ("list", False)])
def test_plan_waits_for_ages_that_may_yet_be_told(told, waiting):
    assert planned(usual(NIC={"told": told})).waiting is waiting


def test_plan_does_not_wait_for_a_version():
    odd = f"{GROUP}/providers/Microsoft.Network/oddities/x"
    assert planned(Group([Thing(odd)], [Record(ROOT, (odd,))])).waiting is False


def test_lost_nested_deployment_is_stuck():
    made = planned(Group([], [Record(ROOT, (NESTED,))]))
    assert [(each.id, "record is gone" in each.reason) for each in made.stuck] == [(NESTED.lower(), True)]


def test_group_that_a_deployment_made_stays_and_says_so():
    assert "not what holds them" in stays(planned(Group([], [Record(ROOT, (GROUP,))])))[GROUP]


def test_child_stays_with_a_parent_that_stays():
    assert "belongs to net" in stays(planned(usual(NET={"created": BEFORE})))[SUBNET]


def test_younger_child_of_a_parent_that_stays_is_deleted_by_itself():
    made = planned(usual(NET={"created": BEFORE}, SUBNET={"told": "document"}))
    assert ("default" in order(made), list(stays(made))) == (True, [NET])


def test_type_without_a_version_stays_and_says_so():
    odd = f"{GROUP}/providers/Microsoft.Network/oddities/x"
    made = planned(Group([Thing(odd)], [Record(ROOT, (odd,))]))
    assert made.stuck == (Left(odd, "Azure names no api-version for its type"),)


def test_absent_is_neither_deleted_nor_left():
    group = usual()
    del group.things[NIC.lower()]
    made = planned(group)
    assert (made.absent, "nic" in order(made), made.left) == ((NIC,), False, ())


def test_callers_word_takes_what_is_older():
    assert "nic" in order(planned(usual(NIC={"created": BEFORE}), assume_owned=True))


@pytest.mark.parametrize("created_by", ["FromImage", "Empty", "Copy"])
def test_disks_that_azure_made_with_the_vm_go_after_it(created_by):
    made = planned(storing(disk(DISK, created_by=created_by), disk(DATA_DISK, created_by=created_by, lun=0)))
    assert order(made)[:3] == ["vm1", "os", "data"]
    assert deletable(made, DATA_DISK).used_by == {VM.lower()}


def test_disk_that_was_attached_stays():
    made = planned(storing(disk(DISK), disk(DATA_DISK, created_by="Attach", lun=0)))
    assert "data" not in order(made)


def test_older_disk_stays_however_the_vm_came_by_it():
    group = storing(disk(DISK))
    group.things[DISK.lower()].created = BEFORE
    made = planned(group)
    assert ("os" in order(made), bound(made)) == (False, None)


def test_disk_that_the_deployment_names_is_planned_once():
    group = storing(disk(DISK))
    group.records[ROOT.lower()].names += (DISK,)
    assert order(planned(group)).count("os") == 1


def test_disk_without_an_id_is_passed_over():
    assert order(planned(storing({"createOption": "FromImage", "vhd": {}}))) == ["vm1"]


def test_loose_os_disk_is_bound():
    assert bound(planned(storing(disk(DISK)))) == {"osDisk": {"deleteOption": "Delete"}}


def test_data_disks_are_bound_as_a_whole_array_for_one_left_out_would_be_detached():
    foreign = disk(f"{DISK}-foreign", created_by="Attach", lun=0)
    fast, loose = disk(f"{DISK}-fast", "Delete", lun=1), disk(DATA_DISK, lun=2)
    made = planned(storing(disk(DISK, "Delete"), foreign, fast, loose))
    assert bound(made) == {"dataDisks": [foreign, fast, {**loose, "deleteOption": "Delete"}]}


def test_disks_that_go_with_the_vm_anyway_need_no_binding():
    assert bound(planned(storing(disk(DISK, "Delete"), disk(DATA_DISK, "delete", lun=0)))) is None


def test_only_an_attached_disk_needs_no_binding():
    assert bound(planned(storing(disk(DISK, "Delete"), disk(DATA_DISK, created_by="Attach", lun=0)))) is None


def test_plan_shows_what_goes_and_what_stays():
    shown = planned(usual(NET={"created": BEFORE})).shown
    assert (shown.delete, [each.id for each in shown.left]) == ((VM, NIC, DISK, ROOT), [NET, SUBNET])


def stacked(*, assume_owned=False, **change):
    """Return the plan for a stack of a NIC and a store."""
    stack = ROOT.replace("deployments/", "deploymentStacks/")
    properties = {"provisioningState": "succeeded", "resources": [{"id": NIC}, {"id": STORE}]}
    survey = Survey.of(ENDPOINT, stack, assume_owned=assume_owned, halting=True)
    survey = survey.answered({"id": stack, "tags": {"azvm-since": SINCE}, "properties": properties}, None)
    return plan(surveyed(Group([Thing(NIC), Thing(STORE, **change)], []), survey=survey)[0])


def test_stack_is_deleted_by_one_request_with_all_that_it_manages():
    made = stacked()
    assert (order(made), made.children) == (["vm1-deployment"], (NIC, STORE))
    assert "unmanageAction.Resources=delete&unmanageAction.ResourceGroups=detach" in made.deletions[0].url


@pytest.mark.parametrize("whose", [{"created": BEFORE}, {"told": "nowhere"}])
def test_stack_with_something_that_is_not_known_to_be_ours_in_it_is_stuck(whose):
    made = stacked(**whose)
    assert (made.deletions, [each.id for each in made.stuck]) == ((), [STORE])


def test_stack_waits_for_ages_that_may_yet_be_told():
    assert (stacked(told="nowhere").waiting, stacked(created=BEFORE).waiting) == (True, False)


@pytest.mark.parametrize("whose", [{"created": BEFORE}, {"told": "nowhere"}])
def test_stack_goes_with_what_is_foreign_on_the_callers_word(whose):
    assert order(stacked(assume_owned=True, **whose)) == ["vm1-deployment"]
