"""What comes from files is not trusted: a token deletes nothing that is not ours, a damaged journal is refused."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import Credential, ScriptedTransport

from azvm_async import AzureVMClient, Budget, InvalidRequest, VirtualClock
from azvm_async.errors import AzureVMError
from azvm_async.fleet.journal import opened
from azvm_async.wire import Request, Response
from security import hostile
from security.hostile import COMMAND, DEPLOYMENT, GROUP, SUBSCRIPTION, VM

ENDPOINT = "https://arm.example"
HEAD = {"azvm_journal": 1, "verb": "start", "endpoint": ENDPOINT}

NOT_OURS = {
    "a VM": VM,
    "a group": GROUP,
    "somebody's run command": f"{VM}/runCommands/deploy",
    "a longer name": f"{COMMAND}0",
    "something in ours": f"{COMMAND}/x",
    "ours in a query": f"{VM}?x=/virtualMachines/vm1/runCommands/azvm-{'0' * 32}",
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def answering(_: Request) -> Response:
    """Answer as if all had ended well, so that whoever tidies up does so."""
    view = {"executionState": "Succeeded", "exitCode": 0}
    return Response.with_json(200, {"properties": {"provisioningState": "Succeeded", "instanceView": view}})


async def deleted_by(token: Any, clock: VirtualClock) -> list[str]:
    """Return what was deleted, from the resumption of a token to its end."""
    transport = ScriptedTransport(clock, answering)
    async with AzureVMClient(
        *(SUBSCRIPTION, "group", Credential(clock, 1e9), ENDPOINT),
        clock=clock,
        transport=transport,
        budget=Budget(share=1000),
    ) as client:
        operation = client.resume(token)
        with contextlib.suppress(AzureVMError):
            await operation
    return [sent.request.url for sent in transport.sent if sent.request.method != "GET"]


@pytest.mark.parametrize("path", NOT_OURS.values(), ids=NOT_OURS)
async def test_a_scripts_token_deletes_nothing_but_a_run_command_of_ours(clock: VirtualClock, path: str):
    assert await deleted_by(hostile._command(url=ENDPOINT + path), clock) == []


async def test_control_it_does_delete_a_run_command_of_ours(clock: VirtualClock):
    assert await deleted_by(hostile._command(url=ENDPOINT + COMMAND), clock) == [ENDPOINT + COMMAND]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_an_operations_token_only_reads_whatever_began_it(clock: VirtualClock, method: str):
    token = hostile.at_home(hostile._lro(method=method, wants_result=True), ENDPOINT)
    assert await deleted_by(token, clock) == []


async def test_a_deployments_token_only_reads(clock: VirtualClock):
    assert await deleted_by(hostile._of_deployment("provision", ENDPOINT + DEPLOYMENT), clock) == []


@pytest.mark.parametrize("url", [ENDPOINT + VM, f"{ENDPOINT}{GROUP}", f"{ENDPOINT}{DEPLOYMENT}/x"])
async def test_a_removals_token_is_of_a_deployment(clock: VirtualClock, url: str):
    with pytest.raises(InvalidRequest):
        await deleted_by(hostile._of_deployment("deprovision", url), clock)


def journal(tmp_path: Path, *lines: str) -> Path:
    """Write a journal that a run began, with these lines after its head."""
    path = tmp_path / "run.journal"
    opened(path, "start", ENDPOINT, {}).close()
    path.write_text("\n".join([path.read_text().strip(), *lines, ""]))
    return path


ERROR = {"vm": VM, "end": "Failed", "error": {"class": "NotFound", "what": "x"}}


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"vm":' * 100_000,
        "null",
        "[]",
        '{"vms": 5, "token": "x"}',
        '{"vm": 5, "end": "Failed"}',
        json.dumps({**ERROR, "end": "Nonsense"}),
        json.dumps({**ERROR, "error": {"class": "NotFound", "what": "x", "code": 1}}),
        json.dumps({**ERROR, "result": {"__class__": "x"}}),
        json.dumps({**ERROR, "error": {"class": ["x"], "what": "x"}}),
    ],
    ids=lambda line: line[:30],
)
def test_a_damaged_journal_is_refused(tmp_path: Path, line: str):
    path = journal(tmp_path, line)
    with pytest.raises(InvalidRequest, match="no journal, or a damaged one"):
        opened(path, "start", ENDPOINT, {})


@pytest.mark.parametrize("name", ["TypeVar", "Any", "copy", "fresh", "Error", "__builtins__", "object", "KeyError", ""])
def test_a_journal_makes_errors_of_no_class_but_ours(tmp_path: Path, name: str):
    line = json.dumps({**ERROR, "error": {"class": name, "what": "x"}})
    held = opened(journal(tmp_path, line), "start", ENDPOINT, {})
    held.close()
    (entry,) = held.entries.values()
    assert type(entry.outcome.error) is AzureVMError


def test_control_an_error_of_ours_comes_back_as_it_was(tmp_path: Path):
    held = opened(journal(tmp_path, json.dumps(ERROR)), "start", ENDPOINT, {})
    held.close()
    (entry,) = held.entries.values()
    assert type(entry.outcome.error).__name__ == "NotFound"


CLIMBING = ["/..", "/../../../../subscriptions/x", "/%2e%2e/x", "/.%2E", "/./x", "%2f..%2fx", "%5c..%5cx", "/..?s=1"]


@pytest.mark.parametrize("kind", [kind for kind in hostile.TOKENS if kind != "the URL of bulk operations"])
@pytest.mark.parametrize("up", CLIMBING)
async def test_a_token_does_not_climb(clock: VirtualClock, kind: str, up: str):
    token = hostile.at_home(hostile.TOKENS[kind](f"{ENDPOINT}{VM}{up}"), ENDPOINT)
    with pytest.raises(InvalidRequest):
        await deleted_by(token, clock)
