"""What must hold for the durable calls of bodies: steps, tracked loops, sleeps, signals and questions.

As in ``laws.py``, nothing of the engine's own bookkeeping is used: ``Book`` is a second, simpler one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from durable.core.events import Event
from durable.testing.crash.evidence import Evidence
from durable.testing.crash.witness import ITEM, STEP_CALLED, STEP_GIVEN, STEP_RETURNED

_BEGINS = frozenset({"TimerStarted", "SignalAwaited", "FeedbackRequested"})
_ENDS = {"TimerFired": ("TimerStarted",), "FeedbackAnswered": ("FeedbackRequested",)}
_UNSEEN = "?"
"""An item that another run has finished, of which this one is a fork."""
_EXPIRES = ("SignalAwaited", "FeedbackRequested")

Call: TypeAlias = tuple[str | None, str]
"""A task and the mark of one of its durable calls."""


class Book:
    """What a log says of the durable calls that bodies are in the middle of.

    Attributes:
        steps: those that are recorded.
        moves: how many items each tracked loop has finished.
        items: the items that each loop has begun, as text.
    """

    def __init__(self) -> None:
        self.steps: set[Call] = set()
        self.moves: dict[Call, int] = {}
        self.items: dict[Call, list[str]] = {}

    def take(self, event: Event) -> None:
        """Take in the next event of the log."""
        if event.type in ("TaskSucceeded", "TaskIterated"):
            self._forget(event.task_id, "")
        elif event.type == "StepSucceeded":
            self.steps.add((event.task_id, event.fields["mark"]))
        elif event.type == "CursorMoved":
            mark = event.fields["mark"]
            self._forget(event.task_id, f"{mark}/")
            self.moves[event.task_id, mark] = self.moves.get((event.task_id, mark), 0) + 1

    def _forget(self, task_id: str | None, prefix: str) -> None:
        """Drop the calls of an iteration, or of a body, that is over."""
        over = {
            key for key in (*self.steps, *self.moves, *self.items) if key[0] == task_id and key[1].startswith(prefix)
        }
        self.steps -= over
        for key in over:
            self.moves.pop(key, None)
            self.items.pop(key, None)


def recorded_steps_are_not_repeated(found: Evidence) -> Iterator[str]:
    """A step is not called once its success was recorded, and its body does not go on before.

    And a recorded success is that of a step which returned.
    """
    book, taken = Book(), 0
    for line, known in found.known():
        for event in found.events[taken:known]:
            book.take(event)
        taken = max(taken, known)
        if line.what == STEP_CALLED and (line.task_id, line.mark) in book.steps:
            yield f"attempt {line.number} of {line.task_id!r} called step {line.mark} although its value is recorded"
        elif line.what == STEP_GIVEN and (line.task_id, line.mark) not in book.steps:
            yield f"attempt {line.number} of {line.task_id!r} continued after step {line.mark}, which is not recorded"
    returned = {(line.task_id, line.number, line.mark) for line in found.lines if line.what == STEP_RETURNED}
    for event in found.events[found.copied :]:
        if event.type == "StepSucceeded" and (event.task_id, event.attempt, event.fields["mark"]) not in returned:
            yield f"seq {event.seq}: success of step {event.fields['mark']} of {event.task_id!r}, which never returned"


def loops_go_on_where_they_were(found: Evidence) -> Iterator[str]:
    """A tracked loop begins with the item after the last one that was recorded as finished, and omits none."""
    book, taken = Book(), 0
    for line, known in found.known():
        for event in found.events[taken:known]:
            book.take(event)
        taken = max(taken, known)
        if line.what != ITEM:
            continue
        loop = (line.task_id, line.mark)
        done, items = book.moves.get(loop, 0), book.items.setdefault(loop, [])
        where = f"loop {line.mark} of {line.task_id!r}: attempt {line.number} began {line.item}"
        if done > len(items) and not found.copied:
            yield f"{where} after {done} items, of which only {len(items)} were ever started"
        elif done < len(items) and items[done] not in (line.item, _UNSEEN):
            yield f"{where}, and should have started {items[done]}"
        items += [_UNSEEN] * (done - len(items))
        items[done:] = [line.item]


def waits_end_once(found: Evidence) -> Iterator[str]:
    """A sleep, a wait or a question begins once, ends at most once, and a sleep not before its time."""
    open_now: dict[Call, Event] = {}
    for event in found.events:
        if event.type in ("TaskSucceeded", "TaskIterated"):
            open_now = {call: begun for call, begun in open_now.items() if call[0] != event.task_id}
        mark = event.fields.get("mark") if event.type in (*_BEGINS, *_ENDS, "WaitExpired", "CursorMoved") else None
        if mark is None:
            continue
        call = (event.task_id, mark)
        what = f"seq {event.seq}: {event.type} of call {mark} of {event.task_id!r}"
        if event.type in _BEGINS:
            if call in open_now:
                yield f"{what}, which had started before"
            open_now[call] = event
        elif event.type == "CursorMoved":
            inside = [key for key in open_now if key[0] == event.task_id and key[1].startswith(f"{mark}/")]
            for key in inside:
                del open_now[key]
        else:
            begun = open_now.get(call)
            if begun is None or begun.type not in _ENDS.get(event.type, _EXPIRES):
                yield f"{what}, which waits for no such thing"
            elif event.type != "FeedbackAnswered" and event.time < begun.fields["due"]:
                yield f"{what}, before its time"
            elif event.type == "FeedbackAnswered" and begun.fields["id"] != event.fields["id"]:
                yield f"{what}, which asked {begun.fields['id']!r} and got the answer to {event.fields['id']!r}"
            open_now[call] = event  # it may not end, nor begin, again


def messages_count_once(found: Evidence) -> Iterator[str]:
    """A signal and an answer are recorded once, and a question is asked once; what is recorded leaves the inbox."""
    seen: set[tuple[str, str]] = set()
    for event in found.events:
        if event.type not in ("SignalReceived", "FeedbackRequested", "FeedbackAnswered"):
            continue
        name = event.fields["id"]
        if (event.type, name) in seen:
            yield f"seq {event.seq}: {event.type} {name!r} was recorded before"
        seen.add((event.type, name))
        if event.type != "FeedbackRequested" and {name, f"answer:{name}"} & set(found.inbox):
            yield f"seq {event.seq}: {event.type} {name!r} is recorded, and its message is still in the inbox"


LAWS_OF_CALLS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    recorded_steps_are_not_repeated,
    loops_go_on_where_they_were,
    waits_end_once,
    messages_count_once,
)
