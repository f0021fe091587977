"""Services as mlos_bench makes them: a loader of files, an authorization, the VM service."""

from collections.abc import Callable
from typing import Any

from mlos_bench.services.base_service import Service
from mlos_bench.services.config_persistence import ConfigPersistenceService
from serving import Served

from azvm_async.mlos import AzureVMService
from mlos.support import ROOT

TEMPLATE = str(ROOT / "examples" / "ubuntu-vm.jsonc")


class Authorization(Service):
    """An authorization service as mocks of mlos_bench are: it hands out a token, and its credential is text."""

    def __init__(self, token: Callable[[], str], credential: Any = "a credential") -> None:
        self.token = token
        self.credential = credential
        methods = [self.get_access_token, self.get_auth_headers, self.get_credential]
        super().__init__({}, {}, ConfigPersistenceService(), self.merge_methods(None, methods))
        self._config_loader_service = self._parent.config_loader_service

    def _validate_json_config(self, config: dict[str, Any]) -> None:
        """Take any: the schema knows no such class."""

    def get_access_token(self) -> str:
        return self.token()

    def get_auth_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.get_access_token()}"}

    def get_credential(self) -> Any:
        return self.credential


def settings(**more: Any) -> dict[str, Any]:
    """Return the settings of a service that acts on the emulator's resource group."""
    return {"subscription": SUBSCRIPTION, "resourceGroup": "emulated-rg", "pollTimeout": 20, **more}


SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def service(site: Served | None = None, known: dict[str, Any] | None = None, **more: Any) -> AzureVMService:
    """Make a service whose parent authorizes; one for an emulator finds it by a global parameter."""
    token = "a token" if site is None else site.token()
    at = {} if site is None else {"azvmEndpoint": site.arm.endpoint}
    return AzureVMService(settings(**more), {**at, **(known or {})}, Authorization(lambda: token))
