"""Tasks that a fork does again: with everything downstream, one member alone, scheduled tasks with their scheduler."""

from __future__ import annotations

import pytest

from durable import Store, TaskExecutionContext, open_run, parallel, task, workflow
from durable.runs.forks import fork_run
from tests.engine.reading import count, fields, statuses
from tests.runs.forkable import bodies, broken, chain, resumed, work


@pytest.fixture(autouse=True)
def fresh() -> None:
    bodies.clear()
    broken.clear()


def test_a_task_is_done_again_with_everything_downstream(store: Store) -> None:
    """And its writes to the channel are made anew, not a second time."""
    wf = chain(store, "a", "b", "c")
    wf.execute(run_id="old")
    name = fork_run(store, "old", from_tasks="b")
    assert statuses(open_run(name, store)) == {"a": "succeeded", "b": "pending", "c": "pending"}
    assert fields(open_run(name, store), "RunForked")["from"] == ["b"]
    fork = resumed(wf, store, name)
    assert fork.result() == "c"
    assert bodies == {"a": 1, "b": 2, "c": 2}
    assert fork.view().read_channel("done", fork.load_state().channel["done"]) == ["a", "b", "c"]


@pytest.mark.parametrize(("from_tasks", "again"), [(["m1"], {"m1", "after"}), (["both"], {"m0", "m1", "after"})])
def test_one_member_of_a_group_is_done_again_and_the_group_judged_again(
    store: Store, from_tasks: list[str], again: set[str]
) -> None:
    """The other members keep their results."""
    with workflow("grouped", store=store) as wf:
        parallel(work(task_id="m0"), work(task_id="m1"), name="both") >> work(task_id="after")
    wf.execute(run_id="old")
    fork = resumed(wf, store, fork_run(store, "old", from_tasks=from_tasks))
    assert fork.status == "succeeded"
    assert {name for name, times in bodies.items() if times == 2} == again
    assert count(fork, "GroupSucceeded") == 1


def test_scheduled_tasks_go_with_their_scheduler(store: Store) -> None:
    """Done again, it schedules anew, perhaps something else, under the same ids."""
    sizes = [2, 3]

    @task
    def plan(context: TaskExecutionContext) -> None:
        for _ in range(sizes.pop(0)):
            context.next_task(work)

    with workflow("grows", store=store) as wf:
        wf.add(plan)
        wf.add(work(task_id="other"))
    wf.execute(run_id="old")
    fork = resumed(wf, store, fork_run(store, "old", from_tasks=["plan"]))
    assert sorted(statuses(fork)) == ["other", "plan", "plan/work", "plan/work#2", "plan/work#3"]
    assert set(statuses(fork).values()) == {"succeeded"}
    assert bodies["other"] == 1
    again = resumed(wf, store, fork_run(store, "old", from_tasks=["plan/work#2"]))
    assert (again.status, bodies["plan/work#2"]) == ("succeeded", 3)


def test_what_a_body_has_recorded_is_kept(store: Store) -> None:
    """Steps, finished items of a loop and saved states of an attempt that was open."""
    stop = ["stop"]

    @task
    def long(context: TaskExecutionContext) -> int:
        context.step(bodies.update, ["step"])
        for number in context.track(range(4)):
            bodies[f"item {number}"] += 1
            context.checkpoint(number)
            if number == 2 and stop:
                raise KeyError(stop.pop())
        return int(context.checkpoint_state)

    with workflow("long", store=store) as wf:
        wf.add(long)
    assert wf.start(run_id="old").status == "failed"
    fork = resumed(wf, store, fork_run(store, "old"))
    assert fork.status == "succeeded"
    assert bodies == {"step": 1, "item 0": 1, "item 1": 1, "item 2": 2, "item 3": 1}
