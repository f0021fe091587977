"""Worlds of any shape: what was saved is there again, to the last word, and is saved again as the same bytes."""

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from azvm_async.emulator.core import Core
from azvm_async.emulator.deployment_model import all_deployments
from azvm_async.emulator.identity import issue
from azvm_async.emulator.model import Moment, World
from azvm_async.emulator.registry import paths
from azvm_async.emulator.settings import Settings
from azvm_async.emulator.state.reading import restore
from azvm_async.emulator.state.rest import bring_to_rest
from azvm_async.emulator.state.writing import world_text
from azvm_async.wire import Request, Response
from emulator import test_any_deployment, test_any_shape
from emulator.sites import LOCK, RG, SUB, VM
from emulator.support import version_at
from emulator.test_core import START

MACHINE = re.compile(r".*/virtualMachines/[^/]+")
LATER = START._replace(monotonic=6000.0)  # when all is shown that is shown with a delay
COMMAND = f"{VM}/runCommands/c"
SCRIPT = {"location": "westeurope", "properties": {"source": {"script": "true"}, "asyncExecution": True}}
PATHS = test_any_shape.PATHS | st.sampled_from([f"{SUB}/{LOCK}", f"{VM}/{LOCK}", f"{RG}/providers/My.Own/things/one"])
SINGLE = st.tuples(test_any_shape.METHODS, PATHS, test_any_shape.BODIES)
DEPLOYED = st.builds(lambda what, body: (*what, body), test_any_deployment.REQUESTS, test_any_deployment.BODIES)
OTHERS = st.sampled_from(
    [
        ("PUT", VM, {"location": "westeurope"}),
        ("PUT", COMMAND, SCRIPT),
        ("DELETE", COMMAND, None),
        ("POST", f"{VM}/deallocate", None),
        ("PUT", f"{COMMAND}/{LOCK}", {"properties": {"level": "CanNotDelete"}}),
        ("DELETE", RG, None),
        ("POST", f"{SUB}/providers/Microsoft.Compute/unregister", None),
    ]
)
REQUESTS = st.lists(st.tuples(SINGLE | DEPLOYED | OTHERS, st.sampled_from([0.0, 2.5, 100.0])), max_size=7)


def ask(core: Core, token: str, method: str, where: str, document: object = None, now: Moment = START) -> Response:
    """Send a request, in a version that its type has."""
    body = b"" if document is None else json.dumps(document).encode()
    url = f"http://127.0.0.1{where}{'&' if '?' in where else '?'}api-version={version_at(where)}"
    return core.handle(Request(method, url, body, {"authorization": f"Bearer {token}"}), now)


def everything(world: World) -> dict[str, Any]:
    """Return what every look at a world shows."""
    core, token = Core(world), issue(world, START)[0]
    groups = [each.path for each in world.subscriptions[SUB.split("/")[2]].groups.values()]
    looks = [SUB, f"{SUB}/resourceGroups", f"{SUB}/resources", f"{SUB}/providers", *groups, *paths(world)]
    for group in groups:
        looks.append(f"{group}/resources?$expand=createdTime,changedTime,provisioningState")
        looks += [f"{group}/providers/Microsoft.Resources/{each}" for each in ("deployments", "deploymentStacks")]
    for machine in (each for each in paths(world) if MACHINE.fullmatch(each)):
        looks += [f"{machine}/instanceView", f"{machine}/runCommands?$expand=instanceView"]
    looks += [f"{each.path}/operations" for each in all_deployments(world)]
    answers = {look: ask(core, token, "GET", look, now=LATER) for look in looks}
    assert {look: answer.body for look, answer in answers.items() if answer.status != 200} == {}
    return {look: answer.json() for look, answer in answers.items()}


@settings(deadline=None, max_examples=100)
@given(REQUESTS)
def test_a_world_that_was_saved_and_read_answers_every_look_with_the_same_documents(requests: list[Any]):
    world = World(START, Settings(throttling=None))
    subscription = world.add_subscription(SUB.split("/")[2])
    for name in ("emulated-rg", "other-rg"):
        world.add_group(subscription, name, "westeurope")
    core, token = Core(world), issue(world, START)[0]
    for request, seconds in requests:
        assert ask(core, token, *request).status < 500
        core.settle(START._replace(monotonic=seconds))
    bring_to_rest(world, 200.0)
    text = "".join(world_text(world))
    again = World(START._replace(monotonic=5000.0), Settings(throttling=None))
    restore(again, text, 5000.0)
    assert everything(again) == everything(world)
    assert "".join(world_text(again)) == text
