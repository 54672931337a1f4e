"""``python -m benchmarks``: measure, print the tables, and keep them where asked."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from benchmarks import ROOT
from benchmarks.environments import PEERS, prepare
from benchmarks.figures import Table
from benchmarks.footprint import appends, log_size, syncs
from benchmarks.growth import growth
from benchmarks.machine import facts, load
from benchmarks.mapping import mapped
from benchmarks.report import as_json, as_markdown, page, top
from benchmarks.resuming import resume, resume_events
from benchmarks.settings import Settings
from benchmarks.starting import command_help, imports, install
from benchmarks.throughput import chain_full, chain_full_large, chain_normal, group_full

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
LAST = "last.md"
"""The page of the last run, beside the folder for databases."""

BENCHMARKS: dict[str, Callable[[Settings], Table]] = {
    "chain-full": chain_full,
    "chain-full-large": chain_full_large,
    "chain-normal": chain_normal,
    "group-full": group_full,
    "resume": resume,
    "resume-events": resume_events,
    "map": mapped,
    "imports": imports,
    "help": command_help,
    "install": install,
    "log-size": log_size,
    "appends": appends,
    "syncs": syncs,
    "growth": growth,  # the last, as peers may use up their share of the time here
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure durable beside raw SQLite and other libraries."
    )
    flag, add = argparse.BooleanOptionalAction, made.add_argument
    add("--quick", action="store_true", help="fewer tasks and repetitions: a look, not a result")
    add("--only", action="append", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    add("--peers", action=flag, default=True, help="install other libraries under .bench/ and measure them too")
    add("--count", type=int, help="tasks in a short run (1,000; --quick 200); a long one has ten times as many")
    add("--repetitions", type=int, help="how often each is measured (7; --quick 3)")
    add("--limit", type=float, default=180.0, help="seconds that one measurement may take (180)")
    add("--share", type=float, help="seconds that all measurements of one peer may take (480; --quick 90)")
    add("--folder", type=Path, default=ROOT / ".bench" / "runs", help="where databases are made")
    add("--json", type=Path, metavar="FILE", help="write every value to a file")
    add("--write", action="store_true", help="write the tables to benchmarks/RESULTS.md")
    return made


def settings_for(options: argparse.Namespace, tell: Callable[[str], None]) -> Settings:
    """Return what the options mean, with the peers installed unless they are not wanted."""
    small = options.count or (200 if options.quick else 1000)
    whole = not (options.quick or options.count)
    repetitions = options.repetitions or (3 if options.quick else 7)
    return Settings(
        small=small,
        large=small * 10,
        huge=small * 100 if whole else 0,
        events=small * 100,
        members=(small * 100, small * 1000) if whole else (small * 50,),
        repetitions=repetitions,
        peer_repetitions=1 if options.quick else min(3, repetitions),
        folder=options.folder.resolve(),
        limit=options.limit,
        share=options.share or (90.0 if options.quick else 480.0),
        judged=whole,
        peers={peer.name: prepare(peer, tell) for peer in PEERS} if options.peers else {},
        tell=tell,
    )


def how_measured(arguments: Sequence[str], settings: Settings) -> str:
    """Return the command and its repetitions, in words; without what says only where output goes."""
    words = ["python", "-m", "benchmarks"]
    given = iter(arguments)
    for word in given:
        if word in ("--json", "--folder"):
            next(given, None)
        elif word != "--write" and not word.startswith(("--json=", "--folder=")):
            words.append(word)
    shown = shlex.join(words)
    peers = f", peers in the first {settings.peer_repetitions}" if settings.peers else ""
    return f"Measured by `{shown}`: {settings.repetitions} repetitions{peers}."


def main(arguments: Sequence[str]) -> int:
    """Run the benchmarks; return the exit code: 1 when nothing of ours could be measured in one of them."""
    options = parser().parse_args(arguments)
    progress = Progress()
    settings = settings_for(options, progress.tell)
    known = facts(settings.folder)
    for name, text in known.items():
        print(f"{name}: {text}")
    tables: list[Table] = []
    how = how_measured(arguments, settings)
    chosen = options.only or list(BENCHMARKS)
    for place, name in enumerate(chosen, 1):
        progress.where = f"{place} of {len(chosen)}: {name}"
        tables.append(BENCHMARKS[name](settings))
        known |= {"load at the end": load(), "took": f"{progress.minutes():.1f} minutes"}
        print(f"\n{as_markdown(tables[-1])}\n", flush=True)
        last = settings.folder.with_name(LAST)  # written again after each table, so that a stop loses one at most
        last.write_text(page(tables, known, how, settings), encoding="utf-8")
    print(top(tables, settings))
    if options.json is not None:
        options.json.write_text(as_json(tables, known, how), encoding="utf-8")
    if options.write:
        RESULTS.write_text(page(tables, known, how, settings), encoding="utf-8")
        print(f"\nwrote {RESULTS.relative_to(ROOT)}")
    print(f"\nThe whole page: {LAST}, beside the folder of the databases. It took {progress.minutes():.1f} minutes.")
    return 0 if all(any(line.ours for line in table.lines) or "all" in table.missing for table in tables) else 1


class Progress:
    """Prints one line for each step: how far it is, since when, and what was done."""

    def __init__(self) -> None:
        self.where = "peers"
        self._began = monotonic()

    def minutes(self) -> float:
        """Return the minutes since the beginning."""
        return (monotonic() - self._began) / 60

    def tell(self, line: str) -> None:
        """Print a line about what is going on."""
        print(f"[{self.where}, {self.minutes():.1f} min] {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
