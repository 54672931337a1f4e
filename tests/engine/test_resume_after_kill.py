"""Killed anywhere, a run goes on to the same result: what is recorded is not done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from durable import PoisonTask, RetryPolicy, TaskExecutionContext, TaskFailed, Workflow, parallel, task, workflow
from durable.engine.load import load
from tests.conftest import Died
from tests.core.machine import facts
from tests.engine.reading import count, statuses

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
