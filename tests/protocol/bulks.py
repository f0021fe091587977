"""What Microsoft.ComputeSchedule's answers look like."""

import json

from azvm_async.protocol import bulk, bulk_request
from azvm_async.protocol.bulk import Bulk
from protocol.support import ENDPOINT, GROUP, NOW, SUBSCRIPTION, answer, at

PLACE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ComputeSchedule/locations/westeurope"
HERE = f"{ENDPOINT}{PLACE}/virtualMachines"
STATES_URL = f"{HERE}GetOperationStatus?api-version=2025-05-01"
CORRELATION = "11111111-2222-3333-4444-555555555555"
VMS = [f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm{number}" for number in range(3)]
OPERATIONS = [f"operation-{number}" for number in range(3)]
FIRST, SECOND, THIRD = VMS


def told(number, state, **more):
    """Return what Azure tells of one VM's operation."""
    operation = {"operationId": OPERATIONS[number], "resourceId": VMS[number], "state": state, **more}
    return {"resourceId": VMS[number], "errorCode": None, "errorDetails": None, "operation": operation}


def error(code, details="why"):
    """Return an operation's error."""
    return {"resourceOperationError": {"errorCode": code, "errorDetails": details}}


def refused(number, code="VMNotFound", details="no such VM"):
    """Return what Azure tells of a VM that it refused."""
    return {"resourceId": VMS[number], "errorCode": code, "errorDetails": details, "operation": None}


def unheard_of(number):
    """Return what Azure tells of an operation that it does not know."""
    operation = {"operationId": OPERATIONS[number], "state": "Unknown"}
    return {"errorCode": "OperationNotFound", "errorDetails": "not found", "operation": operation}


def results(*each, headers=None):
    """Return an answer that tells of some VMs."""
    return answer(200, {"results": list(each)}, headers)


ALL_ACCEPTED = results(*(told(number, "PendingScheduling") for number in range(3)))


def started(first=ALL_ACCEPTED, verb="start", *, vms=VMS, now=NOW) -> Bulk:
    """Return the state of a bulk operation after the answer to its request."""
    request = bulk_request.request(ENDPOINT, SUBSCRIPTION, "West Europe", verb, vms, CORRELATION)
    return bulk.begin(bulk_request.about_many(verb, SUBSCRIPTION, "westeurope", vms), request, first, now)


SUCCEEDED = [told(number, "Succeeded") for number in range(3)]
ALL = results(*SUCCEEDED)
LATE = 1e6


def document(request):
    """Return a request's body."""
    return json.loads(request.body)


def asked(state):
    """Return the operations that are asked for next."""
    return document(state.due(at(LATE)))["operationIds"]


def untold(state, *entries, reads=5, seconds=120.0, begin=10.0):
    """Return a state after reads that span so many seconds and tell the same."""
    for number in range(reads):
        state = state.receive(results(*entries), at(begin + seconds * number / max(1, reads - 1)))
    return state
