"""What a drive does to be watched: bodies, steps, items and appends leave their lines in the witness.

Nothing here may change what is watched, but for the one process that a ``Kill`` ends.
"""

from __future__ import annotations

import inspect
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from durable.context import durable_calls as calls
from durable.context.port import Durable, Invoke
from durable.context.task_context import TaskExecutionContext
from durable.context.tracked_loop import Tracked
from durable.core.durable_calls import Mark
from durable.core.events import Event
from durable.core.retry import RetryPolicy
from durable.engine.attempt import Attempt
from durable.store import Store
from durable.testing.crash.witness import (
    ACKNOWLEDGED,
    ITEM,
    RAISED,
    RETURNED,
    STARTED,
    STEP_CALLED,
    STEP_GIVEN,
    STEP_RETURNED,
    Witness,
)
from durable.testing.crash.workload import Kill

_LONGEST = 200
"""Characters of an item's text that a line keeps."""

Note = Callable[[str], None]


def watch_bodies(witness: Witness) -> None:
    """Note each body that starts, returns or raises; a coroutine returns when it was awaited to its end."""
    inner = Attempt._run

    def watched(attempt: Attempt) -> Any:
        def note(what: str) -> None:
            witness.note(what, attempt.view.run_id, attempt.task.task_id, attempt.number)

        note(STARTED)
        if attempt.task.coroutine:
            return _awaited(inner, attempt, note)
        try:
            value = inner(attempt)
        except BaseException:
            note(RAISED)
            raise
        note(RETURNED)
        return value

    Attempt._run = watched  # type: ignore[method-assign, assignment]


async def _awaited(inner: Callable[[Attempt], Any], attempt: Attempt, note: Note) -> Any:
    try:
        value = await inner(attempt)
    except BaseException:
        note(RAISED)
        raise
    note(RETURNED)
    return value


def watch_steps(witness: Witness) -> None:
    """Note each call of a step's function, each time that it returns, and when the body gets the value."""
    inner = calls._step

    def watched(
        context: TaskExecutionContext, path: str, mark: Mark | None, name: str, call: Invoke, retry: RetryPolicy | None
    ) -> Durable:
        def note(what: str) -> None:
            witness.note(what, context.run_id, context.node_id, _number(context), path)

        value = yield from inner(
            context, path, mark, name, Invoke(_noted(call.fn, note), call.args, call.kwargs), retry
        )
        note(STEP_GIVEN)
        return value

    calls._step = watched


def _noted(fn: Callable[..., Any], note: Note) -> Callable[..., Any]:
    """A step's function, of the same kind, that notes its calls."""

    async def finished(outcome: Coroutine[Any, Any, Any]) -> Any:
        value = await outcome
        note(STEP_RETURNED)
        return value

    def called(*args: Any, **kwargs: Any) -> Any:
        note(STEP_CALLED)
        value = fn(*args, **kwargs)
        if inspect.iscoroutine(value):
            return finished(value)
        note(STEP_RETURNED)
        return value

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        return await called(*args, **kwargs)

    return awaited if inspect.iscoroutinefunction(fn) else called


def watch_items(witness: Witness) -> None:
    """Note each item of a tracked loop that is begun."""
    inner = Tracked._remaining

    def watched(tracked: Tracked[Any]) -> Iterator[Any]:
        context = tracked._context
        for item in inner(tracked):
            text = repr(item)[:_LONGEST]
            witness.note(ITEM, context.run_id, context.node_id, _number(context), tracked._path, text)
            yield item

    Tracked._remaining = watched  # type: ignore[method-assign, assignment]


def _number(context: TaskExecutionContext) -> int:
    number: int = context.port.number
    return number


def watch_appends(store: Store, witness: Witness, kill: Kill | None, begun: Callable[[], None]) -> None:
    """Note each append that was acknowledged, or die around the one that is to be the last.

    Args:
        store: takes the appends.
        witness: takes the lines.
        kill: where to die.
        begun: called after the first append.
    """
    inner = store.append
    first = [begun]

    def append(
        run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        reached = kill is not None and kill.when != "at" and events[-1].seq >= kill.seq
        if reached and kill is not None and kill.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        last = inner(run_id, events, expected_seq, token, consume=consume)
        if reached:
            os.kill(os.getpid(), signal.SIGKILL)
        witness.note(ACKNOWLEDGED, run_id, "", last)
        if first:
            first.pop()()
        return last

    store.append = append  # type: ignore[method-assign]
