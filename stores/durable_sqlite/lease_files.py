"""Lock files that show whether the process of a lease is alive: each lease holds an OS lock on a file of its own.

The kernel releases the lock when the process ends, however it ends. Probes take a shared lock for an
instant; as the owner locks its file before its name is known to anybody and never again after, a probe
can neither make it fail nor see it free. It must not know about tokens or expiry.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from durable_sqlite import at_fork

HOST = os.uname().nodename


class LeaseFiles:
    """The lock files of the leases that one store object holds.

    Args:
        folder: where the files are; made when the first is needed.
        lock: the database's; one for both, so that a fork cannot wait for them in the wrong order.
    """

    def __init__(self, folder: str, lock: at_fork.RLockType) -> None:
        self._folder = Path(folder)
        self._descriptors: dict[str, int] = {}
        self.lock = lock
        at_fork.register(self)

    def create(self) -> str:
        """Make and lock a new file, and return its name. Other processes do not know it yet.

        Raises:
            OSError: it cannot be made or locked.
        """
        name = f"{os.getpid()}-{os.urandom(8).hex()}"
        self._folder.mkdir(exist_ok=True)
        with self.lock:
            fd = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                flock(fd, LOCK_EX | LOCK_NB)
            except BaseException:
                os.close(fd)
                raise
            self._descriptors[name] = fd
        return name

    def is_locked(self, name: str) -> bool:
        """Return whether some process, or this one, holds the lock of that file."""
        return is_locked(self._folder / name)

    def owns(self, name: str) -> bool:
        """Return whether this store object holds the lock."""
        return name in self._descriptors

    def remove(self, name: str) -> None:
        """Unlock a file, if it is ours, and remove it."""
        with self.lock:
            fd = self._descriptors.pop(name, None)
            with suppress(OSError):
                os.unlink(self._folder / name)
            if fd is not None:
                os.close(fd)

    def close(self) -> None:
        """Remove all that are ours: for others, their owners are gone."""
        with self.lock:
            for name in list(self._descriptors):
                self.remove(name)

    def after_fork_in_child(self) -> None:
        """Close the parent's files without unlocking or removing them."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


def is_locked(path: Path) -> bool:
    """Return whether some process, or this one, holds the lock of a lease's file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        flock(fd, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)
