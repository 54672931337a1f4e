"""Progress of a run, to Python and to the log: from the driver's process and from others, with rate and time left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

from durable import Progress, RunSuspended, Store, TaskExecutionContext, Workflow, open_run, open_store, parallel, task
from durable.runs.progress import Reporter, line, per_second, roughly
from durable.testing import FakeClock
from tests.conftest import Died


def group(store: Store, body: Callable[[int], Any], count: int, **execution: Any) -> Workflow:
    """A workflow with one group, ``all``, whose members run one at a time."""
    member = task("member")(body)
    members = parallel(*(member(task_id=f"m{n}", n=n) for n in range(count)), name="all")
    wf = Workflow("w", store=store)
    wf.add(members.with_execution(max_concurrent=1, **execution))
    return wf


def test_a_run_shows_how_far_it_is_how_fast_and_what_failed(store: Store, clock: FakeClock) -> None:
    """Two members a second, each tenth fails: looked at from a handle of its own while it runs."""
    seen: list[Progress] = []

    def body(n: int) -> int:
        if n == 30:
            seen.append(open_run("r", store=store).progress())
        clock.advance(0.5)
        if n % 10 == 9:
            raise ValueError(f"no {n}")
        return n

    run = group(store, body, 40, policy="best_effort").start(run_id="r")
    (now,) = seen
    assert (now.status, now.total, now.done, now.succeeded, now.failed) == ("running", 40, 30, 27, 3)
    assert (now.running, now.pending, now.growing) == (1, 9, False)
    assert now.rate == pytest.approx(2)
    assert now.left == pytest.approx(5)
    assert [(one.id, one.attempt, one.seconds) for one in now.slowest] == [("m30", 1, 0.0)]
    assert [(one.id, one.error) for one in now.failures] == [
        ("m29", "ValueError: no 29"), ("m19", "ValueError: no 19"), ("m9", "ValueError: no 9")
    ]  # fmt: skip
    (members,) = now.groups
    assert (members.id, members.status, members.total, members.done, members.failed) == ("all", "running", 40, 30, 3)
    assert members.left == pytest.approx(5)
    end = run.progress()
    assert (end.status, end.done, end.failed, end.left, end.slowest) == ("succeeded", 40, 4, None, ())


def test_time_when_nobody_drove_the_run_does_not_count(process: Callable[..., Store], clock: FakeClock) -> None:
    """Killed half way, resumed a day later: the rate is that of the drive, before, meanwhile and after."""
    seen: list[Progress] = []

    def body(n: int) -> int:
        if n == 15:
            seen.append(open_run("r", store=process()).progress())
        clock.advance(1)
        return n

    with pytest.raises(Died):
        group(process(appends=10), body, 20).start(run_id="r")
    clock.advance(86_400)
    rest = open_run("r", store=process()).progress()
    assert (rest.status, rest.running, rest.left) == ("interrupted", 0, None)
    assert 5 < rest.done < 10
    assert rest.rate == pytest.approx(1)
    group(process(), body, 20).resume("r")
    assert seen[0].status == "running"
    assert seen[0].rate == pytest.approx(1)
    assert seen[0].left == pytest.approx(5)


def test_a_handle_in_another_process_keeps_up(tmp_path: Path) -> None:
    """One handle, asked again and again while the log grows, through a store of its own."""
    clock = FakeClock()
    place = f"sqlite:///{tmp_path}/runs.db?synchronous=normal"
    done: list[int] = []
    with open_store(place, clock=clock) as store, open_store(place, clock=clock) as other:
        handle = None

        def body(n: int) -> int:
            nonlocal handle
            handle = handle or open_run("r", store=other)
            done.append(handle.progress().done)
            return n

        group(store, body, 12).start(run_id="r")
        assert handle is not None
        assert done == list(range(12))
        assert handle.progress().status == "succeeded"


def test_a_map_grows_while_its_source_is_read(store: Store) -> None:
    """Its members so far are counted; no time is promised before all are known."""
    seen: list[Progress] = []

    def body(n: int) -> int:
        if n in (10, 4_990):
            seen.append(open_run("r", store=store).progress())
        if n == 20:
            raise ValueError("no 20")
        return n

    wf = Workflow("w", store=store)
    items = (n for n in range(5_000))
    wf.add(task("member")(body).map(items, name="all").with_execution(policy="best_effort", max_concurrent=1))
    run = wf.start(run_id="r")
    early, late = seen
    assert early.growing
    assert early.groups[0].growing
    assert early.total == early.groups[0].total < 5_000
    assert early.left is None
    assert [one.id for one in early.slowest] == ["all/10"]
    assert (late.growing, late.total, late.groups[0].total, late.groups[0].done) == (False, 5_000, 5_000, 4_990)
    assert [one.id for one in late.failures] == ["all/20"]
    assert line(early).startswith(f"10 of {early.total:,}+ done")
    end = run.progress()
    assert (end.growing, end.done, end.groups[0].succeeded) == (False, 5_000, 4_999)


def test_a_map_over_a_list_is_counted_whole_from_its_begin(store: Store) -> None:
    """How many items there are is known before they are members, so that time can be told."""
    seen: list[Progress] = []

    def body(n: int) -> int:
        if n == 10:
            seen.append(open_run("r", store=store).progress())
        return n

    wf = Workflow("w", store=store)
    wf.add(task("member")(body).map(list(range(5_000)), name="all").with_execution(max_concurrent=1))
    wf.start(run_id="r")
    assert (seen[0].growing, seen[0].total, seen[0].done, seen[0].groups[0].total) == (False, 5_000, 10, 5_000)
    store.drop_checkpoints("r")
    assert open_run("r", store=store).progress().total == 5_000


def test_a_run_that_has_ended_does_not_grow(store: Store) -> None:
    """Nothing reads a map's source any more, although it was never read to its end."""

    @task
    def source() -> list[int]:
        raise ValueError("nothing")

    member = task("member")(lambda n: n)
    wf = Workflow("w", store=store)
    wf.add(source >> member.map(source, name="all"))
    now = wf.start(run_id="r").progress()
    assert (now.status, now.growing, now.total, now.failed) == ("failed", False, 1, 1)


def test_a_suspended_run_waits(store: Store) -> None:
    """It says so, and promises nothing."""

    @task
    def ask(ctx: TaskExecutionContext) -> Any:
        return ctx.wait_for_signal("go")

    wf = Workflow("w", store=store)
    wf.add(ask)
    with pytest.raises(RunSuspended):
        wf.execute(run_id="r")
    now = open_run("r", store=store).progress()
    assert (now.status, now.waiting, now.running, now.left) == ("suspended", 1, 0, None)


# Into the log.


class Said(logging.Handler):
    """Keeps records, and says when one has come."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.came = Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.came.set()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    """What is logged about progress, with INFO."""
    caplog.set_level(logging.INFO, logger="durable.progress")
    handler = Said()
    logging.getLogger("durable").addHandler(handler)
    yield handler
    logging.getLogger("durable").removeHandler(handler)


def test_a_run_that_lasts_is_logged_every_half_a_minute(store: Store, clock: FakeClock, said: Said) -> None:
    """For a script that only set up logging; also while one body works for long and nothing is recorded."""

    def body(n: int) -> int:
        if n == 24:
            for _ in range(2):
                said.came.clear()
                clock.wait_for_waiters()
                clock.advance(60)
                assert said.came.wait(10)
        return n

    group(store, body, 25).start(run_id="r")
    assert said.lines == [
        "run r: 24 of 25 done, 1 running, 24/min, about 2 s left, the slowest is m24 (60 s)",
        "run r: 24 of 25 done, 1 running, 12/min, about 5 s left, the slowest is m24 (2 min)",
    ]


def test_a_short_run_logs_no_progress(store: Store, said: Said) -> None:
    group(store, lambda n: n, 30).start(run_id="r")
    assert said.lines == []


def test_nothing_is_done_for_a_log_that_nobody_wants(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the level of warnings no thread is started and nobody observes the drive."""
    caplog.set_level(logging.WARNING, logger="durable")
    monkeypatch.setattr("durable.runs.progress.Reporter", None)
    group(store, lambda n: n, 3).start(run_id="r")


def test_lines_come_less_often_while_nothing_gets_done(clock: FakeClock) -> None:
    """A run that waits for days does not fill the log; ten minutes apart at most."""
    said: SimpleQueue[float] = SimpleQueue()
    with Reporter(lambda: None, lambda now: None, clock, 30, 30) as reporter:
        reporter._look = lambda: said.put(clock.monotonic())  # type: ignore[func-returns-value]
        found: list[float] = []
        for _ in range(9):
            while True:
                clock.wait_for_waiters()
                if not said.empty():
                    break
                clock.advance(10)
            found.append(said.get())
    apart = [later - earlier for earlier, later in pairwise(found)]
    assert apart == [60, 120, 240, 480, 600, 600, 600, 600]


# As words.


def test_figures_are_told_in_words() -> None:
    assert [per_second(rate) for rate in (12_345.6, 41.2, 2.54, 0.2, 0.0008)] == [
        "12,346/s",
        "41/s",
        "2.5/s",
        "12/min",
        "2.9/h",
    ]
    assert [roughly(seconds) for seconds in (0.2, 8.4, 99, 1_200, 3_900, 180_000)] == [
        "1 s", "8 s", "99 s", "20 min", "1 h 5 min", "2 days 2 h"
    ]  # fmt: skip


def test_a_small_run_is_not_burdened_with_rates() -> None:
    """Its line says what is done and what runs."""
    counts = {"succeeded": 2, "failed": 0, "cancelled": 0, "skipped": 0, "waiting": 1, "pending": 1}
    now = Progress(run_id="r", status="running", total=5, done=2, running=1, rate=1.0, left=3.0, **counts)  # type: ignore[arg-type]
    assert line(now) == "2 of 5 done, 1 running, 1 waiting"
