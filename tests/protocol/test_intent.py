"""The mark of a deployment: known again when it is the same, and a time that only what is ours reaches."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azvm_async.protocol.intent import INTENT_TAG, SETTLING, SINCE_TAG, Intent, mark_of, since_after, since_on
from azvm_async.wire import Response
from protocol.support import MIDNIGHT, STEADY

NONCE, OTHER_NONCE = "0123456789abcdef" * 2, "f" * 32
TEMPLATE = {"resources": [{"type": "x", "name": "y"}], "parameters": {"size": {"type": "string"}}}
PARAMETERS = {"size": {"value": "small"}}


def intent(nonce=NONCE, template=TEMPLATE, parameters=PARAMETERS, mode="Incremental"):
    return Intent.of(nonce, template, parameters, mode)


def tagged(value, name=INTENT_TAG):
    return {"tags": {name: value}}


MARKED = {"tags": intent().tags(MIDNIGHT)}


def test_mark_comes_back_from_its_tags():
    assert Intent.on(MARKED) == intent()


def test_tags_names_are_compared_without_case():
    assert Intent.on({"tags": {name.upper(): value for name, value in MARKED["tags"].items()}}) == intent()


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"tags": None},
        {"tags": []},
        tagged(None),
        tagged(5),
        tagged(""),
        tagged("azvm"),
        tagged(NONCE),
        tagged(f"{NONCE}.{'g' * 64}"),
        tagged(f"{NONCE[1:]}.{'a' * 64}"),
        tagged(f"{NONCE}.{'a' * 65}"),
        tagged(f"{NONCE}.{'a' * 64}\n"),
        tagged(f"{NONCE}.{'a' * 64}", "other-tag"),
    ],
    ids=str,
)
def test_what_is_no_mark_of_ours_is_none(odd):
    assert Intent.on(odd) is None


def test_mark_fits_into_a_tag_of_azures():
    assert all(len(value) <= 256 for value in MARKED["tags"].values())


def test_same_wish_of_another_call_is_on_it():
    assert intent(OTHER_NONCE).is_on(MARKED)


def test_another_call_is_not_the_same_intent():
    assert intent(OTHER_NONCE) != Intent.on(MARKED)


def test_order_of_names_makes_no_difference():
    assert intent(template=dict(reversed(TEMPLATE.items()))).is_on(MARKED)


@pytest.mark.parametrize(
    "other",
    [
        {"template": {**TEMPLATE, "outputs": {}}},
        {"template": {**TEMPLATE, "resources": []}},
        {"parameters": {"size": {"value": "large"}}},
        {"parameters": {}},
        {"mode": "Complete"},
    ],
    ids=str,
)
def test_another_wish_is_not_on_it(other):
    assert not intent(**other).is_on(MARKED)


def test_no_wish_is_on_a_deployment_without_mark():
    assert not intent().is_on({"tags": {}})


def test_digest_stays_the_same_from_process_to_process():
    """A later release must know the deployments of an earlier one."""
    digest = "59fe48aaaac963d1f027bad5907a39eb1554178ce2d6c17f712855e3a2708122"
    assert intent().digest == digest


@given(value=st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda i: st.lists(i, max_size=3)))
@STEADY
def test_any_json_has_a_digest(value):
    assert intent(parameters={"x": {"value": value}}).is_on(
        {"tags": intent(parameters={"x": {"value": value}}).tags(MIDNIGHT)}
    )


@pytest.mark.parametrize(
    ("since", "mark"),
    [
        (MIDNIGHT, "2025-06-01T00:00:00Z"),
        (datetime(2025, 6, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2025-06-01T00:00:00Z"),
        (datetime(2025, 6, 1, 0, 0, 1, 999_999, UTC), "2025-06-01T00:00:01Z"),
    ],
)
def test_since_is_written_in_utc_to_the_second(since, mark):
    assert intent().tags(since)[SINCE_TAG] == mark


def test_since_comes_back_from_its_tag():
    assert since_on(MARKED) == MIDNIGHT


@pytest.mark.parametrize("odd", ["", "yesterday", None, 5, [], "2025-13-01T00:00:00Z"])
def test_since_that_is_no_date_is_none(odd):
    assert since_on(tagged(odd, SINCE_TAG)) is None


def test_mark_of_a_run_is_its_tag_and_azures_correlation_id():
    document = {**tagged("2025-06-01T00:00:00Z", SINCE_TAG), "properties": {"correlationId": "c-1"}}
    assert mark_of(document) == "2025-06-01T00:00:00Z c-1"


@pytest.mark.parametrize(
    "other",
    [
        {**tagged("2025-06-01T00:00:00Z", SINCE_TAG), "properties": {"correlationId": "c-2"}},
        {**tagged("2025-06-02T00:00:00Z", SINCE_TAG), "properties": {"correlationId": "c-1"}},
        {"properties": {"correlationId": "c-1"}},
    ],
    ids=["sent again", "made anew", "made by others"],
)
def test_another_run_has_another_mark(other):
    assert mark_of(other) != mark_of(
        {**tagged("2025-06-01T00:00:00Z", SINCE_TAG), "properties": {"correlationId": "c-1"}}
    )


def test_run_that_tells_nothing_has_no_mark():
    assert mark_of({}) == ""


def dated(date):
    return Response(404, {} if date is None else {"date": date})


@pytest.mark.parametrize("date", ["Sun, 01 Jun 2025 00:00:00 GMT", "Sun, 01 Jun 2025 02:00:00 +0200"])
def test_mark_is_the_second_after_azures_clock(date):
    assert since_after(dated(date), datetime(2030, 1, 1, tzinfo=UTC)) == MIDNIGHT + timedelta(seconds=1)


def test_mark_has_come_when_the_put_is_sent():
    """However far within its second Azure's clock was when it was read."""
    azure = MIDNIGHT + timedelta(seconds=0.999)
    sent = azure + timedelta(seconds=SETTLING)
    assert azure < since_after(dated("Sun, 01 Jun 2025 00:00:00 GMT"), MIDNIGHT) <= sent


@pytest.mark.parametrize(
    "date",
    [None, "", "today", "Sun, 99 Jun 2025 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "31 Dec 9999 23:59 -0200"],
)
def test_without_azures_clock_our_own_counts(date):
    assert since_after(dated(date), MIDNIGHT + timedelta(seconds=0.7)) == MIDNIGHT + timedelta(seconds=1)


@given(date=st.text(max_size=40))
@STEADY
def test_mark_is_made_of_any_date(date):
    assert since_after(dated(date), MIDNIGHT).microsecond == 0
