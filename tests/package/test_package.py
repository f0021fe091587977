"""What is shipped: the names, their documentation, the marker for type checkers."""

import inspect
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import get_overloads

import pytest

import azvm_async

ROOT = Path(__file__).parents[2]

NAMES = """
AuthenticationError AzureVMClient AzureVMError Budget BulkMember Cause CertificateError ClientClosed Clock Conflict
Deployed DeploymentFailed DeprovisionIncomplete DeprovisionPlan Deprovisioned Fleet FleetFailed InstanceView
InvalidRequest Left NotAccepted NotFound Operation OperationCanceled OperationFailed OperationPreempted Outcome OutcomeUnknown
OwnershipUnknown PropertyChange ProtocolError Query Report RequestRefused ResourceChange ResourceProgress Retry Run
RunCommandResult RunOptions State StatusUnreadable Submission SystemClock Throttled Timeouts TransportError Update
Updates VirtualClock VirtualMachine WaitTimeout
""".split()


def members() -> list[tuple[str, object]]:
    """Return all public functions and properties of all exported classes."""
    found = []
    for name in NAMES:
        exported = getattr(azvm_async, name)
        found += [
            (f"{name}.{member}", value)
            for member, value in vars(exported).items()
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
        ]
    return found


def test_exports_are_these():
    assert sorted(azvm_async.__all__) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_export_is_documented(name: str):
    assert inspect.getdoc(getattr(azvm_async, name))


@pytest.mark.parametrize(("name", "member"), members(), ids=[name for name, _ in members()])
def test_member_is_documented(name: str, member: object):
    assert inspect.getdoc(member), name


def test_type_checkers_find_the_marker():
    assert files("azvm_async").joinpath("py.typed").is_file()


def test_readme_has_two_set_up_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("python3 -m venv")]) == 2


def test_import_needs_no_azure_package():
    loaded = "import sys, azvm_async; print([name for name in sys.modules if name.split('.')[0] == 'azure'])"
    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_type_checkers_tell_a_plan_from_a_removal():
    kinds = [inspect.signature(each).return_annotation for each in get_overloads(azvm_async.AzureVMClient.deprovision)]
    assert kinds == [
        azvm_async.Submission[azvm_async.DeprovisionPlan],
        azvm_async.Submission[azvm_async.Deprovisioned],
        azvm_async.Submission[azvm_async.Deprovisioned | azvm_async.DeprovisionPlan],
    ]
