"""Killed at random instants, twice for some, each workload comes to the same end."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable.testing import CrashKit, Workload

FILE = str(Path(__file__).with_name("workloads.py"))
CHUNKS = [
    ["chain", "direct", "nested"],
    ["strict", "strict_fails", "at_least_n_fails"],
    ["best_effort", "critical", "critical_fails"],
    ["at_least_n", "all_of", "max_failures"],
    ["custom_policy", "policy_retries", "chord"],
    ["chains", "diamond", "min_success_rate"],
    ["retries", "timeouts", "merges"],
    ["wide", "merges", "retries"],
    ["wide", "fail_fast", "decide_early"],
    ["wide", "policy_retries", "nested"],
]
RUNS = 8
FRESH_RUNS = 4


@pytest.mark.timeout(200)
@pytest.mark.parametrize("chunk", range(len(CHUNKS)))
def test_killed_at_random_instants(chunk: int) -> None:
    """240 runs in all, a third of them killed again while they go on."""
    for place, name in enumerate(CHUNKS[chunk]):
        loose = name in ("fail_fast", "decide_early")
        with CrashKit(Workload(FILE, name, {"seed": chunk}, loose=loose)) as kit:
            kit.random_kills(RUNS, seed=1000 + 10 * chunk + place).check()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["chain", "strict", "retries", "merges"])
def test_random_instants_of_fresh_interpreters(name: str) -> None:
    """Also while the interpreter starts, while the store is made, and while it shuts down."""
    with CrashKit(Workload(FILE, name), fresh=True) as kit:
        kit.random_kills(FRESH_RUNS, seed=len(name), double=0.5).check()
