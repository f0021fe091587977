"""The tutorial, from its first command to its last, by a shell, in an empty folder; each prints what the page says."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import blocks, text_of

PAGE = "docs/tutorial.md"
PORT = "8765"
NOT_RUN = ("python3 -m venv .venv && . .venv/bin/activate\n", "pip install --quiet .\n")
"""The environment of the tests is there, and has the package installed: README's own commands are run by ``.ci/run``."""

MARK = "=== end of block"

AT_THE_END = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
"""Lets no emulator outlive a tutorial that failed."""


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def commands() -> list[str]:
    """Return the commands that are run, in their order."""
    return [block.text for block in blocks(PAGE, "sh") if block.text not in NOT_RUN]


def promised() -> list[tuple[int, str]]:
    """Return what the page says is printed, and by which of the commands."""
    found, number = [], -1
    for language, text in re.findall(r"^```(sh|text)\n(.*?)^```$", text_of(PAGE), re.MULTILINE | re.DOTALL):
        if language == "text":
            found.append((number, text))
        elif text not in NOT_RUN:
            number += 1
    return found


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Do all that the page says, and give what each command printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    for block in blocks(PAGE):
        assert block.title, "the tutorial's programs are files"
        (folder / block.title).write_text(block.text, encoding="utf-8")
    port = free_port()
    script = "".join(f"{command}\necho '{MARK}'\n" for command in commands()).replace(PORT, port)
    ended = subprocess.run(
        ["bash", "-e", "-c", AT_THE_END + script],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,  # ten minutes, the page says
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.replace(port, PORT).split(f"{MARK}\n")[:-1]


def test_every_command_is_run(printed: list[str]):
    assert len(printed) == len(commands()) > 7


@pytest.mark.parametrize(("number", "text"), promised(), ids=lambda value: str(value)[:20])
def test_command_prints_what_the_page_says(printed: list[str], number: int, text: str):
    assert printed[number] == text


def test_page_names_no_other_port_than_the_one_that_is_replaced():
    assert set(re.findall(r"127\.0\.0\.1:(\d+)|--port (\d+)", text_of(PAGE))) == {(PORT, ""), ("", PORT)}
