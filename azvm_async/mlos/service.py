"""The service: what mlos_bench knows goes to the facade, and the facade's answers go to mlos_bench."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from mlos_bench.config.schemas.config_schemas import ConfigSchema
from mlos_bench.dict_templater import DictTemplater
from mlos_bench.environments.status import Status
from mlos_bench.services.base_service import Service
from mlos_bench.services.types.host_ops_type import SupportsHostOps
from mlos_bench.services.types.host_provisioner_type import SupportsHostProvisioning
from mlos_bench.services.types.os_ops_type import SupportsOSOps
from mlos_bench.services.types.remote_exec_type import SupportsRemoteExec
from mlos_bench.util import merge_parameters

from azvm_async import facade
from azvm_async.facade.template import refuse_two_custom_data
from azvm_async.mlos.credential import ParentCredential

UPSTREAM = "mlos_bench.services.remote.azure.AzureVMService"
"""The class that this one stands in for; its schema is this one's, too."""

ENDPOINT_VARIABLE = "AZVM_ENDPOINT"
"""Environment variable with Resource Manager's URL, where it is not the public cloud's."""

ENDPOINT_GLOBAL = "azvmEndpoint"
"""The same as a global parameter of the experiment, which goes before the environment."""

_NUMBERS = ("pollInterval", "pollTimeout", "requestTimeout", "requestTotalRetries", "requestBackoffFactor")


class AzureVMService(Service, SupportsHostProvisioning, SupportsHostOps, SupportsOSOps, SupportsRemoteExec):
    """Operates VMs on Azure for mlos_bench's environments.

    Parameters
    ----------
    config : dict, optional
        Settings; the keys are those of mlos_bench's own class, and ``docs/mlos_bench.md`` has them.
    global_config : dict, optional
        Global parameters of the experiment.
    parent : Service, optional
        The service before this one: it brings authorization, and finds files.
    methods : dict or list, optional
        More methods to register.

    Raises
    ------
    ValueError
        When a setting is missing or can't be.
    """

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        global_config: dict[str, Any] | None = None,
        parent: Service | None = None,
        methods: dict[str, Callable[..., Any]] | list[Callable[..., Any]] | None = None,
    ) -> None:
        own: list[Callable[..., Any]] = [
            self.provision_host, self.wait_host_deployment, self.deprovision_host, self.deallocate_host,
            self.start_host, self.stop_host, self.restart_host, self.wait_host_operation,
            self.shutdown, self.reboot, self.wait_os_operation,
            self.remote_exec, self.get_remote_exec_results,
        ]  # fmt: skip
        super().__init__(config, global_config, parent, self.merge_methods(methods, own))
        known = global_config or {}
        endpoint = known.get(ENDPOINT_GLOBAL) or os.environ.get(ENDPOINT_VARIABLE) or None
        self._facade = facade.VMFacade(self._settings(known), credential=ParentCredential(parent), endpoint=endpoint)

    def provision_host(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.provision_host`."""
        return _told(self._facade.provision_host(params))

    def wait_host_deployment(self, params: dict[str, Any], *, is_setup: bool) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.wait_host_deployment`."""
        return _told(self._facade.wait_host_deployment(params, is_setup=is_setup))

    def deprovision_host(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.deprovision_host`."""
        return _told(self._facade.deprovision_host(params))

    def deallocate_host(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.deallocate_host`."""
        return _told(self._facade.deallocate_host(params))

    def start_host(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.start_host`."""
        return _told(self._facade.start_host(params))

    def stop_host(self, params: dict[str, Any], force: bool = False) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.stop_host`."""
        return _told(self._facade.stop_host(params, force))

    def restart_host(self, params: dict[str, Any], force: bool = False) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.restart_host`."""
        return _told(self._facade.restart_host(params, force))

    def wait_host_operation(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.wait_host_operation`."""
        return _told(self._facade.wait_host_operation(params))

    def shutdown(self, params: dict[str, Any], force: bool = False) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.shutdown`."""
        return _told(self._facade.shutdown(params, force))

    def reboot(self, params: dict[str, Any], force: bool = False) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.reboot`."""
        return _told(self._facade.reboot(params, force))

    def wait_os_operation(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.wait_os_operation`."""
        return _told(self._facade.wait_os_operation(params))

    def remote_exec(
        self, script: Iterable[str], config: dict[str, Any], env_params: dict[str, Any]
    ) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.remote_exec`."""
        return _told(self._facade.remote_exec(script, config, env_params))

    def wait_remote_exec_operation(self, params: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.wait_remote_exec_operation`."""
        return _told(self._facade.wait_remote_exec_operation(params))

    def get_remote_exec_results(self, config: dict[str, Any]) -> tuple[Status, dict[str, Any]]:
        """See :meth:`azvm_async.facade.VMFacade.get_remote_exec_results`."""
        return _told(self._facade.get_remote_exec_results(config))

    @property
    def deploy_params(self) -> dict[str, Any]:
        """Parameters of the template as far as the configuration tells them."""
        return self._facade.deploy_params

    def _exit_context(
        self, ex_type: type[BaseException] | None, ex_val: BaseException | None, ex_tb: TracebackType | None
    ) -> Literal[False]:
        """Let go of connections; the next call, in a context or not, makes new ones."""
        try:
            self._facade.close()
        finally:  # interrupted or not: it was left
            super()._exit_context(ex_type, ex_val, ex_tb)
        return False

    def _validate_json_config(self, config: dict[str, Any]) -> None:
        """Check a configuration by the schema of upstream's class; numbers may come as text from the command line."""
        document = {"class": UPSTREAM, **({"config": _with_numbers(config)} if config else {})}
        ConfigSchema.SERVICE.validate(document)

    def _settings(self, known: dict[str, Any]) -> dict[str, Any]:
        """Return the facade's settings: template and custom data are read, and what stands for something is expanded."""
        settings = {key: value for key, value in self.config.items() if key != "customDataFile"}
        parameters: dict[str, Any] = {}
        if (template := self.config.get("deploymentTemplatePath")) is not None:
            settings["deploymentTemplatePath"] = self.config_loader_service.load_config(template, schema_type=None)
            given = self.config.get("deploymentTemplateParameters") or {}
            expanded = DictTemplater(given).expand_vars(extra_source_dict=known)
            parameters = merge_parameters(dest=expanded, source=known)
        return settings | {"deploymentTemplateParameters": parameters | self._custom_data(parameters)}

    def _custom_data(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        if not (named := self.config.get("customDataFile")):
            return {}
        refuse_two_custom_data(parameters)
        return {"customData": Path(self.config_loader_service.resolve_path(named)).read_text(encoding="utf-8")}


def _told(answer: tuple[facade.Status, dict[str, Any]]) -> tuple[Status, dict[str, Any]]:
    """Say an answer in mlos_bench's words."""
    status, result = answer
    return Status[status.name], result


def _with_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _number(value) if key in _NUMBERS else value for key, value in config.items()}


def _number(value: object) -> object:
    """Return a text as the number that it is, if it is one."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
