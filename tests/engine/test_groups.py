"""Groups: members in parallel, results in the order of their definition, one verdict before what follows."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from durable import ParallelGroup, ParallelGroupError, Store, UpstreamUnavailable, parallel, task, workflow
from tests.engine.members import a, b, breaks
from tests.engine.reading import count, statuses, trail

WAIT = 20.0
"""Real seconds after which a test has failed."""


def test_members_run_at_the_same_time(store: Store) -> None:
    """Each waits for the other, so neither can end unless both run."""
    barrier = threading.Barrier(2, timeout=WAIT)

    @task
    def meets(n: int) -> int:
        barrier.wait()
        return n

    with workflow("w", store=store) as wf:
        meets(task_id="x", n=1) | meets(task_id="y", n=2)
    assert wf.execute() == {"x": 1, "y": 2}


def test_max_concurrent_limits_what_runs_at_once(store: Store) -> None:
    """Never more than two bodies are inside."""
    inside, most = [], []
    lock = threading.Lock()

    @task
    def counts(n: int) -> None:
        with lock:
            inside.append(n)
            most.append(len(inside))
        with lock:
            inside.remove(n)

    with workflow("w", store=store) as wf:
        parallel([counts(task_id=f"m{n}", n=n) for n in range(10)], name="g").with_execution(max_concurrent=2)
    wf.execute()
    assert max(most) <= 2


def test_results_are_in_definition_order_whatever_finished_first(store: Store) -> None:
    """The first member ends last."""
    second_done = threading.Event()

    @task
    def slow() -> str:
        assert second_done.wait(WAIT)
        return "slow"

    @task
    def fast() -> str:
        second_done.set()
        return "fast"

    with workflow("w", store=store) as wf:
        slow | fast
    assert list(wf.execute().items()) == [("slow", "slow"), ("fast", "fast")]


def test_a_direct_group_runs_in_order_on_the_callers_thread(store: Store) -> None:
    """``DIRECT`` means one after another, without worker threads."""
    seen: list[tuple[str, int]] = []

    @task
    def where(name: str) -> None:
        seen.append((name, threading.get_ident()))

    with workflow("w", store=store) as wf:
        parallel([where(task_id=n, name=n) for n in "xyz"], name="g").with_execution(backend="direct")
    wf.execute()
    assert seen == [(name, threading.get_ident()) for name in "xyz"]


def test_the_groups_name_gives_the_values_of_its_successes(store: Store) -> None:
    """A parameter with the group's id gets ``{member: value}``; failed members are not in it."""

    @task
    def report(g: dict[str, int]) -> dict[str, int]:
        return g

    with workflow("w", store=store) as wf:
        parallel(a, breaks, b, name="g").with_execution(policy="best_effort") >> report
    assert wf.execute() == {"a": 1, "b": 2}


@pytest.mark.parametrize("default", [True, False])
def test_a_consumer_that_names_a_failed_member_gets_its_default_or_fails(store: Store, default: bool) -> None:
    """Best effort settles the failure, but does not make a value up."""
    if default:

        @task
        def report(breaks: Any = "default") -> Any:
            return breaks

    else:

        @task
        def report(breaks: Any) -> Any:
            raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        parallel(a, breaks, name="g").with_execution(policy="best_effort") >> report
    run = wf.start()
    if default:
        assert run.result() == "default"
        return
    with pytest.raises(Exception, match="'breaks' ended without a value, which parameter 'breaks' needs") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, UpstreamUnavailable)


def test_a_failed_group_raises_the_same_live_and_from_the_log(store: Store) -> None:
    """Type, message, failed and successful members; the message names the command that resumes."""
    with workflow("w", store=store) as wf:
        parallel(a, breaks, name="g")
    caught = []
    for _ in range(2):
        with pytest.raises(ParallelGroupError, match=r"1 of 2 members.*'breaks'.*resume\('r'") as error:
            wf.execute(run_id="r")
        caught.append(error.value)
    for error in caught:
        assert error.group_id == "g"
        assert error.failed_tasks == [("breaks", "ValueError: broke")]
        assert error.successful_tasks == ["a"]
    assert str(caught[0]) == str(caught[1])


def test_the_verdict_is_recorded_before_what_follows_starts(store: Store) -> None:
    """And once."""

    @task
    def after() -> None: ...

    with workflow("w", store=store) as wf:
        parallel(a, b, name="g") >> after
    run = wf.start()
    order = trail(run, "Group", "TaskStarted after", "TaskStarted")
    assert order.index("GroupSucceeded g") < order.index("TaskStarted after")
    assert count(run, "GroupSucceeded") == 1


def test_a_callback_runs_once_after_the_verdict_and_before_what_follows(store: Store) -> None:
    """The chord: whatever the members did, under a verdict of success."""
    ran: list[str] = []

    @task
    def chord(g: dict[str, int]) -> int:
        ran.append("chord")
        return sum(g.values())

    @task
    def after(chord: int) -> int:
        ran.append("after")
        return chord

    with workflow("w", store=store) as wf:
        ParallelGroup([a, b, breaks], name="g", callback=chord).with_execution(policy="best_effort") >> after
    run = wf.start()
    assert run.result() == 3
    assert ran == ["chord", "after"]
    order = trail(run, "GroupSucceeded", "TaskStarted")
    assert order.index("GroupSucceeded g") < order.index("TaskStarted chord") < order.index("TaskStarted after")


def test_a_failed_group_has_no_callback(store: Store) -> None:
    """It is blocked, like everything that follows."""

    @task
    def chord() -> None:
        raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        ParallelGroup(a, breaks, name="g", callback=chord)
    assert statuses(wf.start())["chord"] == "pending"


def test_a_group_of_one_needs_no_name(store: Store) -> None:
    """A list of members may turn out to have one."""
    with workflow("w", store=store) as wf:
        parallel([a])
    assert wf.execute() == {"a": 1}


def test_group_run_is_a_run_of_its_own(store: Store) -> None:
    """``group.run()`` returns each member's TaskResult, in order; a failed group raises."""
    found = parallel(a, breaks, name="g").with_execution(policy="best_effort").run(store=store)
    assert list(found) == ["a", "breaks"]
    assert (found["a"].success, found["a"].value, found["a"].attempts) == (True, 1, 1)
    assert (found["breaks"].status, found["breaks"].error_message) == ("failed", "ValueError: broke")
    assert found["breaks"].error is not None
    assert found["breaks"].error.type == "ValueError"
    with pytest.raises(ParallelGroupError):
        parallel(a, breaks, name="g").run(store=store)


def test_the_results_of_group_run_can_be_read_when_its_store_is_closed(tmp_path: Path) -> None:
    """A store that ``run`` opened is closed at its end; values and errors are at hand."""
    group = parallel(a, breaks, name="g").with_execution(policy="best_effort")
    found = group.run(store=tmp_path / "runs.db")
    assert found["a"].value == 1
    assert found["breaks"].error is not None
    assert found["breaks"].error.type == "ValueError"
