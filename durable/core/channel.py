"""Channel cells: how writes of many attempts fold into one value, without holding any value.

A cell is an immutable linked list of operations, newest first: ``(op, argument, older cell)``. The
argument is the sequence number of the event that holds the value, or the amount of an ``add``.
Readers may keep a cell while the driver goes on writing newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from durable.errors import ChannelError

Cell: TypeAlias = tuple[str, Any, Any]

_LARGEST = 2**63
"""Sums beyond it are not made here: a checkpoint could not hold them."""


def write(cell: Cell | None, op: str, argument: Any) -> Cell | None:
    """Return the cell after one more operation; None when the key is gone.

    Args:
        cell: the cell before; None when the key is not there.
        op: ``set``, ``delete``, ``append``, ``prepend`` or ``add``.
        argument: the event's sequence number, or the amount for ``add``.
    """
    if op == "set":
        return (op, argument, None)
    if op == "delete":
        return None
    if op == "add" and cell is not None and cell[0] == "add" and abs(cell[1] + argument) < _LARGEST:
        return ("add", cell[1] + argument, cell[2])
    return (op, argument, cell)


def operations(cell: Cell | None) -> list[tuple[str, Any]]:
    """Return a cell's operations, oldest first."""
    found: list[tuple[str, Any]] = []
    while cell is not None:
        found.append((cell[0], cell[1]))
        cell = cell[2]
    found.reverse()
    return found


def rebuild(found: Iterable[tuple[str, Any]]) -> Cell | None:
    """Return the cell that the operations, oldest first, lead to."""
    cell: Cell | None = None
    for op, argument in found:
        cell = write(cell, op, argument)
    return cell


def merge(key: str, value: Any, op: str, argument: Any) -> Any:
    """Return the value after one operation on it.

    Args:
        key: the key, for errors.
        value: the value before, owned by the caller; None when there is none.
        op: ``set``, ``append``, ``prepend`` or ``add``.
        argument: the decoded value, or the amount.

    Raises:
        ChannelError: the operation does not fit the value.
    """
    if op == "set":
        return argument
    if op == "add":
        if value is None:
            return argument
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value + argument
        raise ChannelError(f"channel key {key!r} holds a {type(value).__name__}, which cannot be added to")
    if value is None:
        value = []
    if not isinstance(value, list):
        raise ChannelError(
            f"channel key {key!r} holds a {type(value).__name__}, not a list", hint="Use set, or another key"
        )
    value.insert(0, argument) if op == "prepend" else value.append(argument)
    return value


def read(key: str, cell: Cell, load: Callable[[int], Any]) -> Any:
    """Return a cell's value.

    Args:
        key: the key, for errors.
        cell: the cell.
        load: returns the decoded payload of the event with that sequence number, a fresh copy.

    Raises:
        ChannelError: members wrote operations that do not fit each other.
    """
    value: Any = None
    for op, argument in operations(cell):
        value = merge(key, value, op, argument if op == "add" else load(argument))
    return value
