"""The errors: which class, what they tell, and that they travel."""

import copy
import pickle

import pytest

from azvm_async import errors
from azvm_async.errors import (
    AuthenticationError,
    AzureVMError,
    CertificateError,
    Conflict,
    InvalidRequest,
    NotFound,
    OperationCanceled,
    OperationFailed,
    OperationPreempted,
    RequestRefused,
    Throttled,
    TransportError,
    WaitTimeout,
    fresh,
)
from azvm_async.protocol.faults import Fault, error_for
from azvm_async.protocol.repeat import Repeat, may_repeat, outcome_unknown
from azvm_async.wire import Request
from protocol.support import URL, VM, answer

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AzureVMError)]
EXTRA = {WaitTimeout: {"token": "token"}}
TRANSPORT = {TransportError: {"maybe_applied": True}, CertificateError: {"maybe_applied": False}}
FULL = {
    "vm": VM,
    "status": 409,
    "code": "OperationNotAllowed",
    "message": "It is being deleted.",
    "request_id": "r-1",
    "client_request_id": "c-1",
    "retry_after": 5.0,
    "details": ({"code": "inner"},),
}


def made(kind):
    """Return an error of a kind with all that it can carry."""
    if kind in EXTRA or kind in TRANSPORT:
        return kind("what happened", vm=VM, **EXTRA.get(kind, {}), **TRANSPORT.get(kind, {}))
    return kind("what happened", **FULL)


kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@kinds
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, fresh, *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(6))],
    ids=["copy", "deepcopy", "fresh", *(f"pickle-{p}" for p in range(6))],
)
def test_an_error_travels_whole(kind, copied):
    error = made(kind)
    twin = copied(error)
    assert twin is not error
    assert (type(twin), str(twin), twin.args, vars(twin)) == (type(error), str(error), error.args, vars(error))


def raised(error):
    """Return an error with a traceback."""
    try:
        raise error
    except AzureVMError as caught:
        return caught


def test_a_fresh_error_has_no_traceback_of_another_waiter():
    assert fresh(raised(made(NotFound))).__traceback__ is None


def test_a_fresh_error_keeps_its_cause():
    error, cause = made(NotFound), OSError("cable")
    error.__cause__ = cause
    assert fresh(error).__cause__ is cause


@pytest.mark.parametrize("part", ["what happened", "OperationNotAllowed", "It is being deleted", "HTTP 409", "r-1"])
def test_an_errors_text_tells_what_azure_said(part):
    assert part in str(made(Conflict))


def test_our_request_id_is_told_where_azures_is_unknown():
    assert "c-1" in str(Conflict("what", client_request_id="c-1"))


@kinds
def test_an_errors_text_ends_with_its_advice(kind):
    error = made(kind)
    assert str(error).endswith(error.advice)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {AzureVMError, RequestRefused, InvalidRequest}])
def test_each_common_error_advises(kind):
    assert kind.advice


def test_an_error_of_few_words_has_no_empty_places():
    assert str(RequestRefused("start of vm1 was refused")) == "start of vm1 was refused"


def test_full_stops_are_not_doubled():
    assert ".." not in str(made(Conflict))


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (InvalidRequest, ValueError),
        (WaitTimeout, TimeoutError),
        (NotFound, RequestRefused),
        (Conflict, RequestRefused),
        (Throttled, RequestRefused),
        (OperationCanceled, OperationFailed),
        (OperationPreempted, OperationFailed),
    ],
)
def test_an_error_is_caught_by_its_family(kind, base):
    assert issubclass(kind, base)


def test_a_timeout_carries_its_operation():
    assert WaitTimeout("what", operation="handle").operation == "handle"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFound),
        (405, RequestRefused),
        (409, Conflict),
        (412, RequestRefused),
        (429, Throttled),
        (500, RequestRefused),
        (503, RequestRefused),
    ],
)
def test_the_class_is_decided_by_the_http_status(status, kind):
    body = {"error": {"code": "OperationNotAllowed", "message": "m"}}
    assert type(error_for("what", Request("POST", URL), answer(status, body))) is kind


def test_a_refusal_carries_what_azure_told():
    request = Request("POST", URL, headers={"x-ms-client-request-id": "c-1"})
    body = {"error": {"code": "C", "message": "M", "details": [{"code": "inner"}]}}
    error = error_for("what", request, answer(429, body, {"x-ms-request-id": "r-1", "retry-after": "7"}), vm=VM)
    told = {name: getattr(error, name) for name in FULL}
    assert told == {
        "vm": VM,
        "status": 429,
        "code": "C",
        "message": "M",
        "request_id": "r-1",
        "client_request_id": "c-1",
        "retry_after": 7.0,
        "details": ({"code": "inner"},),
    }


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"error": {"code": "C", "message": "M"}}, Fault("C", "M")),
        ({"code": "C", "message": "M"}, Fault("C", "M")),
        ({"error": {"code": "C", "details": [{"code": "D"}]}}, Fault("C", None, ({"code": "D"},))),
        ({"error": "invalid_request", "error_description": "M"}, Fault("invalid_request", "M")),
        ({"error": "invalid_request"}, Fault("invalid_request")),
        ({"error": {"code": 5, "message": None}}, Fault("5")),
        ({"error": {"code": "", "message": []}}, Fault()),
        ({"error": {"code": "C", "details": {"code": "D"}}}, Fault("C")),
        ({"error": []}, Fault()),
        ({"error": 5}, Fault()),
        ({}, Fault()),
        (None, Fault()),
        ([], Fault()),
        ("text", Fault()),
    ],
)
def test_a_fault_is_read_in_each_shape(body, fault):
    assert Fault.of(body) == fault


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[1]", b"\xff"])
def test_a_refusal_by_something_between_is_an_error_all_the_same(body):
    error = error_for("what", Request("GET", URL), answer(502, body))
    assert (error.status, error.code, error.message) == (502, None, None)


def refusal(status):
    return RequestRefused("what", status=status)


NEVER_SENT, LOST = TransportError("x", maybe_applied=False), TransportError("x", maybe_applied=True)
KNOWN = {"never-sent": NEVER_SENT, "429": refusal(429), "408": refusal(408), "500": refusal(500), "lost": LOST}
ROWS = {
    "never-sent": ("again", "again", "again", "again"),
    "429": ("again", "again", "again", "-"),
    "408": ("again", "again", "unknown", "unknown"),
    "500": ("again", "again", "unknown", "unknown"),
    "lost": ("again", "unknown", "unknown", "unknown"),
}
CELLS = [
    pytest.param(repeat, KNOWN[known], row[column], id=f"{known}-{repeat.value}")
    for known, row in ROWS.items()
    for column, repeat in enumerate((Repeat.ALWAYS, Repeat.ANSWERED, Repeat.REFUSED, Repeat.NEVER))
]


@pytest.mark.parametrize(("repeat", "error", "cell"), CELLS)
def test_what_may_be_sent_again_is_as_the_table_says(repeat, error, cell):
    assert may_repeat(repeat, error) is (cell == "again")


@pytest.mark.parametrize(("repeat", "error", "cell"), [cell for cell in CELLS if cell.values[2] != "again"])
def test_whether_the_outcome_is_unknown_is_as_the_table_says(repeat, error, cell):  # noqa: ARG001
    assert outcome_unknown([error]) is (cell == "unknown")


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize("doubtful", [LOST, refusal(500)], ids=["lost", "500"])
def test_what_is_in_the_way_after_a_doubtful_sending_is_as_the_table_says(repeat, doubtful):
    assert all(outcome_unknown([doubtful, refusal(status)]) for status in (400, 404, 409, 429))
    assert may_repeat(repeat, refusal(409), doubted=True) is (repeat is Repeat.ALWAYS)


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize(
    "error",
    [CertificateError("x", maybe_applied=False), refusal(400), refusal(404), refusal(409), KeyError("x")],
    ids=str,
)
def test_what_would_fail_again_is_not_sent_again(repeat, error):
    assert may_repeat(repeat, error) is False


@pytest.mark.parametrize(
    "body",
    [
        {"Error": {"Code": "Abc", "Message": "So."}},
        {"Code": "Abc", "Message": "So."},
        {"error": {"code": "Abc", "message": "So."}},
        {"code": "Abc", "message": "So."},
    ],
    ids=["Error.Code", "Code", "error.code", "code"],
)
def test_azures_code_is_read_in_all_spellings_seen(body):
    assert (Fault.of(body).code, Fault.of(body).message) == ("Abc", "So.")
