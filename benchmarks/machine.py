"""What the figures were measured on. Names no paths and no hosts."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks import ROOT
from durable import __version__
from tools import isolated

PROBES = 200


def facts(folder: Path) -> dict[str, str]:
    """Return what a reader has to know, by name.

    Args:
        folder: where the databases are made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "durable": f"{__version__}, {_commit()}{_elsewhere(folder)}",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "file system": _file_system(folder),
        "fdatasync of 4 KiB, overwriting": _sync_cost(folder),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
        "load at the start": load(),
    }


def load() -> str:
    """Return how many processes wanted a core during the last minute."""
    return f"{os.getloadavg()[0]:.2f}"


def _commit() -> str:
    outcome = isolated.run(("git", "describe", "--always", "--dirty"), ROOT, isolated.environment(), 10)
    return f"commit {outcome.output.strip()}" if not outcome.code else "commit unknown"


def _elsewhere(folder: Path) -> str:
    """Say when users of this interpreter would import another durable than the one in this tree."""
    code = "import durable, durable_sqlite; print(durable.__file__); print(durable_sqlite.__file__)"
    outcome = isolated.run((sys.executable, "-c", code), folder, isolated.environment(), 60)
    inside = [Path(line).is_relative_to(ROOT) for line in outcome.output.splitlines()]
    return "" if not outcome.code and all(inside) else "; NOT ALL OF IT THIS TREE: scripts import what is installed"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(folder: Path) -> str:
    """Return the kind of file system, by the longest mount point above the folder."""
    try:
        text = Path("/proc/mounts").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    found = ("", "unknown")
    for line in text.splitlines():
        _, point, kind, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) > len(found[0]):
            found = (point, kind)
    kind = found[1]
    return (
        f"{kind}: NOT A DISK, so syncs cost nothing and the figures mean little" if kind in ("tmpfs", "ramfs") else kind
    )


def _sync_cost(folder: Path) -> str:
    """Time the disk itself; a figure under 20 us says that syncs do not reach it."""
    if sys.platform != "linux":
        return "not measured"
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        descriptor = file.fileno()
        os.pwrite(descriptor, bytes(4096), 0)
        os.fsync(descriptor)
        for number in range(PROBES):
            os.pwrite(descriptor, bytes([number % 256]) * 4096, 0)
            began = perf_counter()
            os.fdatasync(descriptor)
            took.append(perf_counter() - began)
    return f"{median(took) * 1e6:.0f} us (median of {PROBES})"
