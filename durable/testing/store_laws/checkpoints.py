"""Laws about checkpoints."""

from __future__ import annotations

from collections.abc import Callable

from durable.errors import LeaseLost
from durable.store import Checkpoint
from durable.testing.store_laws.bench import Bench, refused, same


def newest_checkpoints_are_kept(bench: Bench) -> None:
    """At least the newest two checkpoints are kept, whole, newest first; dropping them harms no log."""
    lease = bench.new_run()
    bench.store.append("run", bench.events(1, 9), 1, lease.token)
    saved = [Checkpoint(seq, bytes([seq]) * 16, bytes(range(256)) * seq * 50, seq) for seq in (2, 5, 9)]
    for checkpoint in saved:
        bench.store.save_checkpoint("run", checkpoint, lease.token)
    same(bench.store.checkpoints("run")[:2], [saved[2], saved[1]], "the newest two")
    again = Checkpoint(9, b"x" * 16, b"again", 10)
    bench.store.save_checkpoint("run", again, lease.token)
    same(bench.store.checkpoints("run")[:2], [again, saved[1]], "after one was taken again at the same seq")
    bench.store.drop_checkpoints("run")
    same(bench.store.checkpoints("run"), [], "after they were dropped")
    same(len(list(bench.store.read("run"))), 10, "the log after checkpoints were dropped")
    bench.store.drop_checkpoints("unknown")


def checkpoints_need_the_lease(bench: Bench) -> None:
    """A drive that lost its lease cannot save a checkpoint."""
    lease = bench.new_run()
    bench.store.release(lease)
    with refused(LeaseLost, "a checkpoint with a token that was released"):
        bench.store.save_checkpoint("run", Checkpoint(1, b"", b"state"), lease.token)
    same(bench.store.checkpoints("run"), [], "the checkpoints")


LAWS: list[Callable[[Bench], None]] = [newest_checkpoints_are_kept, checkpoints_need_the_lease]
