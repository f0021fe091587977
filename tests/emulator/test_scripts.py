"""Scripts are really executed: with what they are given, within their limits, and leaving nothing."""

import asyncio
import contextlib
import getpass
import os
from pathlib import Path

import pytest

from azvm_async.emulator import Emulator
from azvm_async.emulator.instructions import RunScript, ScriptResult
from azvm_async.emulator.scripts import execute
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
    assert names - {"_", "PWD", "SHLVL", "OLDPWD"} == {"PATH", "HOME", "LANG"}


async def test_the_directory_is_private_and_goes_with_the_script():
    result = await run('pwd; stat -c %a . ..; test "$HOME" = "$PWD" && echo home')
    directory, own, above, home = result.output.splitlines()
    assert (own, above, home) == ("700", "700", "home")
    assert not Path(directory).parent.exists()


async def test_only_the_last_4_kilobytes_are_kept():
    result = await run("seq 100000; echo end")
    assert len(result.output) == 4096
    assert result.output.endswith("99999\n100000\nend\n")


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


async def test_many_scripts_run_at_once(arm: Emulator, caller: Caller):
    machines = [arm.add_vm(f"m{number}", power="running") for number in range(100)]
    views = await asyncio.gather(*(caller.run(vm, "a", run_command("echo $$")) for vm in machines))
    assert len({view["output"] for view in views}) == 100
