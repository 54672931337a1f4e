"""What finished iterations of tracked loops have staged: recorded with the cursor, staged again by a later attempt.

Everything is published with the task's success only. It is staged again where the later attempt comes to the
loop, so that writes keep their order and code before the loop reads what it read before. It must not be carried
twice: what an inner loop has carried is not carried again by the loop around it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from durable.context.staged import Effects, Write
from durable.core.specs import Fragment
from durable.payloads import Payload, decode, decode_raw, encode, encode_raw

if TYPE_CHECKING:
    from durable.context.staging import Staging


class Carried(msgspec.Struct, omit_defaults=True):
    """What one iteration staged.

    Attributes:
        writes: changes of the channel, then of the metadata; places: where those of the channel stand among all that
            the attempt staged.
        fragment: tasks that it scheduled.
        effects: what is to happen after the attempt, if the iteration changed that; goto: whether the successors
            are replaced.
    """

    writes: list[Write] = []
    places: list[int] = []
    fragment: Fragment | None = None
    effects: Effects | None = None
    goto: bool = False


class Carry:
    """What the iterations of one attempt stage.

    Args:
        context: the attempt's context.
        seqs: the events with what iterations of earlier attempts have staged.

    Attributes:
        open: channel writes that no finished iteration has carried yet, with their places.
    """

    def __init__(self, context: Staging, seqs: Iterable[int] = ()) -> None:
        self.open: list[tuple[int, Write]] = []
        self._context = context
        self._metadata: dict[str, Write] = {}
        self._after = (Effects(), False)
        self._pending: list[tuple[int, str, Carried]] = []
        for seq in seqs:
            event = context.view.store.event(context.run_id, seq)
            carried = msgspec.json.decode(decode_raw(event.encoding, event.payload)[1], type=Carried)
            self._pending.append((seq, event.fields["mark"], carried))
            if carried.fragment is not None:
                context.schedule().reserve(carried.fragment.ids)

    def begin(self) -> tuple[int, int]:
        """Begin an iteration; returns what ``part`` is to be given at its end."""
        scheduling = self._context.scheduling
        return len(self.open), len(scheduling.open) if scheduling is not None else 0

    def part(self, begun: tuple[int, int]) -> Payload | None:
        """Return what the iteration has staged, encoded; None for nothing."""
        context, (writes, parts) = self._context, begun
        staged = self.open[writes:]
        carried = Carried([write for _, write in staged], [place for place, _ in staged])
        carried.writes += self._changed_metadata()
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

    def restore(self, loop: str, until: int) -> None:
        """Stage what finished items of a loop have staged in earlier attempts, loops in these items included.

        Args:
            loop: the path of the loop's mark.
            until: the event of its last move.
        """
        inside, pending = f"{loop}/", self._pending
        due = [one for one in pending if one[0] <= until and (one[1] == loop or one[1].startswith(inside))]
        if due:
            self._pending = [one for one in pending if one not in due]
            self._apply([carried for _, _, carried in due])
            self._metadata = self._present_metadata()
            self._after = self._context.after()

    def restore_rest(self) -> None:
        """Stage what loops have staged that this attempt did not come to, before and below its own."""
        rest, self._pending = self._pending, []
        if rest:
            context, own = self._context, list(self._context.staged)
            changed, after = self._present_metadata(), context.after()
            context.staged.clear()
            self._apply([carried for _, _, carried in rest], changed)
            context.staged.extend(own)
            if after != (Effects(), False):
                context.restore(None, *after)

    def _apply(self, parts: Sequence[Carried], but: Container[str] = ()) -> None:
        """Stage again what iterations have staged, the channel's part in the order in which that was."""
        context = self._context
        placed = [pair for part in parts for pair in zip(part.places, part.writes, strict=False)]
        context.staged.extend(write for _, write in sorted(placed, key=itemgetter(0)))
        for part in parts:
            for write in part.writes[len(part.places) :]:
                if write.key in but:
                    continue
                if write.op == "delete":
                    context.metadata.pop(write.key, None)
                else:
                    context.metadata[write.key] = _decoded(write.payload)
            context.restore(part.fragment, part.effects, part.goto)

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
