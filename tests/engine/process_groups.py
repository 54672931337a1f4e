"""Groups whose bodies run in other processes: our own, and executors of the caller's."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

import pytest

from durable import CoordinationBackend, parallel

PROCESS = CoordinationBackend.PROCESS


def spawned() -> Executor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


def loky() -> Executor:
    made: Executor = pytest.importorskip("loky").get_reusable_executor(max_workers=2)
    return made


def group_of(*members: Any, backend: Any = PROCESS, **settings: Any) -> Any:
    return parallel(*members, name="g").with_execution(backend=backend, **settings)


BACKENDS = pytest.mark.parametrize("backend", [PROCESS, spawned, loky], ids=["process", "spawn", "loky"])
