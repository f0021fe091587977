"""Scripts on VMs, through the client: really run by the emulator's shell."""

import pytest
from client.scripted import Script as Scripted

from azvm_async import AzureVMClient, Conflict, InvalidRequest, OperationCanceled, OutcomeUnknown, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.wire import Response

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


@pytest.mark.parametrize("applied", [True, False])
async def test_script_whose_answer_was_lost_is_looked_for(client: AzureVMClient, arm: Emulator, applied: bool):
    arm.inject(faults.Status(500, applied=applied), method="PUT")
    await client.run_command("vm1", "true").result()
    assert [each.method for each in arm.requests].count("PUT") == (1 if applied else 2)


async def test_refused_script_is_not_sent_again(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Conflict(), method="PUT")
    with pytest.raises(Conflict):
        await client.run_command("vm1", "true", location="westeurope")
    assert [each.method for each in arm.requests].count("PUT") == 1


def lost_then_in_the_way(clock: VirtualClock, *found: Response) -> Scripted:
    """Return a network that loses the answer to a script, and says to its second sending that something is in the way."""
    lost, nothing = Response(500), [Response(404)] * 3
    busy = Response.with_json(409, {"error": {"code": "Conflict", "message": "Busy."}})
    return Scripted(clock, [lost, *nothing, busy, *found])


async def test_script_that_is_in_the_way_of_its_own_second_sending_is_followed(clock: VirtualClock):
    network = lost_then_in_the_way(clock, Response.with_json(200, {"properties": {}}))
    async with network.client() as client:
        operation = await client.run_command("vm1", "true", location="westeurope")
        url = operation.async_results_url
    assert url.partition("?")[0] == network.requests[0].url.partition("?")[0]


async def test_script_whose_answer_was_lost_is_never_said_to_be_refused(clock: VirtualClock):
    async with lost_then_in_the_way(clock, Response(404)).client() as client:
        with pytest.raises(OutcomeUnknown):
            await client.run_command("vm1", "true", location="westeurope")


async def test_script_whose_answer_was_lost_can_be_cancelled(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Status(500, applied=True), method="PUT")
    operation = await client.run_command("vm1", "sleep 1000")
    await operation.cancel()
    with pytest.raises(OperationCanceled):
        await operation


async def test_script_whose_answer_was_lost_can_be_resumed(client: AzureVMClient, arm: Emulator):
    arm.inject(faults.Status(500, applied=True), method="PUT")
    operation = await client.run_command("vm1", "echo found")
    result = await client.resume(operation.token)
    assert result.stdout == "found\n"
    assert not [each for each in arm.vm("vm1").run_commands.values() if each.provisioning_state != "Deleting"]
