"""Makes open stores safe to fork with.

A SQLite connection must not cross a fork: the child would share the parent's transaction, and SQLite's
memory would tell it that it holds locks that only the parent has. Copies of lock files would keep a
dead parent's lease alive. So a fork waits until every store is between two transactions, and the child
at once closes its copies; its stores open connections of their own when they are next used. Closing an
idle copy is harmless: the child holds none of the parent's locks, so it can neither checkpoint nor
delete what the parent still uses.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import Any, Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """An owner of descriptors that a child must not keep."""

    @property
    def lock(self) -> RLockType:
        """Held while it is busy; a fork waits for it."""
        ...

    def after_fork_in_child(self) -> None:
        """Close everything that belongs to the parent."""


class RLockType(Protocol):
    """The part of ``threading.RLock`` that is used here."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock."""
        ...

    def release(self) -> None:
        """Release the lock."""
        ...

    def __enter__(self) -> bool:
        """Acquire the lock."""
        ...

    def __exit__(self, *args: Any) -> None:
        """Release the lock."""
        ...


_registered: WeakSet[Forkable] = WeakSet()
_one_fork_at_a_time = RLock()
_locked: list[Forkable] = []


def register(owner: Forkable) -> None:
    """Have forks wait for it, and the child close its copies, as long as it exists."""
    _registered.add(owner)


def _before() -> None:
    _one_fork_at_a_time.acquire()
    for owner in list(_registered):
        owner.lock.acquire()
        _locked.append(owner)


def _after_in_parent() -> None:
    while _locked:
        _locked.pop().lock.release()
    _one_fork_at_a_time.release()


def _after_in_child() -> None:
    while _locked:
        owner = _locked.pop()
        owner.after_fork_in_child()
        owner.lock.release()
    _one_fork_at_a_time.release()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
