"""The inside of a worker process: take messages from a pipe, call a function with each, give back what it returns.

It ends when it is told to, and when the pipe does: then the driver is gone, or has had enough.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from threading import Thread

HEADER = struct.Struct("<Q")
"""A message's length, before it; 0 tells the worker to end."""

_READY = b"ready"
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
_AT_ONCE = 1 << 20


def framed(message: bytes) -> bytes:
    """Return a message as it goes through a pipe."""
    return HEADER.pack(len(message)) + message


def serve(take: int, give: int, entry: str) -> None:
    """Run calls until there are no more; bodies run on the main thread, as those of a program do.

    Args:
        take, give: the ends of the pipes from and to the driver.
        entry: ``module:function`` that is called with each message and returns the answer.
    """
    for pipe in (take, give):
        os.set_inheritable(pipe, False)  # what a body starts must not hold them open
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ignored)
    _die_with_driver()
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


def _die_with_driver() -> None:
    """Let the kernel kill this process with the thread that started it, where it can: a body may never let go."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)


def _read_all(take: int, put: Callable[[bytes], None]) -> None:
    while (head := _exactly(take, HEADER.size)) is not None:
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
        if stream is not None and not stream.closed:
            stream.flush()
