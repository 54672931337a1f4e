"""Steps, saved states and tracked loops: what a body has recorded is not done again by its next attempt."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable import (
    DefinitionError,
    DivergenceError,
    PayloadError,
    PoisonTask,
    RetryPolicy,
    Store,
    TaskExecutionContext,
    TaskFailed,
    Workflow,
    task,
    workflow,
)
from durable.engine.load import load
from durable.testing import FakeClock
from tests.conftest import Died
from tests.core.machine import facts
from tests.engine.cutting import cuts
from tests.engine.reading import count, fields, statuses, trail

Process = Callable[..., Any]


def single(body: Any, store: Any = None, **settings: Any) -> Workflow:
    """A workflow of one task."""
    with workflow("w", store=store) as wf:
        wf.add(task(**settings)(body))
    return wf


# Steps.


def test_a_step_is_recorded_once_and_later_attempts_get_its_value(store: Store) -> None:
    """Three attempts, one call of each step; the value is the recorded one, decoded anew."""
    ran: Counter[str] = Counter()

    def first() -> list[int]:
        ran["first"] += 1
        return [1]

    def second(n: int, *, by: int) -> int:
        ran["second"] += 1
        return n * by

    def body(ctx: TaskExecutionContext) -> int:
        found = ctx.step(first)
        found.append(ctx.attempt)
        value = ctx.step(second, len(found), by=10)
        if ctx.attempt < 3:
            raise OSError
        assert found == [1, 3]
        return int(value)

    run = single(body, store, max_retries=5).start()
    assert run.result() == 20
    assert ran == {"first": 1, "second": 1}
    assert count(run, "StepSucceeded") == 2
    assert fields(run, "StepSucceeded") == {"mark": "1", "name": "second"}


def test_a_step_survives_a_run_that_failed_and_was_resumed(store: Store) -> None:
    """Reopening a task gives it a new budget and keeps what its steps recorded."""
    ran: Counter[str] = Counter()
    broken = [True]

    def pay() -> str:
        ran["pay"] += 1
        return "paid"

    def body(ctx: TaskExecutionContext) -> str:
        found = ctx.step(pay)
        if broken:
            raise OSError
        return str(found)

    wf = single(body, store)
    with pytest.raises(TaskFailed):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r") == "paid"
    assert ran == {"pay": 1}


def test_steps_in_another_order_are_a_divergence_that_is_not_retried(store: Store) -> None:
    """The error names the call and both steps; another attempt would only run into it again."""

    def one() -> int:
        return 1

    def two() -> int:
        return 2

    def body(ctx: TaskExecutionContext) -> None:
        ctx.step(one if ctx.attempt == 1 else two)
        raise OSError

    run = single(body, store, max_retries=9).start()
    with pytest.raises(TaskFailed, match="'step one' in an earlier attempt and is 'step two' now") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, DivergenceError)
    assert caught.value.__cause__.changes == ["0: step one -> step two"]
    assert count(run, "TaskStarted") == 2


def test_another_kind_of_call_is_a_divergence_too(store: Store) -> None:
    """A sleep where a step was."""

    def one() -> int:
        return 1

    def body(ctx: TaskExecutionContext) -> None:
        if ctx.attempt == 1:
            ctx.step(one)
            raise OSError
        ctx.sleep(1)

    with pytest.raises(TaskFailed, match="was 'step one' in an earlier attempt and is 'sleep' now"):
        single(body, store, max_retries=9).execute()


def test_a_step_is_called_again_within_the_attempt_as_its_retry_says(store: Store, clock: FakeClock) -> None:
    """Pauses grow as configured, the attempt stays the same, and only the value is recorded."""
    at: list[float] = []

    def flaky() -> str:
        at.append(clock.monotonic())
        if len(at) < 3:
            raise OSError
        return "done"

    def body(ctx: TaskExecutionContext) -> str:
        return str(ctx.step(flaky, retry=RetryPolicy(max_attempts=3, initial_interval=10, backoff_factor=2, jitter=0)))

    run = single(body, store).start()
    assert run.result() == "done"
    assert at == [0, 10, 30]
    assert (count(run, "TaskStarted"), count(run, "StepSucceeded")) == (1, 1)


def test_what_a_step_raises_last_is_the_bodys_to_handle(store: Store) -> None:
    """Nothing is recorded of it, so that the next attempt calls it again."""
    ran: list[int] = []

    def always() -> None:
        ran.append(1)
        raise KeyError("x")

    def body(ctx: TaskExecutionContext) -> str:
        with pytest.raises(KeyError):
            ctx.step(always, retry=RetryPolicy(max_attempts=2, initial_interval=0))
        if ctx.attempt == 1:
            raise OSError
        return "handled"

    run = single(body, store, max_retries=1).start()
    assert run.result() == "handled"
    assert (len(ran), count(run, "StepSucceeded")) == (4, 0)


def test_a_value_that_cannot_be_recorded_is_refused_where_the_step_is(store: Store) -> None:
    """The body sees PayloadError, and nothing is recorded."""

    def opens() -> Any:
        return (item for item in ())

    def body(ctx: TaskExecutionContext) -> str:
        with pytest.raises(PayloadError):
            ctx.step(opens)
        return "seen"

    run = single(body, store).start()
    assert run.result() == "seen"
    assert count(run, "StepSucceeded") == 0


@task
def work(n: int) -> int:
    return n


INSIDE: dict[str, Callable[[TaskExecutionContext], Any]] = {
    "a step": lambda ctx: ctx.step(int),
    "a sleep": lambda ctx: ctx.sleep(1),
    "a signal": lambda ctx: ctx.wait_for_signal("s"),
    "a loop": lambda ctx: list(ctx.track([1])),
    "next_task": lambda ctx: ctx.next_task(work(n=1)),
    "next_iteration": lambda ctx: ctx.next_iteration(1),
    "terminate_workflow": lambda ctx: ctx.terminate_workflow(),
    "cancel_workflow": lambda ctx: ctx.cancel_workflow(),
    "a checkpoint": lambda ctx: ctx.checkpoint(1),
    "a channel write": lambda ctx: ctx.set("k", 1),
    "a metadata write": lambda ctx: ctx.metadata.update(k=1),
    "a metadata removal": lambda ctx: ctx.metadata.pop("there"),
}


@pytest.mark.parametrize("what", INSIDE)
def test_what_would_be_lost_when_a_step_is_replayed_is_refused_inside_of_it(store: Store, what: str) -> None:
    """Durable calls, staged writes and what happens after the attempt: DefinitionError, and nothing is recorded."""

    def before(ctx: TaskExecutionContext) -> None:
        ctx.metadata["there"] = 1

    def body(ctx: TaskExecutionContext) -> str:
        def inner() -> None:
            INSIDE[what](ctx)

        with pytest.raises(DefinitionError, match="inside of a step"):
            ctx.step(inner)
        return "refused"

    with workflow("w", store=store) as wf:
        task(before) >> task(body)
    run = wf.start()
    assert run.result() == "refused"
    assert count(run, "ChannelWritten") == 0
    assert count(run, "MetadataWritten") == 1


def test_a_coroutine_awaits_its_steps_and_they_are_replayed(store: Store) -> None:
    """Plain and coroutine functions alike."""
    ran: Counter[str] = Counter()

    def plain() -> int:
        ran["plain"] += 1
        return 1

    async def later() -> int:
        ran["later"] += 1
        await asyncio.sleep(0)
        return 2

    async def body(ctx: TaskExecutionContext) -> list[int]:
        found = [await ctx.step(plain), await ctx.step(later)]
        if ctx.attempt == 1:
            raise OSError
        return found

    assert single(body, store, max_retries=1).execute() == [1, 2]
    assert ran == {"plain": 1, "later": 1}


# The saved state.


def test_the_newest_saved_state_is_there_for_the_next_attempt(store: Store) -> None:
    """A fresh copy each time; None in the first attempt and in another task."""
    seen: list[Any] = []

    def body(ctx: TaskExecutionContext) -> None:
        seen.append(ctx.checkpoint_state)
        if ctx.attempt < 3:
            ctx.checkpoint({"at": 0})
            ctx.checkpoint({"at": ctx.attempt})
            raise OSError

    def after(ctx: TaskExecutionContext) -> None:
        seen.append(ctx.checkpoint_state)

    with workflow("w", store=store) as wf:
        task(max_retries=5)(body) >> task(after)
    run = wf.start()
    run.result()
    assert seen == [None, {"at": 1}, {"at": 2}, None]
    assert count(run, "TaskCheckpointed") == 4


def test_a_saved_state_survives_the_process(process: Process) -> None:
    """It is durable when ``checkpoint`` returns."""

    def body(ctx: TaskExecutionContext) -> str:
        if ctx.checkpoint_state is None:
            ctx.checkpoint(["half"])
            raise Died
        return str(ctx.checkpoint_state)

    killed = process()
    wf = single(body)
    with pytest.raises(Died):
        _killed_in(killed, lambda: wf.start(run_id="r", store=killed))
    assert wf.execute(run_id="r", store=process()) == "['half']"


def _killed_in(store: Any, drive: Callable[[], Any]) -> None:
    """Drive, and let the process be gone once ``Died`` is recorded as what it is: nothing."""
    original = store.append

    def append(run_id: str, events: Any, *args: Any, **options: Any) -> int:
        if any(event.type in ("TaskFailed", "TaskRetryScheduled") for event in events):
            store.die()
        return int(original(run_id, events, *args, **options))

    store.append = append
    drive()


@pytest.mark.parametrize("progress", [True, False])
def test_a_task_that_gets_on_is_not_poison_however_often_its_process_dies(process: Process, progress: bool) -> None:
    """Killed 30 times with a step between, it goes on; without progress 25 times are enough."""
    calls = [0]

    def number() -> int:
        return 1

    def body(ctx: TaskExecutionContext) -> str:
        for _ in range(ctx.attempt if progress else 0):
            ctx.step(number)
        calls[0] += 1
        if calls[0] <= 30:
            raise Died
        return "through"

    wf = single(body)
    for _ in range(40):
        store = process()
        try:
            _killed_in(store, lambda store=store: wf.start(run_id="r", store=store))  # type: ignore[misc]
        except Died:
            continue
        break
    run = wf.start(run_id="r", store=process())
    if progress:
        assert run.result() == "through"
        assert calls[0] == 31
    else:
        with pytest.raises(TaskFailed, match="used up its 25 attempts") as caught:
            run.result()
        assert caught.value.error is not None
        assert caught.value.error.type.endswith(PoisonTask.__name__)
        assert calls[0] == 25


# Tracked loops.


def test_a_loop_goes_on_after_the_last_finished_item_wherever_it_was_cut_off(store: Store, clock: FakeClock) -> None:
    """At every place of its log: no finished item is done again, and the result is the same."""
    ran: list[str] = []

    def double(n: int) -> int:
        ran.append(f"step {n}")
        return 2 * n

    def body(ctx: TaskExecutionContext) -> int:
        for n in ctx.track([1, 2, 3]):
            ran.append(f"item {n}")
            ctx.get_channel().append("doubled", ctx.step(double, n))
        return int(sum(ctx.get("doubled")))

    wf = single(body, store)
    run = wf.start(run_id="r")
    assert run.result() == 12
    for seq, part in cuts(run):
        events = [event for event in run.events() if event.seq <= seq]
        finished = sum(event.type == "CursorMoved" for event in events)
        steps = sum(event.type == "StepSucceeded" for event in events)
        succeeded = any(event.type == "TaskSucceeded" for event in events)
        ran.clear()
        again = wf.start(run_id="r", store=part)
        assert again.result() == 12
        assert again.load_state().channel.keys() == {"doubled"}
        assert [event.type for event in again.events()].count("ChannelWritten") == 3
        expected = [] if succeeded else [f"item {n}" for n in (1, 2, 3)[finished:]]
        assert [line for line in ran if line.startswith("item")] == expected, seq
        assert [line for line in ran if line.startswith("step")] == [f"step {n}" for n in (1, 2, 3)[steps:]], seq


def test_an_items_step_is_not_mistaken_for_that_of_the_item_before(store: Store) -> None:
    """The first item failed after its step: it gets the recorded value, and the second one calls its own."""

    def same(n: int) -> int:
        return n

    def body(ctx: TaskExecutionContext) -> list[int]:
        found = []
        for n in ctx.track([1, 2, 3]):
            found.append(ctx.step(same, n))
            if ctx.attempt == 1:
                raise OSError
        return found

    assert single(body, store, max_retries=1).execute() == [1, 2, 3]


def test_with_a_key_items_before_the_cursor_may_come_and_go(store: Store) -> None:
    """The loop goes on after the item that was finished last, wherever that stands now."""
    items = {1: ["a", "b", "c"], 2: ["new", "b", "c", "d"], 3: ["c", "d"]}
    seen: list[str] = []

    def body(ctx: TaskExecutionContext) -> None:
        for name in ctx.track(items[ctx.attempt], key=str.upper):
            if name == {1: "c", 2: "d"}.get(ctx.attempt):
                raise OSError
            seen.append(name)

    single(body, store, max_retries=5).execute()
    assert seen == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("items", "key", "said"),
    [
        ([["a", "c"], ["x", "b"]], None, "item 0 is not the one that was finished there"),
        ([["a", "b"], []], None, "1 items were finished and there are only 0 now"),
        ([["a", "b"], ["b", "c"]], str.lower, "the last item that was finished is not among the items any more"),
    ],
)
def test_items_that_are_not_those_of_before_are_a_divergence(
    store: Store, items: list[list[str]], key: Any, said: str
) -> None:
    """Refused by name instead of skipping or repeating the wrong ones; not retried."""

    def body(ctx: TaskExecutionContext) -> None:
        for number, _ in enumerate(ctx.track(items[ctx.attempt - 1], key=key)):
            if number == len(items[0]) - 1:
                raise OSError
        raise OSError

    run = single(body, store, max_retries=5).start()
    with pytest.raises(TaskFailed, match=said) as caught:
        run.result()
    assert isinstance(caught.value.__cause__, DivergenceError)
    assert count(run, "TaskStarted") == 2


def test_the_items_may_be_a_generator(store: Store) -> None:
    """It is made anew by each attempt and read past what is finished."""
    seen: list[int] = []

    def body(ctx: TaskExecutionContext) -> None:
        for n in ctx.track(n * n for n in range(5)):
            if n == 4 and ctx.attempt == 1:
                raise OSError
            seen.append(n)

    single(body, store, max_retries=1).execute()
    assert seen == [0, 1, 4, 9, 16]


def nested(ran: list[str]) -> Workflow:
    def name(*parts: object) -> str:
        return "".join(map(str, parts))

    def body(ctx: TaskExecutionContext) -> list[str]:
        channel = ctx.get_channel()
        for outer in ctx.track("ab"):
            channel.append("log", f"{outer}(")
            for inner in ctx.track((1, 2)):
                ran.append(f"{outer}{inner}")
                channel.append("log", ctx.step(name, outer, inner))
            channel.append("log", ")")
        for last in ctx.track("yz"):
            ran.append(last)
            channel.append("log", ctx.step(name, last))
        return list(ctx.get("log"))

    return single(body)


def test_loops_in_loops_and_after_each_other_keep_their_places(store: Store, clock: FakeClock) -> None:
    """Cut off anywhere: no finished item runs again, and every write is published exactly once."""
    ran: list[str] = []
    wf = nested(ran)
    run = wf.start(run_id="r", store=store)
    expected = ["a(", "a1", "a2", ")", "b(", "b1", "b2", ")", "y", "z"]
    whole = ["a1", "a2", "b1", "b2", "y", "z"]
    assert run.result() == expected
    assert ran == whole
    for seq, part in cuts(run):
        events = [event for event in run.events() if event.seq <= seq]
        ended = any(event.type == "TaskSucceeded" for event in events)
        finished = sum(event.type == "CursorMoved" and event.fields["mark"] != "0" for event in events)
        ran.clear()
        again = wf.start(run_id="r", store=part)
        assert again.result() == expected, seq
        assert ran == ([] if ended else whole[finished:]), seq
        assert _written(again) == expected, seq
        assert facts(load(part, "r", use_checkpoints=False)) == facts(again.load_state())


def _written(run: Any) -> list[Any]:
    view = run.view()
    return [view.load(event.seq) for event in run.events() if event.type == "ChannelWritten"]


def test_what_iterations_write_and_schedule_is_published_once_with_the_success(store: Store) -> None:
    """Before the task's success nobody sees any of it; an iteration that did not finish leaves nothing behind."""

    def body(ctx: TaskExecutionContext) -> None:
        for n in ctx.track(range(3)):
            if n == 2 and ctx.attempt == 1:
                ctx.next_task(work(n=99))
                ctx.set("last", 99)
                raise OSError
            ctx.next_task(work(n=n))
            ctx.get_channel().atomic_add("sum", n + 1)
            ctx.metadata[f"seen{n}"] = ctx.attempt

    run = single(body, store, max_retries=1).start()
    assert run.result() == {"body/work": 0, "body/work#2": 1, "body/work#3": 2}
    types = trail(run, "Task", "Channel", "Metadata", "Cursor")
    first_write = next(place for place, line in enumerate(types) if line.startswith(("Channel", "Metadata")))
    assert not any(line.startswith("Cursor") for line in types[first_write:])
    assert count(run, "TasksScheduled") == 1
    assert count(run, "ChannelWritten") == 3
    assert {key: run.view().load(seq) for key, seq in run.view().metadata.items()} == {
        "seen0": 1, "seen1": 1, "seen2": 2,
    }  # fmt: skip


def test_metadata_that_an_iteration_takes_back_stays_taken_back(store: Store) -> None:
    """A later attempt sees what the finished iterations left, not what they had in between."""

    def before(ctx: TaskExecutionContext) -> None:
        ctx.metadata["old"] = 1

    def body(ctx: TaskExecutionContext) -> dict[str, Any]:
        for n in ctx.track(range(3)):
            if n == 0:
                ctx.metadata["new"] = 1
                ctx.metadata["old"] = 2
            if n == 1:
                del ctx.metadata["new"]
                ctx.metadata["old"] = 1
            if n == 2 and ctx.attempt == 1:
                raise OSError
        return dict(ctx.metadata)

    with workflow("w", store=store) as wf:
        task(before) >> task(max_retries=1)(body)
    assert wf.execute() == {"old": 1}


def test_a_loop_that_is_left_early_may_be_left_early_again(store: Store) -> None:
    """``break`` leaves the item unfinished; calls after the loop keep their numbers."""
    ran: Counter[str] = Counter()

    def after() -> str:
        ran["after"] += 1
        return "after"

    def body(ctx: TaskExecutionContext) -> Any:
        for n in ctx.track(range(5)):
            ran[f"item{n}"] += 1
            if n == 2:
                break
        found = ctx.step(after)
        if ctx.attempt == 1:
            raise OSError
        return found

    run = single(body, store, max_retries=1).start()
    assert run.result() == "after"
    assert ran == {"item0": 1, "item1": 1, "item2": 2, "after": 1}
    assert fields(run, "StepSucceeded")["mark"] == "1"


def test_an_iteration_that_raises_is_left_and_its_successors_calls_keep_their_numbers(store: Store) -> None:
    """The body may catch it outside of the loop and go on."""

    def after() -> str:
        return "after"

    def body(ctx: TaskExecutionContext) -> Any:
        try:
            for n in ctx.track(range(3)):
                if n == 1:
                    raise KeyError
        except KeyError:
            pass
        found = ctx.step(after)
        if ctx.attempt == 1:
            raise OSError
        return found

    run = single(body, store, max_retries=1).start()
    assert run.result() == "after"
    assert fields(run, "StepSucceeded")["mark"] == "1"


def test_a_coroutine_tracks_its_items_too(store: Store) -> None:
    """With ``async for``; a loop in a loop as well."""
    ran: list[str] = []

    async def body(ctx: TaskExecutionContext) -> None:
        async for outer in ctx.track("ab"):
            async for inner in ctx.track((1, 2)):
                if (outer, inner, ctx.attempt) == ("b", 1, 1):
                    raise OSError
                ran.append(await ctx.step(str, f"{outer}{inner}"))

    run = single(body, store, max_retries=1).start()
    run.result()
    assert ran == ["a1", "a2", "b1", "b2"]
    assert statuses(run) == {"body": "succeeded"}


def test_a_coroutine_may_leave_a_loop_early(store: Store) -> None:
    """What it calls after the loop is found again by the next attempt."""
    ran: Counter[str] = Counter()

    def call(name: str) -> str:
        ran[name] += 1
        return name

    async def body(ctx: TaskExecutionContext) -> list[str]:
        found = []
        async for n in ctx.track(range(5)):
            found.append(await ctx.step(call, f"item{n}"))
            if n == 1:
                break
        found.append(await ctx.step(call, "after"))
        async for n in ctx.track("xy"):
            found.append(await ctx.step(call, n))
        if ctx.attempt < 3:
            raise OSError
        return found

    assert single(body, store, max_retries=4).execute() == ["item1", "after"]
    assert ran == {"item0": 1, "item1": 1, "after": 1, "x": 1, "y": 1}


def test_steps_and_loops_are_kept_by_sqlite_too(sqlite_store: Store) -> None:
    """A failed run is resumed from the file: nothing that was recorded is done again."""
    ran: Counter[str] = Counter()
    broken = [True]

    def call(n: int) -> int:
        ran[f"step{n}"] += 1
        return n

    def body(ctx: TaskExecutionContext) -> int:
        for n in ctx.track(range(4), key=str):
            ran[f"item{n}"] += 1
            ctx.get_channel().append("seen", ctx.step(call, n))
            ctx.checkpoint(n)
            if n == 2 and broken:
                raise OSError
        return len(ctx.get("seen")) + int(ctx.checkpoint_state)

    wf = single(body, sqlite_store)
    with pytest.raises(TaskFailed):
        wf.execute(run_id="r")
    broken.clear()
    assert wf.resume("r") == 6
    assert ran == {f"step{n}": 1 for n in range(4)} | {"item0": 1, "item1": 1, "item2": 2, "item3": 1}


def items(ctx: TaskExecutionContext) -> Iterator[int]:
    """A generator that is itself a durable call's consumer."""
    yield from ctx.track(range(3))


def test_a_loop_may_be_handed_through_a_generator(store: Store) -> None:
    """``yield from`` and partial reading do not confuse the numbers."""

    def body(ctx: TaskExecutionContext) -> list[int]:
        found = [ctx.step(int, n) for n in items(ctx)]
        if ctx.attempt == 1:
            raise OSError
        return found

    assert single(body, store, max_retries=1).execute() == []


AFTERWARDS: dict[str, Callable[[TaskExecutionContext], Any]] = {
    "ends the run": lambda ctx: ctx.terminate_workflow("early"),
    "goes to new work": lambda ctx: ctx.next_task(work(n=7), goto=True),
    "goes round": lambda ctx: ctx.next_iteration() if ctx.iteration == 1 else None,
    "cancels the run": lambda ctx: ctx.cancel_workflow("enough"),
}


@pytest.mark.parametrize("what", AFTERWARDS)
def test_what_a_finished_item_wants_after_the_attempt_is_not_forgotten(store: Store, what: str) -> None:
    """The item is not done again by the next attempt, so what it asked for is carried like what it wrote."""
    outcomes = []
    for fails in (False, True):

        def body(ctx: TaskExecutionContext, fails: bool = fails) -> int:
            for n in ctx.track(range(3)):
                if n == 1:
                    AFTERWARDS[what](ctx)
                if fails and n == 2 and ctx.attempt == 1 and what != "cancels the run":
                    raise OSError
            return ctx.iteration

        with workflow("w", store=store) as wf:
            task(max_retries=1)(body) >> task(id="after")(lambda: "after")
        run = wf.start()
        outcomes.append((run.status, statuses(run), run.results))
    assert outcomes[0] == outcomes[1]


def test_what_comes_before_a_loop_is_written_before_what_the_loop_wrote(store: Store) -> None:
    """Also by an attempt that finds the loop done: the last write wins, and counters are not counted twice."""

    def body(ctx: TaskExecutionContext) -> Any:
        ctx.set("status", "begun")
        ctx.metadata["rounds"] = ctx.metadata.get("rounds", 0) + 1
        for n in ctx.track(range(3)):
            ctx.set("status", n)
            ctx.metadata["rounds"] += 10
        if ctx.attempt == 1:
            raise OSError
        return [ctx.get("status"), ctx.metadata["rounds"]]

    assert single(body, store, max_retries=1).execute() == [2, 31]


def test_what_a_loop_wrote_is_kept_by_an_attempt_that_does_not_come_to_it(store: Store) -> None:
    """Its saved state says that the loop is done; what it writes itself comes after."""

    def body(ctx: TaskExecutionContext) -> None:
        if ctx.checkpoint_state is None:
            for n in ctx.track(range(2)):
                ctx.get_channel().append("log", n)
                ctx.metadata["last"] = n
                ctx.metadata["own"] = n
                ctx.next_task(work(n=n))
            ctx.checkpoint("looped")
            raise OSError
        ctx.get_channel().append("log", "second part")
        ctx.metadata["own"] = "mine"
        ctx.next_task(work(n=7))

    run = single(body, store, max_retries=1).start()
    view = run.view()
    assert run.results == {"body": None, "body/work": 0, "body/work#2": 1, "body/work#3": 7} or (
        run.results == {"body/work": 0, "body/work#2": 1, "body/work#3": 7}
    )
    assert view.read_channel("log", view.state.channel["log"]) == [0, 1, "second part"]
    assert {key: view.load(seq) for key, seq in view.metadata.items()} == {"last": 1, "own": "mine"}
