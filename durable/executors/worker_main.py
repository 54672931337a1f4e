"""The inside of a worker process: take messages from a pipe, call a function with each, give back what it returns.

It ends when it is told to, and when the pipe does: then the driver is gone, or has had enough.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from queue import SimpleQueue
from threading import Thread

HEADER = struct.Struct("<Q")
"""A message's length, before it; 0 tells the worker to end."""

_READY = b"ready"
_LOOK = 2000
"""Milliseconds after which an idle worker looks whether it has lost its driver: a process that the driver has
forked may hold the pipe open."""

_AT_ONCE = 1 << 20


def framed(message: bytes) -> bytes:
    """Return a message as it goes through a pipe."""
    return HEADER.pack(len(message)) + message


def serve(take: int, give: int, life: int, entry: str) -> None:
    """Run calls until there are no more; bodies run on the main thread, as those of a program do.

    Args:
        take, give: the ends of the pipes from and to the driver.
        life: the end of a pipe in which nothing comes; it ends with the driver.
        entry: ``module:function`` that is called with each message and returns the answer.
    """
    _end_with(life)
    for pipe in (take, give, life):
        os.set_inheritable(pipe, False)  # what a body starts must not hold them open
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignored)
    calls: SimpleQueue[bytes] = SimpleQueue()
    Thread(target=_read_all, args=(take, calls.put), name="durable-pipe", daemon=True).start()
    module, _, name = entry.partition(":")
    run: Callable[[bytes], bytes] = getattr(import_module(module), name)
    _write(give, _READY)
    while message := calls.get():
        answer = run(message)
        _flush()
        _write(give, answer)


def _ignored(*_: object) -> None:
    """Stopping is the driver's affair. A handler and not SIG_IGN, which programs that a body starts would inherit."""


def _end_with(life: int) -> None:
    """Have the kernel kill this process group when the pipe ends, where it can: a body may never let a thread look."""
    if hasattr(fcntl, "F_SETSIG"):
        with suppress(OSError):  # not every sandbox knows it; the thread that reads looks as well
            fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)


def _read_all(take: int, put: Callable[[bytes], None]) -> None:
    poll, driver = select.poll(), os.getppid()
    poll.register(take, select.POLLIN)
    while True:
        while not poll.poll(_LOOK):
            if os.getppid() != driver:
                _end()
        head = _exactly(take, HEADER.size)
        if head is None:
            break
        message = _exactly(take, HEADER.unpack(head)[0])
        if message is None:
            break
        put(message)
    _end()


def _exactly(take: int, size: int) -> bytes | None:
    """The next bytes of the pipe; None when it ends before. Not a buffered file, which a shutdown could not close."""
    found = bytearray()
    while len(found) < size:
        data = os.read(take, min(size - len(found), _AT_ONCE))
        if not data:
            return None
        found += data
    return bytes(found)


def _end() -> None:
    """End at once, whatever runs, and with it what bodies have started."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _write(give: int, message: bytes) -> None:
    view = memoryview(framed(message))
    try:
        while view:
            view = view[os.write(give, view) :]
    except BrokenPipeError:
        _end()


def _flush() -> None:
    """What a body has printed is not lost when the process is killed later."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # it may be closed, replaced, or lead nowhere any more
            stream.flush()
