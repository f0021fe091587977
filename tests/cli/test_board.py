"""How a run stands, as rows and totals, and drawn in terminals of several sizes."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from azvm_async import Outcome, Report, State, Throttled, telemetry
from azvm_async.cli.board import Board, Progress, board, left
from azvm_async.cli.picture import picture

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
THROTTLED = telemetry.Throttled(1, "start", "a", BEGAN, policy=None, owner=None, seconds=9.0, request_id=None)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def vm(name: str, state: State, begun: float | None = None, ended: float | None = None, **facts: object) -> Outcome:
    times = {"submitted": None if begun is None else at(begun), "ended": None if ended is None else at(ended)}
    return Outcome(f"/x/virtualMachines/{name}", state, **times, **facts)  # type: ignore[arg-type]


def report(*outcomes: Outcome) -> Report:
    return Report("start", outcomes, BEGAN, at(60))


def fleet() -> Report:
    """Return 200 VMs: three failed, five run, ten wait, the others are done."""
    failed = [vm(f"bad-{n}", State.FAILED, 0, 5, error=Throttled("Too much")) for n in range(3)]
    running = [vm(f"busy-{n}", State.RUNNING, n, accepted=at(n)) for n in range(5)]
    waiting = [vm(f"later-{n}", State.NOT_BEGUN) for n in range(10)]
    return report(*(vm(f"good-{n}", State.SUCCEEDED, 0, 30) for n in range(182)), *waiting, *running, *failed)


def drawn(stands: Board, width: int, height: int, news: str = "") -> list[str]:
    console = Console(width=width, height=height, color_system=None, force_terminal=True, legacy_windows=False)
    with console.capture() as capture:
        console.print(picture(stands, width, height, news))
    return capture.get().splitlines()


def test_what_failed_is_shown_first_then_what_runs_longest_first():
    rows, _ = board(fleet(), {}, at(60)).shown(8)
    assert [row.name for row in rows] == ["bad-0", "bad-1", "bad-2", "busy-0", "busy-1", "busy-2", "busy-3"]


def test_what_is_not_shown_is_counted():
    _, rest = board(fleet(), {}, at(60)).shown(8)
    assert rest == "… and 193 more: 182 Succeeded, 10 Waiting, 1 Running"


def test_many_failures_leave_half_of_the_room_to_what_runs():
    many = [vm(f"bad-{n}", State.FAILED, 0, 5) for n in range(50)] + [
        vm(f"busy-{n}", State.RUNNING, 0) for n in range(50)
    ]
    rows, _ = board(report(*many), {}, at(60)).shown(11)
    assert [row.name[:3] for row in rows] == ["bad"] * 5 + ["bus"] * 5


def test_few_vms_are_shown_in_their_order():
    rows, rest = board(report(vm("b", State.SUCCEEDED, 0, 5), vm("a", State.FAILED, 0, 5)), {}, at(60)).shown(2)
    assert ([row.name for row in rows], rest) == (["b", "a"], "")


def test_what_azure_has_put_off_is_counted_until_it_is_accepted():
    """By the run's own record, for there is no handle yet."""
    put_off = report(vm("a", State.RUNNING, 0), vm("b", State.RUNNING, 0, accepted=at(9)), vm("c", State.RUNNING, 0))
    for name in "ab":
        lane = put_off.record.lane([f"/x/virtualmachines/{name}"])
        lane(THROTTLED)
    assert board(put_off, {}, at(60)).throttled == 1


def test_totals_are_those_of_the_report():
    stands = board(fleet(), {"/x/virtualmachines/busy-1": Progress(throttled=True)}, at(60))
    assert (stands.done, stands.failed, stands.throttled, stands.seconds) == (182, 3, 1, 60)


def test_a_vm_that_azure_has_not_answered_for_is_being_sent():
    (row,) = board(report(vm("a", State.RUNNING, 10)), {}, at(60)).rows
    assert (row.state, row.seconds) == ("Sending", 50)


def test_a_handles_words_and_trouble_are_in_its_row():
    progress = {"/x/virtualmachines/a": Progress("40 %", "No answer")}
    (row,) = board(report(vm("a", State.RUNNING, 10, accepted=at(11))), progress, at(60)).rows
    assert (row.state, row.progress, row.error) == ("Running", "40 %", "No answer")


def test_the_time_left_is_not_known_before_one_is_done():
    assert left(report(vm("a", State.RUNNING, 0)), at(10)) is None


def test_who_runs_takes_as_long_as_the_others_took():
    assert left(report(vm("a", State.SUCCEEDED, 0, 30), vm("b", State.RUNNING, 20)), at(40)) == 10


def test_who_waits_comes_as_fast_as_they_came():
    outcomes = [vm("a", State.SUCCEEDED, 0, 30), vm("b", State.RUNNING, 20), vm("c", State.NOT_BEGUN)]
    assert left(report(*outcomes), at(40)) == 20 + 30


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (20, 8), (120, 50), (60, 3)])
def test_a_fleet_of_200_fits_any_terminal(width: int, height: int):
    lines = drawn(board(fleet(), {}, at(60)), width, height, "Azure asks to wait 20 s")
    assert len(lines) <= max(height, 7)
    assert all(len(line) <= width for line in lines)


def test_a_small_terminal_shows_totals_failures_and_the_rest():
    text = "\n".join(drawn(board(fleet(), {}, at(60)), 60, 14))
    assert "182 done, 3 failed" in text
    assert "bad-0" in text
    assert "busy-0" in text
    assert "more: 182 Succeeded" in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_totals_bar_and_headings_have_a_line_each(width: int):
    lines = drawn(board(fleet(), {}, at(60)), width, 20)
    assert lines[0].startswith("start of 200 VMs: 182 done")
    assert lines[1].rstrip().endswith("left")
    assert lines[2].split()[:3] == ["VM", "State", "Time"]


def test_how_far_a_vm_is_stands_in_its_line():
    progress = {"/x/virtualmachines/a": Progress("3 of 8 resources")}
    lines = drawn(board(report(vm("a", State.RUNNING, 10, accepted=at(11))), progress, at(60)), 80, 20)
    assert lines[3].split() == ["a", "Running", "0:50", "3", "of", "8", "resources"]


def test_news_are_below():
    assert drawn(board(fleet(), {}, at(60)), 80, 24, "Azure asks to wait 20 s")[-1].strip() == "Azure asks to wait 20 s"


def test_words_of_azure_cant_steer_the_terminal():
    bad = vm("a", State.FAILED, 0, 5, error=Throttled("x", code="Bad", message="\x1b[2Jgone\x07"))
    assert "\x1b[2J" not in "".join(drawn(board(report(bad), {}, at(60)), 100, 24))
