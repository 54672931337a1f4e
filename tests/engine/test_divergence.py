"""Changed code: differences before the frontier stop a resume by name, before any body; others are followed."""

from __future__ import annotations

import pytest

from durable import DivergenceError, Store, TaskExecutionContext, Workflow, parallel, task, workflow
from durable.core.graph import Graph
from durable.definition.compile import Compiled
from durable.engine.load import load
from tests.core.machine import GRAPH, facts
from tests.engine.cutting import cuts
from tests.engine.reading import count, fields, trail

broken = [True]


@pytest.fixture(autouse=True)
def _broken() -> None:
    broken[0] = True


@task
def a() -> int:
    return 1


@task
def b(a: int = 0) -> int:
    if broken[0]:
        raise ValueError
    return a + 1


@task
def c(b: int = 0) -> int:
    return b + 1


def failed(store: Store) -> None:
    with workflow("w", store=store) as wf:
        a >> b >> c
    assert wf.start(run_id="r").status == "failed"
    broken[0] = False


@pytest.mark.parametrize("change", ["renamed", "removed", "rewired"])
def test_a_change_before_the_frontier_is_refused_by_name(store: Store, change: str) -> None:
    """Nothing runs and nothing is recorded; with ``accept_changes`` it goes on, and that is recorded."""
    failed(store)
    with workflow("w", store=store) as wf:
        if change == "renamed":
            a(task_id="A") >> b >> c
        elif change == "removed":
            b >> c
        else:
            c(task_id="before") >> a >> b >> c
    seq = store.run("r").seq  # type: ignore[union-attr]
    with pytest.raises(DivergenceError, match=r"(a|b): .*accept") as caught:
        wf.resume("r")
    assert caught.value.changes
    assert store.run("r").seq == seq  # type: ignore[union-attr]
    wf.resume("r", accept_changes=True)
    run = wf.start(run_id="r")
    assert run.status == "succeeded"
    assert fields(run, "DefinitionChanged")["accepted"] is True


def test_what_comes_after_the_frontier_may_change(store: Store) -> None:
    """The run follows the new definition and records it."""
    failed(store)

    @task
    def new(b: int) -> int:
        return b * 100

    with workflow("w", store=store) as wf:
        a >> b >> new
    assert wf.resume("r") == 200
    run = wf.start(run_id="r")
    assert set(fields(run, "DefinitionChanged")["changes"]) >= {"new: new", "c: removed before it started"}
    assert count(run, "TaskStarted", "a") == 1


def test_fixed_code_takes_effect(store: Store) -> None:
    """The log holds data, not code: live code of that name runs."""

    def first() -> Workflow:
        @task
        def works() -> str:
            raise ValueError("bug")

        with workflow("w", store=store) as wf:
            wf.add(works)
        return wf

    def second() -> Workflow:
        @task
        def works() -> str:
            return "fixed"

        with workflow("w", store=store) as wf:
            wf.add(works)
        return wf

    assert first().start(run_id="r").status == "failed"
    assert second().resume("r") == "fixed"
    assert fields(second().start(run_id="r"), "DefinitionChanged")["changes"] == ["works: code changed"]


def test_settings_given_anew_apply_to_what_is_left(store: Store) -> None:
    """A policy given now judges what is left, and the log says that it changed."""
    broken[0] = True
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g")
    assert wf.start(run_id="r").status == "failed"
    with workflow("w", store=store) as wf:
        parallel(a, b, name="g").with_execution(policy="best_effort")
    assert wf.resume("r") == {"a": 1}
    assert "g: policy strict -> best_effort" in fields(wf.start(run_id="r"), "DefinitionChanged")["changes"]


def test_the_same_code_records_no_change(store: Store) -> None:
    """A resume adds nothing about the definition."""
    failed(store)
    with workflow("w", store=store) as wf:
        a >> b >> c
    wf.resume("r")
    assert trail(wf.start(run_id="r"), "Definition") == []


def test_a_load_with_live_code_at_hand_gives_the_state_that_the_log_gives(store: Store) -> None:
    """Wherever the log ends, also with a definition that went and came back after tasks were scheduled under it."""
    fails = task(id="fails")(lambda: 1 / 0)

    def flow(version: int) -> Workflow:
        @task
        def body(context: TaskExecutionContext) -> None:
            context.next_task(c(task_id="more", b=version))

        with workflow("w", store=store) as wf:
            if version == 1:
                body >> fails
            else:
                body >> a >> fails
        return wf

    run = flow(1).start(run_id="r")
    for version in (2, 1, 2):
        run.resume(flow(version), accept_changes=True)
    assert len(trail(run, "DefinitionChanged")) == 3
    shared = set()
    for _, part in cuts(run):
        for version in (1, 2):
            code = Compiled(flow(version))
            state = load(part, "r", code=code)
            assert facts(state) == facts(load(part, "r"))
            if code.graph is state.graph:
                shared.add(version)
            else:
                own = Graph(code.definition)
                assert all(getattr(code.graph, name) == getattr(own, name) for name in GRAPH)
    assert shared == {1, 2}
