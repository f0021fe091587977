"""What may be sent again, by what is known of the sending that failed.

=====================  ======  ========  =======  =====
what is known          always  answered  refused  never
=====================  ======  ========  =======  =====
never sent             again   again     again    again
429: refused           again   again     again    -
408, 5xx: answered     again   again     unknown  -
lost: maybe applied    again   unknown   unknown  unknown
=====================  ======  ========  =======  =====

"again" ends after so many tries; "-" raises what Azure answered; "unknown" raises OutcomeUnknown, for writes.
"""

from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus

from azvm_async.errors import AzureVMError, CertificateError, RequestRefused, TransportError


class Repeat(Enum):
    """What may be sent again when a sending did not end in a clear answer; see the table above."""

    ALWAYS = "always"
    """For reads, and for what names a state to reach: doing it twice is doing it once."""

    ANSWERED = "answered"
    """For what is not known to us: Azure's word that it failed is believed, silence is not."""

    REFUSED = "refused"
    """For what must happen once at most, such as a reboot: only 429 says that nothing was done."""

    NEVER = "never"
    """For what the caller wants to decide alone."""


def may_repeat(repeat: Repeat, error: BaseException) -> bool:
    """Tell whether a request that failed so may be sent again."""
    if isinstance(error, CertificateError):
        return False
    if isinstance(error, TransportError):
        return repeat is Repeat.ALWAYS or not error.maybe_applied
    if not isinstance(error, AzureVMError):
        return False
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return repeat is not Repeat.NEVER
    return answered_in_vain(error) and repeat in {Repeat.ALWAYS, Repeat.ANSWERED}


def outcome_unknown(repeat: Repeat, errors: Sequence[AzureVMError]) -> bool:
    """Tell whether a write whose sendings failed so, one after the other, may have been done all the same.

    Azure's refusal of a later sending settles the doubt that an earlier one left; that there was no connection, no
    token or no trust the next time does not.
    """
    if not errors:
        return False
    doubt = any(_may_be_done(repeat, error) for error in errors)
    last = errors[-1]
    settled = isinstance(last, RequestRefused) and last.status != HTTPStatus.TOO_MANY_REQUESTS
    return doubt and (not settled or answered_in_vain(last))


def _may_be_done(repeat: Repeat, error: AzureVMError) -> bool:
    if isinstance(error, TransportError):
        return error.maybe_applied
    return repeat is Repeat.REFUSED and answered_in_vain(error)


def answered_in_vain(error: AzureVMError) -> bool:
    """Tell whether an answer says neither yes nor no."""
    status = error.status or 0
    return status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
