"""The web service, visited in process, on virtual time: what its requests answer, well or badly."""

import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from azvm_async import AzureVMClient
from azvm_async.emulator import Emulator

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, azvm_client: AzureVMClient) -> ModuleType:
    """Give the example, with a client of the emulator on virtual time."""
    monkeypatch.syspath_prepend(EXAMPLES)
    for name in ("web_service", "place"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = import_module("web_service")
    module.app.state.client = azvm_client
    return module


@pytest.fixture
async def web(service: ModuleType, azvm_arm: Emulator) -> AsyncIterator[Any]:
    azvm_arm.add_vm("vm1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://service") as browser:
        yield browser


async def started(web: Any) -> str:
    """Have the service start the VM, and return its token."""
    answer = await web.post("/vms/vm1/start")
    assert answer.status_code == 202
    return answer.json()["token"]


async def report(web: Any, token: str, wait: float = 0) -> dict[str, Any]:
    answer = await web.get(f"/operations/{token}", params={"wait": wait})
    assert answer.status_code == 200
    return answer.json()


async def test_a_request_returns_a_token_while_the_operation_goes_on(web: Any, azvm_arm: Emulator):
    token = await started(web)
    assert azvm_arm.vm("vm1").power_state != "running"
    assert await report(web, token) == {"verb": "start", "done": False, "status": "InProgress"}


async def test_another_request_reports_the_end(web: Any, azvm_arm: Emulator):
    told = await report(web, await started(web), wait=30)
    assert told == {"verb": "start", "done": True, "status": "Succeeded"}
    assert azvm_arm.vm("vm1").power_state == "running"


async def test_a_service_that_was_restarted_reports_too(service: ModuleType, web: Any, azvm_arm: Emulator):
    token = await started(web)
    arm = azvm_arm
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=arm.clock
    ) as other:
        service.app.state.client = other
        assert (await report(web, token, wait=30))["status"] == "Succeeded"


async def test_a_failure_is_told_with_azures_code(web: Any, azvm_arm: Emulator):
    azvm_arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "AllocationFailed", "No room.")
    told = await report(web, await started(web), wait=30)
    assert (told["status"], told["error"]) == ("Failed", {"code": "AllocationFailed", "message": "No room."})


async def test_no_signed_url_leaves_the_service(service: ModuleType, web: Any):
    token = await started(web)
    assert "http" in service.tokens[token]
    assert len(token) == 32
    assert "http" not in str(await report(web, token))


@pytest.mark.parametrize(("method", "path"), [("POST", "/vms/ghost/start"), ("GET", "/operations/unknown")])
async def test_what_is_not_there_is_404(web: Any, method: str, path: str):
    assert (await web.request(method, path)).status_code == 404


async def test_azures_refusal_is_a_bad_gateway_with_its_code(web: Any, azvm_arm: Emulator):
    azvm_arm.fail("Microsoft.Compute/virtualMachines/vm1/start", "QuotaExceeded", "No more.", preflight=True)
    answer = await web.post("/vms/vm1/start")
    assert (answer.status_code, answer.json()["detail"]) == (502, "QuotaExceeded")
