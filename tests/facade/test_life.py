"""How a facade lives: threads, processes, forks, Ctrl-C, the interpreter's end, pickles, Jupyter."""

import asyncio
import gc
import os
import pickle
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import pytest

from azvm_async import portal
from azvm_async.emulator import Emulator, faults
from azvm_async.facade import Status, VMFacade
from facade.served import Site, served
from facade.support import CONFIG, VM, Token


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as emulated:
        yield emulated


@pytest.fixture
def facade(site: Site) -> Iterator[VMFacade]:
    with VMFacade(site.config, credential=Token(site.token), endpoint=site.endpoint) as opened:
        yield opened


def portals() -> int:
    """Return how many loops run in the background."""
    return len([each for each in threading.enumerate() if each.name == "azvm-portal"])


def test_no_thread_before_the_first_call(site: Site):
    with VMFacade(site.config, credential=Token(site.token), endpoint=site.endpoint):
        assert portals() == 0


def test_facades_share_one_thread(site: Site, facade: VMFacade):
    with VMFacade(site.config, credential=Token(site.token), endpoint=site.endpoint) as other:
        facade.start_host(VM)
        other.start_host(VM)
        assert portals() == 1


def test_last_one_closed_ends_the_thread(site: Site, facade: VMFacade):
    other = VMFacade(site.config, credential=Token(site.token), endpoint=site.endpoint)
    facade.start_host(VM)
    other.start_host(VM)
    facade.close()
    between = portals()
    other.close()
    assert (between, portals()) == (1, 0)


def test_facade_that_is_collected_lets_go(site: Site):
    facade = VMFacade(site.config, credential=Token(site.token), endpoint=site.endpoint)
    facade.start_host(VM)
    del facade
    gc.collect()
    deadline = time.monotonic() + 5
    while portals() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert portals() == 0


def test_closed_facade_begins_anew(facade: VMFacade):
    facade.start_host(VM)
    facade.close()
    assert facade.start_host(VM)[0] is Status.PENDING


def test_closing_again_does_nothing(facade: VMFacade):
    facade.start_host(VM)
    facade.close()
    facade.close()
    assert portals() == 0


def test_many_threads_at_once(site: Site, facade: VMFacade):
    names = [f"crowd{number}" for number in range(24)]
    for name in names:
        site.do(lambda arm, name=name: arm.add_vm(name))

    def started(name: str) -> Status:
        return facade.wait_host_operation(facade.start_host({"vmName": name})[1])[0]

    with ThreadPoolExecutor(24) as pool:
        assert {*pool.map(started, names)} == {Status.SUCCEEDED}
    assert portals() == 1


def test_facades_that_come_and_go_in_many_threads_leave_nothing(site: Site):
    def visit(_: int) -> Status:
        with VMFacade(site.config, credential=Token(site.token), endpoint=site.endpoint) as visitor:
            return visitor.start_host(VM)[0]

    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(visit, range(48))} == {Status.PENDING}
    assert portals() == 0


def test_closing_ends_the_waits_of_other_threads(site: Site, facade: VMFacade):
    site.do(lambda arm: arm.inject(faults.Endless(), method="POST"))
    _, begun = facade.deallocate_host(VM)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(facade.wait_host_operation, begun)
        time.sleep(0.2)
        facade.close()
        status, answer = waiting.result(5)
    assert (status, answer["error"]["type"]) == (Status.FAILED, "ClientClosed")


def test_call_on_the_portals_own_thread_is_refused(facade: VMFacade):
    async def calls() -> None:
        facade.start_host(VM)

    held = portal.lease(_nothing)
    try:
        with pytest.raises(RuntimeError, match="own thread"):
            held.portal.call(calls)
    finally:
        held.release()


async def test_works_where_a_loop_is_running(facade: VMFacade):
    assert asyncio.get_running_loop().is_running()
    assert facade.start_host(VM)[0] is Status.PENDING


def test_pickle_keeps_config_credential_and_endpoint(facade: VMFacade):
    facade.start_host(VM)
    with pickle.loads(pickle.dumps(facade)) as copy:
        assert copy.wait_host_operation(copy.start_host(VM)[1])[0] is Status.SUCCEEDED


def test_authorities_of_its_own_are_trusted_also_after_a_pickle():
    stack = AsyncExitStack()

    async def listening() -> Emulator:
        return await stack.enter_async_context(Emulator(tls=True))

    lease = portal.lease(stack.aclose)
    arm = lease.portal.call(listening)
    arm.add_vm("vm1")
    config = {"subscription": arm.subscription, "resourceGroup": arm.resource_group}
    credential = Token(lease.portal.call(arm.credential().get_token).token)
    made = VMFacade(config, credential=credential, endpoint=arm.endpoint, ca_file=arm.ca_file)
    with made, pickle.loads(pickle.dumps(made)) as copy:
        assert [each.start_host(VM)[0] for each in (made, copy)] == [Status.PENDING] * 2
    lease.release()


def test_credential_that_cannot_be_pickled_is_named():
    class Held:
        def get_token(self, *scopes: str) -> None:
            """Give none."""

    with pytest.raises(TypeError, match="Held"):
        pickle.dumps(VMFacade(CONFIG, credential=Held()))


SILENCED = "import warnings; warnings.filterwarnings('ignore', '.*fork.*', DeprecationWarning)\n"  # of Python 3.12

FORKS = """
{before}
child = os.fork()
if child == 0:
    begun = f.start_host({{"vmName": "vm1"}})
    print(f.wait_host_operation(begun[1])[0].name, flush=True)
    {ending}
assert os.waitpid(child, 0)[1] == 0
print(f.wait_host_operation(f.start_host({{"vmName": "vm1"}})[1])[0].name)
"""


@pytest.mark.parametrize("ending", ["sys.exit(0)", "f.close(); sys.exit(0)", "os._exit(0)", "del f; sys.exit(0)"])
@pytest.mark.parametrize("before", ["f = facade()", "f = facade(); f.start_host({'vmName': 'vm1'})"])
def test_child_and_parent_work_after_fork(site: Site, before: str, ending: str):
    silenced = SILENCED + "import logging; logging.disable()\n"  # of what goes on in Azure after the end
    assert site.run(silenced + FORKS.format(before=before, ending=ending)) == "SUCCEEDED\nSUCCEEDED\n"


def test_child_that_is_forked_while_another_thread_takes_a_lease_is_not_stuck(site: Site):
    program = """
from azvm_async import portal
f = facade()
with portal._state.lock:
    child = os.fork()
    if child == 0:
        print(f.start_host({"vmName": "vm1"})[0].name, flush=True)
        os._exit(0)
time.sleep(3)
if os.waitpid(child, os.WNOHANG)[0] == 0:
    os.kill(child, signal.SIGKILL)
"""
    assert site.run(SILENCED + program) == "PENDING\n"


def test_child_never_frees_the_parents_loop(site: Site):
    program = """
import gc, weakref
from azvm_async import portal
f = facade()
f.start_host({"vmName": "vm1"})
loop = weakref.ref(portal._state.portal._loop)
child = os.fork()
if child == 0:
    del f
    gc.collect()
    print(portal._state.portal, loop() is not None, flush=True)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    assert site.run(SILENCED + "import logging; logging.disable()" + program) == "None True\n"


def test_parents_wait_goes_on_while_a_child_works(site: Site):
    program = """
f = facade()
begun = f.deallocate_host({"vmName": "vm1"})[1]
answers = []
waiting = threading.Thread(target=lambda: answers.append(f.wait_host_operation(begun)[0].name))
waiting.start()
time.sleep(0.1)
child = os.fork()
if child == 0:
    print(f.wait_host_operation(begun)[0].name, flush=True)
    sys.exit(0)
os.waitpid(child, 0)
waiting.join()
print(*answers)
"""
    assert site.run(SILENCED + program) == "SUCCEEDED\nSUCCEEDED\n"


def test_child_gets_a_scripts_results_while_its_parent_waits(site: Site):
    program = """
f = facade(pollTimeout=15)
begun = f.remote_exec(["sleep 1", "echo ran"], {"vmName": "vm1", "commandName": "c"}, {})[1]
waiting = threading.Thread(target=f.get_remote_exec_results, args=[begun])
waiting.start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    found = f.get_remote_exec_results(begun)
    print(found[0].name if found[0] is Status.TIMED_OUT else "answered", flush=True)
    sys.exit(0)
os.waitpid(child, 0)
waiting.join()
"""
    assert site.run(SILENCED + "import logging; logging.disable()" + program) == "answered\n"


def test_thread_that_cannot_be_started_is_an_answer(facade: VMFacade, monkeypatch: pytest.MonkeyPatch):
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert facade.start_host(VM)[0] is Status.FAILED
    gc.collect()  # a loop that was left open would warn
    assert facade.start_host(VM)[0] is Status.PENDING


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "f.close()",
        "del f",
        "sys.exit(0)",
        "f.deallocate_host({'vmName': 'vm1'})",
        "threading.Thread(target=f.wait_host_operation, args=[begun], daemon=True).start(); time.sleep(0.05)",
    ],
)
def test_interpreter_ends_without_a_word(site: Site, ending: str):
    before = "import logging; logging.disable()\nf = facade(); begun = f.start_host({'vmName': 'vm1'})[1]\n"
    assert site.run(before + ending) == ""


def test_ctrl_c_ends_the_wait_at_once_and_nothing_else(site: Site):
    site.do(lambda arm: arm.add_vm("interrupted", power="running"))
    program = """
f = facade()
begun = f.deallocate_host({"vmName": "interrupted"})[1]
print("waiting", flush=True)
try:
    f.wait_host_operation({**begun, "pollTimeout": 300})
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(f.wait_host_operation(begun)[0].name)
"""
    with subprocess.Popen(site.command(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.2)
        before = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - before < 0.5
        assert process.communicate(timeout=20) == ("SUCCEEDED\n", "")


def test_wait_goes_on_in_another_process_after_kill_9(site: Site):
    site.do(lambda arm: arm.add_vm("orphan", power="running"))
    program = """
print(json.dumps(facade().deallocate_host({"vmName": "orphan"})[1]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(site.command(program), capture_output=True, text=True, timeout=40, check=False)
    waiting = f"print(facade().wait_host_operation(json.loads({killed.stdout!r}))[0].name)"
    assert (killed.returncode, site.run(waiting)) == (-signal.SIGKILL, "SUCCEEDED\n")


async def _nothing() -> None:
    """Close nothing."""
