"""The gauge: what it counts is what there is, whoever looks how often; it asks for errors only when one is new."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings

from durable.core.graph import Definition, GroupSpec
from durable.core.progress import FailedTask, Progress
from durable.core.progress_counts import LAST_FAILURES, SLOWEST, ProgressCounter
from durable.core.state import RunState
from durable.core.transitions import ENDED, FAILED, RUNNING, STATUSES, SUCCEEDED, TIMED_OUT
from tests.core.machine import Machine, definitions, seeds, tasks

WORDS = {"timed_out": "failed", "suspended": "waiting", "interrupted": "pending"}


def gauge(machine: Machine) -> ProgressCounter:
    """A gauge that reads errors from a machine's log."""
    return ProgressCounter(lambda seq: FailedTask(machine.log[seq - 1].task_id or "", f"seq {seq}"))


def naive(state: RunState) -> Counter[str]:
    """Count the tasks by status, one by one."""
    names = (STATUSES[status] for node, status in enumerate(state.nodes) if not state.graph.grouped[node])
    return Counter(WORDS.get(name, name) for name in names)


def check(state: RunState, now: Progress) -> None:
    """Compare progress with what can be counted one by one."""
    found = naive(state)
    words = ("succeeded", "failed", "cancelled", "skipped", "running", "waiting", "pending")
    assert {word: getattr(now, word) for word in words} == {word: found[word] for word in words}
    assert now.total == sum(found.values()) == sum(getattr(now, word) for word in words)
    assert now.done == sum(status in ENDED for node, status in enumerate(state.nodes) if not state.graph.grouped[node])
    for group in now.groups:
        lines = state.graph.members[state.index[group.id]]
        ends = [state.nodes[line[-1]] for line in lines]
        assert group.total == len(lines)
        assert group.succeeded == ends.count(SUCCEEDED)
        assert sum(getattr(group, word) for word in words) == group.total
    failed = [node for node, status in enumerate(state.nodes) if status in (FAILED, TIMED_OUT)]
    seqs = sorted((state.outcome[node] for node in failed if not state.graph.grouped[node]), reverse=True)
    assert [one.error for one in now.failures] == [f"seq {seq}" for seq in seqs[:LAST_FAILURES]]
    running = [node for node, status in enumerate(state.nodes) if status == RUNNING and not state.graph.grouped[node]]
    running.sort(key=lambda node: (state.started[node], node))
    assert [one.id for one in now.slowest] == [state.graph.ids[node] for node in running[:SLOWEST]]


@settings(max_examples=80, deadline=None)
@given(definitions(), seeds)
def test_a_gauge_that_looks_again_and_again_counts_what_a_new_one_would(definition: Definition, random: Random) -> None:
    """At every step of random runs, which grow, fail, retry, are resumed: nothing is kept that is not so any more."""
    machine = Machine(definition)
    kept = gauge(machine)
    for turn in range(40):
        check(machine.state, kept.read(machine.state, machine.now))
        if not machine.step(random):
            if turn % 2 or machine.state.status != RUNNING or not machine.state.failures():
                break
            machine.resume()
    check(machine.state, kept.read(machine.state, machine.now))


def test_a_member_that_is_a_chain_counts_once_and_by_where_it_failed() -> None:
    """Its end is skipped then; the member has failed."""
    group = GroupSpec("g", (("a", "b"), ("c", "d"), ("e", "f")))
    machine = Machine(
        Definition("w", None, tasks("a", "b", "c", "d", "e", "f"), (group,), (("a", "b"), ("c", "d"), ("e", "f")))
    )
    machine.emit("GroupStarted", "g")
    machine.run("a", "b")
    machine.start("c", "e")
    machine.end("TaskFailed", "c")
    machine.emit("TaskSkipped", "d")
    (found,) = gauge(machine).read(machine.state, machine.now).groups
    assert (found.total, found.done, found.succeeded, found.failed, found.running) == (3, 2, 1, 1, 1)


def test_errors_are_read_only_when_something_has_failed_since() -> None:
    """A display that looks several times a second reads an error once."""
    machine = Machine(Definition("w", None, tasks(*(f"t{n}" for n in range(6)))))
    asked: list[int] = []

    def describe(seq: int) -> FailedTask:
        asked.append(seq)
        return FailedTask(machine.log[seq - 1].task_id or "", "no")

    kept = ProgressCounter(describe)
    for number in range(5):
        machine.start(f"t{number}")
        machine.end("TaskFailed", f"t{number}")
        for _ in range(3):
            kept.read(machine.state, machine.now)
    assert len(asked) == len(set(asked)) == 5
    assert [one.id for one in kept.read(machine.state, machine.now).failures] == ["t4", "t3", "t2"]


def test_an_error_that_cannot_be_read_yet_is_asked_for_again() -> None:
    """A driver folds an event a moment before others can read it."""
    machine = Machine(Definition("w", None, tasks("a")))
    machine.start("a")
    machine.end("TaskFailed", "a")
    there: list[FailedTask] = []
    kept = ProgressCounter(lambda seq: there[0] if there else None)
    assert kept.read(machine.state, machine.now).failures == ()
    there.append(FailedTask("a", "no"))
    assert kept.read(machine.state, machine.now).failures == (FailedTask("a", "no"),)


def test_what_nobody_drives_does_not_run() -> None:
    """What was recorded as running will start again; no time is promised."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    machine.run("a")
    machine.start("b")
    now = gauge(machine).read(machine.state, machine.now + 3_600_000_000, "interrupted")
    assert (now.status, now.running, now.pending, now.slowest, now.left) == ("interrupted", 0, 1, (), None)
    assert now.rate is not None  # as it was when somebody drove it: the hour since does not count
    assert now.rate > 1_000


def test_only_groups_that_have_begun_are_shown_the_running_ones_first() -> None:
    groups = tuple(GroupSpec(name, ((f"{name}1",),)) for name in ("g", "h", "i"))
    machine = Machine(Definition("w", None, tasks("g1", "h1", "i1"), groups))
    machine.emit("GroupStarted", "g")
    machine.emit("GroupStarted", "h")
    machine.run("g1")
    machine.emit("GroupSucceeded", "g")
    found = gauge(machine).read(machine.state, machine.now).groups
    assert [(group.id, group.status) for group in found] == [("h", "running"), ("g", "succeeded")]


def test_what_failed_again_after_a_resume_is_shown_as_it_failed_last() -> None:
    """Also when nobody looked while it was open again, so that as many had failed as before."""
    machine = Machine(Definition("w", None, tasks("a")))
    kept = gauge(machine)
    machine.start("a")
    machine.end("TaskFailed", "a")
    before = kept.read(machine.state, machine.now).failures
    machine.resume()
    machine.start("a")
    machine.end("TaskFailed", "a")
    assert kept.read(machine.state, machine.now).failures == (FailedTask("a", f"seq {machine.state.seq}"),) != before
