"""From a kill to the first new body: how long until a run goes on after SIGKILL."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Line, Table, ratios
from benchmarks.launch import FULL, NONE, Unable, environment, fresh_folder
from benchmarks.protocol import Answer
from benchmarks.settings import Entry, Settings
from durable import Task, open_store

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "programs" / "resumable.py"
FLOOR = HERE / "programs" / "floor.py"
BESIDE = "the floor"
NOTES = (
    "Measured from just before the second process is started until the first line of the first body it runs;"
    " what has to happen in between: Python starts, imports, defines the workflow, takes the dead process's"
    " lease over, folds the log, compares it with the code, records that it goes on, and starts the task.",
    "The floor starts Python too and reads the run's events with sqlite3, from a copy of the same files.",
)
PEER_NOTES = (
    "DBOS: WAL, synchronous=FULL; recovery runs the workflow function again, and each step finds its record.",
    'LangGraph: `durability="sync"`, synchronous=FULL; it reads its last checkpoint. The state is one number.',
    "Graflow: the script asks for one checkpoint, after the last of the tasks; a kill before it would lose all of"
    " them. The checkpoint holds the graph, so the second process defines nothing.",
)
LARGE_NOTES = (
    "As in the table resume, a second process after SIGKILL, of the same run each time: each repetition has a copy of"
    " the files as the kill left them. The task before the one that is killed asks for a checkpoint. Without: all"
    " checkpoints were deleted first, so that all events are folded.",
    "The chain's script defines all its tasks again, which is part of the time; the map's defines two.",
)


@dataclass(frozen=True)
class Script:
    """A program that is killed and started again.

    Attributes:
        who: whose it is; path: where it stands; python: what runs it.
        durability: what its results survive while it runs; peer: the peer's name, "" for none.
        extra: more words for its command line.
    """

    who: str
    path: Path = PROGRAM
    python: Path = Path(sys.executable)
    durability: str = FULL
    peer: str = ""
    extra: tuple[str, ...] = ()

    def words(self, folder: Path, size: int) -> list[str | Path]:
        """Return its command."""
        return [self.python, self.path, folder, str(size), *self.extra]


def resume(settings: Settings) -> Table:
    """Kill a run with SIGKILL after so many tasks, start the same command again, wait for its first body."""
    scripts = [Script("durable"), *_peers(settings)]
    chosen = [(script, size) for size in (settings.small, settings.large) for script in scripts]
    entries = [
        Entry(f"{each.who}, {case(size)}", _once(settings, each, size), settings.times(each.peer), each.peer)
        for each, size in chosen
    ]
    series, unable = settings.turns(entries)
    table = Table("resume", "From starting the process again to its first body", "ms", False, notes=list(NOTES))
    table.notes += PEER_NOTES if settings.peers else ()
    table.missing = unable | settings.missing("resume")
    for script, size in chosen:
        name = f"{script.who}, {case(size)}"
        answers = series.get(name)
        if not answers:
            continue
        took = [answer["seconds"] * 1000 for answer in answers]
        line = Line(name, script.durability, took, ours=not script.peer, who=script.who, case=case(size))
        if line.ours:
            floor = [answer["floor"] * 1000 for answer in answers]
            line.ratios[BESIDE] = ratios(took, floor)
            table.lines.append(
                Line(f"floor, {case(size)}", "", floor, yardstick=True, who="raw sqlite3", case=case(size))
            )
        table.lines.append(line)
    return table


def resume_events(settings: Settings) -> Table:
    """Resume a run with a long log, with the checkpoints it made and without."""
    tasks = settings.events // 2
    table = Table("resume-events", f"Resuming a run of {settings.events:,} events", "ms", False)
    table.notes += LARGE_NOTES
    shapes = {"chain": Script("durable", extra=("chain",))}
    if hasattr(Task, "map"):
        shapes["map"] = Script("durable", extra=("map",))
    else:
        table.missing["durable, map"] = "this version of durable has no Task.map"
    for shape, script in shapes.items():
        with fresh_folder(settings.folder) as killed:
            try:
                _run_until_killed(script.words(killed, tasks), killed, settings.limit)
            except Unable as error:
                table.missing[f"durable, {shape}"] = str(error)
                continue
            _add_copies(table, settings, killed, script, shape)
    return table


def _add_copies(table: Table, settings: Settings, killed: Path, script: Script, shape: str) -> None:
    with _copy(killed, killed.parent) as folder, open_store(folder / "runs.db") as store:
        checkpoints = store.checkpoints("run")
        made = [f"of event {each.seq:,}" for each in checkpoints]
        events = max(seq for seq, _ in store.digests("run"))
    table.notes.append(f"{shape}: killed at event {events:,}; checkpoints then: {', '.join(made) or 'none'}.")
    tasks = settings.events // 2
    entries = [
        Entry(long_case(shape, kept), _from_copy(settings, killed, script, tasks, kept), settings.repetitions)
        for kept in ((True, False) if checkpoints else (False,))
    ]
    series, unable = settings.turns(entries)
    table.missing |= unable
    for name, answers in series.items():
        took = [answer["seconds"] * 1000 for answer in answers]
        table.lines.append(Line(f"durable, {name}", FULL, took, ours=True, who="durable", case=name))


def case(size: int) -> str:
    """Return what the table calls a run that is killed after so many tasks."""
    return f"{size:,} tasks done"


def long_case(shape: str, kept: bool) -> str:
    """Return what the table calls a long run."""
    return f"{shape}, {'with its' if kept else 'without'} checkpoints"


def _peers(settings: Settings) -> Iterator[Script]:
    for each in settings.able("resume"):
        if each.peer.restarted and each.python is not None:
            name = f"{each.label}, WAL" if each.peer.name == "DBOS" else each.label
            path = HERE / "peers" / each.peer.restarted
            durability = "power loss" if each.peer.name != "Graflow" else NONE
            yield Script(name, path, each.python, durability, each.peer.name)


def _once(settings: Settings, script: Script, size: int) -> Callable[[], Answer]:
    def measured() -> Answer:
        limit = settings.limit_for(script.peer)
        with fresh_folder(settings.folder) as folder:
            words = script.words(folder, size)
            _run_until_killed(words, folder, limit)
            answer = {}
            if not script.peer:
                with _copy(folder, settings.folder) as copy:
                    answer["floor"] = _time_to_mark([sys.executable, FLOOR, copy], copy, limit)
            return {**answer, "seconds": _time_to_mark(words, folder, limit)}

    return measured


def _from_copy(settings: Settings, killed: Path, script: Script, tasks: int, kept: bool) -> Callable[[], Answer]:
    def measured() -> Answer:
        with _copy(killed, settings.folder) as folder:
            if not kept:
                with open_store(folder / "runs.db") as store:
                    store.drop_checkpoints("run")
            return {"seconds": _time_to_mark(script.words(folder, tasks), folder, settings.limit)}

    return measured


@contextmanager
def _copy(killed: Path, parent: Path) -> Iterator[Path]:
    """Make a copy of what a killed program left, on the disk before anything is measured."""
    with fresh_folder(parent) as outer:
        folder = outer / "copy"
        shutil.copytree(killed, folder)
        with (folder / "runs.db").open("rb") as file:
            while file.read(1 << 20):  # in the page cache, as the files of a process that was just killed are
                pass
        yield folder


def _start(words: list[str | Path], folder: Path) -> subprocess.Popen[bytes]:
    env = environment()
    del env["PYTHONPATH"]
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(words, cwd=folder, env=env, stdout=output, stderr=output)


def _run_until_killed(words: list[str | Path], folder: Path, limit: float) -> None:
    process = _start(words, folder)
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
