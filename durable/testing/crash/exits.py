"""How a process ended, and waiting for that: pipes, time limits, SIGKILL. It must not know how it was started."""

from __future__ import annotations

import os
import select
import signal
import time

import msgspec

from durable.testing.crash.workload import Kill, Order, Said


class Exit(msgspec.Struct, frozen=True):
    """How a process ended.

    Attributes:
        code: its exit code, negative for a signal.
        seconds: how long it lived.
        said: what it said at its end; None when it was killed.
        hung: it had to be killed because it did not end.
    """

    code: int
    seconds: float
    said: Said | None = None
    hung: bool = False

    @property
    def status(self) -> str:
        """The run's status, as the process said it at its end; "" when it was killed or the drive raised."""
        return self.said.status if self.said is not None else ""

    @property
    def raised(self) -> str:
        """Class of the exception that ``Run.result``, or the drive, raised; "" for none."""
        return self.said.raised if self.said is not None else ""

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it before it had finished."""
        return self.code == -signal.SIGKILL and self.said is None


class Request(msgspec.Struct, frozen=True):
    """What the fork server is asked: an order, and the surroundings in which it is to be done."""

    order: Order
    timeout: float
    output: str
    folder: str
    environment: dict[str, str]
    path: list[str]


class Answer(msgspec.Struct, frozen=True):
    """What the fork server answers: an ``Exit`` with what was said still in bytes."""

    code: int
    seconds: float
    said: bytes
    hung: bool

    def exit(self) -> Exit:
        """Return it decoded; what a process was saying when it was killed does not count."""
        said = msgspec.json.decode(self.said, type=Said) if self.code == 0 else None
        return Exit(self.code, self.seconds, said, self.hung)


def attend(pid: int, fd: int, kill: Kill | None, timeout: float) -> tuple[bytes, float, bool]:
    """Wait until a process has closed its pipe by ending, and kill it when its time has come.

    Args:
        pid: the process.
        fd: the pipe's end for reading; closed afterwards.
        kill: when to kill it.
        timeout: seconds after which it hangs.

    Returns:
        What it said, the seconds that it took, and whether it hung.
    """
    began = time.monotonic()
    due = kill.seconds if kill is not None and kill.when == "at" else timeout
    hung = False
    parts = []
    while True:
        left = began + due - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            os.kill(pid, signal.SIGKILL)
            hung, due = due == timeout, timeout * 2
            continue
        part = os.read(fd, 65536)
        if not part:
            break
        parts.append(part)
    os.close(fd)
    return b"".join(parts), time.monotonic() - began, hung
