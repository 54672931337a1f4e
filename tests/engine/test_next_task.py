"""``next_task``: what a body schedules runs after it, is committed with its result, and is the same after a crash."""

from __future__ import annotations

from typing import Any

import pytest

from durable import DefinitionError, PayloadError, Store, TaskExecutionContext, open_run, parallel, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.reading import appends, count, statuses, trail
from tests.engine.scheduling import RAN, check_cuts, endpoint, first, second, work
from tests.engine.single import single


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def integrator(context: TaskExecutionContext, batch: dict[str, int], w2: int) -> list[Any]:
    RAN[context.task_id] += 1
    return [batch, w2]


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
