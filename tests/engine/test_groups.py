"""Groups: members in parallel, one verdict, early decisions, time-outs, callbacks, nesting."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from durable import (
    AttemptEnded,
    ParallelGroup,
    ParallelGroupError,
    Store,
    TaskExecutionContext,
    UpstreamUnavailable,
    parallel,
    task,
    workflow,
)
from durable.testing import FakeClock
from tests.engine.reading import appends, count, fields, statuses, trail

WAIT = 20.0
"""Real seconds after which a test has failed."""


@task
def a() -> int:
    return 1


@task
def b() -> int:
    return 2


@task
def breaks() -> None:
    raise ValueError("broke")


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


class Held:
    """A member that runs until it is told to go on, and then tries to use its context."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.release = threading.Event()
        self.gone = threading.Event()
        self.raised: BaseException | None = None

        @task
        def held(context: TaskExecutionContext) -> str:
            self.running.set()
            try:
                assert self.release.wait(WAIT)
                context.set("late", 1)
            except BaseException as error:
                self.raised = error
                raise
            finally:
                self.gone.set()
            return "late"

        self.task = held

    def let_go(self) -> None:
        self.release.set()
        assert self.gone.wait(WAIT)


@pytest.fixture
def held() -> Any:
    member = Held()
    yield member
    member.let_go()


def test_an_early_failure_closes_the_group_in_the_same_append(store: Store, held: Held) -> None:
    """Running members are cancelled, unstarted ones skipped, late results discarded, context calls refused."""

    @task
    def fails() -> None:
        assert held.running.wait(WAIT)
        raise ValueError("early")

    with workflow("w", store=store) as wf:
        group = parallel(held.task, fails, a, name="g")
        group.with_execution(fail_fast=True, max_concurrent=2)
    run = wf.start(run_id="r")
    with pytest.raises(ParallelGroupError):
        run.result()
    assert statuses(run) == {"held": "cancelled", "fails": "failed", "a": "skipped", "g": "failed"}
    closing = next(append for append in appends(store, "r") if "GroupFailed g" in append)
    assert {"TaskCancelled held", "TaskSkipped a"} <= set(closing)
    seq = run.info.seq
    held.let_go()
    assert isinstance(held.raised, AttemptEnded)
    assert run.info.seq == seq


def test_an_early_success_closes_the_group_too(store: Store, held: Held) -> None:
    """``decide_early`` does not wait for what cannot change the verdict; what follows starts at once."""

    @task
    def first() -> str:
        assert held.running.wait(WAIT)
        return "first"

    @task
    def report(g: dict[str, str]) -> dict[str, str]:
        held.let_go()
        return g

    @task
    def last(report: dict[str, str]) -> dict[str, str]:
        return report

    with workflow("w", store=store) as wf:
        group = parallel(held.task, first, name="g")
        group.with_execution(policy={"type": "at_least_n", "min_success": 1}, decide_early=True) >> report >> last
    run = wf.start()
    assert run.result() == {"first": "first"}
    assert statuses(run)["held"] == "cancelled"
    assert isinstance(held.raised, AttemptEnded)


def test_without_decide_early_every_member_ends(store: Store) -> None:
    """A verdict that is certain early still waits."""
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy={"type": "at_least_n", "min_success": 1})
    assert wf.execute() == {"a": 1, "b": 2}


@pytest.mark.parametrize(("policy", "verdict"), [("best_effort", "succeeded"), ("strict", "failed")])
def test_a_group_time_out_times_out_the_unfinished_and_then_the_policy_judges(
    store: Store, clock: FakeClock, held: Held, policy: str, verdict: str
) -> None:
    """Finished members keep their results; running and unstarted ones are timed out; late results are discarded."""

    @task
    def ticks() -> int:
        assert held.running.wait(WAIT)
        clock.advance(10)
        return 1

    with workflow("w", store=store) as wf:
        group = parallel(held.task, ticks, a, name="g")
        group.with_execution(policy=policy, timeout=5, max_concurrent=2)
    run = wf.start()
    found = statuses(run)
    assert (found["held"], found["g"]) == ("timed_out", verdict)
    assert found["a"] == "timed_out"
    assert "longer than its timeout of 5 s" in fields(run, "TaskTimedOut", "held")["error"]
    held.let_go()
    assert isinstance(held.raised, AttemptEnded)


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


def test_groups_nest_and_inner_verdicts_count_as_members(store: Store) -> None:
    """An inner group is one member: its verdict decides, not its failures."""
    with workflow("w", store=store) as wf:
        inner = parallel(a, breaks, name="inner").with_execution(policy="best_effort")
        parallel(inner, b, name="outer")
    assert wf.execute() == {"inner": {"a": 1}, "b": 2}


def test_a_chain_member_fails_when_any_of_its_tasks_fails(store: Store) -> None:
    """It is known by its last task, and the message names the one that failed."""

    @task
    def last() -> None:
        raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        parallel(breaks >> last, a, name="g")
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    assert caught.value.failed_tasks == [("last", "breaks: ValueError: broke")]
    assert statuses(run)["last"] == "skipped"
    result = run.task_results("g")["last"]
    assert (result.success, result.status, result.attempts) == (False, "failed", 1)


def test_a_member_that_feeds_a_task_outside_of_the_group_feeds_it_once(store: Store) -> None:
    """An edge past the verdict: the consumer starts when the member and everything else it follows are there."""

    @task
    def outside(a: int, b: int) -> int:
        return a + b

    with workflow("w", store=store) as wf:
        parallel(a, b, name="g")
        a >> outside
        b >> outside
    run = wf.start()
    assert run.results["outside"] == 3
    assert count(run, "TaskStarted", "outside") == 1


def test_a_task_behind_a_skipped_member_does_not_run_when_the_group_fails(store: Store, at_once: None) -> None:
    """It waits for a resume, like all that depends on a failure, although something else leads to it."""
    ran: list[str] = []

    @task
    def outside(a: int = 0) -> None:
        ran.append("outside")

    with workflow("w", store=store) as wf:
        parallel(breaks, a, name="g").with_execution(fail_fast=True, max_concurrent=1)
        a >> outside
        b >> outside
    run = wf.start()
    assert (statuses(run)["a"], statuses(run)["outside"]) == ("skipped", "pending")
    assert ran == []


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


class TestNestedInOneBatch:
    """Several groups become ripe at once, because completions arrive together."""

    @pytest.fixture(autouse=True)
    def _together(self, at_once: None) -> None: ...

    @pytest.mark.parametrize("inner_first", [True, False])
    def test_an_outer_early_failure_and_an_inner_end_do_not_collide(self, store: Store, inner_first: bool) -> None:
        """The outer group fails early and closes the inner one, which had just become ripe."""
        with workflow("w", store=store) as wf:
            inner = parallel(a, b, name="inner")
            members = [inner, breaks] if inner_first else [breaks, inner]
            parallel(*members, name="outer").with_execution(fail_fast=True)
        run = wf.start()
        with pytest.raises(ParallelGroupError) as caught:
            run.result()
        assert caught.value.group_id == "outer"
        assert statuses(run)["outer"] == "failed"
        assert statuses(run)["inner"] in ("succeeded", "cancelled")

    @pytest.mark.parametrize("inner_first", [True, False])
    def test_an_inner_failure_and_an_outer_early_failure_do_not_collide(self, store: Store, inner_first: bool) -> None:
        """Both fail in the same batch: the outer policy sees recorded results, and its message is its own."""
        with workflow("w", store=store) as wf:
            inner = parallel(a, breaks(task_id="breaks_too"), name="inner")
            members = [inner, breaks] if inner_first else [breaks, inner]
            parallel(*members, name="outer").with_execution(fail_fast=True)
        run = wf.start()
        with pytest.raises(ParallelGroupError, match="members did not succeed") as caught:
            run.result()
        assert caught.value.group_id == "outer"
        assert ("breaks", "ValueError: broke") in caught.value.failed_tasks
