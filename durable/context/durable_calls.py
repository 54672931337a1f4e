"""The durable calls: each records what came of it at once, and gives the recorded value to later attempts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from durable.context.port import Draft, Durable, Invoke, run
from durable.context.call_numbering import InStep
from durable.core.durable_calls import FEEDBACK, SIGNAL, STEP, TIMER, Mark
from durable.core.retry import RetryPolicy
from durable.errors import DefinitionError, SignalTimedOut
from durable.values.payloads import decode, encode

if TYPE_CHECKING:
    from durable.context.task_context import TaskExecutionContext
    from durable.definition.questions import FeedbackRequest

LIVE_WAIT = 5.0
"""Seconds that a body is held for a person or a signal before it is suspended."""
LONGEST_HOLD = 60.0
"""Seconds: a body that sleeps for longer is suspended at once."""


def step(
    context: TaskExecutionContext,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    retry: RetryPolicy | None,
) -> Any:
    """See ``TaskExecutionContext.step``."""
    inner = getattr(fn, "fn", fn)
    if not callable(inner):
        raise DefinitionError(f"a step needs a function, not {fn!r}", task_id=context.task_id)
    name = getattr(inner, "__name__", type(inner).__name__)
    path, mark = context.numbering.next(STEP, name)
    return run(_step(context, path, mark, name, Invoke(inner, args, kwargs), retry), context.port)


def _step(
    context: TaskExecutionContext, path: str, mark: Mark | None, name: str, call: Invoke, retry: RetryPolicy | None
) -> Durable:
    if mark is not None:
        return context.view.load(mark.seq)
    tries = 1
    while True:
        try:
            with InStep():
                value = yield call
            break
        except Exception as error:
            if retry is None or tries >= retry.max_attempts or not retry.retries(error):
                raise
        from random import random  # 1 ms, for those who fail

        yield context.port.pause(retry.delay(tries, random() if retry.jitter else 0.5))
        tries += 1
    payload = encode(value)
    preview = payload.preview if payload is not None else None
    yield context.port.ask([Draft("StepSucceeded", {"mark": path, "name": name, "preview": preview}, payload)])
    return None if payload is None else decode(payload.encoding, payload.data)


def checkpoint(context: TaskExecutionContext, state: Any) -> Any:
    """See ``TaskExecutionContext.checkpoint``."""
    context.numbering.refuse_in_step("a checkpoint")
    payload = encode(state)
    preview = payload.preview if payload is not None else None
    return run(_record(context, [Draft("TaskCheckpointed", {"preview": preview}, payload)]), context.port)


def _record(context: TaskExecutionContext, drafts: Sequence[Draft]) -> Durable:
    yield context.port.ask(drafts)


def sleep(context: TaskExecutionContext, seconds: float) -> Any:
    """See ``TaskExecutionContext.sleep``."""
    _check_seconds("sleep", seconds, context)
    path, mark = context.numbering.next(TIMER, None)
    return run(_sleep(context, path, mark, seconds), context.port)


def _sleep(context: TaskExecutionContext, path: str, mark: Mark | None, seconds: float) -> Durable:
    if mark is not None and mark.ended:
        return
    now = context.port.now()
    due = mark.due if mark is not None else now + int(seconds * 1e6)
    drafts = [] if mark is not None else [Draft("TimerStarted", {"mark": path, "due": due})]
    left = max(due - now, 0) / 1e6
    yield context.port.ask(drafts, path, left + 1.0 if left <= LONGEST_HOLD else 0.0)


def wait_for_signal(context: TaskExecutionContext, name: str, timeout: float | None) -> Any:
    """See ``TaskExecutionContext.wait_for_signal``."""
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"a signal's name is a text, not {name!r}", task_id=context.task_id)
    if timeout is not None:
        _check_seconds("timeout", timeout, context)
    path, mark = context.numbering.next(SIGNAL, name)
    return run(_signal(context, path, mark, name, timeout), context.port)


def _signal(context: TaskExecutionContext, path: str, mark: Mark | None, name: str, timeout: float | None) -> Durable:
    ended = mark.ended if mark is not None else 0
    if not ended:
        due = None if timeout is None else context.port.now() + int(timeout * 1e6)
        drafts = [] if mark is not None else [Draft("SignalAwaited", {"mark": path, "name": name, "due": due})]
        ended = yield context.port.ask(drafts, path, LIVE_WAIT)
    event = context.view.event(ended)
    if event.type == "WaitExpired":
        raise SignalTimedOut(
            f"no signal {name!r} came within {timeout:g} s" if timeout else f"no signal {name!r} came in time",
            run_id=context.run_id,
            task_id=context.task_id,
        )
    return decode(event.encoding, event.payload)


def request_feedback(context: TaskExecutionContext, request: FeedbackRequest, patience: float) -> Any:
    """See ``TaskExecutionContext.request_feedback``."""
    path, mark = context.numbering.next(FEEDBACK, None)
    return run(_feedback(context, path, mark, request, patience), context.port)


def _feedback(
    context: TaskExecutionContext, path: str, mark: Mark | None, request: FeedbackRequest, patience: float
) -> Durable:
    from durable.definition.questions import encode_request, response

    ended = mark.ended if mark is not None else 0
    name = mark.name if mark is not None else request.id or f"{context.task_id}#{path}"
    if not ended:
        drafts = []
        if mark is None:
            name = _free(name, context)
            due = None if request.expires_in is None else context.port.now() + int(request.expires_in * 1e6)
            fields = {"mark": path, "id": name, "due": due}
            drafts = [Draft("FeedbackRequested", fields, encode_request(request))]
        ended = yield context.port.ask(drafts, path, patience)
    return response(name, request, context.view.event(ended))


def _free(name: str, context: TaskExecutionContext) -> str:
    """The request's id; a task that asks under the same id again gets ``#2`` and on."""
    requests, found, number = context.view.state.requests, name, 1
    while found in requests and requests[found][0] == context.view.state.index[context.node_id]:
        number += 1
        found = f"{name}#{number}"
    return found


def _check_seconds(what: str, value: Any, context: TaskExecutionContext) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < 1e9:
        raise DefinitionError(f"{what} is a number of seconds from 0, not {value!r}", task_id=context.task_id)
