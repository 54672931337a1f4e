"""``next_task(goto=True)``: what lies between is skipped, the target runs once; what cannot be gone to is refused."""

from __future__ import annotations

import re
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from durable import (
    DefinitionError,
    RetryPolicy,
    Store,
    TaskExecutionContext,
    TaskFailed,
    open_run,
    parallel,
    task,
    workflow,
)
from tests.engine.reading import count, statuses
from tests.engine.scheduling import RAN, check_cuts, diamond, endpoint, work
from tests.engine.single import single


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


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

    with pytest.raises(TaskFailed, match="another iteration and jump to another task"):
        single(body, store).execute()


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
