"""Laws about runs: what is known of them without reading their logs."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from durable.core.events import Event, encode_fields
from durable.core.transitions import RUN_STATUS_AFTER
from durable.errors import InvalidRunId
from durable.store import Message, RunInfo
from durable.testing.store_laws.bench import Bench, refused, same


def runs_are_described(bench: Bench) -> None:
    """A run is listed with its names, times, last seq, file, input and whether it is driven."""
    created = bench.clock.now()
    lease = bench.new_run()
    bench.clock.advance(2)
    bench.store.append("run", bench.events(1, 3), 1, lease.token)
    expected = RunInfo("run", "flow", "running", created, created + 2_000_000, 4, True, "flow.py", "abc")
    same(bench.store.run("run"), expected, "the run")
    same(list(bench.store.runs()), [expected], "the listed runs")
    bench.store.release(lease)
    info = bench.store.run("run")
    same(info and (info.driven, info.status, info.shown_status), (False, "running", "interrupted"), "an idle run")


def status_follows_run_events(bench: Bench) -> None:
    """The recorded status is the one after the last run event, wherever in an append it stands."""
    lease = bench.new_run()
    seq = 1
    for kind, status in RUN_STATUS_AFTER.items():
        if kind != "RunCreated":
            batch = [*bench.events(seq, 1), Event(seq + 2, bench.clock.now(), kind), *bench.events(seq + 2, 1)]
            seq = bench.store.append("run", batch, seq, lease.token)
            info = bench.store.run("run")
            same(info and info.status, status, f"the status after {kind}")
    two = [Event(seq + 1, 0, "RunInterrupted"), Event(seq + 2, 0, "RunContinued")]
    bench.store.append("run", two, seq, lease.token)
    info = bench.store.run("run")
    same(info and info.status, "running", "the status after two run events in one append")


def suspended_runs_say_when_they_are_due(bench: Bench) -> None:
    """``due`` is that of the last ``RunSuspended``, and only while the run is recorded as suspended."""
    lease = bench.new_run()
    on, ended = Event(0, 0, "RunContinued"), Event(0, 0, "RunCancelled")
    steps: list[tuple[list[Event], str, int | None]] = [
        ([_suspended(0, due=700)], "suspended", 700),
        ([], "suspended", 700),
        ([on], "running", None),
        ([_suspended(0)], "suspended", None),
        ([on, _suspended(0, due=900)], "suspended", 900),
        ([on, _suspended(0, due=2**52)], "suspended", 2**52),
        ([on, _suspended(0)], "suspended", None),
        ([on, _suspended(0, due=5), ended], "cancelled", None),
    ]
    seq = 1
    for moves, status, due in steps:
        events = [*bench.events(seq, 1), *(replace(move, seq=n) for n, move in enumerate(moves, seq + 2))]
        seq = bench.store.append("run", events, seq, lease.token)
        info = bench.store.run("run")
        same(info and (info.status, info.due), (status, due), f"status and due at seq {seq}")
        same(list(bench.store.runs()), [info], "the same run as it is listed")


def waiting_messages_are_shown(bench: Bench) -> None:
    """A run says whether messages wait that no append has consumed, whatever its status."""
    lease = bench.new_run()
    bench.new_run("other")
    seq = bench.store.append("run", [_suspended(2)], 1, lease.token)
    same(_messages(bench), {"run": False, "other": False}, "whether messages wait at first")
    for name in ("one", "two"):
        same(bench.store.send("run", Message(name, "signal")), True, "whether a suspended run accepted a message")
    same(_messages(bench), {"run": True, "other": False}, "whether messages wait after two were sent")
    seq = bench.store.append("run", [Event(3, 0, "RunContinued")], seq, lease.token, consume=["one"])
    same(_messages(bench), {"run": True, "other": False}, "whether messages wait after one was consumed")
    bench.store.append("run", [_suspended(4)], seq, lease.token, consume=["two"])
    same(_messages(bench), {"run": False, "other": False}, "whether messages wait after both were consumed")


def ready_runs_are_told_apart(bench: Bench) -> None:
    """``ready`` is a run that nobody drives and that was interrupted, or suspended until now or a message."""
    now = bench.clock.now()
    first = {"asleep": _suspended(2, due=now + 1), "due": _suspended(2, due=now), "asks": _suspended(2)}
    first |= {"answered": _suspended(2), "told": _suspended(2, due=now + 1)}
    first |= {"stopped": Event(2, now, "RunInterrupted"), "ended": Event(2, now, "RunSucceeded")}
    leases = {name: bench.new_run(name) for name in (*first, "died")}
    for name, event in first.items():
        bench.store.append(name, [event], 1, leases[name].token)
    for name in ("answered", "told", "ended"):
        bench.store.send(name, Message("m", "answer"))
    same(_ready(bench, now), set(), "runs that are ready while they are driven")
    for lease in leases.values():
        bench.store.release(lease)
    same(_ready(bench, now), {"due", "answered", "told", "stopped", "died"}, "runs that are ready")
    same(_ready(bench, now + 1), {"asleep", "due", "answered", "told", "stopped", "died"}, "and a moment later")
    asleep = [info.run_id for info in bench.store.runs(status="suspended")]
    same(asleep, ["told", "answered", "asks", "due", "asleep"], "the suspended runs")
    same([info.run_id for info in bench.store.runs(status="interrupted")], ["died", "stopped"], "the interrupted runs")


def runs_are_listed_newest_first(bench: Bench) -> None:
    """``runs`` yields the newest first and filters by shown status and workflow."""
    leases = {f"r{n}": bench.new_run(f"r{n}", workflow=f"w{n % 2}") for n in range(6)}
    for name, kind in (("r0", "RunSucceeded"), ("r1", "RunFailed"), ("r2", "RunInterrupted")):
        bench.store.append(name, [Event(2, bench.clock.now(), kind)], 1, leases[name].token)
        bench.store.release(leases[name])
    bench.store.release(leases["r3"])
    listed: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["r5", "r4", "r3", "r2", "r1", "r0"]),
        ({"workflow": "w1"}, ["r5", "r3", "r1"]),
        ({"status": "running"}, ["r5", "r4"]),
        ({"status": "interrupted"}, ["r3", "r2"]),
        ({"status": "failed"}, ["r1"]),
        ({"status": "interrupted", "workflow": "w0"}, ["r2"]),
        ({"status": "no such status"}, []),
    ]
    for chosen, expected in listed:
        found = bench.store.runs(status=chosen.get("status"), workflow=chosen.get("workflow"))
        same([info.run_id for info in found], expected, f"runs with {chosen}")
    same([info.run_id for info in bench.store.runs(limit=2)], ["r5", "r4"], "the two newest")
    same([info.run_id for info in bench.store.runs(status="interrupted", limit=1)], ["r3"], "the newest interrupted")
    same(list(bench.store.runs(limit=0)), [], "no runs")


def many_runs_are_listed(bench: Bench) -> None:
    """Every run of many is listed once, also when only the oldest fit."""
    for n in range(600):
        lease = bench.new_run(f"r{n}")
        if n < 3:
            bench.store.append(f"r{n}", [Event(2, bench.clock.now(), "RunInterrupted")], 1, lease.token)
            bench.store.release(lease)
    same([info.run_id for info in bench.store.runs()], [f"r{n}" for n in reversed(range(600))], "the runs")
    same([info.run_id for info in bench.store.runs(status="interrupted")], ["r2", "r1", "r0"], "the interrupted runs")


def unsafe_run_ids_are_refused(bench: Bench) -> None:
    """A run id that is not safe in paths and terminals gets no lease."""
    for run_id in ("", "a/b", "..", "a\nb", "a\0b", "x" * 201, " a"):
        with refused(InvalidRunId, f"the run id {run_id!r}"):
            bench.store.acquire(run_id, "drive")


def _suspended(seq: int, due: int | None = None) -> Event:
    return Event(seq, 0, "RunSuspended", data=encode_fields({"waiting": ["a signal"], "due": due}))


def _messages(bench: Bench) -> dict[str, bool]:
    found = {info.run_id: info.messages for info in bench.store.runs()}
    for run_id in found:
        info = bench.store.run(run_id)
        same(info and info.messages, found[run_id], f"whether messages wait for {run_id}, asked for alone")
    return found


def _ready(bench: Bench, now: int) -> set[str]:
    return {info.run_id for info in bench.store.runs() if info.ready(now)}


LAWS: list[Callable[[Bench], None]] = [
    runs_are_described,
    status_follows_run_events,
    suspended_runs_say_when_they_are_due,
    waiting_messages_are_shown,
    ready_runs_are_told_apart,
    runs_are_listed_newest_first,
    many_runs_are_listed,
    unsafe_run_ids_are_refused,
]
