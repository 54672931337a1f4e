"""Tasks that bodies schedule, for the tests of ``next_task``, and what each of them must survive: being cut off."""

from __future__ import annotations

from collections import Counter
from typing import Any

from durable import Run, TaskExecutionContext, Workflow, task, workflow
from durable.engine.load import load
from tests.core.machine import facts
from tests.engine.cutting import cuts, done

RAN: Counter[str] = Counter()


@task
def work(context: TaskExecutionContext, n: int) -> int:
    RAN[context.task_id] += 1
    return n * n


@task
def endpoint(context: TaskExecutionContext) -> str:
    RAN[context.task_id] += 1
    return context.task_id


@task
def first(context: TaskExecutionContext) -> int:
    RAN[context.task_id] += 1
    context.set("key", 5)
    return 1


@task
def second(context: TaskExecutionContext, first: int, key: int, other: int = 7) -> list[int]:
    RAN[context.task_id] += 1
    return [first, key, other]


@task
def fails_once(context: TaskExecutionContext) -> str:
    RAN[context.task_id] += 1
    if context.attempt == 1:
        raise OSError
    return "second"


def check_cuts(wf: Workflow, run: Run, **options: Any) -> None:
    """Resumed from wherever it was cut off: the same result and ids, and nothing recorded is done again."""
    result, ids = run.result(), set(run.load_state().index)
    tasks = {event.task_id or "" for event in run.events() if event.type == "TaskSucceeded"}
    for seq, part in cuts(run):
        RAN.clear()
        again = wf.start(run_id=run.run_id, store=part, **options)
        assert again.result() == result, seq
        assert set(again.load_state().index) == ids, seq
        counted = {name for name in tasks if name in RAN or name not in done(run, seq)}
        assert {name: RAN[name] for name in counted} == dict.fromkeys(tasks - done(run, seq), 1), seq
        assert facts(load(part, run.run_id, use_checkpoints=False)) == facts(again.load_state())


def diamond(body: Any) -> Workflow:
    """first >> usual >> last, and a static task far away that nothing leads to but ``elsewhere``."""

    @task
    def usual(context: TaskExecutionContext) -> str:
        RAN[context.task_id] += 1
        return "usual"

    @task
    def last(context: TaskExecutionContext, usual: str = "none") -> str:
        RAN[context.task_id] += 1
        return f"last after {usual}"

    with workflow("w") as wf:
        task(id="first")(body) >> usual >> last
    wf.targets = {"usual": usual, "last": last}  # type: ignore[attr-defined]
    return wf
