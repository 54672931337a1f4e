"""Signatures: which parameters are resolved, which receive the context, and which may be left out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Optional

import pytest

import durable
from durable import TaskExecutionContext
from durable.definition.signature import signature_of


def annotated(x: int, context: TaskExecutionContext) -> None: ...
def dotted(context: durable.TaskExecutionContext, x: int) -> None: ...
def quoted(context: "TaskExecutionContext", x: int) -> None: ...  # noqa: UP037
def optional(x: int, context: TaskExecutionContext | None = None) -> None: ...
def keyword_only(x: int, *, context: TaskExecutionContext) -> None: ...
def unannotated(ctx, x):  # type: ignore[no-untyped-def]
    ...


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return around


@pytest.mark.parametrize("function", [annotated, dotted, quoted, optional, keyword_only, wrapped(annotated)])
def test_a_parameter_annotated_as_context_receives_it(function: Callable[..., Any]) -> None:
    """Whatever its name and place, whether the annotation is a class, a text or optional."""
    found = signature_of(function, False)
    assert (found.context, found.names) == ("context", ("x",))


def test_the_annotation_wins_over_inject_context() -> None:
    """``inject_context`` takes the first parameter only where none is annotated."""
    assert signature_of(annotated, True).context == "context"
    assert signature_of(unannotated, True).context == "ctx"
    assert signature_of(unannotated, False).context is None


def test_optional_parameters_are_those_with_a_default() -> None:
    """By position and by keyword."""

    def function(a: int, b: int = 1, *rest: int, c: int, d: int = 2, **more: int) -> None: ...

    found = signature_of(function, False)
    assert found.names == ("a", "b", "c", "d")
    assert found.optional == {"b", "d"}
    assert found.extra


def test_positional_only_parameters_are_named_with_the_context() -> None:
    """They cannot be passed by name."""

    def function(context: TaskExecutionContext, a: int, /, b: int) -> None: ...

    found = signature_of(function, False)
    assert (found.names, found.positional) == (("a", "b"), ("context", "a"))


def test_a_wrapped_function_is_read_through_its_wrapper() -> None:
    """``functools.wraps`` keeps the parameters."""

    def function(a: int, b: Optional[int] = None) -> None: ...  # noqa: UP045

    found = signature_of(wrapped(function), False)
    assert (found.names, found.optional) == (("a", "b"), frozenset({"b"}))


def test_a_method_is_read_without_self() -> None:
    """Bound methods and objects with ``__call__``."""

    class Thing:
        def __call__(self, a: int) -> None: ...

    assert signature_of(Thing(), False).names == ("a",)
    assert signature_of(Thing().__call__, False).names == ("a",)
