"""Which attempt's body runs here: found through a context variable, so that libraries need not be handed it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable.context.task_context import TaskExecutionContext

CURRENT: ContextVar[Callable[[], TaskExecutionContext] | None] = ContextVar("durable_current_context", default=None)
"""Gives the context of the attempt that runs here; most bodies never ask for it."""


def current_context() -> TaskExecutionContext | None:
    """Return the context of the task whose body is running here; None outside of bodies."""
    current = CURRENT.get()
    return None if current is None else current()
