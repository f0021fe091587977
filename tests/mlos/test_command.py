"""``azvm-mlos-bench``: the class may be named, all else is checked as before, upstream's configs are served.

Whole runs of the command are in ``test_experiments.py``.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlos_bench.config.schemas.config_schemas import SCHEMA_STORE, ConfigSchema
from mlos_bench.services.base_service import Service
from mlos_bench.services.config_persistence import ConfigPersistenceService
from mlos_bench.services.remote import azure
from mlos_bench.services.remote.azure import azure_vm_services
from serving import Served

from azvm_async.mlos import AzureVMService, command
from mlos.support import OURS, UPSTREAMS, Experiment

UPSTREAMS_OTHER_NAME = "mlos_bench.services.remote.azure.azure_vm_services.AzureVMService"
UPSTREAMS_CLASS = azure.AzureVMService
Load = Callable[[], Service]


@pytest.fixture
def experiment(tmp_path: Path, site: Served) -> Experiment:
    return Experiment(tmp_path, site.arm)


@pytest.fixture
def load(experiment: Experiment) -> Load:
    """Return what makes the services of an experiment, from its files."""

    def loaded() -> Service:
        experiment.write()
        loader = ConfigPersistenceService({"config_path": [str(experiment.home)]})
        loader.load_config("environment.jsonc", ConfigSchema.ENVIRONMENT)
        return loader.load_services(["services.jsonc"], dict(experiment.globals), loader)

    return loaded


@pytest.fixture
def allowed() -> Iterator[None]:
    """Have the class allowed by the schema, for one test."""
    command.allow()
    yield
    for schema in SCHEMA_STORE.values():
        names = schema.get("properties", {}).get("class", {}).get("enum", [])
        if OURS in names:
            names.remove(OURS)


@pytest.fixture
def replaced(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it comes first
    """Have upstream's class replaced, for one test."""
    for module in (azure, azure_vm_services):
        monkeypatch.setattr(module, "AzureVMService", UPSTREAMS_CLASS)
    command.replace()


def class_of(service: Service) -> type:
    """Return the class that operates VMs."""
    return type(service.start_host.__self__)


@pytest.mark.usefixtures("allowed")
def test_a_config_that_names_the_class_is_served_by_it(load: Load):
    assert class_of(load()) is AzureVMService


def test_control_mlos_benchs_schema_alone_refuses_it(load: Load):
    with pytest.raises(ValueError, match="Failed to validate config"):
        load()


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("name", [UPSTREAMS, UPSTREAMS_OTHER_NAME])
def test_upstreams_class_stays_upstreams(experiment: Experiment, load: Load, name: str):
    experiment.services[1]["class"] = name
    assert class_of(load()) is UPSTREAMS_CLASS


@pytest.mark.usefixtures("replaced")
@pytest.mark.parametrize("name", [UPSTREAMS, UPSTREAMS_OTHER_NAME, OURS])
def test_upstreams_class_can_be_replaced(experiment: Experiment, load: Load, name: str):
    experiment.services[1]["class"] = name
    assert class_of(load()) is AzureVMService


@pytest.mark.usefixtures("allowed")
def test_allowing_twice_is_allowing_once(load: Load):
    command.allow()
    assert class_of(load()) is AzureVMService


def test_a_mlos_bench_without_such_a_list_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(command, "SCHEMA_STORE", {"other": {"properties": {"class": {"enum": ["other.Class"]}}}})
    with pytest.raises(RuntimeError, match="no schema for"):
        command.allow()


def wrong_key(experiment: Experiment) -> None:
    experiment.settings["pollIntervall"] = 4


def wrong_value(experiment: Experiment) -> None:
    experiment.settings["deploymentTemplatePath"] = "template.bicep"


def wrong_class(experiment: Experiment) -> None:
    experiment.services[1]["class"] = "azvm_async.mlos.NoSuchService"


def wrong_environment(experiment: Experiment) -> None:
    experiment.script["wait_for_boot"] = True


@pytest.mark.usefixtures("replaced")
@pytest.mark.parametrize("mistake", [wrong_key, wrong_value, wrong_class, wrong_environment])
@pytest.mark.parametrize("name", [OURS, UPSTREAMS])
def test_all_other_validation_is_on(experiment: Experiment, load: Load, mistake: Any, name: str):
    experiment.services[1]["class"] = name
    mistake(experiment)
    with pytest.raises(ValueError, match="Failed to validate config"):
        load()


@pytest.mark.usefixtures("allowed")
def test_a_global_that_is_text_reaches_a_setting_that_is_a_number(experiment: Experiment, load: Load):
    experiment.globals["pollTimeout"] = "77"
    assert load().start_host.__self__.config["pollTimeout"] == "77"


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("given", "passed", "replacing"),
    [
        (["--config", "cli.jsonc"], ["--config", "cli.jsonc"], False),
        (["--replace-azure-vm-service", "--config", "cli.jsonc"], ["--config", "cli.jsonc"], True),
        (["--vmName", "vm1", "--replace_azure_vm_service"], ["--vmName", "vm1"], True),
    ],
)
def test_mlos_bench_gets_all_arguments_but_ours(
    monkeypatch: pytest.MonkeyPatch, given: list[str], passed: list[str], replacing: bool
):
    seen: list[Any] = []
    monkeypatch.setattr(command, "run_mlos_bench", lambda rest: seen.append(rest) or 7)
    monkeypatch.setattr(command, "replace", lambda: seen.append("replaced"))
    assert command.main(given) == 7
    assert seen == [*["replaced"][:replacing], passed]


@pytest.mark.parametrize("option", ["--replace-azure-vm-service=1", "--replace_azure_vm_service=true"])
def test_a_value_for_the_option_that_takes_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
):
    monkeypatch.setattr(command, "run_mlos_bench", lambda _: 0)
    assert command.main(["--config", "cli.jsonc", option]) == command.WRONG_USAGE
    assert "--replace-azure-vm-service takes no value" in capsys.readouterr().err


def test_the_console_script_tells_the_options_of_both():
    script = [str(Path(sys.executable).with_name("azvm-mlos-bench")), "--help"]
    told = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "--replace-azure-vm-service" in told
    assert "--trial_config_repeat_count" in told


def test_without_mlos_bench_the_extra_is_named():
    code = "import sys; sys.modules['mlos_bench'] = None; import azvm_async.mlos"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "azvm-async[mlos]" in ended.stderr
