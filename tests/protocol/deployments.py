"""What ARM answers of deployments, and states of one to start a test from."""

from typing import Any

from azvm_async.protocol import provision
from azvm_async.protocol.machine import About
from azvm_async.protocol.provision import Provision
from azvm_async.wire import Request, Response
from protocol.support import ENDPOINT, GROUP, NOW, VM, answer

QUERY = "?api-version=2024-03-01"
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/vm1-deployment"
DEPLOYMENT_URL = f"{ENDPOINT}{DEPLOYMENT}{QUERY}"
LIST_URL = f"{ENDPOINT}{DEPLOYMENT}/operations{QUERY}"
SECOND_PAGE, THIRD_PAGE = f"{LIST_URL}&$skiptoken=2", f"{LIST_URL}&$skiptoken=3"
CANCEL_URL = f"{ENDPOINT}{DEPLOYMENT}/cancel{QUERY}"
STACK_URL = f"{ENDPOINT}{GROUP}/providers/Microsoft.Resources/deploymentStacks/vm1-deployment{QUERY}"

READ, LIST = Request("GET", DEPLOYMENT_URL), Request("GET", LIST_URL)
PROVISION = About("provision", VM)
CORRELATION, ANOTHER = "c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000-4000-8000-000000000002"
NIC, DISK = (
    f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic1",
    f"{GROUP}/providers/Microsoft.Compute/disks/d",
)


def document(word: str | None, *resources: str, correlation: str | None = CORRELATION, **more: Any) -> dict[str, Any]:
    """Return a deployment's JSON in a state, with the resources that it names."""
    properties = {"provisioningState": word, "correlationId": correlation}
    named = {"outputResources": [{"id": each} for each in resources]} if resources else {}
    told = {name: value for name, value in properties.items() if value is not None}
    return {"id": DEPLOYMENT, "name": "vm1-deployment", "properties": {**told, **named, **more}}


def deployment(word: str | None, *resources: str, **more: Any) -> Response:
    """Return the answer to a read of the deployment."""
    return answer(200, document(word, *resources, **more))


def operation(target: str, state: str, kind: str = "Create", **more: Any) -> dict[str, Any]:
    """Return the JSON of one operation of a deployment."""
    resource = {"id": target, "resourceType": target.split("/", 6)[-1], "resourceName": target.rpartition("/")[2]}
    said = {"provisioningOperation": kind, "provisioningState": state, "targetResource": resource}
    return {"id": f"{DEPLOYMENT}/operations/1", "properties": {**said, **more}}


def operations(*listed: dict[str, Any], more: str | None = None) -> Response:
    """Return a page of a deployment's operations."""
    return answer(200, {"value": [*listed], **({"nextLink": more} if more else {})})


def failure(target: str, code: str, message: str, at: str = "2025-06-01T00:00:01Z") -> dict[str, Any]:
    """Return the JSON of an operation that failed."""
    return operation(target, "Failed", timestamp=at, statusMessage={"error": {"code": code, "message": message}})


CREATING_VM = operations(operation(VM, "Running"))
CREATED_VM = operations(operation(VM, "Succeeded"))
ACCEPTED = answer(201, document("Accepted"))


def provisioned(first: Response = ACCEPTED, url: str = DEPLOYMENT_URL) -> Provision:
    """Return the state after the answer to the PUT of a deployment."""
    return provision.begin(PROVISION, Request("PUT", url), first, NOW)
