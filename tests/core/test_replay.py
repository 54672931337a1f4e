"""Replay: a checkpoint and what follows it fold to the same as everything; a bad one is passed over."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable.core.events import Event
from durable.core.fold_scheduling import SPARSE
from durable.core.graph import Definition, GroupSpec, TaskSpec
from durable.core.replay import dump, fragments_of, opened, replay, restore, squeezed, unsqueezed
from durable.core.specs import MapSpec
from durable.core.state import RunState
from durable.core.transitions import PENDING
from durable.errors import LogCorrupt
from tests.core.machine import Machine, all_ids, definitions, facts, replayed, seeds, tasks


def restored(data: bytes, machine: Machine) -> RunState:
    whole = opened(data)
    assert whole is not None
    grown = [machine.log[seq - 1] for seq in fragments_of(whole)]
    return restore("run", whole, machine.log[0], machine.log[whole["definition_seq"] - 1], grown, machine.read)


@settings(max_examples=60, deadline=None)
@given(definitions(), seeds)
def test_checkpoint_and_tail_fold_to_the_same_as_everything(definition: Definition, random: Random) -> None:
    """At every sequence number of random runs: fold(checkpoint + tail) == fold(all)."""
    machine = Machine(definition)
    for _ in range(30):
        if not machine.step(random):
            break
    if machine.state.failures() and random.random() < 0.5:
        machine.resume()
    expected = facts(machine.state)
    assert facts(replayed(machine.log, machine)) == expected
    state = RunState("run", machine.read)
    for event in machine.log:
        replay(state, [event])
        copy = restored(dump(state), machine)
        assert facts(copy) == facts(state)
        assert facts(replay(copy, machine.log[event.seq :])) == expected


def test_a_checkpoint_survives_a_changed_definition() -> None:
    """It belongs to the definition that held when it was taken."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    machine.run("a")
    machine.definitions[machine.state.seq + 1] = Definition("w", None, tasks("c", "b"))
    machine.emit("DefinitionChanged")
    machine.run("b")
    assert facts(restored(dump(machine.state), machine)) == facts(machine.state)


def by_id(state: RunState) -> dict[str, Any]:
    """What a state holds of each node, whatever their numbers are."""
    ids = state.graph.ids
    return {
        "nodes": {
            name: [state.nodes[node], state.attempts[node], state.outcome[node], state.started[node], state.ended[node]]
            for node, name in enumerate(all_ids(state))
        },
        **{kind: {ids[node]: value for node, value in getattr(state, kind).items()} for kind in SPARSE},
        "taken": {ids[node]: {ids[one] for one in taken} for node, taken in state.taken.items()},
        "requests": {name: (ids[node], *others) for name, (node, *others) in state.requests.items()},
        "listening": {
            name: [(ids[node], *others) for node, *others in waits] for name, waits in state.listening.items()
        },
        "after": {ids[node]: {ids[one] for one in after} for node, after in state.graph.after.items() if after},
        "maps": {
            ids[group]: [one.count, one.complete, one.cut, [batch.seq for batch in one.batches]]
            for group, one in state.graph.expansions.by_group.items()
        },
        "jumps": state.graph.jumps,
        "grown": state.grown,
    }


@settings(max_examples=60, deadline=None)
@given(definitions(), seeds)
def test_a_changed_definition_keeps_what_was_scheduled_and_what_bodies_recorded(
    definition: Definition, random: Random
) -> None:
    """The new one has a task more, so that every scheduled node has another number; ids keep their records."""
    machine = Machine(definition)
    for _ in range(60):
        if not machine.step(random):
            break
    if machine.state.failures():
        machine.resume()
    before = by_id(machine.state)
    machine.change(
        Definition("random", None, (*definition.tasks, TaskSpec("new")), definition.groups, definition.edges)
    )
    now = by_id(machine.state)
    assert now["nodes"].pop("new")[0] == PENDING
    assert now == before
    assert machine.state.orphans == {}
    for _ in range(1_000):
        if not machine.step(random):
            break
    assert facts(replayed(machine.log, machine)) == facts(machine.state)
    assert facts(restored(dump(machine.state), machine)) == facts(machine.state)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from("LQqBI"), st.lists(st.integers(0, 2**63 - 1), max_size=300), st.integers(0, 63))
def test_a_column_is_squeezed_and_comes_back(code: str, numbers: list[int], shift: int) -> None:
    """Whatever its type, also an empty one."""
    largest = 2 ** (8 * array(code).itemsize - 1)
    column = array(code, [(number >> shift) % largest for number in numbers])
    assert unsqueezed(code, squeezed(column)) == column


def test_a_column_that_counts_is_squeezed_to_little() -> None:
    """As outcomes and times of members are: about a byte each."""
    column = array("Q", range(10_000_000, 10_200_000, 2))
    assert len(squeezed(column)) < 2 * len(column)


def test_many_batches_of_members_come_back() -> None:
    """More than are squeezed together, with keys and digests; and what is recorded next goes on behind them."""
    named = GroupSpec("k", (), map=MapSpec(TaskSpec("of"), "n", "", True))
    plain = GroupSpec("m", (), map=MapSpec(TaskSpec("of"), "n"))
    machine = Machine(Definition("w", None, (), (named, plain)))
    for name in "km":
        machine.emit("GroupStarted", name)
    for place in range(0, 300, 2):
        machine.emit("MembersAdded", "k", count=2, keys=[f"a{place}", f"b/{place}"], digest=str(place))
        machine.emit("MembersAdded", "m", count=1, digest="d")
    machine.run("k/b/298", "m/149")
    copy = restored(dump(machine.state), machine)
    assert facts(copy) == facts(machine.state)
    begun = len(machine.log)
    machine.emit("MembersAdded", "m", count=3, last=True)
    machine.run("m/152", "k/a0")
    assert facts(replay(copy, machine.log[begun:])) == facts(machine.state)


def test_sums_beyond_64_bits_fit_into_a_checkpoint() -> None:
    """A channel that counts very high must not make its run impossible to checkpoint."""
    machine = Machine(Definition("w", None, tasks("a")))
    for _ in range(3):
        machine.emit("ChannelWritten", "a", 1, op="add", key="k", amount=2**62)
    assert facts(restored(dump(machine.state), machine)) == facts(machine.state)


@pytest.mark.parametrize("place", [0, 10, 31, 32, 40, -1])
def test_a_changed_byte_makes_a_checkpoint_unusable(place: int) -> None:
    """Never a wrong state: None, so that the log is folded instead."""
    machine = Machine(Definition("w", None, tasks("a", "b")))
    machine.run("a")
    data = bytearray(dump(machine.state))
    data[place] ^= 1
    assert opened(bytes(data)) is None


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 100])
def test_a_truncated_checkpoint_is_unusable(size: int) -> None:
    """Also an empty one."""
    assert opened(dump(Machine(Definition("w", None, tasks("a"))).state)[:size]) is None


def test_replay_stops_at_damage_and_switches_collections_on_again() -> None:
    """The garbage collector is off during a fold only, also when the fold fails."""
    machine = Machine(Definition("w", None, tasks("a")))

    def events() -> Iterator[Event]:
        assert not gc.isenabled()
        yield Event(7, 1, "TaskStarted", "a", 1)

    with pytest.raises(LogCorrupt):
        replay(machine.state, events())
    assert gc.isenabled()
