"""Laws about pruning."""

from __future__ import annotations

from collections.abc import Callable

from durable.core.events import Event
from durable.core.sizes import Pruned
from durable.errors import DurableError, LeaseLost, RunAlreadyDriven, RunNotEnded, RunNotFound, RunPruned
from durable.store import Checkpoint, Message
from durable.testing.store_laws.bench import Bench, log_of, refused, same, seqs

_LARGE = bytes(range(256)) * 40


def pruned_runs_keep_a_summary(bench: Bench) -> None:
    """A pruned run stays listed, with its status and times, and with what became of its tasks."""
    created = bench.clock.now()
    _ended(bench, "run")
    bench.new_run("other")
    bench.clock.advance(60)
    before = bench.store.sizes("run").own
    pruned = bench.store.prune("run", {"succeeded": 3})
    now = bench.clock.now()
    same(pruned, Pruned(now, created + 5_000_000, 5, {"succeeded": 3}, before), "the summary")
    info = bench.store.run("run")
    assert info is not None
    same((info.status, info.created, info.updated, info.seq), ("succeeded", created, created + 5_000_000, 5), "the run")
    same((info.workflow, info.file, info.driven, info.pruned), ("flow", "flow.py", False, pruned), "the rest of it")
    same([one.run_id for one in bench.store.runs()], ["other", "run"], "the listed runs")
    same(info in list(bench.store.runs(status="succeeded")), True, "whether it is listed by its status")
    bench.clock.advance(60)
    same(bench.store.prune("run", {}), pruned, "the summary when it is pruned again")
    same(bench.store.sizes("run").total, 0, "what it takes")


def pruned_runs_are_refused(bench: Bench) -> None:
    """Nobody reads, drives or sends to a pruned run, and none of that makes it a new one."""
    _ended(bench, "run")
    bench.store.prune("run", {})
    uses: dict[str, Callable[[], object]] = {
        "read": lambda: list(bench.store.read("run")),
        "read from the middle": lambda: list(bench.store.read("run", 3, 4)),
        "event": lambda: bench.store.event("run", 1),
        "digests": lambda: list(bench.store.digests("run")),
        "acquire": lambda: bench.store.acquire("run", "drive"),
        "send": lambda: bench.store.send("run", Message("m", "signal")),
    }
    for name, use in uses.items():
        with refused(RunPruned, f"{name} of a pruned run"):
            use()
    same((bench.store.checkpoints("run"), bench.store.inbox("run")), ([], []), "its checkpoints and its inbox")
    same(bench.store.lease("run"), None, "its lease")


def only_ended_runs_are_pruned(bench: Bench) -> None:
    """A run that has not ended, is driven, or does not exist is refused, and nothing of it is touched."""
    lease = bench.new_run("run")
    with refused(RunAlreadyDriven, "pruning a run that is driven"):
        bench.store.prune("run", {})
    seq = 1
    for kind in ("RunInterrupted", "RunSuspended"):
        seq = bench.store.append("run", [Event(seq + 1, 0, kind), Event(seq + 2, 0, "RunContinued")], seq, lease.token)
        seq = bench.store.append("run", [Event(seq + 1, 0, kind)], seq, lease.token)
        bench.store.release(lease)
        with refused(RunNotEnded, f"pruning a run after {kind}"):
            bench.store.prune("run", {})
        lease = bench.store.acquire("run", "drive")
        seq = bench.store.append("run", [Event(seq + 1, 0, "RunContinued")], seq, lease.token)
    seq = bench.store.append("run", [Event(seq + 1, 0, "RunFailed")], seq, lease.token)
    with refused(RunAlreadyDriven, "pruning an ended run whose drive is there"):
        bench.store.prune("run", {})
    with refused(RunNotFound, "pruning a run that does not exist"):
        bench.store.prune("unknown", {})
    with refused(RunNotFound, "measuring a run that does not exist"):
        bench.store.sizes("unknown")
    same(seqs(log_of(bench.store)), list(range(1, seq + 1)), "the log after refused prunes")


def pruning_touches_no_other_run(bench: Bench) -> None:
    """Logs of other runs are whole afterwards, also where they hold the same payloads, and can go on."""
    for name in ("a", "b", "c"):
        _ended(bench, name)
    lease = bench.new_run("on")
    bench.store.append("on", [Event(2, 0, "TaskSucceeded", "t", 1, None, "pickle", _LARGE)], 1, lease.token)
    before = {name: log_of(bench.store, name) for name in ("b", "on")}
    bench.store.prune("a", {})
    bench.store.prune("c", {})
    bench.store.reclaim()
    for name, events in before.items():
        same(log_of(bench.store, name) == events, True, f"whether the log of {name} is as before")
    bench.store.append("on", [Event(3, 0, "TaskSucceeded", "t", 1, None, "pickle", _LARGE)], 2, lease.token)
    same(log_of(bench.store, "on")[-1].payload == _LARGE, True, "whether an equal payload can be recorded again")
    bench.store.prune("b", {})
    same(len(log_of(bench.store, "on")), 3, "the events of the run that continues")


def pruning_ends_every_drive(bench: Bench) -> None:
    """A drive that was frozen when its lease ran out cannot append to the run once that is pruned."""
    lease = bench.new_run()
    bench.store.append("run", [Event(2, 0, "RunSucceeded")], 1, lease.token)
    bench.clock.advance(3600)
    bench.store.prune("run", {})
    with refused(LeaseLost, "an append of a frozen drive to a pruned run"):
        bench.store.append("run", bench.events(2, 1), 2, lease.token)
    with refused(DurableError, "renewing the lease of a frozen drive"):
        bench.store.renew(lease)


def _ended(bench: Bench, run_id: str) -> None:
    """Make a run of five events with a large result, a checkpoint and a message; it has succeeded."""
    lease = bench.new_run(run_id)
    bench.store.append(run_id, bench.events(1, 2), 1, lease.token)
    bench.clock.advance(5)
    end = [Event(4, 0, "TaskSucceeded", "t", 1, None, "pickle", _LARGE), Event(5, bench.clock.now(), "RunSucceeded")]
    bench.store.send(run_id, Message("m", "signal"))
    bench.store.append(run_id, end, 3, lease.token)
    bench.store.save_checkpoint(run_id, Checkpoint(3, b"d", b"state"), lease.token)
    bench.store.release(lease)


LAWS: list[Callable[[Bench], None]] = [
    pruned_runs_keep_a_summary,
    pruned_runs_are_refused,
    only_ended_runs_are_pruned,
    pruning_touches_no_other_run,
    pruning_ends_every_drive,
]
