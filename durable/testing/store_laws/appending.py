"""Laws about appending: what is refused, and what is then in the log."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

from durable.core.digest import START, chain
from durable.errors import LeaseLost, StoreError, VersionConflict
from durable.testing.store_laws.bench import Bench, log_of, refused, same, seqs


def wrong_expected_seq_is_refused(bench: Bench) -> None:
    """An append that does not follow the log's end is refused whole, and the store stays usable."""
    lease = bench.new_run()
    for expected in (0, 2, 5):
        with refused(VersionConflict, f"an append after seq {expected} of a log that ends at 1"):
            bench.store.append("run", bench.events(expected, 2), expected, lease.token)
    same(seqs(log_of(bench.store)), [1], "the log after refused appends")
    same(bench.store.append("run", bench.events(1, 2), 1, lease.token), 3, "the next seq")


def misnumbered_events_are_refused(bench: Bench) -> None:
    """Events with a gap, a repeat or a wrong start are refused, and none of them is kept."""
    lease = bench.new_run()
    two, three, four = bench.events(1, 3)
    for events in ([three], [two, four], [two, two], [three, two], [two, three, three]):
        with refused(VersionConflict, f"events numbered {seqs(events)} after seq 1"):
            bench.store.append("run", events, 1, lease.token)
    with refused(StoreError, "an append of nothing"):
        bench.store.append("run", [], 1, lease.token)
    same(seqs(log_of(bench.store)), [1], "the log after refused appends")


def logs_begin_with_run_created(bench: Bench) -> None:
    """A run comes to be by ``RunCreated`` at seq 1 and in no other way."""
    lease = bench.store.acquire("run", "drive")
    with refused(VersionConflict, "a log that begins with TaskStarted"):
        bench.store.append("run", bench.events(0, 1), 0, lease.token)
    with refused(VersionConflict, "an append at seq 5 to a run that does not exist"):
        bench.store.append("run", bench.events(5, 1), 5, lease.token)
    same(bench.store.run("run"), None, "the run after refused appends")
    same(bench.store.append("run", [bench.created()], 0, lease.token), 1, "the new seq")


def token_is_checked_first(bench: Bench) -> None:
    """A token that is not that of the present lease is refused, before the numbers are looked at."""
    with refused(LeaseLost, "an append without any lease"):
        bench.store.append("run", [bench.created()], 0, 1)
    lease = bench.new_run()
    for token in (lease.token + 1, lease.token - 1, 0):
        with refused(LeaseLost, "an append with a wrong token and a wrong seq"):
            bench.store.append("run", bench.events(7, 1), 7, token)
    bench.store.release(lease)
    with refused(LeaseLost, "an append with a token that was released"):
        bench.store.append("run", bench.events(1, 1), 1, lease.token)
    same(seqs(log_of(bench.store)), [1], "the log after refused appends")


def digests_chain_the_appends(bench: Bench) -> None:
    """Each append has one digest, at its last event, chained to the one before it."""
    lease = bench.new_run()
    appends = [[bench.created()], bench.events(1, 2), bench.events(3, 1), bench.events(4, 1500)]
    last = 1
    for events in appends[1:]:
        last = bench.store.append("run", events, last, lease.token)
    digest, expected = START, []
    for events in appends:
        digest = chain(digest, events)
        expected.append((events[-1].seq, digest))
    same(list(bench.store.digests("run")), expected, "the digests")
    same(list(bench.store.digests("run", 1, 4)), expected[1:3], "the digests of the appends that end in 2..4")
    same(list(bench.store.digests("run", 4)), expected[3:], "the digests of the appends that end after 4")
    same(seqs(log_of(bench.store)), list(range(1, last + 1)), "the verified log")


def failed_appends_leave_no_digest(bench: Bench) -> None:
    """The chain goes on from the last append that succeeded."""
    lease = bench.new_run()
    for _ in range(3):
        with refused(VersionConflict, "a misnumbered append"):
            bench.store.append("run", [*bench.events(1, 1), *bench.events(5, 1)], 1, lease.token)
    bench.store.append("run", bench.events(1, 2), 1, lease.token)
    same(seqs(log_of(bench.store)), [1, 2, 3], "the verified log")
    same([seq for seq, _ in bench.store.digests("run")], [1, 3], "the appends' ends")


def logs_are_apart(bench: Bench) -> None:
    """Appends to several runs in turn do not touch each other."""
    names = ["a", "b", "B", "run:1", "\u00e9"]
    leases = {name: bench.new_run(name) for name in names}
    for seq in range(1, 20):
        for name, lease in leases.items():
            bench.store.append(name, bench.events(seq, 1), seq, lease.token)
    for name in names:
        same(seqs(log_of(bench.store, name)), list(range(1, 21)), f"the log of {name}")


def one_of_many_threads_wins(bench: Bench) -> None:
    """Of threads that append at the same seq, one succeeds and the others get a conflict."""
    lease = bench.new_run()
    rounds, threads = 20, 4
    barrier = Barrier(threads)
    won: list[int] = []
    wrong: list[BaseException] = []

    def compete() -> None:
        for seq in range(1, rounds + 1):
            barrier.wait(30)
            try:
                won.append(bench.store.append("run", bench.events(seq, 1), seq, lease.token))
            except VersionConflict:
                pass
            except BaseException as error:
                wrong.append(error)

    workers = [Thread(target=compete) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    same(wrong, [], "errors other than conflicts")
    same(sorted(won), list(range(2, rounds + 2)), "the appends that succeeded")
    same(seqs(log_of(bench.store)), list(range(1, rounds + 2)), "the verified log")


LAWS: list[Callable[[Bench], None]] = [
    wrong_expected_seq_is_refused,
    misnumbered_events_are_refused,
    logs_begin_with_run_created,
    token_is_checked_first,
    digests_chain_the_appends,
    failed_appends_leave_no_digest,
    logs_are_apart,
    one_of_many_threads_wins,
]
