"""Results: their shape, that live and recorded ones are the same, and what cannot be one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from durable import Store, TaskExecutionContext, TaskFailed, Workflow, parallel, task, workflow
from tests.engine.reading import count, statuses


@task
def a() -> int:
    return 1


@task
def b() -> int:
    return 2


@task
def c(b: int) -> int:
    return b + 1


def test_one_end_gives_its_value(store: Store) -> None:
    """Not a dict."""
    with workflow("w", store=store) as wf:
        b >> c
    assert wf.execute() == 3


def test_several_ends_give_a_dict_in_definition_order(store: Store) -> None:
    """By task id."""
    with workflow("w", store=store) as wf:
        wf.add(a)
        b >> c
    assert list(wf.execute().items()) == [("a", 1), ("c", 3)]


def test_a_group_end_gives_its_members_values(store: Store) -> None:
    """``{member: value}`` of the successes, also as one of several ends."""
    with workflow("w", store=store) as wf:
        a >> (b | c(b=5))
        wf.add(a(task_id="x"))
    assert wf.execute() == {"b|c": {"b": 2, "c": 6}, "x": 1}


def test_a_skipped_task_is_no_end(store: Store) -> None:
    """Ends are the taken tasks without taken successors."""

    @task
    def fails() -> None:
        raise ValueError

    @task
    def behind(fails: Any = None) -> str:
        return "must be skipped"

    with workflow("w", store=store) as wf:
        parallel(fails, a, name="g").with_execution(policy="best_effort")
        fails >> behind
    run = wf.start()
    assert statuses(run)["behind"] == "skipped"
    assert run.result() == {"a": 1}


def test_run_results_is_always_a_dict_of_tasks(store: Store) -> None:
    """Also for a failed run: what has succeeded so far."""

    @task
    def fails(b: int) -> None:
        raise ValueError

    with workflow("w", store=store) as wf:
        b >> fails
        wf.add(a)
    assert wf.start().results == {"b": 2, "a": 1}


def test_a_finished_run_is_not_run_again(store: Store) -> None:
    """``execute`` with its id gives the recorded result, and runs nothing."""
    ran: list[int] = []

    @task
    def makes() -> tuple[int, set[int]]:
        ran.append(1)
        return (1, {2})

    with workflow("w", store=store) as wf:
        wf.add(makes)
    first = wf.execute(run_id="r")
    seq = wf.start(run_id="r").info.seq
    assert wf.execute(run_id="r") == first == (1, {2})
    assert ran == [1]
    assert wf.start(run_id="r").info.seq == seq


def test_a_failed_run_is_not_run_again_either(store: Store) -> None:
    """The same exception: type, message, recorded error. Only ``resume`` opens it again."""
    ran: list[int] = []

    @task
    def fails() -> None:
        ran.append(1)
        raise LookupError("no")

    with workflow("w", store=store) as wf:
        wf.add(fails)
    errors = []
    for _ in range(2):
        with pytest.raises(TaskFailed) as caught:
            wf.execute(run_id="r")
        errors.append(caught.value)
    assert ran == [1]
    live, recorded = errors
    assert str(live) == str(recorded)
    assert (live.task_id, live.run_id, live.error) == (recorded.task_id, recorded.run_id, recorded.error)
    assert isinstance(live.__cause__, LookupError)
    assert recorded.__cause__ is None


class TwoArguments(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")


class NotPicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("no")


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def recurses() -> None:
    recurses()


def raises(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize("backend", ["threading", "direct"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (raises(SystemExit(2)), "SystemExit: 2"),
        (raises(KeyboardInterrupt()), "KeyboardInterrupt"),
        (raises(GeneratorExit()), "GeneratorExit"),
        (recurses, "RecursionError"),
        (raises(TwoArguments(5, "text")), "TwoArguments: 5: text"),
        (raises(NotPicklable("x")), "NotPicklable: x"),
        (raises(Unreadable()), "Unreadable"),
        (raises(StopIteration()), "StopIteration"),
        (raises(ValueError("lone \ud800")), "ValueError: lone"),
        (lambda: (x for x in ()), "PayloadError"),
        (lambda: threading.Lock(), "PayloadError"),
    ],
)  # fmt: skip
def test_whatever_a_body_does_only_that_task_fails(
    store: Store, body: Callable[[], Any], said: str, backend: str
) -> None:
    """Its siblings go on, the failure is recorded with type and message, and the run ends as its policy says."""
    with workflow("w", store=store) as wf:
        group = parallel(task(id="bad")(body), a, b, name="g")
        group.with_execution(policy="best_effort", backend=backend)
    run = wf.start(run_id="r")
    assert run.result() == {"a": 1, "b": 2}
    assert said in (run.task_results("g")["bad"].error_message or "")
    assert count(run, "TaskFailed") == 1
    wf.execute(run_id="other")


@pytest.mark.parametrize("error", [SystemExit(2), TwoArguments(5, "text"), NotPicklable("x"), Unreadable()])
def test_a_task_outside_of_groups_fails_its_run_with_any_exception(store: Store, error: BaseException) -> None:
    """TaskFailed, live and recorded alike, with the original as the live cause."""
    made = Workflow("w", store=store)
    made.add(task(id="bad")(raises(error)))
    messages = []
    for _ in range(2):
        with pytest.raises(TaskFailed) as caught:
            made.execute(run_id="r")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_arguments_that_cannot_be_recorded_fail_their_task_only(store: Store) -> None:
    """A lock as a bound argument: the error names the task; others run."""

    @task
    def takes(lock: Any) -> None:
        raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        parallel(takes(lock=threading.Lock()), a, name="g").with_execution(policy="best_effort")
    run = wf.start()
    assert run.result() == {"a": 1}
    assert "PayloadError" in (run.task_results("g")["takes"].error_message or "")


def test_a_parameter_that_nothing_gives_later_fails_its_task_with_a_clear_error(store: Store) -> None:
    """An upstream might have written the channel key, so it is only known when the task starts."""

    @task
    def needs(nothing: int) -> None:
        raise AssertionError("must not run")

    with workflow("w", store=store) as wf:
        a >> needs
    with pytest.raises(TaskFailed, match="nothing gives parameter 'nothing' a value"):
        wf.execute()


def test_positional_only_parameters_are_given_by_name_too(store: Store) -> None:
    """A default in front of a bound one keeps its place."""

    @task
    def positional(first: int = 1, second: int = 2, /) -> list[int]:
        return [first, second]

    with workflow("w", store=store) as wf:
        wf.add(positional(second=5))
    assert wf.execute() == [1, 5]


def test_a_positional_only_context_is_injected(store: Store) -> None:
    """However the function wants it."""

    @task
    def positional(context: TaskExecutionContext, /, n: int = 1) -> str:
        return f"{context.task_id} {n}"

    with workflow("w", store=store) as wf:
        wf.add(positional)
    assert wf.execute() == "positional 1"


def test_nobody_sees_a_result_before_it_is_durable(process: Callable[..., Any]) -> None:
    """A sibling that looks while the result is being appended does not find it yet."""
    store = process()
    appending, looked = threading.Event(), threading.Event()
    append = store.append

    def slow(run_id: str, events: Any, *rest: Any, **more: Any) -> Any:
        if any((event.type, event.task_id) == ("TaskSucceeded", "a") for event in events):
            appending.set()
            assert looked.wait(20)
        return append(run_id, events, *rest, **more)

    store.append = slow

    @task
    def looks(context: TaskExecutionContext) -> Any:
        assert appending.wait(20)
        try:
            return context.get_result("a", "not yet")
        finally:
            looked.set()

    with workflow("w", store=store) as wf:
        a | looks
    assert wf.execute() == {"a": 1, "looks": "not yet"}
