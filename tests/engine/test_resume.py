"""Resuming: what is recorded is not done again, wherever the process was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    PoisonTask,
    RetryPolicy,
    RunAlreadyDriven,
    RunConflict,
    Store,
    TaskExecutionContext,
    TaskFailed,
    Workflow,
    parallel,
    task,
    workflow,
)
from durable.engine.load import load
from tests.conftest import Died
from tests.core.machine import facts
from tests.engine.reading import count, fields, statuses

Process = Callable[..., Any]


def everything(ran: Counter[str]) -> Workflow:
    """A chain, a nested group with a failure, a retry, channel and metadata writes, a join."""

    @task
    def first(context: TaskExecutionContext) -> int:
        ran["first"] += 1
        context.get_channel().append("log", "first")
        return 1

    @task(retry=RetryPolicy(max_attempts=30, initial_interval=0))
    def flaky(context: TaskExecutionContext, first: int) -> int:
        ran["flaky"] += 1
        if context.attempt == 1:
            raise OSError
        return first + 1

    @task
    def adds(context: TaskExecutionContext, n: int) -> int:
        ran[context.task_id] += 1
        context.get_channel().atomic_add("sum", n)
        context.metadata[context.task_id] = n
        return n

    @task
    def breaks() -> None:
        ran["breaks"] += 1
        raise ValueError("always")

    @task
    def join(context: TaskExecutionContext, outer: dict[str, Any], flaky: int) -> list[Any]:
        ran["join"] += 1
        context.get_channel().append("log", "join")
        return [flaky, outer, context.get("sum"), context.get("log"), dict(context.metadata)]

    with workflow("everything") as wf:
        inner = parallel(adds(task_id="x", n=1), breaks, name="inner").with_execution(policy="best_effort")
        first >> flaky >> parallel(inner, adds(task_id="y", n=10), name="outer") >> join
    return wf


RESULT = [2, {"inner": {"x": 1}, "y": 10}, 11, ["first", "join"], {"x": 1, "y": 10}]


@pytest.mark.parametrize("appends", range(16))
def test_killed_at_any_append_the_run_goes_on_to_the_same_result(process: Process, appends: int) -> None:
    """Every place the log can end: same result; a body whose success was recorded never starts again."""
    ran: Counter[str] = Counter()
    wf = everything(ran)
    try:
        wf.start(run_id="r", store=process(appends=appends))
    except Died:
        pass
    else:
        assert appends > 6  # how many appends there are depends on which completions share one
    run = wf.start(run_id="r", store=process())
    assert run.result() == RESULT
    events = list(run.events())
    for name in ("first", "flaky", "x", "y", "join"):
        done = [event.seq for event in events if (event.type, event.task_id) == ("TaskSucceeded", name)]
        started = [event.seq for event in events if (event.type, event.task_id) == ("TaskStarted", name)]
        assert len(done) == 1
        assert max(started) < done[0]
    assert count(run, "GroupSucceeded") == 2
    assert facts(load(run.store, "r", use_checkpoints=False)) == facts(run.load_state())


def test_killed_again_and_again_it_still_ends(process: Process) -> None:
    """One append further each time: nothing is lost, nothing runs without end."""
    ran: Counter[str] = Counter()
    wf = everything(ran)
    for _ in range(60):
        try:
            run = wf.start(run_id="r", store=process(appends=2))
        except Died:
            continue
        break
    assert run.result() == RESULT


def test_only_the_missing_members_of_a_group_run(process: Process) -> None:
    """Killed after two of four: the other two run, then the policy judges all four."""
    ran: Counter[str] = Counter()

    @task
    def member(context: TaskExecutionContext) -> str:
        ran[context.task_id] += 1
        return context.task_id

    with workflow("w") as wf:
        parallel([member(task_id=name) for name in "abcd"], name="g").with_execution(backend="direct")
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=3))
    run = wf.start(run_id="r", store=process())
    assert run.result() == {name: name for name in "abcd"}
    assert ran == {"a": 1, "b": 1, "c": 2, "d": 1}


def test_with_all_members_recorded_the_policy_judges_without_any_body(process: Process) -> None:
    """Killed between the last member and the verdict."""
    ran: Counter[str] = Counter()

    @task
    def member(context: TaskExecutionContext) -> None:
        ran[context.task_id] += 1

    with workflow("w") as wf:
        parallel([member(task_id=name) for name in "ab"], name="g").with_execution(backend="direct")
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=3))
    before = Counter(ran)
    run = wf.start(run_id="r", store=process())
    assert run.status == "succeeded"
    assert ran == before == {"a": 1, "b": 1}


def test_an_early_failure_is_judged_first_after_a_crash(process: Process) -> None:
    """Killed between the failure and the verdict of a fail-fast group: no other member starts."""
    ran: list[str] = []

    @task
    def breaks() -> None:
        raise ValueError

    @task
    def other() -> None:
        ran.append("other")

    with workflow("w") as wf:
        parallel(breaks, other, name="g").with_execution(fail_fast=True, backend="direct")
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    run = wf.start(run_id="r", store=process())
    assert statuses(run) == {"breaks": "failed", "other": "skipped", "g": "failed"}
    assert ran == []


def test_interruptions_by_crashes_are_limited(process: Process) -> None:
    """A task that takes its process down fails in the end, by name, and a resume gives it a new budget."""
    alive = [False]

    @task(max_retries=2)
    def kills(context: TaskExecutionContext) -> int:
        if not alive[0]:
            victim[0].die()
        return context.attempt

    with workflow("w") as wf:
        wf.add(kills)
    victim = [process()]
    for _ in range(3):
        victim[0] = process()
        # The body dies with its store: nothing of it is recorded, as with SIGKILL.
        with pytest.raises(Exception, match="closed"):
            wf.start(run_id="r", store=victim[0])
    store = process()
    with pytest.raises(TaskFailed, match="used up its 3 attempts, 3 of them interrupted") as caught:
        wf.execute(run_id="r", store=store)
    assert caught.value.error.type.endswith(PoisonTask.__name__)
    assert count(wf.start(run_id="r", store=store), "TaskInterrupted") == 3
    alive[0] = True
    assert wf.resume("r", store=store) == 4


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
