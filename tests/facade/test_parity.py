"""Every operation of the client has a door in the facade, or a reason why not; and the doors are mlos_bench's."""

import inspect

import pytest

from azvm_async import AzureVMClient
from azvm_async.facade import Status, VMFacade

DOORS = {
    "start": "start_host",
    "stop": "stop_host",
    "deallocate": "deallocate_host",
    "reboot": "restart_host",
    "run_command": "remote_exec",
    "provision": "provision_host",
    "deprovision": "deprovision_host",
    "resume": "wait_host_operation",
    "close": "close",
}
NO_DOOR = {
    "delete": "deprovision_host deletes the VM with all that came with it, which is what a benchmark wants",
    "redeploy": "no protocol of mlos_bench asks for another host",
    "reapply": "a repair, for people",
    "reimage": "provision_host gives a fresh machine",
    "simulate_eviction": "a test of Spot VMs, for people",
    "validate": "provision_host checks before it sends",
    "what_if": "for people",
    "begin": "any other operation has no (Status, dict) that could be agreed on",
    "get": "returns a value, and begins nothing",
    "instance_view": "returns a value, and begins nothing",
    "list": "returns values, and begins nothing",
    "list_states": "returns values, and begins nothing",
    "bulk": "a benchmark is of one VM",
    "clock": "for those who build on the client",
    "budget": "for those who build on the client",
    "outstanding": "the dicts are the handles; nothing is kept beside them",
}
PROTOCOLS = {
    "provision_host": "(params)",
    "wait_host_deployment": "(params, *, is_setup)",
    "deprovision_host": "(params)",
    "deallocate_host": "(params)",
    "start_host": "(params)",
    "stop_host": "(params, force=False)",
    "restart_host": "(params, force=False)",
    "wait_host_operation": "(params)",
    "shutdown": "(params, force=False)",
    "reboot": "(params, force=False)",
    "wait_os_operation": "(params)",
    "remote_exec": "(script, config, env_params)",
    "wait_remote_exec_operation": "(params)",
    "get_remote_exec_results": "(config)",
}
STATUSES = ["UNKNOWN", "PENDING", "READY", "RUNNING", "SUCCEEDED", "CANCELED", "FAILED", "TIMED_OUT"]


def public(of: type) -> set[str]:
    """Return the public functions and properties of a class."""
    found = {name: value for each in of.__mro__[:-1] for name, value in vars(each).items()}
    return {
        name
        for name, value in found.items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    }


def test_each_operation_of_the_client_has_a_door_or_a_reason():
    assert public(AzureVMClient) == {*DOORS, *NO_DOOR}


@pytest.mark.parametrize("door", DOORS.values())
def test_door_is_there(door: str):
    assert door in public(VMFacade)


@pytest.mark.parametrize(("name", "wanted"), PROTOCOLS.items())
def test_signature_is_mlos_benchs(name: str, wanted: str):
    signature = inspect.signature(getattr(VMFacade, name))
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()][1:]
    assert str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)) == wanted


@pytest.mark.parametrize("name", sorted(public(VMFacade)))
def test_door_is_documented(name: str):
    assert inspect.getdoc(getattr(VMFacade, name))


def test_statuses_are_mlos_benchs():
    assert [(each.name, each.value) for each in Status] == [(name, value) for value, name in enumerate(STATUSES)]


@pytest.mark.parametrize(
    ("question", "yes"),
    [
        ("is_good", {"PENDING", "READY", "RUNNING", "SUCCEEDED"}),
        ("is_completed", {"SUCCEEDED", "CANCELED", "FAILED", "TIMED_OUT"}),
        *((f"is_{name.lower()}", {name}) for name in STATUSES if name != "UNKNOWN"),
    ],
)
def test_status_answers_about_itself(question: str, yes: set[str]):
    assert {each.name for each in Status if getattr(each, question)()} == yes
