"""A suspended run goes on from its file, and from wherever its process was killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable import Run, Store, TaskExecutionContext
from durable.testing import FakeClock
from tests.conftest import Died
from tests.engine.reading import count
from tests.engine.single import single

Process = Callable[..., Any]
HOUR = 3600


def test_a_suspended_run_is_continued_from_sqlite(sqlite_store: Store, clock: FakeClock) -> None:
    """Due times, signals in the inbox and waits are in the file."""

    def body(ctx: TaskExecutionContext) -> Any:
        ctx.sleep(HOUR)
        return ctx.wait_for_signal("go", timeout=HOUR)

    wf = single(body, sqlite_store)
    run = wf.start(run_id="r")
    assert (run.status, run.info.due) == ("suspended", clock.now() + HOUR * 1_000_000)
    clock.advance(HOUR)
    due = clock.now() + HOUR * 1_000_000
    assert wf.start(run_id="r").info.due == due
    run.signal("go", b"x")
    assert wf.execute(run_id="r") == b"x"


def test_killed_while_its_run_is_suspended_and_resumed(process: Process, clock: FakeClock) -> None:
    """At every append of two waits and a sleep, the next process goes on to the same result."""

    def body(ctx: TaskExecutionContext) -> list[Any]:
        found = [ctx.wait_for_signal("a")]
        ctx.sleep(HOUR)
        return [*found, ctx.wait_for_signal("b")]

    wf = single(body)
    sent: set[str] = set()
    for number in range(60):
        store = process(appends=number % 3)
        try:
            run: Run = wf.start(run_id="r", store=store)
        except Died:
            continue
        if run.status != "suspended":
            break
        for name in "ab":
            run.signal(name, name, id=name)
            sent.add(name)
        clock.advance(HOUR)
        store.close()
    assert run.result() == ["a", "b"]
    assert count(run, "TimerFired") == 1
