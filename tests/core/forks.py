"""Logs and forks of them, without stores: a machine that is stopped and resumed, and what a fork keeps."""

from __future__ import annotations

from random import Random

from durable.core.events import Event
from durable.core.fold import apply
from durable.core.forking import Selection, Survey, kept
from durable.core.graph import Definition, Fragment, Graph, GroupSpec
from durable.core.state import RunState
from durable.core.transitions import INTERRUPTED, PENDING, RUNNING, SUSPENDED, WAITING
from tests.core.machine import Machine, tasks


class Lively(Machine):
    """A machine that is also stopped, resumed and ended early, and whose log can be folded under other numbers.

    ``ends`` are the sequence numbers at which it could have committed.
    """

    def __init__(self, definition: Definition) -> None:
        self.recorded: dict[int, int] = {}
        self.ends: list[int] = []
        super().__init__(definition)
        self.ends.append(self.state.seq)

    def read(self, event: Event) -> Graph | Fragment:
        """What an event carries, found by its time: forks have other sequence numbers."""
        seq = self.recorded.setdefault(event.time, event.seq)
        return self.fragments[seq] if event.type == "TasksScheduled" else Graph(self.definitions[seq])

    def live(self, random: Random, steps: int) -> None:
        """Let so much happen, and fail, cancel or stop in the end, or not."""
        for _ in range(steps):
            going = self.step(random)
            if random.random() < 0.05:
                self._stop(random)
            self.ends.append(self.state.seq)
            if not going:
                if not self.state.failures() or random.random() < 0.5:
                    break
                self.resume()
                self.ends.append(self.state.seq)
        self._end(random)
        self.ends.append(self.state.seq)

    def _stop(self, random: Random) -> None:
        assert self.frontier is not None
        live = sorted(self.frontier.slots.live)
        graceful = random.random() < 0.5
        if graceful:
            for node in live:
                self.emit("TaskInterrupted", self.state.graph.ids[node], self.state.attempts[node], counted=False)
            self.emit("RunInterrupted")
            self.ends.append(self.state.seq)
        self.emit("RunContinued")
        for node in () if graceful else live:
            self.emit("TaskInterrupted", self.state.graph.ids[node], self.state.attempts[node])

    def _end(self, random: Random) -> None:
        draw = random.random()
        if draw < 0.25:
            why = random.choice(("the run was cancelled", "the run was ended early"))
            for node, status in enumerate(bytes(self.state.nodes)):
                if status in OPEN:
                    begun = status != PENDING or self.state.attempts[node]
                    kind = ("Group" if self.state.graph.is_group(node) else "Task") + (
                        "Cancelled" if begun else "Skipped"
                    )
                    self.emit(kind, self.state.graph.ids[node], self.state.attempts[node], reason=why)
            self.emit("RunCancelled" if "cancelled" in why else "RunSucceeded")
        elif draw < 0.5:
            self.emit(random.choice(("RunFailed", "RunInterrupted", "RunSuspended", "RunSucceeded")))


OPEN = frozenset({PENDING, RUNNING, WAITING, INTERRUPTED, SUSPENDED})


def surveyed(machine: Machine, until: int) -> Survey:
    survey = Survey(RunState("run", machine.read))
    for event in machine.log[:until]:
        survey.take(event)
    return survey


def forked(machine: Machine, until: int, *again: str) -> tuple[Survey, Selection, RunState, list[Event]]:
    """What a fork keeps of a machine's log, folded."""
    survey = surveyed(machine, until)
    selection = Selection(survey, again)
    log = list(kept(machine.log[:until], selection, {}))
    state = RunState("fork", machine.read)
    for event in log:
        apply(state, event)
    return survey, selection, state, log


def line() -> Machine:
    """a >> b >> c, each with a write, run to the end."""
    machine = Machine(Definition("w", None, tasks("a", "b", "c"), (), (("a", "b"), ("b", "c"))))
    for name in "abc":
        machine.start(name)
        machine.emit("ChannelWritten", name, 1, op="append", key="x")
        machine.end("TaskSucceeded", name)
    return machine


def statuses(state: RunState) -> dict[str, str]:
    return {name: state.node_status(name) for name in state.index}


GROUP = Definition(
    "w", None, tasks("a", "b", "c", "d", "e"), (GroupSpec("g", (("a", "b"), ("c",))),), (("a", "b"), ("g", "d"))
)
