"""Every error of this package, in one hierarchy under :class:`AzureVMError`.

A class says whose fault it is and what to do next; an object says what happened, to which VM, with Azure's own code,
message and request id. Three families matter to a caller:

- the request was **refused**: nothing happened (:class:`InvalidRequest`, and the :class:`RequestRefused` family);
- the **operation** came to an end other than success (:class:`OperationFailed` and its kin);
- **nobody knows yet**: the wait, the network or the protocol broke, the operation may well go on
  (:class:`WaitTimeout`, :class:`StatusUnreadable`, :class:`ProtocolError`, :class:`TransportError`,
  :class:`OutcomeUnknown`, :class:`ClientClosed`).
"""

import copy
from typing import Any, TypeVar

_SHOWN, _SHOWN_OF_US = 1_000, 4_000
"""Characters that are shown of each part of an error, Azure's and ours: what stands between may answer with whole books. The
attributes hold all."""


class AzureVMError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    what : str
        What happened, in one sentence without a full stop.
    vm : str, optional
        ARM id (or name) of the virtual machine or resource concerned.
    status : int, optional
        HTTP status of the answer, where there was one.
    code, message : str, optional
        Azure's error code and message, as it gave them.
    request_id : str, optional
        Azure's ``x-ms-request-id``: what its support asks for.
    client_request_id : str, optional
        Our ``x-ms-client-request-id``, which is in Azure's logs too.
    retry_after : float, optional
        Seconds that Azure asked to wait before another try.
    details : tuple of dict
        Azure's nested ``details``, as they came.
    """

    advice = ""

    def __init__(
        self,
        what: str,
        *,
        vm: str | None = None,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        client_request_id: str | None = None,
        retry_after: float | None = None,
        details: tuple[Any, ...] = (),
        advice: str | None = None,
    ) -> None:
        super().__init__(what)
        if advice is not None:
            self.advice = advice
        self.what = what
        self.vm = vm
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.client_request_id = client_request_id
        self.retry_after = retry_after
        self.details = details

    def __str__(self) -> str:
        azure = ": ".join(_shortened(part) for part in (self.code, self.message) if part)
        what = _shortened(self.what, _SHOWN_OF_US)
        said = f"{what}: {azure.rstrip('.')}" if azure else what
        return _printable(". ".join(part for part in (said + self._reference(), self.advice) if part))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shortened(self.what, _SHOWN_OF_US)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)

    def _reference(self) -> str:
        facts = (
            f"HTTP {self.status}" if self.status else "",
            f"request id {_shortened(self.request_id)}" if self.request_id else "",
            f"client request id {self.client_request_id}" if self.client_request_id and not self.request_id else "",
        )
        known = ", ".join(fact for fact in facts if fact)
        return f" ({known})" if known else ""


class InvalidRequest(AzureVMError, ValueError):
    """The call is wrong and was refused here: no request was sent."""


class AuthenticationError(AzureVMError):
    """No token could be had, or Azure did not accept it for this (401, 403)."""

    advice = (
        "Nothing was changed. Check who is signed in ('az login', AZURE_CLIENT_ID/TENANT_ID/CLIENT_SECRET, or a managed "
        "identity), and that this identity has a role on the resource group, such as 'Virtual Machine Contributor'"
    )


class RequestRefused(AzureVMError):
    """Azure answered the request with an error status; the classes below are its common kinds."""


class NotFound(RequestRefused):
    """Azure knows no such resource (404)."""

    advice = "Check the name, the resource group and the subscription; 'client.list()' shows what is there"


class Conflict(RequestRefused):
    """The resource's present state does not allow this (409)."""

    advice = (
        "Another operation may be running on it, or it may have to be started first: 'client.instance_view(name)' shows"
    )


class Throttled(RequestRefused):
    """Too many requests (429), and the retries were used up."""

    advice = "Wait for 'retry_after' seconds; send fewer requests at once"


class OperationFailed(AzureVMError):
    """Azure accepted the operation, and it ended as Failed."""

    advice = "The operation is over; mend its cause, then submit it again"


class OperationCanceled(OperationFailed):
    """The operation was canceled in Azure."""

    advice = "Somebody or something canceled it; submit it again if it is still wanted"


class OperationPreempted(OperationFailed):
    """A newer operation on the same resource ended this one."""

    advice = "The newer operation won; look at the VM's state before submitting this one again"


class DeploymentFailed(OperationFailed):
    """A deployment ended as Failed; ``code`` and ``message`` are those of the innermost cause.

    Attributes
    ----------
    causes : tuple of Cause
        All innermost errors, each with its resource; the first is the earliest.
    resources : tuple of ResourceProgress
        How each resource of the deployment ended: its operations.
    """

    advice = "Mend the cause and provision again, or remove what was created: 'client.deprovision(name)'"

    def __init__(
        self, what: str, *, causes: tuple[Any, ...] = (), resources: tuple[Any, ...] = (), **facts: Any
    ) -> None:
        super().__init__(what, **facts)
        self.causes = causes
        self.resources = resources


class DeprovisionIncomplete(OperationFailed):
    """Not everything that a deployment created could be deleted; its record stays, so that a later try knows of it.

    Attributes
    ----------
    report : Deprovisioned or None
        What was deleted, and what was left and why.
    """

    advice = "Remove what holds the rest (a lock, a role that is missing, another resource), then deprovision again"

    def __init__(self, what: str, *, report: Any = None, **facts: Any) -> None:
        super().__init__(what, **facts)
        self.report = report


class OwnershipUnknown(AzureVMError):
    """It can't be told what a deployment created and what stood before; nothing was deleted."""

    advice = (
        "Look at 'client.deprovision(name, assume_owned=True, plan=True)'; if all of that may go, do it without 'plan'"
    )


class FleetFailed(AzureVMError):
    """Some VMs of a fleet's run did not come to what was asked for; the others did.

    Attributes
    ----------
    report : Report
        How it went with each.
    """

    advice = "'report.failures' tells of each; what has succeeded need not be done again ('only_needed=True')"

    def __init__(self, what: str, *, report: Any = None, **facts: Any) -> None:
        super().__init__(what, **facts)
        self.report = report


class WaitTimeout(AzureVMError, TimeoutError):
    """The wait timed out; the operation goes on in Azure, and a removal of a deployment in its client.

    Attributes
    ----------
    operation : Operation or None
        The handle: await it again. ``None`` where Azure had not answered yet, and in another process, for the handle
        belongs to its client.
    token : str or None
        What the operation is resumed from.
    """

    advice = "It may well go on: wait for it again by the same handle, or keep its token for later"

    def __init__(
        self,
        what: str,
        *,
        operation: Any = None,
        token: str | None = None,
        vm: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(what, vm=vm, advice=advice)
        self.operation = operation
        self.token = token
        if operation is None and advice is None:
            self.advice = (
                "It may well be sent or be begun: look at the resource, or into 'client.outstanding' for its handle"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, {**self.__dict__, "operation": None})


class StatusUnreadable(AzureVMError):
    """The operation's state could not be read; that says nothing about the operation itself."""

    advice = "The operation may be going on; the handle is whole: await it again, or resume its token later"


class ProtocolError(AzureVMError):
    """An answer broke ARM's rules for long-running operations."""

    advice = "This is a fault of the service or of something between; look at the resource itself before going on"


class TransportError(AzureVMError):
    """No answer came: the network, TLS or a time-out.

    Attributes
    ----------
    maybe_applied : bool
        False when nothing can have been done: no connection was made, or it was only a read.
    """

    advice = "Check the network, the proxy and the endpoint"

    def __init__(self, what: str, *, maybe_applied: bool, vm: str | None = None) -> None:
        super().__init__(what, vm=vm)
        self.maybe_applied = maybe_applied


class CertificateError(TransportError):
    """The endpoint's TLS certificate is not trusted; nothing was sent."""

    advice = "Check the endpoint's name; where an authority of your own has signed it, give its file: 'ca_file='"


class OutcomeUnknown(AzureVMError):
    """The request may or may not have been applied, and repeating it could do it twice."""

    advice = "Look at the resource's state before sending it again"


class NotAccepted(AzureVMError):
    """What was about to be sent when its sender ended is not known to Azure, which was asked for ten seconds."""

    advice = "Send it again if it is still wanted, unless something between may hold it back for longer than that"


class ClientClosed(AzureVMError):
    """The client was closed while this was being awaited; the operation goes on in Azure."""

    advice = "Make another client: the operation is followed, and a removal goes on, from its handle's token there"


Error = TypeVar("Error", bound=AzureVMError)


def fresh(error: Error) -> Error:
    """Return an equal error with a traceback of its own, so that many waiters can raise it at once."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin


def _shortened(text: str, most: int = _SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _printable(text: str) -> str:
    """Return a text that any log takes: a header in no known encoding holds halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode()


def _rebuilt(kind: type[Error], args: tuple[Any, ...], facts: dict[str, Any]) -> Error:
    """Undo ``__reduce__``: the constructors take keywords, which the default way of copying forgets."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error
