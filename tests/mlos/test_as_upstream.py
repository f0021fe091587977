"""What upstream's own tests state of its service, stated of this one: answers of ARM in, a status of mlos_bench out.

Those tests replace the HTTP library by doubles. Here an emulator answers, which is told to answer so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from mlos_bench.environments.status import Status
from serving import Served

from azvm_async.emulator import faults
from azvm_async.emulator.calls import Call
from azvm_async.emulator.faults import Answering
from azvm_async.emulator.model import World
from azvm_async.mlos import AzureVMService
from azvm_async.wire import Response
from mlos.loading import TEMPLATE, service

ACTIONS = ["start_host", "stop_host", "shutdown", "deallocate_host", "restart_host", "reboot"]
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Done(faults.Fault):
    """A POST that is answered 200: done, and nothing to wait for."""

    def strike(self, world: World, call: Call, answer: Answering) -> Response:  # noqa: ARG002 - as the base
        answer(call)
        return Response.with_json(200, {})


@pytest.fixture(scope="module")
def only_scripts(site: Served) -> Iterator[AzureVMService]:
    """Give a service without a template."""
    with service(site, requestTotalRetries=3, requestBackoffFactor=0.1) as made:
        yield made


@pytest.fixture(scope="module")
def deploying(site: Served) -> Iterator[AzureVMService]:
    """Give a service with a template."""
    parameters = {"location": "westeurope", "adminPublicKey": "ssh-ed25519 AAAA"}
    given = {"deploymentTemplatePath": TEMPLATE, "deploymentTemplateParameters": parameters}
    with service(site, **given) as made:
        yield made


@pytest.mark.parametrize("action", [*ACTIONS, "deprovision_host", "provision_host"])
def test_a_call_without_a_vm_is_a_value_error(deploying: AzureVMService, action: str):
    with pytest.raises(ValueError, match="vmName"):
        getattr(deploying, action)({})


def test_provisioning_without_a_template_is_a_value_error(only_scripts: AzureVMService):
    with pytest.raises(ValueError, match="deploymentTemplatePath"):
        only_scripts.provision_host({"vmName": "test-vm"})


@pytest.mark.parametrize("action", ACTIONS)
def test_accepted_is_pending(only_scripts: AzureVMService, machine: str, action: str):
    status, handle = getattr(only_scripts, action)({"vmName": machine})
    assert status == Status.PENDING
    assert handle["asyncResultsUrl"].startswith("http")


@pytest.mark.parametrize("action", ACTIONS)
def test_done_at_once_is_succeeded(site: Served, only_scripts: AzureVMService, machine: str, action: str):
    site.do(lambda arm: arm.inject(Done(), method="POST", path=f"*/{machine}/*"))
    status, result = getattr(only_scripts, action)({"vmName": machine})
    assert status == Status.SUCCEEDED
    assert result["vmName"] == machine


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize("action", [*ACTIONS, "deprovision_host"])
def test_refused_is_failed(site: Served, only_scripts: AzureVMService, machine: str, action: str, code: int):
    site.do(lambda arm: arm.inject(faults.Status(code), path=f"*/{machine}*", times=9))
    status, result = getattr(only_scripts, action)({"vmName": machine})
    assert status == Status.FAILED
    assert result["error"]["message"]


@pytest.mark.parametrize("action", ACTIONS)
def test_not_found_is_failed(only_scripts: AzureVMService, action: str):
    status, result = getattr(only_scripts, action)({"vmName": "nobody"})
    assert (status, result["error"]["code"]) == (Status.FAILED, "ResourceNotFound")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("wait", ["wait_host_operation", "wait_os_operation"])
def test_a_wait_ends_as_the_operation_does(only_scripts: AzureVMService, machine: str, action: str, wait: str):
    _, handle = getattr(only_scripts, action)({"vmName": machine})
    assert getattr(only_scripts, wait)(handle)[0] == Status.SUCCEEDED


def test_a_wait_with_only_the_url_ends_as_the_operation_does(only_scripts: AzureVMService, machine: str):
    _, handle = only_scripts.start_host({"vmName": machine})
    params = {"asyncResultsUrl": handle["asyncResultsUrl"], "vmName": machine, "pollInterval": 12345}
    assert only_scripts.wait_host_operation(params)[0] == Status.SUCCEEDED


def test_a_wait_that_takes_too_long_is_timed_out(site: Served, machine: str):
    site.do(lambda arm: arm.inject(faults.Endless(), method="POST", path=f"*/{machine}/start"))
    with service(site, pollInterval=1, pollTimeout=1) as impatient:
        _, handle = impatient.start_host({"vmName": machine})
        assert impatient.wait_host_operation(handle)[0] == Status.TIMED_OUT


@pytest.mark.parametrize("retries", [2, 1, 0])
def test_a_wait_bears_with_connections_that_break(
    site: Served, only_scripts: AzureVMService, machine: str, retries: int
):
    _, handle = only_scripts.start_host({"vmName": machine})
    site.do(lambda arm: arm.inject(faults.ResetBefore(), method="GET", times=2))
    params = {**handle, "requestTotalRetries": retries, "pollInterval": 0.1}
    assert only_scripts.wait_host_operation(params)[0] == Status.SUCCEEDED


@pytest.mark.parametrize("retries", [2, 1, 0])
def test_a_deployments_wait_bears_with_connections_that_break(site: Served, deploying: AzureVMService, retries: int):
    name = f"retried{next(_numbers)}"
    assert deploying.provision_host({"vmName": name})[0] == Status.PENDING
    site.do(lambda arm: arm.inject(faults.ResetBefore(), method="GET", times=2))
    params = {"deploymentName": f"{name}-deployment", "requestTotalRetries": retries, "pollInterval": 0.1}
    assert deploying.wait_host_deployment(params, is_setup=True)[0] == Status.SUCCEEDED


def remote(name: str) -> dict[str, Any]:
    """Return the parameters of a script."""
    return {"vmName": name, "commandName": "mlos-test-run", "location": "westeurope"}


@pytest.fixture
def running(site: Served) -> str:
    """Return the name of a running VM."""
    name = f"running{next(_numbers)}"
    site.do(lambda arm: arm.add_vm(name, power="running"))
    return name


@pytest.mark.parametrize("action", ["stop_host", "shutdown", "restart_host", "reboot"])
@pytest.mark.parametrize("force", [True, False])
def test_force_and_only_force_powers_off_without_shutting_down(
    site: Served, only_scripts: AzureVMService, running: str, action: str, force: bool
):
    assert getattr(only_scripts, action)({"vmName": running}, force=force)[0] == Status.PENDING
    asked = site.do(lambda arm: [each.query for each in arm.requests if each.path.endswith(f"/{running}/powerOff")])
    assert any("skipShutdown=true" in query for query in asked) == force


def test_a_script_that_azure_takes_is_pending(only_scripts: AzureVMService, running: str):
    status, handle = only_scripts.remote_exec(["true"], remote(running), {})
    assert status == Status.PENDING
    assert handle["asyncResultsUrl"]


@pytest.mark.parametrize("code", [401, 404])
def test_a_script_that_azure_refuses_is_failed(site: Served, only_scripts: AzureVMService, running: str, code: int):
    site.do(lambda arm: arm.inject(faults.Status(code), method="PUT", path=f"*/{running}/*", times=9))
    assert only_scripts.remote_exec(["true"], remote(running), {})[0] == Status.FAILED


@pytest.mark.parametrize("key", ["vmName", "commandName"])
def test_a_script_without_a_required_key_is_a_value_error(only_scripts: AzureVMService, key: str):
    params = {name: value for name, value in remote("vm0").items() if name != key}
    with pytest.raises(ValueError, match=key):
        only_scripts.remote_exec(["true"], params, {})


def test_a_scripts_results_have_upstreams_keys_and_text(only_scripts: AzureVMService, running: str):
    script = ["echo out $number $word", "echo err >&2"]
    _, handle = only_scripts.remote_exec(script, remote(running), {"number": 123, "word": "abc"})
    status, results = only_scripts.get_remote_exec_results(handle)
    assert status == Status.SUCCEEDED
    assert (results["stdout"], results["stderr"], results["exitCode"]) == ("out 123 abc\n", "err\n", 0)
    for key in ("startTimestamp", "endTimestamp"):
        assert isinstance(results[key], datetime)
        assert results[key].tzinfo is not None


WAITS = ["wait_host_operation", "wait_os_operation", "wait_remote_exec_operation", "get_remote_exec_results"]


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_for_nothing_is_pending(only_scripts: AzureVMService, wait: str):
    assert getattr(only_scripts, wait)({})[0] == Status.PENDING


def test_results_of_a_script_that_failed_are_failed_and_keep_its_output(only_scripts: AzureVMService, running: str):
    _, handle = only_scripts.remote_exec(["echo so far", "exit 7"], remote(running), {})
    status, results = only_scripts.get_remote_exec_results(handle)
    assert (status, results["stdout"], results["exitCode"]) == (Status.FAILED, "so far\n", 7)


def test_a_deployment_is_pending_and_its_wait_succeeded(site: Served, deploying: AzureVMService):
    name = f"deployed{next(_numbers)}"
    status, handle = deploying.provision_host({"vmName": name})
    assert (status, handle["deploymentName"]) == (Status.PENDING, f"{name}-deployment")
    assert deploying.wait_host_deployment(handle, is_setup=True)[0] == Status.SUCCEEDED
    assert site.do(lambda arm: arm.vm(name)).power_state == "running"


def test_a_deprovisioning_is_pending_and_its_wait_leaves_nothing(site: Served, deploying: AzureVMService):
    name = f"removed{next(_numbers)}"
    _, handle = deploying.provision_host({"vmName": name})
    deploying.wait_host_deployment(handle, is_setup=True)
    status, handle = deploying.deprovision_host({"vmName": name})
    assert status == Status.PENDING
    only_the_url = {"asyncResultsUrl": handle["asyncResultsUrl"]}  # so that is_setup alone tells what is waited for
    assert deploying.wait_host_deployment(only_the_url, is_setup=False)[0] == Status.SUCCEEDED
    assert not [each for each in site.do(lambda arm: arm.resources()) if f"/{name}" in each]
