"""``python -m azvm_async.emulator``: starts, says how to use it, ends quietly."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

import azvm_async
from emulator.support import alive, endless, run_command, until

ROOT = Path(azvm_async.__file__).parents[1]


@contextlib.asynccontextmanager
async def emulator(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start the command; give the process and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-m", "azvm_async.emulator", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said = await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C ends it.\n"), 20)
        yield process, said.decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def end(process: asyncio.subprocess.Process, how: signal.Signals) -> tuple[int | None, bytes]:
    """Tell the process to end; return its exit code and its complaints."""
    process.send_signal(how)
    _, complaints = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, complaints


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_it_ends_quietly_with_code_0(how: signal.Signals):
    async with emulator() as (process, _):
        assert await end(process, how) == (0, b"")


async def test_what_it_says_is_enough_to_ask_for_its_vms():
    async with emulator("--vm", "one", "--vm", "two") as (_, said), aiohttp.ClientSession() as session:
        header, url = re.search(r"curl -H 'Authorization: (.*)' '(.*)'", said).groups()
        async with session.get(url, headers={"authorization": header}) as answer:
            assert [vm["name"] for vm in (await answer.json())["value"]] == ["one", "two"]


async def test_it_tells_the_environment_for_azure_identity():
    async with emulator() as (_, said):
        endpoint = re.search(r"emulated: (http://127\.0\.0\.1:\d+)\n", said).group(1)
        assert f"AZURE_POD_IDENTITY_AUTHORITY_HOST={endpoint}\n" in said


async def test_scripts_that_run_at_its_end_are_killed(tmp_path: Path):
    told = tmp_path / "pid"
    async with emulator("--vm", "one") as (process, said), aiohttp.ClientSession() as session:
        header, url = re.search(r"curl -H 'Authorization: (.*)' '(.*)'", said).groups()
        where = url.replace("virtualMachines?", "virtualMachines/one/runCommands/a?")
        async with session.put(where, json=run_command(endless(told)), headers={"authorization": header}) as answer:
            assert answer.status == 201
        await until(told.exists)
        assert await end(process, signal.SIGTERM) == (0, b"")
    assert not alive(int(told.read_text()))


async def test_a_port_that_is_taken_is_said_in_one_line():
    async with emulator() as (_, said):
        port = re.search(r"127\.0\.0\.1:(\d+)", said).group(1)
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "azvm_async.emulator", "--port", port), cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await second.communicate()
    assert (second.returncode, complaint.count(b"\n")) == (1, 1)
