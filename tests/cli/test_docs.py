"""The page about the command line: its examples run, and it names all that there is. So do the helps."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from serving import Served, served

from azvm_async.cli import advice
from azvm_async.cli.demo import TEMPLATE
from azvm_async.cli.program import azvm
from azvm_async.emulator import Durations

ROOT = Path(__file__).parents[2]
PAGE, README = ((ROOT / page).read_text(encoding="utf-8") for page in ("docs/command-line.md", "README.md"))
BLOCKS = [
    block for block in re.findall(r"```sh\n(.*?)```", PAGE + README, re.DOTALL) if re.search("^azvm|_AZVM", block)
]
COMMANDS = sorted(azvm.commands)
SOON = Durations(**{field.name: 0.05 for field in fields(Durations)})


@pytest.fixture
def emulator() -> Iterator[Served]:
    with served(durations=SOON) as serving:
        serving.do(lambda arm: [arm.add_vm(name, tags={"env": "test"}) for name in ("web-1", "web-2", "web-3", "db-1")])
        yield serving


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_an_example_runs(block: str, environ: dict[str, str], tmp_path: Path):
    shutil.copy(TEMPLATE, tmp_path / "vm.jsonc")
    script = block.replace("azvm demo", "azvm demo --pace 0.01")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_page_names_every_command():
    assert [name for name in COMMANDS if not re.search(rf"`(azvm )?{name}`", PAGE)] == []


def test_page_names_every_exit_code():
    codes = {value for name, value in vars(advice).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == codes


@pytest.mark.parametrize("command", COMMANDS)
def test_page_names_every_variable(command: str):
    variables = [option.envvar for option in azvm.commands[command].params if option.envvar]
    assert [name for name in variables if f"`{name}" not in PAGE] == []


def examples() -> list[str]:
    """Return the examples of all helps."""
    return [
        line.strip()
        for each in azvm.commands.values()
        for line in str(each.epilog or "").splitlines()
        if "azvm " in line
    ]


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "emulator"])
def test_help_has_an_example(command: str):
    assert [line for line in examples() if line.startswith(f"azvm {command}")]


@pytest.mark.parametrize("example", examples())
def test_an_example_of_a_help_can_be_said(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for file in ("vm.jsonc", "vm.parameters.json", "setup.sh", "start.tokens"):
        (tmp_path / file).touch()
    _, name, *arguments = shlex.split(example.partition(" > ")[0])
    with azvm.commands[name].make_context(name, arguments, parent=click.Context(azvm)) as context:
        assert context.params


@pytest.mark.parametrize("command", COMMANDS)
def test_short_helps_are_whole(command: str):
    assert not azvm.commands[command].get_short_help_str().endswith("...")
