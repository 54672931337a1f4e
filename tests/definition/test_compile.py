"""Compiling: what is refused before anything runs, what starts, and that it is a snapshot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from durable import (
    DefinitionError,
    ParallelGroup,
    PayloadError,
    Store,
    TaskExecutionContext,
    UnresolvedParameter,
    Workflow,
    parallel,
    task,
    workflow,
)
from durable.core.graph import Definition
from durable.definition.compile import Compiled


@task
def a() -> int:
    return 1


@task
def b(a: int) -> int:
    return a


@task
def needs(nothing: int) -> None: ...


def ids(made: Workflow, start: str | None = None) -> list[str]:
    compiled = Compiled(made, start)
    return [compiled.graph.ids[node] for node in compiled.graph.ordered()]


def refused(made: Workflow, store: Store, error: type[BaseException], match: str, **options: Any) -> None:
    """The workflow does not start, nothing is recorded, and the store works."""
    with pytest.raises(error, match=match):
        made.execute(run_id="r", store=store, **options)
    assert store.run("r") is None
    fine = Workflow("fine", store=store)
    fine.add(a)
    assert fine.execute(run_id="fine") == 1


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: a >> b >> a, "cycle"),
        (lambda: a >> a, "cycle"),
        (lambda: a >> needs(task_id="a"), "uses an id twice: a"),
        (lambda: parallel(a, name="b") >> b, "uses an id twice: b"),
        (lambda: (parallel(a, name="g") >> b, b >> a), "cycle"),
    ],
)
def test_a_graph_that_cannot_be_is_refused_before_anything_runs(
    store: Store, build: Callable[[], Any], match: str
) -> None:
    """Cycles and repeated ids."""
    with workflow("w") as wf:
        build()
    refused(wf, store, DefinitionError, match)


@pytest.mark.parametrize("build", [lambda: needs >> a, lambda: a | needs, lambda: parallel(a | needs >> b, name="g")])
def test_a_parameter_that_nothing_can_give_is_refused_before_anything_runs(
    store: Store, build: Callable[[], Any]
) -> None:
    """Of a root, and of what a root group starts with; the message says how to give it."""
    with workflow("w") as wf:
        build()
    refused(wf, store, UnresolvedParameter, r"'needs' its parameter 'nothing'.*Bind it \(needs\(nothing=\.\.\.\)\)")
    wf.start(store=store, initial={"nothing": 1})


def test_an_unknown_start_is_refused_with_what_there_is(store: Store) -> None:
    """A task that is not linked, or one inside of a group."""
    with workflow("w") as wf:
        a >> (b | needs)
    refused(wf, store, DefinitionError, r"start='x'.*It has: .*b\|needs", start="x")
    refused(wf, store, DefinitionError, r"stands inside the group 'b\|needs'", start="b")


def test_only_unlinked_tasks_are_refused_by_name(store: Store) -> None:
    """Nobody can know where to begin; one task alone begins by itself."""
    with workflow("w") as wf:

        @task
        def one() -> str:
            return "one"

    assert wf.execute(store=store) == "one"
    with wf:

        @task
        def two() -> None: ...

    refused(wf, store, DefinitionError, "nothing in the workflow 'w' is linked; it has 'one', 'two'")
    refused(Workflow("empty"), store, DefinitionError, "nothing in the workflow 'empty' is linked")


def test_unlinked_tasks_do_not_start_by_themselves() -> None:
    """They are templates."""
    with workflow("w") as wf:

        @task
        def template() -> None: ...

        a >> b
    assert ids(wf) == ["a", "b"]


def test_definition_order_is_that_of_the_code() -> None:
    """Tasks as they were defined in the block, others as they were linked."""
    with workflow("w") as wf:

        @task
        def late() -> None: ...

        @task
        def early() -> None: ...

        early >> (late | a)
    assert ids(wf) == ["late|a", "late", "early", "a"]


def test_start_keeps_what_follows_with_its_groups() -> None:
    """And nothing else."""
    with workflow("w") as wf:
        a >> parallel(b, needs, name="g") >> a(task_id="end")
        a(task_id="other") >> a(task_id="last")
    assert ids(wf, "g") == ["g", "b", "needs", "end"]
    assert ids(wf, "other") == ["other", "last"]


def test_a_callback_stands_between_its_group_and_what_follows() -> None:
    """Also when it is linked by nothing else."""
    with workflow("w") as wf:
        ParallelGroup(a, name="g", callback=a(task_id="chord")) >> a(task_id="after")
    graph = Compiled(wf).graph
    before = [graph.ids[node] for node in graph.before[graph.index["after"]]]
    assert set(before) == {"g", "chord"}
    assert [graph.ids[node] for node in graph.before[graph.index["chord"]]] == ["g"]


def test_it_is_a_snapshot() -> None:
    """What is linked afterwards does not change it."""
    with workflow("w") as wf:
        wf.add(a)
        before = Compiled(wf)
        a >> b
    assert list(before.graph.index) == ["a"]
    assert ids(wf) == ["a", "b"]


def test_the_recorded_definition_holds_settings_and_digests(store: Store) -> None:
    """And comes back from the log as it was: the same workflow does not diverge from itself."""

    @task(timeout=5, max_retries=2, version="7")
    def settled(x: int) -> None: ...

    with workflow("w", store=store, version=3) as wf:  # type: ignore[arg-type]
        group = parallel(settled(x=1), a, name="g").with_execution(policy="best_effort", timeout=9, max_concurrent=2)
        group >> b(a=1)
    made: Definition = Compiled(wf).definition
    spec = made.tasks[0]
    assert (spec.fingerprint, spec.timeout, spec.max_attempts, made.version) == ("version:7", 5.0, 3, "3")
    assert spec.args
    run = wf.start(run_id="r")
    run.load_state()
    assert store.run("r") is not None
    assert wf.plan("r").reported == []


def test_arguments_have_a_digest_that_tells_values_and_types_apart() -> None:
    """A change of bound arguments is noticed; the order in which they were bound is no change."""

    @task
    def body(x: Any, y: Any = None) -> None: ...

    def digest(**bound: Any) -> str:
        wf = Workflow("w")
        wf.add(body(**bound))
        return Compiled(wf).definition.tasks[0].args

    assert digest(x=1) == digest(x=1)
    assert len({digest(x=1), digest(x=2), digest(x="1"), digest(x=[1]), digest(x=1, y=1)}) == 5
    assert digest(x=1, y=2) == digest(y=2, x=1)


def test_initial_values_that_cannot_be_recorded_are_refused_before_anything_runs(store: Store) -> None:
    """Unserialisable values, and keys that are no texts."""
    with workflow("w") as wf:
        wf.add(a)
    refused(wf, store, PayloadError, "lock", initial={"k": threading.Lock()})
    for key in (5, "", "\ud800"):
        refused(wf, store, Exception, "channel key", initial={key: 1, "other": 2})


def test_one_task_in_several_workflows_keeps_them_apart() -> None:
    """Edges belong to workflows."""
    with workflow("one") as one:
        a >> b
    with workflow("two") as two:
        b >> a(task_id="x")
    assert (ids(one), ids(two)) == (["a", "b"], ["b", "x"])


def test_the_context_parameter_is_nobodys_to_give(store: Store) -> None:
    """It counts as given."""

    @task
    def body(context: TaskExecutionContext) -> str:
        return context.task_id

    wf = Workflow("w", store=store)
    wf.add(body)
    assert wf.execute() == "body"
