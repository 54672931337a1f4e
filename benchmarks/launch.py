"""Starts measured programs, each as a fresh process in a fresh folder, and takes their answers."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.figures import Line
from benchmarks.protocol import ANSWER, MEASURED_NAME, Answer, Job
from tools import isolated

FULL = "power loss"
NORMAL = "kill; not power loss"
NONE = "nothing"
STATES = "kill: states, not results"


class Unable(Exception):
    """A program did not answer; the message says why."""


@dataclass(frozen=True)
class Contender:
    """Somebody who does a piece of work.

    Attributes:
        name: who it is.
        module: the program.
        case: how it works, where a table has several ways; compared are equal cases.
        durability: what its acknowledged results survive.
        synchronous: SQLite's setting, "full" or "normal".
        window: how many members of a group are in flight.
        options: what only its program understands.
        python: the interpreter of its environment.
        ours, yardstick: as for ``Line``.
        peer: the peer's name, "" for none; peers are measured in fewer repetitions, as they take long.
    """

    name: str
    module: str
    case: str = ""
    durability: str = FULL
    synchronous: str = "full"
    window: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    ours: bool = False
    yardstick: bool = False
    peer: str = ""

    @property
    def label(self) -> str:
        """What tables call it."""
        return f"{self.name}, {self.case}" if self.case else self.name

    def line(self, values: list[float]) -> Line:
        """Return its line of a table."""
        return Line(
            self.label, self.durability, values, ours=self.ours, yardstick=self.yardstick, who=self.name, case=self.case
        )


def environment() -> dict[str, str]:
    """Return what measured processes see: no settings of ours, one hash seed for all."""
    quiet = {"DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "ERROR"}
    env = isolated.environment(PYTHONHASHSEED="0", PYTHONPATH=str(ROOT), **quiet)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # installed libraries have byte code, ours too
    return env


@contextmanager
def fresh_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for one measurement, after what was written before has reached the disk."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    os.sync()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(
    contender: Contender,
    work: str,
    count: int,
    parent: Path,
    limit: float,
    *,
    prefix: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    look: Callable[[Path], Answer] | None = None,
) -> Answer:
    """Let a contender do a piece of work once.

    Args:
        contender: who.
        work: "chain", "group" or "map".
        count: how many tasks.
        parent: where its fresh folder is made.
        limit: seconds until it is killed.
        prefix: a command that runs the program, as strace does.
        options: more options for the program.
        look: looks at the folder after the program has ended, and returns more for the answer.

    Raises:
        Unable: it failed or took too long.
    """
    with fresh_folder(parent) as folder:
        chosen = {**contender.options, **(options or {})}
        job = Job(work, count, contender.window, contender.synchronous, str(folder), chosen)
        command: list[str | Path] = [*prefix, contender.python, "-m", contender.module, json.dumps(job)]
        outcome = isolated.run(command, folder, environment(), limit)
        answers = [line for line in outcome.output.splitlines() if line.startswith(ANSWER)]
        if outcome.code or not answers:
            lines = outcome.output.strip().splitlines()
            why = lines[-1][:200] if lines else "it said nothing"
            late = f"not done after {limit:g} s" if outcome.seconds >= limit else f"exit {outcome.code}: {why}"
            raise Unable(late)
        answer: Answer = json.loads(answers[-1].removeprefix(ANSWER))
        if look is not None:
            answer |= look(folder)
        return answer


def database_bytes(folder: Path) -> Answer:
    """Return the size of the measured database, once its write-ahead log is folded into it."""
    path = folder / f"{MEASURED_NAME}.db"
    if not path.exists():
        return {}
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return {"bytes": path.stat().st_size}
