"""The write lock: one advisory lock file that serialises the writers of all processes.

SQLite before 3.51.3 can damage a WAL database when two connections write and checkpoint at the same
instant, and its busy handler starves writers; holding this lock around each transaction avoids both.
It must not know what is written.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from threading import Lock, Thread

from durable.errors import StoreBusy

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class WriteLock:
    """An exclusive lock between processes, on a file that is never deleted.

    Not safe to use from several threads at once: its owner holds a lock of its own around it.

    Args:
        path: the lock file; created when it is first needed.
        timeout: seconds to wait.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self._fd: int | None = None

    def acquire(self) -> None:
        """Acquire the lock.

        Raises:
            StoreBusy: others held it longer than the timeout.
            OSError: the file cannot be made or locked.
        """
        fd = self._fd
        if fd is None:
            fd = self._fd = os.open(self.path, _FLAGS, 0o666)
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            self._wait()

    def release(self) -> None:
        """Release the lock."""
        if self._fd is not None:
            flock(self._fd, LOCK_UN)

    def close(self) -> None:
        """Close the file. In a forked child this leaves the parent's lock alone, as unlocking would not."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _wait(self) -> None:
        waiter = _Waiter(self.path)
        if not waiter.wait(self.timeout):
            raise StoreBusy(
                f"other writers held {self.path} for {self.timeout:g} seconds",
                hint="A process that writes to this store hangs: look who has that file open (lsof), and stop it",
            )
        self.close()
        self._fd = waiter.fd


class _Waiter:
    """A thread that blocks for the lock on a descriptor of its own, because flock takes no timeout.

    Whoever comes second, the thread with the lock or the caller that timed out, closes the descriptor.
    """

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, _FLAGS, 0o666)
        self._state = Lock()
        self._done = Lock()
        self._done.acquire()
        self._locked = self._abandoned = False
        Thread(target=self._block, name="durable-write-lock", daemon=True).start()

    def wait(self, timeout: float) -> bool:
        """Return whether the lock was acquired within ``timeout`` seconds."""
        try:
            if self._done.acquire(timeout=timeout):
                return self._locked
        except BaseException:
            if self._abandon():
                self._unlock()
            raise
        return self._abandon()

    def _abandon(self) -> bool:
        """Wait no longer; return whether the lock was acquired in the last moment."""
        with self._state:
            self._abandoned = not self._locked
            return self._locked

    def _unlock(self) -> None:
        flock(self.fd, LOCK_UN)  # closing is not enough while a forked child has a copy
        os.close(self.fd)

    def _block(self) -> None:
        try:
            flock(self.fd, LOCK_EX)
        except OSError:
            os.close(self.fd)
            self._done.release()
            return
        with self._state:
            if self._abandoned:
                self._unlock()
                return
            self._locked = True
        self._done.release()
