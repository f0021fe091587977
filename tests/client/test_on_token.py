"""Tokens handed out on the way: that of the intent before the first byte, that of the operation once it is accepted."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from client.stock import rules, template

from azvm_async import AzureVMClient, InvalidRequest, NotAccepted, OutcomeUnknown, VirtualClock
from azvm_async.emulator import Emulator, faults
from azvm_async.wire import Request

RULES = template(rules("one"))
SCRIPT = "echo ran"

CALLS: dict[str, Callable[..., Any]] = {
    "start": lambda client, **more: client.start("vm1", **more),
    "stop": lambda client, **more: client.stop("vm1", **more),
    "deallocate": lambda client, **more: client.deallocate("vm1", **more),
    "reboot": lambda client, **more: client.reboot("vm1", **more),
    "redeploy": lambda client, **more: client.redeploy("vm1", **more),
    "reapply": lambda client, **more: client.reapply("vm1", **more),
    "reimage": lambda client, **more: client.reimage("vm1", **more),
    "simulate_eviction": lambda client, **more: client.simulate_eviction("vm1", **more),
    "delete": lambda client, **more: client.delete("vm1", **more),
    "run_command": lambda client, **more: client.run_command("vm1", SCRIPT, **more),
    "provision": lambda client, **more: client.provision("other", RULES, **more),
    "deprovision": lambda client, **more: client.deprovision("new", **more),
    "bulk": lambda client, **more: client.bulk("start", ["vm1", "vm2"], "westeurope", **more),
    "begin": lambda client, **more: client.begin("POST", vm_path(client) + "/start", api_version="2024-07-01", **more),
}
EACH = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def vm_path(client: AzureVMClient) -> str:
    group = f"/subscriptions/{client.subscription}/resourceGroups/{client.resource_group}"
    return f"{group}/providers/Microsoft.Compute/virtualMachines/vm1"


class Watched:
    """The emulator's own door, with a list of what passes it."""

    def __init__(self, arm: Emulator, events: list[str]) -> None:
        self._way = arm.transport()
        self._events = events

    async def send(self, request: Request):
        if request.method != "GET":
            self._events.append("sent")
        return await self._way.send(request)

    async def close(self) -> None:
        await self._way.close()


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
async def watched(arm: Emulator, clock: VirtualClock, events: list[str]) -> AsyncIterator[AzureVMClient]:
    place = (arm.subscription, arm.resource_group, arm.credential(), arm.endpoint)
    async with AzureVMClient(*place, clock=clock, transport=Watched(arm, events)) as opened:
        await opened.provision("new", RULES).result()
        events.clear()
        yield opened


@EACH
async def test_intent_comes_before_the_first_byte_and_the_token_after(watched: AzureVMClient, events: list[str], call):
    tokens: list[str] = []

    def told(token: str) -> None:
        events.append("token")
        tokens.append(token)

    operation = await call(watched, on_token=told)
    assert events[:2] == ["token", "sent"] or (operation.driven and events == ["token", "token"])
    assert (len(tokens), tokens[-1]) == (2, operation.token)
    await operation


@EACH
async def test_nothing_is_sent_where_the_intent_can_not_be_kept(watched: AzureVMClient, events: list[str], call):
    def full(_: str) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await call(watched, on_token=full)
    assert (events, watched.outstanding) == ([], [])


async def test_what_fails_after_the_acceptance_is_logged_and_the_handle_is_there(
    watched: AzureVMClient, caplog: pytest.LogCaptureFixture
):
    def once(_: str) -> None:
        if seen:
            raise OSError("the disk is full")
        seen.append(True)

    seen: list[bool] = []
    await (await watched.start("vm1", on_token=once))
    assert "on_token failed" in caplog.text


async def test_intent_comes_before_what_is_written_down_of_earlier_runs(watched: AzureVMClient, events: list[str]):
    """A name that is deployed again first has those remembered in Azure."""
    await watched.provision("new", template(rules("two")), on_token=lambda _: events.append("token"))
    assert events == ["token", "sent", "sent", "token"]


async def test_intent_is_told_once_however_often_it_is_sent(arm: Emulator, watched: AzureVMClient, events: list[str]):
    arm.inject(faults.Status(503), method="POST", times=3)
    tokens: list[str] = []
    await watched.start("vm1", on_token=tokens.append)
    assert (len(events), [json.loads(token)["kind"] for token in tokens]) == (4, ["intent", "lro"])


async def test_adopted_deployment_has_its_token(watched: AzureVMClient):
    first, tokens = await watched.provision("other", RULES), []
    second = await watched.provision("other", RULES, on_token=tokens.append)
    assert (second is first, tokens) == (True, [first.token])


class Awaited:
    """What would have to be awaited."""

    async def __call__(self, token: str) -> None:
        """Keep it, if it is awaited."""


@pytest.mark.parametrize("wrong", ["token.json", 5, [], Awaited(), Awaited().__call__])
async def test_what_can_not_be_called_is_refused(watched: AzureVMClient, events: list[str], wrong):
    with pytest.raises(InvalidRequest, match="on_token"):
        await watched.start("vm1", on_token=wrong)
    assert events == []


@pytest.mark.parametrize("call", [CALLS["run_command"], CALLS["provision"]], ids=["run_command", "provision"])
async def test_no_secret_and_no_body_is_in_an_intent(watched: AzureVMClient, call):
    tokens: list[str] = []
    await call(watched, on_token=tokens.append)
    assert not any(word in tokens[0] for word in (SCRIPT, "resources", "Bearer", "sig"))


# Taken up by another client, as after a crash.


async def intent_of(client: AzureVMClient, call, *, sent: bool) -> str:
    """Return the intent of a call whose process ends just before its first byte, or just after its last."""
    tokens: list[str] = []

    def keep(token: str) -> None:
        tokens.append(token)
        if not sent:
            raise ZeroDivisionError("the process ends")

    try:
        await call(client, on_token=keep)
    except ZeroDivisionError:
        assert not sent
    return tokens[0]


async def taken_up(arm: Emulator, clock: VirtualClock, intent: str) -> Any:
    """Return what becomes of it elsewhere, where nothing but reads is sent before it is found."""
    events: list[str] = []
    place = (arm.subscription, arm.resource_group, arm.credential(), arm.endpoint)
    async with AzureVMClient(*place, clock=clock, transport=Watched(arm, events)) as other:
        try:
            return await asyncio.wait_for(other.resume(intent), 7200)
        finally:
            assert events in ([], ["sent"])  # a script's run command is deleted in the end


@pytest.mark.parametrize("verb", ["start", "stop", "deallocate", "delete"])
async def test_vm_that_comes_to_its_state_is_a_success(arm: Emulator, watched: AzureVMClient, clock, verb: str):
    assert await taken_up(arm, clock, await intent_of(watched, CALLS[verb], sent=True)) is None


async def test_start_that_was_not_sent_is_unknown(arm: Emulator, watched: AzureVMClient, clock: VirtualClock):
    await watched.deallocate("vm1").result()
    with pytest.raises(OutcomeUnknown, match="it is deallocated"):
        await taken_up(arm, clock, await intent_of(watched, CALLS["start"], sent=False))


async def test_script_that_was_sent_brings_its_result(arm: Emulator, watched: AzureVMClient, clock: VirtualClock):
    result = await taken_up(arm, clock, await intent_of(watched, CALLS["run_command"], sent=True))
    await clock.sleep(60)
    assert (result.stdout, arm.vm("vm1").run_commands or {}) == ("ran\n", {})


@pytest.mark.parametrize("verb", ["run_command", "provision"])
async def test_what_was_not_sent_was_not_accepted(
    arm: Emulator, watched: AzureVMClient, clock: VirtualClock, verb: str
):
    with pytest.raises(NotAccepted):
        await taken_up(arm, clock, await intent_of(watched, CALLS[verb], sent=False))


async def test_deployment_that_was_sent_is_followed(arm: Emulator, watched: AzureVMClient, clock: VirtualClock):
    deployed = await taken_up(arm, clock, await intent_of(watched, CALLS["provision"], sent=True))
    assert [each.rpartition("/")[2] for each in deployed.resources] == ["one"]


@pytest.mark.parametrize("verb", ["reboot", "redeploy", "reimage", "simulate_eviction", "reapply", "bulk", "begin"])
@pytest.mark.parametrize("sent", [False, True])
async def test_where_no_state_tells_it_is_unknown(arm: Emulator, watched: AzureVMClient, clock, verb: str, sent: bool):
    with pytest.raises(OutcomeUnknown):
        await taken_up(arm, clock, await intent_of(watched, CALLS[verb], sent=sent))


async def test_intent_is_no_token_of_another_subscriptions_client(arm: Emulator, watched: AzureVMClient):
    intent = await intent_of(watched, CALLS["start"], sent=True)
    other = AzureVMClient("ffffffff-0000-0000-0000-000000000000", "group", arm.credential(), arm.endpoint)
    with pytest.raises(InvalidRequest, match="subscription"):
        other.resume(intent)
    assert other.resume(intent, subscription=arm.subscription).status == "Seeking"
