"""What it costs to begin: installing, importing, asking for help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.environments import CORE, Environment, footprint_of, prepare
from benchmarks.figures import Line, Table
from benchmarks.launch import Unable, environment, fresh_folder
from benchmarks.protocol import ANSWER, Answer
from benchmarks.settings import Entry, Settings
from benchmarks.throughput import MEGABYTE
from tools import isolated

SCRIPT = "what a script uses"
SIZE = "MB"
OURS_IMPORTS = {
    "": "import durable",
    SCRIPT: "from durable import chain, open_store, parallel, task, workflow",
}


def imports(settings: Settings) -> Table:
    """How long an import takes in a fresh interpreter whose files are cached."""
    ours = [(Line("durable", ours=True, case=case), Path(sys.executable), code) for case, code in OURS_IMPORTS.items()]
    peers = [
        (Line(each.label, case=SCRIPT), each.python or Path(), each.peer.statement) for each in settings.able("imports")
    ]
    whose = {line.who: each.peer.name for (line, _, _), each in zip(peers, settings.able("imports"), strict=True)}
    chosen = {f"{line.who}: {code}": (line, python, code) for line, python, code in (*ours, *peers)}
    entries = [
        Entry(name, _import(settings, python, code), settings.repetitions, whose.get(line.who, ""))
        for name, (line, python, code) in chosen.items()
    ]
    series, unable = settings.turns(entries)
    table = Table("imports", "Time of an import, the interpreter's own start not counted", "ms", False)
    table.missing = settings.missing("imports") | unable
    for name, (line, _, code) in chosen.items():
        if answers := series.get(name):
            line.name = f"{line.who}, {SCRIPT}" if line.ours and line.case else line.who
            line.values = [answer["seconds"] * 1000 for answer in answers]
            table.lines.append(line)
            table.notes.append(f"{line.name}: `{code}`")
    return table


def command_help(settings: Settings) -> Table:
    """How long a command's help takes, from starting the process to its end, files cached."""
    python = Path(sys.executable)
    commands: dict[str, tuple[Sequence[str | Path], Line, str]] = {
        "python -c pass": ((python, "-c", "pass"), Line("python -c pass", yardstick=True), ""),
        "durable --help": ((python.parent / "durable", "--help"), Line("durable --help", ours=True, who="durable"), ""),
    }
    for each in settings.able("help"):
        line = Line(f"{each.label}: {each.peer.command} --help", who=each.label)
        program = (each.python or python).parent / each.peer.command
        commands[line.name] = ((program, "--help"), line, each.peer.name)
    entries = [
        Entry(name, _command(settings, words), settings.repetitions, peer)
        for name, (words, _, peer) in commands.items()
    ]
    series, unable = settings.turns(entries)
    table = Table("help", "A command's help, from starting the process to its end", "ms", False)
    table.missing = settings.missing("help") | unable
    for name, (_, line, _) in commands.items():
        if answers := series.get(name):
            line.values = [answer["seconds"] * 1000 for answer in answers]
            table.lines.append(line)
    return table


def install(settings: Settings) -> Table:
    """How many packages an installation brings, and how large they are."""
    table = Table("install", "What pip installs", "packages", False, missing=settings.missing("install"))
    if not settings.peers:
        table.missing["all"] = "installs packages, as the peers do: left out with --no-peers"
        return table
    table.notes.append("All packages but pip and setuptools; all their files, with the compiled ones that pip makes.")
    for each in (prepare(CORE, settings.tell), *settings.able("install")):
        if each.python is None:
            table.missing[each.peer.name] = each.told
        else:
            table.lines.append(_installed(each, each.python, ours=each.peer is CORE))
    return table


def _installed(each: Environment, python: Path, *, ours: bool) -> Line:
    packages, size = footprint_of(python)
    name = "durable" if ours else each.label
    return Line(name, values=[float(packages)], ours=ours, more={SIZE: [size / MEGABYTE]})


def _import(settings: Settings, python: Path, code: str) -> Callable[[], Answer]:
    timed = f"import time; began = time.perf_counter(); {code}; print({ANSWER!r}, time.perf_counter() - began)"

    def measured() -> Answer:
        with fresh_folder(settings.folder) as folder:
            for _ in range(2):  # the first time, files may have to be compiled and read from the disk
                outcome = isolated.run((python, "-c", timed), folder, _plain(), settings.limit)
        if outcome.code:
            raise Unable(outcome.output.strip().splitlines()[-1][:200])
        (line,) = [line for line in outcome.output.splitlines() if line.startswith(ANSWER)]
        return {"seconds": float(line.removeprefix(ANSWER))}

    return measured


def _command(settings: Settings, words: Sequence[str | Path]) -> Callable[[], Answer]:
    def measured() -> Answer:
        with fresh_folder(settings.folder) as folder:
            for _ in range(2):  # as for an import
                began = perf_counter()
                try:
                    outcome = isolated.run(words, folder, _plain(), settings.limit)
                except (OSError, subprocess.SubprocessError) as error:
                    raise Unable(f"{words[0]}: {type(error).__name__}") from error
                took = perf_counter() - began
        if outcome.code:
            raise Unable(f"exit {outcome.code}")
        return {"seconds": took}

    return measured


def _plain() -> dict[str, str]:
    """Return an environment without this tree: what is installed is imported, as users do."""
    env = environment()
    del env["PYTHONPATH"]
    return env
