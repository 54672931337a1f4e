"""Forks of runs with maps, and maps under another definition: what is kept, and where it is found."""

from __future__ import annotations

from typing import Any

import pytest

from durable import (
    Store,
    TaskExecutionContext,
    open_run,
    task,
    workflow,
)
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.mapping import BROKEN, RAN, SUM, in_the_middle, mapped, middle, numbers, square, total


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


def fork(store: Store, run: Any, *names: str) -> Any:
    RAN.clear()
    forked = run.fork(from_task=names, run_id="f")
    return forked


@pytest.mark.parametrize("keyed", [False, True])
def test_a_fork_from_a_member_runs_that_again(store: Store, keyed: bool) -> None:
    """And what follows the map; the other members keep their results."""
    wf = mapped(lambda: numbers(100), store, str if keyed else None)
    run = wf.start(run_id="r")
    forked = fork(store, run, "square/7").resume(wf)
    assert forked.result() == SUM
    assert RAN == {7: 1}
    assert facts(load(store, "f", use_checkpoints=False)) == facts(forked.load_state())


def test_a_fork_from_the_map_reads_its_items_again(store: Store) -> None:
    """All members run again, with the items that come now."""
    run = mapped(lambda: numbers(100), store).start(run_id="r")
    forked = fork(store, run, "square").resume(mapped(lambda: numbers(10), store))
    assert forked.result() == sum(n * n for n in range(10))
    assert set(RAN) == set(range(10))


def test_a_fork_in_the_middle_of_a_map(store: Store) -> None:
    """It goes on as the run would have."""
    wf = mapped(lambda: numbers(200), store)
    run = wf.start(run_id="r")
    RAN.clear()
    forked = run.fork(in_the_middle(run) + 5, run_id="f").resume(wf)
    assert forked.result() == run.result()
    assert facts(load(store, "f", use_checkpoints=False)) == facts(forked.load_state())


def test_forks_of_maps_that_feed_each_other(store: Store) -> None:
    """Items that are recorded by reference are found in the fork as well."""

    @task
    def before() -> int:
        RAN["before"] += 1
        return 1

    @task
    def plus(n: int, before: int) -> int:
        RAN[("plus", n)] += 1
        return n + before

    with workflow("w", store=store) as wf:
        first = square.map(range(40))
        before >> plus.map(first)
    run = wf.start(run_id="r")
    expected = {str(n): n * n + 1 for n in range(40)}
    assert run.result() == expected
    forked = fork(store, run, "plus/3").resume(wf)
    assert dict(forked.result()) == expected
    assert RAN == {("plus", 9): 1}
    RAN.clear()
    again = run.fork(from_task="before", run_id="g").resume(wf)
    assert dict(again.result()) == expected
    assert {"before": 1, **{("plus", n * n): 1 for n in range(40)}} == RAN
    RAN.clear()
    third = run.fork(from_task="square/5", run_id="h").resume(wf)
    assert dict(third.result()) == expected
    assert {5: 1, **{("plus", n * n): 1 for n in range(40)}} == RAN


@pytest.mark.parametrize("part", [7, 4000])
def test_a_fork_whose_events_have_other_numbers(store: Store, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """What is left out, and what lies between the parts of the copy, moves the events that items are taken from."""
    monkeypatch.setattr("durable.runs.forks.BATCH_EVENTS", part)

    @task
    def plus(n: int) -> int:
        RAN[("plus", n)] += 1
        return n + 1

    with workflow("w", store=store) as wf:
        wf.add(middle(task_id="aside"))
        first = square.map(range(40), key=str)
        first >> plus.map(first) >> middle
    run = wf.start(run_id="r")
    forked = fork(store, run, "aside", "plus/3", "plus/39").resume(wf)
    assert forked.results["plus"] == {str(n): n * n + 1 for n in range(40)}
    assert RAN == {("plus", 9): 1, ("plus", 39 * 39): 1, "middle": 2}


def test_a_fork_of_a_scheduled_map(store: Store) -> None:
    """Its items are only in the log: they are kept as long as who scheduled it is."""

    @task
    def body(context: TaskExecutionContext) -> None:
        RAN["body"] += 1
        context.next_task(middle >> square.map(iter(range(30)), name="m"))

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start(run_id="r")
    expected = {str(n): n * n for n in range(30)}
    assert run.result() == expected
    for name, ran in (
        ("body/m/4", {4}),
        ("body/m", set(range(30))),
        ("body/middle", {"middle", *range(30)}),
        ("body", {"body", "middle", *range(30)}),
    ):
        RAN.clear()
        forked = run.fork(from_task=name, run_id=f"fork of {name}".replace("/", " ")).resume(wf)
        assert dict(forked.result()) == expected, name
        assert set(RAN) == ran, name


def test_a_fork_of_a_failed_run(store: Store) -> None:
    """Runs what failed, as a resume would."""
    BROKEN.update((3, 50))
    wf = mapped(lambda: numbers(100), store)
    run = wf.start(run_id="r")
    BROKEN.clear()
    RAN.clear()
    assert run.fork(run_id="f").resume(wf).result() == SUM
    assert set(RAN) == {3, 50}


def test_another_definition_carries_members_over(store: Store) -> None:
    """A new task before the map: results are kept under their names."""
    BROKEN.add(5)
    assert mapped(lambda: numbers(100), store).start(run_id="r").status == "failed"
    BROKEN.clear()
    RAN.clear()

    @task
    def new() -> str:
        return "new"

    with workflow("w", store=store) as changed:
        changed.add(new)
        square.map(lambda: numbers(100)) >> total
    run = open_run("r", store=store).resume(changed, accept_changes=True)
    assert run.result() == {"new": "new", "total": SUM}
    assert RAN == {5: 1}
    assert facts(load(store, "r", use_checkpoints=False)) == facts(run.load_state())
