"""Random bodies of durable calls: failed, suspended and cut off anywhere, they come to the result of one quiet run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable import Run, Store, TaskExecutionContext, Workflow, open_store, task, workflow
from durable.engine.load import load
from durable.testing import FakeClock
from tests.core.machine import facts
from tests.engine.cutting import cuts

HOUR = 3600.0
CALLS: Counter[str] = Counter()
FAILED: set[str] = set()

leaves = st.sampled_from(["step", "append", "add", "metadata", "remove", "save", "nap", "sleep", "fail", "schedule"])
programs = st.lists(
    st.recursive(
        leaves,
        lambda inner: st.tuples(st.integers(0, 3), st.booleans(), st.lists(inner, max_size=4)),
        max_leaves=6,
    ),
    min_size=1,
    max_size=5,
)
"""Lists of calls; a tuple is a loop: how many items, whether it is left at the last one, what it does with each."""


def call(name: str) -> str:
    CALLS[name] += 1
    return name


@task
def work(n: str) -> str:
    return n


@task(max_retries=200)
def body(ctx: TaskExecutionContext, program: list[Any]) -> list[Any]:
    """Plays a program."""
    found: list[Any] = []
    _play(ctx, program, "", found)
    return found


def _play(ctx: TaskExecutionContext, program: list[Any], prefix: str, found: list[Any]) -> None:
    for number, what in enumerate(program):
        name = f"{prefix}{number}"
        if isinstance(what, str):
            _act(ctx, what, name, found)
            continue
        count, leaves_early, inner = what
        for item in ctx.track(range(count)):
            _play(ctx, inner, f"{name}.{item}/", found)
            if leaves_early and item == count - 1:
                break


def _act(ctx: TaskExecutionContext, what: str, name: str, found: list[Any]) -> None:
    channel = ctx.get_channel()
    if what == "step":
        ctx.step(call, name)
    elif what == "append":
        channel.append("log", name)
    elif what == "add":
        channel.atomic_add("sum", 1)
    elif what == "metadata":
        ctx.metadata[name[-1]] = name
    elif what == "remove":
        ctx.metadata.pop("0", None)
    elif what == "save":
        ctx.checkpoint(name)
    elif what in ("nap", "sleep"):
        ctx.sleep(20 if what == "nap" else HOUR)
    elif what == "schedule":
        ctx.next_task(work(n=name))
    elif name not in FAILED:
        FAILED.add(name)
        raise OSError(name)


def flow() -> Workflow:
    with workflow("w") as wf:
        wf.add(body)
    return wf


def finished(wf: Workflow, store: Store, program: list[Any]) -> Run:
    """Drive the run until it ends, letting time pass whenever it is suspended."""
    run = wf.start(run_id="r", store=store, initial={"program": program})
    for _ in range(200):
        if run.status != "suspended":
            break
        store.clock.advance(HOUR)  # type: ignore[attr-defined]
        run = wf.start(run_id="r", store=store, initial={"program": program})
    assert run.status == "succeeded", run.status
    return run


def outcome(run: Run) -> tuple[Any, ...]:
    """What a run left behind."""
    view = run.view()
    state = view.state
    log = view.read_channel("log", state.channel["log"]) if "log" in state.channel else []
    total = view.read_channel("sum", state.channel["sum"]) if "sum" in state.channel else 0
    metadata = {key: view.load(seq) for key, seq in state.metadata.items()}
    scheduled = sorted(run.results[name] for name in state.index if name != "body")
    return log, total, metadata, scheduled


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_failed_suspended_or_cut_off_a_body_comes_to_the_result_of_a_quiet_run(program: list[Any]) -> None:
    """The same writes, each once; steps that were recorded are not called again."""
    wf = flow()
    names = st_names(program)
    FAILED.update(names)
    with open_store("memory://", clock=FakeClock()) as store:
        quiet = outcome(finished(wf, store, program))
    FAILED.clear()
    CALLS.clear()
    with open_store("memory://", clock=FakeClock()) as store:
        run = finished(wf, store, program)
        assert outcome(run) == quiet
        assert set(CALLS.values()) <= {1}
        every = dict(CALLS)
        FAILED.update(names)
        for seq, part in cuts(run):
            CALLS.clear()
            again = finished(wf, part, program)
            assert outcome(again) == quiet, seq
            recorded = [event.type for event in run.events() if event.seq <= seq].count("StepSucceeded")
            assert len(CALLS) == len(every) - recorded, seq
            assert facts(load(part, "r", use_checkpoints=False)) == facts(again.load_state())


def st_names(program: list[Any], prefix: str = "") -> set[str]:
    """Where a program may fail."""
    found: set[str] = set()
    for number, what in enumerate(program):
        if isinstance(what, str):
            found.add(f"{prefix}{number}")
            continue
        for item in range(what[0]):
            found |= st_names(what[2], f"{prefix}{number}.{item}/")
    return found
