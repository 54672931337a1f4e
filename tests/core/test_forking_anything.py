"""Whatever happened in a run: what a fork of it keeps folds, is as it was, and can go on to its end."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings

from durable.core.decide import decide
from durable.core.durable_calls import Mark, walk
from durable.core.events import Event
from durable.core.fold import apply
from durable.core.forking import Selection, Survey
from durable.core.frontier import Frontier
from durable.core.graph import Definition
from durable.core.state import RunState
from durable.core.transitions import PENDING, RUNNING
from tests.core.forks import OPEN, Lively, forked, surveyed
from tests.core.machine import Machine, all_ids, definitions, seeds


def follow(state: RunState, time: int, *moves: tuple[str, str | None]) -> None:
    for kind, name in moves:
        apply(state, Event(state.seq + 1, time, kind, name))


@settings(max_examples=400, deadline=None)
@given(definitions(), seeds)
def test_what_a_fork_keeps_folds_and_everything_else_is_as_it_was(definition: Definition, random: Random) -> None:
    """Redone nodes have not begun, all others have the status and the outcome that they had; nothing is illegal."""
    machine = Lively(definition)
    machine.live(random, random.randrange(1, 60))
    until = machine.ends[-1] if random.random() < 0.6 else random.choice(machine.ends)
    before = surveyed(machine, until).state
    again = random.sample(all_ids(before), random.randrange(0, min(3, before.graph.size) + 1))
    survey, selection, state, log = forked(machine, until, *again)
    assert set(again) <= selection.again
    for node, name in enumerate(all_ids(survey.state)):
        if name in selection.again:
            now = state.index.get(name)
            assert now is not None or node >= survey.state.graph.static, "what was scheduled goes with its scheduler"
            if now is not None:
                assert (state.nodes[now], state.attempts[now], state.outcome[now]) == (PENDING, 0, 0)
                assert now not in state.marks
                assert now not in state.iterations
            continue
        now = state.index[name]
        if name in selection.judged_again:
            assert state.nodes[now] == (RUNNING if survey.state.started[node] else PENDING)
        elif survey.decided.get(name) in selection.judged_again:
            assert state.nodes[now] in OPEN, "what a verdict had closed is open without it"
        elif survey.state.outcome[node] in selection.left_out or survey.state.outcome[node] > selection.until:
            assert state.nodes[now] in OPEN or not survey.state.outcome[node]
        else:
            same(machine, survey.state, node, state, now, log)
    go_on(machine, survey, selection, state)


def same(machine: Machine, was: RunState, node: int, state: RunState, now: int, log: list[Event]) -> None:
    assert state.nodes[now] == was.nodes[node]
    assert state.attempts[now] == was.attempts[node]
    assert bool(state.outcome[now]) == bool(was.outcome[node])
    if was.outcome[node]:
        old, new = machine.log[was.outcome[node] - 1], log[state.outcome[now] - 1]
        assert (old.time, old.type) == (new.time, new.type)
    told, tells = marks_of(was, node), marks_of(state, now)
    assert tells.keys() == told.keys()
    for path, mark in told.items():
        assert (tells[path].kind, tells[path].name, tells[path].position) == (mark.kind, mark.name, mark.position)
        for old_seq, new_seq in ((mark.seq, tells[path].seq), (mark.ended, tells[path].ended)):
            assert bool(old_seq) == bool(new_seq)
            assert not old_seq or machine.log[old_seq - 1].time == log[new_seq - 1].time


def marks_of(state: RunState, node: int) -> dict[str, Mark]:
    return dict(walk(state.marks.get(node, {})))


def go_on(machine: Machine, survey: Survey, selection: Selection, state: RunState) -> None:
    """A fork can go on: it is listed as interrupted, and when nothing fails any more, it comes to its end."""
    again = [("GroupReopened" if is_group else "TaskReopened", name) for is_group, name in selection.reopened()]
    resumed = [("RunResumed", None), *again] if state.status_name == "failed" else []
    follow(state, state.time, *resumed, ("RunForked", None), ("RunContinued", None))
    ripe = Frontier(survey.state)
    fresh = Frontier(state)
    for node, name in enumerate(all_ids(survey.state)):
        now = state.index.get(name)
        if now is not None and name not in selection.again and state.attempts[now] and not ripe.waiting[node]:
            assert not fresh.waiting[now], f"{name} has begun, and what it follows is not resolved any more"
    rest = Lively(Definition("rest"))
    rest.state, rest.frontier, rest.now = state, fresh, machine.now + 10_000
    for node, status in enumerate(bytes(state.nodes)):
        if status == RUNNING and not state.graph.is_group(node):
            rest.emit("TaskInterrupted", state.graph.ids[node], state.attempts[node], counted=False)
    for _ in range(500):
        if not proceed(rest):
            break
    decision = decide(fresh, rest.now)
    assert decision.over or decision.suspended


def proceed(rest: Lively) -> bool:
    assert rest.frontier is not None
    decision, ids = decide(rest.frontier, rest.now), rest.state.graph.ids
    for node, mark in decision.fire:
        rest.bodies.fire(node, mark)
    for group, _ in decision.judge:
        if rest.state.nodes[group] == RUNNING:
            rest.emit("GroupSucceeded", ids[group])
            rest.close(group)
    for node in decision.open:
        rest.emit("GroupStarted", ids[node])
    for node in decision.skip:
        rest.emit("GroupSkipped" if rest.state.graph.is_group(node) else "TaskSkipped", ids[node])
    for node in decision.start:
        rest.run(ids[node])
    for group in decision.expand:
        rest.emit("MembersAdded", ids[group], count=0, last=True)
    rest.now = max(rest.now, decision.wake or 0)
    return not (decision.over or decision.suspended)
