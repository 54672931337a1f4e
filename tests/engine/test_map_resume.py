"""Maps that failed, were stopped or were cut off: what runs again, what is read again, what differs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    DivergenceError,
    ParallelGroupError,
    RaceGroup,
    RunCancelled,
    StepLimitExceeded,
    Store,
    TaskExecutionContext,
    Workflow,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.engine.recover import load
from durable.testing import FakeClock
from tests.core.machine import facts
from tests.engine.cutting import cut, cuts, done
from tests.engine.reading import count, trail

RAN: Counter[Any] = Counter()
BROKEN: set[Any] = set()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    BROKEN.clear()


@task
def square(n: int) -> int:
    RAN[n] += 1
    if n in BROKEN:
        raise ValueError(f"{n} is broken")
    return n * n


@task
def middle() -> None:
    RAN["middle"] += 1


@task
def total(square: Any) -> int:
    return sum(square.values())


def mapped(items: Any, store: Any = None, key: Any = None, **settings: Any) -> Workflow:
    """A workflow of one map of ``square``, and a task after it."""
    with workflow("w", store=store) as wf:
        square.map(items, key).with_execution(**settings) >> total
    return wf


def numbers(size: int) -> Iterator[int]:
    return iter(range(size))


SUM = sum(n * n for n in range(100))


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
def test_cut_off_anywhere(store: Store, keyed: bool) -> None:
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


def in_the_middle(run: Any, batches: int = 2) -> int:
    """The place in a log behind so many batches of members."""
    return [event.seq for event in run.events() if event.type == "MembersAdded"][batches - 1]


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


def test_cancelled_during_a_map(store: Store) -> None:
    """Nothing more is read or run."""
    read = []

    @task
    def cancels(context: TaskExecutionContext, n: int) -> int:
        if n == 50:
            context.cancel_workflow("enough")
        return n

    def source() -> Iterator[int]:
        for n in range(100_000):
            read.append(n)
            yield n

    with workflow("w", store=store) as wf:
        cancels.map(source)
    with pytest.raises(RunCancelled, match="enough"):
        wf.execute(run_id="r")
    assert len(read) < 5_000
    state = open_run("r", store=store).load_state()
    assert not state.having(0, 1)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals reach the main thread")
@pytest.mark.parametrize("keyed", [False, True])
def test_stopped_during_a_map(store: Store, keyed: bool) -> None:
    """What has begun is recorded, nothing more is read; the same command goes on."""
    read, stops = [0], [True]

    def source() -> Iterator[int]:
        for n in range(20_000):
            read[0] = n
            yield n

    @task
    def stopped(n: int) -> int:
        RAN[n] += 1
        if n == 40 and stops:
            stops.clear()
            os.kill(os.getpid(), signal.SIGINT)
        return n

    with workflow("w", store=store) as wf:
        stopped.map(source, str if keyed else None).with_execution(chunk_size=50)
    with pytest.raises(KeyboardInterrupt):
        wf.execute(run_id="r")
    assert read[0] < 19_999
    assert open_run("r", store=store).status == "interrupted"
    assert len(wf.execute(run_id="r")) == 20_000
    assert set(RAN.values()) == {1}


def test_terminated_from_outside_during_a_map(store: Store) -> None:
    """The run succeeds with the given result while its source is being read."""
    begun, go = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield from range(16)  # a whole window
        go.wait(10)
        yield from range(16, 20)

    @task
    def begins(n: int) -> int:
        begun.set()
        return n

    def end() -> None:
        begun.wait(10)
        open_run("r", store=store).terminate({"enough": True})

    other = threading.Thread(target=end)
    other.start()
    with workflow("w", store=store) as wf:
        begins.map(source)
    run = wf.start(run_id="r")
    go.set()
    other.join()
    assert run.result() == {"enough": True}


def test_max_steps_of_a_run_with_a_map(store: Store) -> None:
    """Attempts of members count; a resume has steps anew, and runs what is missing."""
    wf = mapped(lambda: numbers(100), store)
    run = wf.start(run_id="r", max_steps=60)
    with pytest.raises(StepLimitExceeded):
        run.result()
    assert sum(RAN.values()) == 60
    assert wf.resume("r") == SUM
    assert set(RAN.values()) == {1}


class Slow:
    """A source that gives a whole window, and no more before the map's time is over; then a test lets it go on."""

    def __init__(self, clock: FakeClock) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self._clock = clock
        self._other = threading.Thread(target=self._passes)
        self._other.start()

    def __call__(self) -> Iterator[int]:
        yield from range(16)
        self.asked.set()
        self.go.wait(10)
        yield from range(16, 100)

    def _passes(self) -> None:
        self.asked.wait(10)
        while len(RAN) < 16:
            time.sleep(0.001)
        self._clock.wait_for_waiters()
        self._clock.advance(20)

    def end(self) -> None:
        self.go.set()
        self._other.join()


@pytest.mark.parametrize("keyed", [False, True])
def test_a_map_whose_time_is_over_before_its_items_are_read_fails(store: Store, clock: FakeClock, keyed: bool) -> None:
    """Although all members that it has have succeeded; a resume reads the rest."""
    source = Slow(clock)
    wf = mapped(source, store, str if keyed else None, timeout=10)
    run = wf.start(run_id="r")
    source.end()
    with pytest.raises(ParallelGroupError, match="over before its items were read to the end; 16 have members"):
        run.result()
    assert wf.resume("r") == SUM
    assert set(RAN.values()) == {1}


@pytest.mark.parametrize(
    ("policy", "passes"),
    [
        ("best_effort", True),
        ({"type": "at_least_n", "min_success": 10}, True),
        ({"type": "at_least_n", "min_success": 17}, False),
        ({"type": "max_failures", "max_failures": 50}, False),
        ({"type": "min_success_rate", "min_rate": 0.1}, False),
    ],
)
def test_policies_that_pass_with_what_was_read_in_time(
    store: Store, clock: FakeClock, policy: Any, passes: bool
) -> None:
    """Those to which more items would make no difference."""
    source = Slow(clock)
    run = mapped(source, store, policy=policy, timeout=10).start(run_id="r")
    source.end()
    assert run.status == ("succeeded" if passes else "failed")
    assert not passes or run.result() == sum(n * n for n in range(16))


def test_a_time_out_of_the_group_around_a_map_closes_that_too(store: Store, clock: FakeClock) -> None:
    """It starts no more members; a resume goes on with it."""
    source = Slow(clock)

    with workflow("w", store=store) as wf:
        parallel(square.map(source), middle, name="outer").with_execution(timeout=10)
    assert wf.start(run_id="r").status == "failed"
    source.end()
    assert len(RAN) == 17
    assert wf.resume("r") == {"square": {str(n): n * n for n in range(100)}, "middle": None}
    assert set(RAN.values()) == {1}


def test_a_group_that_fails_at_once_closes_a_map_in_it(store: Store) -> None:
    """The rest of the source is not read; a resume reads it."""
    broken, read = [True], [0]

    def source() -> Iterator[int]:
        for n in range(20_000):
            read[0] = n
            yield n

    @task
    def fails() -> None:
        while not RAN:
            time.sleep(0.001)
        if broken:
            raise ValueError("no")

    with workflow("w", store=store) as wf:
        parallel(square.map(source).with_execution(chunk_size=20), fails, name="outer").with_execution(fail_fast=True)
    assert wf.start(run_id="r").status == "failed"
    assert read[0] < 10_000
    broken.clear()
    assert len(wf.resume("r")["square"]) == 20_000
    done = Counter(e.task_id for e in open_run("r", store=store).events() if e.type == "TaskSucceeded")
    assert set(done.values()) == {1}


def test_a_map_in_a_race(store: Store) -> None:
    """It may win, with its values, or be closed by who was faster."""

    @task
    def waits(context: TaskExecutionContext) -> str:
        while not context.cancelled:
            time.sleep(0.001)
        return "late"

    with workflow("w", store=store) as wf:
        RaceGroup(square.map(range(100)), waits, name="race")
    assert wf.execute() == {"square": {str(n): n * n for n in range(100)}}

    @task
    def wins() -> str:
        return "first"

    def endless() -> Iterator[int]:
        n = 0
        while True:
            yield (n := n + 1)

    with workflow("w", store=store) as wf:
        RaceGroup(square.map(endless), wins, name="race")
    assert wf.execute() == {"wins": "first"}


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
    monkeypatch.setattr("durable.forks.BATCH_EVENTS", part)

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
