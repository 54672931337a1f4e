"""What finished iterations of tracked loops have staged: recorded with the cursor, staged again by a later attempt.

Everything is published with the task's success only. It must not be carried twice: what an inner loop has
carried is not carried again by the loop around it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from durable.context.staged import Effects, Write
from durable.core.specs import Fragment
from durable.payloads import Payload, decode, decode_raw, encode, encode_raw

if TYPE_CHECKING:
    from durable.context.attempt import TaskExecutionContext


class Carried(msgspec.Struct, omit_defaults=True):
    """What one iteration staged.

    Attributes:
        writes: changes of the channel and the metadata.
        fragment: tasks that it scheduled.
        effects: what is to happen after the attempt, if the iteration changed that; goto: whether the successors
            are replaced.
    """

    writes: list[Write] = []
    fragment: Fragment | None = None
    effects: Effects | None = None
    goto: bool = False


class Carry:
    """What the iterations of one attempt stage.

    Args:
        context: the attempt's context.

    Attributes:
        open: channel writes that no finished iteration has carried yet.
    """

    def __init__(self, context: TaskExecutionContext) -> None:
        self.open: list[Write] = []
        self._context = context
        self._metadata: dict[str, Write] = {}
        self._after = (Effects(), False)

    def begin(self) -> tuple[int, int]:
        """Begin an iteration; returns what ``part`` is to be given at its end."""
        scheduling = self._context.scheduling
        return len(self.open), len(scheduling.open) if scheduling is not None else 0

    def part(self, begun: tuple[int, int]) -> Payload | None:
        """Return what the iteration has staged, encoded; None for nothing."""
        context, (writes, parts) = self._context, begun
        carried = Carried(self.open[writes:] + self._changed_metadata())
        del self.open[writes:]
        if context.scheduling is not None:
            carried.fragment = context.scheduling.part(parts)
        after = context.after()
        if after != self._after:
            self._after = after
            carried.effects, carried.goto = after
        if carried == Carried():
            return None
        return encode_raw(msgspec.json.encode(carried), "json")

    def restore(self, seqs: Iterable[int]) -> None:
        """Stage what finished iterations of earlier attempts have staged, given their events."""
        context = self._context
        for seq in seqs:
            event = context.view.store.event(context.run_id, seq)
            carried = msgspec.json.decode(decode_raw(event.encoding, event.payload)[1], type=Carried)
            for write in carried.writes:
                if write.space == "channel":
                    context.staged.append(write)
                elif write.op == "delete":
                    context.metadata.pop(write.key, None)
                else:
                    context.metadata[write.key] = _decoded(write.payload)
            context.restore(carried.fragment, carried.effects, carried.goto)
        self._metadata = self._present_metadata()
        self._after = context.after()

    def _present_metadata(self) -> dict[str, Write]:
        return {write.key: write for write in self._context.metadata_writes()}

    def _changed_metadata(self) -> list[Write]:
        """What differs from what was carried before, also what was taken back."""
        before, view = self._metadata, self._context.view
        self._metadata = present = self._present_metadata()
        found = [write for key, write in present.items() if before.get(key) != write]
        for key in before.keys() - present.keys():
            seq = view.metadata.get(key)
            payload = None if seq is None else encode(view.load(seq))
            found.append(Write("metadata", "delete" if seq is None else "set", key, payload))
        return found


def _decoded(payload: Payload | None) -> object:
    return None if payload is None else decode(payload.encoding, payload.data)
