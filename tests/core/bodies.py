"""What the bodies of a random run do: durable calls, waits, loops, and scheduling while the run goes on."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

from durable.core.durable_calls import FEEDBACK, LOOP, SIGNAL, TIMER, find
from durable.core.specs import Fragment, GroupSpec, MapSpec, TaskSpec
from durable.core.timers import RUN
from durable.core.transitions import PENDING, SUSPENDED

if TYPE_CHECKING:
    from tests.core.machine import Machine

CALLS = ("StepSucceeded", "CursorMoved", "TimerStarted", "SignalAwaited", "FeedbackRequested", "TaskCheckpointed")


class Bodies:
    """Plays the bodies, and the world outside, of one machine.

    Args:
        machine: whose run it is.

    Attributes:
        calls: durable calls that bodies may still make; fragments: how often they may still schedule; rounds: how
            often they may still go round. Limits, so that every run comes to its end.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.calls, self.fragments, self.rounds = 20, 5, 6

    # While an attempt runs.

    def act(self, node: int, random: Random) -> bool:
        """Let a running body make a durable call, suspend itself, or let something come from outside; or do nothing."""
        draw, state = random.random(), self.machine.state
        if draw < 0.25 and self.calls > 0:
            self.calls -= 1
            self._call(node, random)
        elif draw < 0.45 and state.open_waits(node):
            name = state.graph.ids[node]
            self.machine.emit("TaskSuspended", name, state.attempts[node], waiting=state.open_waits(node))
        elif draw < 0.5:
            self._send(random)
        else:
            return False
        return True

    def _call(self, node: int, random: Random) -> None:
        machine, state = self.machine, self.machine.state
        name, attempt = state.graph.ids[node], state.attempts[node]
        kind = random.choice(CALLS)
        marks = state.marks.get(node, {})
        path = str(len(marks))
        last = marks.get(str(len(marks) - 1))
        if last is not None and last.kind == LOOP and random.random() < 0.7:
            path = f"{len(marks) - 1}/{len(last.inner)}"
            if kind == "CursorMoved":
                machine.emit(kind, name, attempt, mark=path.partition("/")[0], position=last.position + 1)
                return
        due = machine.now + random.randrange(1, 3_000)
        fields = {
            "StepSucceeded": {"mark": path, "name": "f"},
            "CursorMoved": {"mark": path, "position": 1},
            "TimerStarted": {"mark": path, "due": due},
            "SignalAwaited": {"mark": path, "name": random.choice("pq"), "due": random.choice((None, due))},
            "FeedbackRequested": {"mark": path, "id": f"{name}#{state.seq}", "due": random.choice((None, due))},
            "TaskCheckpointed": {},
        }
        machine.emit(kind, name, attempt, **fields[kind])

    def _send(self, random: Random) -> None:
        """A signal, whether somebody waits for it or not; or the answer to any open question."""
        state = self.machine.state
        asked = [(request, *found) for request, found in state.requests.items() if self._is_open(found)]
        if asked and random.random() < 0.5:
            request, node, mark, *_ = random.choice(asked)
            self.machine.emit("FeedbackAnswered", state.graph.ids[node], 0, mark=mark, id=request)
        else:
            self.machine.emit("SignalReceived", name=random.choice("pq"), id=str(state.seq))

    def _is_open(self, request: tuple[int, str, int, int]) -> bool:
        node, path, seq, _ = request
        mark = find(self.machine.state.marks.get(node), path)
        return mark is not None and mark.seq == seq and mark.waits

    # While nothing runs.

    def arrive(self, random: Random) -> None:
        """Let something come that a suspended task waits for; there must be something."""
        state = self.machine.state
        waits = [
            (node, path)
            for node, status in enumerate(state.nodes)
            if status == SUSPENDED
            for path in state.open_waits(node)
        ]
        assert waits, "suspended, and nothing can wake it"
        node, path = random.choice(waits)
        mark = find(state.marks[node], path)
        assert mark is not None
        if mark.kind == TIMER or (mark.due and random.random() < 0.5):
            self.machine.now = max(self.machine.now, mark.due)
        elif mark.kind == SIGNAL:
            self.machine.emit("SignalReceived", name=mark.name, id=str(state.seq))
        else:
            assert mark.kind == FEEDBACK
            self.machine.emit("FeedbackAnswered", state.graph.ids[node], 0, mark=path, id=mark.name)

    def fire(self, node: int, path: str) -> None:
        """Record that a wait or a deadline is over."""
        assert node != RUN
        state = self.machine.state
        name = state.graph.ids[node]
        if not path:
            self.machine.emit("TaskTimedOut", name, state.attempts[node])
            return
        mark = find(state.marks.get(node), path)
        if mark is not None and mark.waits:
            kind = "TimerFired" if mark.kind == TIMER else "WaitExpired"
            self.machine.emit(kind, name, state.attempts[node], mark=path)

    # When an attempt succeeds.

    def succeeds(self, node: int, random: Random) -> bool:
        """Schedule something with an attempt's success, or go somewhere else; True when it went round instead."""
        state, machine = self.machine.state, self.machine
        name, attempt = state.graph.ids[node], state.attempts[node]
        if self.rounds > 0 and random.random() < 0.1:
            self.rounds -= 1
            self.schedules(node, random)
            machine.emit("TaskIterated", name, attempt, iteration=state.iteration(node) + 1)
            return True
        if self.fragments > 0 and random.random() < 0.1:
            self.fragments -= 1
            targets = [
                target
                for target in range(state.graph.static)
                if state.nodes[target] == PENDING and state.graph.parent[target] < 0 and not state.attempts[target]
            ]
            jumps = tuple(state.graph.ids[target] for target in random.sample(targets, min(len(targets), 1)))
            machine.grow(name, Fragment(jumps=jumps))
            machine.emit("TaskSucceeded", name, attempt, taken=list(jumps))
            return True
        self.schedules(node, random)
        return False

    def schedules(self, node: int, random: Random) -> None:
        """Perhaps schedule a few tasks: single ones, a chain, a group or a map, and what follows it."""
        if self.fragments <= 0 or random.random() > 0.15:
            return
        self.fragments -= 1
        scheduler, number = self.machine.state.graph.ids[node], self.machine.state.seq
        names = [f"x{place}" for place in range(random.randrange(1, 4))]
        ids = [f"{scheduler}/{number}-{name}" for name in names]
        groups: tuple[GroupSpec, ...] = ()
        edges: list[tuple[str, str]] = []
        shape = random.choice(("single", "chain", "group", "empty", "map"))
        if shape == "chain":
            edges = list(pairwise(ids))
        elif shape != "single":
            group = f"{scheduler}/{number}-g"
            members = tuple((name,) for name in ids[1:]) if shape == "group" else ()
            items = MapSpec(TaskSpec("of"), "n", "", random.random() < 0.5) if shape == "map" else None
            groups = (GroupSpec(group, members, map=items),)
            edges = [(group, ids[0])]
        machine_ids = (*names, *("g" for _ in groups))
        specs = tuple(TaskSpec(name, coroutine=random.random() < 0.3) for name in ids)
        self.machine.grow(scheduler, Fragment(machine_ids, specs, groups, tuple(edges)))
        if shape == "map":
            self.machine.expand_whole(groups[0].id, random)
