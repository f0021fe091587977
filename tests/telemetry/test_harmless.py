"""An observer harms nobody: neither by its mistakes, nor by being there, and it hears no secret."""

import logging

import pytest
from leaks import leaks, register

from azvm_async import AzureVMClient, Fleet, VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.telemetry import Event
from telemetry.support import Events, opened

SIGNED = "&s="


def failing(event: Event) -> None:
    raise ZeroDivisionError(event.verb)


async def test_mistakes_of_an_observer_harm_no_operation_and_are_logged_once(
    arm: Emulator, clock: VirtualClock, caplog: pytest.LogCaptureFixture
):
    async with opened(arm, clock, failing) as client:
        await client.start("vm1").result()
        await client.deallocate("vm1").result()
    told = [record for record in caplog.records if record.name == "azvm_async.telemetry"]
    assert [(record.levelno, record.exc_info[0]) for record in told] == [(logging.ERROR, ZeroDivisionError)]


async def test_mistakes_of_one_observer_keep_nothing_from_another(arm: Emulator, clock: VirtualClock):
    heard = Events()
    async with opened(arm, clock, failing) as client:
        submission = client.start("vm1")
        submission.observe(heard)
        await submission.result()
    assert heard.names == ["Submitted", "Accepted", "Polled", "Finished"]


async def test_events_show_no_secret(client: AzureVMClient, arm: Emulator, events: Events):
    secret = register("swordfish-7")
    arm.add_vm("vm2", power="running")
    operation = await client.run_command("vm2", f"echo {secret}", protected_parameters={"P": secret})
    assert SIGNED in (await client.start("vm1")).token
    await operation
    await client.resume(operation.token)
    assert events.names
    assert leaks("\n".join(map(repr, events))) == []


async def test_client_without_an_observer_makes_no_trail(arm: Emulator, clock: VirtualClock):
    async with opened(arm, clock, None) as client:
        operation = await client.start("vm1")
        await operation
        assert operation._tracked.trail is None


async def test_observer_of_a_client_hears_of_its_fleets_too(client: AzureVMClient, events: Events):
    async with Fleet(client, ["vm1"]) as fleet:
        await fleet.start()
    assert events.names == ["Submitted", "Accepted", "Polled", "Finished"]
