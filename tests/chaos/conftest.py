"""The storms that the tests look at: all are begun at once, in processes of their own, and each is waited for when it is asked for."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaos.many import begun, pool
from chaos.storm import Record
from chaos.wires import Believing, Denying, Repeating

SEEDS, FLEET_SEEDS = range(1, 11), range(1, 2)
CONTROLS = Repeating, Believing, Denying
JOBS = 5

Weathered = Callable[..., Record]


@pytest.fixture(scope="session")
def storms() -> Iterator[dict[tuple[str, object], Any]]:
    with pool(JOBS) as processes:
        yield {
            **{("control", wire): begun(processes, "fleet", 1, vms=300, wire=wire) for wire in CONTROLS},
            **{("fleet", seed): begun(processes, "fleet", seed) for seed in FLEET_SEEDS},
            **{("operations", seed): begun(processes, "operations", seed) for seed in SEEDS},
        }
        processes.shutdown(cancel_futures=True)


@pytest.fixture(scope="session", params=SEEDS)
def record(storms: dict[tuple[str, object], Any], request: pytest.FixtureRequest) -> Record:
    return storms["operations", request.param].result()


@pytest.fixture(scope="session", params=FLEET_SEEDS)
def reports(storms: dict[tuple[str, object], Any], request: pytest.FixtureRequest) -> Record:
    return storms["fleet", request.param].result()


@pytest.fixture(scope="session")
def all_records(storms: dict[tuple[str, object], Any]) -> list[Record]:
    return [storms["operations", seed].result() for seed in SEEDS]


@pytest.fixture(scope="session")
def wrong_clients(storms: dict[tuple[str, object], Any]) -> Weathered:
    return lambda wire: storms["control", wire].result()
