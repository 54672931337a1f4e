"""Processes that drive runs: forked from a warm one or freshly started, attended until they are gone."""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec

from durable.testing.crash.exits import Answer, Exit, Request, attend
from durable.testing.crash.workload import Order

TIMEOUT = 60.0
"""Seconds after which a drive hangs."""


class Launcher(Protocol):
    """Drives runs in processes of their own."""

    def drive(self, order: Order) -> Exit:
        """Drive a run in a new process until it has ended."""
        ...


def _environment() -> dict[str, str]:
    """The same imports as here, also for a tree that is on the path but not installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"durable.testing.crash.{module}", *arguments]


class ForkServer:
    """Drives runs in forks of one warm process, which all kits of this process share.

    Args:
        output: file for what the processes print.
        timeout: seconds after which a drive hangs.
    """

    def __init__(self, output: Path, timeout: float = TIMEOUT) -> None:
        self._output = output
        self._timeout = timeout

    def drive(self, order: Order) -> Exit:
        """Drive a run in a new process until it has ended."""
        request = Request(order, self._timeout, str(self._output), os.getcwd(), _environment(), sys.path)
        return _warm_process(os.getpid()).ask(request)


class _WarmProcess:
    """The process behind all fork servers; it ends when its standard input does, with this process at the latest."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            _command("forkserver"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
        )
        atexit.register(self.close)

    def ask(self, request: Request) -> Exit:
        """Send a request and wait for its answer."""
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        with self._lock:
            try:
                orders.write(msgspec.json.encode(request) + b"\n")
                orders.flush()
                line = answers.readline()
            except BaseException:  # a time limit, say: nobody must take the answer that is still to come
                self._process.kill()
                _warm_process.cache_clear()
                raise
        if not line:
            _warm_process.cache_clear()
            raise RuntimeError(f"the crash kit's fork server ended with code {self._process.wait()}")
        return msgspec.json.decode(line, type=Answer).exit()

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


@cache
def _warm_process(_pid: int) -> _WarmProcess:
    return _WarmProcess()


class LiveDrive:
    """A fresh interpreter that drives a run, while the caller goes on.

    Args:
        order: what it is to do.
        output: file for what it prints.

    Attributes:
        pid: the process.
    """

    def __init__(self, order: Order, output: Path) -> None:
        self._kill = order.kill
        self._reader, writer = os.pipe()
        with output.open("ab") as printed:
            self._process = subprocess.Popen(
                _command("child", str(writer)),
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=printed,
                env=_environment(),
                pass_fds=[writer],
            )
        os.close(writer)
        self.pid = self._process.pid
        assert self._process.stdin is not None
        with self._process.stdin as orders:
            orders.write(msgspec.json.encode(order))

    def send(self, number: int) -> None:
        """Send the process a signal: SIGSTOP, SIGCONT, SIGTERM, SIGKILL.

        Args:
            number: the signal.
        """
        os.kill(self.pid, number)

    @property
    def over(self) -> bool:
        """Whether it has ended, or has said its last word. Not to be asked after ``wait``."""
        return bool(select.select([self._reader], [], [], 0)[0])

    def wait(self, timeout: float = TIMEOUT) -> Exit:
        """Wait until it has ended, or kill it when that takes too long. Call it once.

        Args:
            timeout: seconds after which it is killed.
        """
        said, seconds, hung = attend(self.pid, self._reader, self._kill, timeout)
        return Answer(self._process.wait(), seconds, said, hung).exit()


class FreshInterpreters:
    """Drives each run in a newly started interpreter, so that kills also hit the start-up.

    Args:
        output: file for what the processes print.
        timeout: seconds after which a drive hangs.
    """

    def __init__(self, output: Path, timeout: float = TIMEOUT) -> None:
        self._output = output
        self._timeout = timeout

    def drive(self, order: Order) -> Exit:
        """Drive a run in a new process until it has ended."""
        return LiveDrive(order, self._output).wait(self._timeout)
