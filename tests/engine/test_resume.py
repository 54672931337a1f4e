"""Resuming: which runs can go on, what runs again in a failed one, and what cannot be the same run."""

from __future__ import annotations

from collections import Counter

import pytest

from durable import RunAlreadyDriven, RunConflict, Store, TaskExecutionContext, Workflow, parallel, task, workflow
from tests.engine.reading import fields


def test_a_resumed_failed_run_keeps_successes_and_settled_failures(store: Store) -> None:
    """Only what was not settled runs again, and the run has one more RunResumed with who and why."""
    ran: Counter[str] = Counter()
    fixed = [False]

    @task
    def member(context: TaskExecutionContext) -> str:
        ran[context.task_id] += 1
        if context.task_id == "bad" or (context.task_id == "fixable" and not fixed[0]):
            raise ValueError("no")
        return context.task_id

    @task
    def last(strict: dict[str, str]) -> list[str]:
        return list(strict)

    with workflow("w", store=store) as wf:
        lenient = parallel(member(task_id="ok"), member(task_id="bad"), name="lenient")
        strict = parallel(member(task_id="fine"), member(task_id="fixable"), name="strict")
        lenient.with_execution(policy="best_effort") >> strict >> last
    assert wf.start(run_id="r").status == "failed"
    fixed[0] = True
    assert wf.resume("r", actor="ann", reason="fixed it") == ["fine", "fixable"]
    assert ran == {"ok": 1, "bad": 1, "fine": 1, "fixable": 2}
    run = wf.start(run_id="r")
    assert fields(run, "RunResumed") == {"actor": "ann", "reason": "fixed it"}
    assert run.status == "succeeded"


def test_a_resume_after_an_early_failure_runs_what_was_cancelled_or_skipped(store: Store, at_once: None) -> None:
    """They were never settled by a success."""
    broken = [True]

    @task
    def breaks() -> str:
        if broken[0]:
            raise ValueError
        return "mended"

    @task
    def other() -> str:
        return "other"

    with workflow("w", store=store) as wf:
        nested = parallel(other(task_id="deep"), name="nested")
        parallel(breaks, other >> nested, name="g").with_execution(fail_fast=True, max_concurrent=1)
    assert wf.start(run_id="r").status == "failed"
    broken[0] = False
    assert wf.resume("r") == {"breaks": "mended", "nested": {"deep": "other"}}


def test_resuming_a_finished_or_cancelled_run_changes_nothing(store: Store) -> None:
    """Only failed and interrupted runs go on."""

    @task
    def one() -> int:
        return 1

    with workflow("w", store=store) as wf:
        wf.add(one)
    run = wf.start(run_id="r")
    seq = run.info.seq
    assert wf.resume("r") == 1
    assert run.info.seq == seq


def test_resume_without_an_id_takes_the_newest_open_run(store: Store) -> None:
    """Of this workflow."""
    broken = [True]

    @task
    def breaks() -> int:
        if broken[0]:
            raise ValueError
        return 1

    with workflow("w", store=store) as wf:
        wf.add(breaks)
    wf.start(run_id="old")
    wf.start(run_id="new")
    broken[0] = False
    assert wf.resume() == 1
    assert (wf.start(run_id="new").status, wf.start(run_id="old").status) == ("succeeded", "failed")


@pytest.mark.parametrize("what", ["workflow", "input", "start"])
def test_a_run_id_of_something_else_is_a_conflict(store: Store, what: str) -> None:
    """Another workflow, input or start; nothing runs, nothing is recorded; the same again is fine."""

    @task
    def one(k: int) -> int:
        return k

    @task
    def two(one: int = 0) -> int:
        return one

    with workflow("w", store=store) as wf:
        one >> two
    wf.execute(run_id="r", initial={"k": 1})
    seq = wf.start(run_id="r", initial={"k": 1}).info.seq
    other = wf
    if what == "workflow":
        other = Workflow("another", store=store)
        other.add(one)
    with pytest.raises(RunConflict, match="run r"):
        other.start(run_id="r", initial={"k": 2 if what == "input" else 1}, start="two" if what == "start" else None)
    assert wf.execute(run_id="r", initial={"k": 1}) == 1
    assert wf.start(run_id="r", initial={"k": 1}).info.seq == seq


def test_equal_inputs_are_the_same_input_although_their_bytes_differ(store: Store) -> None:
    """Sets pickle in any order."""

    @task
    def size(names: set[str]) -> int:
        return len(names)

    with workflow("w", store=store) as wf:
        wf.add(size)
    names = [f"name {n}" for n in range(50)]
    backwards = names[::-1]
    assert wf.execute(run_id="r", initial={"names": set(names)}) == 50
    assert wf.execute(run_id="r", initial={"names": set(backwards)}) == 50


def test_two_drives_of_one_run_conflict(store: Store) -> None:
    """Also in one process: a body that executes its own run."""

    @task
    def again() -> str:
        with pytest.raises(RunAlreadyDriven):
            wf.execute(run_id="r")
        return "refused"

    with workflow("w", store=store) as wf:
        wf.add(again)
    assert wf.execute(run_id="r") == "refused"
