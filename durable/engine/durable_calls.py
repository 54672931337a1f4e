"""DurableCalls: what bodies want recorded while they run, and the waits that they are held in.

The body's side may be called from any thread; the driver's side only by the driver. A future is done
once what was asked for is committed, so that a body never continues with something that may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from durable.core.durable_calls import find
from durable.errors import AttemptEnded, DefinitionError, Suspended

if TYPE_CHECKING:
    from concurrent.futures import Future

    from durable.core.events import Draft
    from durable.engine.attempt_port import AttemptPort
    from durable.engine.journal import Journal
    from durable.engine.running_attempts import RunningAttempts


@cache  # an import statement costs 8 us each time
def _future() -> type[Future[int]]:
    from concurrent.futures import Future  # 4 ms with the logging that it brings, for bodies that ask

    return Future


class Ask:
    """One thing asked for, and after it the wait that the body is held in.

    Attributes:
        mark: the wait; None when events are all there is to it, "" for a pause.
        until: when the body's patience ends, in seconds on the monotonic clock.
    """

    __slots__ = ("attempt", "drafts", "future", "mark", "patience", "until")

    def __init__(self, attempt: AttemptPort, drafts: Sequence[Draft], mark: str | None, patience: float) -> None:
        self.attempt = attempt
        self.drafts = drafts
        self.mark = mark
        self.patience = patience
        self.until = 0.0
        self.future: Future[int] = _future()()
        self.future.set_running_or_notify_cancel()  # a cancelled coroutine must not cancel what the driver answers


class DurableCalls:
    """The asks of one drive.

    Args:
        journal: where events go.
        running: what runs now.
        monotonic: seconds on a clock that never goes back.
        post: puts an ask into the driver's queue.
        pump: drives on until a future is done, for a body that runs on the driver.
    """

    def __init__(
        self,
        journal: Journal,
        running: RunningAttempts,
        monotonic: Callable[[], float],
        post: Callable[[tuple[str, Ask | None]], None],
        pump: Callable[[Future[int]], None],
    ) -> None:
        self.now = journal.now
        self.pump = pump
        self.held: list[Ask] = []
        self._journal = journal
        self._running = running
        self._monotonic = monotonic
        self._post = post
        self._uncommitted: list[Ask] = []
        self._checkpoint = False

    # The body's side.

    def ask(self, attempt: AttemptPort, drafts: Sequence[Draft], mark: str | None, patience: float) -> Future[int]:
        """See ``Port.ask``."""
        ask = Ask(attempt, drafts, mark, patience)
        if attempt.post is None:
            self.take(ask)
        else:
            self._post(("ask", ask))
        return ask.future

    def pause(self, attempt: AttemptPort, seconds: float) -> Future[int]:
        """See ``Port.pause``."""
        return self.ask(attempt, (), "", seconds)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """See ``Port.run_coroutine``."""
        return self._running.loop().run(coroutine)

    def look_again(self) -> None:
        """Let the driver look again whose patience has ended."""
        self._post(("look", None))

    # The driver's side.

    def take(self, ask: Ask) -> None:
        """Record what was asked for; a body whose attempt is over gets ``AttemptEnded``."""
        attempt = ask.attempt
        if self._running.attempts.get(attempt.node) is not attempt:
            ask.future.set_exception(AttemptEnded(f"the attempt has ended ({attempt.over}); nothing was recorded"))
            return
        refused = self._refused(ask)
        if refused is not None:
            ask.future.set_exception(refused)
            return
        for draft in ask.drafts:
            self._journal.emit(draft, attempt.task.task_id, attempt.number)
            self._checkpoint = self._checkpoint or draft.type == "TaskCheckpointed"
        if ask.mark is None:
            self._uncommitted.append(ask)
        else:
            ask.until = self._monotonic() + ask.patience
            self.held.append(ask)
            if ask.mark:
                attempt.waits = [*attempt.waits, ask.mark]

    def committed(self) -> None:
        """Let bodies go on whose events are durable now."""
        if not self._uncommitted and not self.held:
            return
        done, self._uncommitted = self._uncommitted, []
        if self._checkpoint:
            self._checkpoint = False
            self._journal.checkpoint()
        for ask in done:
            ask.future.set_result(0)
        if self.held:
            self.settle()

    def settle(self) -> None:
        """Let bodies go on whose wait has ended, and unwind those whose patience has; all must be committed."""
        now, held = self._monotonic(), []
        for ask in self.held:
            ended = self._ended(ask)
            if ended and ask.mark:
                ask.attempt.waits = [mark for mark in ask.attempt.waits if mark != ask.mark]
                ask.future.set_result(ended)
            elif now < ask.until or (ask.attempt.working and ask.until):
                held.append(ask)  # a body is unwound only when all of it waits
            elif ask.mark:
                ask.future.set_exception(Suspended(f"waits for {ask.mark}"))
            else:
                ask.future.set_result(0)
        self.held = held

    def next(self) -> float | None:
        """When the first body's patience ends, in seconds on the monotonic clock."""
        return min((ask.until for ask in self.held if not ask.attempt.working), default=None)

    @property
    def holding(self) -> set[int]:
        """The tasks whose bodies are held in a wait."""
        return {ask.attempt.node for ask in self.held if not ask.attempt.working}

    def unwind(self) -> None:
        """Suspend every body that is held in a wait: the drive stops."""
        for ask in self.held:
            ask.until = 0.0
        self.settle()

    def drop(self, attempt: AttemptPort) -> None:
        """Drop an attempt that is over."""
        for ask in (*self.held, *self._uncommitted):
            if ask.attempt is attempt and not ask.future.done():
                ask.future.set_exception(AttemptEnded(f"the attempt has ended ({attempt.over})"))
        self.held = [ask for ask in self.held if ask.attempt is not attempt]
        self._uncommitted = [ask for ask in self._uncommitted if ask.attempt is not attempt]

    def _ended(self, ask: Ask) -> int:
        if not ask.mark:
            return 0
        mark = find(self._journal.state.marks.get(ask.attempt.node), ask.mark)
        return mark.ended if mark is not None else 0

    def _refused(self, ask: Ask) -> DefinitionError | None:
        state = self._journal.state
        for draft in ask.drafts:
            if draft.type == "FeedbackRequested" and draft.fields["id"] in state.requests:
                name = draft.fields["id"]
                other = state.graph.ids[state.requests[name][0]]
                return DefinitionError(
                    f"feedback {name!r} was requested by task {other!r} already",
                    run_id=state.run_id,
                    task_id=ask.attempt.task.task_id,
                    hint="Give each request an id of its own, or leave request_id out",
                )
        return None
