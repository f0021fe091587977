"""Scripts are really executed: with what they are given, within their limits, and leaving nothing."""

import asyncio
import contextlib
import getpass
import os
import sys
import threading
from pathlib import Path

import pytest

from azvm_async.clock import VirtualClock
from azvm_async.emulator import Emulator
from azvm_async.emulator.instructions import RunScript, ScriptResult
from azvm_async.emulator.scripts import execute
from azvm_async.emulator.watchers import MARK
from emulator.support import Caller, alive, endless, run_command, until


async def run(text: str, **options: object) -> ScriptResult:
    """Run a script on its own."""
    return await execute(RunScript(1, text, **options))


async def test_output_error_and_exit_code_are_told():
    result = await run("echo out; echo err >&2; exit 7")
    assert (result.state, result.output, result.error, result.exit_code) == ("Failed", "out\n", "err\n", 7)


async def test_a_script_that_ends_well_succeeded():
    assert await run("true") == ScriptResult("Succeeded", 0, message="Execution completed.")


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("cat <<END\nhere\nEND\n", "here\n"),
        ("for i in 1 2; do\necho $i\ndone", "1\n2\n"),
        ("#!/usr/bin/env python3\nprint(6 * 7)", "42\n"),
        ("#!/bin/sh -e\nfalse\necho never", ""),
        ("#! /bin/sh\necho spaced", "spaced\n"),
        ("cat; echo 'no input'", "no input\n"),
        ("echo 'ünï'", "ünï\n"),
        ("printf 'a\\377b'", "a\ufffdb"),
    ],
    ids=["heredoc", "loop", "shebang", "shebang with argument", "spaced shebang", "stdin", "unicode", "bytes"],
)
async def test_scripts_are_read_as_a_shell_or_their_first_line_says(text: str, output: str):
    assert (await run(text)).output == output


async def test_an_interpreter_that_is_not_there_is_the_scripts_failure():
    result = await run("#!/no/such/interpreter\n")
    assert (result.state, result.exit_code) == ("Failed", 127)


async def test_parameters_come_as_variables_and_words():
    result = await run('echo "$NAME|$1|$2|$#"', environment={"NAME": "a b"}, words=("one", "two"))
    assert result.output == "a b|one|two|2\n"


async def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "of the emulator's user")
    names = {line.partition("=")[0] for line in (await run("env")).output.splitlines()}
    assert names - {"_", "PWD", "SHLVL", "OLDPWD"} == {"PATH", "HOME", "LANG", MARK}


async def test_the_directory_is_private_and_goes_with_the_script():
    result = await run('pwd; stat -c %a . ..; test "$HOME" = "$PWD" && echo home')
    directory, own, above, home = result.output.splitlines()
    assert (own, above, home) == ("700", "700", "home")
    assert not Path(directory).parent.exists()


async def test_a_directory_too_deep_for_recursion_goes_too():
    deepen = "#!/usr/bin/env python3\nimport os\nprint(os.getcwd())\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')"
    result = await run(deepen)
    assert result.state == "Succeeded"
    assert not Path(result.output.strip()).parent.exists()


async def test_only_the_last_4_kilobytes_are_kept():
    result = await run("seq 100000; echo end")
    assert len(result.output) == 4096
    assert result.output.endswith("99999\n100000\nend\n")


@pytest.mark.parametrize("instead", [":", "mkfifo ../output ../error", "mkdir ../output ../error"])
async def test_a_script_that_takes_its_files_away_is_told_of_all_the_same(instead: str):
    result = await run(f"echo before; find .. -type f -delete; {instead}; echo after")
    assert (result.state, result.output) == ("Succeeded", "before\nafter\n")


async def test_a_time_out_kills_the_script():
    result = await run("echo begun; sleep 1000", seconds=0.2)
    assert (result.state, result.output) == ("TimedOut", "begun\n")
    assert "0.2 seconds" in result.message


async def test_a_script_killed_by_a_signal_has_the_shells_exit_code():
    assert (await run("kill -9 $$")).exit_code == 137


async def dead(process: int) -> bool:
    """Return that a process is gone, which takes a moment after it was killed."""
    await until(lambda: not alive(process))
    return True


async def test_what_a_script_leaves_in_the_background_is_killed():
    result = await run("sleep 1000 & echo $!")
    assert await dead(int(result.output))


async def test_a_time_out_kills_what_ignores_gentler_signals():
    result = await run("trap '' TERM HUP; sh -c 'trap \"\" TERM; sleep 1000' & echo $!; wait", seconds=0.3)
    assert await dead(int(result.output))


@pytest.mark.parametrize("environment", [{"A": "nul\0byte"}, {"A=B": "x"}, {"A": "x" * 10_000_000}])
async def test_a_parameter_that_no_process_can_get_fails_and_is_not_quoted(environment: dict[str, str]):
    result = await run("true", environment=environment)
    assert (result.state, "could not be started" in result.message) == ("Failed", True)
    assert "nul" not in result.message


@pytest.mark.parametrize(
    ("which", "limit"),
    [("-t", 3600), ("-f", 4194304), ("-d", 4194304), ("-c", 0)],
    ids=["time", "file", "data", "core"],
)
async def test_a_script_finds_its_limits_set(which: str, limit: int):
    assert (await run(f"ulimit {which}")).output == f"{limit}\n"


async def test_what_takes_more_memory_than_there_is_for_a_process_fails():
    result = await run("#!/usr/bin/env python3\nbytearray(5 << 30)")
    assert (result.exit_code, "MemoryError" in result.error) == (1, True)


async def test_address_space_that_is_only_reserved_is_no_memory():
    reserve = "mmap.mmap(-1, 1 << 36, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)"
    assert (await run(f"#!/usr/bin/env python3\nimport mmap\n{reserve}")).state == "Succeeded"


async def test_the_limit_of_processes_counts_those_that_the_user_has():
    show = "#!/usr/bin/env python3\nimport resource; print(resource.getrlimit(resource.RLIMIT_NPROC)[0])"
    before = int((await run(show)).output)
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(100)]
    for thread in threads:
        thread.start()
    after = int((await run(show)).output)
    over.set()
    assert before > 512
    assert 50 < after - before < 150


# Of root's processes the system takes no count, so this is somebody else's from the moment all is imported.
AS_SOMEBODY = """
import asyncio, os
from azvm_async.emulator.instructions import RunScript
from azvm_async.emulator.scripts import execute

script = "for i in 1 2 3 4 5 6; do for j in $(seq 100); do sleep 1000 & done; done; echo all"
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
result = asyncio.run(execute(RunScript(1, script)))
print(result.state, "all" in result.output, "fork" in result.error)
"""


async def test_a_script_gets_only_so_many_processes():
    somebody = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", AS_SOMEBODY), cwd="/", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await somebody.communicate()
    assert said == b"Failed False True\n"


async def test_another_user_is_refused():
    result = await run("true", user="somebody-else")
    assert (result.state, "not supported" in result.message) == ("Failed", True)


async def test_the_own_user_is_fine():
    assert (await run("true", user=getpass.getuser())).state == "Succeeded"


async def test_a_cancelled_script_is_dead(tmp_path: Path):
    told = tmp_path / "pid"
    task = asyncio.create_task(run(endless(told)))
    await until(told.exists)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not alive(int(told.read_text()))


def running(marker: str) -> list[int]:
    """Return the processes that have a word in their command line."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker in (directory / "cmdline").read_text(errors="replace").split("\0"):
                found.append(int(directory.name))
    return found


async def test_a_script_cancelled_while_it_starts_leaves_nothing_behind():
    marker = f"1000.{os.getpid()}"
    for turns in range(12):
        task = asyncio.create_task(run(f"sleep {marker} & sleep {marker}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await until(lambda: not running(marker))


def children() -> list[str]:
    """Return this thread's processes."""
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


async def test_a_script_cancelled_as_it_ends_has_ended_with_its_watcher():
    before, left = children(), []
    for milliseconds in range(0, 40, 2):
        task = asyncio.create_task(run("true"))
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        left += set(children()) - set(before)
    assert left == []


async def test_what_left_the_session_is_killed():
    marker = f"1001.{os.getpid()}"
    await run(f"setsid sh -c 'setsid sleep {marker} & sleep {marker}' & until pgrep -f {marker}; do :; done")
    assert not running(marker)


async def test_a_parameter_does_not_take_the_mark_away():
    marker = f"1002.{os.getpid()}"
    await run(f"setsid sleep {marker} & sleep 0.1", environment={MARK: "none"})
    assert not running(marker)


async def test_what_left_the_session_is_killed_even_where_the_script_killed_its_watcher():
    hunt = """
        for each in /proc/[0-9]*; do
            grep -qsF "AZVM_ASYNC_SCRIPT=$AZVM_ASYNC_SCRIPT" "$each/cmdline" && kill -9 "${each#/proc/}" && echo killed
        done
        setsid sleep 1000 &
        echo $!
    """
    killed, process = (await run(hunt)).output.split()
    assert (killed, alive(int(process))) == ("killed", False)


async def test_a_script_inherits_nothing_of_its_watcher():
    children = "cat /proc/$$/task/$$/children; ls /proc/$$/fd"
    assert (await run(children)).output.split()[1:] == ["0", "1", "10", "2"]


async def test_leaving_the_emulator_kills_what_runs(tmp_path: Path):
    told = tmp_path / "pid"
    async with Emulator(port=None) as arm:
        caller = Caller(arm, arm.clock, (await arm.credential().get_token()).token)
        vm = arm.add_vm("vm1", power="running")
        await caller.send("PUT", f"{vm}/runCommands/a", run_command(endless(told)))
        await until(told.exists)
        process = int(told.read_text())
        assert alive(process)
    assert not alive(process)


async def test_a_deletion_kills_the_process(quick: Emulator, live: Caller, tmp_path: Path):
    told = tmp_path / "pid"
    vm = quick.add_vm("vm1", power="running")
    await live.send("PUT", f"{vm}/runCommands/a", run_command(endless(told)))
    await until(told.exists)
    await live.send("DELETE", f"{vm}/runCommands/a")
    assert await dead(int(told.read_text()))


async def test_virtual_time_stands_still_while_a_script_runs(caller: Caller, vm: str):
    view = await caller.run(vm, "a", run_command("sleep 0.1; echo slept"))
    assert (view["output"], view["startTime"]) == ("slept\n", view["endTime"])


async def test_named_nameless_and_empty_parameters_arrive_as_documented(caller: Caller, vm: str):
    document = run_command(
        'echo "${PLAIN}|${HIDDEN}|${EMPTY-unset}|$*"',
        parameters=[{"name": "PLAIN", "value": "1"}, {"name": "EMPTY", "value": ""}, {"name": "", "value": "x y"}],
        protectedParameters=[{"name": "HIDDEN", "value": "2"}],
    )
    assert (await caller.run(vm, "a", document))["output"] == "1|2|unset|x y\n"


async def test_a_time_out_is_told_in_the_instance_view(caller: Caller, vm: str):
    view = await caller.run(vm, "a", run_command("sleep 1000", timeoutInSeconds=1))
    assert view["executionState"] == "TimedOut"


async def test_many_scripts_run_at_once(clock: VirtualClock):
    async with Emulator(clock, port=None, throttling=None) as arm:
        caller = Caller(arm, clock, (await arm.credential().get_token()).token)
        machines = [arm.add_vm(f"m{number}", power="running") for number in range(100)]
        views = await asyncio.gather(*(caller.run(vm, "a", run_command("echo $$")) for vm in machines))
    assert len({view["output"] for view in views}) == 100


ON_ITS_OWN = """
import asyncio, sys
from azvm_async.emulator.instructions import RunScript
from azvm_async.emulator.scripts import execute

asyncio.run(execute(RunScript(1, sys.argv[1])))
"""


async def test_nothing_survives_an_emulator_that_is_killed(tmp_path: Path):
    told, marker = tmp_path / "told", f"1003.{os.getpid()}"
    script = f"setsid sleep {marker} & sleep {marker} & pwd > {told}; sleep {marker}"
    emulator = await asyncio.create_subprocess_exec(sys.executable, "-c", ON_ITS_OWN, script)
    await until(lambda: len(running(marker)) == 3)
    emulator.kill()
    await emulator.wait()
    await until(lambda: not running(marker) and not Path(told.read_text().strip()).parent.exists())
