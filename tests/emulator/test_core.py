"""The core is pure, and whatever anybody sends it, it has an answer."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import azvm_async.emulator
from azvm_async.emulator.core import Core
from azvm_async.emulator.identity import issue
from azvm_async.emulator.instructions import KillScript, RunScript, ScriptResult
from azvm_async.emulator.model import Moment, World
from azvm_async.emulator.settings import Settings
from azvm_async.wire import Request, Response
from emulator.support import run_command

ROOM = Path(azvm_async.emulator.__file__).parent
OUTSIDE = {"__main__.py", "server.py", "certificate.py", "scripts.py", "state/file.py", "watchers.py"}
IMPURE = {"asyncio", "os", "socket", "time", "secrets", "subprocess", "aiohttp", "tempfile", "signal", "threading"}
START = Moment(0.0, datetime(2026, 1, 1, tzinfo=UTC))
VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1"

NAMES = st.sampled_from(
    [
        "location",
        "tags",
        "properties",
        "hardwareProfile",
        "vmSize",
        "storageProfile",
        "osDisk",
        "osType",
        "osProfile",
        "windowsConfiguration",
        "source",
        "script",
        "parameters",
        "protectedParameters",
        "name",
        "value",
        "commandId",
        "timeoutInSeconds",
        "runAsUser",
        "outputBlobUri",
        "zones",
        "id",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("westeurope")
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=15
)
PATHS = st.sampled_from(
    [
        "",
        "/start",
        "/runCommand",
        "/runCommands/a",
        "/runCommands",
        "/instanceView",
        "/simulateEviction",
        "/../..",
        "//",
    ]
)


def fresh() -> tuple[Core, dict[str, str]]:
    """Return a core with one running VM, and headers with a token."""
    world = World(START, Settings())
    group = world.add_group(world.add_subscription("s"), "g", "westeurope")
    world.add_machine(group, "vm1", "westeurope", 0.0).power_state = "running"
    return Core(world), {"Authorization": f"Bearer {issue(world, START)[0]}"}


def at(seconds: float) -> Moment:
    """Return a moment so long after the start."""
    return Moment(seconds, START.utc)


def send(core: Core, headers: dict[str, str], method: str, path: str, document: object = None) -> Response:
    """Send a request at the start of time."""
    url = f"http://127.0.0.1{path}{'&' if '?' in path else '?'}api-version=2024-07-01"
    return core.handle(Request(method, url, json.dumps(document).encode() if document else b"", headers), START)


@settings(deadline=None)
@given(st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE"]), PATHS, DOCUMENTS)
def test_whatever_is_sent_has_an_answer_that_is_json_and_so_has_a_look_afterwards(
    method: str, path: str, document: object
):
    core, headers = fresh()
    for answer in (
        send(core, headers, method, f"{VM}{path}", document),
        send(core, headers, "GET", f"{VM}?$expand=instanceView"),
        send(core, headers, "GET", f"{VM}/runCommands?$expand=instanceView"),
    ):
        assert answer.status < 500
        json.dumps(answer.json(), allow_nan=False)
        assert all(value.isascii() and value.isprintable() for value in answer.headers.values())


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=30))
def test_whatever_the_path_and_the_query_there_is_an_answer(path: str, query: str):
    core, headers = fresh()
    url = f"http://127.0.0.1/{path}?api-version=2024-07-01&{query}"
    assert core.handle(Request("GET", url, b"", headers), START).status < 500


@pytest.mark.parametrize("file", sorted({str(path.relative_to(ROOM)) for path in ROOM.rglob("*.py")} - OUTSIDE))
def test_the_rooms_behind_the_door_reach_nothing_outside(file: str):
    imported = set()
    for node in ast.walk(ast.parse((ROOM / file).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert not imported & IMPURE


def test_a_script_is_asked_for_and_its_end_told():
    core, headers = fresh()
    send(core, headers, "PUT", f"{VM}/runCommands/a", run_command("true"))
    (asked,) = core.instructions()
    core.script_started(asked.key, at(0))
    core.script_ended(asked.key, ScriptResult("Succeeded", 0, "out"), at(0))
    core.settle(at(5))
    record = core.world.machine("s", "g", "vm1").run_commands["a"]
    assert isinstance(asked, RunScript)
    assert (record.provisioning_state, record.output) == ("Succeeded", "out")


def test_a_deletion_asks_for_the_scripts_death_and_forgets_its_end():
    core, headers = fresh()
    send(core, headers, "PUT", f"{VM}/runCommands/a", run_command("true"))
    (asked,) = core.instructions()
    send(core, headers, "DELETE", f"{VM}/runCommands/a")
    assert core.instructions() == [KillScript(asked.key)]
    core.script_ended(asked.key, ScriptResult("Succeeded", 0, "late"), START)
    assert core.world.machine("s", "g", "vm1").run_commands["a"].output == ""


def test_instructions_are_taken_once():
    core, headers = fresh()
    send(core, headers, "PUT", f"{VM}/runCommands/a", run_command("true"))
    assert len(core.instructions()) == 1
    assert core.instructions() == []
