"""Laws about reading: events come back as they were appended."""

from __future__ import annotations

from collections.abc import Callable

from durable.core.events import Event
from durable.errors import RunNotFound
from durable.testing.store_laws.bench import Bench, log_of, refused, same, seqs


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


LAWS: list[Callable[[Bench], None]] = [
    events_come_back_as_they_were,
    ranges_are_exact,
    long_logs_are_dense,
    large_payloads_are_kept,
    equal_payloads_come_back_identical,
    unknown_runs_are_empty,
]
