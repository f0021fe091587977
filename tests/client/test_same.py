"""One handle an operation: what is resumed, or begun again, is the same one only where nothing tells them apart."""

import pytest
from client.scripted import ENDPOINT, SUBSCRIPTION, Script
from client.stock import rules, template

from azvm_async import AzureVMClient, VirtualClock
from azvm_async.order import order
from azvm_async.protocol import provision, tokens
from azvm_async.protocol.ids import VmId
from azvm_async.protocol.machine import About
from azvm_async.protocol.pacing import Moment
from azvm_async.wire import Response

PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Resources"
URL = f"{ENDPOINT}{PATH}/deployments/new-deployment?api-version=2024-03-01"
STACK_URL = URL.replace("/deployments/", "/deploymentStacks/")
RULES = template(rules("one"))


def token(clock: VirtualClock, correlation_id: str | None, url: str = URL) -> str:
    """Return the token of a deployment."""
    now = Moment(clock.monotonic(), clock.utcnow())
    return tokens.dump(provision.found(About("provision", "new"), url, now, correlation_id=correlation_id))


@pytest.mark.parametrize(
    ("first", "second", "same"), [("a", "a", True), ("a", "b", False), (None, "a", True), ("a", None, True)]
)
async def test_deployment_is_the_same_unless_azure_tells_them_apart(clock: VirtualClock, first, second, same: bool):
    async with Script(clock, []).client() as client:
        one, other = (client.resume(token(clock, each)) for each in (first, second))
        assert (one is other) is same


async def test_second_operation_on_a_url_is_found_again(clock: VirtualClock):
    async with Script(clock, []).client() as client:
        _first, second = (client.resume(token(clock, each)) for each in "ab")
        assert client.resume(token(clock, "b")) is second


async def test_runs_of_a_stack_are_one(clock: VirtualClock):
    async with Script(clock, []).client() as client:
        one, other = (client.resume(token(clock, each, STACK_URL)) for each in "ab")
        assert one is other


@pytest.mark.parametrize("correlation_id", ["a", None])
async def test_bare_url_is_the_operation_that_is_known_there(clock: VirtualClock, correlation_id: str | None):
    async with Script(clock, []).client() as client:
        assert client.resume(token(clock, correlation_id)) is client.resume(URL)


def removable(clock: VirtualClock) -> AzureVMClient:
    """Return a client of a deployment of ours, whose network takes its time."""
    tags = order(VmId.parse("new", SUBSCRIPTION, "group"), RULES, None, None, "Incremental", None).intent.tags
    found = {"tags": tags(clock.utcnow()), "properties": {"provisioningState": "Succeeded", "correlationId": "a"}}
    return Script(clock, [Response.with_json(200, found)], delay=10.0).client()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({}, {}, True),
        ({"assume_owned": True}, {"assume_owned": True}, True),
        ({"plan": True}, {}, False),
        ({}, {"assume_owned": True}, False),
    ],
)
async def test_removal_is_the_same_where_it_removes_the_same(clock: VirtualClock, first, second, same: bool):
    async with removable(clock) as client:
        one = await client.deprovision("new", **first)
        other = await client.deprovision("new", **second)
        assert not one.done
        assert (one is other) is same


async def test_other_processes_run_is_not_taken_for_an_older_one(clock: VirtualClock):
    tags = order(VmId.parse("new", SUBSCRIPTION, "group"), RULES, None, None, "Incremental", None).intent.tags
    running = {"tags": tags(clock.utcnow()), "properties": {"provisioningState": "Running", "correlationId": "b"}}
    async with Script(clock, [Response.with_json(200, running)], delay=10.0).client() as client:
        older = client.resume(token(clock, "a"))
        assert (await client.provision("new", RULES)) is not older
