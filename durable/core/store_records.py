"""What a store hands out and takes in, as data: leases, checkpoints, runs as they are listed, messages."""

from __future__ import annotations

import msgspec

from durable.core.sizes import Pruned
from durable.core.transitions import STATUSES, SUSPENDED


class Lease(msgspec.Struct, frozen=True):
    """The right to drive a run, for one owner.

    Attributes:
        run_id: the run.
        owner: the drive that holds it.
        token: the fencing token; each lease on a run has a greater one than all before it.
        took_over: why the lease before it was not released: "died" (its owner's process is gone),
            "expired" (its owner is frozen or lost); None when it was released or there was none.
    """

    run_id: str
    owner: str
    token: int
    took_over: str | None = None


class LeaseInfo(msgspec.Struct, frozen=True):
    """Who drives a run, for people.

    Attributes:
        owner: the drive.
        token: its fencing token.
        pid: its process; host: that process's machine.
        expires: when it ends without a heartbeat, microseconds since 1970. For people: on the machine that
            holds it, the monotonic clock decides, which nobody can set.
        alive: whether its process is there and its time has not run out.
    """

    owner: str
    token: int
    pid: int
    host: str
    expires: int
    alive: bool


class Checkpoint(msgspec.Struct, frozen=True):
    """The folded state of a run at one sequence number; a cache that may be deleted.

    Attributes:
        seq: last event that is folded in.
        digest: the chain's digest at ``seq``, so that a replay verifies only what follows.
        state: the encoded state.
        time: when it was taken, microseconds since 1970.
    """

    seq: int
    digest: bytes
    state: bytes
    time: int = 0


class RunInfo(msgspec.Struct, frozen=True):
    """A run as a store lists it, without folding its log.

    Attributes:
        run_id, workflow: its names.
        status: recorded status: running, interrupted, suspended, succeeded, failed or cancelled.
        created, updated: time of the first and of the last event, microseconds since 1970.
        seq: last sequence number.
        driven: whether a live lease is held on it.
        file: the file that defines the workflow, when it was recorded.
        input: digest of the input.
        due: when a suspended run goes on by itself, microseconds since 1970; None if only a message helps, and
            for runs of another recorded status.
        messages: whether its inbox holds messages that no append has consumed.
        pruned: what is left of it when it was pruned, else None.
    """

    run_id: str
    workflow: str
    status: str
    created: int
    updated: int
    seq: int
    driven: bool = False
    file: str | None = None
    input: str | None = None
    due: int | None = None
    messages: bool = False
    pruned: Pruned | None = None

    @property
    def shown_status(self) -> str:
        """The status for people: a run that nobody drives although it has not ended is interrupted."""
        return "interrupted" if self.status == "running" and not self.driven else self.status

    def ready(self, now: int) -> bool:
        """Return whether a drive that begins now would find something to do.

        Args:
            now: microseconds since 1970.

        Returns:
            True when nobody drives the run and it was interrupted, or it is suspended and a message waits
            or its time has come.
        """
        if self.driven:
            return False
        if self.status == STATUSES[SUSPENDED]:
            return self.messages or (self.due is not None and self.due <= now)
        return self.shown_status == "interrupted"


class Message(msgspec.Struct, frozen=True):
    """Something sent to a run while nobody, or somebody else, drives it.

    Attributes:
        id: chosen by the sender; a second message with the same id is ignored.
        kind: what it is: "cancel" or "terminate" (end the run, without or with a result), "signal" (for whoever
            waits for its name), "answer" (to a question that was asked). A store does not look at it.
        data: a JSON object as text, with what the kind needs.
        time: when it was sent, microseconds since 1970.
    """

    id: str
    kind: str
    data: str = "{}"
    time: int = 0
