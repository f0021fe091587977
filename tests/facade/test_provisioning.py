"""Deployments by the facade: made, waited for, and removed with all that they created."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from client.stock import rules, rules_id, template, vm

from azvm_async.emulator import Emulator
from azvm_async.facade import Status, VMFacade
from facade.conftest import Make
from facade.support import CONFIG, VM, ScriptedFacade, TimedFacade

NEW = {"vmName": "new"}
PARAMETERS = {
    "vmName": {"type": "string"},
    "size": {"type": "int", "defaultValue": 1},
    "public": {"type": "bool", "defaultValue": False},
    "adminPassword": {"type": "secureString", "defaultValue": "x"},
    "customData": {"type": "string", "defaultValue": ""},
}
MACHINE = template(*vm("new"), parameters=PARAMETERS, outputs={"told": {"type": "string", "value": "yes"}})
DEPLOYMENT = "providers/Microsoft.Resources/deployments/new-deployment?api-version=2021-04-01"
GIVEN = {"vmName": "other", "size": "3", "public": "true", "adminPassword": "hush", "unknown": 1}


@pytest.fixture
def facade(make: Make) -> TimedFacade:
    return make(deploymentTemplatePath=MACHINE, deploymentTemplateParameters=GIVEN)


def provisioned(facade: VMFacade) -> dict[str, Any]:
    """Deploy the machine, and return the handle."""
    status, begun = facade.provision_host(NEW)
    assert status is Status.PENDING
    assert facade.wait_host_deployment(begun, is_setup=True)[0] is Status.SUCCEEDED
    return begun


def sent(facade: TimedFacade) -> dict[str, Any]:
    """Return the parameters that were sent."""
    return {name: each["value"] for name, each in facade.puts[0]["parameters"].items()}


def by_upstream(facade: TimedFacade, arm: Emulator) -> None:
    """Take the tags off a deployment, as if it had been sent without."""
    provisioned(facade)
    record = arm._world.group(arm.subscription, arm.resource_group).deployments["new-deployment"]
    record.tags.clear()


def test_vm_is_there_after_the_wait(facade: TimedFacade, arm: Emulator):
    provisioned(facade)
    assert arm.vm("new").power_state == "running"


def test_listed_parameters_are_sent_as_the_template_types_them(facade: TimedFacade):
    provisioned(facade)
    assert sent(facade) == {"vmName": "new", "size": 3, "public": True, "adminPassword": "hush"}


def test_params_do_not_set_what_is_not_listed(facade: TimedFacade):
    facade.provision_host({**NEW, "customData": "no", "size": 8})
    assert (sent(facade)["size"], "customData" in sent(facade)) == (8, False)


def naming(make: Make, listed: dict[str, str], **config: Any) -> TimedFacade:
    """Return a facade whose template needs to be told where it is deployed."""
    needs = {name: {"type": "string"} for name in ("resourceGroup", "deploymentName", "vmName", "region")}
    document = template(rules("mine"), parameters={**needs, "location": {"type": "string", "defaultValue": "x"}})
    return make(deploymentTemplatePath=document, deploymentTemplateParameters={"region": "?", **listed}, **config)


def test_config_sets_no_listed_parameter(make: Make):
    facade = naming(make, {"resourceGroup": "another"})
    facade.provision_host(NEW)
    assert sent(facade)["resourceGroup"] == "another"


def test_params_set_listed_parameters_and_config_does_not(make: Make):
    facade = naming(make, {"vmName": "?"}, region="of the config")
    facade.provision_host(NEW)
    assert (sent(facade)["vmName"], sent(facade)["region"]) == ("new", "?")


@pytest.mark.parametrize(("params", "wanted"), [({}, "new-deployment"), ({"deploymentName": "mine"}, "mine")])
@pytest.mark.parametrize("listed", [{}, {"deploymentName": "?"}])
def test_parameter_deployment_name_is_the_deployments(make: Make, params: Any, wanted: str, listed: Any):
    facade = naming(make, listed)
    _, begun = facade.provision_host({**NEW, **params})
    assert (sent(facade)["deploymentName"], begun["deploymentName"]) == (wanted, wanted)


def test_what_the_template_needs_and_nobody_lists_is_of_params_or_config(make: Make, arm: Emulator):
    facade = naming(make, {}, location="has a default")
    facade.provision_host(NEW)
    assert sent(facade) == {
        "resourceGroup": arm.resource_group,
        "deploymentName": "new-deployment",
        "vmName": "new",
        "region": "?",
    }


def test_dict_says_where_the_vm_is_and_not_what_the_template_was_told(make: Make, arm: Emulator):
    _, begun = naming(make, {"resourceGroup": "another"}).provision_host(NEW)
    assert begun["resourceGroup"] == arm.resource_group


def test_dict_has_parameters_deployment_and_url_but_no_secret(facade: TimedFacade):
    _, begun = facade.provision_host(NEW)
    assert begun["size"] == 3
    assert begun["deploymentName"] == "new-deployment"
    assert "/deployments/new-deployment?" in begun["asyncResultsUrl"]
    assert "hush" not in json.dumps(begun)
    assert "deploymentTemplatePath" not in begun  # here it is the template itself


def test_dict_has_no_custom_data(make: Make):
    facade = make(deploymentTemplatePath=MACHINE, deploymentTemplateParameters={"customData": "hush"})
    _, begun = facade.provision_host(NEW)
    assert (sent(facade)["customData"], "hush" in json.dumps(begun)) == ("hush", False)


def test_vm_named_by_its_id_is_sent_by_its_name(facade: TimedFacade):
    group = f"/subscriptions/{facade._config['subscription']}/resourceGroups/{facade._config['resourceGroup']}"
    facade.provision_host({"vmName": f"{group}/providers/Microsoft.Compute/virtualMachines/new"})
    assert sent(facade)["vmName"] == "new"


@pytest.mark.parametrize("named", [{"deploymentName": "new-deployment"}, NEW])
def test_name_is_enough_to_wait_by(facade: TimedFacade, make: Make, named: dict[str, str]):
    facade.provision_host(NEW)
    assert make().wait_host_deployment(named, is_setup=True)[0] is Status.SUCCEEDED


def test_url_is_enough_to_wait_by(facade: TimedFacade, make: Make):
    url = facade.provision_host(NEW)[1]["asyncResultsUrl"]
    assert make().wait_host_deployment({"asyncResultsUrl": url}, is_setup=True)[0] is Status.SUCCEEDED


@pytest.mark.parametrize("is_setup", [True, False])
def test_wait_for_nothing_named_is_a_value_error(is_setup: bool):
    with ScriptedFacade([]) as facade, pytest.raises(ValueError, match="vmName"):
        facade.wait_host_deployment({}, is_setup=is_setup)


def test_wait_tells_outputs(facade: TimedFacade):
    _, begun = facade.provision_host(NEW)
    assert facade.wait_host_deployment(begun, is_setup=True)[1]["outputs"] == {"told": "yes"}


def test_failed_deployment_tells_the_innermost_cause(facade: TimedFacade, arm: Emulator):
    arm.fail("Microsoft.Compute/virtualMachines/new", "AllocationFailed", "No room.")
    _, begun = facade.provision_host(NEW)
    status, answer = facade.wait_host_deployment(begun, is_setup=True)
    assert (status, answer["error"]["code"]) == (Status.FAILED, "AllocationFailed")


def test_value_that_the_template_excludes_is_a_failure(facade: TimedFacade):
    status, answer = facade.provision_host({**NEW, "size": "many"})
    assert (status, answer["error"]["type"]) == (Status.FAILED, "InvalidRequest")


def test_provisioning_without_a_template_is_a_value_error():
    with ScriptedFacade([]) as facade, pytest.raises(ValueError, match="template"):
        facade.provision_host(VM)


def test_template_and_custom_data_may_be_files(tmp_path: Path, make: Make):
    (tmp_path / "vm.jsonc").write_text("// a VM\n" + json.dumps(MACHINE), encoding="utf-8")
    (tmp_path / "init.yml").write_text("#cloud-config", encoding="utf-8")
    paths = {"deploymentTemplatePath": str(tmp_path / "vm.jsonc"), "customDataFile": str(tmp_path / "init.yml")}
    facade = make(**paths)
    provisioned(facade)
    assert (sent(facade)["customData"], facade.deploy_params) == ("#cloud-config", {"customData": "#cloud-config"})


def test_two_custom_data_are_a_value_error(tmp_path: Path):
    (tmp_path / "init.yml").write_text("#cloud-config", encoding="utf-8")
    both = {"customDataFile": str(tmp_path / "init.yml"), "deploymentTemplateParameters": {"customData": "x"}}
    with pytest.raises(ValueError, match="Give customData or customDataFile, not both"):
        VMFacade({**CONFIG, **both})


def test_second_deployment_of_a_name_updates(facade: TimedFacade):
    provisioned(facade)
    provisioned(facade)


def test_deprovisioning_deletes_all_that_was_created(facade: TimedFacade, arm: Emulator):
    before = arm.resources()
    provisioned(facade)
    status, begun = facade.deprovision_host(NEW)
    assert (status, facade.wait_host_deployment(begun, is_setup=False)[0]) == (Status.PENDING, Status.SUCCEEDED)
    assert (arm.resources(), arm.deployments()) == (before, [])


def test_url_of_a_removal_is_the_deployments(facade: TimedFacade):
    provisioned(facade)
    assert "/deployments/new-deployment?" in facade.deprovision_host(NEW)[1]["asyncResultsUrl"]


@pytest.mark.parametrize(
    "keys", [{"asyncResultsUrl"}, {"deploymentName"}, {"vmName"}, {"asyncResultsUrl", "asyncResultsToken"}]
)
def test_removal_is_driven_on_from_little(facade: TimedFacade, make: Make, arm: Emulator, keys: set[str]):
    before = arm.resources()
    provisioned(facade)
    _, begun = facade.deprovision_host(NEW)
    facade.close()
    status, _ = make().wait_host_deployment({key: begun[key] for key in keys}, is_setup=False)
    assert (status, arm.resources()) == (Status.SUCCEEDED, before)


@pytest.mark.parametrize("keys", [{"asyncResultsUrl"}, {"deploymentName"}, {"vmName"}])
def test_removal_that_is_done_is_a_success(facade: TimedFacade, make: Make, keys: set[str]):
    provisioned(facade)
    _, begun = facade.deprovision_host(NEW)
    facade.wait_host_deployment(begun, is_setup=False)
    assert make().wait_host_deployment({key: begun[key] for key in keys}, is_setup=False)[0] is Status.SUCCEEDED


def test_nothing_to_remove_is_a_success_at_once(facade: TimedFacade):
    assert facade.deprovision_host(NEW)[0] is Status.SUCCEEDED


def test_removal_that_a_lock_keeps_from_its_end_is_a_failure(facade: TimedFacade, arm: Emulator):
    provisioned(facade)
    arm.refuse_delete("Microsoft.Network/networkInterfaces/new-nic", "ScopeLocked", "Locked.", times=1000)
    _, begun = facade.deprovision_host(NEW)
    status, answer = facade.wait_host_deployment(begun, is_setup=False)
    assert (status, "error" in answer) == (Status.FAILED, True)


def test_removal_that_takes_longer_than_the_wait_is_timed_out_and_goes_on(
    facade: TimedFacade, make: Make, arm: Emulator
):
    before = arm.resources()
    provisioned(facade)
    hurried = make(pollTimeout=5)
    _, begun = hurried.deprovision_host(NEW)
    status, late = hurried.wait_host_deployment(begun, is_setup=False)
    assert (status, "waiting again" in late["error"]["message"].lower()) == (Status.TIMED_OUT, True)
    assert "outstanding" not in late["error"]["message"]
    assert facade.wait_host_deployment(late, is_setup=False)[0] is Status.SUCCEEDED
    assert arm.resources() == before


def test_upstreams_deployment_loses_its_vm_and_its_record(facade: TimedFacade, arm: Emulator):
    by_upstream(facade, arm)
    status, begun = facade.deprovision_host(NEW)
    assert (status, facade.wait_host_deployment(begun, is_setup=False)[0]) == (Status.PENDING, Status.SUCCEEDED)
    assert not [each for each in arm.resources() if each.endswith("/virtualMachines/new")]
    assert arm.deployments() == []


def test_log_says_what_was_left_of_upstreams_deployment(
    facade: TimedFacade, arm: Emulator, caplog: pytest.LogCaptureFixture
):
    by_upstream(facade, arm)
    with caplog.at_level(logging.WARNING):
        facade.wait_host_deployment(facade.deprovision_host(NEW)[1], is_setup=False)
    left = [each.message for each in caplog.records if "Left:" in each.message]
    assert len(left) == 1
    assert all(name in left[0] for name in ("new-nic", "new-net"))


def test_upstreams_deployment_can_be_removed_in_another_process(facade: TimedFacade, make: Make, arm: Emulator):
    by_upstream(facade, arm)
    _, begun = facade.deprovision_host(NEW)
    facade.close()
    status, _ = make().wait_host_deployment(json.loads(json.dumps(begun)), is_setup=False)
    assert (status, arm.deployments()) == (Status.SUCCEEDED, [])


def test_upstreams_deployment_without_the_vms_name_is_left(facade: TimedFacade, make: Make, arm: Emulator):
    by_upstream(facade, arm)
    status, _ = make().wait_host_deployment({"deploymentName": "new-deployment"}, is_setup=False)
    assert (status, len(arm.deployments())) == (Status.FAILED, 1)


def test_upstreams_deployment_can_be_removed_in_another_process_by_its_url(
    facade: TimedFacade, make: Make, arm: Emulator
):
    by_upstream(facade, arm)
    url = facade.deprovision_host(NEW)[1]["asyncResultsUrl"]
    facade.close()
    status, _ = make().wait_host_deployment({"asyncResultsUrl": url}, is_setup=False)
    assert (status, arm.deployments()) == (Status.SUCCEEDED, [])
    assert not [each for each in arm.resources() if each.endswith("/virtualMachines/new")]


def test_upstreams_deployment_that_is_running_is_canceled_first(facade: TimedFacade, arm: Emulator):
    facade.provision_host(NEW)
    arm._world.group(arm.subscription, arm.resource_group).deployments["new-deployment"].tags.clear()
    _, begun = facade.deprovision_host(NEW)
    assert [each.url for each in facade.sent if each.method == "POST" and "/cancel?" in each.url]
    assert facade.wait_host_deployment(begun, is_setup=False)[0] is Status.SUCCEEDED


@pytest.mark.parametrize("named", [{"deploymentName": "new-deployment"}, NEW])
def test_waiting_alone_deletes_nothing_of_upstreams(facade: TimedFacade, arm: Emulator, named: dict[str, str]):
    by_upstream(facade, arm)
    before = arm.resources()
    status, answer = facade.wait_host_deployment(named, is_setup=False)
    assert (status, answer["error"]["type"]) == (Status.FAILED, "OwnershipUnknown")
    assert (arm.resources(), len(arm.deployments())) == (before, 1)


def test_waiting_alone_deletes_no_vm_without_a_deployment(facade: TimedFacade, arm: Emulator):
    before = arm.resources()
    assert facade.wait_host_deployment(VM, is_setup=False)[0] is Status.FAILED
    assert arm.resources() == before


@pytest.mark.parametrize("late", [True, False])
def test_dict_of_a_deployment_removes_nothing(facade: TimedFacade, arm: Emulator, late: bool):
    _, begun = facade.provision_host(NEW)
    if late:
        facade.wait_host_deployment(begun, is_setup=True)
    status, _ = facade.wait_host_deployment(begun, is_setup=False)
    assert (status, len(arm.deployments())) == (Status.FAILED, 1)
    assert not [each for each in facade.sent if each.method == "DELETE"]


def test_url_in_another_group_than_the_vms_removes_nothing(make: Make, arm: Emulator):
    facade = make()
    url = f"{arm.endpoint}/subscriptions/{arm.subscription}/resourceGroups/elsewhere/{DEPLOYMENT}"
    status, answer = facade.wait_host_deployment({"asyncResultsUrl": url, **NEW}, is_setup=False)
    assert (status, answer["error"]["type"], facade.sent) == (Status.FAILED, "InvalidRequest", [])


def test_deployment_of_a_vm_elsewhere_is_found_by_the_vms_id(make: Make, arm: Emulator):
    arm.add_vm("far", resource_group="elsewhere")
    vm_id = next(each for each in arm.resources() if each.endswith("/far"))
    make(deploymentTemplatePath=template(rules("mine"))).provision_host({"vmName": vm_id})
    assert make().wait_host_deployment({"vmName": vm_id}, is_setup=True)[0] is Status.SUCCEEDED


def test_vm_without_a_deployment_is_deleted(facade: TimedFacade, arm: Emulator):
    _, begun = facade.deprovision_host(VM)
    assert facade.wait_host_deployment(begun, is_setup=False)[0] is Status.SUCCEEDED
    assert arm.resources() == []


def test_what_stood_before_stays(make: Make, arm: Emulator):
    other = make(deploymentTemplatePath=template(rules("mine")))
    other.wait_host_deployment(other.provision_host({"vmName": "first"})[1], is_setup=True)
    facade = make(deploymentTemplatePath=template(*vm("new"), rules("mine")))
    provisioned(facade)
    facade.wait_host_deployment(facade.deprovision_host(NEW)[1], is_setup=False)
    assert rules_id("mine") in arm.resources()
