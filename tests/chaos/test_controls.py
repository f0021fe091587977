"""The suite can fail: clients that do wrong are found out, and so is each lie by itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from azvm_async import Conflict, OutcomeUnknown, StatusUnreadable, TransportError
from chaos.storm import Ended, Record
from chaos.verdicts import violations
from chaos.wires import Believing, Denying, Repeating, Sent

REBOOT = Ended(
    *("c001", "reboot", "", ("c001",), None, None, ("running",), ("running",)),
    effects=[("restart", "c001")],
    left=[],
    sent=[Sent("POST", "/c001/restart", 202, readable=True)],
)
LOST = Sent("POST", "/c001/restart", None, readable=True)
UNKNOWN = replace(REBOOT, error=OutcomeUnknown("?"), sent=[LOST])
REFUSED = replace(REBOOT, error=Conflict("No", status=409), effects=[])


@pytest.mark.parametrize("ended", [REBOOT, UNKNOWN, replace(UNKNOWN, effects=[]), REFUSED])
def test_the_truth_is_no_violation(ended: Ended):
    assert violations(Record([ended])) == []


@pytest.mark.parametrize(
    ("ended", "wrong"),
    [
        (replace(REBOOT, effects=[]), "it was not done"),
        (replace(REBOOT, powers=("stopped",)), "the VMs are"),
        (replace(REBOOT, effects=REBOOT.effects * 2), "more than once"),
        (replace(UNKNOWN, effects=REBOOT.effects * 2), "more than once"),
        (replace(REFUSED, effects=REBOOT.effects), "the record has"),
        (replace(UNKNOWN, sent=REBOOT.sent), "answered clearly"),
        (replace(REBOOT, error=StatusUnreadable("?")), "no end in a storm"),
        (replace(REBOOT, error=TransportError("?", maybe_applied=True)), "the record has"),
        (replace(REBOOT, effects=[*REBOOT.effects, ("powerOff", "c001")]), "was done, too"),
        (replace(REBOOT, state="Failed"), "the report calls it Failed"),
        (replace(REBOOT, verb="run_command", mark="m", effects=[("run", "x")]), "the script wrote 0 times"),
    ],
)
def test_a_lie_is_a_violation(ended: Ended, wrong: str):
    assert wrong in " ".join(violations(Record([ended])))


@pytest.mark.parametrize(
    ("wire", "verb", "wrong"),
    [
        (Repeating, "reboot", "more than once"),
        (Believing, "reboot", "it was not done"),
        (Believing, "start", "the VMs are ('deallocated',)"),
        (Denying, "reboot", "more than once"),
    ],
)
def test_a_client_that_does_wrong_is_found_out(
    wrong_clients: Callable[[Any], Record], wire: Any, verb: str, wrong: str
):
    found = [each for each in violations(wrong_clients(wire)) if each.startswith(verb)]
    assert wrong in " ".join(found)
