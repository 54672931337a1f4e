"""What finished iterations of tracked loops have staged: recorded with the cursor, staged again by a later attempt.

Everything is published with the task's success only. It is staged again where the later attempt comes to the
loop, so that writes keep their order and code before the loop reads what it read before. It must not be carried
twice: what an inner loop has carried is not carried again by the loop around it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from durable.context.effects import Effects, Write
from durable.core.specs import Fragment
from durable.values.payloads import Payload, decode, decode_raw, encode, encode_raw

if TYPE_CHECKING:
    from durable.context.staging import Staging


Begun: TypeAlias = tuple[int, int, dict[str, Write]]
"""Where an iteration began: channel writes, scheduled parts, and the metadata's changes so far."""


class RecordedEffects(msgspec.Struct, omit_defaults=True):
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


class CursorEffects:
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
        self._begun: list[dict[str, Write]] = []
        self._after = (Effects(), False)
        self._pending: list[tuple[int, str, RecordedEffects]] = []
        for seq in seqs:
            event = context.view.event(seq)
            carried = msgspec.json.decode(decode_raw(event.encoding, event.payload)[1], type=RecordedEffects)
            self._pending.append((seq, event.fields["mark"], carried))
            if carried.fragment is not None:
                context.schedule().reserve(carried.fragment.ids)

    def begin(self) -> Begun:
        """Begin an iteration; returns what ``part`` is to be given at its end.

        Of the metadata an iteration carries what it changed since, also a key that it took back: code before it runs
        again. What an inner loop has carried is taken into the beginnings of the loops around it.
        """
        if self._context.numbering.loops == 1:
            self._begun.clear()
        base = self._present_metadata()
        self._begun.append(base)
        scheduling = self._context.scheduling
        return len(self.open), len(scheduling.open) if scheduling is not None else 0, base

    def part(self, begun: Begun) -> Payload | None:
        """Return what the iteration has staged, encoded; None for nothing."""
        context, (writes, parts, base) = self._context, begun
        staged = self.open[writes:]
        carried = RecordedEffects([write for _, write in staged], [place for place, _ in staged])
        carried.writes += self._changed_metadata(base)
        del self.open[writes:]
        if context.scheduling is not None:
            carried.fragment = context.scheduling.part(parts)
        after = context.after()
        if after != self._after:
            self._after = after
            carried.effects, carried.goto = after
        if carried == RecordedEffects():
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

    def _apply(self, parts: Sequence[RecordedEffects], but: Container[str] = ()) -> None:
        """Stage again what iterations have staged, the channel's part in the order in which that was."""
        context = self._context
        placed = [pair for part in parts for pair in zip(part.places, part.writes, strict=False)]
        context.staged.extend(write for _, write in sorted(placed, key=itemgetter(0)))
        for part in parts:
            metadata = part.writes[len(part.places) :]
            self._take_in(metadata)
            for write in metadata:
                if write.key in but:
                    continue
                if write.op == "delete":
                    context.metadata.pop(write.key, None)
                else:
                    context.metadata[write.key] = _decoded(write.payload)
            context.restore(part.fragment, part.effects, part.goto)

    def _present_metadata(self) -> dict[str, Write]:
        return {write.key: write for write in self._context.metadata_writes()}

    def _changed_metadata(self, before: dict[str, Write]) -> list[Write]:
        """What differs from how it was before, also what was taken back."""
        view, present = self._context.view, self._present_metadata()
        found = [write for key, write in present.items() if before.get(key) != write]
        for key in before.keys() - present.keys():
            seq = view.metadata.get(key)
            payload = None if seq is None else encode(view.load(seq))
            found.append(Write("metadata", "delete" if seq is None else "set", key, payload))
        self._begun = [base for base in self._begun if base is not before]
        self._take_in(found)
        return found

    def _take_in(self, carried: Iterable[Write]) -> None:
        """Let the iterations that go on know what is carried already."""
        for base in self._begun:
            for write in carried:
                if write.op == "delete" and write.key not in self._context.view.metadata:
                    base.pop(write.key, None)
                else:
                    base[write.key] = write


def _decoded(payload: Payload | None) -> object:
    return None if payload is None else decode(payload.encoding, payload.data)
