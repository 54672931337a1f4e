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
from benchmarks.footprint import appends, imports, log_size, syncs
from benchmarks.machine import facts, load
from benchmarks.report import as_json, as_markdown, page
from benchmarks.resuming import resume
from benchmarks.settings import Settings
from benchmarks.throughput import chain_full, chain_full_large, chain_normal, group_full, growth

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"
BENCHMARKS: dict[str, Callable[[Settings], Table]] = {
    "chain-full": chain_full,
    "chain-full-large": chain_full_large,
    "chain-normal": chain_normal,
    "group-full": group_full,
    "growth": growth,
    "resume": resume,
    "imports": imports,
    "log-size": log_size,
    "appends": appends,
    "syncs": syncs,
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure durable beside raw SQLite.")
    made.add_argument("--quick", action="store_true", help="fewer tasks and repetitions: a look, not a result")
    made.add_argument("--only", action="append", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    made.add_argument("--peers", action="store_true", help="install other libraries under .bench/ and measure them too")
    made.add_argument("--count", type=int, help="tasks in a short run (1,000; --quick 200); a long one has ten times")
    made.add_argument("--repetitions", type=int, help="how often each is measured (7; --quick 3)")
    made.add_argument("--limit", type=float, default=180.0, help="seconds that one measurement may take (180)")
    made.add_argument("--folder", type=Path, default=ROOT / ".bench" / "runs", help="where databases are made")
    made.add_argument("--json", type=Path, metavar="FILE", help="write every value to a file")
    made.add_argument("--write", action="store_true", help="write the tables to benchmarks/RESULTS.md")
    return made


def settings_for(options: argparse.Namespace) -> Settings:
    """Return what the options mean, with the peers installed if they are asked for."""
    small = options.count or (200 if options.quick else 1000)
    repetitions = options.repetitions or (3 if options.quick else 7)
    peers = {peer.name: prepare(peer, _tell) for peer in PEERS} if options.peers else {}
    return Settings(
        small=small,
        large=small * 10,
        huge=0 if options.quick or options.count else small * 100,
        repetitions=repetitions,
        peer_repetitions=min(3, repetitions),
        folder=options.folder.resolve(),
        limit=options.limit,
        peers=peers,
        tell=_tell,
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
    settings = settings_for(options)
    known = facts(settings.folder)
    for name, text in known.items():
        print(f"{name}: {text}")
    began = monotonic()
    tables = []
    for name in options.only or BENCHMARKS:
        print(f"\n{name}", flush=True)
        tables.append(BENCHMARKS[name](settings))
        print(f"\n{as_markdown(tables[-1])}", flush=True)
    known |= {"load at the end": load(), "took": f"{(monotonic() - began) / 60:.1f} minutes"}
    how = how_measured(arguments, settings)
    if options.json is not None:
        options.json.write_text(as_json(tables, known, how), encoding="utf-8")
    if options.write:
        RESULTS.write_text(page(tables, known, how), encoding="utf-8")
        print(f"\nwrote {RESULTS.relative_to(ROOT)}")
    return 0 if all(any(line.ours for line in table.lines) or "all" in table.missing for table in tables) else 1


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
