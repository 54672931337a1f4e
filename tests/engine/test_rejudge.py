"""Judging again: a failed group under another policy, over the recorded results, without running anything."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from durable import (
    AllOf,
    DefinitionError,
    ParallelGroupError,
    Store,
    StrictGroupPolicy,
    TaskExecutionContext,
    Workflow,
    parallel,
    task,
    workflow,
)
from tests.engine.reading import count, fields, trail

ran: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ran.clear()


@task
def member(context: TaskExecutionContext, ok: bool) -> str:
    ran[context.task_id] += 1
    if not ok:
        raise ValueError("no")
    return context.task_id


@task
def after(g: dict[str, str]) -> list[str]:
    ran["after"] += 1
    return list(g)


@pytest.fixture
def failed(store: Store) -> Workflow:
    with workflow("w", store=store) as wf:
        parallel(member(task_id="good", ok=True), member(task_id="bad", ok=False), name="g") >> after
    assert wf.start(run_id="r").status == "failed"
    return wf


def test_a_new_verdict_over_the_stored_results(failed: Workflow) -> None:
    """No member runs again, what follows starts, and who asked and why is recorded."""
    assert failed.resume("r", policy="best_effort", actor="ann", reason="known bad file") == ["good"]
    assert ran == {"good": 1, "bad": 1, "after": 1}
    run = failed.start(run_id="r")
    assert (count(run, "GroupFailed"), count(run, "GroupSucceeded")) == (1, 1)
    asked = fields(run, "GroupReopened")
    assert (asked["policy"], asked["actor"], asked["reason"]) == ("best_effort", "ann", "known bad file")
    assert fields(run, "GroupSucceeded")["policy"] == "best_effort"


def test_a_policy_that_refuses_again_fails_the_run_again(failed: Workflow) -> None:
    """With its own reason; nothing ran."""
    with pytest.raises(ParallelGroupError, match="1 of 2 members succeeded, 2 are needed"):
        failed.resume("r", policy={"type": "at_least_n", "min_success": 2})
    assert ran == {"good": 1, "bad": 1}
    assert failed.resume("r", policy="best_effort") == ["good"]


def test_a_policy_that_cannot_fit_changes_nothing(failed: Workflow) -> None:
    """It is refused before anything is recorded."""
    seq = failed.start(run_id="r").info.seq
    for policy in (
        {"type": "at_least_n", "min_success": 9},
        "nonsense",
        {"type": "critical", "critical_task_ids": ["x"]},
    ):
        with pytest.raises(DefinitionError):
            failed.resume("r", policy=policy)
    assert failed.start(run_id="r").info.seq == seq


class Lenient(StrictGroupPolicy):
    """A subclass of a built-in policy is itself, not what it derives from."""

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None: ...


@pytest.mark.parametrize("policy", [Lenient(), AllOf(Lenient(), "best_effort")])
def test_a_policy_of_ones_own_can_judge_again(failed: Workflow, policy: Any) -> None:
    """An object, also one derived from a built-in policy or wrapped in ``AllOf``."""
    assert failed.resume("r", policy=policy) == ["good"]


def test_without_a_failed_group_there_is_nothing_to_judge(store: Store) -> None:
    """A failed task outside of groups is not a policy's business."""
    with workflow("w", store=store) as wf:
        wf.add(member(ok=False))
    wf.start(run_id="r")
    with pytest.raises(DefinitionError, match="no group of the run has failed"):
        wf.resume("r", policy="best_effort")
    assert trail(wf.start(run_id="r"))[-1] == "RunFailed"
