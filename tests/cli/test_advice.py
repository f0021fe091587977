"""What is said about an error, and the exit code."""

import pytest

from azvm_async import (
    AuthenticationError,
    AzureVMError,
    CertificateError,
    Conflict,
    InvalidRequest,
    NotFound,
    Outcome,
    OutcomeUnknown,
    Report,
    RequestRefused,
    RunCommandResult,
    State,
    StatusUnreadable,
    TransportError,
    WaitTimeout,
)
from azvm_async.cli.advice import code_for, code_of, explained, reasons
from cli.test_board import BEGAN, vm

ADVISED = [
    (AuthenticationError("No token could be had"), 4, "az login"),
    (AuthenticationError("Refused", status=403, code="AuthorizationFailed"), 4, "Virtual Machine Contributor"),
    (NotFound("Refused", status=404, code="SubscriptionNotFound"), 4, "az account list"),
    (Conflict("Refused", status=409, code="MissingSubscriptionRegistration"), 1, "az provider register"),
    (NotFound("Refused", status=404, code="ResourceGroupNotFound"), 1, "az group list"),
    (NotFound("Refused", status=404, code="ResourceNotFound"), 1, "azvm list"),
    (Conflict("Refused", status=409), 1, "azvm status"),
    (TransportError("No connection", maybe_applied=False), 1, "--endpoint"),
    (CertificateError("Not trusted", maybe_applied=False), 1, "--ca-file"),
    (InvalidRequest("No name"), 2, "No name"),
    (OutcomeUnknown("Perhaps"), 3, "azvm status"),
    (StatusUnreadable("Perhaps"), 3, "azvm resume"),
    (WaitTimeout("Late"), 3, "Late"),
    (RequestRefused("Refused", status=400, code="Odd", message="Words."), 1, "Odd: Words"),
]


@pytest.mark.parametrize(
    ("error", "code", "advice"), ADVISED, ids=[str(error.code or error.what) for error, _, _ in ADVISED]
)
def test_an_error_has_its_advice_and_code(error: AzureVMError, code: int, advice: str):
    assert advice in explained(error)
    assert code_of(error) == code


@pytest.mark.parametrize("error", [error for error, _, _ in ADVISED], ids=lambda error: str(error.code or error.what))
def test_advice_is_one_paragraph_for_a_shell(error: AzureVMError):
    told = explained(error)
    assert "\n" not in told
    assert told.endswith(".")
    assert not told.endswith("..")
    assert "client." not in told


def test_what_the_library_advises_stays_as_it_was():
    error = NotFound("Refused")
    before = error.advice
    explained(error)
    assert error.advice == before


def script(code: int | None) -> RunCommandResult:
    return RunCommandResult(code, "", "", None, None, "Succeeded", None)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([vm("a", State.SUCCEEDED), vm("b", State.SKIPPED)], 0),
        ([vm("a", State.SUCCEEDED), vm("b", State.FAILED, error=Conflict("x"))], 1),
        ([vm("a", State.UNKNOWN), vm("b", State.CANCELED)], 1),
        ([vm("a", State.SUCCEEDED), vm("b", State.UNKNOWN)], 3),
        ([vm("a", State.RUNNING)], 3),
        ([vm("a", State.NOT_BEGUN)], 3),
        ([vm("a", State.FAILED, error=AuthenticationError("x")), vm("b", State.SUCCEEDED)], 4),
        ([vm("a", State.FAILED, error=AuthenticationError("x")), vm("b", State.FAILED, error=Conflict("x"))], 1),
        ([vm("a", State.SUCCEEDED, result=script(0))], 0),
        ([vm("a", State.SUCCEEDED, result=script(3))], 1),
        ([vm("a", State.SUCCEEDED, result=script(None))], 1),
        ([], 0),
    ],
)
def test_a_run_has_its_code(outcomes: list[Outcome], code: int):
    assert code_for(Report("start", tuple(outcomes), BEGAN, BEGAN)) == code


def test_what_was_only_to_be_begun_may_go_on():
    begun = Report("start", (vm("a", State.RUNNING),), BEGAN, BEGAN)
    assert code_for(begun, waits=False) == 0


def test_the_same_reason_is_told_once():
    failed = [
        vm(f"a{n}", State.FAILED, error=Conflict(f"Azure refused the start of a{n}", code="Busy")) for n in range(5)
    ]
    (told,) = reasons(failed)
    assert told.startswith("a0, a1, a2 and 2 more: Azure refused the start of a0: Busy")


def test_two_reasons_are_two_paragraphs():
    failed = [
        vm("a", State.FAILED, error=Conflict("x", code="A")),
        vm("b", State.FAILED, error=Conflict("x", code="B")),
    ]
    assert len(reasons(failed)) == 2
