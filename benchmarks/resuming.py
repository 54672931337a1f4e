"""From a kill to the first new body: how long until a run goes on after SIGKILL."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Line, Table, ratios
from benchmarks.launch import FULL, Unable, environment, fresh_folder
from benchmarks.protocol import Answer
from benchmarks.settings import Entry, Settings, take_turns

PROGRAMS = Path(__file__).resolve().parent / "programs"
NOTES = (
    "Measured from just before the second process is started until the first line of the first body it runs;"
    " what has to happen in between: Python starts, imports, defines the workflow, takes the dead process's"
    " lease over, folds the log, compares it with the code, records that it goes on, and starts the task.",
    "The floor starts Python too and reads the run's events with sqlite3, from a copy of the same files.",
)


def resume(settings: Settings) -> Table:
    """Kill a run with SIGKILL after so many tasks, start the same command again, wait for its first body."""
    sizes = (settings.small, settings.large)
    entries = [Entry(f"{size:,} tasks done", _once(settings, size), settings.repetitions) for size in sizes]
    series, unable = take_turns(entries, settings.tell)
    table = Table(
        "resume", "From starting the process again to its first body", "ms", False, notes=list(NOTES), missing=unable
    )
    for size in sizes:
        answers = series.get(f"{size:,} tasks done", [])
        floor = [answer["floor"] * 1000 for answer in answers]
        took = [answer["seconds"] * 1000 for answer in answers]
        table.lines.append(Line(f"floor, {size:,} tasks done", "", floor, yardstick=True))
        table.lines.append(Line(f"durable, {size:,} tasks done", FULL, took, {"the floor": ratios(took, floor)}, True))
    return table


def _once(settings: Settings, size: int) -> Callable[[], Answer]:
    def measured() -> Answer:
        with fresh_folder(settings.folder) as folder:
            script = PROGRAMS / "resumable.py"
            _run_until_killed(script, folder, size, settings.limit)
            copy = folder / "copy"
            copy.mkdir()
            for file in folder.glob("runs.db*"):
                if file.is_file():
                    shutil.copy(file, copy)
            floor = _time_to_mark([PROGRAMS / "floor.py", copy], copy, settings.limit)
            return {"floor": floor, "seconds": _time_to_mark([script, folder, str(size)], folder, settings.limit)}

    return measured


def _start(words: list[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    env = environment()
    del env["PYTHONPATH"]
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen([sys.executable, *words], cwd=folder, env=env, stdout=output, stderr=output)


def _run_until_killed(script: Path, folder: Path, size: int, limit: float) -> None:
    process = _start([script, folder, str(size)], folder)
    until = time.monotonic() + limit
    try:
        while not (folder / "reached").exists():
            if process.poll() is not None:
                raise Unable(f"exit {process.returncode}: {_last_line(folder)}")
            if time.monotonic() > until:
                raise Unable(f"not done after {limit:g} s")
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()


def _time_to_mark(words: list[str | Path], folder: Path, limit: float) -> float:
    """Start a program that writes down when it got there; return the seconds it took."""
    began = time.monotonic_ns()
    process = _start(words, folder)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Unable(f"not done after {limit:g} s") from None
    mark = folder / "resumed"
    if process.returncode or not mark.exists():
        raise Unable(f"exit {process.returncode}: {_last_line(folder)}")
    return (int(mark.read_text(encoding="utf-8")) - began) / 1e9


def _last_line(folder: Path) -> str:
    lines = (folder / "output.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
