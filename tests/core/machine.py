"""A run without engine, store or bodies: random definitions, and a machine that drives the pure core through them."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import strategies as st

from durable.core.decide import decide
from durable.core.durable_calls import copied
from durable.core.events import LOG_FORMAT, Event, encode_fields
from durable.core.fold import apply
from durable.core.frontier import Frontier
from durable.core.graph import Definition, Graph, GroupSpec, TaskSpec
from durable.core.specs import Fragment, MapSpec
from durable.core.state import RunState
from durable.core.transitions import CANCELLED, ENDED, FAILED, PENDING, RUNNING, SKIPPED, SUCCEEDED, TIMED_OUT
from tests.core.bodies import Bodies

BAD = frozenset({FAILED, TIMED_OUT, CANCELLED})
SPARSE = ("spent", "interrupted", "due", "driven", "rejudged", "channel", "metadata", "orphans")
ALONE = frozenset({"graph", "index", "read_graph", "restored"})
"""What a state holds beside facts of the run."""

GRAPH = (
    "ids",
    "parent",
    "end_of",
    "needs",
    "after",
    "pool",
    "scheduler",
    "scheduled",
    "short",
    "deadlines",
    "jumps",
)


seeds = st.integers(0, 2**32).map(Random)
"""Random sources that are cheap to draw from; a run is its definition and its seed."""


def tasks(*ids: str, **settings: Any) -> tuple[TaskSpec, ...]:
    """Task definitions with these ids."""
    return tuple(TaskSpec(name, **settings) for name in ids)


def facts(state: RunState) -> dict[str, Any]:
    """Everything a state holds, to be compared."""
    plain = {name: value for name, value in vars(state).items() if name not in ALONE}
    return {name: list(value) if hasattr(value, "typecode") else value for name, value in plain.items()} | {
        "definition": state.graph.definition,
        "nodes": bytes(state.nodes),
        "graph": {name: copy(getattr(state.graph, name)) for name in GRAPH},
        "members": {group: [list(line) for line in lines] for group, lines in state.graph.members.items()},
        "maps": {
            group: [
                one.name,
                one.keyed,
                one.count,
                one.complete,
                one.cut,
                list(one.batches),
                list(map(one.id_of, one.nodes)),
            ]
            for group, one in state.graph.expansions.by_group.items()
        },
        "marks": {node: copied(marks) for node, marks in state.marks.items()},
        **{name: dict(getattr(state, name)) for name in SPARSE},
    }


class Machine:
    """Folds what a test says has happened, with the frontier kept current."""

    def __init__(self, definition: Definition, **frontier: Any) -> None:
        self.definitions = {1: definition}
        self.fragments: dict[int, Fragment] = {}
        self.state = RunState("run", self.read)
        self.log: list[Event] = []
        self.options = frontier
        self.frontier: Frontier | None = None
        self.bodies = Bodies(self)
        self.now = 1_000
        self.emit("RunCreated", format=LOG_FORMAT, workflow=definition.workflow)
        self.frontier = Frontier(self.state, **frontier)

    def read(self, event: Event) -> Graph | Fragment:
        """Make the graph of a definition, or give the fragment: here, ones that are looked up."""
        if event.type == "TasksScheduled":
            return self.fragments[event.seq]
        return Graph(self.definitions[event.seq])

    def emit(self, type: str, task_id: str | None = None, attempt: int = 0, **fields: Any) -> None:
        """Let something happen."""
        self.now += 10
        event = Event(self.state.seq + 1, self.now, type, task_id, attempt, encode_fields(fields))
        node = apply(self.state, event)
        if self.frontier is not None:
            self.frontier.advance(event, node)
        self.log.append(event)

    def start(self, *names: str) -> None:
        """Start tasks."""
        for name in names:
            self.emit("TaskStarted", name, self.state.attempts[self.state.index[name]] + 1)

    def end(self, kind: str, *names: str) -> None:
        """End the running attempts of tasks."""
        for name in names:
            self.emit(kind, name, self.state.attempts[self.state.index[name]])

    def grow(self, scheduler: str, fragment: Fragment) -> None:
        """Schedule tasks, on behalf of a running attempt or of a verdict."""
        self.fragments[self.state.seq + 1] = fragment
        node = self.state.index[scheduler]
        self.emit("TasksScheduled", scheduler, 0 if self.state.graph.is_group(node) else self.state.attempts[node])

    def run(self, *names: str) -> None:
        """Start tasks and let them succeed."""
        self.start(*names)
        self.end("TaskSucceeded", *names)

    def status(self, name: str) -> str:
        """A node's status."""
        return self.state.node_status(name)

    def names(self, nodes: Iterable[int]) -> list[str]:
        """Ids of nodes."""
        return [self.state.graph.ids[node] for node in nodes]

    def close(self, group: int) -> None:
        """Close a group as a verdict does: cancel what has begun, skip what has not."""
        for node in self.state.graph.subtree(group):
            status, is_group = self.state.nodes[node], self.state.graph.is_group(node)
            if status not in ENDED:
                begun = status != PENDING or self.state.attempts[node]
                kind = ("Group" if is_group else "Task") + ("Cancelled" if begun else "Skipped")
                self.emit(kind, self.state.graph.ids[node], self.state.attempts[node])

    def reopen(self, line: Iterable[int]) -> None:
        """Reopen what did not succeed in a member."""
        for node in line:
            status, is_group = self.state.nodes[node], self.state.graph.is_group(node)
            if status in BAD or status == SKIPPED:
                self.emit("GroupReopened" if is_group else "TaskReopened", self.state.graph.ids[node])
                if is_group:
                    for inner in self.state.graph.members[node]:
                        self.reopen(inner)

    def change(self, definition: Definition) -> None:
        """Follow another version of the definition."""
        self.definitions[self.state.seq + 1] = definition
        self.emit("DefinitionChanged")

    def resume(self) -> None:
        """Fail the run and open it again, as a resume does."""
        self.emit("RunFailed")
        self.emit("RunResumed")
        graph, again = self.state.graph, set(self.state.failures())
        for node in again.copy():
            if graph.is_group(node):
                again.update(inner for inner in graph.subtree(node) if self.state.nodes[inner] == SKIPPED)
        for node in sorted(again):
            if not self.state.settled(node):
                self.emit("GroupReopened" if graph.is_group(node) else "TaskReopened", graph.ids[node])

    def step(self, random: Random) -> bool:
        """Do what the frontier decides, or let one running attempt end somehow. False at the end."""
        assert self.frontier is not None
        decision = decide(self.frontier, self.now)
        ids = self.state.graph.ids
        for node, mark in decision.fire:
            self.bodies.fire(node, mark)
        for group, early in decision.judge:
            if self.state.nodes[group] == RUNNING:
                self._judge(group, early, random)
        for node in decision.open:
            self.emit("GroupStarted", ids[node])
        for node in decision.skip:
            self.emit("GroupSkipped" if self.state.graph.is_group(node) else "TaskSkipped", ids[node])
        self.start(*(ids[node] for node in decision.start))
        if decision.fire or decision.judge or decision.open or decision.skip:
            return True
        for group in decision.expand:
            if not self.frontier.slots.live or random.random() < 0.3:
                self.expand(ids[group], random)
        live = sorted(self.frontier.slots.live)
        if live:
            if not self.bodies.act(random.choice(live), random):
                self._complete(random.choice(live), random)
        elif decision.suspended:
            self.bodies.arrive(random)
        elif decision.wake is not None:
            self.now = max(self.now, decision.wake)
        else:
            assert decision.over or decision.out_of_steps or decision.expand, "stuck"
        return not (decision.over or decision.out_of_steps)

    def expand(self, name: str, random: Random, cuts: float = 0.1) -> None:
        """Give a map a few members, or say that there will be no more; it gets twelve at most."""
        expansion = self.state.graph.expansions.by_group[self.state.index[name]]
        cut = random.random() < cuts
        count = 0 if cut else random.randrange(5)
        last = cut or expansion.count + count > 12 or random.random() < 0.3
        keys = [f"{random.choice(('k', 'a/'))}{expansion.count + place}" for place in range(count)]
        more: dict[str, Any] = {"keys": keys} if expansion.keyed else {}
        more |= {"last": True} if last else {}
        more |= {"cut": True} if cut else {}
        self.emit("MembersAdded", name, count=count, digest=str(self.state.seq), **more)

    def expand_whole(self, name: str, random: Random) -> None:
        """Give a map that was scheduled all its members."""
        expansion = self.state.graph.expansions.by_group[self.state.index[name]]
        while not expansion.complete:
            self.expand(name, random, cuts=0.0)

    def _judge(self, group: int, early: bool, random: Random) -> None:
        name, draw = self.state.graph.ids[group], random.random()
        if early and draw < 0.6:
            return
        if not early and draw < 0.2 and self.state.graph.members[group]:
            line = random.choice(self.state.graph.members[group])
            if any(self.state.nodes[node] in BAD for node in line):
                self.emit("GroupRetryRequested", name)
                self.reopen(line)
                return
        if draw <= 0.7:
            self.bodies.schedules(group, random)
        self.emit("GroupFailed" if draw > 0.7 else "GroupSucceeded", name)
        self.close(group)

    def _complete(self, node: int, random: Random) -> None:
        name, attempt = self.state.graph.ids[node], self.state.attempts[node]
        kind = random.choice(
            ("TaskSucceeded",) * 5 + ("TaskFailed", "TaskTimedOut", "TaskInterrupted", "TaskRetryScheduled")
        )
        if kind == "TaskRetryScheduled":
            self.emit(kind, name, attempt, due=self.now + random.randrange(1, 2_000))
        elif kind == "TaskInterrupted":
            self.emit(kind, name, attempt, counted=random.random() < 0.5)
        else:
            if kind == "TaskSucceeded":
                self._write(name, attempt, random)
                if self.bodies.succeeds(node, random):
                    return
            self.emit(kind, name, attempt)

    def _write(self, name: str, attempt: int, random: Random) -> None:
        draw = random.random()
        if draw < 0.1:
            op = random.choice(("set", "delete", "append", "prepend", "add"))
            amount = random.randrange(9) if op == "add" else None
            self.emit("ChannelWritten", name, attempt, op=op, key=random.choice("xy"), amount=amount)
        elif draw < 0.2:
            self.emit("MetadataWritten", name, attempt, op=random.choice(("set", "delete")), key=random.choice("xy"))


@st.composite
def definitions(draw: st.DrawFn, maps: bool = True) -> Definition:
    """Graphs without cycles: nested groups of chains, maps, forks, joins, and edges that leave a group from inside."""
    found: list[TaskSpec] = []
    groups: list[GroupSpec] = []
    edges: list[tuple[str, str]] = []

    def item(depth: int) -> str:
        if depth and draw(st.integers(0, 2)) == 0:
            early = draw(st.sampled_from(((False, False), (False, False), (True, False), (False, True))))
            limit = draw(st.sampled_from((None, 1, 2)))
            if maps and draw(st.integers(0, 2)) == 0:
                made = TaskSpec("of", max_attempts=draw(st.sampled_from((None, 2))))
                spec = MapSpec(made, "n", "", draw(st.booleans()))
                name = f"m{len(groups)}"
                groups.append(GroupSpec(name, (), limit=limit, fail_fast=early[0], decide_early=early[1], map=spec))
                return name
            lines = []
            for _ in range(draw(st.integers(1, 3))):
                line = tuple(item(depth - 1) for _ in range(draw(st.integers(1, 2))))
                edges.extend(pairwise(line))
                lines.append(line)
            name = f"g{len(groups)}"
            groups.append(GroupSpec(name, tuple(lines), limit=limit, fail_fast=early[0], decide_early=early[1]))
            return name
        attempts, deadline = draw(st.sampled_from((None, 2))), draw(st.sampled_from((None, None, 0.002)))
        coroutine = draw(st.integers(0, 3)) == 0
        found.append(TaskSpec(f"t{len(found)}", max_attempts=attempts, deadline=deadline, coroutine=coroutine))
        return found[-1].id

    top: list[tuple[str, list[str]]] = []
    for _ in range(draw(st.integers(1, 5))):
        before = len(found)
        name = item(2)
        inner = [spec.id for spec in found[before:]] or [name]
        for earlier, members in top:
            kind = draw(st.integers(0, 7))
            if kind <= 1:
                edges.append((earlier, name))
            elif kind == 2:
                edges.append((draw(st.sampled_from(members)), name))
            elif kind == 3:
                edges.append((draw(st.sampled_from([earlier, *members])), draw(st.sampled_from(inner))))
        top.append((name, inner))
    return Definition("random", None, tuple(found), tuple(groups), tuple(edges))


def replayed(log: Iterable[Event], machine: Machine) -> RunState:
    """Fold a log from its beginning."""
    state = RunState("run", machine.read)
    for event in log:
        apply(state, event)
    return state


def all_ids(state: RunState) -> list[str]:
    """Ids of all nodes, members of maps included."""
    return [state.graph.ids[node] for node in range(state.graph.size)]


def succeeded(machine: Machine) -> list[str]:
    """Ids of what has succeeded."""
    return [name for name, node in machine.state.index.items() if machine.state.nodes[node] == SUCCEEDED]
