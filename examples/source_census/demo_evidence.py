"""What the demonstration reads from the log: plain SQL over the store's database, without `durable`.

Anyone can ask a log these questions with the `sqlite3` shell; the database is opened for reading only.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG = """WITH log AS (SELECT seq, time, type, task_id, attempt FROM events JOIN runs USING (run) WHERE run_id = :run),
outcomes AS (SELECT * FROM log WHERE type IN ('TaskSucceeded', 'TaskFailed', 'TaskTimedOut')),
starts AS (SELECT * FROM log WHERE type = 'TaskStarted') """


@dataclass(frozen=True)
class Evidence:
    """What a log says about the time before and after a kill.

    Attributes:
        recorded, failed: tasks whose success or failure was recorded before.
        in_flight: tasks that had started and had no outcome yet.
        started_after: attempts that started after.
        again: those of them that were not the task's first.
        twice: attempts that started after an outcome of their task; must be 0.
        files: files with exactly one outcome.
        seconds_saved: summed duration of the bodies whose success was recorded before.
        seconds_worked: time from the first event to the last one before.
    """

    recorded: int
    failed: int
    in_flight: int
    started_after: int
    again: int
    twice: int
    files: int
    seconds_saved: float
    seconds_worked: float


class Log:
    """A run's log, read with plain SQL.

    Args:
        database: the store's file; it may not exist yet.
        run_id: the run.
    """

    def __init__(self, database: Path, run_id: str) -> None:
        self.database = database
        self.run_id = run_id

    def settled_files(self) -> int:
        """How many files have an outcome; 0 while there is no log."""
        try:
            return int(self._one("SELECT count(*) FROM outcomes WHERE task_id LIKE '%.py'"))
        except sqlite3.OperationalError:
            return 0

    def last_seq(self) -> int:
        """The last sequence number of the log."""
        return int(self._one("SELECT coalesce(max(seq), 0) FROM log"))

    def first_start_after(self, seq: int) -> float | None:
        """When the first attempt after a sequence number started, seconds since 1970."""
        found: float | None = self._one("SELECT min(time) / 1e6 FROM starts WHERE seq > :seq", seq)
        return found

    def evidence(self, seq: int) -> Evidence:
        """Compare what was recorded up to a sequence number with what happened after it."""

        def count(rest: str) -> int:
            return int(self._one(f"SELECT count(*) FROM {rest}", seq))

        return Evidence(
            recorded=count("outcomes WHERE seq <= :seq AND type = 'TaskSucceeded'"),
            failed=count("outcomes WHERE seq <= :seq AND type <> 'TaskSucceeded'"),
            in_flight=count(
                """(SELECT task_id FROM starts WHERE seq <= :seq
                EXCEPT SELECT task_id FROM outcomes WHERE seq <= :seq)"""
            ),
            started_after=count("starts WHERE seq > :seq"),
            again=count("starts WHERE seq > :seq AND attempt > 1"),
            twice=count(
                """starts JOIN (SELECT task_id, min(seq) AS settled FROM outcomes GROUP BY task_id) USING (task_id)
                WHERE seq > settled"""
            ),
            files=count("(SELECT 1 FROM outcomes WHERE task_id LIKE '%.py' GROUP BY task_id HAVING count(*) = 1)"),
            seconds_saved=self._one(
                """SELECT coalesce(sum(outcomes.time - starts.time), 0) / 1e6
                FROM outcomes JOIN starts USING (task_id, attempt)
                WHERE outcomes.type = 'TaskSucceeded' AND outcomes.seq <= :seq""",
                seq,
            ),
            seconds_worked=self._one("SELECT (max(time) - min(time)) / 1e6 FROM log WHERE seq <= :seq", seq),
        )

    def _one(self, query: str, seq: int = 0) -> Any:
        """Return a query's one value."""
        with closing(sqlite3.connect(f"{self.database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(_LOG + query, {"run": self.run_id, "seq": seq}).fetchone()[0]
