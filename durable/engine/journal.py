"""Journal: the driver's one way to change a run: make an event, fold it, and append all in one commit.

``emit`` folds at once, so that the next decision sees it; nothing outside the driver sees it, and no
body starts because of it, before ``commit`` has made it durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from durable.context.effects import Write
from durable.core.data_events import channel_written, metadata_written
from durable.core.events import Draft, Event
from durable.core.fold import FOLDS, apply
from durable.core.frontier import TAKES, Frontier
from durable.core.replay import dump
from durable.core.state import RunState
from durable.engine.run_view import RunView
from durable.store import Checkpoint, Lease, Store

CHECKPOINT_EVENTS = 4000
"""Events after which a checkpoint pays for a small run."""
CHECKPOINT_SHARE = 4
"""A checkpoint is taken when the log since the last one is about so many times as large as it."""
_NODE_BYTES = 9
_EVENT_BYTES = 60

_STEPS: dict[str, tuple[Callable[[RunState, Event], int | None], Callable[[Frontier, Any], None] | None]] = {
    type: (fold, TAKES.get(type)) for type, fold in FOLDS.items()
}
"""What an event does to the state and to the frontier, found by one look-up: every event passes here."""
_UNKNOWN = (apply, None)

Observer = Callable[[RunState, list[Event]], Any]
"""Called on the driver after each commit, with the events that it made durable."""


class Journal:
    """Events of one run, from the driver to the store.

    Args:
        store: where they are appended.
        lease: the right to append.
        state: the folded state, kept current; view: what readers see of it.
        observers: told after each commit.

    Attributes:
        frontier: kept current too, once there is one.
        consume: ids of inbox messages that the next commit has dealt with.
        commit_seconds: how long a commit takes, lately.
        on_commit: called after each commit, before the observers.
    """

    def __init__(
        self, store: Store, lease: Lease, state: RunState, view: RunView, observers: Iterable[Observer] = ()
    ) -> None:
        self.store = store
        self.lease = lease
        self.state = state
        self.frontier: Frontier | None = None
        self.view = view
        self.observers = list(observers)
        self.now = store.clock.now
        self._monotonic = store.clock.monotonic
        self.batch: list[Event] = []
        self.consume: list[str] = []
        self.checkpointed = state.seq
        self.commit_seconds = 0.0
        self.on_commit: Callable[[], None] | None = None

    def emit(
        self,
        draft: Draft,
        task_id: str | None = None,
        attempt: int = 0,
        time: int = 0,
    ) -> None:
        """Make the next event of a draft and fold it in.

        Args:
            draft: what it says; made by the constructor of its type.
            task_id: the task or group it is about.
            attempt: the attempt it is about.
            time: when it happened, microseconds since 1970; 0 means the present moment.
        """
        state, seq, when = self.state, self.state.seq + 1, time or self.now()
        event = Event(seq, when, draft.type, task_id, attempt, draft.data, draft.encoding, draft.payload)
        fold, take = _STEPS.get(draft.type, _UNKNOWN)
        node = fold(state, event)  # what apply does, but for its look at the number: this event is the next one
        state.seq = seq
        state.time = when
        if self.frontier is not None:
            if take is not None:
                take(self.frontier, node)
            else:
                self.frontier.advance(event, node)
        self.batch.append(event)

    def emit_writes(self, writes: Iterable[Write], task_id: str | None, attempt: int = 0) -> None:
        """Emit staged changes of the channel and the metadata."""
        for write in writes:
            if write.space == "channel":
                draft = channel_written(write.payload, op=write.op, key=write.key, amount=write.amount)
            else:
                draft = metadata_written(write.payload, op=write.op, key=write.key)
            self.emit(draft, task_id, attempt)

    def commit(self) -> None:
        """Append what was emitted, durably, and let readers see it.

        Raises:
            LeaseLost: another drive took over; nothing was appended.
            StoreError: it could not be written; nothing was appended.
        """
        batch = self.batch
        if not batch:
            return
        state, monotonic = self.state, self._monotonic
        begun = monotonic()
        self.store.append(state.run_id, batch, batch[0].seq - 1, self.lease.token, consume=self.consume)
        self.commit_seconds += (monotonic() - begun - self.commit_seconds) / 8
        self.view.publish(batch)
        self.batch = []
        if self.consume:
            self.consume = []
        if self.on_commit is not None:
            self.on_commit()
        for observer in self.observers:
            observer(state, batch)
        tail = state.seq - self.checkpointed
        if tail >= CHECKPOINT_EVENTS and tail * _EVENT_BYTES >= CHECKPOINT_SHARE * _NODE_BYTES * len(state.nodes):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Keep a checkpoint of the committed state."""
        self.commit()
        state = self.state
        for seq, digest in self.store.digests(state.run_id, state.seq - 1, state.seq):
            self.store.save_checkpoint(state.run_id, Checkpoint(seq, digest, dump(state), state.time), self.lease.token)
        self.checkpointed = state.seq
