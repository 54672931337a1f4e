"""Maps that failed or were cut off: what runs again, what is read again, and items that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    DivergenceError,
    ParallelGroupError,
    Store,
    Workflow,
    open_run,
    task,
    workflow,
)
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.cutting import cut, cuts, done
from tests.engine.mapping import BROKEN, RAN, SUM, in_the_middle, mapped, numbers
from tests.engine.reading import count, trail


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


@pytest.mark.parametrize("keyed", [False, True])
def test_a_resume_runs_only_what_failed(store: Store, keyed: bool) -> None:
    """Members that succeeded keep their results."""
    BROKEN.update((3, 77))
    wf = mapped(lambda: numbers(100), store, key=str if keyed else None)
    with pytest.raises(ParallelGroupError, match="2 of 100 members did not succeed: '3'") as caught:
        wf.execute(run_id="r")
    assert [name for name, _ in caught.value.failed_tasks] == ["3", "77"]
    assert len(caught.value.successful_tasks) == 98
    BROKEN.clear()
    assert wf.resume("r") == SUM
    assert {**dict.fromkeys(range(100), 1), 3: 2, 77: 2} == RAN


def test_a_complete_map_does_not_touch_its_source_again(store: Store) -> None:
    """Everything it needs is in the log."""
    BROKEN.add(50)
    read = []

    def source() -> Iterator[int]:
        read.append(1)
        yield from range(100)

    wf = mapped(source, store)
    assert wf.start(run_id="r").status == "failed"
    BROKEN.clear()
    assert wf.resume("r") == SUM
    assert read == [1]


@pytest.mark.parametrize("keyed", [False, True])
def test_what_an_early_verdict_closed_is_run_and_read_by_a_resume(store: Store, keyed: bool) -> None:
    """The budget was used up in the middle of the source: the rest of it is read."""
    BROKEN.update(range(40, 60))
    given = [0]

    def source() -> Iterator[int]:
        for n in range(1000):
            given[0] = max(given[0], n)
            yield n

    policy = {"type": "max_failures", "max_failures": 2}
    wf = mapped(source, store, str if keyed else None, policy=policy, max_concurrent=2)
    with pytest.raises(ParallelGroupError):
        wf.execute(run_id="r")
    assert given[0] < 999
    assert sum(RAN.values()) < 100
    BROKEN.clear()
    assert wf.resume("r") == sum(n * n for n in range(1000))
    assert {n for n, times in RAN.items() if times > 1} <= set(range(40, 60))
    assert len(RAN) == 1000


def test_a_failed_map_that_is_judged_again(store: Store) -> None:
    """By another policy, over what is recorded: no member runs."""
    BROKEN.update((3, 77))
    wf = mapped(range(100), store)
    assert wf.start(run_id="r").status == "failed"
    before = RAN.copy()
    assert wf.resume("r", policy="best_effort") == SUM - 9 - 77 * 77
    assert before == RAN
    assert trail(open_run("r", store=store), "Group") == [
        "GroupStarted square",
        "GroupFailed square",
        "GroupReopened square",
        "GroupSucceeded square",
    ]


def test_a_map_that_was_closed_early_and_is_judged_again_reads_the_rest(store: Store) -> None:
    """What was never read may not be taken for done; what the verdict has closed stays closed."""
    BROKEN.update(range(20, 30))
    policy = {"type": "max_failures", "max_failures": 2}
    wf = mapped(lambda: numbers(500), store, policy=policy, max_concurrent=1)
    assert wf.start(run_id="r").status == "failed"
    run = open_run("r", store=store)
    recorded = run.load_state().graph.expansions.by_group[run.load_state().index["square"]].count
    assert recorded < 500
    wf.resume("r", policy="best_effort")
    results = open_run("r", store=store).task_results("square")
    assert len(results) == 500
    assert {name for name, result in results.iter() if int(name) >= recorded and not result.success} == set()


@pytest.mark.parametrize("keyed", [False, True])
def test_a_map_cut_off_anywhere_goes_on(store: Store, keyed: bool) -> None:
    """Resumed from every place of the log: the same result, and nothing recorded is done again."""
    wf = mapped(lambda: numbers(40), store, str if keyed else None)
    run = wf.start(run_id="r")
    result = run.result()
    tasks = {event.task_id or "" for event in run.events() if event.type == "TaskSucceeded"}
    for seq, part in cuts(run):
        RAN.clear()
        before = {int(name.partition("/")[2]) for name in done(run, seq) if "/" in name}
        again = wf.start(run_id="r", store=part)
        assert again.result() == result, seq
        assert set(RAN) == set(range(40)) - before, seq
        assert set(RAN.values()) <= {1}, seq
        assert {e.task_id for e in again.events() if e.type == "TaskSucceeded"} == tasks
        assert facts(load(part, "r", use_checkpoints=False)) == facts(again.load_state())


def test_keyed_items_may_come_in_another_order(store: Store) -> None:
    """With new ones between them: those that are recorded are skipped, and each runs once."""
    run = mapped(lambda: numbers(200), store, key=str).start(run_id="r")
    with cut(run, in_the_middle(run)) as part:
        RAN.clear()
        other = mapped(lambda: iter([*range(250, 100, -1), *range(101)]), part, key=str)
        assert other.start(run_id="r").result() == sum(n * n for n in range(251))
        assert set(RAN.values()) == {1}


def test_a_recorded_key_that_does_not_come_again_runs_nevertheless(store: Store) -> None:
    """Its item is in the log."""
    run = mapped(lambda: numbers(200), store, key=str).start(run_id="r")
    with cut(run, in_the_middle(run)) as part:
        other = mapped(lambda: iter(range(150, 200)), part, key=str)
        found = other.start(run_id="r")
        assert found.result() == sum(n * n for n in [*range(80), *range(150, 200)])


def test_a_recorded_key_that_comes_twice_is_refused(store: Store) -> None:
    """Also when its first item was recorded by an earlier drive."""
    run = mapped(lambda: numbers(200), store, key=str).start(run_id="r")
    with cut(run, in_the_middle(run)) as part:
        other = mapped(lambda: iter([*range(200), 7]), part, key=str)
        with pytest.raises(ParallelGroupError, match=r"positions \d+ and \d+ of .* have the same key '7'"):
            other.start(run_id="r").result()


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([*range(30), -1, *range(31, 200)], "item 30 of 'square' is not what the run recorded"),
        ([-1, *range(1, 200)], "item 0 of 'square'"),
        ([*range(30)], r"the number of items \(30 are left\) of 'square'"),
        ([], r"the number of items \(0 are left\) of 'square'"),
        ([str(n) for n in range(200)], "item 0 of 'square'"),
    ],
    ids=["other item", "other first item", "fewer items", "no items", "other types"],
)
@pytest.mark.parametrize("kind", ["list", "function"])
def test_other_items_on_a_resume_are_named_and_nothing_is_lost(
    store: Store, items: list[Any], said: str, kind: str
) -> None:
    """The drive ends with an error that says which item; with the right items the run goes on."""
    run = mapped(lambda: numbers(200), store).start(run_id="r")
    with cut(run, in_the_middle(run)) as part:
        other = mapped(items if kind == "list" else lambda: iter(items), part)
        with pytest.raises(DivergenceError, match=said):
            other.start(run_id="r")
        stopped = open_run("r", store=part)
        assert stopped.status == "interrupted"
        assert count(stopped, "GroupFailed") == 0
        RAN.clear()
        right = mapped(lambda: numbers(200), part)
        assert right.start(run_id="r").result() == sum(n * n for n in range(200))
        assert max(Counter(e.task_id for e in stopped.events() if e.type == "TaskSucceeded").values()) == 1


def test_equal_items_with_other_bytes_are_no_divergence(store: Store) -> None:
    """Such as a dict in another order."""

    @task
    def size(item: dict[str, int]) -> int:
        return len(item)

    def flow(order: int, part: Store) -> Workflow:
        with workflow("w", store=part) as wf:
            size.map(lambda: (dict([("a", n), ("b", n)][::order]) for n in range(100)))
        return wf

    run = flow(1, store).start(run_id="r")
    with cut(run, in_the_middle(run)) as part:
        assert len(flow(-1, part).start(run_id="r").result()) == 100


def test_more_items_on_a_resume_are_run(store: Store) -> None:
    """As long as the source was not read to its end."""
    run = mapped(lambda: numbers(200), store).start(run_id="r")
    with cut(run, in_the_middle(run)) as part:
        assert mapped(lambda: numbers(300), part).start(run_id="r").result() == sum(n * n for n in range(300))
