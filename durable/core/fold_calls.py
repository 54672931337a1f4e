"""How the fold takes in what bodies record while they run: steps, loops, sleeps, signals, questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from durable.core.durable_calls import FEEDBACK, LOOP, SIGNAL, STEP, TIMER, Mark, find, put
from durable.core.events import Event
from durable.core.state import RunState
from durable.core.transitions import SUSPENDED
from durable.errors import LogCorrupt


def forget(state: RunState, node: int) -> None:
    """Drop what the task's body has recorded: the task is over, or begins another iteration."""
    if state.marks:
        state.marks.pop(node, None)
    if state.carried:
        state.carried.pop(node, None)
    if state.saved:
        state.saved.pop(node, None)


def _node(state: RunState, event: Event) -> int:
    node = state.index.get(event.task_id or "")
    if node is None:
        _refuse(state, event)
    return node


def _refuse(state: RunState, event: Event) -> NoReturn:
    raise LogCorrupt(
        f"a {event.type} does not fit what its task has recorded",
        run_id=state.run_id,
        task_id=event.task_id,
        seq=event.seq,
        hint="The log was not written by this engine, or events are missing: run durable verify",
    )


def _mark(state: RunState, event: Event, kind: str, name: str = "", due: int = 0) -> int:
    node = _node(state, event)
    put(state.marks.setdefault(node, {}), event.fields["mark"], Mark(kind, name, event.seq, due))
    return node


def _progress(state: RunState, node: int) -> None:
    """A task that gets on is not one that kills its process: interruptions before do not count any more."""
    count = state.interrupted.pop(node, 0)
    if count:
        state.spent[node] -= count


def _step(state: RunState, event: Event) -> int:
    node = _mark(state, event, STEP, event.fields.get("name", ""))
    _progress(state, node)
    return node


def _moved(state: RunState, event: Event) -> int:
    node, fields = _node(state, event), event.fields
    marks = state.marks.setdefault(node, {})
    mark = find(marks, fields["mark"])
    if mark is None or not mark.seq:  # its first move: calls inside the iteration may have made it already
        mark = Mark(LOOP, fields.get("name", ""), event.seq)
        put(marks, fields["mark"], mark)
    mark.seq, mark.position, mark.inner = event.seq, fields["position"], {}
    if event.payload is not None:
        state.carried.setdefault(node, []).append(event.seq)
    _progress(state, node)
    return node


def _checkpointed(state: RunState, event: Event) -> int:
    node = _node(state, event)
    state.saved[node] = event.seq
    _progress(state, node)
    return node


def _timer(state: RunState, event: Event) -> int:
    return _mark(state, event, TIMER, "", event.fields["due"])


def _signal_awaited(state: RunState, event: Event) -> int:
    fields = event.fields
    name = fields["name"]
    node = _mark(state, event, SIGNAL, name, fields.get("due", 0))
    waiting = state.signals.get(name)
    if waiting:
        _end(state, node, fields["mark"], waiting.pop(0))
        if not waiting:
            del state.signals[name]
    else:
        state.listening.setdefault(name, []).append((node, fields["mark"], event.seq))
    return node


def _signal_received(state: RunState, event: Event) -> int | None:
    """The oldest wait that is still open has it; without one it waits for the next."""
    name = event.fields["name"]
    waits = state.listening.get(name, [])
    while waits:
        node, path, seq = waits.pop(0)
        mark = find(state.marks.get(node), path)
        if mark is not None and mark.seq == seq and mark.waits:
            _end(state, node, path, event.seq)
            return node
    state.listening.pop(name, None)
    state.signals.setdefault(name, []).append(event.seq)
    return None


def _asked(state: RunState, event: Event) -> int:
    fields = event.fields
    node = _mark(state, event, FEEDBACK, fields["id"], fields.get("due", 0))
    state.requests[fields["id"]] = (node, fields["mark"], event.seq, 0)
    return node


def _answered(state: RunState, event: Event) -> int:
    name = event.fields["id"]
    request = state.requests.get(name)
    if request is None:
        _refuse(state, event)
    node, path, seq, _ = request
    state.requests[name] = (node, path, seq, event.seq)
    mark = find(state.marks.get(node), path)
    if mark is not None and mark.seq == seq:  # else the task is over, or iterates again
        _end(state, node, path, event.seq)
    return node


def _over(state: RunState, event: Event) -> int:
    node = _node(state, event)
    _end(state, node, event.fields["mark"], event.seq)
    return node


def _end(state: RunState, node: int, path: str, seq: int) -> None:
    mark = find(state.marks.get(node), path)
    if mark is not None and not mark.ended:
        mark.ended = seq
    if state.nodes[node] == SUSPENDED:
        state.woken[node] = True


FOLDS: dict[str, Callable[[RunState, Event], int | None]] = {
    "StepSucceeded": _step,
    "CursorMoved": _moved,
    "TaskCheckpointed": _checkpointed,
    "TimerStarted": _timer,
    "TimerFired": _over,
    "SignalAwaited": _signal_awaited,
    "SignalReceived": _signal_received,
    "FeedbackRequested": _asked,
    "FeedbackAnswered": _answered,
    "WaitExpired": _over,
}
