"""What to do about an error, in the words of a shell: one paragraph, and the exit code.

The library's errors advise who writes Python; here each kind has its own advice. A new kind is a row of a table.
"""

import copy
from collections import defaultdict
from collections.abc import Iterable, Sequence

from azvm_async import (
    AuthenticationError,
    AzureVMError,
    CertificateError,
    Conflict,
    DeploymentFailed,
    InvalidRequest,
    NotFound,
    Outcome,
    OutcomeUnknown,
    OwnershipUnknown,
    ProtocolError,
    Report,
    State,
    StatusUnreadable,
    Throttled,
    TransportError,
    WaitTimeout,
)
from azvm_async.cli.text import counted, printable

OK, SOME_FAILED, USAGE, NOT_KNOWN, BARRED, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes, as docs/command-line.md tells them."""

_SUBSCRIPTION = (
    "Nothing was changed. 'az account list --output table' shows the subscriptions of who is signed in; name one of them by "
    "--subscription or AZURE_SUBSCRIPTION_ID"
)
_REGISTER = (
    "Nothing was changed. The subscription must be registered with the provider that Azure names, once: "
    "'az provider register --namespace NAME', and some minutes later the same command again"
)
_GROUP = "Nothing was changed. Check --resource-group: 'az group list --output table' shows those that there are"

_BY_CODE = {
    "subscriptionnotfound": _SUBSCRIPTION,
    "invalidsubscriptionid": _SUBSCRIPTION,
    "missingsubscriptionregistration": _REGISTER,
    "resourcegroupnotfound": _GROUP,
}
_BARRED_CODES = {"subscriptionnotfound", "invalidsubscriptionid"}

_UNREACHED = (
    "Is it the right endpoint (--endpoint, AZVM_ENDPOINT; without either Azure itself is asked), and can it be reached from here: "
    "network, proxy? 'azvm emulator' starts one on this machine"
)

_GOES_ON = "It may well be going on: 'azvm status NAME' tells, or 'azvm resume' with its token"

_BY_KIND: Sequence[tuple[type[AzureVMError], str]] = (
    (
        CertificateError,
        "Nothing was sent. Where an authority of your own has signed the endpoint's certificate, give its file: --ca-file",
    ),
    (TransportError, _UNREACHED),
    (NotFound, "Check name, resource group and subscription: 'azvm list' shows which VMs there are"),
    (Conflict, "Another operation may be running on it, or its state forbids this: 'azvm status NAME' shows"),
    (Throttled, "Too much was asked of Azure. Wait a few minutes, then give the same command with --max-concurrency"),
    (
        DeploymentFailed,
        "Mend the cause and give the same command again, or remove what there is: 'azvm deprovision NAME'",
    ),
    (
        OwnershipUnknown,
        "'azvm deprovision NAME --assume-owned --plan' shows what it would take; if all of that may go, do it without --plan",
    ),
    (OutcomeUnknown, "Look before you give the command again: 'azvm status NAME'"),
    (WaitTimeout, _GOES_ON),
    (ProtocolError, _GOES_ON),
    (StatusUnreadable, _GOES_ON),
)


def explained(error: AzureVMError) -> str:
    """Return one paragraph: what happened, and what to do."""
    told = copy.copy(error)
    advice = _advice(error)
    told.advice = error.advice if advice is None else advice
    return printable(" ".join(f"{told}.".split()))


def _advice(error: AzureVMError) -> str | None:
    """Return what to do, ``None`` where the library's own words say it."""
    by_code = _BY_CODE.get((error.code or "").lower())
    if by_code is not None:
        return by_code
    if isinstance(error, AuthenticationError):
        return _of_sign_in(error)
    return next((advice for kind, advice in _BY_KIND if isinstance(error, kind)), None)


def _of_sign_in(error: AuthenticationError) -> str:
    if error.status is None:
        return (
            "Nothing was changed. Sign in by 'az login', or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or "
            "use a machine with a managed identity"
        )
    return (
        "Nothing was changed. Who is signed in ('az account show') may not do this: it takes a role on the resource group, such "
        "as 'Virtual Machine Contributor', and the right subscription"
    )


def code_of(error: AzureVMError) -> int:
    """Return the exit code for an error that ended all."""
    if isinstance(error, InvalidRequest):
        return USAGE
    if isinstance(error, AuthenticationError) or (error.code or "").lower() in _BARRED_CODES:
        return BARRED
    unknown = isinstance(error, OutcomeUnknown | WaitTimeout | StatusUnreadable | ProtocolError)
    return NOT_KNOWN if unknown else SOME_FAILED


def code_for(report: Report, *, waits: bool = True) -> int:
    """Return the exit code for a run; ``waits=False`` where it was to be begun only."""
    failed = [
        outcome for outcome in report if outcome.state in {State.FAILED, State.CANCELED} or _script_failed(outcome)
    ]
    if failed:
        barred = all(each.error is not None and code_of(each.error) == BARRED for each in failed)
        return BARRED if barred else SOME_FAILED
    begun = set() if waits else {State.RUNNING}
    return OK if all(outcome.ok or outcome.state in begun for outcome in report) else NOT_KNOWN


def _script_failed(outcome: Outcome) -> bool:
    return getattr(outcome.result, "exit_code", 0) != 0


def reasons(outcomes: Iterable[Outcome]) -> list[str]:
    """Return why VMs failed, a paragraph a reason: what is the same for many is told once, with their names."""
    vms: dict[object, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.error is not None:
            error = outcome.error
            vms[type(error), error.code, None if error.code else error.what.replace(outcome.name, "")].append(outcome)
    return [_reason(those) for those in vms.values()]


def _reason(outcomes: Sequence[Outcome]) -> str:
    assert outcomes[0].error is not None  # noqa: S101 - those without one were left out
    return f"{counted([outcome.name for outcome in outcomes])}: {explained(outcomes[0].error)}"
