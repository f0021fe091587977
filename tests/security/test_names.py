"""No name leads out of the resource that it names: it is refused before any request, or what is asked stays within."""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from doubles import Credential, RawServer, ScriptedTransport, says
from facade.support import TimedFacade, Token
from hypothesis import example, given
from hypothesis import strategies as st

from azvm_async import AzureVMClient, Budget, Fleet, InvalidRequest, Query, VirtualClock
from azvm_async.errors import AzureVMError
from azvm_async.wire import Response
from security import hostile
from security.hostile import GROUP, SUBSCRIPTION, VM, told

NAMES = {
    "above": "..",
    "here": ".",
    "above, then beside": "../vm2",
    "above, from within": "vm1/../vm2",
    "above, quoted": "%2e%2e",
    "above, half quoted": ".%2E",
    "above, quoted twice": "%252e%252e",
    "quoted slash": "vm1%2f..%2fvm2",
    "a part of the path": "vm1/extensions/x",
    "an action": "vm1/delete",
    "slash": "/",
    "two slashes": "//evil.example",
    "query": "vm1?api-version=1",
    "quoted query": "vm1%3fx",
    "fragment": "vm1#x",
    "parameter": "vm1;x=1",
    "ampersand": "vm1&forceDeletion=true",
    "backslash": "vm1\\..\\vm2",
    "newline": "vm1\n",
    "newline and header": "vm1\r\nhost: evil.example",
    "line separator": "vm1\u2028",
    "nul": "vm1\0",
    "tab": "vm\t1",
    "space": "vm 1",
    "at": "vm1@evil.example",
    "full-width dots": "\uff0e\uff0e",
    "full-width slash": "vm1\uff0fvm2",
    "two dots as one": "\u2025",
    "division slash": "vm1\u2215vm2",
    "Cyrillic": "vm1\u0430",
    "right to left": "vm\u202e1",
    "no width": "vm\u200b1",
    "combining": "vm1\u0338",
    "half of a pair": "vm1\ud800",
    "very long": "v" * 100_000,
    "very long path": "../" * 30_000,
    "empty": "",
    "template": "{name}",
    "star": "*",
    "quote": "vm1'",
    "dot at the end": "vm1.",
}
nasty = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)

GUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
GROUPS = rf"/subscriptions/{GUID}/resourceGroups/(?!\.+/)(?:[\w().-]|%[89A-F][0-9A-F])+"
COMPUTE = r"/providers/Microsoft\.Compute/virtualMachines"
NAMED = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
QUERY = r"\?[\w$.=&-]+"
WITHIN = re.compile(
    rf"(?:{GROUPS}{COMPUTE}/{NAMED}(?:/(?:\w+|runCommands/azvm-[0-9a-f]{{32}}))?"
    rf"|{GROUPS}{COMPUTE}"
    rf"|/subscriptions/{GUID}{COMPUTE}"
    rf"|{GROUPS}/providers/Microsoft\.Resources/deployments/(?!\.+[/?])[\w().-]{{1,64}}(?:/\w+)?"
    rf"|/subscriptions/{GUID}/providers/Microsoft\.ComputeSchedule/locations/[a-z0-9-]+/virtualMachinesExecuteStart"
    rf"){QUERY}",
    re.ASCII | re.IGNORECASE,
)
"""What may be asked for at all, by calls that are given names."""

Call = Callable[[AzureVMClient, str], Awaitable[object]]


async def listed(vms: AsyncIterator[object]) -> object:
    """Read a list to its end."""
    return [each async for each in vms]


def template(**parameters: str) -> dict[str, Any]:
    """Return a template of nothing."""
    return {"resources": [], "parameters": {name: {"type": kind} for name, kind in parameters.items()}}


VERBS = "start stop deallocate reboot redeploy reapply reimage simulate_eviction delete".split()


def _verb(verb: str) -> Call:
    return lambda client, name: getattr(client, verb)(name)


def _within(before: str, after: str) -> Call:
    return lambda client, name: client.start(f"{before}{name}{after}")


async def _fleet(client: AzureVMClient, names: Any) -> object:
    async with Fleet(client, names) as fleet:
        return await fleet.start()


CALLS: dict[str, Call] = {
    **{verb: _verb(verb) for verb in VERBS},
    "get": lambda client, name: client.get(name),
    "instance_view": lambda client, name: client.instance_view(name),
    "run_command": lambda client, name: client.run_command(name, "true"),
    "run_command, its name": lambda client, name: client.run_command("vm1", "true", location="l", command_name=name),
    "provision": lambda client, name: client.provision(name, template()),
    "provision, its deployment": lambda client, name: client.provision("vm1", template(), deployment_name=name),
    "provision, by a stack": lambda client, name: client.provision("vm1", template(), deployment_name=name, stack=True),
    "validate": lambda client, name: client.validate(name, template()),
    "what_if": lambda client, name: client.what_if("vm1", template(), deployment_name=name),
    "deprovision": lambda client, name: client.deprovision(name),
    "deprovision, its deployment": lambda client, name: client.deprovision("vm1", deployment_name=name),
    "bulk": lambda client, name: client.bulk("start", [name], "westeurope"),
    "bulk, its location": lambda client, name: client.bulk("start", ["vm1"], name),
    "list, its group": lambda client, name: listed(client.list(name, states=False)),
    "list, its subscription": lambda client, name: listed(client.list(subscription=name, states=False)),
    "list_states": lambda client, name: listed(client.list_states(name)),
    "an id's subscription": _within("/subscriptions/", VM.removeprefix(f"/subscriptions/{SUBSCRIPTION}")),
    "an id's group": _within(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/", VM.removeprefix(GROUP)),
    "an id's name": _within(VM.removesuffix("vm1"), ""),
    "an id's end": _within(VM, ""),
    "a fleet": lambda client, name: _fleet(client, [name]),
    "a query's group": lambda client, name: _fleet(client, Query(resource_group=name)),
    "a query's subscription": lambda client, name: _fleet(client, Query(subscription=name)),
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def arm() -> AsyncIterator[RawServer]:
    """Yield an endpoint at which nothing is to be had."""
    refusal = told({"error": {"code": "ResourceNotFound", "message": "No."}}, "404 Not Found")
    async with RawServer(says(refusal)) as server:
        yield server


def targets(arm: RawServer) -> list[str]:
    """Return what was asked for, as it came over the wire."""
    return [arrived.line.removesuffix(" HTTP/1.1").partition(" ")[2] for arrived in arm.requests]


async def called(call: Call, client: AzureVMClient, name: str) -> bool:
    """Call; return whether that was refused as wrong. What Azure answers is no matter here."""
    try:
        await call(client, name)
    except InvalidRequest:
        return True
    except AzureVMError:
        pass
    return False


@nasty
@calls
async def test_a_nasty_name_is_refused_or_stays_within_its_resource(
    arm: RawServer, clock: VirtualClock, call: Call, name: str
):
    async with hostile.client_of(arm, clock) as client:
        refused = await called(call, client, name)
    assert (arm.connections == 0) if refused else all(map(WITHIN.fullmatch, targets(arm)))


@calls
async def test_control_each_call_does_ask_for_something(arm: RawServer, clock: VirtualClock, call: Call, request):
    plain = {"run_command, its name": "azvm-" + "0" * 32, "an id's subscription": SUBSCRIPTION, "an id's end": ""}
    own = request.node.callspec.id
    name = plain.get(own, SUBSCRIPTION if "subscription" in own or own == "list_states" else "vm1")
    async with hostile.client_of(arm, clock) as client:
        await called(call, client, name)
    assert [target for target in targets(arm) if WITHIN.fullmatch(target) or "/deploymentStacks/" in target]


text = st.text(
    st.sampled_from("abV1._-()/\\%2eEfF?#&;=@:\r\n\t\0 \uff0f\uff0e\u2025\u212a\u0130\u017fé\ud800"), max_size=24
)


@given(name=st.one_of(text, st.text(max_size=12)), call=st.sampled_from(sorted(CALLS)))
@example(name="K", call="bulk, its location")
async def test_any_name_is_refused_or_stays_within_its_resource(name: str, call: str):
    clock = VirtualClock()
    transport = ScriptedTransport(clock, Response.with_json(404, {"error": {"code": "ResourceNotFound"}}))
    async with AzureVMClient(
        *(SUBSCRIPTION, "group", Credential(clock, 1e9), "https://arm.example"),
        clock=clock,
        transport=transport,
        budget=Budget(share=1000),
    ) as client:
        refused = await called(CALLS[call], client, name)
    asked = [sent.request.url.removeprefix("https://arm.example") for sent in transport.sent]
    assert (asked == []) if refused else all(map(WITHIN.fullmatch, asked))


@nasty
def test_a_nasty_subscription_makes_no_client(name: str):
    with pytest.raises(InvalidRequest):
        AzureVMClient(name, "group")


@nasty
async def test_a_nasty_group_makes_no_client_or_one_that_stays_within(arm: RawServer, clock: VirtualClock, name: str):
    try:
        client = AzureVMClient(SUBSCRIPTION, name, Credential(clock, 1e9), arm.url, clock=clock)
    except InvalidRequest:
        return
    async with client:
        await called(CALLS["start"], client, "vm1")
    assert targets(arm)
    assert all(map(WITHIN.fullmatch, targets(arm)))


FACADES_CALLS = [
    lambda facade, params: facade.start_host(params),
    lambda facade, params: facade.deprovision_host(params),
    lambda facade, params: facade.wait_host_deployment(params, is_setup=True),
    lambda facade, params: facade.wait_host_deployment(params, is_setup=False),
    lambda facade, params: facade.remote_exec("true", {"commandName": "c", **params}, {}),
]


@nasty
@pytest.mark.parametrize("key", ["vmName", "deploymentName", "subscription", "resourceGroup"])
def test_a_nasty_name_in_a_dict_of_the_facades_leads_nowhere(key: str, name: str, monkeypatch: pytest.MonkeyPatch):
    clock = VirtualClock()
    transport = ScriptedTransport(clock, Response.with_json(404, {"error": {"code": "ResourceNotFound"}}))
    monkeypatch.setattr("azvm_async.session.HttpTransport", lambda *_, **__: transport)
    config = {"subscription": SUBSCRIPTION, "resourceGroup": "group", "vmName": "vm1"}
    with TimedFacade(config, clock, credential=Token()) as facade:
        for call in FACADES_CALLS:
            with contextlib.suppress(ValueError):  # what is missing, or can't be
                call(facade, {key: name})
    asked = [sent.request.url.removeprefix("https://management.azure.com") for sent in transport.sent]
    assert all(map(WITHIN.fullmatch, asked))


@pytest.mark.parametrize("name", [name for name in NAMES.values() if len(name) < 1000])
async def test_a_nasty_api_version_stays_in_the_query(arm: RawServer, clock: VirtualClock, name: str):
    async with hostile.client_of(arm, clock) as client:
        refused = await called(lambda client, name: client.begin("GET", VM, api_version=name), client, name)
    version = re.compile(rf"{re.escape(VM)}\?api-version=(?:[\w.~-]|%[0-9A-F]{{2}}|\$)*", re.ASCII)
    assert (arm.connections == 0) if refused else all(map(version.fullmatch, targets(arm)))


@pytest.mark.parametrize(
    "path",
    [
        f"{VM}/../vm2",
        f"{VM}/..",
        f"{VM}/%2e%2e/vm2",
        f"{VM}/.%2E/vm2",
        f"{VM}/./start",
        f"{VM}%2f..%2fvm2",
        f"{VM}%5c..%5cvm2",
        f"{VM}/..?api-version=1",
    ],
)
async def test_a_path_of_ones_own_does_not_climb(arm: RawServer, clock: VirtualClock, path: str):
    async with hostile.client_of(arm, clock) as client:
        for method in ("GET", "DELETE"):
            with pytest.raises(InvalidRequest):
                await client.begin(method, path)
            with pytest.raises(InvalidRequest):
                await client.begin(method, arm.url + path)
    assert arm.connections == 0


@pytest.mark.parametrize("path", [f"{VM}?next=/../x", f"{VM}/a..b", f"{VM}/...", f"{VM}/.x", "/", ""])
async def test_dots_that_lead_nowhere_are_let_through(arm: RawServer, clock: VirtualClock, path: str):
    async with hostile.client_of(arm, clock) as client:
        await called(lambda client, path: client.begin("GET", path or "/"), client, path)
    assert targets(arm) == [path or "/"]


@pytest.mark.parametrize("name", [name for name in NAMES.values() if len(name) < 1000])  # a variable's may be long
@pytest.mark.parametrize("kind", ["parameters", "protected_parameters"])
async def test_a_nasty_name_of_a_scripts_parameter_is_refused(
    arm: RawServer, clock: VirtualClock, kind: str, name: str
):
    async with hostile.client_of(arm, clock) as client:
        with pytest.raises(InvalidRequest):
            await client.run_command("vm1", "true", location="l", **{kind: {name: "x"}})
    assert arm.connections == 0


@nasty
async def test_a_template_of_a_nasty_path_is_refused(arm: RawServer, clock: VirtualClock, name: str):
    async with hostile.client_of(arm, clock) as client:
        for arguments in ({"template": name}, {"template": template(), "parameters": name}):
            with pytest.raises(InvalidRequest):
                await client.provision("vm1", **arguments)
    assert arm.connections == 0


@nasty
async def test_nasty_conditions_of_a_query_are_compared_not_sent(arm: RawServer, clock: VirtualClock, name: str):
    arm._steps[:] = [says(told({"value": []}, "200 OK"))]
    async with hostile.client_of(arm, clock) as client:
        await called(_fleet, client, Query(name=name, tags={name: name}))  # type: ignore[arg-type]
    assert targets(arm)
    assert all(map(WITHIN.fullmatch, targets(arm)))
