"""Channel cells: many attempts' writes fold to one value, as if they had been made one after another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.core import channel
from durable.errors import ChannelError

NUMBERS = st.integers(-9, 9)
WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), NUMBERS | st.lists(NUMBERS, max_size=2) | st.none()),
        st.tuples(st.just("delete"), st.none()),
        st.tuples(st.sampled_from(["append", "prepend", "add"]), NUMBERS),
    ),
    max_size=12,
)


def one_after_another(writes: list[tuple[str, Any]]) -> Any:
    """The value after plain sequential operations; ``...`` when the key is gone, an exception type when they clash."""
    value: Any = ...
    for op, argument in writes:
        before = None if value is ... or value is TypeError else value
        if op == "set":
            value = list(argument) if isinstance(argument, list) else argument
        elif op == "delete":
            value = ...
        elif value is TypeError:
            pass
        elif op == "add":
            value = TypeError if isinstance(before, list) else (before or 0) + argument
        elif isinstance(before, int):
            value = TypeError
        else:
            value = [argument, *(before or [])] if op == "prepend" else [*(before or []), argument]
    return value


@given(WRITES)
def test_a_cell_reads_as_the_writes_one_after_another(writes: list[tuple[str, Any]]) -> None:
    """Values are taken from where they were recorded; the result is that of a sequential fold."""
    recorded: dict[int, Any] = {}
    cell = None
    for seq, (op, argument) in enumerate(writes, 1):
        recorded[seq] = argument
        cell = channel.write(cell, op, argument if op == "add" else seq)

    def load(seq: int) -> Any:
        return list(recorded[seq]) if isinstance(recorded[seq], list) else recorded[seq]

    expected = one_after_another(writes)
    if expected is ...:
        assert cell is None
        return
    assert cell is not None
    if expected is TypeError:
        with pytest.raises(ChannelError, match="key 'k'"):
            channel.read("k", cell, load)
        return
    assert channel.read("k", cell, load) == expected
    assert channel.rebuild(channel.operations(cell)) == cell


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_additions_of_parallel_members_commute(one: list[int], other: list[int]) -> None:
    """Whichever member commits first, the sum is the same and nothing is lost."""
    cells = []
    for order in (one + other, other + one):
        cell = None
        for amount in order:
            cell = channel.write(cell, "add", amount)
        cells.append(cell)
    assert cells[0] == cells[1]
    assert (cells[0][1] if cells[0] else 0) == sum(one) + sum(other)


def test_a_cell_that_is_read_does_not_change_under_the_reader() -> None:
    """Cells are immutable: the driver writes newer ones beside them."""
    old = channel.write(None, "append", 1)
    assert old is not None
    newer = channel.write(old, "append", 2)
    assert channel.read("k", old, lambda seq: seq) == [1]
    assert newer is not None
    assert channel.read("k", newer, lambda seq: seq) == [1, 2]


def test_counting_up_keeps_one_operation() -> None:
    """A counter that is added to a million times costs no more than one number."""
    cell = None
    for _ in range(1_000):
        cell = channel.write(cell, "add", 1)
    assert channel.operations(cell) == [("add", 1_000)]


@pytest.mark.parametrize(
    ("value", "op"), [("text", "add"), (True, "add"), ("text", "append"), (5, "prepend"), ({}, "append")]
)
def test_what_does_not_fit_the_value_is_named(value: Any, op: str) -> None:
    """The error says the key and what it holds."""
    with pytest.raises(ChannelError, match=f"'k' holds a {type(value).__name__}"):
        channel.merge("k", value, op, 1)
