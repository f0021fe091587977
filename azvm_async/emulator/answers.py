"""How ARM words its answers: error bodies, and the refusals that become them.

A handler that cannot do what it is asked raises a :class:`Refusal`; the core turns it into the answer.
"""

from collections.abc import Mapping
from typing import Any

from azvm_async.wire import Response


class Refusal(Exception):
    """A request refused, with ARM's code and message.

    Parameters
    ----------
    status : int
        HTTP status code.
    code : str
        ``error.code`` of the body.
    message : str
        ``error.message`` of the body.
    headers : Mapping[str, str] or None
        Headers beside the usual ones.
    **more : object
        What else ``error`` holds: ``details``, ``target``, ``additionalInfo``.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.more = more

    @classmethod
    def not_found(cls, resource: str, group: str) -> "Refusal":
        """Return the 404 for a resource, such as ``Microsoft.Compute/virtualMachines/vm1``."""
        message = (
            f"The Resource '{resource}' under resource group '{group}' was not found. "
            "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
        return cls(404, "ResourceNotFound", message, {"x-ms-failure-cause": "gateway"})

    @classmethod
    def moved(cls, name: str, known: str, given: str, group: str) -> "Refusal":
        """Return the 409 for a PUT that gives a resource another location."""
        message = (
            f"The resource '{name}' already exists in location '{known}' in resource group '{group}'. A resource with "
            f"the same name cannot be created in location '{given}'. Please select a new resource name."
        )
        return cls(409, "InvalidResourceLocation", message)

    @classmethod
    def bad_content(cls, why: str) -> "Refusal":
        """Return the 400 for a body that isn't what it should be."""
        return cls(
            400, "InvalidRequestContent", f"The request content was invalid and could not be deserialized: {why}"
        )

    @classmethod
    def being_deleted(cls, group: str) -> "Refusal":
        """Return the 409 for what would be put into a resource group that is being deleted."""
        message = f"The resource group '{group}' is in deprovisioning state and cannot perform this operation."
        return cls(409, "ResourceGroupBeingDeleted", message)

    def response(self) -> Response:
        """Return the answer."""
        return Response.with_json(self.status, error_body(self.code, self.message, **self.more), self.headers)


def error_body(code: str, message: str, **more: Any) -> dict[str, dict[str, Any]]:
    """Return ARM's error document."""
    return {"error": {"code": code, "message": message, **more}}
