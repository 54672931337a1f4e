"""What the worker processes of these tests do with their calls: orders in words."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ENTRY = f"{__name__}:obey"


def obey(message: bytes) -> bytes:
    """Do what the message says, and answer with this process's id and the message."""
    order, _, detail = message.decode().partition(" ")
    if order == "mark":
        Path(detail).write_text(str(os.getpid()))
    elif order == "marked-sleep":
        Path(detail).write_text(str(os.getpid()))
        time.sleep(600)
    elif order == "marked-hold":  # never lets the interpreter go
        Path(detail).write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(600)
    elif order == "exit":
        os._exit(int(detail))
    elif order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "segfault":
        ctypes.string_at(0)
    elif order == "leave-child":  # with the pipes open, as fork() does
        if os.fork() == 0:
            time.sleep(600)
        os._exit(5)
    elif order == "program":
        started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(detail).write_text(str(started.pid))
        time.sleep(600)
    return b"%d %s" % (os.getpid(), message)


def obey_all(messages: list[bytes], _driver: int) -> list[bytes]:
    """The same for several messages."""
    return [obey(message) for message in messages]


if os.environ.get("TEST_WORKER_FAILS"):
    sys.exit(7)
if os.environ.get("TEST_WORKER_DIES"):
    with open(os.environ["TEST_WORKER_DIES"], "a") as file:
        file.write("x")
    if len(Path(os.environ["TEST_WORKER_DIES"]).read_text()) <= int(os.environ["TEST_WORKER_DEATHS"]):
        os.kill(os.getpid(), signal.SIGKILL)
