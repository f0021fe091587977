"""The service in mlos_bench: how it is loaded, what it reads of its configuration, how it lives and is left."""

import json
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import ValidationError
from mlos_bench.environments.status import Status
from mlos_bench.services.base_service import Service
from mlos_bench.services.types.host_ops_type import SupportsHostOps
from mlos_bench.services.types.host_provisioner_type import SupportsHostProvisioning
from mlos_bench.services.types.os_ops_type import SupportsOSOps
from mlos_bench.services.types.remote_exec_type import SupportsRemoteExec
from serving import Served

from azvm_async.mlos import AzureVMService
from azvm_async.mlos.credential import ParentCredential
from mlos.loading import SUBSCRIPTION, TEMPLATE, Authorization, service, settings

PROTOCOLS = (SupportsHostProvisioning, SupportsHostOps, SupportsOSOps, SupportsRemoteExec)
EXPORTED = """
provision_host wait_host_deployment deprovision_host deallocate_host start_host stop_host restart_host
wait_host_operation shutdown reboot wait_os_operation remote_exec get_remote_exec_results
""".split()


@pytest.fixture
def deploying() -> dict[str, Any]:
    """Return settings with a template."""
    return {
        "deploymentTemplatePath": TEMPLATE,
        "deploymentTemplateParameters": {"vmName": "vm0", "location": "$location", "ubuntu": "$vmName-$location"},
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_that_it_is_mixed_into_has_the_protocol(protocol: type):
    assert isinstance(Service({}, {}, service()), protocol)


def test_its_methods_are_exported_bound_and_by_their_names():
    made = service()
    exported = {name: method for name, method in made.export().items() if getattr(method, "__self__", None) is made}
    assert sorted(exported) == sorted(EXPORTED)
    assert all(method.__name__ == name for name, method in exported.items())


@pytest.mark.parametrize("key", ["subscription", "resourceGroup"])
def test_a_missing_setting_is_a_value_error(key: str):
    with pytest.raises(ValueError, match=key):
        AzureVMService({k: v for k, v in settings().items() if k != key}, {}, Authorization(str))


def test_a_wrong_key_is_refused_by_the_schema():
    with pytest.raises(ValidationError, match="pollIntervall"):
        service(pollIntervall=4)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("pollInterval", "4"),
        ("pollTimeout", "300"),
        ("requestTimeout", "5.5"),
        ("requestTotalRetries", "10"),
        ("requestBackoffFactor", "0.3"),
    ],
)
def test_a_number_may_be_text(key: str, text: str):
    service(**{key: text})


@pytest.mark.parametrize("text", ["soon", "", "0", "nan"])
def test_control_text_that_is_no_such_number_is_refused(text: str):
    with pytest.raises((ValidationError, ValueError)):
        service(pollTimeout=text)


def test_parameters_are_expanded_by_one_another_and_then_by_globals(deploying: dict[str, Any]):
    made = service(known={"location": "westus"}, **deploying)
    assert made.deploy_params == {"vmName": "vm0", "location": "westus", "ubuntu": "vm0-westus"}


def test_globals_override_only_the_parameters_that_are_listed(deploying: dict[str, Any]):
    made = service(known={"vmName": "vm9", "location": "westus", "vmSize": "large"}, **deploying)
    assert made.deploy_params["vmName"] == "vm9"
    assert "vmSize" not in made.deploy_params


def test_the_configuration_is_not_changed(deploying: dict[str, Any]):
    given = settings(**deploying)
    before = json.dumps(given)
    AzureVMService(given, {"location": "westus"}, Authorization(str))
    assert json.dumps(given) == before


def test_without_a_template_there_are_no_deployment_parameters():
    assert service(known={"vmName": "vm0"}).deploy_params == {}


def test_custom_data_is_read_from_its_file(tmp_path: Path, deploying: dict[str, Any]):
    (tmp_path / "init.yml").write_text("#cloud-config\n", encoding="utf-8")
    made = service(customDataFile=str(tmp_path / "init.yml"), **deploying)
    assert made.deploy_params["customData"] == "#cloud-config\n"


def test_custom_data_given_twice_is_a_value_error(tmp_path: Path, deploying: dict[str, Any]):
    (tmp_path / "init.yml").write_text("#cloud-config\n", encoding="utf-8")
    deploying["deploymentTemplateParameters"]["customData"] = "other"
    with pytest.raises(ValueError, match="not both"):
        service(customDataFile=str(tmp_path / "init.yml"), **deploying)


def test_files_are_found_by_the_config_loader(deploying: dict[str, Any]):
    deploying["deploymentTemplatePath"] = "services/remote/azure/arm-templates/azuredeploy-ubuntu-vm.jsonc"
    made = service(known={"location": "x"}, customDataFile="services/remote/azure/cloud-init/alt-ssh.yml", **deploying)
    assert made.deploy_params["customData"].startswith("#cloud-config")


def test_the_endpoint_may_come_from_the_environment(site: Served, machine: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZVM_ENDPOINT", site.arm.endpoint)
    token = site.token()
    made = AzureVMService(settings(), {}, Authorization(lambda: token))
    assert made.start_host({"vmName": machine})[0] == Status.PENDING


def test_a_global_endpoint_goes_before_the_environments(site: Served, machine: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZVM_ENDPOINT", "http://127.0.0.1:9")
    assert service(site).start_host({"vmName": machine})[0] == Status.PENDING


def test_making_it_starts_no_thread():
    before = set(threading.enumerate())
    service()
    assert set(threading.enumerate()) <= before


@pytest.fixture
def used(site: Served, machine: str) -> Iterator[AzureVMService]:
    """Give a service that has sent something."""
    made = service(site)
    made.start_host({"vmName": machine})
    yield made
    with made:
        pass


def test_it_works_outside_any_context(site: Served, machine: str):
    made = service(site)
    status, handle = made.start_host({"vmName": machine})
    assert status == Status.PENDING
    assert made.wait_host_operation(handle)[0] == Status.SUCCEEDED


def test_it_works_in_a_context_and_after_it(used: AzureVMService, machine: str):
    with used:
        _, handle = used.deallocate_host({"vmName": machine})
    with used:
        assert used.wait_host_operation(handle)[0] == Status.SUCCEEDED
    assert used.start_host({"vmName": machine})[0] == Status.PENDING


def test_a_context_that_is_left_closes_connections(used: AzureVMService, monkeypatch: pytest.MonkeyPatch):
    closed: list[bool] = []
    monkeypatch.setattr(used._facade, "close", lambda: closed.append(True))
    with used:
        assert not closed
    assert closed


def test_a_context_is_left_also_when_closing_is_interrupted(used: AzureVMService, monkeypatch: pytest.MonkeyPatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(used._facade, "close", interrupted)
    used._enter_context()
    with pytest.raises(KeyboardInterrupt):
        used._exit_context(None, None, None)
    assert not used._in_context


def test_a_service_that_it_is_mixed_into_enters_and_leaves_it(used: AzureVMService):
    with Service({}, {}, used):
        assert used._in_context
    assert not used._in_context


class FixedToken:
    """A source of tokens that can be pickled."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self) -> str:
        return self.text


def test_a_pickled_service_acts_as_the_first_did(site: Served, machine: str):
    made = AzureVMService(settings(), {"azvmEndpoint": site.arm.endpoint}, Authorization(FixedToken(site.token())))
    _, handle = made.start_host({"vmName": machine})
    other = pickle.loads(pickle.dumps(made))
    assert other.wait_host_operation(handle)[0] == Status.SUCCEEDED
    assert Service({}, {}, other).start_host({"vmName": machine})[0] == Status.PENDING


@pytest.mark.parametrize("begin", ["start_host", "provision_host"])
def test_a_handle_is_plain_json_without_the_template(site: Served, machine: str, deploying: dict[str, Any], begin: str):
    deploying["deploymentTemplateParameters"] = {"adminPublicKey": "ssh-ed25519 AAAA"}
    status, handle = getattr(service(site, **deploying), begin)({"vmName": machine})
    assert status == Status.PENDING
    assert "Microsoft.Compute/virtualMachines" not in json.dumps(handle.get("deploymentTemplatePath", ""))


def test_authorization_is_asked_off_the_event_loop(site: Served, machine: str):
    threads = []
    token = site.token()

    def asked() -> str:
        threads.append(threading.current_thread().name)
        return token

    made = AzureVMService(settings(), {"azvmEndpoint": site.arm.endpoint}, Authorization(asked))
    assert made.start_host({"vmName": machine})[0] == Status.PENDING
    assert threads
    assert not [name for name in threads if name == "azvm-portal"]


@pytest.mark.parametrize("begin", ["start_host", "deallocate_host", "reboot"])
def test_a_sign_in_that_fails_fails_the_call_and_tells_why(site: Served, machine: str, begin: str):
    def refused() -> str:
        raise RuntimeError("the certificate has expired")

    made = AzureVMService(settings(), {"azvmEndpoint": site.arm.endpoint}, Authorization(refused))
    status, result = getattr(made, begin)({"vmName": machine})
    assert status == Status.FAILED
    assert "the certificate has expired" in result["error"]["message"]


def test_without_an_authorization_service_a_call_fails_and_tells_what_is_missing(site: Served, machine: str):
    made = AzureVMService(settings(), {"azvmEndpoint": site.arm.endpoint}, None)
    status, result = made.start_host({"vmName": machine})
    assert status == Status.FAILED
    assert "authorization service" in result["error"]["message"]


def test_a_token_is_taken_to_be_good_for_as_long_as_upstream_takes_it():
    assert ParentCredential(Authorization(str)).get_token("scope").expires_on == pytest.approx(time.time() + 300, abs=5)


def test_claims_are_proved_by_the_credential_behind_the_service():
    asked = []

    class Credential:
        def get_token(self, *scopes: str, claims: str | None = None) -> Any:
            asked.append((scopes, claims))
            return SimpleNamespace(token="proof", expires_on=4_000_000_000)

    got = ParentCredential(Authorization(str, Credential())).get_token("scope", claims="{}", enable_cae=True)
    assert (got.token, asked) == ("proof", [(("scope",), "{}")])


def test_its_settings_go_to_the_requests(site: Served):
    made = service(site)
    made.start_host({"vmName": "elsewhere", "resourceGroup": "another-rg"})
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/another-rg/providers/Microsoft.Compute/virtualMachines"
    assert site.requests("POST", f"{path}/elsewhere/start")
