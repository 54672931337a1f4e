"""Class definitions: what runs after what, which edges are taken, and what happens when none is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable import ParallelGroup, RetryPolicy, Run, Store, TaskFailed, open_store, parallel, task, workflow
from durable.definition.loading import load_workflow
from durable.definition.steps import BaseHumanStep, BaseMachineStep
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.runs.start import start_run


class Note(BaseMachineStep):
    """Writes down that it ran."""

    def execute(self, context: Any) -> str:
        context.get_channel().append("ran", self.name)
        return self.name


def define(
    edges: list[Edge], *, steps: dict[str, Any] | None = None, terminal: set[str] | None = None
) -> WorkflowDefinition:
    """Make a definition of ``Note`` steps; the first edge's source is the initial one."""
    names = list(dict.fromkeys(name for edge in edges for name in (edge.source, edge.target)))
    return WorkflowDefinition(
        "flow",
        steps=dict.fromkeys(names, Note) | (steps or {}),
        edges=edges,
        initial_step=names[0],
        terminal_steps=terminal or {names[-1]},
    )


def run(definition: WorkflowDefinition, store: Store, **initial: Any) -> Run:
    """Run it to its end."""
    return start_run(definition.workflow, store=store, initial=initial)


def ran(found: Run) -> list[str]:
    """What ran, in order, by short names."""
    return [str(e.task_id).rpartition("/")[2] for e in found.events() if e.type == "TaskStarted"]


def test_a_fork_runs_all_branches_and_the_join_runs_once(store: Store) -> None:
    """The join starts after the last branch."""
    found = run(define([Edge("a", "b"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d")]), store)
    assert found.result() == "d"
    assert sorted(ran(found)) == ["a", "b", "c", "d"]
    assert ran(found)[-1] == "d"


def test_async_branches_of_a_fork_run_at_the_same_time(store: Store) -> None:
    """Each waits for the other to have begun."""
    met = asyncio.Barrier(2)

    class Meet(BaseMachineStep):
        async def execute(self, context: Any) -> None:
            async with asyncio.timeout(20):
                await met.wait()

    edges = [Edge("a", "b"), Edge("a", "c"), Edge("b", "d"), Edge("c", "d")]
    assert run(define(edges, steps={"b": Meet, "c": Meet}), store).status == "succeeded"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(True, False, ["a", "b", "d"]), (False, True, ["a", "c", "d"]), (True, True, ["a", "b", "c", "d"])],
)
def test_edges_are_taken_whose_condition_holds(store: Store, left: bool, right: bool, expected: list[str]) -> None:
    """One or both; the join runs once, after the branches that were taken only."""
    edges = [
        Edge("a", "b", lambda ctx: ctx.get("left")),
        Edge("a", "c", lambda ctx: ctx.get("right")),
        Edge("b", "d"),
        Edge("c", "d"),
    ]
    found = run(define(edges), store, left=left, right=right)
    assert found.result() == "d"
    assert ran(found) == expected


def test_no_edge_taken_fails_the_step_and_says_which_edges_there_were(store: Store) -> None:
    """What the step wrote is not committed: its success and its successors are one thing."""
    edges = [Edge("a", "b", lambda ctx: ctx.get("total") > 100), Edge("a", "c", has_coupon)]
    found = run(define(edges, terminal={"b", "c"}), store, total=5)
    message = r"NoEdgeTaken: the step 'a' took none of its edges: a -> b \(if ctx.get\('total'\) > 100\), "
    with pytest.raises(TaskFailed, match=message + r"a -> c \(if has_coupon\)"):
        found.result()
    assert "ran" not in found.load_state().channel


def has_coupon(ctx: Any) -> bool:
    """Whether there is one."""
    return bool(ctx.get("coupon"))


def test_a_terminal_step_without_taken_edges_is_an_end(store: Store) -> None:
    """It may have edges all the same."""
    edges = [Edge("a", "b"), Edge("b", "c", lambda ctx: ctx.get("more"))]
    assert ran(run(define(edges, terminal={"b", "c"}), store, more=False)) == ["a", "b"]
    assert ran(run(define(edges, terminal={"b", "c"}), store, more=True)) == ["a", "b", "c"]


def test_a_condition_that_raises_fails_the_step_and_names_the_edge(store: Store) -> None:
    """With the error that it raised; a resume evaluates it again."""
    found = run(define([Edge("a", "b", lambda ctx: ctx.get("total") > 100)]), store, total="x")
    with pytest.raises(TaskFailed, match="task 'a' failed: TypeError") as caught:
        found.result()
    assert "raised by the condition of the edge a -> b" in str(caught.value.__cause__.__notes__)  # type: ignore[union-attr]


def test_a_condition_sees_what_its_step_wrote(store: Store) -> None:
    """Before that is committed."""

    class Count(BaseMachineStep):
        async def execute(self, context: Any) -> None:
            context.set("total", context.get("total") + 1)

    found = run(define([Edge("a", "b", lambda ctx: ctx.get("total") == 2)], steps={"a": Count}), store, total=1)
    assert found.status == "succeeded"


def test_the_chosen_edges_are_recorded_with_the_success(store: Store) -> None:
    """A resume does not ask the conditions again."""
    asked: list[int] = []
    broken = [True]

    class Fixed(BaseMachineStep):
        def execute(self, context: Any) -> None:
            if broken:
                raise ValueError

    def choose(ctx: Any) -> bool:
        asked.append(1)
        return len(asked) == 1

    edges = [Edge("a", "b", choose), Edge("a", "c", lambda ctx: len(asked) > 1)]
    found = run(define(edges, steps={"b": Fixed}, terminal={"b", "c"}), store)
    assert found.status == "failed"
    broken.clear()
    assert found.resume().status == "succeeded"
    assert ran(found) == ["a", "b", "b"]
    assert len(asked) == 1


@task
def price(total: int) -> int:
    return total + 1


@task
def pack(price: int) -> str:
    return f"{price} packed"


def test_tasks_and_groups_are_steps(store: Store) -> None:
    """A group is judged by its policy, and its edges are chosen with the verdict; parameters come by names."""

    class Fails(Breaks):
        name = "late"

    class Good(Note):
        name = "good"

    members: list[Any] = [Good, Fails()]
    checks = parallel(members).with_execution(policy="best_effort")
    edges = [
        Edge("price", "checks"),
        Edge("checks", "pack", lambda ctx: ctx.get("ran") == ["good"]),
        Edge("checks", "refuse", lambda ctx: ctx.get("ran") is None),
    ]
    steps = {"price": price, "checks": checks, "pack": pack, "refuse": Note}
    found = run(define(edges, steps=steps, terminal={"pack", "refuse"}), store, total=1)
    assert found.result() == "2 packed"
    assert found.load_state().node_status("refuse") == "skipped"
    assert checks.name is None, "the group itself is left as it was"


def test_a_group_without_a_taken_edge_fails_with_its_edges(store: Store) -> None:
    """As its verdict, so that a resume judges it again and runs no member twice."""
    group = parallel(named("x"), named("y"))
    definition = define([Edge("g", "b", lambda ctx: ctx.get("go"))], steps={"g": group})
    found = run(definition, store)
    with pytest.raises(Exception, match=r"the step 'g' took none of its edges: g -> b \(if ctx.get\('go'\)\)"):
        found.result()
    assert sorted(ran(found)) == ["x", "y"]


def named(name: str) -> Note:
    """Make a ``Note`` with a name of its own."""
    made = Note()
    made.name = name
    return made


def test_a_callback_of_a_group_runs_before_its_edges_are_chosen(store: Store) -> None:
    """And what follows is skipped when its edge is not taken."""

    @task(inject_context=True)
    def tally(ctx: Any) -> None:
        ctx.set("tally", 2)

    group = ParallelGroup(named("x"), named("y"), callback=tally)
    edges = [Edge("g", "b", lambda ctx: ctx.get("tally") == 2), Edge("g", "c", lambda ctx: ctx.get("tally") is None)]
    found = run(define(edges, steps={"g": group}, terminal={"b", "c"}), store)
    assert ran(found)[2:] == ["tally", "b"]
    assert found.load_state().node_status("c") == "skipped"


def test_groups_stand_in_groups_and_in_rounds(store: Store) -> None:
    """With their callbacks, which get the values of the round that they belong to."""

    @task
    def tally(values: dict[str, Any]) -> int:
        return sum(value for value in values.values() if isinstance(value, int))

    inner = parallel(Count("p"), Count("q"), name="inner")
    group = ParallelGroup(Count("x"), Count("y"), inner, callback=tally)
    edges = [
        Edge("a", "g"),
        Edge("g", "a", lambda ctx: ctx.get("x") < 3),
        Edge("g", "b", lambda ctx: ctx.get("x") == 3),
    ]
    found = run(define(edges, steps={"g": group}), store)
    assert found.result() == "b"
    assert [value for name, value in found.results.items() if name.endswith("tally")] == [2, 4, 6]
    assert ran(found).count("q") == 3


def test_what_the_body_says_comes_before_the_edges(store: Store) -> None:
    """Ending the run, or another iteration, needs no edge."""

    class Ends(BaseMachineStep):
        def execute(self, context: Any) -> None:
            if context.iteration < 3:
                context.next_iteration()
            else:
                context.terminate_workflow("enough")

    found = run(define([Edge("a", "b", lambda ctx: False)], steps={"a": Ends}), store)
    assert found.result() == "enough"
    assert ran(found) == ["a", "a", "a"]


def test_settings_of_a_step_are_those_of_its_task(store: Store) -> None:
    """Retries and time limits."""

    class Flaky(BaseMachineStep):
        retry = RetryPolicy(max_attempts=2)
        timeout_seconds = 30.0

        def execute(self, context: Any) -> int:
            if context.attempt == 1:
                raise ValueError
            return int(context.attempt)

    found = run(define([Edge("a", "b")], steps={"b": Flaky}), store)
    assert found.result() == 2
    assert found.load_state().graph.task(1).timeout == 30.0


def test_steps_work_in_blocks_too(store: Store) -> None:
    """As classes and as instances; the same instance is the same task."""
    first = named("first")
    with workflow("w", store=store) as wf:
        first >> parallel(named("x"), named("y"), name="g")
        first >> named("z")
    found = wf.start()
    assert sorted(ran(found)) == ["first", "x", "y", "z"]


# Rounds.


class Count(BaseMachineStep):
    """Counts its rounds in the channel, under its own name."""

    async def execute(self, context: Any) -> int:
        return int(context.get_channel().atomic_add(self.name))


def rework(rounds: int) -> WorkflowDefinition:
    """Draft, review until it is good enough, publish."""
    return define(
        [
            Edge("draft", "review"),
            Edge("review", "edit", lambda ctx: ctx.get("review") < rounds),
            Edge("edit", "review"),
            Edge("review", "publish", lambda ctx: ctx.get("review") >= rounds),
        ],
        steps={"draft": Count, "review": Count, "edit": Count, "publish": Count},
        terminal={"publish"},
    )


@pytest.mark.parametrize("rounds", [1, 2, 30])
def test_an_edge_that_goes_back_begins_another_round(store: Store, rounds: int) -> None:
    """What follows the loop runs once, after the last round."""
    found = run(rework(rounds), store)
    assert found.result() == 1
    assert ran(found) == ["draft", "review", *["edit", "review"] * (rounds - 1), "publish"]


def test_rounds_record_no_code(store: Store) -> None:
    """It is found in the live definition; a step may hold what cannot be stored. Code that is gone says so."""

    class Holds(Count):
        def __init__(self) -> None:
            self.lock = threading.Lock()

    edges = [Edge("a", "a", lambda ctx: ctx.get("a") < 3), Edge("a", "b", lambda ctx: ctx.get("a") == 3)]
    found = run(define(edges, steps={"a": Holds(), "b": Breaks}), store)
    assert ran(found) == ["a", "a", "a", "b"]
    other = define([Edge("a", "c")], steps={"a": Count})
    with pytest.raises(TaskFailed, match="the step 'b' is not in the workflow 'flow' any more"):
        found.resume(other.workflow, accept_changes=True).result()


class Breaks(BaseMachineStep):
    """Always fails."""

    def execute(self, context: Any) -> None:
        raise ValueError


def test_a_step_may_go_back_to_itself(store: Store) -> None:
    """Until its edge onward is taken."""
    edges = [Edge("a", "a", lambda ctx: ctx.get("a") < 4), Edge("a", "b", lambda ctx: ctx.get("a") == 4)]
    assert ran(run(define(edges, steps={"a": Count}), store)) == ["a"] * 4 + ["b"]


def test_loops_stand_in_loops(store: Store) -> None:
    """An outer round begins all inner ones anew; branches inside of a round join in it; groups run in rounds."""
    edges = [
        Edge("a", "b"),
        Edge("b", "c"),
        Edge("b", "g"),
        Edge("c", "d"),
        Edge("g", "d"),
        Edge("d", "b", lambda ctx: ctx.get("d") in (1, 3)),
        Edge("d", "a", lambda ctx: ctx.get("d") == 2),
        Edge("d", "e", lambda ctx: ctx.get("d") == 4),
        Edge("a", "stop", lambda ctx: ctx.get("a") > 9),
        Edge("d", "stop", lambda ctx: False),
    ]
    group = parallel(named("x"), named("y"))
    steps = {"a": Count, "d": Count, "g": group}
    found = run(define(edges, steps=steps, terminal={"e", "stop"}), store)
    assert found.result() == "e"
    names = ran(found)
    assert [names.count(name) for name in "abcdexy"] == [2, 4, 4, 4, 1, 4, 4]
    assert [name for name in names if name in "ad"] == ["a", "d", "d", "a", "d", "d"]


def test_a_group_goes_back_and_stands_in_rounds(store: Store) -> None:
    """Its verdict begins the round; its policy and its edges are those of the first."""
    group = parallel(named("x"), named("y")).with_execution(policy={"type": "at_least_n", "min_success": 1})
    edges = [
        Edge("a", "g"),
        Edge("g", "a", lambda ctx: ctx.get("a") < 3),
        Edge("g", "b", lambda ctx: ctx.get("a") == 3),
    ]
    found = run(define(edges, steps={"a": Count, "g": group}), store)
    assert ran(found)[-1] == "b"
    assert ran(found).count("x") == 3
    assert found.load_state().graph.group(found.load_state().index["g/g/g"]).policy["min_success"] == 1


def test_a_round_is_refused_while_another_branch_leads_into_it(store: Store) -> None:
    """The join would run for the branch and again for the round."""
    edges = [
        Edge("a", "b"),
        Edge("a", "c"),
        Edge("b", "b", lambda ctx: ctx.get("b") < 3),
        Edge("b", "d", lambda ctx: ctx.get("b") == 3),
        Edge("c", "d"),
    ]
    found = run(define(edges, steps={"b": Count}), store)
    with pytest.raises(TaskFailed, match=r"b -> b \(if .*\) goes back while 'c' leads to 'd' too"):
        found.result()


def test_two_ways_back_at_once_are_refused(store: Store) -> None:
    """There is one next round."""
    edges = [Edge("a", "b"), Edge("b", "a"), Edge("b", "b"), Edge("b", "c", lambda ctx: False)]
    with pytest.raises(TaskFailed, match="goes back in two ways at once: b -> a, b -> b"):
        run(define(edges), store).result()


def test_a_killed_run_goes_on_in_its_round(process: Callable[..., Any]) -> None:
    """Killed before each commit: steps that succeeded do not run again, and the rounds are the same."""
    whole = run(rework(3), process())
    commits = len(list(whole.events()))
    for appends in range(1, commits):
        mortal, run_id = process(appends), f"r{appends}"
        died: list[type[BaseException]] = []
        thread = threading.Thread(target=_begin, args=(mortal, run_id, died))
        thread.start()
        thread.join()
        survivor = process()
        found = start_run(rework(3).workflow, run_id=run_id, store=survivor)
        assert found.result() == 1
        succeeded = [event.task_id for event in found.events() if event.type == "TaskSucceeded"]
        assert succeeded == [event.task_id for event in whole.events() if event.type == "TaskSucceeded"]
        if not died:
            break
    assert appends > 5


def _begin(store: Store, run_id: str, died: list[type[BaseException]]) -> None:
    try:
        start_run(rework(3).workflow, run_id=run_id, store=store)
    except BaseException as error:
        died.append(type(error))


# Code and drawings.

FILE = """
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.definition.steps import BaseHumanStep, BaseMachineStep

class Step(BaseMachineStep):
    def execute(self, context):
        if self.name == "b" and not context.get("fixed") and {broken}:
            raise ValueError
        return self.name

def define(version):
    return WorkflowDefinition("orders", version=version, steps={{"a": Step, "b": Step}}, edges=[Edge("a", "b")],
                              initial_step="a", terminal_steps={{"b"}})

old, new = define("1.9"), define("1.10")
"""


def test_a_definition_is_found_by_file_and_name(tmp_path: Path) -> None:
    """The newest version of it, unless another one is named."""
    path = tmp_path / "orders.py"
    path.write_text(FILE.format(broken=True))
    assert load_workflow(path).version == "1.10"
    assert load_workflow(path, "orders", "1.9").version == "1.9"
    assert load_workflow(path, "old").version == "1.9"
    found = load_workflow(path, "orders")
    assert found.file == str(path)
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        failed = start_run(found, store=store)
        assert failed.status == "failed"
        assert Run(store, failed.run_id).resume().status == "failed", "without a workflow: by file and name"


def test_a_drawing_shows_conditions_ends_and_rounds(store: Store) -> None:
    """Also those of a run: further rounds hang on dotted edges."""
    definition = rework(2)
    plain = definition.to_mermaid()
    assert "    n1 -->|\"ctx.get('review') < rounds\"| n2" in plain
    assert "    n2 --> n1" in plain
    assert "    class n3 terminal" in plain
    coloured = definition.to_mermaid(run(definition, store))
    assert 'n4["edit/review"]' in coloured
    assert "n2 -.-> n4" in coloured
    assert "class n6 terminal" in coloured
    assert "class n6 succeeded" in coloured
    assert "class n3 skipped" in coloured


def test_a_drawing_colours_what_is_suspended(store: Store) -> None:
    """A run that waits for a person shows where."""
    definition = define([Edge("a", "ask"), Edge("ask", "b")], steps={"ask": BaseHumanStep})
    text = definition.to_mermaid(run(definition, store))
    assert "classDef suspended fill:" in text
    assert "class n1 suspended" in text
