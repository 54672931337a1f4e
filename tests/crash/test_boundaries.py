"""Killed before and after the commit of every append, each workload comes to the same end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from durable.testing import CrashKit, Kill, Workload

FILE = str(Path(__file__).with_name("workloads.py"))
SHAPES = [
    "chain",
    "strict",
    "strict_fails",
    "best_effort",
    "at_least_n",
    "at_least_n_fails",
    "min_success_rate",
    "critical",
    "critical_fails",
    "max_failures",
    "all_of",
    "direct",
    "custom_policy",
    "policy_retries",
    "nested",
    "chains",
    "diamond",
    "retries",
    "timeouts",
    "merges",
    "chord",
    "wide",
]
EARLY = ["fail_fast", "decide_early"]
MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None
"""A killed process loses nothing by it, and it is faster; the random kills use the disk."""


def workload(name: str) -> Workload:
    """One of the workloads in the file beside this one."""
    return Workload(FILE, name, {"seed": 7}, loose=name in EARLY)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", [*SHAPES, *EARLY])
def test_killed_before_and_after_every_commit(name: str) -> None:
    """Before and after the commit of every append."""
    with CrashKit(workload(name), place=PLACE) as kit:
        report = kit.boundaries().check()
        assert report.runs == 2 * len(kit.reference.appends)
        assert report.landed > report.kills * 0.7  # threads may make fewer appends than in the unkilled run


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["chain", "strict", "retries", "policy_retries", "merges"])
def test_every_boundary_then_the_resume_is_killed_too(name: str) -> None:
    """The process that goes on dies as well, one commit further."""
    with CrashKit(workload(name), place=PLACE) as kit:
        for seq in kit.reference.appends[:-1]:
            kit.run_killed([Kill.after(seq), Kill.before(seq + 3), Kill.after(seq + 4)]).check()
