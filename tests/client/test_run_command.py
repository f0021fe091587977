"""Scripts on VMs, through the client: really run by the emulator's shell."""

import pytest

from azvm_async import AzureVMClient, Conflict, InvalidRequest, VirtualClock
from azvm_async.emulator import Emulator

HEREDOC = """\
#!/bin/bash
cat <<END
line one; & done
$((6 * 7))
END
for n in 1 2; do
  echo "n=$n"; done
"""


async def kept(client: AzureVMClient, arm: Emulator) -> list[str]:
    """Return the names of the run commands that a VM has."""
    listing = await client.begin("GET", f"{arm.vm('vm1').path}/runCommands", api_version="2024-07-01").result()
    return [item["name"] for item in listing["value"]]


async def test_output_is_the_scripts_own(client: AzureVMClient):
    result = await client.run_command("vm1", "echo out; echo err >&2").result()
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 0)


async def test_script_is_sent_as_it_is(client: AzureVMClient):
    result = await client.run_command("vm1", HEREDOC).result()
    assert result.stdout == "line one; & done\n42\nn=1\nn=2\n"


async def test_failed_script_is_a_result(client: AzureVMClient):
    result = await client.run_command("vm1", "echo before; exit 3").result()
    assert (result.exit_code, result.stdout, result.execution_state) == (3, "before\n", "Failed")


async def test_times_have_a_zone(client: AzureVMClient, clock: VirtualClock):
    result = await client.run_command("vm1", "true").result()
    assert result.started.tzinfo is not None
    assert result.started <= result.ended <= clock.utcnow()


async def test_parameters_are_environment_variables_as_text(client: AzureVMClient):
    result = await client.run_command("vm1", "echo $A $B $C", {"A": 1, "B": 2.5}, {"C": "hidden"}).result()
    assert result.stdout == "1 2.5 hidden\n"


async def test_time_out_ends_the_script(client: AzureVMClient):
    result = await client.run_command("vm1", "sleep 60", timeout=1).result()
    assert result.execution_state == "TimedOut"


async def test_run_command_is_deleted_afterwards(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    await client.run_command("vm1", "true").result()
    await clock.sleep(60)
    assert await kept(client, arm) == []


async def test_run_command_is_kept_when_asked(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    await client.run_command("vm1", "true", keep=True).result()
    await clock.sleep(60)
    assert len(await kept(client, arm)) == 1


async def test_each_call_has_a_name_of_its_own(client: AzureVMClient, arm: Emulator):
    for _ in range(2):
        await client.run_command("vm1", "true").result()
    puts = [call.path for call in arm.requests if call.method == "PUT"]
    assert len(set(puts)) == len(puts) == 2


async def test_region_is_read_once(client: AzureVMClient, arm: Emulator):
    for _ in range(2):
        await client.run_command("vm1", "true").result()
    reads = [call for call in arm.requests if call.method == "GET" and "/runCommands" not in call.path]
    assert len(reads) == 1


async def test_region_that_is_given_is_not_read(client: AzureVMClient, arm: Emulator):
    await client.run_command("vm1", "true", location="westeurope")
    assert [call.method for call in arm.requests] == ["PUT"]


async def test_result_is_resumed_from_the_token(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    operation = await client.run_command("vm1", "echo late")
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as another:
        result = await another.resume(operation.token)
    assert result.stdout == "late\n"


async def test_result_is_resumed_from_the_bare_url(client: AzureVMClient, arm: Emulator, clock: VirtualClock):
    operation = await client.run_command("vm1", "echo late")
    async with AzureVMClient(
        arm.subscription, arm.resource_group, arm.credential(), arm.endpoint, clock=clock
    ) as another:
        result = await another.resume(operation.async_results_url)
    assert result.stdout == "late\n"


async def test_windows_vm_takes_the_same_call(client: AzureVMClient, arm: Emulator):
    arm.add_vm("win", power="running", os_type="Windows")
    result = await client.run_command("win", "Get-Process").result()
    assert result.execution_state == "Failed"
    assert "shell" in result.message


async def test_vm_that_does_not_run_refuses(client: AzureVMClient, arm: Emulator):
    arm.add_vm("cold")
    with pytest.raises(Conflict, match="not running"):
        await client.run_command("cold", "true")


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.run_command("vm1", " \n"),
        lambda client: client.run_command("vm1", "true", {"1ST": "x"}),
        lambda client: client.run_command("vm1", "true", {"A": None}),
        lambda client: client.run_command("vm1", "true", timeout=0),
    ],
    ids=["script", "name", "value", "timeout"],
)
async def test_bad_input_is_refused_before_any_request(client: AzureVMClient, arm: Emulator, call):
    with pytest.raises(InvalidRequest):
        await call(client)
    assert arm.requests == []
