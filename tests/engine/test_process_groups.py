"""Groups in other processes: arguments go in, recorded results come out, and what cannot run there is refused."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from durable import DefinitionError, Store, TaskExecutionContext, open_run, parallel, task, workflow
from tests.engine import process_bodies as bodies
from tests.engine.process_groups import BACKENDS, group_of


@BACKENDS
def test_bodies_run_in_other_processes_and_get_what_the_run_gives_them(store: Store, backend: Any) -> None:
    """Upstream results, the channel, bound values and defaults are resolved here; values come back as they are."""

    @task
    def before() -> dict[str, Any]:
        return {"nan": math.nan, "tuple": (1, {2})}

    @task
    def closure(before: Any, key: str, bound: list[int], default: int = 4) -> tuple[Any, ...]:
        return os.getpid(), before["tuple"], key, bound, default, math.isnan(before["nan"])

    with workflow("w", store=store) as wf:
        before >> group_of(closure(bound=[1, 2]), bodies.by_position(a=1), bodies.pid)
    run = wf.start(initial={"key": "from the channel"})
    result = run.result()
    assert os.getpid() not in (result["pid"], result["closure"][0])
    assert result["closure"][1:] == ((1, {2}), "from the channel", [1, 2], 4, True)
    assert result["by_position"] == [1, 2, 3]
    assert open_run(run.run_id, store=store).result()["closure"] == result["closure"]


def test_the_log_names_the_backend_and_not_what_makes_it(store: Store) -> None:
    """``process``, or ``executor`` for one of the caller's own; another one is reported on resume like any setting."""
    with workflow("w", store=store) as wf:
        one = parallel(bodies.echo(value=1), name="one").with_execution(backend="process")
        two = parallel(bodies.echo(task_id="two", value=2), name="both")
        one >> two.with_execution(backend=functools.partial(ThreadPoolExecutor, 1))
    graph = wf.start().load_state().graph
    assert [graph.group(graph.index[name]).backend for name in ("one", "both")] == ["process", "executor"]


def test_as_many_processes_run_as_there_are_processors(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the group says how many; a started attempt never waits for a process."""
    monkeypatch.setattr("durable.engine.lifecycle.default_processes", lambda: 2)
    with workflow("w", store=store) as wf:
        group_of(*[bodies.pid(task_id=f"p{n}") for n in range(9)])
    assert len(set(wf.execute().values())) <= 2


def test_a_task_that_asks_for_the_context_is_refused_when_the_group_is_defined(store: Store) -> None:
    """By name, also in a chain and under ``inject_context``; a nested group has a backend of its own."""

    @task
    def asks(context: TaskExecutionContext) -> None: ...

    @task(inject_context=True)
    def injected(whatever: Any) -> None: ...

    for asking in (asks, injected):
        with pytest.raises(DefinitionError, match=f"task '{asking.task_id}' asks for the context") as caught:
            group_of(bodies.pid >> asking)
        assert "THREADING" in str(caught.value)
        with pytest.raises(DefinitionError, match="asks for the context"):
            group_of(asking, backend=ThreadPoolExecutor)
    with workflow("w", store=store) as wf:
        group_of(parallel(asks, name="inner"), bodies.echo(value=1))
    assert wf.execute() == {"inner": {"asks": None}, "echo": 1}


def test_coroutines_of_the_group_run_on_the_loop(store: Store) -> None:
    """As in groups of any backend: they wait and do not compute."""
    with workflow("w", store=store) as wf:
        group_of(bodies.on_the_loop, bodies.pid)
    result = wf.execute()
    assert result["on_the_loop"] == os.getpid() != result["pid"]


@BACKENDS
def test_a_map_goes_over_its_items_in_other_processes(store: Store, backend: Any) -> None:
    """With the same rules: what it maps may not ask for the context."""

    @task
    def asks(context: TaskExecutionContext, n: int) -> int:
        return n

    with workflow("w", store=store) as wf:
        wf.add(bodies.echo.map(range(30)).with_execution(backend=backend, max_concurrent=2))
    with pytest.raises(DefinitionError, match="task 'asks' asks for the context"):
        asks.map(range(3)).with_execution(backend=backend)
    run = wf.start()
    assert [result.value for result in run.task_results("echo").values()] == list(range(30))


def test_a_group_with_an_executor_of_its_own_cannot_be_scheduled(store: Store) -> None:
    """After a crash nobody would know what made it; one with PROCESS can."""

    @task
    def schedules(context: TaskExecutionContext) -> None:
        with pytest.raises(DefinitionError, match="has an executor of its own"):
            context.next_task(group_of(bodies.pid, backend=ThreadPoolExecutor))
        context.next_task(group_of(bodies.pid))

    with workflow("w", store=store) as wf:
        wf.add(schedules)
    run = wf.start()
    run.result()
    assert run.results["schedules/pid"] != os.getpid()


def test_what_is_no_backend_is_refused() -> None:
    """An executor itself is none: it could not be made anew."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(DefinitionError, match="not the executor"):
        group_of(bodies.pid, backend=pool)
    with pytest.raises(DefinitionError, match="there is no backend 'executor'"):
        group_of(bodies.pid, backend="executor")


def test_under_aexecute_bodies_run_in_other_processes_too(store: Store) -> None:
    """Coroutines on the caller's loop beside them."""
    with workflow("w", store=store) as wf:
        group_of(bodies.on_the_loop, bodies.pid)
    result = asyncio.run(wf.aexecute())
    assert result["on_the_loop"] == os.getpid() != result["pid"]


def test_a_body_may_run_another_workflow(store: Store, tmp_path: Path) -> None:
    """It is a program like any other."""
    with workflow("w", store=store) as wf:
        group_of(bodies.runs_another(url=f"sqlite:///{tmp_path}/inner.db"))
    assert wf.execute() == {"runs_another": 5}


def test_a_run_in_threads_loads_nothing_for_processes() -> None:
    """Who does not use them does not pay for them."""
    code = """
import sys
from durable import parallel, task, workflow
@task
def a(): return 1
@task
def b(): return 2
with workflow("w", store="memory://") as wf:
    a | b
wf.execute()
heavy = {"multiprocessing", "concurrent.futures.process", "subprocess"}
heavy |= {"durable.executors.remote", "durable.executors.pools"}
print(sorted(heavy & set(sys.modules)))
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=50)
    assert (done.stdout, done.stderr) == ("[]\n", "")
