"""``@task``: a function with an id and settings, and instances of it with arguments bound."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from durable import DefinitionError, RetryPolicy, Task, TaskExecutionContext, task


@task
def plain(x: int, y: int = 2) -> int:
    return x + y


def test_all_forms_of_the_decorator() -> None:
    """Bare, with an id by position, with keywords; ``fn`` is the plain function."""

    @task("given")
    def one() -> None: ...

    @task(id="named", timeout=3, max_retries=2, version="7")
    def two() -> None: ...

    @task()
    def three() -> None: ...

    assert (plain.task_id, one.task_id, two.task_id, three.id) == ("plain", "given", "named", "three")
    assert two.retry is not None
    assert (two.timeout, two.retry.max_attempts, two.version) == (3.0, 3, "7")
    assert plain.fn(1) == 3


def test_calling_a_task_runs_nothing_and_binds() -> None:
    """The original is not changed; settings and earlier bindings are kept."""
    bound = plain(task_id="p", x=1)
    more = bound(y=5)
    assert (bound.task_id, bound.bound) == ("p", {"x": 1})
    assert (more.task_id, more.bound) == ("p", {"x": 1, "y": 5})
    assert plain.bound == {}


def test_arguments_are_bound_by_name_and_only_known_ones() -> None:
    """With what to write instead."""
    with pytest.raises(DefinitionError, match=r"bound by name.*plain\.fn"):
        plain(1)
    with pytest.raises(DefinitionError, match=r"takes no argument z.*It takes: x, y"):
        plain(z=1)


def test_a_function_with_keywords_takes_any_argument() -> None:
    """``**kwargs`` may be bound."""

    @task
    def open_ended(**options: Any) -> Any:
        return options

    assert open_ended(colour="red").bound == {"colour": "red"}


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": "5"},
        {"timeout": True},
        {"max_retries": -1},
        {"max_retries": 1, "retry": RetryPolicy()},
        {"id": ""},
        {"id": "a\nb"},
        {"id": "nul\0"},
        {"id": "x" * 501},
        {"id": 5},
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(settings: dict[str, Any]) -> None:
    """A DefinitionError when the task is written, not when it runs."""
    with pytest.raises(DefinitionError):
        task(**settings)(lambda: None)


def test_what_is_no_function_is_refused() -> None:
    """Also a callable whose parameters cannot be read."""
    with pytest.raises(DefinitionError, match="needs a function, not 5"):
        task(id="x")(5)  # type: ignore[type-var]
    with pytest.raises(DefinitionError, match="Wrap it in a def"):
        task(id="x")(type)


def test_any_callable_can_be_a_task() -> None:
    """Lambdas, partials, bound methods and objects with ``__call__``."""

    class Callable:
        def __call__(self, x: int) -> int:
            return x

        def method(self, x: int) -> int:
            return x

    for function in (lambda x: x, partial(lambda y, x: x, 1), Callable(), Callable().method):
        made = task(id="t")(function)
        assert made.signature.names == ("x",)


def test_inject_context_needs_a_parameter_for_it() -> None:
    """With what to do."""
    with pytest.raises(DefinitionError, match="takes no parameter for the context"):
        task(inject_context=True)(lambda: None)


def test_a_context_parameter_cannot_be_bound() -> None:
    """It is the engine's to give."""

    @task
    def body(context: TaskExecutionContext, x: int) -> None: ...

    with pytest.raises(DefinitionError, match="takes no argument context"):
        body(context=None)


def test_an_instance_has_every_setting_of_its_task() -> None:
    """Whatever a task can be given, its instances have it too; only id and bound arguments are their own."""

    def route(_context: Any) -> None: ...

    def body(number: int) -> None: ...

    made = Task(
        body, "a", retry=RetryPolicy(max_attempts=3), timeout=1, deadline=2, max_cycles=4, version="5", route=route
    )
    instance = made(task_id="b", number=1)
    own = {"task_id": "b", "bound": {"number": 1}}
    for name in Task.__slots__:
        assert getattr(instance, name) == own.get(name, getattr(made, name)), name
    assert made(task_id="c").bound == {}
