"""Scripts on VMs."""

from pathlib import Path

import pytest
from leaks import register

from cli.support import Stage, documents


@pytest.fixture
def running(stage: Stage) -> Stage:
    stage.has("web-1", "web-2", power="running")
    return stage


def test_what_a_script_wrote_is_printed_for_each_vm(running: Stage):
    ended = running.run("run", "web-{1..2}", "--script", "echo hello; echo oh >&2")
    assert ended.exit_code == 0
    for vm in ("web-1", "web-2"):
        assert f"{vm} stdout:\nhello\n{vm} stderr:\noh\n" in ended.stdout


def test_a_script_that_fails_is_code_1(running: Stage):
    ended = running.run("run", "web-1", "--script", "exit 3")
    assert ended.exit_code == 1
    assert "exit code 3" in ended.stdout


def test_a_script_comes_from_a_file(running: Stage, tmp_path: Path):
    (tmp_path / "hello.sh").write_text("echo from file\n", encoding="utf-8")
    assert "from file" in running.run("run", "web-1", "--file", "hello.sh").stdout


def test_a_script_comes_from_stdin(running: Stage):
    assert "from stdin" in running.run("run", "web-1", "--file", "-", stdin="echo from stdin\n").stdout


def test_parameters_are_the_scripts_environment(running: Stage):
    assert "hello=x" in running.run("run", "web-1", "--script", "echo $GREETING", "-p", "GREETING=hello=x").stdout


def test_a_secret_comes_from_the_environment_and_is_not_shown(running: Stage):
    running.environ["API_KEY"] = register("hunter2-of-the-command-line")
    ended = running.run("run", "web-1", "--script", 'test -n "$API_KEY"', "--secret", "API_KEY", "--debug")
    assert ended.exit_code == 0
    assert "hunter2" not in ended.stdout + ended.stderr


def test_json_has_exit_code_and_output(running: Stage):
    ended = running.run("run", "web-1", "--script", "echo hello", "-o", "json")
    result = documents(ended.stdout)["vms"][0]["result"]
    assert (result["exit_code"], result["stdout"], result["stderr"]) == (0, "hello\n", "")


def test_tsv_keeps_an_output_on_its_line(running: Stage):
    (line,) = running.run("run", "web-1", "--script", "printf 'a\\tb\\nc'", "-o", "tsv").stdout.splitlines()
    assert line.split("\t")[4:] == ["0", "a\\tb\\nc", ""]


def test_what_a_script_wrote_cant_steer_the_terminal(running: Stage):
    assert "\x1b" not in running.run("run", "web-1", "--script", "printf '\\033[2Jgone'").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Which script?"),
        (["--script", "x", "--file", "-"], "Which script?"),
        (["--script", "x", "-p", "secret"], "NAME=VALUE"),
        (["--script", "x", "--secret", "NOT_THERE"], "no such variable"),
        (["--script", "x", "--secret", "KEY=hunter2"], "--secret KEY:"),
        (["--file", "nope.sh"], "nope.sh"),
    ],
)
def test_what_cant_be_is_said_with_code_2_and_no_value(running: Stage, arguments: list[str], said: str):
    ended = running.run("run", "web-1", *arguments)
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert "hunter2" not in ended.stderr
