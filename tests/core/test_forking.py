"""Which events a fork keeps: what is kept always folds, and means what it meant."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings

from durable.core.decide import Frontier
from durable.core.durable_calls import Mark, walk
from durable.core.events import Event, encode_fields
from durable.core.fold import apply
from durable.core.forking import Selection, Survey, kept, new_question_id, open_questions
from durable.core.graph import Definition, Fragment, Graph, GroupSpec
from durable.core.state import RunState
from durable.core.transitions import INTERRUPTED, PENDING, RUNNING, SUSPENDED, WAITING
from tests.core.machine import Machine, all_ids, definitions, seeds, tasks


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
        live = sorted(self.frontier.lanes.live)
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
    reopened = [("RunResumed", None), *selection.reopened()] if state.status_name == "failed" else []
    follow(state, state.time, *reopened, ("RunForked", None), ("RunContinued", None))
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
    decision = fresh.decide(rest.now)
    assert decision.over or decision.suspended


def proceed(rest: Lively) -> bool:
    assert rest.frontier is not None
    decision, ids = rest.frontier.decide(rest.now), rest.state.graph.ids
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


def test_a_task_is_done_again_with_what_follows_it_and_nothing_before() -> None:
    """Its writes go with it."""
    machine = line()
    machine.emit("RunSucceeded")
    _, _, state, log = forked(machine, len(machine.log), "b")
    assert statuses(state) == {"a": "succeeded", "b": "pending", "c": "pending"}
    assert [event.task_id for event in log] == [None, "a", "a", "a"]
    assert state.status_name == "running"


GROUP = Definition(
    "w", None, tasks("a", "b", "c", "d", "e"), (GroupSpec("g", (("a", "b"), ("c",))),), (("a", "b"), ("g", "d"))
)


def test_a_group_stays_open_for_the_member_that_is_done_again() -> None:
    """Other members, and what has nothing to do with the group, stay; its verdict and what followed go."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a", "b", "c")
    machine.emit("MetadataWritten", "g", op="set", key="rounds")
    machine.emit("GroupSucceeded", "g")
    machine.run("d", "e")
    _, _, state, _ = forked(machine, len(machine.log), "b")
    assert statuses(state) == {
        "a": "succeeded", "b": "pending", "c": "succeeded", "d": "pending", "e": "succeeded", "g": "running",
    }  # fmt: skip
    assert not state.metadata
    _, _, state, _ = forked(machine, len(machine.log), "g")
    assert [name for name, status in statuses(state).items() if status != "pending"] == ["e"]


def test_members_closed_by_a_verdict_are_open_again_without_it() -> None:
    """What was cancelled or skipped because of the verdict was not an outcome of its own."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b", "c")
    machine.end("TaskFailed", "b")
    machine.emit("GroupFailed", "g")
    machine.emit("TaskCancelled", "c", 1, reason="the group was decided")
    _, selection, state, _ = forked(machine, len(machine.log), "b")
    assert statuses(state) | {"e": "pending"} == {
        "a": "succeeded", "b": "pending", "c": "running", "d": "pending", "e": "pending", "g": "running",
    }  # fmt: skip
    assert selection.again == {"b", "d"}


def test_a_member_of_a_group_that_was_skipped_is_done_again_with_its_group() -> None:
    """The group has nothing that could be kept; what it follows says again whether it runs."""
    groups = (GroupSpec("g", (("b",), ("c",))),)
    machine = Machine(Definition("w", None, tasks("a", "b", "c", "d"), groups, (("a", "g"), ("g", "d"))))
    machine.start("a")
    machine.emit("TaskSucceeded", "a", 1, taken=[])
    machine.emit("GroupSkipped", "g")
    for name in "bcd":
        machine.emit("TaskSkipped", name)
    _, selection, state, _ = forked(machine, len(machine.log), "b")
    assert selection.again == {"b", "c", "g", "d"}
    assert Frontier(state).decide(0).skip == [state.index[name] for name in ("g", "b", "c")]


def test_what_a_verdict_had_settled_is_judged_again() -> None:
    """x ran because the verdict settled the failed b; without that verdict nobody knows whether it may."""
    groups = (GroupSpec("g", (("a",), ("b",))),)
    machine = Machine(Definition("w", None, tasks("a", "b", "w", "x"), groups, (("b", "x"), ("w", "x"))))
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b")
    machine.end("TaskFailed", "b")
    machine.emit("GroupSucceeded", "g")
    machine.run("w", "x")
    _, selection, state, _ = forked(machine, len(machine.log), "a")
    assert selection.again == {"a", "x"}
    assert statuses(state) == {"a": "pending", "b": "failed", "w": "succeeded", "x": "pending", "g": "running"}


def test_a_fork_of_a_failed_run_opens_what_failed_and_was_kept() -> None:
    """Not what the fork does again anyway, nor what its verdict, which is gone, had closed."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b", "c", "e")
    machine.end("TaskFailed", "b", "e")
    machine.emit("GroupFailed", "g")
    machine.emit("TaskCancelled", "c", 1, reason="the group was decided")
    machine.emit("RunFailed")
    _, selection, _, _ = forked(machine, len(machine.log), "b")
    assert selection.reopened() == [("TaskReopened", "e")]
    _, selection, _, _ = forked(machine, len(machine.log))
    assert sorted(name for _, name in selection.reopened()) == ["b", "c", "e", "g"]


def test_what_ended_by_itself_after_a_verdict_was_taken_back_stays() -> None:
    """c was closed by the first verdict and failed on its own before the second one."""
    machine = Machine(GROUP)
    machine.emit("GroupStarted", "g")
    machine.run("a")
    machine.start("b")
    machine.end("TaskFailed", "b")
    machine.emit("GroupFailed", "g")
    machine.emit("TaskSkipped", "c", reason="the group was decided")
    machine.resume()
    machine.start("c")
    machine.end("TaskFailed", "c")
    _, _, state, _ = forked(machine, len(machine.log), "b")
    assert state.node_status("c") == "failed"


def test_what_a_redone_task_scheduled_is_gone() -> None:
    """And what that scheduled in turn; what another task scheduled stays."""
    machine = Lively(Definition("w", None, tasks("a", "b")))
    machine.start("a", "b")
    machine.grow("a", Fragment(("x",), tasks("a/x")))
    machine.end("TaskSucceeded", "a")
    machine.start("a/x")
    machine.grow("a/x", Fragment(("y",), tasks("a/x/y")))
    machine.end("TaskSucceeded", "a/x")
    machine.grow("b", Fragment(("z",), tasks("b/z")))
    machine.end("TaskSucceeded", "b")
    machine.run("b/z", "a/x/y")
    _, _, state, _ = forked(machine, len(machine.log), "a")
    assert statuses(state) == {"a": "pending", "b": "succeeded", "b/z": "succeeded"}
    _, _, state, _ = forked(machine, len(machine.log), "a/x")
    assert statuses(state) == {"a": "succeeded", "b": "succeeded", "b/z": "succeeded", "a/x": "pending"}


def test_where_a_redone_task_went_to_is_done_again() -> None:
    """The jump is forgotten with it."""
    machine = Lively(Definition("w", None, tasks("a", "b", "c"), (), (("a", "b"),)))
    machine.start("a")
    machine.grow("a", Fragment(jumps=("c",)))
    machine.emit("TaskSucceeded", "a", 1, taken=["c"])
    machine.run("c")
    machine.emit("TaskSkipped", "b")
    _, selection, state, _ = forked(machine, len(machine.log), "a")
    assert selection.again == {"a", "b", "c"}
    assert not state.graph.jumps
    assert not state.taken


@pytest.mark.parametrize("first", [True, False])
def test_a_signal_that_a_redone_task_got_is_not_given_to_another(first: bool) -> None:
    """The other task keeps the signal that it got, whichever of them waited first."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    for name in ("a", "b") if first else ("b", "a"):
        machine.start(name)
        machine.emit("SignalAwaited", name, 1, mark="0", name="go")
    machine.emit("SignalReceived", name="go", id="1")
    machine.emit("SignalReceived", name="go", id="2")
    _, _, state, log = forked(machine, len(machine.log), "a")
    ended = state.marks[state.index["b"]]["0"].ended
    assert log[ended - 1].fields["id"] == ("2" if first else "1")
    assert not state.signals


@pytest.mark.parametrize("end", ["RunCancelled", "RunSucceeded"])
def test_the_closing_of_a_run_that_was_ended_early_is_left_behind(end: str) -> None:
    """Also when the run rested before, and only what the end itself has closed."""
    machine = Machine(Definition("w", None, tasks("a", "b", "c")))
    machine.start("a", "b")
    machine.emit("TaskSkipped", "c", reason="nothing that it follows was taken")
    machine.emit("RunSuspended")
    why = "the run was cancelled" if end == "RunCancelled" else "the run was ended early"
    for name in "ab":
        machine.emit("TaskCancelled", name, 1, reason=why)
    machine.emit(end)
    _, _, state, _ = forked(machine, len(machine.log))
    assert statuses(state) == {"a": "running", "b": "running", "c": "skipped"}
    assert state.status_name == "running"


def test_a_past_within_the_past_keeps_its_rests() -> None:
    """Only the last rest is left behind: those that were followed by another drive are history."""
    machine = line()
    machine.emit("RunInterrupted")
    machine.emit("RunContinued")
    machine.emit("RunForked")
    _, _, state, log = forked(machine, len(machine.log))
    assert [event.type for event in log if event.type.startswith("Run")] == [
        "RunCreated", "RunInterrupted", "RunContinued",
    ]  # fmt: skip
    assert state.status_name == "running"


def test_questions_that_are_open_get_other_ids() -> None:
    """Those that were answered keep theirs, and a fork of a fork does not add up names."""
    machine = Machine(Definition("w", None, tasks("a")))
    machine.start("a")
    for number, name in enumerate(("q", "r")):
        machine.emit("FeedbackRequested", "a", 1, mark=str(number), id=name)
    machine.emit("FeedbackAnswered", "a", 1, mark="0", id="q")
    survey = surveyed(machine, len(machine.log))
    assert open_questions(survey.state) == ["r"]
    log = list(kept(machine.log, Selection(survey), {"r": "r@two"}))
    assert [event.fields["id"] for event in log if "id" in event.fields] == ["q", "r@two", "q"]
    assert new_question_id("r", "one", "two", ()) == "r@two"
    assert new_question_id("r@two", "two", "three", ()) == "r@three"
    assert new_question_id("r@two", "two", "three", ("r@three",)) == "r@two@three"


def test_a_fork_has_its_time_anew() -> None:
    """Deadlines and time-outs that ran while the other run did have not passed for the fork."""
    definition = Definition("w", None, tasks("a", deadline=5.0), (GroupSpec("g", (("a",),), timeout=5.0),))
    state = RunState("fork", lambda event: Graph(definition))
    first = encode_fields({"format": 1, "workflow": "w", "deadline": 9.0})
    apply(state, Event(1, 1_000_000, "RunCreated", data=first))
    apply(state, Event(2, 1_000_000, "GroupStarted", "g"))
    apply(state, Event(3, 1_000_000, "TaskStarted", "a", 1))
    apply(state, Event(4, 8_000_000, "RunContinued"))
    apply(state, Event(5, 90_000_000, "RunForked"))
    assert state.run_deadline == 99_000_000
    assert list(state.deadlines.values()) == [95_000_000]
    apply(state, Event(6, 91_000_000, "RunContinued"))
    assert state.driven == {state.index["g"]: 0}


def test_what_an_earlier_definition_had_is_kept() -> None:
    """Also what the present one lacks; what a redone task had scheduled under it goes all the same."""
    was = Definition("w", None, tasks("a", "b", "c"), (), (("b", "c"),))
    machine = Lively(was)
    machine.start("a", "b")
    machine.grow("b", Fragment(("x",), tasks("b/x")))
    machine.end("TaskSucceeded", "a", "b")
    machine.run("b/x")
    now = Definition("w", None, tasks("b", "c", "d", "b/x"), (), (("b", "c"),))
    machine.change(now)
    machine.run("c")
    _, _, state, log = forked(machine, len(machine.log), "b")
    assert statuses(state) == {"b": "pending", "c": "pending", "d": "pending", "b/x": "pending"}
    assert list(state.orphans) == ["a"]
    assert not [event for event in log if event.task_id == "b/x"]
