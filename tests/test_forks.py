"""Forks: a new run shares a run's past and goes its own way; the old run is never touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    DefinitionError,
    InvalidRunId,
    Run,
    RunConflict,
    RunNotFound,
    Store,
    TaskExecutionContext,
    TaskFailed,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.engine.load import load
from durable.runs.forks import Origin, commit_end, fork_run, origin, split_ref
from durable.runs.workflow import Workflow
from durable.testing import FakeClock
from tests.conftest import Died, MortalStore
from tests.engine.reading import count, fields, statuses, trail

bodies: Counter[str] = Counter()
broken: set[str] = set()


@pytest.fixture(autouse=True)
def fresh() -> None:
    bodies.clear()
    broken.clear()


@task
def work(context: TaskExecutionContext) -> str:
    bodies[context.task_id] += 1
    context.get_channel().append("done", context.task_id)
    if context.task_id in broken:
        raise ValueError(f"{context.task_id} is broken")
    return context.task_id


def chain(store: Store, *names: str) -> Workflow:
    with workflow("chain", store=store) as wf:
        before = None
        for name in names:
            each = work(task_id=name)
            if before is not None:
                before >> each
            before = each
        if len(names) == 1:
            wf.add(each)
    return wf


def resumed(wf: Workflow, store: Store, name: str) -> Run:
    return Run(store, name).resume(wf)


def log(store: Store, name: str) -> list[Any]:
    return [*store.read(name), *store.digests(name)]


def seq_of(run: Run, type: str, task_id: str | None = None) -> int:
    return next(event.seq for event in run.events() if event.type == type and event.task_id == task_id)


@pytest.mark.parametrize("kind", ["store", "sqlite_store"])
def test_a_fork_shares_the_past_and_never_touches_the_old_run(kind: str, request: pytest.FixtureRequest) -> None:
    """What was done up to there is not done again, what came after is; the old log has the same bytes."""
    store: Store = request.getfixturevalue(kind)
    wf = chain(store, "a", "b", "c")
    run = wf.start(run_id="old")
    before = log(store, "old")
    name = fork_run(store, "old", seq_of(run, "TaskStarted", "b"), actor="ann", reason="what if")
    assert origin(store, name) == Origin("old", seq_of(run, "TaskStarted", "b"))
    fork = open_run(name, store)
    assert fork.status == "interrupted"
    assert [event.time for event in fork.events()][:-1] == [event.time for event in before[: fork.info.seq - 1]]
    assert fields(fork, "RunForked") == {
        "run": "old", "seq": fork.info.seq - 1, "actor": "ann", "reason": "what if",
    }  # fmt: skip
    assert resumed(wf, store, name).result() == "c"
    assert bodies == {"a": 1, "b": 2, "c": 2}
    assert fork.load_state().channel.keys() == {"done"}
    assert fork.view().read_channel("done", fork.load_state().channel["done"]) == ["a", "b", "c"]
    assert log(store, "old") == before
    assert load(store, name, use_checkpoints=False).status_name == "succeeded"


def test_open_attempts_are_interrupted_without_counting(store: Store) -> None:
    """Nobody's process died."""
    wf = chain(store, "a", "b")
    run = wf.start(run_id="old")
    name = fork_run(store, "old", seq_of(run, "TaskStarted", "b"))
    fork = resumed(wf, store, name)
    assert fields(fork, "TaskInterrupted", "b") == {"counted": False}
    assert fork.load_state().spent == {}


def test_a_commit_is_not_cut_in_two(store: Store) -> None:
    """What a task wrote and its success come together or not at all: the point is rounded down."""
    run = chain(store, "a", "b").start(run_id="old")
    wrote = seq_of(run, "ChannelWritten", "b")
    name = fork_run(store, "old", wrote)
    assert statuses(open_run(name, store)) == {"a": "succeeded", "b": "running"}
    assert origin(store, name) == Origin("old", wrote - 1)
    assert commit_end(store, run.info, wrote - 1) == wrote - 1


def test_a_failed_run_is_opened_like_by_a_resume(store: Store) -> None:
    """At its end: with fresh budgets for what failed."""
    broken.add("b")
    wf = chain(store, "a", "b", "c")
    with pytest.raises(TaskFailed):
        wf.execute(run_id="old")
    name = fork_run(store, "old")
    assert trail(open_run(name, store))[-3:] == ["RunResumed", "TaskReopened b", "RunForked"]
    broken.clear()
    assert resumed(wf, store, name).result() == "c"
    assert bodies == {"a": 1, "b": 2, "c": 1}
    assert open_run("old", store).status == "failed"


def test_a_succeeded_run_has_nothing_to_do_and_succeeds_again(store: Store) -> None:
    """At its end; the result is the same."""
    wf = chain(store, "a", "b")
    wf.execute(run_id="old")
    fork = resumed(wf, store, fork_run(store, "old"))
    assert (fork.status, fork.result()) == ("succeeded", "b")
    assert bodies == {"a": 1, "b": 1}


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


def test_a_cancelled_run_goes_on_in_its_fork(store: Store) -> None:
    """What was open when it was cancelled is open again."""

    @task
    def stops(context: TaskExecutionContext) -> None:
        if not bodies["stops"]:
            context.cancel_workflow("enough")
        bodies["stops"] += 1

    with workflow("cancelled", store=store) as wf:
        stops >> parallel(work(task_id="m0"), work(task_id="m1"), name="g") >> work(task_id="last")
    run = wf.start(run_id="old")
    assert run.status == "cancelled"
    fork = resumed(wf, store, fork_run(store, "old"))
    assert fork.result() == "last"
    assert count(fork, "TaskSkipped") + count(fork, "GroupSkipped") + count(fork, "RunCancelled") == 0


def test_a_run_that_was_ended_early_from_outside_goes_on_in_its_fork(store: Store) -> None:
    """Also when it was suspended then; its own result is computed."""
    wf, run = asking(store)
    assert run.terminate("early")
    assert run.result() == "early"
    name = fork_run(store, "old")
    assert statuses(open_run(name, store)) == {"asks": "suspended", "last": "pending"}
    assert open_run(name, store).answer(value="yes")
    assert resumed(wf, store, name).result() == "last"


def asking(store: Store) -> tuple[Workflow, Run]:
    @task
    def asks(context: TaskExecutionContext) -> Any:
        bodies["asks"] += 1
        return context.request_feedback("go on?", feedback_type="text", request_id="q").value

    with workflow("asking", store=store) as wf:
        asks >> work(task_id="last")
    return wf, wf.start(run_id="old")


def test_an_answer_for_the_old_run_never_reaches_the_fork(store: Store) -> None:
    """Its open questions have ids of their own, and the inbox stays behind."""
    wf, run = asking(store)
    assert run.answer("q", "old")
    name = fork_run(store, "old", new_run_id="new")
    fork = open_run(name, store)
    assert store.inbox(name) == []
    assert list(fork.load_state().requests) == ["q@new"]
    assert wf.resume("old") == "last"
    assert run.view().value(0) == "old"
    assert fork.resume(wf).status == "suspended"
    with pytest.raises(Exception, match="has not asked a question 'q'"):
        fork.answer("q", "again")
    assert fork.answer("q@new", "new")
    assert fork.resume(wf).view().value(0) == "new"
    third = open_run(fork_run(store, "new", from_tasks=["asks"]), store)
    assert third.resume(wf).status == "suspended", "what is done again asks again"


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


def test_a_run_is_forked_while_it_is_driven(store: Store) -> None:
    """The log is append-only: the fork has what was committed."""
    made: list[str] = []

    @task
    def forks(context: TaskExecutionContext) -> None:
        made.append(fork_run(store, context.run_id, new_run_id=f"fork-{len(made)}") if not made else "")

    with workflow("driven", store=store) as wf:
        work(task_id="a") >> forks >> work(task_id="b")
    assert wf.execute(run_id="old") == "b"
    assert resumed(wf, store, "fork-0").result() == "b"
    assert bodies == {"a": 1, "b": 2}


def test_a_fork_of_a_fork(store: Store) -> None:
    """Where it has not gone on, and where it has."""
    wf = chain(store, "a", "b", "c")
    run = wf.start(run_id="old")
    one = fork_run(store, "old", seq_of(run, "TaskStarted", "b"))
    two = fork_run(store, one)
    assert count(open_run(two, store), "RunForked") == 1
    assert resumed(wf, store, two).result() == "c"
    three = fork_run(store, two, from_tasks=["c"])
    assert resumed(wf, store, three).result() == "c"
    assert bodies == {"a": 1, "b": 2, "c": 3}


def test_a_deadline_that_has_passed_for_the_old_run_begins_anew(store: Store, clock: FakeClock) -> None:
    """A fork is made later than the run; that time was not its own."""
    wf = chain(store, "a", "b")
    run = wf.start(run_id="old", deadline=60.0)
    clock.advance(3600)
    fork = resumed(wf, store, fork_run(store, "old", seq_of(run, "TaskStarted", "b")))
    assert fork.status == "succeeded"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_long_past_is_copied_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """It folds to the same as one that was copied at once."""
    wf = chain(store, *"abcdef")
    broken.add("f")
    wf.start(run_id="old")
    broken.clear()
    whole = fork_run(store, "old", from_tasks=["d"])
    monkeypatch.setattr("durable.runs.forks.BATCH_EVENTS", size)
    parts = fork_run(store, "old", from_tasks=["d"])
    assert len(list(store.digests(parts))) > len(list(store.digests(whole))) == 1
    assert statuses(open_run(parts, store)) == statuses(open_run(whole, store))
    assert resumed(wf, store, parts).result() == "f"
    assert bodies == {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 2}


def test_a_copy_that_was_not_completed_is_no_run_to_go_on_with(
    process: Callable[..., MortalStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies while it copies leaves a run that waits for the rest, and does nothing."""
    wf = chain(process(), *"abcdef")
    wf.execute(run_id="old")
    monkeypatch.setattr("durable.runs.forks.BATCH_EVENTS", 5)
    with pytest.raises(Died):
        fork_run(process(appends=2), "old", new_run_id="new")
    store = process()
    half = open_run("new", store)
    assert (half.status, half.info.ready(clock.now())) == ("suspended", False)
    assert half.resume(wf).status == "suspended"
    assert fields(half, "RunSuspended") == {"waiting": ["the rest of the copy of run old"]}
    assert sum(bodies.values()) == 6
    with pytest.raises(RunConflict):
        fork_run(store, "old", new_run_id="new")
    assert half.cancel()


def test_what_cannot_be_forked_is_said(store: Store) -> None:
    """The errors name what there is."""
    wf = chain(store, "a", "b")
    run = wf.start(run_id="old")
    with pytest.raises(RunNotFound, match="no run 'none'"):
        fork_run(store, "none")
    for seq in (0, -1, 99, True):
        with pytest.raises(RunNotFound, match="numbered 1 to 8"):
            fork_run(store, "old", seq)
    with pytest.raises(RunNotFound, match="it ends at seq 2"):
        fork_run(store, "old", 1)
    with pytest.raises(DefinitionError, match="It has: a, b"):
        fork_run(store, "old", from_tasks=["c"])
    with pytest.raises(RunConflict, match="a run of that id exists"):
        fork_run(store, "old", new_run_id="old")
    with pytest.raises(InvalidRunId):
        fork_run(store, "old", new_run_id="a/b")
    assert [info.run_id for info in store.runs()] == [run.run_id]


def test_a_run_whose_id_looks_like_a_point_is_found(store: Store) -> None:
    """The whole text comes first."""
    wf = chain(store, "a")
    wf.start(run_id="x")
    wf.start(run_id="x@3")
    assert [(info.run_id, seq) for info, seq in (split_ref(store, "x@2"), split_ref(store, "x@3"))] == [
        ("x", 2),
        ("x@3", None),
    ]
    assert split_ref(store, "x@3@1")[0].run_id == "x@3"
    for ref in ("y", "y@1", "x@", "x@-1", "@1", "x@" + "9" * 5000, "x@\u0663"):
        with pytest.raises(RunNotFound):
            split_ref(store, ref)
