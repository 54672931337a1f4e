"""Bodies that link tasks or run other workflows touch neither an open block nor their own run."""

from __future__ import annotations

from durable import Store, Workflow, current_context, task, workflow
from tests.engine.one_two_three import one, three, two


def test_operators_in_bodies_have_no_effect_on_the_open_block(store: Store) -> None:
    """``|`` and ``>>`` inside a task's body link nothing, on the driver and in threads, while a block is open."""

    @task
    def body() -> int:
        one >> two
        (one | two) >> three
        return 5

    @task
    def aside() -> int:
        return one.fn() | 2

    with workflow("w", store=store) as wf:
        body >> (aside | body(task_id="again"))
        linked = dict(wf.linked)
        assert wf.execute() == {"aside": 3, "again": 5}
        assert wf.linked == linked
        one >> body
    assert one in wf.linked


def test_a_body_may_run_another_workflow(store: Store) -> None:
    """A run inside a task's body is a run of its own; the contexts do not mix."""
    seen: list[str | None] = []

    @task
    def inner_task() -> int:
        context = current_context()
        seen.append(context.run_id if context else None)
        return 7

    @task
    def outer_task() -> int:
        inner = Workflow("inner", store=store)
        inner.add(inner_task)
        value = inner.execute(run_id="inner")
        context = current_context()
        seen.append(context.run_id if context else None)
        return int(value) + 1

    with workflow("outer", store=store) as wf:
        wf.add(outer_task)
    assert wf.execute(run_id="outer") == 8
    assert seen == ["inner", "outer"]
    assert current_context() is None
