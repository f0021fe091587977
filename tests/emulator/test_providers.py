"""Resource providers."""

from emulator.sites import RG, SUB, body
from emulator.support import Caller

COMPUTE = f"{SUB}/providers/Microsoft.Compute"


async def test_a_provider_tells_its_types_and_their_versions_newest_first(caller: Caller):
    shown = await caller.get(COMPUTE.lower())
    types = {each["resourceType"]: each for each in shown["resourceTypes"]}
    versions = types["virtualMachines"]["apiVersions"]
    assert (shown["id"], shown["namespace"], shown["registrationState"]) == (COMPUTE, "Microsoft.Compute", "Registered")
    assert versions == sorted(versions, reverse=True)
    assert types["disks"]["apiVersions"] != versions
    assert "West Europe" in types["virtualMachines"]["locations"]


async def test_the_default_version_is_no_preview(caller: Caller):
    shown = await caller.get(f"{SUB}/providers/Microsoft.Authorization")
    assert all("preview" not in each["defaultApiVersion"] for each in shown["resourceTypes"])


async def test_providers_are_listed(caller: Caller):
    listed = [each["namespace"] for each in (await caller.get(f"{SUB}/providers"))["value"]]
    assert {"Microsoft.Compute", "Microsoft.Network", "Microsoft.Storage", "Microsoft.ComputeSchedule"} <= set(listed)
    assert len(listed) == len(set(listed))


async def test_a_type_that_was_put_is_known_from_then_on(caller: Caller):
    await caller.act(f"{RG}/providers/Microsoft.Emulated/things/one", "PUT", body())
    shown = await caller.get(f"{SUB}/providers/microsoft.emulated")
    assert (shown["namespace"], shown["resourceTypes"][0]["resourceType"]) == ("Microsoft.Emulated", "things")
    assert shown["resourceTypes"][0]["apiVersions"] == ["2024-07-01"]


async def test_a_type_is_found_under_its_namespace_in_whatever_case_it_was_put(caller: Caller):
    await caller.act(f"{RG}/providers/microsoft.compute/novelties/one", "PUT", body())
    shown = await caller.get(COMPUTE)
    listed = [each["namespace"] for each in (await caller.get(f"{SUB}/providers"))["value"]]
    assert "novelties" in {each["resourceType"] for each in shown["resourceTypes"]}
    assert "Microsoft.Compute" in listed


async def test_a_registration_can_be_taken_back_and_given(caller: Caller):
    states = []
    for verb in ("unregister", "register"):
        await caller.send("POST", f"{COMPUTE}/{verb}")
        states.append((await caller.get(COMPUTE))["registrationState"])
    assert states == ["NotRegistered", "Registered"]
