"""Checks of the run: its log, with plain SQL, and every value, with what the line's writer knows of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import workflow

from durable import open_run

_LOG = """WITH log AS (SELECT seq, type, task_id, attempt FROM events JOIN runs USING (run) WHERE run_id = :run),
members AS (SELECT * FROM log WHERE task_id LIKE 'requests/%'),
outcomes AS (SELECT * FROM members WHERE type IN ('TaskSucceeded', 'TaskFailed')) """


@dataclass(frozen=True)
class Check:
    """A claim, and whether it holds."""

    holds: bool
    text: str


def check_log(database: Path, run_id: str, lines: int) -> Iterator[Check]:
    """Check what the log says was done, without `durable`.

    Args:
        database: the store's file.
        run_id: the run.
        lines: how many lines there are.
    """
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:

        def count(rest: str) -> int:
            return int(connection.execute(_LOG + "SELECT " + rest, {"run": run_id}).fetchone()[0])

        recorded, distinct = count("count(*) FROM outcomes"), count("count(DISTINCT task_id) FROM outcomes")
        yield Check(
            recorded == distinct == lines, f"{recorded:,} outcomes recorded, of {distinct:,} of {lines:,} lines"
        )
        started = count("count(*) FROM members WHERE type = 'TaskStarted'")
        cut = count("count(*) FROM members WHERE type = 'TaskInterrupted'")
        yield Check(
            started == lines + cut, f"{started:,} bodies started: one a line, and again the {cut:,} in flight at a kill"
        )
        later = "seq, task_id FROM members WHERE type = 'TaskStarted' AND attempt > 1"
        starts = {name: seq for seq, name in connection.execute(_LOG + "SELECT " + later, {"run": run_id})}
        ended = connection.execute(_LOG + "SELECT seq, task_id FROM outcomes", {"run": run_id})
        again = sum(starts.get(name, 0) > seq for seq, name in ended)
        yield Check(again == 0, f"{again:,} bodies started after their outcome was recorded")


def check_values(store: str, run_id: str, lines: int) -> Iterator[Check]:
    """Compare every value with what the line was written from.

    Args:
        store: the store's URL.
        run_id: the run.
        lines: how many lines there are.
    """
    statuses: Counter[str] = Counter()
    with open_run(run_id, store) as run:
        values = run.results["requests"].iter()
        name, value = next(values, ("", None))
        good = wrong = size = 0
        for number in range(lines):
            path, status, length, broken = workflow.facts(number)
            if broken:
                wrong += name == str(number)  # it should have failed
                continue
            good, size = good + 1, size + length
            statuses[str(status)] += 1
            said = (value["path"], value["status"], value["bytes"]) if name == str(number) and value else None
            wrong += said != (path, status, length)
            name, value = next(values, ("", None))
        counts = {group.id: group for group in run.progress().groups}["requests"]
        summary = run.result()
    yield Check(wrong == 0 and not name, f"{good:,} results are what the lines were written from; {wrong:,} are not")
    yield Check(
        (counts.succeeded, counts.failed) == (good, lines - good),
        f"{counts.succeeded:,} members succeeded, {counts.failed:,} failed: the lines that are broken",
    )
    expected = (good, size, dict(sorted(statuses.items())))
    yield Check(
        (summary["requests"], summary["bytes"], summary["statuses"]) == expected,
        f"the summary is right: {summary['bytes'] / 1e9:,.1f} GB were served, most of it for {summary['busiest']}",
    )
