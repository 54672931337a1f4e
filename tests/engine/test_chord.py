"""Chords: a group's callback runs once, after the verdict, with the members' results; what follows waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    DefinitionError,
    ParallelGroup,
    ParallelGroupError,
    Store,
    Task,
    TaskExecutionContext,
    open_run,
    parallel,
    task,
    workflow,
)
from tests.conftest import Died, MortalStore
from tests.engine.reading import count, statuses, trail


@task
def one() -> int:
    return 1


@task
def two() -> int:
    return 2


@task
def fails() -> None:
    raise ValueError("no")


@task
def merge(results: dict[str, int]) -> int:
    return sum(results.values())


def run_with(store: Store, callback: Any, **options: Any) -> Any:
    """The result of a chord of ``one`` and ``two`` in the group ``g``."""
    with workflow("w", store=store) as wf:
        wf.add(ParallelGroup(one, two, name="g", callback=Task(callback, "merge")))
    return wf.execute(**options)


def test_the_first_parameter_that_nothing_else_gives_receives_all_results(store: Store) -> None:
    """Whatever its name; it is the whole run's result, because it comes last."""
    assert run_with(store, lambda anything: anything) == {"one": 1, "two": 2}


@pytest.mark.parametrize(
    ("callback", "initial", "expected"),
    [
        (lambda two, one: (one, two), {}, (1, 2)),
        (lambda one, rest: (one, rest), {}, (1, {"one": 1, "two": 2})),
        (lambda g: g, {}, {"one": 1, "two": 2}),
        (lambda g, other: (g, other), {}, ({"one": 1, "two": 2}, {"one": 1, "two": 2})),
        (lambda day, results: (day, results), {"day": "mon"}, ("mon", {"one": 1, "two": 2})),
        (lambda scale=3, *, results: (scale, results), {}, (3, {"one": 1, "two": 2})),
        (lambda results=None: results, {}, {"one": 1, "two": 2}),
        (lambda: "nothing", {}, "nothing"),
    ],
)
def test_parameters_of_a_callback(store: Store, callback: Any, initial: dict[str, Any], expected: Any) -> None:
    """Members by name, the group by name, channel keys; the first one left is the group's, defaults come last."""
    assert run_with(store, callback, initial=initial) == expected


def test_bound_arguments_are_not_taken_away(store: Store) -> None:
    """A callback may be an instance."""

    def scaled(scale: int, results: dict[str, int]) -> int:
        return scale * sum(results.values())

    with workflow("w", store=store) as wf:
        wf.add(ParallelGroup(one, two, callback=Task(scaled)(scale=10)))
    assert wf.execute() == 30


def test_a_callback_runs_once_and_what_follows_waits_for_it(store: Store) -> None:
    """After the verdict; a successor gets the callback's value and the group's."""
    with workflow("w", store=store) as wf:
        ParallelGroup(one, two, name="g", callback=merge) >> Task(lambda merge, g: (merge, g), "after")
    run = wf.start()
    assert run.result() == (3, {"one": 1, "two": 2})
    assert trail(run, "Group", "Task")[-5:] == [
        "GroupSucceeded g",
        "TaskStarted merge",
        "TaskSucceeded merge",
        "TaskStarted after",
        "TaskSucceeded after",
    ]


def test_a_failed_group_does_not_run_its_callback(store: Store) -> None:
    """Nor what follows; once the group has succeeded the callback runs."""
    broken = [True]

    def repaired() -> int:
        if broken:
            raise OSError("down")
        return 5

    with workflow("w", store=store) as wf:
        ParallelGroup(one, Task(repaired), name="g", callback=merge) >> two
    with pytest.raises(ParallelGroupError):
        wf.execute(run_id="r")
    assert statuses(open_run("r", store=store))["merge"] == "pending"
    broken.clear()
    assert wf.resume("r") == 2
    assert open_run("r", store=store).results["merge"] == 6


def test_a_callback_sees_only_successes(store: Store) -> None:
    """Under a policy that lets members fail."""
    with workflow("w", store=store) as wf:
        wf.add(ParallelGroup(one, fails, name="g", callback=merge).with_execution(policy="best_effort"))
    assert wf.execute() == 1


def test_a_failing_callback_fails_the_run_and_not_the_group(store: Store) -> None:
    """A resume runs the callback again and no member."""
    broken = [True]

    def broken_once(results: dict[str, int]) -> int:
        if broken:
            raise OSError("down")
        return sum(results.values())

    with workflow("w", store=store) as wf:
        wf.add(ParallelGroup(one, two, name="g", callback=Task(broken_once)))
    run = wf.start(run_id="r")
    assert (run.status, statuses(run)["g"]) == ("failed", "succeeded")
    broken.clear()
    assert wf.resume("r") == 3
    assert count(run, "TaskStarted", "one") == 1


def test_nested_groups_have_callbacks_of_their_own(store: Store) -> None:
    """A nested group's member is its callback: the outer one sees its value, under its id."""
    with workflow("w", store=store) as wf:
        inner = ParallelGroup(one, two, name="inner", callback=merge)
        wf.add(ParallelGroup(inner, one(task_id="more"), name="outer", callback=Task(lambda all: all, "collect")))
    run = wf.start()
    assert run.result() == {"merge": 3, "more": 1}
    assert trail(run, "GroupSucceeded") == ["GroupSucceeded inner", "GroupSucceeded outer"]


def test_a_failing_nested_callback_is_a_failed_member(store: Store) -> None:
    """So the outer group's policy judges it."""
    with workflow("w", store=store) as wf:
        inner = ParallelGroup(one, name="inner", callback=Task(lambda results: 1 / 0, "divide"))
        outer = ParallelGroup(inner, two, name="outer", callback=merge)
        wf.add(outer.with_execution(policy={"type": "at_least_n", "min_success": 1}))
    run = wf.start()
    assert run.result() == 2
    assert not run.task_results("outer")["divide"].success


def test_a_body_may_schedule_a_chord(store: Store) -> None:
    """Its callback gets the results of the members under their short ids, and so does what follows."""

    @task
    def work(n: int) -> int:
        return n

    @task
    def begin(context: TaskExecutionContext) -> None:
        members = [work(task_id=f"w{n}", n=n) for n in range(4)]
        context.next_task(ParallelGroup(members, name="g", callback=merge) >> Task(lambda merge: merge * 10, "after"))

    with workflow("w", store=store) as wf:
        wf.add(begin, work(task_id="other", n=0), one)
    run = wf.start()
    assert run.results["begin/merge"] == 6
    assert run.results["begin/after"] == 60


def test_a_scheduled_callback_may_take_members_by_name(store: Store) -> None:
    """The short ids that they were scheduled under; and the rest as one."""

    @task
    def total(w0: int, rest: dict[str, int]) -> tuple[int, dict[str, int]]:
        return w0, rest

    @task
    def work(n: int) -> int:
        return n

    @task
    def begin(context: TaskExecutionContext) -> None:
        context.next_task(ParallelGroup([work(task_id=f"w{n}", n=n) for n in range(2)], callback=total))

    with workflow("w", store=store) as wf:
        wf.add(begin)
    run = wf.start()
    assert run.results["begin/total"] == (0, {"w0": 0, "w1": 1})


@pytest.mark.usefixtures("at_once")
def test_a_chord_killed_at_every_append_runs_its_callback_to_one_success(process: Callable[..., MortalStore]) -> None:
    """Between verdict and callback too, and in the middle of it; also a scheduled one."""

    @task
    def begin(context: TaskExecutionContext) -> None:
        members = [one(task_id=f"n{n}") for n in range(2)]
        context.next_task(ParallelGroup(members, name="inside", callback=merge(task_id="sum")))

    for appends in range(40):
        with workflow("w") as wf:
            ParallelGroup(one, two, name="g", callback=merge) >> begin
        run_id, died = f"r{appends}", False
        try:
            wf.start(run_id=run_id, store=process(appends=appends))
        except Died:
            died = True
        run = wf.start(run_id=run_id, store=process())
        assert (run.results["merge"], run.results["begin/sum"]) == (3, 2)
        assert count(run, "TaskSucceeded", "merge") == count(run, "TaskSucceeded", "begin/sum") == 1
        if not died:
            return
    raise AssertionError("it never got to its end")


def test_a_callback_is_one_task() -> None:
    """A chain is refused, with what to do instead; a function is not a task."""
    with pytest.raises(DefinitionError, match="callback= is one task"):
        ParallelGroup(one, callback=two >> merge)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="cannot stand in a workflow"):
        parallel(one, callback=merge.fn)  # type: ignore[arg-type]


def test_parallel_takes_a_callback_too(store: Store) -> None:
    """Like the class."""
    with workflow("w", store=store) as wf:
        wf.add(parallel(one, two, callback=merge))
    assert wf.execute() == 3
