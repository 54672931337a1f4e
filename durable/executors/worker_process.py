"""Worker: one process that runs calls for this one, and the pipes to it. Its inside is ``inside.py``.

The process is a fresh interpreter, in a process group of its own: what is typed at the terminal does not
reach it. It ends when its pipe does, which is at the latest when this process does, however that ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock

from durable.executors.worker_main import HEADER, framed

_BOOT = """\
import json, os, sys
take, give, life = map(int, sys.argv[1:])
with os.fdopen(take, "rb", 0, closefd=False) as pipe:
    order = json.loads(pipe.readline())
sys.path[:], sys.argv[:] = order["path"], order["argv"]
from durable.executors.worker_main import serve
serve(take, give, life, order["entry"])
"""

_LOOK = 500
"""Milliseconds after which a silent worker is looked at: something that it has started may hold its pipe open."""

_PATIENCE = 1.0
"""Seconds that an idle worker has to end by itself."""

_AT_ONCE = 1 << 16


class Worker:
    """A worker process. Used by one thread, but for ``kill``.

    Args:
        entry: ``module:function`` that it calls with each message.
    """

    def __init__(self, entry: str) -> None:
        (its_take, self._give), (self._take, its_give), (its_life, self._life) = os.pipe(), os.pipe(), os.pipe()
        its = its_take, its_give, its_life
        try:
            self._process = subprocess.Popen(
                [sys.executable, *_flags(), "-c", _BOOT, *map(str, its)],
                stdin=subprocess.DEVNULL,
                pass_fds=its,
                process_group=0,
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for pipe in its:
                os.close(pipe)
        self._lock = Lock()
        self._gone = False
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(self._take, select.POLLIN)
        order = {"path": [part for part in sys.path if isinstance(part, str)], "argv": sys.argv, "entry": entry}
        self._write(json.dumps(order).encode() + b"\n")

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it, once it has been ended."""
        return (self._process.returncode or 0) < 0

    def lives(self) -> bool:
        """Whether the process runs, as far as one can know."""
        return self._process.poll() is None

    def is_ready(self) -> bool:
        """Wait until the worker takes calls; False when it died before."""
        return self.receive() is not None

    def send(self, messages: Iterable[bytes]) -> bool:
        """Give it messages; False when it has taken none and is dead."""
        return self._write(b"".join(map(framed, messages)))

    def receive(self) -> bytes | None:
        """Wait for the next message from it; None when it is dead and has left no more."""
        head = self._read(HEADER.size)
        return None if head is None else self._read(HEADER.unpack(head)[0])

    def kill(self) -> None:
        """Kill the process, and what it has started; may be called from any thread."""
        with self._lock:
            if not self._gone:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> str:
        """See to it that the process is gone, and return how it ended, for people."""
        self.kill()
        self._let_go()
        code = self._process.returncode
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"

    def close(self) -> None:
        """Let an idle worker end by itself, as a program does; kill it when it takes long."""
        if self._write(framed(b"")):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        self.end()

    def _let_go(self) -> None:
        with self._lock:
            self._gone = True  # from here on the number may be another process's
        self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._take, self._give, self._life):
            os.close(pipe)

    def _write(self, data: bytes) -> bool:
        view, written = memoryview(data), False
        try:
            while view:
                view = view[os.write(self._give, view) :]
                written = True
        except BrokenPipeError:
            pass
        return written

    def _read(self, size: int) -> bytes | None:
        buffer = self._buffer
        while len(buffer) < size:
            while not self._poll.poll(_LOOK):
                if self._process.poll() is not None and not self._poll.poll(0):
                    return None
            data = os.read(self._take, max(size - len(buffer), _AT_ONCE))
            if not data:
                return None
            buffer += data
        found = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return found


def _flags() -> list[str]:
    """The interpreter's own options, such as ``-W error`` and ``-X utf8``, as multiprocessing passes them on."""
    return subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined,no-any-return]
