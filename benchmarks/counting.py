"""Counts syncs: by strace where it works, else by a small library that is loaded before all others.

Either way is tried on a program whose syncs are known; one that does not see them is not used.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT
from benchmarks.launch import environment, fresh_folder
from benchmarks.protocol import Answer
from tools import isolated

TRACE = "syncs.txt"
COUNTED = "syncs.bin"
SOURCE = Path(__file__).resolve().parent / "count_syncs.c"
LIBRARY = ROOT / ".bench" / "count_syncs.so"
_STRACE = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,msync,sync,syncfs", "-o", TRACE)
_COMMITS = 10
_PROBE = f"""
import os, sqlite3
with open("synced", "wb") as file:
    os.fsync(file.fileno())
    os.fdatasync(file.fileno())
connection = sqlite3.connect("probe.db")
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA synchronous = FULL")
connection.execute("CREATE TABLE t (a)")
for number in range({_COMMITS}):
    connection.execute("INSERT INTO t VALUES (?)", (number,))
    connection.commit()
"""


@dataclass(frozen=True)
class Counter:
    """A way to count the syncs of a command.

    Attributes:
        told: what it is, for readers.
        prefix: the words before the command.
        look: returns the count from the folder that the command ran in.
    """

    told: str
    prefix: tuple[str, ...]
    look: Callable[[Path], Answer]


def counter(parent: Path) -> Counter | str:
    """Return the first way to count syncs that works here, or why none does.

    Args:
        parent: where it may try.
    """
    ways: list[Callable[[], Counter | str]] = [lambda: strace("--seccomp-bpf"), strace, preloaded]
    reasons = []
    for way in ways:
        found = way()
        if isinstance(found, Counter):
            why = _refused(found, parent)
            if not why:
                return found
            found = why
        reasons.append(found)
    return "; ".join(dict.fromkeys(reasons))


def strace(*options: str) -> Counter | str:
    """Return the way by strace; with ``--seccomp-bpf`` no other call of the program is slowed down."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    return Counter("strace", (*_STRACE, *options), _traced)


def preloaded() -> Counter | str:
    """Return the way by ``LD_PRELOAD`` of ``count_syncs.c``, which counts and then does the same call."""
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if sys.platform != "linux" or compiler is None:
        return "there is no C compiler for the library that would count them"
    LIBRARY.parent.mkdir(parents=True, exist_ok=True)
    command = (compiler, "-O2", "-shared", "-fPIC", "-o", LIBRARY, SOURCE)
    if isolated.run(command, ROOT, isolated.environment(), 60).code:
        return f"{SOURCE.name} does not compile"
    prefix = ("env", f"LD_PRELOAD={LIBRARY}", f"COUNT_SYNCS={COUNTED}")
    return Counter(f"a library loaded before all others ({SOURCE.name})", prefix, _kept)


def _refused(found: Counter, parent: Path) -> str:
    """Return why a way is not to be used, "" if it counts right."""
    with fresh_folder(parent) as folder:
        command = (*found.prefix, sys.executable, "-c", _PROBE)
        outcome = isolated.run(command, folder, environment(), 60)
        if outcome.code:
            return f"{found.told} cannot run a program here"
        counted = found.look(folder)["syncs"]
    return "" if counted >= _COMMITS + 2 else f"{found.told} saw {counted} of {_COMMITS + 2} known syncs"


def _traced(folder: Path) -> Answer:
    lines = (folder / TRACE).read_text(encoding="utf-8", errors="replace").splitlines()
    # A call that another thread interrupted in the trace has a second line, "<... fsync resumed>".
    return {"syncs": sum("sync" in line and "resumed>" not in line for line in lines)}


def _kept(folder: Path) -> Answer:
    path = folder / COUNTED
    return {"syncs": int.from_bytes(path.read_bytes()[:8], sys.byteorder) if path.exists() else 0}
