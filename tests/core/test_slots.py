"""Slots of maps and groups: rates, and members that are handed over together."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from durable.core.decide import AHEAD, decide
from durable.core.frontier import Frontier
from durable.core.graph import Definition, GroupSpec
from durable.core.slots import Pace
from durable.core.specs import MapSpec, TaskSpec
from tests.core.machine import Machine, tasks

CATCH_UP = 0.05
"""Seconds of starts that may be caught up with."""


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0.1, 5000),
    st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 50)), min_size=1, max_size=60),
    st.integers(1, 10**9),
)
def test_a_pace_never_allows_more_than_the_rate(rate: float, asked: list[tuple[int, int]], begin: int) -> None:
    """In any second, whenever it is asked: the rate, what is caught up with, and the one it begins with."""
    pace, now, allowed = Pace(rate), begin, list[int]()
    for passed, wanted in asked:
        now += passed
        count = pace.allow(wanted, now)
        assert 0 <= count <= wanted
        allowed += [now] * count
    for place, time in enumerate(allowed):
        in_a_second = sum(time <= other < time + 1_000_000 for other in allowed[place:])
        assert in_a_second <= rate * (1 + CATCH_UP) + 1.001


@settings(max_examples=100, deadline=None)
@given(st.floats(0.5, 2000), st.integers(0, 10**9))
def test_a_pace_gets_on(rate: float, now: int) -> None:
    """Whoever comes back when it says so may start, and in the end at the full rate."""
    pace, begin = Pace(rate), now
    for _ in range(50):
        assert pace.allow(10, now) >= 1
        assert pace.allow(10, now) == 0
        assert pace.free > now
        now = pace.free
    assert now - begin <= 50 * 1e6 / rate + 51


@settings(max_examples=100, deadline=None)
@given(st.floats(0.5, 2000), st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_clock_that_was_set_back_does_not_stop_a_pace(rate: float, later: int, earlier: int) -> None:
    """It goes on from the new time, no faster."""
    pace = Pace(rate)
    pace.allow(5, later + earlier)
    assert pace.allow(1, earlier) in (0, 1)
    now = max(pace.free, earlier)
    assert now <= earlier + 1e6 / rate + 1
    assert pace.allow(1, now + 1) <= 1
    assert pace.allow(5, now + 1) <= 1 + CATCH_UP * rate


def opened(members: int, **settings: Any) -> Machine:
    """A group that runs, its members not started."""
    names = [f"t{n}" for n in range(members)]
    group = GroupSpec("g", tuple((name,) for name in names), **settings)
    made = Machine(Definition("w", None, tasks(*names), (group,)), default_limit=4)
    made.emit("GroupStarted", "g")
    return made


def starts(made: Machine) -> list[str]:
    """What may start now; starts it."""
    assert made.frontier is not None
    found = made.names(decide(made.frontier, made.now).start)
    made.start(*found)
    return found


def test_whole_chunks_start_until_there_are_too_few() -> None:
    """As many chunks at once as members without chunks; another one once a whole one is free."""
    made = opened(11, limit=2, chunk=3)
    assert len(starts(made)) == 6
    made.end("TaskSucceeded", "t0", "t1")
    assert starts(made) == []
    made.end("TaskSucceeded", "t2")
    assert starts(made) == ["t6", "t7", "t8"]
    made.end("TaskSucceeded", "t3", "t4")
    assert starts(made) == ["t9", "t10"]


def test_chunks_that_are_paced_start_as_the_pace_allows() -> None:
    """The rate comes first: members must not wait for ever for a whole chunk."""
    made = opened(10, chunk=5, rate=10.0)
    found = []
    for _ in range(10):
        found.append(len(starts(made)))
        assert made.frontier is not None
        wake = decide(made.frontier, made.now).wake
        made.now = wake or made.now
    assert found == [1] * 10


def test_a_rebuilt_frontier_keeps_the_pace() -> None:
    """What is opened again does not start sooner."""
    made = opened(5, rate=1.0)
    assert starts(made) == ["t0"]
    made.end("TaskFailed", "t0")
    made.emit("GroupRetryRequested", "g")
    made.emit("TaskReopened", "t0")
    assert made.frontier is not None
    assert made.frontier.stale
    assert starts(made) == []
    made.now += 1_000_000
    assert len(starts(made)) == 1


def test_a_pace_that_waits_is_no_lack_of_steps() -> None:
    """Nor is the run over."""
    made = opened(2, rate=1.0)
    made.end("TaskSucceeded", *starts(made))
    assert made.frontier is not None
    decision = decide(made.frontier, made.now)
    assert not decision.over
    assert not decision.out_of_steps
    assert decision.wake is not None


def mapped(**settings: Any) -> Machine:
    spec = GroupSpec("m", (), map=MapSpec(TaskSpec("of"), "n"), **settings)
    made = Machine(Definition("w", None, (), (spec,)), default_limit=4)
    made.emit("GroupStarted", "m")
    return made


def wanted(made: Machine) -> list[int]:
    assert made.frontier is not None
    return decide(made.frontier, made.now).expand


def test_more_members_are_wanted_while_few_wait() -> None:
    """And not before, so that the source is not read far ahead."""
    made = mapped()
    assert wanted(made) == [0]
    made.emit("MembersAdded", "m", count=AHEAD + 4)
    assert wanted(made) == []  # four of them are taken out to be started
    made.start("m/0")
    made.emit("MembersAdded", "m", count=1, last=True)
    assert wanted(made) == []


def test_a_map_that_may_have_more_is_not_judged() -> None:
    """Although all members that there are have ended; once it is complete, it is."""
    made = mapped()
    made.emit("MembersAdded", "m", count=2)
    made.run("m/0", "m/1")
    assert made.frontier is not None
    decision = decide(made.frontier, made.now)
    assert (decision.judge, decision.expand, decision.over) == ([], [0], False)
    assert decide(Frontier(made.state), made.now).judge == []
    made.emit("MembersAdded", "m", count=0, last=True)
    assert decide(made.frontier, made.now).judge == [(0, False)]


def test_members_that_a_verdict_has_closed_count_as_failed_when_it_is_taken_back() -> None:
    """Rules that only count must not take them for successes."""
    made = mapped(fail_fast=True)
    made.emit("MembersAdded", "m", count=4)
    made.run("m/0")
    made.start("m/1")
    made.end("TaskFailed", "m/1")
    made.emit("GroupFailed", "m")
    made.close(0)
    made.emit("RunFailed")
    made.emit("RunResumed")
    made.emit("GroupReopened", "m", policy="best_effort")
    frontier = made.frontier
    assert frontier is not None
    assert decide(frontier, made.now).judge == [(0, True)]
    assert (frontier.failed, frontier.unsettled) == ({0: 3}, {0: 1})
    made.emit("MembersAdded", "m", count=1, last=True)
    made.run("m/4")
    assert (frontier.failed, frontier.unsettled) == ({0: 3}, {0: 0})


def test_a_map_without_members_is_judged() -> None:
    """Once it is known that there are none."""
    made = mapped()
    made.emit("MembersAdded", "m", count=0, last=True)
    assert made.frontier is not None
    assert decide(made.frontier, made.now).judge == [(0, False)]
