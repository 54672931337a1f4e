"""``next_iteration``: a task goes round with other arguments; each iteration is an attempt of its own."""

from __future__ import annotations

from typing import Any

import pytest

from durable import DefinitionError, RetryPolicy, Store, TaskExecutionContext, TaskFailed, task, workflow
from durable.engine.load import load
from tests.engine.climbing import RAN, climbing
from tests.engine.reading import count, fields, trail


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


def test_a_task_goes_round_with_data_for_its_first_parameter(store: Store) -> None:
    """What follows it waits for the last iteration, and gets that one's value."""
    run = climbing(store).start()
    assert run.result() == [5, [1, 2, 3, 4, 5], 15]
    assert RAN == {"climb": 1, "climb[2]": 1, "climb[3]": 1, "climb[4]": 1, "climb[5]": 1, "after": 1}
    assert trail(run, "Task")[-3:] == ["TaskSucceeded climb", "TaskStarted after", "TaskSucceeded after"]
    assert (count(run, "TaskIterated"), count(run, "TaskSucceeded", "climb")) == (4, 1)
    assert fields(run, "TaskIterated")["iteration"] == 5


def test_a_task_goes_round_with_arguments_bound_to_itself(store: Store) -> None:
    """Those that are not named keep the values of the iteration before."""
    seen: list[tuple[int, str]] = []

    @task
    def rounds(context: TaskExecutionContext, n: int = 0, said: str = "first") -> str:
        seen.append((n, said))
        if n == 0:
            context.next_iteration(rounds(n=1, said="second"))
        elif n == 1:
            context.next_iteration(rounds(n=2))
        elif n == 2:
            context.next_iteration(3)
        return said

    with workflow("w", store=store) as wf:
        wf.add(rounds)
    assert wf.execute() == "second"
    assert seen == [(0, "first"), (1, "second"), (2, "second"), (3, "second")]


def test_data_goes_to_the_first_parameter_that_nothing_else_gives(store: Store) -> None:
    """Not to one that is bound or the value of an upstream task; None keeps everything as it is."""
    seen: list[tuple[int, int, Any]] = []

    @task
    def first() -> int:
        return 1

    @task
    def second(context: TaskExecutionContext, first: int, bound: int, data: Any = None) -> None:
        seen.append((first, bound, data))
        if len(seen) == 1:
            context.next_iteration([1])
        elif len(seen) == 2:
            context.next_iteration()

    with workflow("w", store=store) as wf:
        first >> second(bound=2)
    wf.execute()
    assert seen == [(1, 2, None), (1, 2, [1]), (1, 2, [1])]


@pytest.mark.parametrize("what", ["another task", "no parameter", "a value that cannot be recorded"])
def test_what_cannot_go_round_is_refused_where_it_is_asked_for(store: Store, what: str) -> None:
    """The body may go on and succeed."""

    @task
    def other(n: int) -> None:
        """Never runs."""

    @task
    def plain(context: TaskExecutionContext) -> str:
        items: dict[str, Any] = {"another task": other(n=1), "no parameter": 7}
        with pytest.raises(DefinitionError):
            context.next_iteration(items[what])
        return "refused"

    @task
    def takes(context: TaskExecutionContext, n: Any = None) -> str:
        with pytest.raises(Exception, match="cannot"):
            context.next_iteration(item for item in ())
        return "refused"

    with workflow("w", store=store) as wf:
        wf.add(takes if what.startswith("a value") else plain)
    assert wf.execute() == "refused"


def test_a_context_knows_its_iteration(store: Store) -> None:
    """Number, id, key for outside services, and attempts that count from 1 in each iteration."""
    seen: list[tuple[Any, ...]] = []

    @task(retry=RetryPolicy(max_attempts=2, initial_interval=0))
    def body(context: TaskExecutionContext) -> None:
        seen.append((context.iteration, context.task_id, context.idempotency_key, context.attempt))
        if context.attempt == 1:
            raise OSError
        if context.iteration < 3:
            context.next_iteration()

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start(run_id="r")
    assert run.status == "succeeded"
    assert seen == [
        (n, name, f"r/{name}", attempt)
        for n, name in ((1, "body"), (2, "body[2]"), (3, "body[3]"))
        for attempt in (1, 2)
    ]  # fmt: skip
    assert [event.attempt for event in run.events() if event.type == "TaskStarted"] == [1, 2, 3, 4, 5, 6]


def test_an_iteration_schedules_tasks_under_its_own_name(store: Store) -> None:
    """Ids tell iterations apart."""

    @task
    def work(n: int) -> int:
        return n

    @task
    def body(context: TaskExecutionContext) -> None:
        context.next_task(work(n=context.iteration))
        if context.iteration < 3:
            context.next_iteration()

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == {"body/work": 1, "body[2]/work": 2, "body[3]/work": 3}


def test_a_coroutine_goes_round_too(store: Store) -> None:
    """On the event loop."""

    @task
    async def body(context: TaskExecutionContext, n: int = 0) -> int:
        if n < 3:
            context.next_iteration(n + 1)
        return n

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == 3


def test_iterations_are_kept_by_sqlite(sqlite_store: Store) -> None:
    """With its arguments, whatever they are."""

    @task
    def body(context: TaskExecutionContext, data: Any = None) -> Any:
        if context.iteration < 4:
            context.next_iteration({"n": context.iteration, "set": {1, 2}})
        return data

    with workflow("w", store=sqlite_store) as wf:
        wf.add(body)
    assert wf.execute(run_id="r") == {"n": 3, "set": {1, 2}}
    state = load(sqlite_store, "r", use_checkpoints=False)
    assert state.iteration(0) == 4


def test_a_second_iteration_of_one_attempt_is_refused(store: Store) -> None:
    """One of the two would be lost."""

    @task
    def twice(ctx: TaskExecutionContext, n: int = 0) -> None:
        ctx.next_iteration(n + 1)
        ctx.next_iteration(n + 2)

    with workflow("w", store=store) as wf:
        wf.add(twice)
    with pytest.raises(TaskFailed, match="has asked for one already"):
        wf.execute()
