"""What happens to open stores when the process forks.

A SQLite connection must not cross a fork: the child would share the parent's transaction, and SQLite's
memory would tell it that it holds locks that only the parent has. Copies of lease files would keep a
dead parent's lease alive. So a fork waits until every store is between two transactions, and the child
at once closes its copies; its stores open connections of their own when they are next used. Closing an
idle copy is harmless: the child holds none of the parent's locks, so it can neither check-point nor
delete what the parent still uses.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import Any, Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Something that holds descriptors a child must not keep."""

    @property
    def lock(self) -> RLockType:
        """What keeps it busy or idle."""
        ...

    def after_fork_in_child(self) -> None:
        """Let go of everything that belongs to the parent."""


class RLockType(Protocol):
    """The part of ``threading.RLock`` that is used here."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait for the lock."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...

    def __enter__(self) -> bool:
        """Wait for the lock."""
        ...

    def __exit__(self, *args: Any) -> None:
        """Give it back."""


_open: WeakSet[Forkable] = WeakSet()
_one_fork = RLock()
_held: list[Forkable] = []


def watch(store: Forkable) -> None:
    """Have the store taken care of in forks from now on, as long as it exists."""
    _open.add(store)


def _before() -> None:
    _one_fork.acquire()
    for store in list(_open):
        store.lock.acquire()
        _held.append(store)


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()
    _one_fork.release()


def _after_in_child() -> None:
    while _held:
        store = _held.pop()
        store.after_fork_in_child()
        store.lock.release()
    _one_fork.release()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
