"""Code of scheduled tasks: another process runs closures as they were recorded, and named tasks as they are now."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable import TaskExecutionContext, Workflow, task, workflow
from tests.conftest import Died
from tests.engine.single import single

Process = Callable[..., Any]


def test_a_function_without_a_name_is_recorded_with_its_code(process: Process) -> None:
    """A closure is run by another process with what it closed over."""

    def body(context: TaskExecutionContext) -> None:
        factor = 6
        context.next_task(task(lambda n=7: factor * n))

    wf = single(body)
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    assert wf.execute(run_id="r", store=process()) == 42


SCRIPT = """
import sys
from durable import TaskExecutionContext, task, workflow

def make(factor):
    @task
    def times(n: int) -> int:
        return factor * n
    return times

@task
def named(n: int) -> str:
    return f"{VERSION} named"

@task
def body(context: TaskExecutionContext) -> None:
    context.next_task(task(die)())
    context.next_task(make(6)(n=7))
    context.next_task(named(n=1))

def die():
    import os
    if CRASH:
        os.kill(os.getpid(), 9)

with workflow("w", store=STORE) as wf:
    wf.add(body)

if __name__ == "__main__":
    print(sorted(map(str, wf.start(run_id="r").result().values())))
"""


def test_another_process_runs_closures_by_value_and_named_tasks_by_their_live_code(tmp_path: Path) -> None:
    """Killed after scheduling; the next process has other code: the named task takes it, the closure keeps its own."""
    script = tmp_path / "flow.py"

    def run(version: str, crash: bool) -> subprocess.CompletedProcess[str]:
        head = f"VERSION, CRASH, STORE = {version!r}, {crash}, {str(tmp_path / 'runs.db')!r}\n"
        text = SCRIPT.replace("factor * n", "factor * n" if crash else "factor * n + 1")
        script.write_text(head + text)
        return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=50)

    order = run("old", True)
    assert order.returncode == -9, order.stderr
    again = run("new", False)
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == "['42', 'None', 'new named']"


def test_a_closure_may_schedule_itself_in_another_process(process: Process) -> None:
    """A function that refers to its own task is unpickled with its parameters."""

    @task
    def down(context: TaskExecutionContext, n: int, step: int = 1) -> int:
        if n:
            context.next_task(down(n=n - step))
        return n

    with workflow("w") as wf:
        wf.add(task(id="body", inject_context=True)(lambda context: context.next_task(down(n=3))))
    with pytest.raises(Died):
        wf.start(run_id="r", store=process(appends=2))
    assert wf.execute(run_id="r", store=process()) == 0


def test_live_code_wins_over_recorded_code(process: Process) -> None:
    """A task that the workflow defines is taken from there, as it is now."""

    def flow(said: str) -> Workflow:
        @task
        def body(context: TaskExecutionContext) -> None:
            context.next_task(helper)

        with workflow("w") as wf:

            @task
            def helper() -> str:
                return said

            wf.add(body)
        return wf

    with pytest.raises(Died):
        flow("old").start(run_id="r", store=process(appends=2))
    assert flow("new").execute(run_id="r", store=process()) == "new"
