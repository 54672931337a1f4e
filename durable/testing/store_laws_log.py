"""Laws about logs: append, read, digests. Each function is one guarantee; it must not know any store."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

from durable.core.digest import START, chain
from durable.core.events import Event
from durable.errors import DurableError, LeaseLost, RunNotFound, StoreError, VersionConflict
from durable.testing.store_bench import Bench, log_of, refused, same, seqs


def events_come_back_as_they_were(bench: Bench) -> None:
    """Every column of an event is read back as it was appended, whatever it holds."""
    lease = bench.new_run()
    payloads = [
        (None, None),
        ("json", b'{"text": "\xc3\xa9\xf0\x9f\x8c\x8d", "nothing": null}'),
        ("json", b""),
        ("json", b'"with a \x00 in it"'),
        ("json", b"\xff\xfe not UTF-8"),
        ("pickle+zstd", bytes(range(256)) * 300),
        ("other", b""),
    ]
    events = [
        Event(seq, 1_700_000_000_000_000 + seq, "TaskSucceeded", f"ta/sk [{seq}] \u00e9", seq, '{"a":1}', *payload)
        for seq, payload in enumerate(payloads, 2)
    ]
    events.append(Event(events[-1].seq + 1, 2**62, "RunContinued"))
    bench.store.append("run", events, 1, lease.token)
    found = list(bench.store.read("run"))
    same(found, [bench.created(), *events], "the log")
    same(
        [type(event.payload) for event in found], [type(event.payload) for event in [bench.created(), *events]], "types"
    )
    same([bench.store.event("run", event.seq) for event in found], found, "events read one by one")


def ranges_are_exact(bench: Bench) -> None:
    """``read`` yields the events with after < seq <= until, in order, and nothing else."""
    lease = bench.new_run()
    bench.store.append("run", bench.events(1, 9), 1, lease.token)
    for after, until, expected in (
        (0, None, range(1, 11)),
        (3, None, range(4, 11)),
        (3, 7, range(4, 8)),
        (0, 1, range(1, 2)),
        (7, 7, range(0)),
        (8, 3, range(0)),
        (10, None, range(0)),
        (0, 99, range(1, 11)),
    ):
        same(seqs(list(bench.store.read("run", after, until))), list(expected), f"read({after}, {until})")


def long_logs_are_dense(bench: Bench) -> None:
    """A long log is read without gaps or repeats, also while it grows under the reader."""
    lease = bench.new_run()
    last = bench.store.append("run", bench.events(1, 2500), 1, lease.token)
    found = []
    for event in bench.store.read("run"):
        found.append(event.seq)
        if event.seq in (1, 1500):
            last = bench.store.append("run", bench.events(last, 3), last, lease.token)
    same(found[:2501], list(range(1, 2502)), "the events that were there at first")
    same(found, list(range(1, len(found) + 1)), "the events that were read")
    same(seqs(log_of(bench.store)), list(range(1, last + 1)), "the whole log")


def large_payloads_are_kept(bench: Bench) -> None:
    """Payloads of megabytes come back, among small ones."""
    lease = bench.new_run()
    sizes = [10, 3_000_000, 0, 1_500_000, 5] * 4
    events = [
        Event(seq, 0, "TaskSucceeded", "t", 1, None, "raw", bytes([seq]) * size) for seq, size in enumerate(sizes, 2)
    ]
    bench.store.append("run", events, 1, lease.token)
    same([len(event.payload or b"") for event in log_of(bench.store)], [0, *sizes], "sizes of the payloads")


def equal_payloads_come_back_identical(bench: Bench) -> None:
    """However a store keeps payloads that are equal, or look alike, each comes back byte for byte."""
    large = b'{"rows": [' + b", ".join(b'"\xc3\xa9 row"' for _ in range(500)) + b"]}"
    same_again = [("json", large), ("raw", large), ("json", large[:-1]), ("pickle", bytes(range(256)) * 8)] * 3
    alike = [
        ("json", b'{"path": "src/%d.py", "lines": %d, "status": "ok", "seconds": 0.25}' % (n, n)) for n in range(700)
    ]
    appended: dict[str, list[Event]] = {}
    for run_id in ("run", "other"):
        lease = bench.new_run(run_id)
        payloads = [*same_again, *alike * 8, *same_again]
        events = [Event(seq, 0, "TaskSucceeded", "t", 1, None, *payload) for seq, payload in enumerate(payloads, 2)]
        for at in range(0, len(events), 100):
            bench.store.append(run_id, events[at : at + 100], at + 1, lease.token)
        appended[run_id] = events
    for run_id, events in appended.items():
        same(log_of(bench.store, run_id)[1:] == events, True, f"whether the verified log of {run_id} is as appended")
        some = events[:: len(events) // 7]
        same([bench.store.event(run_id, one.seq) for one in some], some, "events read one by one")


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


def unknown_runs_are_empty(bench: Bench) -> None:
    """Reading a run that does not exist finds nothing; asking for one of its events is an error."""
    bench.new_run("other")
    same(list(bench.store.read("run")), [], "its events")
    same(list(bench.store.digests("run")), [], "its digests")
    same(bench.store.run("run"), None, "the run")
    same(bench.store.checkpoints("run"), [], "its checkpoints")
    same(bench.store.inbox("run"), [], "its inbox")
    same(bench.store.lease("run"), None, "its lease")
    for run_id, seq in (("run", 1), ("other", 2), ("other", 0)):
        with refused(RunNotFound, f"event {seq} of {run_id}"):
            bench.store.event(run_id, seq)


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


def closed_stores_refuse(bench: Bench) -> None:
    """A closed store says so, and closing it twice is no error."""
    lease = bench.new_run()
    bench.store.close()
    bench.store.close()
    uses: list[Callable[[], object]] = [
        lambda: bench.store.append("run", bench.events(1, 1), 1, lease.token),
        lambda: list(bench.store.read("run")),
        lambda: bench.store.run("run"),
        lambda: bench.store.acquire("run", "drive"),
    ]
    for use in uses:
        with refused(DurableError, "a use of a closed store"):
            use()


LAWS: list[Callable[[Bench], None]] = [
    events_come_back_as_they_were,
    ranges_are_exact,
    long_logs_are_dense,
    large_payloads_are_kept,
    equal_payloads_come_back_identical,
    wrong_expected_seq_is_refused,
    misnumbered_events_are_refused,
    logs_begin_with_run_created,
    token_is_checked_first,
    digests_chain_the_appends,
    failed_appends_leave_no_digest,
    unknown_runs_are_empty,
    logs_are_apart,
    one_of_many_threads_wins,
    closed_stores_refuse,
]
