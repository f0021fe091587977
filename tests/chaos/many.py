"""Storms of many seeds, each in a process of several: most of a storm is waiting for answers that come too late."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

from chaos.fleets import fleet_storm
from chaos.storm import Record, storm

KINDS: dict[str, Callable[..., Any]] = {"operations": storm, "fleet": fleet_storm}


def pool(jobs: int) -> ProcessPoolExecutor:
    """Return processes for storms; they are new ones, for a fork would share what this one has open."""
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))


def begun(processes: ProcessPoolExecutor, kind: str, seed: int, **options: Any) -> "Future[Record]":
    """Begin a storm in one of the processes."""
    return processes.submit(_weathered, kind, seed, options)


def _weathered(kind: str, seed: int, options: dict[str, Any]) -> Record:
    record: Record = asyncio.run(KINDS[kind](seed, **options))
    return record
