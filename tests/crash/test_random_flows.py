"""Workflows made by chance, killed at boundaries chosen by chance: more shapes than anybody would write."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from durable.testing import CrashKit, Kill, Workload
from durable.values.programs import load_script

FILE = str(Path(__file__).with_name("random_flows.py"))
SCRIPTS = Path(__file__).with_name("random_scripts.py")
MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None


@pytest.mark.timeout(200)
@pytest.mark.parametrize("seed", range(1, 13))
def test_killed_before_or_after_random_commits(seed: int) -> None:
    """One kill, half of the times a second one while the run goes on."""
    draw = random.Random(seed)
    with CrashKit(Workload(FILE, f"random{seed}"), place=PLACE) as kit:
        for _ in range(6):
            seq = draw.choice(kit.reference.appends)
            kills = [Kill(draw.choice(["before", "after"]), seq)]
            if draw.random() < 0.5:
                kills.append(Kill(draw.choice(["before", "after"]), seq + draw.randint(1, 8)))
            kit.run_killed(kills).check()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("seed", [5, 12, 20, 32, 54])
def test_boundaries_of_scripts_by_chance(seed: int) -> None:
    """Bodies that make durable calls, schedule bodies that do, loop and wait; one kill or two."""
    draw = random.Random(seed)
    sends = load_script(SCRIPTS).described(seed)[1]
    with CrashKit(Workload(str(SCRIPTS), f"scripts{seed}", sends=sends, patience=0.0), place=PLACE) as kit:
        assert kit.reference.outcome.status == "succeeded"
        for _ in range(3):
            seq = draw.choice(kit.reference.appends)
            kills = [Kill(draw.choice(["before", "after"]), seq)]
            if draw.random() < 0.5:
                kills.append(Kill(draw.choice(["before", "after"]), seq + draw.randint(1, 8)))
            kit.run_killed(kills).check()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("seed", [1, 9, 21])  # these fail
def test_every_boundary_of_a_rejudging(seed: int) -> None:
    """A re-judging that is killed, and given again as it was, comes to the same end; no member runs."""
    again: dict[str, Any] = {"policy": "best_effort"}
    with CrashKit(Workload(FILE, f"random{seed}"), place=PLACE) as kit:
        trial = kit.trial()
        assert trial.drive().status == "failed"
        begun = len(trial.events())
        assert trial.drive(resume=again).status
        expected = trial.outcome()
        graph = trial.state().graph
        members = {graph.ids[node] for group in graph.members for node in graph.subtree(group)}
        for kill in [Kill(when, seq) for seq in trial.appends() if seq > begun for when in ("before", "after")]:
            trial = kit.trial()
            trial.drive()
            ran = trial.bodies()
            assert trial.drive(kill, resume=again).killed
            assert trial.drive(resume=again).status == expected.status, kill
            assert not expected.differences(trial.outcome()), kill
            assert not trial.problems
            again_started = {body.task_id for body in trial.bodies()[len(ran) :]} & {body.task_id for body in ran}
            assert not again_started & members, kill
