"""What a run takes in its store, and what is left of one that was pruned. It must not measure or delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from durable.core.events import EPOCH
from durable.errors import RunPruned

RESULTS = frozenset({"TaskSucceeded", "TaskIterated"})
"""Types of events whose payload is what a task returned."""


class Sizes(msgspec.Struct, frozen=True):
    """What a run takes in its store, in bytes; the store may estimate.

    Attributes:
        events: how many events there are.
        log: bytes of the events without their payloads.
        payloads: bytes of payloads by type of event, as they are kept, without those that are shared.
        shared: bytes of payloads that other runs use too, each counted once.
        checkpoints, messages: bytes of these.
    """

    events: int = 0
    log: int = 0
    payloads: Mapping[str, int] = {}
    shared: int = 0
    checkpoints: int = 0
    messages: int = 0

    @property
    def own(self) -> int:
        """Bytes that nobody but this run uses: what pruning it would free."""
        return self.log + sum(self.payloads.values()) + self.checkpoints + self.messages

    @property
    def total(self) -> int:
        """All bytes, the shared ones too."""
        return self.own + self.shared


class Pruned(msgspec.Struct, frozen=True):
    """What is left of a run that was pruned, beside its names and its status.

    Attributes:
        time: when it was pruned, microseconds since 1970.
        ended: time of its last event; events: how many it had.
        tasks: how many tasks had each status; empty when its log was damaged.
        freed: bytes that only it had used.
    """

    time: int
    ended: int
    events: int
    tasks: Mapping[str, int] = {}
    freed: int = 0

    @property
    def when(self) -> str:
        """When it was pruned, for people: the minute, in UTC."""
        return f"{EPOCH + timedelta(microseconds=self.time):%Y-%m-%d %H:%M} UTC"


def pruned_error(run_id: str, status: str, pruned: Pruned) -> RunPruned:
    """Return the error for asking more of a run than what is left of it."""
    return RunPruned(
        f"the run {status} and was pruned on {pruned.when}: its events and values are gone",
        run_id=run_id,
        hint="durable show RUN says what is known of it; to do its work again, choose another run id",
    )
