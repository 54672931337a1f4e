"""Chains, forks and joins: order, what a failure blocks, and one commit a step."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable import Store, TaskFailed, Workflow, chain, open_store, task, workflow
from durable.testing import FakeClock
from tests.engine.one_two_three import one, three, two
from tests.engine.reading import appends, count, statuses, trail


def test_an_end_and_the_next_start_share_a_commit(store: Store) -> None:
    """One append a task in a chain: TaskSucceeded(n) with TaskStarted(n+1)."""
    with workflow("w", store=store) as wf:
        one >> two >> three
    wf.execute(run_id="r")
    assert list(appends(store, "r")) == [
        ["RunCreated", "TaskStarted one"],
        ["TaskSucceeded one", "TaskStarted two"],
        ["TaskSucceeded two", "TaskStarted three"],
        ["TaskSucceeded three", "RunSucceeded"],
    ]


def test_an_explicit_diamond_joins_once(store: Store) -> None:
    """The join starts when both branches are there, and exactly once."""
    ran: list[str] = []

    @task
    def left(one: int) -> int:
        ran.append("left")
        return one + 10

    @task
    def right(one: int) -> int:
        ran.append("right")
        return one + 100

    @task
    def join(left: int, right: int) -> int:
        ran.append("join")
        return left + right

    with workflow("w", store=store) as wf:
        one >> left >> join
        one >> right >> join
    assert wf.execute() == 112
    assert ran == ["left", "right", "join"]


def test_a_failed_task_blocks_only_its_dependants(store: Store) -> None:
    """Other branches finish, then the run fails; what was blocked has not started."""

    @task
    def breaks() -> None:
        raise ValueError("no")

    @task
    def after(breaks: None) -> None:
        raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        breaks >> after
        one >> two
    run = wf.start(run_id="r")
    assert run.status == "failed"
    assert statuses(run) == {"breaks": "failed", "after": "pending", "one": "succeeded", "two": "succeeded"}
    assert count(run, "TaskStarted", "after") == 0
    with pytest.raises(TaskFailed, match=r"task 'breaks' failed: ValueError: no.*resume\('r'"):
        run.result()


def test_execute_inside_the_block_takes_a_snapshot(store: Store) -> None:
    """What is linked later belongs to later runs."""
    with workflow("w", store=store) as wf:
        wf.add(one)
        assert wf.execute() == 1
        one >> two
        assert wf.execute() == 2


def test_one_task_may_stand_in_several_workflows(store: Store) -> None:
    """Tasks hold no edges."""
    with workflow("w1", store=store) as first:
        one >> two
    with workflow("w2", store=store) as second:
        one >> two(task_id="other") >> three(two=5)
    assert (first.execute(), second.execute(), first.execute()) == (2, 6, 2)


def test_max_steps_fails_the_run_and_a_resume_goes_on(store: Store) -> None:
    """Nothing stops silently: the run fails by name, and the tasks that ran are kept."""
    with workflow("w", store=store) as wf:
        one >> two >> three
    run = wf.start(run_id="r", max_steps=2)
    assert (run.status, run.results) == ("failed", {"one": 1, "two": 2})
    with pytest.raises(Exception, match="started 2 attempts, as many as max_steps allows") as caught:
        run.result()
    assert type(caught.value).__name__ == "StepLimitExceeded"
    assert wf.resume("r") == 3


def test_start_runs_only_what_follows(store: Store) -> None:
    """``start=`` names a task or group; what stands before it does not run, and gives no values."""
    with workflow("w", store=store) as wf:
        one >> two(one=5) >> three(one=1)
    run = wf.start("two")
    assert run.result() == 7
    assert trail(run, "TaskStarted") == ["TaskStarted two", "TaskStarted three"]


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[tuple[str, ...]], list[tuple[int, int]]]:
    """Layers of one task or of a group of some, and edges between layers."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    layers = [tuple(f"t{layer}_{n}" for n in range(size)) for layer, size in enumerate(sizes)]
    pairs = [(a, b) for b in range(len(layers)) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return layers, edges


@settings(max_examples=25, deadline=None)
@given(plans())
def test_random_workflows_keep_the_order_and_run_each_task_once(
    plan: tuple[list[tuple[str, ...]], list[tuple[int, int]]],
) -> None:
    """On the real engine: a task starts only after what it follows, each at most once, joins too."""
    layers, edges = plan
    lock = threading.Lock()
    ran: list[tuple[str, str]] = []

    @task
    def body(name: str) -> str:
        with lock:
            ran.append(("start", name))
        with lock:
            ran.append(("end", name))
        return name

    made = Workflow("random", store=open_store("memory://", clock=FakeClock()))
    nodes = []
    for layer in layers:
        members = [body(task_id=name, name=name) for name in layer]
        nodes.append(members[0] if len(members) == 1 else members[0] | members[1])
        for extra in members[2:]:
            nodes[-1] = nodes[-1] | extra
    made.add(*nodes)
    for before, after in edges:
        made.add(chain(nodes[before], nodes[after]))
    made.execute()
    names = [name for layer in layers for name in layer]
    assert sorted(name for what, name in ran if what == "start") == sorted(names)
    for before, after in edges:
        last = max(ran.index(("end", name)) for name in layers[before])
        first = min(ran.index(("start", name)) for name in layers[after])
        assert last < first
