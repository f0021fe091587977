"""The command as a process of its own, against an emulator that listens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from serving import Served

from cli.support import command, documents, process

Environ = dict[str, str]


@pytest.fixture(autouse=True, scope="module")
def vms(emulator: Served):
    emulator.do(lambda arm: [arm.add_vm(f"web-{n}") for n in range(1, 4)])


def test_a_vm_is_started(environ: Environ, tmp_path: Path, emulator: Served):
    ended = process(environ, tmp_path, "start", "web-1")
    assert (ended.returncode, ended.stderr) == (0, "start of 1 VM\n")
    assert emulator.do(lambda arm: arm.vm("web-1").power_state) == "running"


def test_what_was_begun_is_resumed_from_stdin(environ: Environ, tmp_path: Path):
    begun = process(environ, tmp_path, "start", "web-{2..3}", "--no-wait")
    resumed = process(environ, tmp_path, "resume", "-o", "json", stdin=begun.stdout)
    assert (begun.returncode, resumed.returncode) == (0, 0)
    assert [vm["state"] for vm in documents(resumed.stdout)["vms"]] == ["Succeeded", "Succeeded"]


def test_what_was_begun_is_resumed_from_an_argument(environ: Environ, tmp_path: Path):
    token = process(environ, tmp_path, "stop", "web-1", "--no-wait").stdout.strip()
    resumed = process(environ, tmp_path, "resume", token)
    assert (resumed.returncode, resumed.stdout.splitlines()[0]) == (0, "web-1: resume Succeeded")


def test_a_script_that_is_resumed_brings_what_it_wrote(environ: Environ, tmp_path: Path):
    process(environ, tmp_path, "start", "web-1")
    token = process(environ, tmp_path, "run", "web-1", "--script", "echo hello", "--no-wait").stdout.strip()
    assert "web-1 stdout:\nhello" in process(environ, tmp_path, "resume", token).stdout


@pytest.mark.parametrize("stdin", ["", "\n\n"])
def test_without_tokens_there_is_nothing_to_resume(environ: Environ, tmp_path: Path, stdin: str):
    ended = process(environ, tmp_path, "resume", stdin=stdin)
    assert ended.returncode == 2
    assert "Which tokens?" in ended.stderr


def test_a_spoilt_token_is_not_shown(environ: Environ, tmp_path: Path):
    ended = process(environ, tmp_path, "resume", "not-a-token-but-a-secret")
    assert ended.returncode == 2
    assert "a-secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [["--debug", "list"], ["list", "--debug"]])
def test_debug_shows_each_request(environ: Environ, tmp_path: Path, arguments: list[str]):
    assert "DEBUG azvm_async.pipeline: GET /subscriptions/" in process(environ, tmp_path, *arguments).stderr


def test_a_dead_endpoint_is_told_with_what_to_do(environ: Environ, tmp_path: Path):
    ended = process({**environ, "AZVM_ENDPOINT": "http://127.0.0.1:9"}, tmp_path, "list")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Is it the right endpoint (--endpoint, AZVM_ENDPOINT" in ended.stderr.splitlines()[-1]


def test_without_credentials_it_says_how_to_sign_in(environ: Environ, tmp_path: Path):
    nobody = {**environ, "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9", "PATH": str(tmp_path)}
    ended = process(nobody, tmp_path, "list")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "Sign in by 'az login'" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str, tmp_path: Path):
    program = f"import sys; sys.modules['{missing}'] = None; from azvm_async.cli import main; sys.exit(main([]))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"azvm needs {missing}: pip install 'azvm-async[cli]' brings it.\n"


def test_a_reader_that_leaves_early_is_no_traceback(environ: Environ, tmp_path: Path):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nowhere:
        ended = subprocess.run(
            command("list"), env=environ, cwd=tmp_path, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, "")


def test_bash_completes_commands(environ: Environ, tmp_path: Path):
    asked = {"_AZVM_COMPLETE": "bash_complete", "COMP_WORDS": "azvm depr", "COMP_CWORD": "1"}
    assert process({**environ, **asked}, tmp_path).stdout == "plain,deprovision\n"


def test_the_demonstration_ends_well(environ: Environ, tmp_path: Path):
    ended = process(environ, tmp_path, "demo", "--vms", "3", "--pace", "0.01")
    assert ended.returncode == 0
    for line in (
        "$ azvm start 'web-{1..3}'",
        "db-1: provision Succeeded",
        "hello from ",
        "stop of 3 VMs",
        "db-1: deprovision Succeeded",
        "That was all, and nothing is left.",
    ):
        assert line in ended.stdout
    assert "db-1: virtualMachines db-1: Succeeded" in ended.stderr


def test_the_emulators_greeting_leads_the_command_line_there(tmp_path: Path):
    serving = subprocess.Popen(
        command("emulator", "--quick", "--vm", "web-1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        said = "".join(iter(serving.stdout.readline, "Ctrl-C ends it.\n"))
        exports = dict(
            line.removeprefix("export ").split("=", 1) for line in said.splitlines() if line.startswith("export")
        )
        ended = process({**os.environ, **exports, "AZURE_CONFIG_DIR": str(tmp_path)}, tmp_path, "list", "-o", "tsv")
        assert ended.stdout.startswith("web-1\trunning\t")
    finally:
        serving.terminate()
        serving.communicate(timeout=20)
