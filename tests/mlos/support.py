"""What experiments need: mlos_bench's files in a directory."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from azvm_async.emulator import Emulator

ROOT = Path(__file__).parents[2]
OURS = "azvm_async.mlos.AzureVMService"
UPSTREAMS = "mlos_bench.services.remote.azure.AzureVMService"
KNOBS = {"depth": 3, "batch": 10}
SCRIPT = [
    "#!/bin/bash",
    "set -eu",
    "total=0",
    "for i in $(seq 1 $depth); do",
    "  total=$((total + i * batch))  # a comment; with a semicolon",
    "done",
    "cat > report.txt <<END",
    "score=$total",
    "batches=$batch",
    "END",
    "cat report.txt",
    "echo 'a warning' >&2",
]


def score(depth: int, batch: int) -> int:
    """Return what the script above makes of the knobs."""
    return sum(range(depth + 1)) * batch


class Experiment:
    """The files of an mlos_bench experiment.

    Parameters
    ----------
    home : Path
        An empty directory for them.
    arm : Emulator
        Where it takes place.
    service : str
        Class of the VM service.
    name, machine : str
        Of the experiment, and of its VM.
    """

    def __init__(
        self, home: Path, arm: Emulator, service: str = OURS, name: str = "knobs", machine: str = "tuned"
    ) -> None:
        self.home = home
        self.arm = arm
        self.database = home / "results.sqlite"
        self.cli: dict[str, Any] = {
            "config_path": ["."],
            "globals": ["globals.jsonc"],
            "services": ["services.jsonc"],
            "environment": "environment.jsonc",
            "optimizer": "optimizer.jsonc",
            "storage": "storage.jsonc",
        }
        self.globals: dict[str, Any] = {
            "experiment_id": name,
            "trial_id": 1,
            "subscription": arm.subscription,
            "resourceGroup": arm.resource_group,
            "vmName": machine,
            "location": arm.location,
        }
        self.settings: dict[str, Any] = {
            "subscription": "from the globals",
            "resourceGroup": "from the globals",
            "deploymentTemplatePath": "template.jsonc",
            "deploymentTemplateParameters": {
                "vmName": "$vmName",
                "location": "$location",
                "adminPublicKey": "ssh-ed25519 AAAA",
            },
            "pollInterval": 1,
            "pollTimeout": 60,
        }
        self.services: list[dict[str, Any]] = [
            {"class": "mlos_bench.services.remote.azure.AzureAuthService"},
            {"class": service, "config": self.settings},
        ]
        self.script: dict[str, Any] = {
            "wait_boot": True,
            "setup": ["#!/bin/sh", "echo ready"],
            "run": SCRIPT,
            "teardown": ["echo bye"],
            "shell_env_params": list(KNOBS),
            "results_stdout_pattern": r"^(\w+)=([0-9.]+)$",
        }
        self.optimizer: dict[str, Any] = {"optimization_targets": {"score": "min"}, "max_suggestions": 5, "seed": 42}

    def write(self) -> "Experiment":
        """Write the files, into a git repository, which mlos_bench wants."""
        children = [self._child("VMEnv", {}), self._child("OSEnv", {}), self._child("RemoteEnv", self.script)]
        params = {name: {"type": "int", "default": value, "range": [1, 20]} for name, value in KNOBS.items()}
        template = (ROOT / "examples" / "ubuntu-vm.jsonc").read_text(encoding="utf-8")
        (self.home / "template.jsonc").write_text(template, encoding="utf-8")
        for name, content in {
            "cli": self.cli,
            "globals": self.globals,
            "services": {"services": self.services},
            "tunables": {"knobs": {"cost": 1, "params": params}},
            "environment": {
                "class": "mlos_bench.environments.composite_env.CompositeEnv",
                "name": "all of it",
                "include_tunables": ["tunables.jsonc"],
                "config": {"tunable_params": ["knobs"], "children": children},
            },
            "optimizer": {"class": "mlos_bench.optimizers.MockOptimizer", "config": self.optimizer},
            "storage": {
                "class": "mlos_bench.storage.sql.storage.SqlStorage",
                "config": {"drivername": "sqlite", "database": str(self.database)},
            },
        }.items():
            (self.home / f"{name}.jsonc").write_text(json.dumps(content, indent=2), encoding="utf-8")
        _make_repository(self.home)
        return self

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the command; its output goes to ``log.txt``."""
        command = [sys.executable, "-m", "azvm_async.mlos", "--config", "cli.jsonc", *arguments]
        own = {"AZVM_ENDPOINT": self.arm.endpoint, "PYTHONFAULTHANDLER": "1"}
        variables = {**os.environ, **self.arm.environment, **own}
        with (self.home / "log.txt").open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                command, cwd=self.home, env=variables, stdout=log, stderr=subprocess.STDOUT, text=True
            )

    def run(self, *arguments: str, seconds: float = 150) -> int:
        """Run the command to its end; return its exit code. One that hangs tells where, in the log."""
        running = self.start(*arguments)
        try:
            return running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGABRT)
            running.wait()
            raise AssertionError(self.log) from None

    @property
    def log(self) -> str:
        """What the command said."""
        return (self.home / "log.txt").read_text(encoding="utf-8")

    def trials(self) -> list[tuple[str, dict[str, str], dict[str, str]]]:
        """Return each trial's status, its knobs and its results, from the database."""
        with closing(sqlite3.connect(self.database, timeout=20)) as store:
            rows = store.execute("SELECT trial_id, config_id, status FROM trial ORDER BY trial_id").fetchall()
            return [
                (
                    status,
                    dict(store.execute("SELECT param_id, param_value FROM config_param WHERE config_id=?", [config])),
                    dict(store.execute("SELECT metric_id, metric_value FROM trial_result WHERE trial_id=?", [trial])),
                )
                for trial, config, status in rows
            ]

    def _child(self, kind: str, config: dict[str, Any]) -> dict[str, Any]:
        known = {"required_args": ["vmName", "location"], "tunable_params": ["knobs"]}
        return {"class": f"mlos_bench.environments.remote.{kind}", "name": kind, "config": {**known, **config}}


def _make_repository(home: Path) -> None:
    author = ["-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false"]
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", "https://example.com/experiment.git"],
        ["add", "."],
        [*author, "commit", "-q", "-m", "An experiment"],
    ):
        subprocess.run(["git", *command], cwd=home, check=True, capture_output=True)
