"""Policies of maps: verdicts from numbers, early ends, and rules of one's own that look at members."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from durable import (
    AllOf,
    AtLeastNGroupPolicy,
    BestEffortGroupPolicy,
    CriticalGroupPolicy,
    GroupExecutionPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    ParallelGroupError,
    Run,
    Store,
    StrictGroupPolicy,
    TaskExecutionContext,
    open_run,
    parallel,
    task,
    workflow,
)
from tests.engine.reading import count, trail

RAN: Counter[int] = Counter()
GIVEN = [0]


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()
    GIVEN[0] = 0


def source(size: int) -> Iterator[int]:
    for n in range(size):
        GIVEN[0] = n + 1
        yield n


def run_of(store: Store, policy: Any, bad: Any, size: int = 100, **settings: Any) -> Run:
    """A run of a map over numbers, of which some fail."""

    @task
    def body(n: int) -> int:
        RAN[n] += 1
        if n in bad:
            raise ValueError(f"{n} is bad")
        return n

    with workflow("w", store=store) as wf:
        body.map(lambda: source(size), key=lambda n: f"k{n}").with_execution(policy=policy, **settings)
    return wf.start(run_id="r")


@pytest.mark.parametrize(
    ("policy", "bad", "passes"),
    [
        ("strict", (), True),
        ("strict", (99,), False),
        ("best_effort", range(100), True),
        (AtLeastNGroupPolicy(98), (1, 2), True),
        (AtLeastNGroupPolicy(99), (1, 2), False),
        (AtLeastNGroupPolicy(101), (), False),
        (MinSuccessRatePolicy(0.98), (1, 2), True),
        (MinSuccessRatePolicy(0.99), (1, 2), False),
        (CriticalGroupPolicy(["k3", "k99"]), (1, 2), True),
        (CriticalGroupPolicy(["k3", "k99"]), (99,), False),
        (CriticalGroupPolicy(["k100"]), (), False),
        (MaxFailuresPolicy(2), (1, 2), True),
        (MaxFailuresPolicy(2), (1, 2, 99), False),
        (AllOf(MaxFailuresPolicy(2), AtLeastNGroupPolicy(98)), (1, 2), True),
        (AllOf(MaxFailuresPolicy(2), AtLeastNGroupPolicy(99)), (1, 2), False),
    ],
    ids=lambda value: str(value) if isinstance(value, bool) else None,
)
@pytest.mark.parametrize("early", [{}, {"fail_fast": True}, {"decide_early": True}], ids=["late", "fast", "early"])
def test_a_verdict_over_a_map_is_that_over_a_group(
    store: Store, policy: Any, bad: Any, passes: bool, early: dict[str, bool]
) -> None:
    """The same over a map as over a group, whenever they are given."""
    run = run_of(store, policy, bad, **early)
    assert run.status == ("succeeded" if passes else "failed")
    if not early:
        assert len(RAN) == 100 or not passes


def test_a_used_up_budget_stops_the_source(store: Store) -> None:
    """No more members start, and the rest of the source is not read."""
    run = run_of(store, MaxFailuresPolicy(3), range(100_000), size=100_000)
    with pytest.raises(ParallelGroupError, match="members failed, 3 are allowed") as caught:
        run.result()
    assert GIVEN[0] < 5_000
    assert len(RAN) < 200
    assert ("k0", "ValueError: 0 is bad") in caught.value.failed_tasks


def test_what_is_read_when_a_map_was_closed_is_dropped(store: Store) -> None:
    """A window that comes after the verdict adds no members to it."""
    go = threading.Event()

    def blocks() -> Iterator[int]:
        yield from range(16)
        go.wait(10)
        yield from range(16, 20)

    @task
    def fails(n: int) -> None:
        raise ValueError("no")

    @task
    def lets_go(context: TaskExecutionContext) -> None:
        while not count(open_run(context.run_id, store=store), "GroupFailed"):
            time.sleep(0.002)
        go.set()
        time.sleep(0.05)

    with workflow("w", store=store) as wf:
        fails.map(blocks).with_execution(fail_fast=True)
        parallel(lets_go, name="beside")
    run = wf.start()
    assert trail(run, "MembersAdded", "GroupFailed") == ["MembersAdded fails", "GroupFailed fails"]


def test_fail_fast_stops_the_source(store: Store) -> None:
    """At the first failure."""
    run = run_of(store, StrictGroupPolicy(fail_fast=True), [5], size=100_000)
    with pytest.raises(ParallelGroupError):
        run.result()
    assert GIVEN[0] < 5_000


def test_a_certain_success_stops_the_source(store: Store) -> None:
    """Of a group that decides early; values are those that there are."""
    run = run_of(store, AtLeastNGroupPolicy(10), (), size=100_000, decide_early=True, max_concurrent=2)
    assert run.status == "succeeded"
    assert GIVEN[0] < 5_000
    assert len(run.result()) >= 10


def test_an_error_names_at_most_a_thousand_members(store: Store) -> None:
    """And counts all of them."""
    with pytest.raises(ParallelGroupError, match="1200 of 1300 members did not succeed") as caught:
        run_of(store, "strict", range(1200), size=1300, max_concurrent=8, chunk_size=20).result()
    assert len(caught.value.failed_tasks) == 1000
    assert len(caught.value.successful_tasks) == 100
    assert caught.value.successful_tasks[0] == "k1200"
    assert caught.value.group_id == "body"


class Third(GroupExecutionPolicy):
    """Lets a third of the members fail, looks at each, and can say so early."""

    asked = 0

    def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
        assert len(tasks) == len(results) == len(list(results.iter()))
        assert [one.task_id for one in tasks[:2]] == ["k0", "k1"]
        assert tasks[-1].task_id == list(results)[-1]
        assert results["k1"].task_id == "k1"
        assert "k0" in results
        assert "nobody" not in results
        failed = [name for name, result in results.items() if not result.success]
        assert failed == list(results.failed)
        context.metadata["failed"] = len(failed)
        if 3 * len(failed) > len(results):
            raise ParallelGroupError("more than a third", failed_tasks=failed)

    def decide(self, results: Any, remaining: Any) -> bool | None:
        Third.asked += 1
        size = len(results) + len(remaining)
        return False if 3 * sum(not one.success for one in results.values()) > size else None


@pytest.mark.parametrize("early", [False, True])
def test_a_rule_of_ones_own(store: Store, early: bool) -> None:
    """It sees tasks and results by key, in order."""
    Third.asked = 0
    run = run_of(store, Third(), range(33), fail_fast=early)
    assert run.status == "succeeded"
    assert run.load_state().metadata
    assert bool(Third.asked) == early


def test_a_rule_of_ones_own_that_ends_a_map_early(store: Store) -> None:
    """Once all its members are known."""
    run = run_of(store, Third(), range(60), fail_fast=True, max_concurrent=1)
    with pytest.raises(ParallelGroupError, match="more than a third"):
        run.result()
    assert sum(RAN.values()) < 60


def test_a_policy_that_tries_failed_members_again(store: Store) -> None:
    """Only those run again, and the verdict comes after them."""

    @task
    def flaky(context: TaskExecutionContext, n: int) -> int:
        RAN[n] += 1
        if n % 10 == 0 and context.attempt < 3:
            raise OSError
        return n

    class Again:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            for name in results.failed:
                context.next_task(results[name] if name == "0" else name)
            if not results.failed:
                context.next_task("50") if results["50"].attempts == 3 else None

    with workflow("w", store=store) as wf:
        flaky.map(range(100)).with_execution(policy=Again())
    run = wf.start()
    assert run.result() == {str(n): n for n in range(100)}
    assert {n: 1 if n % 10 else 4 if n == 50 else 3 for n in range(100)} == RAN
    assert count(run, "GroupRetryRequested") == 3
    assert trail(run, "Group")[-1] == "GroupSucceeded flaky"


def test_a_policy_that_asks_for_what_is_no_member(store: Store) -> None:
    """It is told so."""

    class DurableCalls(BestEffortGroupPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            context.next_task("k100")

    with pytest.raises(ParallelGroupError, match="'k100' is not a member of group 'body'"):
        run_of(store, DurableCalls(), ()).result()


def test_another_attempt_of_a_member_has_its_own_arguments(store: Store) -> None:
    """Others are refused: they would be lost."""

    class DurableCalls(BestEffortGroupPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            context.next_task(tasks[3](n=5))

    with pytest.raises(ParallelGroupError, match="another attempt of 'k3' has the arguments"):
        run_of(store, DurableCalls(), ()).result()


def test_a_policy_may_ask_for_many_members_of_many(store: Store) -> None:
    """What that takes does not grow with the square of how many there are."""

    @task
    def flaky(context: TaskExecutionContext, n: int, more: int = 0) -> int:
        if context.attempt == 1 and n >= 1000:
            raise OSError
        return n + more

    class Again:
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            for name in list(results.failed):
                context.next_task(tasks[int(name)])

    with workflow("w", store=store) as wf:
        flaky(more=1).map(range(4000)).with_execution(policy=Again(), chunk_size=50)
    run = wf.start()
    assert list(run.result().values()) == list(range(1, 4001))
    assert count(run, "TaskReopened") == 3000


def test_what_a_verdict_has_closed_counts_as_no_success(store: Store) -> None:
    """Judged again by a rule that only counts, with more of the source to read."""
    run = run_of(store, MaxFailuresPolicy(0), [10], size=2000, max_concurrent=1)
    assert run.status == "failed"
    first = run.load_state().graph.expansions.by_group[0]
    closed = len(run.task_results("body").failed)
    assert first.count < 2000
    again = run.resume(run.workflow, policy={"type": "max_failures", "max_failures": closed - 1})
    assert again.status == "failed"
    assert len(RAN) < 2000
    done = again.resume(run.workflow, policy={"type": "max_failures", "max_failures": closed})
    assert done.status == "succeeded"
    assert len(done.result()) == 2000 - closed
