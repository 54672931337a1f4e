"""The witness: a file outside of the log that says what drives really did.

Each line is one ``write`` to a file opened with O_APPEND, so that it is there whatever happens to the
process afterwards. It must not depend on the log, which it is compared with.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

STARTED, RETURNED, RAISED, ACKNOWLEDGED = "started", "returned", "raised", "acknowledged"
STEP_CALLED, STEP_RETURNED, STEP_GIVEN, ITEM = "step called", "step returned", "step given", "item"


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One thing that happened.

    Attributes:
        what: a body started, returned or raised, a step in it was called, returned or gave its value to the
            body, an item of its tracked loop was begun, or an append was acknowledged.
        run_id: the run.
        task_id: the body's task.
        number: the body's attempt, or the last seq of the append.
        pid: the process.
        mark: which durable call of the body it is; "" for whole bodies and appends.
        item: the item, as text.
    """

    what: str
    run_id: str
    task_id: str
    number: int
    pid: int
    mark: str = ""
    item: str = ""


class Body(msgspec.Struct, frozen=True):
    """A task body that started.

    Attributes:
        task_id, attempt: what it was.
        pid: in which process.
    """

    task_id: str
    attempt: int
    pid: int


class Witness:
    """Writes lines.

    Args:
        path: the file; made when it is not there.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def note(self, what: str, run_id: str, task_id: str, number: int, mark: str = "", item: str = "") -> None:
        """Write a line."""
        line = Line(what, run_id, task_id, number, os.getpid(), mark, item)
        os.write(self._fd, msgspec.json.encode(line) + b"\n")


def read_lines(path: str | Path, run_id: str) -> list[Line]:
    """Return one run's lines, in the order in which they were written."""
    file = Path(path)
    if not file.exists():
        return []
    lines = [msgspec.json.decode(line, type=Line) for line in file.read_bytes().splitlines()]
    return [line for line in lines if line.run_id == run_id]
