"""When an operation is polled: as Azure says, else at our own pace, which knows how long a verb usually takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.protocol.lro import Lro
from azvm_async.protocol.machine import Wait
from azvm_async.protocol.pacing import (
    FIRST_DELAY,
    LONGEST_DELAY,
    ORDINARY,
    POLLS,
    SPREAD,
    USUAL,
    backoff,
    pause,
    retry_after,
)
from azvm_async.protocol.patience import Patience
from azvm_async.wire import joined
from protocol.support import BY_STATUS, MIDNIGHT, STEADY, answer, at, begun, says

SHOWN = "Sun, 01 Jun 2025 00:00:00 GMT"

ASKED = [
    ("0", 0.0),
    ("1", 1.0),
    ("15", 15.0),
    (" 15 ", 15.0),
    ("1.5", 1.5),
    ("3600", 3600.0),
    ("3601", 3600.0),
    ("1" * 400, 3600.0),
    ("Sun, 01 Jun 2025 00:00:30 GMT", 30.0),
    ("Sunday, 01-Jun-25 00:00:30 GMT", 30.0),
    ("Sun Jun  1 00:00:30 2025", 30.0),
    ("Sun, 01 Jun 2025 00:00:30 -0000", 30.0),
    ("Sat, 31 May 2025 23:00:00 GMT", 0.0),
    ("Mon, 01 Jun 2026 00:00:00 GMT", 3600.0),
    ("", None),
    ("soon", None),
    ("-1", None),
    ("+1", None),
    ("1e3", None),
    ("inf", None),
    ("nan", None),
    ("0x10", None),
    ("1_000", None),
    ("1.2.3", None),
    (".5", None),
    ("²", None),
    ("\u0661\u0665", None),
    ("15s", None),
    ("PT15S", None),
    ("Sun, 99 Jun 2025 00:00:30 GMT", None),
    ("Sun, 01 Jun 99999 00:00:30 GMT", None),
]


@pytest.mark.parametrize(("header", "seconds"), ASKED)
def test_retry_after_is_read_in_each_legal_form_and_no_other(header, seconds):
    assert retry_after(answer(429, headers={"retry-after": header}), MIDNIGHT) == seconds


def test_without_the_header_nothing_is_asked():
    assert retry_after(answer(429), MIDNIGHT) is None


def test_of_a_repeated_header_the_first_value_counts():
    assert retry_after(answer(429, headers=joined([("Retry-After", "5"), ("retry-after", "10")]))) == 5.0


@pytest.mark.parametrize(
    "ours", ["2020-01-01T00:00:00+00:00", "2025-06-01T00:00:00+00:00", "2031-01-01T00:00:00+00:00"]
)
def test_a_date_is_measured_by_the_answers_own_clock_whatever_ours_says(ours):
    headers = {"retry-after": "Sun, 01 Jun 2025 00:00:30 GMT", "date": SHOWN}
    assert retry_after(answer(429, headers=headers), MIDNIGHT.fromisoformat(ours)) == 30.0


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_date_in_an_answer_without_a_clock_is_measured_by_ours(date):
    headers = {"retry-after": "Sun, 01 Jun 2025 00:00:30 GMT", "date": date}
    assert retry_after(answer(429, headers=headers), MIDNIGHT) == 30.0


def test_a_date_without_any_clock_asks_for_nothing():
    assert retry_after(answer(429, headers={"retry-after": SHOWN})) is None


def waits(headers, times, *, luck=0.5):
    """Return the seconds before each poll of an operation all whose answers have these headers."""
    now, found = 0.0, []
    state = begun(first=answer(202, headers={**BY_STATUS, **headers}), now=at(now, luck))
    for _ in range(times):
        step = state.due(at(now))
        until = step.until if isinstance(step, Wait) else now
        found.append(round(until - now, 6))
        now = until
        state = state.receive(answer(200, {"status": "Running"}, headers), at(now, luck))
    return found


def test_azures_word_is_kept_to_at_each_poll():
    assert waits({"retry-after": "12"}, 4) == [12.0] * 4


def test_zero_is_taken_at_its_word_three_times_in_a_row_and_then_as_a_second():
    assert waits({"retry-after": "0"}, 6) == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]


def test_a_date_gone_by_counts_as_zero():
    assert waits({"retry-after": SHOWN, "date": SHOWN}, 5) == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_another_word_than_zero_starts_the_row_anew():
    state = begun(first=answer(202, headers={**BY_STATUS, "retry-after": "0"}))
    for asked in ("0", "0", "5", "0", "0", "0"):
        state = state.receive(answer(200, {"status": "Running"}, {"retry-after": asked}), at(100))
    assert not isinstance(state.due(at(100)), Wait)


def test_zero_in_error_answers_counts_in_the_same_row():
    state = begun(first=answer(202, headers={**BY_STATUS, "retry-after": "0"}))
    for _ in range(3):
        state = state.receive(answer(503, headers={"retry-after": "0"}), at(100))
    assert state.due(at(100)) == Wait(101.0)


@pytest.mark.parametrize("nonsense", ["soon", "-1", "", "1e9"])
def test_nonsense_is_as_good_as_no_header(nonsense):
    assert waits({"retry-after": nonsense}, 5) == waits({}, 5)


def test_our_own_waits_grow_to_their_cap():
    found = waits({}, 30)
    assert found == sorted(found)
    assert (found[0], found[-1]) == (pytest.approx(FIRST_DELAY), pytest.approx(LONGEST_DELAY))


def test_waiting_paces_itself_by_its_verb():
    assert waits({}, 30) == [pytest.approx(pause(polls, 0.5, USUAL["start"])) for polls in range(30)]


def test_a_verb_of_which_nothing_is_known_is_paced_as_an_ordinary_one():
    assert Patience.begun(answer(202), at(0), "dance").due_at == pause(0, 0.5, ORDINARY)


@pytest.mark.parametrize("usual", [*USUAL.values(), ORDINARY])
def test_what_takes_as_long_as_usual_costs_ten_polls_at_most(usual):
    assert sum(pause(polls, 0.5, usual) for polls in range(POLLS)) >= usual - 1e-9


def test_what_takes_three_times_as_long_as_usual_costs_seven_polls_more():
    assert sum(pause(polls, 0.5, ORDINARY) for polls in range(POLLS + 7)) > 3 * ORDINARY


@pytest.mark.parametrize("usual", [*USUAL.values(), ORDINARY])
def test_the_first_poll_of_the_quickest_operation_is_not_late(usual):
    assert pause(0, 0.99, usual) < 1.4


def test_a_resumed_operation_goes_on_at_the_pace_it_had():
    state = begun()
    for _ in range(8):
        state = state.receive(says("Running"), at(10))
    resumed = Lro.from_token(state.to_token(), at(1000)).receive(says("Running"), at(1000))
    assert resumed.due(at(1000)) == Wait(1000 + pause(9, 0.5, USUAL["start"]))


@STEADY
@given(duration=st.floats(0, 7200), usual=st.floats(0.1, 7200), luck=st.randoms(use_true_random=False))
def test_no_end_is_noticed_later_than_by_a_quarter_of_the_longer_of_duration_and_usual(duration, usual, luck):
    due, polls = 0.0, 0
    while due < duration:
        due += pause(polls, luck.random(), usual)
        polls += 1
    jitter = (1 + SPREAD / 2) / (1 - SPREAD / 2)  # a late poll after early ones
    assert due - duration <= max(FIRST_DELAY, 0.21 * max(duration, usual)) * jitter


def test_misses_are_read_again_in_growing_steps():
    now, found, state = 0.0, [], begun()
    for _ in range(20):
        state = state.receive(answer(503), at(now))
        until = state.due(at(now)).until
        found.append(round(until - now, 6))
        now = until
    assert found[0] < 1
    assert found == sorted(found)
    assert found[-1] == pytest.approx(LONGEST_DELAY)


def test_a_readable_answer_brings_the_polls_back_to_their_own_pace():
    state = begun()
    for _ in range(15):
        state = state.receive(answer(503), at(10))
    after_misses = state.receive(says("Running"), at(10))
    assert after_misses.due(at(10)).until == pytest.approx(10 + pause(16, 0.5, USUAL["start"]))


@STEADY
@given(attempt=st.integers(0, 10**6), luck=st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_its_bounds(attempt, luck):
    middle = backoff(attempt, 0.5)
    assert FIRST_DELAY <= middle <= LONGEST_DELAY
    assert middle * (1 - SPREAD / 2) - 1e-9 <= backoff(attempt, luck) <= middle * (1 + SPREAD / 2) + 1e-9


@STEADY
@given(polls=st.integers(0, 10**6), usual=st.floats(0, 1e6), luck=st.floats(0, 1, exclude_max=True))
def test_jitter_of_our_own_pace_stays_within_its_bounds(polls, usual, luck):
    middle = pause(polls, 0.5, usual)
    assert FIRST_DELAY <= middle <= LONGEST_DELAY
    assert middle * (1 - SPREAD / 2) - 1e-9 <= pause(polls, luck, usual) <= middle * (1 + SPREAD / 2) + 1e-9


@STEADY
@given(polls=st.integers(0, 10**4), usual=st.floats(0, 1e4))
def test_our_own_pace_never_quickens(polls, usual):
    assert pause(polls, 0.5, usual) <= pause(polls + 1, 0.5, usual)


@pytest.mark.parametrize("attempt", [0, 3, 40])
def test_luck_spreads_the_waits(attempt):
    assert backoff(attempt, 0.0) < backoff(attempt, 0.5) < backoff(attempt, 0.99)


def test_azures_word_is_not_spread():
    assert waits({"retry-after": "12"}, 2, luck=0.0) == waits({"retry-after": "12"}, 2, luck=0.9)
