"""``python -m azvm_async.emulator``: starts, says how to use it, ends quietly."""

import asyncio
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

import azvm_async
from azvm_async.emulator import Emulator
from azvm_async.emulator import __main__ as command_line
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


async def run(*command: str, stdin: str = "", **variables: str) -> tuple[int | None, str, str]:
    """Run a program; return its exit code, what it says and its complaints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complaints = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode, said.decode(), complaints.decode()


async def refused(*arguments: str) -> tuple[int | None, str]:
    """Run the command with arguments that can't be; return its exit code and its complaint."""
    code, _, complaint = await run(sys.executable, "-m", "azvm_async.emulator", *arguments)
    return code, complaint


def exported(said: str) -> dict[str, str]:
    """Return the first export lines, as a shell would take them."""
    lines = re.search(r"DefaultAzureCredential:\n((?:export .*\n)+)", said).group(1).splitlines()
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


def snippet(said: str, first: str, last: str) -> str:
    """Return the lines from one that begins so to one that ends so."""
    return re.search(rf"^{re.escape(first)}.*?{re.escape(last)}\n", said, re.DOTALL | re.MULTILINE).group()


@pytest.fixture
def as_in_a_terminal() -> Iterator[None]:
    """Let signals be what they are at first: under nohup, and in the background, some are ignored, also by children."""
    before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGHUP)}
    for which in before:
        signal.signal(which, signal.SIG_DFL)
    yield
    for which, handler in before.items():
        signal.signal(which, handler)


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_it_ends_quietly_with_code_0(how: signal.Signals):
    async with emulator() as (process, _):
        assert await end(process, how) == (0, b"")


async def test_signals_are_as_before_where_none_came():
    before = signal.getsignal(signal.SIGINT)
    with command_line._told_to_end():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


async def test_under_nohup_the_end_of_the_terminal_is_not_its_end():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with command_line._told_to_end():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


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
    assert f"port {port} of 127.0.0.1 is taken" in complaint.decode()


async def test_a_signal_more_ends_it_no_less_quietly():
    async with emulator() as (process, _):
        process.send_signal(signal.SIGINT)
        assert await end(process, signal.SIGINT) == (0, b"")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("options", [[], ["--tls"], ["--host", "::1"], ["--host", "::1", "--tls"]], ids=str)
async def test_the_curl_line_works_as_it_is(options: list[str]):
    async with emulator("--vm", "one", *options) as (_, said):
        line = re.search(r"^curl .*$", said, re.MULTILINE).group()
        code, answer, _ = await run("sh", "-c", line)
    assert (code, [vm["name"] for vm in json.loads(answer)["value"]]) == (0, ["one"])


@pytest.mark.parametrize("options", [[], ["--tls"], ["--host", "localhost", "--tls"]], ids=str)
async def test_the_python_lines_work_as_they_are(options: list[str]):
    async with emulator("--vm", "one", "--vm", "two", "--quick", *options) as (_, said):
        program = snippet(said, "import asyncio", "asyncio.run(main())")
        result = await run(sys.executable, "-", stdin=program, **exported(said))
    assert result == (0, "one running\ntwo running\n", "")


async def test_without_a_vm_the_python_lines_work_too():
    async with emulator() as (_, said):
        program = snippet(said, "import asyncio", "asyncio.run(main())")
        assert await run(sys.executable, "-", stdin=program, **exported(said)) == (0, "", "")


async def test_with_tls_the_lines_for_microsofts_client_work_as_they_are():
    async with emulator("--vm", "one", "--tls") as (_, said):
        program = snippet(said, "from azure.identity", "])")
        result = await run(sys.executable, "-", stdin=program, **exported(said))
    assert result == (0, "['one']\n", "")


async def test_the_token_is_told_once():
    async with emulator("--tls") as (_, said):
        assert re.findall(r"^(\w+).*\bBearer eyJ", said, re.MULTILINE) == ["curl"]


async def test_it_begins_with_the_state_it_saved(tmp_path: Path):
    state = ["--state", str(tmp_path / "state.json")]
    async with emulator("--vm", "one", *state) as (process, _):
        assert await end(process, signal.SIGTERM) == (0, b"")
    async with emulator("--vm", "one", "--vm", "two", *state) as (_, said):
        program = snippet(said, "import asyncio", "asyncio.run(main())")
        _, listed, _ = await run(sys.executable, "-", stdin=program, **exported(said))
    assert listed == "one running\ntwo running\n"


@pytest.mark.parametrize(
    ("groups", "options", "there"),
    [
        ([{"name": "first"}, {"name": "second"}], ["--vm", "one"], ("theirs", "first")),
        ([{"name": "first"}, {"name": "second"}], [], ("theirs", "first")),
        ([{"name": "first"}, {"name": "second"}], ["--resource-group", "Second"], ("theirs", "Second")),
        ([{"name": "first"}], ["--resource-group", "new"], ("theirs", "new")),
        ([], [], ("theirs", "emulated-rg")),
    ],
)
async def test_the_lines_name_what_is_in_the_state_file(
    tmp_path: Path, groups: list[dict[str, str]], options: list[str], there: tuple[str, str]
):
    file = tmp_path / "state.json"
    subscriptions = [{"id": "theirs", "resourceGroups": groups}, {"id": "other", "resourceGroups": [{"name": "x"}]}]
    file.write_text(json.dumps({"version": 1, "subscriptions": subscriptions}))
    async with emulator("--state", str(file), *options) as (_, said), aiohttp.ClientSession() as session:
        header, url = re.search(r"curl -H 'Authorization: (.*)' '?([^' ]*)'?", said).groups()
        async with session.get(url, headers={"authorization": header}) as answer:
            names = [vm["name"] for vm in (await answer.json())["value"]]
    assert (url.split("/")[4], url.split("/")[6]) == there
    assert f"AzureVMClient({there[0]!r}, {there[1]!r}," in said
    assert names == options[1:] * ("--vm" in options)


async def test_a_name_that_cannot_be_leaves_no_state_file(tmp_path: Path):
    code, _ = await refused("--resource-group", "a/b", "--state", str(tmp_path / "state.json"))
    assert (code, any(tmp_path.iterdir())) == (1, False)  # noqa: ASYNC240  # nobody else waits


async def test_a_closed_output_ends_it_with_one_line():
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "azvm_async.emulator"), cwd=ROOT, stdout=writer, stderr=asyncio.subprocess.PIPE
    )
    os.close(writer)
    _, complaint = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, complaint) == (1, b"The emulator: Broken pipe.\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--host", "0.0.0.0"], "run scripts as you"),
        (["--port", "65536"], "from 1 to 65535"),
        (["--subscription", "a/b"], "'a/b' is no name"),
        (["--resource-group", ""], "'' is no name"),
        (["--vm", "a?b"], "'a?b' is no name"),
        (["--location", "nowhere!!"], "'nowhere!!' is no location"),
        (["--location", ""], "'' is no location"),
        (["--state", str(Path(__file__).parent)], "is not a regular file"),
        (["--state", __file__], "is not as it should be"),
    ],
)
async def test_what_cannot_be_is_said_in_one_line(arguments: list[str], why: str):
    code, complaint = await refused(*arguments)
    assert (code, complaint.count("\n"), why in complaint) == (1, 1, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--duration", "begin=1"], "is none of create, update, delete, start"),
        (["--duration", "start=-1"], "no number of seconds"),
        (["--duration", "start=nan"], "no number of seconds"),
        (["--duration", "start"], "no number of seconds"),
        (["--throttling", "0"], "nor 'off'"),
        (["--throttling", "on"], "nor 'off'"),
    ],
)
def test_an_option_that_cannot_be_is_a_usage_error(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        command_line.main(arguments)
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ([], (21.0, 60.0, 1.0)),
        (["--duration", "start=3", "--duration", "delete=0"], (3.0, 0.0, 1.0)),
        (["--quick", "--duration", "start=3"], (3.0, 1.2, 1.0)),
        (["--throttling", "2.5"], (21.0, 60.0, 2.5)),
        (["--throttling", "off"], (21.0, 60.0, None)),
    ],
)
async def test_options_are_the_emulators(arguments: list[str], chosen: tuple[float, float, float | None]):
    arm = command_line._emulator(command_line._parser().parse_args(arguments))
    settings = arm._world.settings
    scale = settings.throttling and settings.throttling.scale
    assert (settings.durations.start, settings.durations.delete, scale) == chosen


async def test_names_and_region_and_seed_are_the_emulators():
    arguments = ["--subscription", "s", "--resource-group", "g", "--location", "northeurope", "--seed", "7"]
    arm = command_line._emulator(command_line._parser().parse_args(arguments))
    assert (arm.subscription, arm.resource_group, arm.location) == ("s", "g", "northeurope")
    assert arm._world.partition == Emulator(seed=7)._world.partition
