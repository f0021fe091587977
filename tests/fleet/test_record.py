"""What is kept of a run for its picture: bounded, whatever happens, and counted right."""

import pickle

import pytest

from azvm_async import AzureVMClient, Fleet, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.fleet.record import MARKS, SLOTS, Marks, Rate, Record
from fleet.support import crowd, opened, run_of


def test_rate_counts_by_seconds():
    rate = Rate()
    for at in (10.0, 10.9, 11.0):
        rate.add(at)
    assert (rate.width, dict(rate.counts)) == (1, {10: 2, 11: 1})


@pytest.mark.parametrize("seconds", [SLOTS, SLOTS + 1, 100_000])
def test_rate_has_so_many_slots_and_counts_all(seconds: int):
    rate = Rate()
    for second in range(seconds):
        rate.add(1e9 + second)
    assert len(rate.counts) <= SLOTS
    assert rate.counts.total() == seconds
    assert all(count <= rate.width for count in rate.counts.values())


def test_rates_of_different_widths_are_taken_in():
    narrow, wide = Rate(), Rate()
    for second in range(4 * SLOTS):
        wide.add(second)
    narrow.add(5)
    both = Rate()
    both.take_in(narrow)
    both.take_in(wide)
    assert (both.width, both.counts.total()) == (wide.width, 4 * SLOTS + 1)
    wide.take_in(narrow)
    assert wide.counts == both.counts


def test_rate_over_a_long_time_has_wide_slots_and_leaves_the_other_alone():
    rate = Rate()
    rate.add(100)
    rate.add(40_000)
    assert (rate.over(40_000).width, rate.width) == (256, 1)


@pytest.mark.parametrize("number", [1, MARKS, MARKS + 1, 10_000])
def test_marks_are_counted_and_so_many_kept_evenly(number: int):
    marks = Marks()
    for at in range(number):
        marks.add(float(at))
    gaps = {after - before for before, after in zip(marks.kept, marks.kept[1:], strict=False)}
    assert marks.count == number
    assert len(marks.kept) <= MARKS
    assert len(gaps) <= 1
    assert marks.kept[0] == 0


async def test_lane_counts_what_its_vms_operation_met(client: AzureVMClient, arm: Emulator):
    crowd(arm, 2)
    arm.inject(faults.Status(429, retry_after=3), path="*/vm1/start", times=2)
    report = (await run_of(client, ["vm0", "vm1"])).report
    lanes = {outcome.name: report.record.lanes[outcome.vm.lower()] for outcome in report}
    assert lanes["vm0"].refusals is None
    assert (lanes["vm1"].refusals.count, lanes["vm1"].retries) == (2, 2)
    assert {name: lane.polls.count for name, lane in lanes.items()} == {each.name: each.polls for each in report}


async def test_rates_are_those_of_the_wire(client: AzureVMClient, arm: Emulator, wire):
    report = (await run_of(client, crowd(arm, 5))).report
    record = report.record
    assert record.submissions.counts.total() == len(wire.writes) == 5
    assert record.polls.counts.total() == report.polls == len(wire.sent) - 5
    assert not record.refusals.counts


async def test_vms_of_one_request_share_a_lane(client: AzureVMClient, arm: Emulator):
    report = (await run_of(client, crowd(arm, 30), engine="bulk")).report
    assert len(set(map(id, report.record.lanes.values()))) == 1
    assert report.record.submissions.counts.total() == 1


async def test_runs_of_a_client_at_the_same_time_have_each_its_own(client: AzureVMClient, arm: Emulator):
    async with Fleet(client, crowd(arm, 3)) as some, Fleet(client, crowd(arm, 4, prefix="other")) as others:
        runs = [some.start(), others.start()]
        found = [(await run).record for run in runs]
    assert [len(record.lanes) for record in found] == [3, 4]
    assert [record.submissions.counts.total() for record in found] == [3, 4]


async def test_what_is_taken_up_has_its_polls_told(client: AzureVMClient, arm: Emulator, clock: VirtualClock, journal):
    names = crowd(arm, 2)
    await run_of(client, names, journal=journal, deadline=5)
    async with opened(arm, clock) as another:
        report = (await run_of(another, names, journal=journal)).report
    assert [lane.polls.count for lane in report.record.lanes.values()] == [each.polls for each in report]
    assert report.record.submissions.counts.total() == 0


async def test_record_goes_with_its_report(client: AzureVMClient, arm: Emulator):
    report = (await run_of(client, crowd(arm, 2))).report
    back = pickle.loads(pickle.dumps(report))
    assert back.record.polls.counts == report.record.polls.counts
    assert back.record.lanes.keys() == report.record.lanes.keys()
    assert back.timeline() == report.timeline()


@pytest.mark.parametrize(("shares", "whole"), [((0.25, 0.25), 0.5), ((1.0, 1.0), 1.0), ((2.0, 0.5), 2.0)])
def test_merged_record_may_use_what_all_of_them_may(shares: tuple[float, ...], whole: float):
    assert Record.merged([Record(share) for share in shares]).share == whole


def test_merged_record_has_all_lanes_and_counts():
    first, second = Record(), Record()
    first.lane(["a"])
    second.lane(["b"])
    first.polls.add(7)
    second.polls.add(7)
    both = Record.merged([first, second])
    assert (sorted(both.lanes), both.polls.counts[7]) == (["a", "b"], 2)
