"""What a task leaves behind and what an import costs: bytes, transactions, syncs, milliseconds."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Line, Table
from benchmarks.launch import FULL, Contender, Unable, database_bytes, environment, fresh_folder, measure
from benchmarks.protocol import ANSWER, Answer
from benchmarks.settings import Entry, Settings, take_turns
from benchmarks.throughput import OURS, RAW, peers_for
from tools import isolated

CHAIN = replace(OURS, name="durable, chain")
GROUPS = tuple(replace(OURS, name=f"durable, group, {window} in flight", window=window) for window in (8, 64))
OURS_IMPORTS = {
    "import durable": "import durable",
    "durable, what a script uses": "from durable import chain, open_store, parallel, task, workflow",
}
STRACE = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", "syncs.txt")


def imports(settings: Settings) -> Table:
    """How long an import takes in a fresh interpreter whose files are cached."""
    statements = {name: (Path(sys.executable), code, True) for name, code in OURS_IMPORTS.items()}
    missing = {}
    for environment_ in settings.peers.values():
        if environment_.python is None:
            missing[environment_.peer.name] = environment_.told
        else:
            name = f"{environment_.peer.name} {environment_.told}"
            statements[name] = (environment_.python, environment_.peer.statement, False)
    entries = [
        Entry(name, _import(settings, python, code), settings.repetitions)
        for name, (python, code, _) in statements.items()
    ]
    series, unable = take_turns(entries, settings.tell)
    table = Table("imports", "Time of an import, the interpreter's own start not counted", "ms", False)
    table.missing = missing | unable
    for name, (_, code, ours) in statements.items():
        values = [answer["seconds"] * 1000 for answer in series.get(name, [])]
        if values:
            table.lines.append(Line(name, "", values, ours=ours))
            table.notes.append(f"{name}: `{code}`")
    return table


def log_size(settings: Settings) -> Table:
    """How many bytes one more task adds to the database."""
    table = Table("log-size", "Size of the database for one more no-op task", "bytes a task", False)
    cases = [(RAW, "chain"), (CHAIN, "chain"), *((group, "group") for group in GROUPS)]
    cases += [(peer, "chain") for peer in peers_for(settings, "chain") if peer.durability == FULL]
    table.notes.append(
        f"The size with {settings.small:,} tasks less that with {settings.small // 2:,}, a task; once the write-ahead"
        " log is folded in. durable's holds two events a task and the task's line in the recorded definition."
    )
    for contender, work in cases:
        _add_slope(table, settings, contender, work, "bytes", look=database_bytes)
    return table


def appends(settings: Settings) -> Table:
    """How many transactions a task takes, counted at the store."""
    table = Table("appends", "Transactions a task, counted at the store's append", "a task", False)
    table.notes.append("Group commit: what finished while the last commit was on its way is recorded in the next one.")
    for contender, work in [(CHAIN, "chain"), *((group, "group") for group in GROUPS)]:
        _add_slope(table, settings, contender, work, "appends", options={"count_appends": True})
    return table


def syncs(settings: Settings) -> Table:
    """How often a task has the disk asked to write for good, counted by strace."""
    table = Table("syncs", "fsync and fdatasync calls a task, counted by strace, synchronous=FULL", "a task", False)
    if shutil.which("strace") is None:
        table.missing["all"] = "strace is not installed"
        return table
    table.notes.append("SQLite's own checkpoints of the write-ahead log sync too: that is what is above one a commit.")
    for contender, work in [(RAW, "chain"), (CHAIN, "chain"), *((group, "group") for group in GROUPS)]:
        _add_slope(table, settings, contender, work, "syncs", prefix=STRACE, look=_count_syncs)
    return table


def _add_slope(
    table: Table,
    settings: Settings,
    contender: Contender,
    work: str,
    key: str,
    *,
    look: Callable[[Path], Answer] | None = None,
    prefix: tuple[str, ...] = (),
    options: dict[str, bool] | None = None,
) -> None:
    """Add what one more task adds to a count: what does not grow with the tasks falls out."""
    half = settings.small // 2
    found = []
    try:
        for count in (half, settings.small):
            settings.tell(f"    {contender.name}: {count:,}")
            answer = measure(
                contender,
                work,
                count,
                settings.folder,
                settings.limit,
                prefix=prefix,
                look=look,
                options={"warm_up": False, **(options or {})},
            )
            found.append(answer[key])
    except (Unable, KeyError) as error:
        table.missing[contender.name] = str(error)
        return
    value = (found[1] - found[0]) / (settings.small - half)
    table.lines.append(Line(contender.name, values=[value], ours=contender.ours, yardstick=contender.yardstick))


def _count_syncs(folder: Path) -> Answer:
    lines = (folder / "syncs.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    return {"syncs": sum("sync(" in line for line in lines)}


def _import(settings: Settings, python: Path, code: str) -> Callable[[], Answer]:
    timed = f"import time; began = time.perf_counter(); {code}; print({ANSWER!r}, time.perf_counter() - began)"

    def measured() -> Answer:
        env = environment()
        del env["PYTHONPATH"]
        with fresh_folder(settings.folder) as folder:
            for _ in range(2):  # the first time, files may have to be compiled and read from the disk
                outcome = isolated.run((python, "-c", timed), folder, env, settings.limit)
        if outcome.code:
            raise Unable(outcome.output.strip().splitlines()[-1][:200])
        (line,) = [line for line in outcome.output.splitlines() if line.startswith(ANSWER)]
        return {"seconds": float(line.removeprefix(ANSWER))}

    return measured
