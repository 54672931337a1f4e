"""Tasks that go round: each iteration is an attempt of its own, committed with what it wrote."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from durable import (
    CycleLimitExceeded,
    DefinitionError,
    Event,
    ParallelGroupError,
    RetryPolicy,
    Run,
    StepLimitExceeded,
    Store,
    StrictGroupPolicy,
    TaskExecutionContext,
    TaskFailed,
    Workflow,
    parallel,
    task,
    workflow,
)
from durable.core.state import RunState
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.cutting import cuts
from tests.engine.reading import appends, count, fields, statuses, trail

RAN: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    RAN.clear()


@task
def climb(context: TaskExecutionContext, n: int = 1) -> int:
    """Goes round until 5, and keeps a list and a sum on the way."""
    RAN[context.task_id] += 1
    context.get_channel().append("seen", n)
    context.get_channel().atomic_add("sum", n)
    if n < 5:
        context.next_iteration(n + 1)
    return n


@task
def after(context: TaskExecutionContext, climb: int) -> list[Any]:
    RAN[context.task_id] += 1
    return [climb, context.get("seen"), context.get("sum")]


def climbing(store: Any = None) -> Workflow:
    with workflow("w", store=store) as wf:
        climb >> after
    return wf


def test_a_task_goes_round_with_data_for_its_first_parameter(store: Store) -> None:
    """What follows it waits for the last iteration, and gets that one's value."""
    run = climbing(store).start()
    assert run.result() == [5, [1, 2, 3, 4, 5], 15]
    assert RAN == {"climb": 1, "climb[2]": 1, "climb[3]": 1, "climb[4]": 1, "climb[5]": 1, "after": 1}
    assert trail(run, "Task")[-3:] == ["TaskSucceeded climb", "TaskStarted after", "TaskSucceeded after"]
    assert (count(run, "TaskIterated"), count(run, "TaskSucceeded", "climb")) == (4, 1)
    assert fields(run, "TaskIterated")["iteration"] == 5


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


@pytest.mark.parametrize("swallows", [False, True])
def test_max_cycles_limits_iterations_also_when_the_body_swallows_the_error(store: Store, swallows: bool) -> None:
    """CycleLimitExceeded, not retried; the iteration that asked for too much does not count as done."""

    @task(max_cycles=3, max_retries=5)
    def body(context: TaskExecutionContext) -> str:
        RAN[context.task_id] += 1
        context.get_channel().append("log", context.iteration)
        try:
            context.next_iteration()
        except CycleLimitExceeded:
            if not swallows:
                raise
        return "done"

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start()
    with pytest.raises(TaskFailed, match="has made 3 iterations, as many as its max_cycles allows") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, CycleLimitExceeded)
    assert RAN == {"body": 1, "body[2]": 1, "body[3]": 1}
    assert run.view().read_channel("log", run.load_state().channel["log"]) == [1, 2]


@pytest.mark.parametrize("cycles", [0, -1, 1.5, True, "3"])
def test_max_cycles_is_a_number_of_iterations(cycles: Any) -> None:
    """Refused where the task is defined."""
    with pytest.raises(DefinitionError, match="max_cycles"):
        task(max_cycles=cycles)(lambda: None)


def test_exactly_max_cycles_iterations_are_allowed(store: Store) -> None:
    """The limit is not off by one."""

    @task(max_cycles=3)
    def body(context: TaskExecutionContext) -> int:
        if context.iteration < 3:
            context.next_iteration()
        return context.iteration

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == 3


def test_iterations_count_as_steps(store: Store) -> None:
    """A loop without end comes to one that names itself."""

    @task
    def body(context: TaskExecutionContext) -> None:
        context.next_iteration()

    with workflow("w", store=store) as wf:
        wf.add(body)
    run = wf.start(max_steps=7)
    with pytest.raises(StepLimitExceeded, match="started 7 attempts"):
        run.result()
    assert count(run, "TaskIterated") == 7


@pytest.mark.parametrize("backend", ["direct", "threading"])
def test_a_member_of_a_group_may_go_round(store: Store, backend: str) -> None:
    """The group is judged after the last iteration of each, and sees one result of each."""

    @task
    def member(context: TaskExecutionContext, limit: int, n: int = 1) -> int:
        RAN[context.task_id] += 1
        if n < limit:
            context.next_iteration(n + 1)
        return n

    with workflow("w", store=store) as wf:
        members = [member(task_id=f"m{limit}", limit=limit) for limit in (1, 3, 5)]
        parallel(members, name="g").with_execution(backend=backend) >> task(id="end")(lambda g: g)
    run = wf.start()
    assert run.result() == {"m1": 1, "m3": 3, "m5": 5}
    assert sum(RAN.values()) == 9
    assert trail(run, "Group", "TaskSucceeded")[-2:] == ["GroupSucceeded g", "TaskSucceeded end"]


def test_a_member_that_goes_round_is_cancelled_with_its_group(store: Store) -> None:
    """It has begun: it is cancelled and not skipped, also between two iterations."""

    @task
    def endless(context: TaskExecutionContext) -> None:
        context.next_iteration()

    @task
    def fails(context: TaskExecutionContext) -> None:
        if context.iteration < 20:
            context.next_iteration()
            return
        raise OSError

    with workflow("w", store=store) as wf:
        parallel(endless, fails, name="g").with_execution(backend="direct", fail_fast=True)
    run = wf.start()
    assert statuses(run) == {"endless": "cancelled", "fails": "failed", "g": "failed"}


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


def test_a_loop_is_kept_by_sqlite(sqlite_store: Store) -> None:
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


class Watch:
    """Takes the time and the size of a run's state every 10,000 iterations."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.states: list[int] = []

    def __call__(self, state: RunState, events: list[Event]) -> None:
        if any(event.type == "TaskIterated" and event.fields["iteration"] % 10_000 == 0 for event in events):
            self.times.append(time.perf_counter())
            sparse = (state.iterations, state.marks, state.spent, state.carried, state.deadlines, state.driven)
            self.states.append(sum(map(len, sparse)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_iterations_cost_the_same_from_first_to_last(store: Store) -> None:
    """Time per iteration does not grow, and what the engine keeps of them does not either."""

    @task
    def body(context: TaskExecutionContext, n: int = 1) -> int:
        if n < 100_000:
            context.next_iteration(n + 1)
        return n

    watch = Watch()
    with workflow("w", store=store) as wf:
        wf.add(body)
    tracemalloc.start()
    try:
        begun = time.perf_counter()
        run = _watched(wf, store, watch)
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    assert run.result() == 100_000
    marks = [begun, *watch.times]
    took = [later - earlier for earlier, later in pairwise(marks)]
    assert len(took) >= 9
    assert min(took[-2:]) < 3 * max(took[:2]), took
    assert set(watch.states) == {1}
    kept = snapshot.filter_traces(
        [tracemalloc.Filter(True, "*/durable/core/*"), tracemalloc.Filter(True, "*/durable/engine/*")]
    )
    by_file = {stat.traceback[0].filename: stat.size for stat in kept.statistics("filename")}
    events = sum(size for name, size in by_file.items() if name.endswith(("engine/journal.py", "core/events.py")))
    assert sum(by_file.values()) - events < 64 * 1024 * 1024, by_file


def _watched(wf: Workflow, store: Store, watch: Callable[..., Any]) -> Run:
    from durable.runs.start import start_run

    return start_run(wf, store=store, start=None, observers=[watch])


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


def test_a_policy_cannot_give_a_member_other_arguments(store: Store) -> None:
    """Another attempt has the member's own; silently it would have gone on with the old ones."""

    class Tries(StrictGroupPolicy):
        def on_group_finished(self, group_id: str, tasks: Any, results: Any, context: Any) -> None:
            context.next_task(tasks[0](v=5))

    @task
    def member(v: int = 0) -> int:
        return v

    with workflow("w", store=store) as wf:
        wf.add(parallel(member, name="g").with_execution(policy=Tries()))
    with pytest.raises(ParallelGroupError, match="has the arguments that the member was given"):
        wf.execute()
