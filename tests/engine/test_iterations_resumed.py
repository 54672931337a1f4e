"""Iterations that fail or are cut off: each is recorded once, with what it wrote; a resume goes on with the last."""

from __future__ import annotations

from typing import Any

import pytest

from durable import RetryPolicy, Store, TaskExecutionContext, TaskFailed, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.climbing import RAN, climbing
from tests.engine.cutting import cuts
from tests.engine.reading import appends, count


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


def test_each_iterations_effects_are_committed_with_it(store: Store) -> None:
    """One append holds what an iteration wrote and that the next one follows."""
    run = climbing(store).start()
    together = [append for append in appends(store, run.run_id) if "TaskIterated climb" in append]
    assert len(together) == 4
    for append in together:
        assert append[:3] == ["ChannelWritten climb", "ChannelWritten climb", "TaskIterated climb"]


def test_a_loop_cut_off_anywhere_goes_on_with_the_iteration_that_was_not_recorded(store: Store) -> None:
    """Five iterations, at every place of the log: each is recorded once, and so are its effects."""
    wf = climbing(store)
    run = wf.start(run_id="r")
    for seq, part in cuts(run):
        ended = sum(
            event.type in ("TaskIterated", "TaskSucceeded") and event.task_id == "climb"
            for event in run.events()
            if event.seq <= seq
        )
        RAN.clear()
        again = wf.start(run_id="r", store=part)
        assert again.result() == run.result()
        names = ["climb", "climb[2]", "climb[3]", "climb[4]", "climb[5]"]
        assert {name: RAN[name] for name in names} == {name: int(ended <= place) for place, name in enumerate(names)}
        assert count(again, "TaskIterated") == 4
        assert facts(load(part, "r", use_checkpoints=False)) == facts(again.load_state())


def test_what_an_attempt_asked_for_is_dropped_when_it_fails(store: Store) -> None:
    """The retry of an iteration gets the same arguments again."""
    seen: list[int] = []

    @task(retry=RetryPolicy(max_attempts=2, initial_interval=0))
    def body(context: TaskExecutionContext, n: int = 0) -> int:
        seen.append(n)
        if n < 2:
            context.next_iteration(n + 1)
        if context.attempt == 1:
            raise OSError
        return n

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == 2
    assert seen == [0, 0, 1, 1, 2, 2]


def test_a_failed_iteration_is_resumed_where_it_was(store: Store) -> None:
    """With its own arguments; the iterations before it are not run again."""
    broken = [True]
    seen: list[int] = []

    @task
    def body(context: TaskExecutionContext, n: int = 0) -> int:
        seen.append(n)
        if n == 2 and broken:
            raise OSError
        if n < 3:
            context.next_iteration(n + 1)
        return n

    with workflow("w", store=store) as wf:
        wf.add(body)
    with pytest.raises(TaskFailed):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r") == 3
    assert seen == [0, 1, 2, 2, 3]


def test_steps_and_saved_states_belong_to_their_iteration(store: Store) -> None:
    """The next iteration begins with none."""
    calls: list[int] = []
    states: list[Any] = []

    def call(n: int) -> int:
        calls.append(n)
        return n

    @task(max_retries=5)
    def body(context: TaskExecutionContext) -> int:
        states.append(context.checkpoint_state)
        value = int(context.step(call, context.iteration))
        context.checkpoint(context.iteration)
        if context.attempt == 1:
            raise OSError
        if context.iteration < 3:
            context.next_iteration()
        return value

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == 3
    assert calls == [1, 2, 3]
    assert states == [None, 1, None, 2, None, 3]
