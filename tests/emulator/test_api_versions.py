"""Which API versions are taken: what the type has, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import azure.mgmt.compute
import azure.mgmt.compute.aio
import pytest
from azure.core.exceptions import HttpResponseError

from azvm_async.emulator import Emulator
from azvm_async.emulator.api_versions import TABLE
from emulator.deploying import Deployer
from emulator.official import Service, options
from emulator.sites import ADDRESS, LOCK, NSG, RG, SUB, VM, VNET, body
from emulator.small_templates import ONE, nested, resource, template
from emulator.small_templates import body as deployment
from emulator.support import Caller

COMPUTE = f"{SUB}/providers/Microsoft.Compute"
THING = f"{RG}/providers/Microsoft.Emulated/things/one"
BULK = f"{SUB}/providers/Microsoft.ComputeSchedule/locations/westeurope/virtualMachinesExecuteStart"
STACK = f"{RG}/providers/Microsoft.Resources/deploymentStacks/s1"
PROVIDERS = "NoRegisteredProviderFound"
ARMS = "InvalidApiVersionParameter"


@pytest.fixture(params=["sync", "async"])
async def machines(request: pytest.FixtureRequest, served: Emulator) -> AsyncIterator[Service]:
    """Give the VM operations of both clients in turn."""
    chosen = await options(served)
    if request.param == "sync":
        with azure.mgmt.compute.ComputeManagementClient(**chosen) as client:
            yield Service(client, "virtual_machines")
    else:
        async with azure.mgmt.compute.aio.ComputeManagementClient(**chosen) as client:
            yield Service(client, "virtual_machines")


async def asked(caller: Caller, method: str, path: str, query: str, document: Any = None) -> tuple[int, dict[str, Any]]:
    """Return the status and the error of an answer."""
    answer = await caller.send(method, f"{caller.arm.endpoint}{path}{query}", document)
    return answer.status, (answer.document() or {}).get("error", {}) if answer.body else {}


async def code(caller: Caller, method: str, path: str, version: str) -> str:
    """Return the code of the refusal of an API version."""
    status, error = await asked(caller, method, path, f"?api-version={version}")
    return error["code"] if status == 400 else f"{status}, not refused"


@pytest.mark.parametrize("query", ["", "?api-version="])
async def test_an_api_version_is_required(caller: Caller, vm: str, query: str):
    status, error = await asked(caller, "GET", vm, query)
    assert (status, error["code"]) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize("path", [VM, THING, RG])
@pytest.mark.parametrize("version", ["latest", "2024-07-01x", "2024-7-1"])
async def test_what_is_no_api_version_is_refused_everywhere(caller: Caller, path: str, version: str):
    assert await code(caller, "GET", path, version) == ARMS


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", VM, PROVIDERS),
        ("POST", f"{VM}/start", PROVIDERS),
        ("GET", f"{VM}/runCommands", PROVIDERS),
        ("PUT", f"{VM}/runCommands/x", PROVIDERS),
        ("PUT", f"{VM}/extensions/x", PROVIDERS),
        ("GET", f"{COMPUTE}/virtualMachines", PROVIDERS),
        ("GET", f"{COMPUTE}/locations/westeurope/virtualMachines", PROVIDERS),
        ("GET", f"{COMPUTE}/locations/westeurope/operations/1", PROVIDERS),
        ("GET", f"{SUB}/providers/Microsoft.Network/locations/westeurope/operations/1", PROVIDERS),
        ("POST", BULK, PROVIDERS),
        ("PUT", NSG, PROVIDERS),
        ("GET", NSG.rpartition("/")[0], PROVIDERS),
        ("DELETE", f"{NSG.lower()}/{LOCK}", PROVIDERS),
        ("PUT", STACK, PROVIDERS),
        ("GET", "/subscriptions", ARMS),
        ("GET", RG, ARMS),
        ("GET", f"{RG}/resources", ARMS),
        ("GET", f"{SUB}/providers", ARMS),
        ("GET", COMPUTE, ARMS),
        ("POST", f"{COMPUTE}/register", ARMS),
        ("PUT", ONE, ARMS),
        ("POST", f"{ONE}/validate", ARMS),
        ("GET", f"{ONE}/operations", ARMS),
    ],
)
async def test_a_version_that_the_type_has_not_is_refused(caller: Caller, method: str, path: str, refusal: str):
    assert await code(caller, method, path, "2010-01-01") == refusal


@pytest.mark.parametrize(
    ("path", "own", "neighbours"),
    [
        (VM, "2024-07-01", "2024-03-02"),
        (f"{RG}/providers/Microsoft.Compute/disks/d", "2024-03-02", "2024-07-01"),
        (f"{VM}/runCommands/x", "2020-06-01", "2019-12-01"),
        (STACK, "2024-03-01", "2022-09-01"),
        (RG, "2022-09-01", "2024-05-01"),
        (f"{RG}/providers/Microsoft.Storage/storageAccounts/s", "2016-01-01", "2015-05-01"),
        (ADDRESS, "2014-12-01-preview", "2014-12-01"),
    ],
)
async def test_each_type_has_a_list_of_its_own(caller: Caller, path: str, own: str, neighbours: str):
    assert (await asked(caller, "GET", path, f"?api-version={own}"))[0] in {200, 404}
    assert (await asked(caller, "GET", path, f"?api-version={neighbours}"))[0] == 400


async def test_previews_are_compared_without_regard_to_case(caller: Caller, vm: str):
    assert (await asked(caller, "GET", vm, "?api-version=2015-05-01-PREVIEW"))[0] == 200


async def test_a_type_that_is_not_known_takes_any_date(caller: Caller):
    status, _ = await asked(caller, "PUT", THING, "?api-version=1999-12-31-preview", body())
    shown = await caller.get(f"{SUB}/providers/Microsoft.Emulated")
    assert (status, shown["resourceTypes"][0]["apiVersions"]) == (201, ["1999-12-31-preview"])


async def test_a_provider_tells_what_it_takes_and_where(arm: Emulator, caller: Caller):
    vm = arm.add_vm("north", location="northeurope")
    _, error = await asked(caller, "GET", vm, "?api-version=2010-01-01")
    assert error["message"].startswith(
        "No registered resource provider found for location 'northeurope' and API version '2010-01-01' for type "
        "'virtualMachines'. The supported api-versions are '2015-05-01-preview, 2015-06-15, 2016-03-30, "
    )
    assert "'. The supported locations are 'eastus, eastus2, westus, " in error["message"]


@pytest.mark.parametrize("path", [VM.replace(RG, f"{RG}-none"), VM.replace(SUB, "/subscriptions/none")])
async def test_the_version_is_looked_at_before_it_is_known_where_a_request_leads(caller: Caller, path: str):
    _, error = await asked(caller, "GET", path, "?api-version=2010-01-01")
    assert error["message"].startswith("No registered resource provider found for location 'global' and API version")


async def test_a_type_is_known_however_the_path_is_encoded(caller: Caller):
    assert await code(caller, "GET", NSG.replace("Security", "%53ecurity"), "2010-01-01") == PROVIDERS


async def test_arm_tells_what_it_takes_newest_first(caller: Caller):
    _, error = await asked(caller, "GET", RG, "?api-version=2010-01-01")
    beginning = "The api-version '2010-01-01' is invalid. The supported versions are '"
    versions = error["message"].removeprefix(beginning).removesuffix("'.").split(",")
    assert error["message"].startswith(beginning)
    assert versions == sorted(versions, reverse=True)


async def test_what_a_provider_shows_is_what_is_taken(caller: Caller, vm: str):
    shown = await caller.get(COMPUTE)
    versions = next(each["apiVersions"] for each in shown["resourceTypes"] if each["resourceType"] == "virtualMachines")
    assert {(await asked(caller, "GET", vm, f"?api-version={each}"))[0] for each in versions} == {200}


@pytest.mark.parametrize(
    "series", TABLE, ids=lambda series: f"{series.namespace}/{(series.located + series.others)[:9]}"
)
def test_the_table_is_in_order(series):
    versions = series.versions.split()
    firsts = {each.partition(">")[2] for each in f"{series.located} {series.others}".split()} - {""}
    assert versions == sorted(set(versions))
    assert firsts <= set(versions)


async def test_in_a_template_it_is_refused_when_the_turn_of_the_resource_has_come(deployer: Deployer):
    old = resource("Microsoft.Network/virtualNetworks", "net", apiVersion="2010-01-01", location="North Europe")
    error = await deployer.failed(deployment(old))
    [step] = [each["statusMessage"]["error"] for each in await deployer.steps() if "statusMessage" in each]
    assert (error["code"], step["code"]) == ("DeploymentFailed", PROVIDERS)
    assert "location 'northeurope' and API version '2010-01-01'" in step["message"]
    assert (await deployer.send("GET", VNET)).status == 404


async def test_a_nested_deployment_is_refused_at_once(deployer: Deployer):
    old = nested("inner", template()) | {"apiVersion": "2021-08-01"}
    answer = await deployer.send("PUT", ONE, deployment(old))
    error = answer.document()["error"]
    assert (answer.status, error["code"]) == (400, "InvalidTemplate")
    assert "'inner' at line '1' and column '0' is invalid. 'ApiVersion' property is invalid." in error["message"]


async def test_the_official_client_is_told(served: Emulator, machines: Service):
    served.add_vm("vm1")
    with pytest.raises(HttpResponseError, match="for type 'virtualMachines'") as caught:
        await machines("get", "emulated-rg", "vm1", params={"api-version": "2010-01-01"})
    assert (caught.value.status_code, caught.value.error.code) == (400, PROVIDERS)
