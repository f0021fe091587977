"""What may be sent again, by what is known of the sending that failed, and when it can't be known whether it was done.

============================  ======  ========  =======  =======
what is known                 always  answered  refused  never
============================  ======  ========  =======  =======
never sent                    again   again     again    again
429: refused                  again   again     again    -
408, 5xx: maybe applied       again   again     unknown  unknown
lost: maybe applied           again   unknown   unknown  unknown
409 after one of these two    again   unknown   unknown  unknown
any other 4xx after them      unknown unknown   unknown  unknown
any other 4xx                 -       -         -        -
============================  ======  ========  =======  =======

"again" ends after so many tries: then it is unknown where one of them may have been applied. "-" raises what Azure answered.
"unknown" raises OutcomeUnknown, for writes: a gateway's 504 or a server's 500 says nothing of what was done behind it, and
neither does a later refusal, for ARM's replicas differ, and what stood there then may be gone now.
"""

from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus

from azvm_async.errors import AzureVMError, CertificateError, TransportError


class Repeat(Enum):
    """What may be sent again when a sending did not end in a clear answer; see the table above."""

    ALWAYS = "always"
    """For reads, and for what names a state to reach: doing it twice is doing it once."""

    ANSWERED = "answered"
    """For a caller who knows of it that Azure's word that it failed can be believed; silence is not."""

    REFUSED = "refused"
    """For what must happen once at most, such as a reboot: only 429 says that nothing was done."""

    NEVER = "never"
    """For what the caller wants to decide alone."""


_HARMLESS = "It can be sent again: doing it twice is doing it once"
_HARMFUL = (
    "Sent again, it could be done twice. Look at the resource first; where that tells nothing, as of a restart, Azure's "
    "activity log has the client request id of what came there ('az monitor activity-log list --resource-id …')"
)


def advice(repeat: Repeat) -> str:
    """Return how to go on where nobody knows whether a write was done."""
    return _HARMLESS if repeat is Repeat.ALWAYS else _HARMFUL


def may_repeat(repeat: Repeat, error: BaseException, *, doubted: bool = False) -> bool:
    """Tell whether a request that failed so may be sent again; ``doubted``: an earlier sending may have been applied."""
    if isinstance(error, CertificateError) or not isinstance(error, AzureVMError):
        return False
    if isinstance(error, TransportError):
        return repeat is Repeat.ALWAYS or not error.maybe_applied
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return repeat is not Repeat.NEVER
    if error.status == HTTPStatus.CONFLICT:
        return doubted and repeat is Repeat.ALWAYS  # what is in the way may be the first, which comes to an end
    return answered_in_vain(error) and repeat in {Repeat.ALWAYS, Repeat.ANSWERED}


def outcome_unknown(errors: Sequence[AzureVMError]) -> bool:
    """Tell whether a write whose sendings failed so, one after the other, may have been done all the same."""
    return any(_may_be_done(error) for error in errors)


def _may_be_done(error: AzureVMError) -> bool:
    return error.maybe_applied if isinstance(error, TransportError) else answered_in_vain(error)


def answered_in_vain(error: AzureVMError) -> bool:
    """Tell whether an answer says neither yes nor no."""
    return in_vain(error.status or 0)


def in_vain(status: int) -> bool:
    """Tell whether a status says neither yes nor no."""
    return status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
