"""Forks: a new run shares a run's past and goes its own way; the old run is never touched."""

from __future__ import annotations

import pytest

from durable import Store, TaskExecutionContext, TaskFailed, open_run, parallel, task, workflow
from durable.engine.load import load
from durable.runs.forks import Origin, commit_end, fork_run, origin
from durable.testing import FakeClock
from tests.engine.reading import count, fields, statuses, trail
from tests.runs.forkable import asking, bodies, broken, chain, log, resumed, seq_of, work


@pytest.fixture(autouse=True)
def fresh() -> None:
    bodies.clear()
    broken.clear()


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
