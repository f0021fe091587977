"""What a user writes, for mypy: checked by ``test_public_api.py``, never run."""

import asyncio
from pathlib import Path
from typing import Any, assert_type

from azvm_async import (
    AzureVMClient,
    AzureVMError,
    BulkMember,
    Deployed,
    DeploymentFailed,
    Deprovisioned,
    DeprovisionIncomplete,
    DeprovisionPlan,
    Fleet,
    FleetFailed,
    InstanceView,
    Left,
    Operation,
    Query,
    Report,
    ResourceChange,
    ResourceProgress,
    Run,
    RunCommandResult,
    Submission,
    Update,
    VirtualMachine,
    WaitTimeout,
)
from azvm_async.facade import Status, VMFacade


async def act(client: AzureVMClient) -> None:
    """Use what acts on a VM: a handle without a result."""
    for submission in (
        client.start("vm1"),
        client.stop("vm1", force=True),
        client.deallocate("vm1", hibernate=True),
        client.reboot("vm1"),
        client.redeploy("vm1"),
        client.reapply("vm1"),
        client.reimage("vm1"),
        client.simulate_eviction("vm1"),
        client.delete("vm1"),
    ):
        assert_type(submission, Submission[None])
    assert_type(await client.start("vm1"), Operation[None])
    started, both = await asyncio.gather(client.start("vm1"), client.run_command("vm1", "true"))
    assert_type(started, Operation[None])
    assert_type(both, Operation[RunCommandResult])
    async with asyncio.TaskGroup() as tasks:
        assert_type(tasks.create_task(client.start("vm1")), asyncio.Task[Operation[None]])


async def follow(op: Operation[RunCommandResult]) -> None:
    """Use all of a handle."""
    assert_type(await op, RunCommandResult)
    assert_type(await op.result(timeout=5), RunCommandResult)
    assert_type((op.done, op.status, op.token, op.polls, op.driven), tuple[bool, str, str, int, bool])
    assert_type((op.percent_complete, op.retry_after), tuple[float | None, float | None])
    assert_type(op.async_results_url, str | None)
    assert_type(op.trouble, AzureVMError | None)
    assert_type(op.about.verb, str)
    async for update in op.updates():
        assert_type(update, Update)
        assert_type(update.resources, tuple[ResourceProgress, ...])


async def scripts(client: AzureVMClient) -> None:
    """Run scripts."""
    result = await client.run_command("vm1", "true", {"A": 1}, timeout=60).result()
    assert_type(result, RunCommandResult)
    assert_type((result.exit_code, result.stdout), tuple[int | None, str])


async def deployments(client: AzureVMClient) -> None:
    """Deploy and remove: what ``plan`` says decides what comes back."""
    deployed = await client.provision("vm1", Path("template.json"), {"size": "s"}).result()
    assert_type(deployed, Deployed)
    assert_type(deployed.duration, float | None)
    assert_type(await client.deprovision("vm1").result(), Deprovisioned)
    assert_type(await client.deprovision("vm1", plan=True).result(), DeprovisionPlan)
    assert_type(await client.deprovision("vm1", plan=bool(1)).result(), Deprovisioned | DeprovisionPlan)
    assert_type((await client.deprovision("vm1").result()).left, tuple[Left, ...])
    assert_type(await client.validate("vm1", {}), tuple[str, ...])
    assert_type(await client.what_if("vm1", {}), tuple[ResourceChange, ...])


async def reads(client: AzureVMClient) -> None:
    """Read, do in bulk, do anything, take up again."""
    assert_type(await client.get("vm1"), VirtualMachine)
    assert_type(await client.instance_view("vm1"), InstanceView)
    async for vm in client.list():
        assert_type(vm.power_state, str | None)
    assert_type(await client.bulk("start", ["vm1"], "westeurope"), Operation[tuple[BulkMember, ...]])
    assert_type(await client.begin("POST", "/path").result(), Any)
    assert_type(client.resume("token"), Operation[Any])
    assert_type(client.outstanding, list[Operation[Any]])


async def fleets(client: AzureVMClient) -> None:
    """Do the same with many."""
    async with Fleet(client, Query("web-*")) as fleet:
        for run in (fleet.start(), fleet.stop(), fleet.deallocate(), fleet.delete(), fleet.run_command("true")):
            assert_type(run, Run)
        for other in (fleet.provision("template.json"), fleet.deprovision(), fleet.reboot(), fleet.hibernate()):
            assert_type(await other, Report)


async def failures(client: AzureVMClient) -> None:
    """Look at errors. What they carry from higher floors is Any to them, for imports run down."""
    try:
        await client.start("vm1").result(timeout=1)
    except WaitTimeout as error:
        assert_type(error.operation, Any)
    except DeploymentFailed as error:
        assert_type(error.resources, tuple[Any, ...])
    except DeprovisionIncomplete as error:
        assert_type(error.report, Any)
    except FleetFailed as error:
        assert_type(error.report, Any)
    except AzureVMError as error:
        assert_type((error.code, error.status), tuple[str | None, int | None])


def sync(facade: VMFacade) -> None:
    """Do without asyncio."""
    assert_type(facade.start_host({"vmName": "vm1"}), tuple[Status, dict[str, Any]])


async def mistakes(client: AzureVMClient) -> None:
    """Make mistakes, of which each is found."""
    client.start()  # type: ignore[call-arg]
    client.start("vm1", timeout=5)  # type: ignore[call-arg]
    client.start("vm1").status  # type: ignore[attr-defined]  # noqa: B018
    client.provision("vm1", {}, mode="Complet")  # type: ignore[arg-type]
    client.run_command("vm1", "true", "A=1")  # type: ignore[arg-type]
    (await client.deprovision("vm1").result()).waves  # type: ignore[attr-defined]  # noqa: B018
    async with client.list() as vms:  # type: ignore[attr-defined]
        assert vms
