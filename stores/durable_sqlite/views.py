"""Views for people: what each task and group came to, and the log in readable columns.

The statuses are generated from the transition table, so that SQL and the engine cannot disagree. It
must not hold a status of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from durable.core.transitions import ENDED, GROUP, PENDING, RUN, STATUSES, TASK

Table = Mapping[int, Mapping[str, int]]

_ISO = "strftime('%Y-%m-%dT%H:%M:%S', {0} / 1000000, 'unixepoch') || printf('.%06dZ', {0} % 1000000)"


def iso(column: str) -> str:
    """Return SQL that shows a time in microseconds as ISO 8601 in UTC."""
    return _ISO.format(column)


def _outcomes(table: Table) -> dict[str, dict[int, list[int]]]:
    """Return, for each event, the statuses it can lead to, each with the statuses it comes from."""
    found: dict[str, dict[int, list[int]]] = {}
    for before, moves in table.items():
        for event, after in moves.items():
            found.setdefault(event, {}).setdefault(after, []).append(before)
    return found


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _events(table: Table) -> str:
    return _quoted(sorted(_outcomes(table)))


def status_case(table: Table, event: str = "last") -> str:
    """Return a SQL CASE for the status after a subject's last event.

    Args:
        table: the subject's transitions.
        event: alias of the row of ``events`` that holds the last event.
    """
    outcomes = _outcomes(table)
    lines = []
    for name, afters in outcomes.items():
        usual = max(afters, key=lambda after: len(afters[after]))
        for after, befores in afters.items():
            if after != usual:
                came_from = [n for n, to in outcomes.items() if set(to) & set(befores)]
                before = _event_before(event, _events(table))
                lines.append(
                    f"WHEN {event}.type = '{name}' AND {before} IN ({_quoted(came_from)}) THEN '{STATUSES[after]}'"
                )
        lines.append(f"WHEN {event}.type = '{name}' THEN '{STATUSES[usual]}'")
    return "CASE " + "\n    ".join(lines) + f" ELSE '{STATUSES[PENDING]}' END"


def _event_before(event: str, types: str) -> str:
    return (
        f"(SELECT p.type FROM events p WHERE p.run = {event}.run AND p.task_id = {event}.task_id"
        f" AND p.seq < {event}.seq AND p.type IN ({types}) ORDER BY p.seq DESC LIMIT 1)"
    )


def _subject_view(table: Table, name: str, start: str, counted: str, count: str, extra: str = "") -> str:
    """Return a view with one row for each subject: where it stands, since when, and why."""
    settled = _quoted([STATUSES[status] for status in table if status in ENDED])
    error = "CASE WHEN json_valid(last.data) THEN last.data ->> '$.error' END"
    return f"""SELECT run_id, {name}, status, {count}, {iso("started_us")} AS started,
  CASE WHEN status IN ({settled}) THEN {iso("last_us")} END AS ended,
  CASE WHEN status IN ({settled}) AND last_us >= started_us THEN (last_us - started_us) / 1000000.0 END AS seconds,
  error{extra}
FROM (
  SELECT s.run_id, s.subject AS {name}, {status_case(table)} AS status, s.counted AS {count},
    first.time AS started_us, last.time AS last_us, {error} AS error, last.data AS last_data
  FROM (
    SELECT r.run_id, e.run, e.task_id AS subject, max(e.seq) AS last_seq,
      max(CASE WHEN e.type = '{start}' THEN e.seq END) AS start_seq,
      sum(e.type = '{counted}') AS counted
    FROM runs r JOIN events e ON e.run = r.run
    WHERE e.type IN ({_events(table)}) AND e.task_id IS NOT NULL
    GROUP BY r.run_id, e.task_id
  ) s
  JOIN events last ON last.run = s.run AND last.seq = s.last_seq
  LEFT JOIN events first ON first.run = s.run AND first.seq = s.start_seq
)"""


def run_status() -> str:
    """Return the view with one row for each run."""
    ends = _quoted([STATUSES[status] for status in RUN if status in ENDED])
    updated = "coalesce(e.time, r.summary ->> '$.ended', r.created)"
    return f"""SELECT r.run_id, r.workflow, r.status, {iso("r.created")} AS created, {iso(updated)} AS updated,
  CASE WHEN r.status IN ({ends}) THEN ({updated} - r.created) / 1000000.0 END AS seconds,
  {iso("r.due")} AS due, e.seq AS last_seq, r.file, l.owner AS driven_by, l.pid, l.host, {iso("r.pruned")} AS pruned
FROM runs r
LEFT JOIN events e ON e.run = r.run AND e.seq = (SELECT max(seq) FROM events WHERE run = r.run)
LEFT JOIN leases l ON l.run_id = r.run_id"""


def timeline() -> str:
    """Return the view with one row for each event, in columns for people.

    A value that a dictionary has compressed cannot be shown by SQL: ``durable log`` shows it.
    """
    content = "CASE WHEN e.blob IS NULL THEN e.payload ELSE b.content END"
    return f"""SELECT r.run_id, e.seq, {iso("e.time")} AS time, e.type, e.task_id, e.attempt, e.data, e.encoding,
  CASE WHEN e.encoding = 'json' AND e.dictionary IS NULL THEN CAST({content} AS TEXT) END AS value,
  length(CAST({content} AS BLOB)) AS payload_size,
  CASE WHEN e.blob IS NOT NULL THEN 'blob ' || e.blob WHEN e.dictionary IS NOT NULL THEN 'dictionary ' || e.dictionary
    END AS kept_in
FROM events e JOIN runs r ON r.run = e.run LEFT JOIN blobs b ON b.blob = e.blob"""


def all_views() -> dict[str, str]:
    """Return every view by name."""
    policy = ",\n  CASE WHEN json_valid(last_data) THEN last_data ->> '$.policy' END AS policy"
    return {
        "run_status": run_status(),
        "task_status": _subject_view(TASK, "task_id", "TaskStarted", "TaskStarted", "attempts"),
        "group_status": _subject_view(GROUP, "group_id", "GroupStarted", "GroupRetryRequested", "retries", policy),
        "timeline": timeline(),
    }
