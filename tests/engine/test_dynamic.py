"""Tasks that are scheduled while the run goes on: committed with their scheduler's result, the same after a crash."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from durable import (
    DefinitionError,
    GroupExecutionPolicy,
    ParallelGroupError,
    PayloadError,
    RetryPolicy,
    Run,
    StepLimitExceeded,
    Store,
    TaskExecutionContext,
    TaskFailed,
    Workflow,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.engine.load import load
from tests.conftest import Died
from tests.core.machine import facts
from tests.engine.cutting import cuts, done
from tests.engine.reading import appends, count, statuses, trail

Process = Callable[..., Any]
RAN: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def work(context: TaskExecutionContext, n: int) -> int:
    RAN[context.task_id] += 1
    return n * n


@task
def endpoint(context: TaskExecutionContext) -> str:
    RAN[context.task_id] += 1
    return context.task_id


@task
def integrator(context: TaskExecutionContext, batch: dict[str, int], w2: int) -> list[Any]:
    RAN[context.task_id] += 1
    return [batch, w2]


@task
def first(context: TaskExecutionContext) -> int:
    RAN[context.task_id] += 1
    context.set("key", 5)
    return 1


@task
def second(context: TaskExecutionContext, first: int, key: int, other: int = 7) -> list[int]:
    RAN[context.task_id] += 1
    return [first, key, other]


@task
def node(context: TaskExecutionContext, depth: int) -> int:
    RAN[context.task_id] += 1
    for name in "ab" if depth else "":
        context.next_task(node(task_id=name, depth=depth - 1))
    return depth


@task
def counted(context: TaskExecutionContext, batch: dict[str, int]) -> dict[str, int]:
    RAN[context.task_id] += 1
    return batch


@task
def summed(context: TaskExecutionContext, values: dict[str, int]) -> int:
    RAN[context.task_id] += 1
    return sum(values.values())


@task
def negated(context: TaskExecutionContext, summed: int) -> int:
    RAN[context.task_id] += 1
    return -summed


BROKEN: list[bool] = []


@task
def fragile(context: TaskExecutionContext) -> str:
    RAN[context.task_id] += 1
    if BROKEN:
        raise ValueError("no")
    return "mended"


@task
def fails_once(context: TaskExecutionContext) -> str:
    RAN[context.task_id] += 1
    if context.attempt == 1:
        raise OSError
    return "second"


def single(body: Any, store: Any = None, **settings: Any) -> Workflow:
    """A workflow of one task."""
    with workflow("w", store=store) as wf:
        wf.add(task(**settings)(body))
    return wf


def check_cuts(wf: Workflow, run: Run, **options: Any) -> None:
    """Resumed from wherever it was cut off: the same result and ids, and nothing recorded is done again."""
    result, ids = run.result(), set(run.load_state().index)
    tasks = {event.task_id or "" for event in run.events() if event.type == "TaskSucceeded"}
    for seq, part in cuts(run):
        RAN.clear()
        again = wf.start(run_id=run.run_id, store=part, **options)
        assert again.result() == result, seq
        assert set(again.load_state().index) == ids, seq
        counted = {name for name in tasks if name in RAN or name not in done(run, seq)}
        assert {name: RAN[name] for name in counted} == dict.fromkeys(tasks - done(run, seq), 1), seq
        assert facts(load(part, run.run_id, use_checkpoints=False)) == facts(again.load_state())


# What can be scheduled.


def test_a_scheduled_task_runs_after_its_scheduler_and_is_committed_with_it(store: Store) -> None:
    """One append holds what was scheduled and the result of who scheduled it."""

    def body(context: TaskExecutionContext) -> str:
        context.next_task(work(n=3))
        assert count(open_run(context.run_id, store=store), "TasksScheduled") == 0
        return "scheduled"

    run = single(body, store).start()
    assert run.result() == 9
    assert run.results == {"body": "scheduled", "body/work": 9}
    together = next(append for append in appends(store, run.run_id) if "TasksScheduled body" in append)
    assert together[:2] == ["TasksScheduled body", "TaskSucceeded body"]


def test_a_group_made_at_run_time_and_what_follows_it(store: Store) -> None:
    """The integrator runs once, after the verdict, and gets the group by its name and members by their short ids."""

    @task
    def body(context: TaskExecutionContext, size: int) -> None:
        RAN[context.task_id] += 1
        context.next_task(parallel([work(task_id=f"w{n}", n=n) for n in range(size)], name="batch") >> integrator)

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start(run_id="r", initial={"size": 4})
    assert run.result() == [{"w0": 0, "w1": 1, "w2": 4, "w3": 9}, 4]
    assert count(run, "TaskStarted", "body/integrator") == 1
    assert set(run.task_results("body/batch")) == {"w0", "w1", "w2", "w3"}
    order = trail(run, "Group", "TaskStarted")
    assert order[-2:] == ["GroupSucceeded body/batch", "TaskStarted body/integrator"]
    check_cuts(wf, run, initial={"size": 4})


def test_a_chain_with_branches_that_meet(store: Store) -> None:
    """Edges inside of what is scheduled are kept, and so are values of channel, upstream and defaults."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(first >> second)

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == [1, 5, 7]
    check_cuts(wf, run)


def test_two_branches_that_schedule_the_same_task_run_it_twice(store: Store) -> None:
    """Each has its own, under a stable id."""

    @task
    def branch(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(endpoint)

    with workflow("w", store=store) as wf:
        parallel(branch(task_id="left"), branch(task_id="right"), name="g")
    run = wf.start(run_id="r")
    assert run.result() == {"left/endpoint": "left/endpoint", "right/endpoint": "right/endpoint"}
    check_cuts(wf, run)


def test_the_same_task_scheduled_again_gets_a_number(store: Store) -> None:
    """In the order in which it was scheduled."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        for n in range(3):
            context.next_task(work(n=n))

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == {"body/work": 0, "body/work#2": 1, "body/work#3": 4}
    check_cuts(wf, run)


def test_scheduled_tasks_schedule_others(store: Store) -> None:
    """A tree, two levels deep, wherever it is cut off."""

    with workflow("w", store=store) as wf:
        wf.add(node(task_id="root", depth=2))
    run = wf.start(run_id="r")
    assert set(run.result()) == {"root/a/a", "root/a/b", "root/b/a", "root/b/b"}
    check_cuts(wf, run)


def test_an_empty_group_made_at_run_time_succeeds_at_once(store: Store) -> None:
    """What follows it gets an empty dict."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(parallel([], name="batch") >> counted)

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == {}
    assert statuses(run)["body/batch"] == "succeeded"
    check_cuts(wf, run)


def test_a_callback_of_a_group_made_at_run_time_gets_its_values(store: Store) -> None:
    """Before what follows the group."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(
            parallel(work(task_id="a", n=1), work(task_id="b", n=2), name="g", callback=summed) >> negated
        )

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == -5
    check_cuts(wf, run)


@pytest.mark.parametrize("what", ["a function", "a list", "a text"])
def test_what_cannot_be_scheduled_is_refused_where_it_is_asked_for(store: Store, what: str) -> None:
    """The body may go on; nothing of it is scheduled."""

    def body(context: TaskExecutionContext) -> str:
        items: dict[str, Any] = {
            "a function": len,
            "a list": [work(n=1)],
            "a text": "work",
        }
        with pytest.raises(DefinitionError):
            context.next_task(items[what])
        return "refused"

    run = single(body, store).start()
    assert run.result() == "refused"
    assert count(run, "TasksScheduled") == 0


def test_arguments_that_cannot_be_recorded_are_refused_where_they_are_given(store: Store) -> None:
    """Naming the task."""

    def body(context: TaskExecutionContext) -> str:
        with pytest.raises(PayloadError, match="work"):
            context.next_task(work(n=(item for item in ())))
        return "refused"

    assert single(body, store).execute() == "refused"


# Attempts.


def test_what_a_failed_attempt_scheduled_is_dropped_and_a_retry_does_not_double_it(store: Store) -> None:
    """Only the attempt that succeeds schedules."""

    def body(context: TaskExecutionContext) -> None:
        context.next_task(work(n=context.attempt))
        if context.attempt < 3:
            context.next_task(endpoint)
            raise OSError

    run = single(body, store, retry=RetryPolicy(max_attempts=5, initial_interval=0)).start()
    assert run.result() == 9
    assert RAN == {"body/work": 1}


def test_a_failed_scheduled_task_fails_the_run_and_a_resume_runs_only_it(store: Store) -> None:
    """Its scheduler is not run again."""
    BROKEN.append(True)

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(fragile)

    wf = single(body, store)
    with pytest.raises(TaskFailed, match="'body/fragile' failed: ValueError: no"):
        wf.execute(run_id="r")
    BROKEN.clear()
    assert wf.resume("r") == "mended"
    assert RAN == {"body": 1, "body/fragile": 2}


def test_a_scheduled_task_keeps_its_settings(store: Store) -> None:
    """Retries of the task that it is an instance of."""

    @task(max_retries=2)
    def flaky(context: TaskExecutionContext) -> int:
        if context.attempt < 3:
            raise OSError
        return context.attempt

    def body(context: TaskExecutionContext) -> None:
        context.next_task(flaky)

    assert single(body, store).execute() == 3


def test_scheduled_tasks_count_as_steps(store: Store) -> None:
    """Recursion without end comes to one."""

    @task
    def again(context: TaskExecutionContext) -> None:
        context.next_task(again)

    with workflow("w", store=store) as wf:
        wf.add(again)
    run = wf.start(max_steps=10)
    with pytest.raises(StepLimitExceeded):
        run.result()
    assert count(run, "TaskStarted") == 10


# Going somewhere else.


def diamond(body: Any) -> Workflow:
    """first >> usual >> last, and a static task far away that nothing leads to but ``elsewhere``."""

    @task
    def usual(context: TaskExecutionContext) -> str:
        RAN[context.task_id] += 1
        return "usual"

    @task
    def last(context: TaskExecutionContext, usual: str = "none") -> str:
        RAN[context.task_id] += 1
        return f"last after {usual}"

    with workflow("w") as wf:
        task(id="first")(body) >> usual >> last
    wf.targets = {"usual": usual, "last": last}  # type: ignore[attr-defined]
    return wf


def test_going_to_new_work_replaces_the_successors(store: Store) -> None:
    """They are skipped, with all that depends on them only."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(work(n=2), goto=True)

    wf = diamond(body)
    run = wf.start(run_id="r", store=store)
    assert run.result() == 4
    assert statuses(run) == {"first": "succeeded", "usual": "skipped", "last": "skipped", "first/work": "succeeded"}
    check_cuts(wf, run)


def test_going_to_a_static_task_skips_what_lies_between(store: Store) -> None:
    """The task itself runs, once, and is not scheduled a second time."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(wf.targets["last"], goto=True)  # type: ignore[attr-defined]

    wf = diamond(body)
    run = wf.start(run_id="r", store=store)
    assert run.result() == "last after none"
    assert statuses(run) == {"first": "succeeded", "usual": "skipped", "last": "succeeded"}
    check_cuts(wf, run)


def test_going_to_the_successor_is_what_happens_anyway(store: Store) -> None:
    """Nothing is skipped."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(wf.targets["usual"], goto=True)  # type: ignore[attr-defined]

    wf = diamond(body)
    run = wf.start(run_id="r", store=store)
    assert run.result() == "last after usual"
    check_cuts(wf, run)


def test_going_to_another_branch(store: Store) -> None:
    """It waits for the jump, and its parameters may take the value of who jumped."""

    @task
    def jumps(context: TaskExecutionContext) -> str:
        RAN[context.task_id] += 1
        context.next_task(far, goto=True)
        return "jumped"

    @task
    def near(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1

    @task
    def start(context: TaskExecutionContext) -> int:
        RAN[context.task_id] += 1
        return 1

    @task
    def far(context: TaskExecutionContext, start: int, jumps: str = "by itself") -> list[Any]:
        RAN[context.task_id] += 1
        return [start, jumps]

    with workflow("w", store=store) as wf:
        jumps >> near
        start >> far
    run = wf.start(run_id="r")
    assert run.results["far"] == [1, "jumped"]
    assert statuses(run)["near"] == "skipped"
    assert count(run, "TaskStarted", "far") == 1
    check_cuts(wf, run)


def test_going_to_a_root_that_waits_for_its_turn(store: Store) -> None:
    """It was ready to start; it starts once, after the jump, and its back-off is kept."""

    @task
    def jumps(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(root, goto=True)

    @task(retry=RetryPolicy(max_attempts=3, initial_interval=50, jitter=0))
    def root(context: TaskExecutionContext) -> int:
        RAN[context.task_id] += 1
        if context.attempt == 1:
            raise OSError
        return context.attempt

    with workflow("w", store=store) as wf:
        wf.add(jumps, root)
    run = wf.start(run_id="r")
    assert run.result() == 2
    starts = [event.time for event in run.events() if (event.type, event.task_id) == ("TaskStarted", "root")]
    assert [(second - first) // 1_000_000 for first, second in pairwise(starts)] == [50]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first", "is succeeded already"),
        ("jumps", "is running already"),
        ("skipped", "is skipped already"),
        ("member", "stands in a group"),
    ],
)
def test_what_has_begun_or_stands_in_a_group_cannot_be_gone_to(store: Store, name: str, said: str) -> None:
    """DefinitionError where it is asked for; a body that catches it keeps its successors."""

    @task
    def first(context: TaskExecutionContext) -> None:
        context.next_task(jumps, goto=True)

    @task
    def skipped() -> None:
        """Never runs."""

    @task
    def jumps(context: TaskExecutionContext) -> None:
        with pytest.raises(DefinitionError, match=f"'{name}' {said}"):
            context.next_task(targets[name], goto=True)

    member = work(task_id="member", n=3)
    targets = {"first": first, "skipped": skipped, "jumps": jumps, "member": member}
    with workflow("w", store=store) as wf:
        first >> skipped
        first >> jumps >> parallel(member, name="g")
    assert wf.execute() == {"member": 9}


def test_two_branches_that_go_to_one_task_run_it_once(store: Store) -> None:
    """The second one comes too late when it has begun, and fails by name; else both lead to it."""

    @task
    def branch(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(target, goto=True)

    @task
    def target(context: TaskExecutionContext) -> str:
        RAN[context.task_id] += 1
        return "once"

    with workflow("w", store=store) as wf:
        parallel(branch(task_id="a"), branch(task_id="b"), name="g").with_execution(backend="direct")
        task(id="root")(lambda: None) >> target
    run = wf.start(run_id="r")
    assert RAN["target"] == 1
    assert run.results["target"] == "once"


def test_a_jump_that_another_branch_has_overtaken_fails_by_name(store: Store) -> None:
    """The body asked while the target had not started, and returned when it had."""

    asked = threading.Event()

    @task
    def gate() -> None:
        assert asked.wait(20)

    @task
    def target() -> str:
        return "once"

    @task
    def jumps(context: TaskExecutionContext) -> None:
        context.next_task(target, goto=True)
        asked.set()
        end = time.monotonic() + 20
        while not count(open_run(context.run_id, store=store), "TaskStarted", "target") and time.monotonic() < end:
            time.sleep(0.01)

    with workflow("w", store=store) as wf:
        parallel(jumps, name="g")
        gate >> target
    run = wf.start()
    assert re.search("'target' is (running|succeeded) already", run.task_results("g")["jumps"].error_message or "")
    assert count(run, "TaskStarted", "target") == 1


def test_an_attempt_cannot_go_round_and_somewhere_else(store: Store) -> None:
    """The contradiction is an error, not a choice."""

    def body(context: TaskExecutionContext) -> None:
        context.next_iteration()
        context.next_task(endpoint, goto=True)

    with pytest.raises(TaskFailed, match="another iteration and go somewhere else"):
        single(body, store).execute()


# Ends.


def test_ending_the_run_from_a_task(store: Store) -> None:
    """The run succeeds with that result; what had not run is skipped, and what was staged is committed."""

    def body(context: TaskExecutionContext) -> None:
        context.set("k", 1)
        context.terminate_workflow({"early": True})

    wf = diamond(body)
    run = wf.start(run_id="r", store=store)
    assert run.result() == {"early": True}
    assert statuses(run) == {"first": "succeeded", "usual": "skipped", "last": "skipped"}
    assert "k" in run.load_state().channel
    assert wf.execute(run_id="r", store=store) == {"early": True}


def test_cancelling_the_run_from_a_task(store: Store) -> None:
    """However the attempt ends; nothing else starts, also after a resume."""
    for fails in (False, True):

        def body(context: TaskExecutionContext, fails: bool = fails) -> None:
            context.cancel_workflow(ValueError("no budget"))
            if fails:
                raise OSError

        run = diamond(body).start(run_id=f"r{fails}", store=store)
        assert run.status == "cancelled"
        assert statuses(run)["usual"] == "skipped"
        with pytest.raises(Exception, match="the run was cancelled: no budget"):
            run.result()


# Policies.


class Odd(GroupExecutionPolicy):
    """At least ``odd`` members return odd numbers. Not a built-in: it is recorded by value or by name."""

    type = "odd"

    def __init__(self, odd: int) -> None:
        self.odd = odd

    def describe(self) -> Any:
        return {"type": "odd", "odd": self.odd}

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        RAN[f"policy {sorted(results)} {sorted(task.task_id for task in tasks)}"] += 1
        found = [name for name, result in results.items() if result.value % 2]
        if len(found) < self.odd:
            raise ParallelGroupError(f"{len(found)} odd", group_id=group_id)


def test_a_policy_object_of_a_group_made_at_run_time_survives_a_crash(store: Store) -> None:
    """It judges with its own parameters and sees members by their short ids."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        members = [work(task_id=f"w{n}", n=n) for n in range(3)]
        context.next_task(parallel(*members, name="g").with_execution(policy=Odd(1)))

    wf = single(body, store)
    run = wf.start(run_id="r")
    seen = "policy ['w0', 'w1', 'w2'] ['w0', 'w1', 'w2']"
    assert RAN[seen] == 1
    check_cuts(wf, run)
    for seq, part in cuts(run):
        judged = any(event.type == "GroupSucceeded" for event in run.events() if event.seq <= seq)
        RAN.clear()
        wf.execute(run_id="r", store=part)
        assert RAN[seen] == (0 if judged else 1)


def test_the_policy_of_a_group_made_at_run_time_can_fail_it(store: Store) -> None:
    """The run fails with the group's error, and can be judged again."""

    def body(context: TaskExecutionContext) -> None:
        context.next_task(parallel(work(n=2), name="g").with_execution(policy=Odd(1)))

    wf = single(body, store)
    with pytest.raises(ParallelGroupError, match="0 odd"):
        wf.execute(run_id="r")
    assert wf.resume("r", policy="best_effort") == {"work": 4}


class Adds(GroupExecutionPolicy):
    """Succeeds, and has another task run after the verdict; asks for one more attempt of failed members first."""

    type = "adds"

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        context.next_task(endpoint)
        failed = [result for result in results.values() if not result.success]
        for result in failed if not context.metadata.get("asked") else ():
            context.metadata["asked"] = True
            context.next_task(result)


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_a_policy_schedules_runs_after_the_verdict_once(store: Store, dynamic: bool) -> None:
    """Not with a request for another attempt."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        if dynamic:
            context.next_task(parallel(fails_once, name="g").with_execution(policy=Adds()))

    with workflow("w", store=store) as wf:
        first = task(body)
        if dynamic:
            wf.add(first)
        else:
            first >> parallel(fails_once, name="g").with_execution(policy=Adds())
    run = wf.start(run_id="r")
    group = "body/g" if dynamic else "g"
    assert run.result() == f"{group}/endpoint"
    order = trail(run, "Group", "TasksScheduled", "TaskStarted")
    assert order[order.index(f"GroupStarted {group}") :] == [
        f"GroupStarted {group}",
        f"TaskStarted {group.replace('g', 'fails_once')}",
        f"GroupRetryRequested {group}",
        f"TaskStarted {group.replace('g', 'fails_once')}",
        f"TasksScheduled {group}",
        f"GroupSucceeded {group}",
        f"TaskStarted {group}/endpoint",
    ]


# Ids, depth, width.


@task
def deeper(context: TaskExecutionContext, n: int) -> int:
    """Schedules itself, one less deep."""
    if n:
        context.next_task(deeper(n=n - 1))
    return n


def test_deep_recursion_stays_fast_and_ids_stay_short(store: Store) -> None:
    """2,000 deep: the last hundred cost about as much as the first, and no id is longer than 500 characters."""
    with workflow("w", store=store) as wf:
        wf.add(deeper(n=2_000))
    begun = time.perf_counter()
    run = wf.start(run_id="r")
    took = time.perf_counter() - begun
    assert run.result() == 0
    ids = run.load_state().graph.index
    assert len(ids) == len(set(ids)) == 2_001
    assert max(map(len, ids)) <= 500
    assert took < 20
    begun = time.perf_counter()
    assert facts(load(store, "r", use_checkpoints=False)) == facts(run.load_state())
    assert time.perf_counter() - begun < 10


def test_long_ids_stay_below_the_limit(store: Store) -> None:
    """Also of tasks whose own id is as long as it may be."""
    long = work(task_id="x" * 500, n=1)

    @task
    def body(context: TaskExecutionContext) -> None:
        context.next_task(long)
        context.next_task(long)

    with workflow("w", store=store) as wf:
        wf.add(body(task_id="y" * 500))
    run = wf.start()
    ids = run.load_state().graph.index
    assert len(set(ids)) == 3
    assert max(map(len, ids)) <= 500


def test_many_tasks_scheduled_by_one_attempt(store: Store) -> None:
    """A group of 3,000 and 1,000 single tasks, in about the time that they take as a static group."""

    def body(context: TaskExecutionContext) -> None:
        context.next_task(parallel([work(task_id=f"w{n}", n=n) for n in range(3_000)], name="g"))
        for n in range(1_000):
            context.next_task(work(n=n))

    begun = time.perf_counter()
    run = single(body, store).start()
    assert len(run.results) == 4_001
    assert time.perf_counter() - begun < 20


# Code.


def test_a_function_without_a_name_is_recorded_with_its_code(process: Process) -> None:
    """A closure is run by another process with what it closed over."""

    def body(context: TaskExecutionContext) -> None:
        factor = 6
        context.next_task(task(lambda n=7: factor * n))

    wf = single(body)
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    assert wf.execute(run_id="r", store=process()) == 42


SCRIPT = """
import sys
from durable import TaskExecutionContext, task, workflow

def make(factor):
    @task
    def times(n: int) -> int:
        return factor * n
    return times

@task
def named(n: int) -> str:
    return f"{VERSION} named"

@task
def body(context: TaskExecutionContext) -> None:
    context.next_task(task(die)())
    context.next_task(make(6)(n=7))
    context.next_task(named(n=1))

def die():
    import os
    if CRASH:
        os.kill(os.getpid(), 9)

with workflow("w", store=STORE) as wf:
    wf.add(body)

if __name__ == "__main__":
    print(sorted(map(str, wf.start(run_id="r").result().values())))
"""


def test_another_process_runs_closures_by_value_and_named_tasks_by_their_live_code(tmp_path: Path) -> None:
    """Killed after scheduling; the next process has other code: the named task takes it, the closure keeps its own."""
    script = tmp_path / "flow.py"

    def run(version: str, crash: bool) -> subprocess.CompletedProcess[str]:
        head = f"VERSION, CRASH, STORE = {version!r}, {crash}, {str(tmp_path / 'runs.db')!r}\n"
        text = SCRIPT.replace("factor * n", "factor * n" if crash else "factor * n + 1")
        script.write_text(head + text)
        return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=50)

    order = run("old", True)
    assert order.returncode == -9, order.stderr
    again = run("new", False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == "['42', 'None', 'new named']"


def test_a_closure_may_schedule_itself_in_another_process(process: Process) -> None:
    """A function that refers to its own task is unpickled with its parameters."""

    @task
    def down(context: TaskExecutionContext, n: int, step: int = 1) -> int:
        if n:
            context.next_task(down(n=n - step))
        return n

    with workflow("w") as wf:
        wf.add(task(id="body", inject_context=True)(lambda context: context.next_task(down(n=3))))
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    assert wf.execute(run_id="r", store=process()) == 0


def test_live_code_wins_over_recorded_code(process: Process) -> None:
    """A task that the workflow defines is taken from there, as it is now."""

    def flow(said: str) -> Workflow:
        @task
        def body(context: TaskExecutionContext) -> None:
            context.next_task(helper)

        with workflow("w") as wf:

            @task
            def helper() -> str:
                return said

            wf.add(body)
        return wf

    with pytest.raises(Died):
        flow("old").start(run_id="r", store=process(appends=2))
    assert flow("new").execute(run_id="r", store=process()) == "new"


def test_scheduled_tasks_are_kept_by_sqlite(sqlite_store: Store) -> None:
    """The state of a grown run, folded from the file or from its checkpoint, is the same."""

    @task
    def grows(context: TaskExecutionContext, n: int) -> int:
        context.checkpoint(n)  # saves a checkpoint of the whole state
        if n:
            context.next_task(parallel(work(n=n), grows(n=n - 1), name="g"))
        return n

    with workflow("w", store=sqlite_store) as wf:
        wf.add(grows(n=3))
    run = wf.start(run_id="r")
    assert run.status == "succeeded"
    whole = load(sqlite_store, "r", use_checkpoints=False)
    assert facts(load(sqlite_store, "r")) == facts(whole)
    assert whole.graph.ids == run.load_state().graph.ids
    assert any(True for _ in sqlite_store.checkpoints("r"))


def test_going_to_a_group_of_the_workflow(store: Store) -> None:
    """It opens like after any edge, and what follows it goes on."""

    @task
    def jumps(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        context.next_task(group, goto=True)

    with workflow("w", store=store) as wf:
        group = parallel(work(task_id="x", n=1), work(task_id="y", n=2), name="g")
        jumps >> task(id="between")(lambda: None) >> group >> task(id="end")(lambda g: g)
    run = wf.start(run_id="r")
    assert run.result() == {"x": 1, "y": 4}
    assert statuses(run)["between"] == "skipped"
    assert (RAN["x"], RAN["y"]) == (1, 1)


def test_groups_in_groups_made_at_run_time(store: Store) -> None:
    """Values and results name members by their short ids, on each level."""

    def body(context: TaskExecutionContext) -> None:
        RAN[context.task_id] += 1
        inner = parallel(work(task_id="x", n=1), work(task_id="y", n=2), name="inner")
        context.next_task(parallel(inner, work(task_id="z", n=3), name="outer"))

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == {"inner": {"x": 1, "y": 4}, "z": 9}
    assert set(run.task_results("body/outer")) == {"inner", "z"}
    check_cuts(wf, run)


def test_coroutines_schedule_coroutines(store: Store) -> None:
    """Outside of groups they run side by side."""

    @task
    async def later(n: int) -> int:
        return n * 2

    @task
    async def body(context: TaskExecutionContext) -> None:
        for n in range(3):
            context.next_task(later(n=n))

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == {"body/later": 0, "body/later#2": 2, "body/later#3": 4}


def test_a_member_that_ends_the_run_takes_its_group_and_what_it_scheduled_with_it(store: Store) -> None:
    """Members that run are cancelled, what has not started is skipped."""

    @task
    def ends(context: TaskExecutionContext) -> None:
        context.next_task(endpoint)
        context.terminate_workflow([1])

    @task
    def slow(context: TaskExecutionContext) -> None:
        context.sleep(5_000)

    with workflow("w", store=store) as wf:
        parallel(ends, slow, name="g") >> work(n=3)
    run = wf.start()
    assert run.result() == [1]
    assert statuses(run) == {
        "ends": "succeeded", "slow": "cancelled", "g": "cancelled", "work": "skipped", "ends/endpoint": "skipped",
    }  # fmt: skip


def test_a_definition_that_changes_after_a_crash_keeps_what_was_scheduled(store: Store) -> None:
    """A new task before what has not started: scheduled tasks keep ids and results, whatever their numbers are now."""

    def flow(version: int) -> Workflow:
        @task
        def body(context: TaskExecutionContext) -> int:
            for n in range(2):
                context.next_task(work(n=n + 1))
            return version

        between = task(id="between")(lambda: RAN.update(between=1))
        last = task(id="last")(lambda body: body)
        with workflow("w") as wf:
            if version == 1:
                body >> last
            else:
                body >> between >> last
        return wf

    run = flow(1).start(run_id="r", store=store)
    for seq, part in cuts(run):
        if "last" in {event.task_id for event in run.events() if event.seq <= seq}:
            continue
        RAN.clear()
        result = flow(2).resume("r", store=part)
        before = done(run, seq)
        assert result == {"body/work": 1, "body/work#2": 4, "last": 1 if "body" in before else 2}
        assert RAN["between"] == 1
        assert RAN["body/work"] == ("body/work" not in before)


def test_a_scheduled_group_whose_policy_is_gone_fails_and_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The drive goes on; the run says what is missing, and succeeds once it is there again."""
    from durable import GroupExecutionPolicy, ParallelGroupError, open_store, parallel
    from durable.definition import compile as compiling
    from durable.errors import PayloadError

    class Lenient(GroupExecutionPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None: ...

    @task
    def member() -> int:
        return 1

    @task
    def plans(ctx: TaskExecutionContext) -> None:
        ctx.next_task(parallel(member, name="g").with_execution(policy=Lenient()))

    def gone(*_: object) -> Any:
        raise PayloadError("Lenient is gone")

    with workflow("w", store=open_store("memory://")) as wf:
        wf.add(plans)
    with monkeypatch.context() as patched:
        patched.setattr(compiling, "scheduled_policy", gone)
        with pytest.raises(ParallelGroupError, match="Lenient is gone"):
            wf.execute(run_id="r")
    assert wf.resume("r") == {"member": 1}
