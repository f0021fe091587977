"""What a list of VMs tells of operations, and from how many on it is worth reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.protocol import vm
from azvm_async.protocol.hints import (
    WORTH_BEGINNING,
    WORTH_GOING_ON,
    Sighting,
    interval,
    is_told,
    longest_unread,
    seems_ended,
    sightings,
    worth_a_list,
)
from azvm_async.protocol.machine import About
from protocol.support import GROUP, STEADY, VM

VERBS = ("start", "stop", "deallocate", "delete")
LIST_RATE = 300 / 60  # pages in a second, as published


@pytest.mark.parametrize("verb", [verb.name for verb in vm.VERBS])
def test_a_list_tells_of_verbs_that_lead_to_a_state_that_shows(verb):
    assert is_told(About(verb, VM)) is (verb in VERBS)


@pytest.mark.parametrize("verb", ["run_command", "provision", "POST", "DELETE", "", "START"])
def test_a_list_tells_of_nothing_else(verb):
    assert not is_told(About(verb, VM))


@pytest.mark.parametrize("resource", [f"{VM}/runCommands/c", GROUP, f"{GROUP}/providers/X/y/z", "", "https://x/y"])
def test_a_list_tells_of_nothing_but_vms(resource):
    assert not is_told(About("start", resource))


def test_a_vm_is_one_in_any_case():
    assert is_told(About("start", VM.upper()))


def sighting(power="", provisioning="succeeded"):
    return Sighting(power, provisioning)


ENDED = [
    ("start", sighting("running")),
    ("stop", sighting("stopped")),
    ("stop", sighting("deallocated")),
    ("deallocate", sighting("deallocated")),
    *[(verb, sighting("", word)) for verb in VERBS for word in ("failed", "canceled")],
    *[(verb, None) for verb in VERBS],
    ("start", sighting("running", "")),
]
GOES_ON = [
    ("start", sighting("deallocated")),
    ("start", sighting("starting")),
    ("stop", sighting("running")),
    ("stop", sighting("stopping")),
    ("deallocate", sighting("stopped")),
    ("deallocate", sighting("deallocating")),
    ("delete", sighting("running")),
    ("delete", sighting("deallocated")),
    *[
        (verb, sighting(power, word))
        for verb, power in (("start", "running"), ("stop", "stopped"), ("deallocate", "deallocated"), ("delete", ""))
        for word in ("updating", "creating", "deleting", "migrating")
    ],
    *[(verb, sighting("", "")) for verb in VERBS],
]


@pytest.mark.parametrize(("verb", "seen"), ENDED)
def test_what_is_as_the_operation_would_have_it_or_failed_or_gone_has_probably_ended(verb, seen):
    assert seems_ended(verb, seen)


@pytest.mark.parametrize(("verb", "seen"), GOES_ON)
def test_what_is_under_way_or_not_yet_so_has_probably_not_ended(verb, seen):
    assert not seems_ended(verb, seen)


def listed(*codes, **more):
    """Return a VM as the list has it."""
    return {"id": VM, "properties": {"instanceView": {"statuses": [{"code": code} for code in codes]}, **more}}


PAGES = {
    "both states": (listed("ProvisioningState/updating", "PowerState/running"), sighting("running", "updating")),
    "in other letters": (listed("provisioningState/Succeeded", "powerState/Running"), sighting("running")),
    "a failure with its reason": (listed("ProvisioningState/failed/AllocationFailed"), sighting("", "failed")),
    "the resource's own word": (listed(provisioningState="Updating"), sighting("", "updating")),
    "the run-time state first": (
        listed("ProvisioningState/succeeded", provisioningState="Updating"),
        sighting("", "succeeded"),
    ),
    "nothing": ({"id": VM}, sighting("", "")),
    "nonsense": ({"id": VM, "properties": {"instanceView": {"statuses": [None, {"code": 5}, "x"]}}}, sighting("", "")),
    "odd properties": ({"id": VM, "properties": [1]}, sighting("", "")),
    "an odd state": (listed(provisioningState=7), sighting("", "")),
}


@pytest.mark.parametrize(("document", "seen"), PAGES.values(), ids=PAGES)
def test_a_page_is_read_vm_by_vm(document, seen):
    assert dict(sightings({"value": [document]}, {VM.lower()})) == {VM.lower(): seen}


@pytest.mark.parametrize("page", [{}, {"value": None}, {"value": "x"}, {"value": [None, 1, "x"]}])
def test_a_page_without_vms_tells_nothing(page):
    assert list(sightings(page, {VM.lower(), ""})) == []


@pytest.mark.parametrize("document", [listed(), {"id": 5}, {}])
def test_of_what_is_not_asked_for_nothing_is_told(document):
    assert list(sightings({"value": [document]}, {f"{VM.lower()}2"})) == []


def test_ids_are_told_in_lower_case():
    document = {**listed(), "id": VM.upper()}
    assert [vm for vm, _ in sightings({"value": [document]}, {VM.lower()})] == [VM.lower()]


# The switch.

SWITCH = [
    (99, 1, False, False),
    (100, 1, False, True),
    (10, 1, True, True),
    (9, 1, True, False),
    (1_999, 20, False, False),
    (2_000, 20, False, True),
    (200, 20, True, True),
    (199, 20, True, False),
    (0, 1, False, False),
    (0, 1, True, False),
]


@pytest.mark.parametrize(("outstanding", "pages", "listing", "worth"), SWITCH)
def test_a_list_is_read_from_100_operations_a_page_on_and_until_fewer_than_10_are_left(
    outstanding, pages, listing, worth
):
    assert worth_a_list(outstanding, pages, listing=listing) is worth


@STEADY
@given(outstanding=st.integers(0, 50_000), pages=st.integers(1, 100))
def test_what_is_worth_beginning_is_worth_going_on(outstanding, pages):
    assert WORTH_GOING_ON < WORTH_BEGINNING
    assert worth_a_list(outstanding, pages, listing=True) >= worth_a_list(outstanding, pages, listing=False)


@pytest.mark.parametrize(("pages", "seconds"), [(1, 5), (2, 6), (3, 9), (20, 60)])
def test_lists_are_read_every_five_seconds_or_three_a_page(pages, seconds):
    assert interval(pages) == seconds


@pytest.mark.parametrize(("pages", "seconds"), [(1, 60), (5, 60), (6, 72), (20, 240)])
def test_no_operation_is_left_unread_for_longer_than_a_minute_or_four_lists(pages, seconds):
    assert longest_unread(pages) == seconds


@STEADY
@given(pages=st.integers(1, 1_000))
def test_lists_take_a_tenth_of_those_that_azure_allows_at_most(pages):
    assert pages / interval(pages) <= LIST_RATE / 10 + 1e-9
