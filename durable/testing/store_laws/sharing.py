"""Laws about several store objects that share data, as those of several processes do."""

from __future__ import annotations

from collections.abc import Callable

from durable.errors import LeaseLost, RunAlreadyDriven, VersionConflict
from durable.testing.store_laws.bench import Bench, log_of, refused, same, seqs


def store_objects_share_logs(bench: Bench) -> None:
    """What one store object appended, another one sees at once, and continues the same chain."""
    lease = bench.new_run()
    other = bench.another()
    same(seqs(log_of(other)), [1], "the log through the other")
    other.append("run", bench.events(1, 2), 1, lease.token)
    bench.store.append("run", bench.events(3, 1), 3, lease.token)
    with refused(VersionConflict, "an append that missed the other's"):
        other.append("run", bench.events(3, 1), 3, lease.token)
    other.append("run", bench.events(4, 1), 4, lease.token)
    same(seqs(log_of(bench.store)), [1, 2, 3, 4, 5], "the log")
    same(list(other.digests("run")), list(bench.store.digests("run")), "the digests")


def store_objects_share_leases(bench: Bench) -> None:
    """A lease taken through one store object is respected, shown and fenced through another."""
    lease = bench.new_run()
    other = bench.another()
    with refused(RunAlreadyDriven, "a lease through another store object"):
        other.acquire("run", "another", 30)
    held = other.lease("run")
    same(held and (held.token, held.alive), (lease.token, True), "the lease through the other")
    bench.clock.advance(31)
    taken = other.acquire("run", "another", 30)
    same((taken.took_over, taken.token > lease.token), ("expired", True), "the lease after it was taken over")
    with refused(LeaseLost, "an append of the stale owner"):
        bench.store.append("run", bench.events(1, 1), 1, lease.token)


def closed_stores_drive_no_more(bench: Bench) -> None:
    """Closing a store without releasing leaves its runs free to be taken over at once; nothing is lost."""
    lease = bench.new_run()
    other = bench.another()
    bench.store.close()
    held = other.lease("run")
    same(held and held.alive, False, "whether the lease of a closed store counts as alive")
    taken = other.acquire("run", "another", 30)
    same((taken.took_over, taken.token), ("died", lease.token + 1), "the lease that took over")
    same(other.append("run", bench.events(1, 1), 1, taken.token), 2, "the new seq")
    same(seqs(log_of(other)), [1, 2], "the log")


LAWS: list[Callable[[Bench], None]] = [
    store_objects_share_logs,
    store_objects_share_leases,
    closed_stores_drive_no_more,
]
