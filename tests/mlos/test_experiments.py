"""Whole experiments by ``azvm-mlos-bench``, each in a process of its own, against an emulator in this one."""

import signal
import time
from pathlib import Path

import pytest
from serving import Served

from azvm_async.emulator import faults
from mlos.support import UPSTREAMS, Experiment, score


def expected(knobs: dict[str, str]) -> dict[str, float]:
    """Return what a trial's script reports for its knobs."""
    depth, batch = int(knobs["depth"]), int(knobs["batch"])
    return {"score": score(depth, batch), "batches": batch}


def check_scores(experiment: Experiment, count: int) -> None:
    """State that all trials succeeded, with the right scores, and not all with the same knobs."""
    trials = experiment.trials()
    assert [status for status, _, _ in trials] == ["SUCCEEDED"] * count, experiment.log
    for _, knobs, results in trials:
        assert {name: float(value) for name, value in results.items()} == expected(knobs)
    assert len({tuple(knobs.items()) for _, knobs, _ in trials}) > count // 2


@pytest.fixture
def experiment(tmp_path: Path, site: Served) -> Experiment:
    return Experiment(tmp_path, site.arm, name=tmp_path.name, machine=tmp_path.name.replace("_", "-"))


def left(site: Served, experiment: Experiment) -> list[str]:
    """Return what is left of an experiment in the resource group."""
    machine = experiment.globals["vmName"]
    return [each for each in site.do(lambda arm: arm.resources() + arm.deployments()) if machine in each]


def test_five_trials_come_out_right_and_leave_nothing(site: Served, experiment: Experiment):
    assert experiment.write().run() == 0, experiment.log
    check_scores(experiment, 5)
    assert left(site, experiment) == []


def test_a_config_of_upstreams_is_served_unchanged(site: Served, experiment: Experiment):
    experiment.services[1]["class"] = UPSTREAMS
    experiment.optimizer["max_suggestions"] = 1
    assert experiment.write().run("--replace-azure-vm-service") == 0, experiment.log
    check_scores(experiment, 1)
    assert left(site, experiment) == []


def test_two_runners_tune_two_machines_at_once(site: Served, tmp_path: Path):
    both = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        both.append(Experiment(tmp_path / name, site.arm, name=name, machine=f"runner-{name}"))
        both[-1].optimizer["max_suggestions"] = 2
    running = [each.write().start() for each in both]
    assert [each.wait(90) for each in running] == [0, 0]
    for each in both:
        check_scores(each, 2)


def test_a_trial_whose_script_fails_is_one_failed_trial(experiment: Experiment):
    script = experiment.script["run"]
    experiment.optimizer["max_suggestions"] = 2
    experiment.script["run"] = [*script[:2], 'test "$batch" != 10 || { echo no >&2; exit 3; }', *script[2:]]
    experiment.write().run()
    trials = experiment.trials()
    assert [status for status, _, _ in trials] == ["FAILED", "SUCCEEDED"], experiment.log
    assert trials[0][2] == {}
    assert float(trials[1][2]["score"]) == expected(trials[1][1])["score"]


def test_a_throttled_endpoint_only_takes_longer(site: Served, experiment: Experiment):
    experiment.optimizer["max_suggestions"] = 1
    machine = experiment.globals["vmName"]
    site.do(lambda arm: arm.inject(faults.Status(429, retry_after=1), method="PUT", path="*", times=2))
    site.do(lambda arm: arm.inject(faults.Status(429, retry_after=1), path=f"*/{machine}/start", times=1))
    site.do(lambda arm: arm.inject(faults.Status(429, retry_after=1), method="GET", path="*", times=3))
    assert experiment.write().run() == 0, experiment.log
    check_scores(experiment, 1)


def test_an_experiment_that_was_killed_is_taken_up_again(site: Served, experiment: Experiment):
    experiment.optimizer["max_suggestions"] = 2
    running = experiment.write().start()
    deadline = time.monotonic() + 60
    while len(site.requests("PUT", f"{experiment.globals['vmName']}/runCommands/")) < 4:  # the second trial's run
        assert time.monotonic() < deadline, experiment.log
        assert running.poll() is None, experiment.log
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert experiment.run() == 0, experiment.log
    ended = [trial for trial in experiment.trials() if trial[0] == "SUCCEEDED"]
    assert len(ended) >= 2
    assert all({n: float(v) for n, v in results.items()} == expected(knobs) for _, knobs, results in ended)
    assert left(site, experiment) == []
