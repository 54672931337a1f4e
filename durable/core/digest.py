"""The digest chain over a run's appends; it must not know where digests are kept.

Each append carries one digest: the first 16 bytes of SHA-256 over the digest of the append before
it and the msgpack of its own events. A changed, missing or reordered event breaks the chain at the
append that holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import msgspec

from durable.core.events import Event
from durable.errors import LogCorrupt

SIZE = 16
START = bytes(SIZE)
"""The digest before a run's first append."""

_pack = msgspec.msgpack.Encoder().encode


def chain(before: bytes, events: Sequence[Event]) -> bytes:
    """Return the digest of one append.

    Args:
        before: digest of the append before it, or ``START``.
        events: the append's events, in order.
    """
    return sha256(before + _pack(events)).digest()[:SIZE]


def verified(
    run_id: str, events: Iterable[Event], digests: Iterable[tuple[int, bytes]], before: bytes = START
) -> Iterator[Event]:
    """Yield the events, append by append, once each append's digest was found right.

    Args:
        run_id: the run, for the errors.
        events: consecutive events, beginning where an append begins.
        digests: ``(seq of the append's last event, digest)`` for the same events.
        before: digest of the append before the first event.

    Raises:
        LogCorrupt: a digest does not fit, or events or digests are left over or missing.
    """
    source = iter(events)
    for last_seq, expected in digests:
        batch: list[Event] = []
        for event in source:
            batch.append(event)
            if event.seq >= last_seq:
                break
        found = chain(before, batch)
        if not batch or batch[-1].seq != last_seq or found != expected:
            first = batch[0].seq if batch else last_seq
            raise LogCorrupt(
                f"the log is damaged between seq {first} and seq {last_seq}: its digest does not match",
                run_id=run_id,
                seq=first,
                hint="Events before it are intact: see durable verify, and restore the rest from a backup",
            )
        yield from batch
        before = expected
    extra = next(source, None)
    if extra is not None:
        raise LogCorrupt(
            "the log continues without a digest",
            run_id=run_id,
            seq=extra.seq,
            hint="Events before it are intact: see durable verify, and restore the rest from a backup",
        )
