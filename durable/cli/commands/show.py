"""``durable show``: what became of a run and of each of its tasks, read without any user code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import json_option, limit_option, run_argument, store_option, verbose_option

if TYPE_CHECKING:
    from durable.cli.task_rows import Subject
    from durable.core.progress import Progress
    from durable.core.sizes import Sizes
    from durable.core.state import RunState
    from durable.runs.start import Run

_STATUSES = (
    "pending", "running", "waiting", "interrupted", "succeeded", "failed", "timed_out", "cancelled", "skipped",
    "suspended",
)  # fmt: skip


@click.command(short_help="Show what became of a run and its tasks.")
@run_argument
@click.argument("task", metavar="[TASK]", required=False)
@click.option("--task", "task_id", metavar="ID", help="The same as TASK.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only tasks and groups of this status.")
@limit_option
@store_option
@json_option
@verbose_option
def command(
    run_id: str,
    task: str | None,
    task_id: str | None,
    status: str | None,
    limit: int,
    store: str | None,
    as_json: bool,
) -> int:
    """Show RUN: its status, its tasks with attempts, time, error and result, its groups, its channel, its size.

    With TASK, only this task, group or member of a map, with its whole error and traceback. Of a long run, tasks that
    need attention are shown first; --json shows all. A map is one line with the number of its members; of those, the
    first 20 that failed or have not finished are shown, all of them with --limit 0. No user code is imported.

    \b
    durable show nightly-2026-11-21
    durable show nightly-2026-11-21 --status failed --limit 0
    durable show nightly-2026-11-21 load
    durable show nightly-2026-11-21 measures/doc7
    """
    from durable.cli.stores import existing_store
    from durable.runs.start import open_run

    if task is not None and task_id is not None:
        raise click.UsageError("TASK and --task mean the same: use one of them.")
    task_id = task if task is not None else task_id
    with existing_store(store) as opened:
        run = open_run(run_id, opened)
        if run.info.pruned is not None and task_id is None:
            _show_pruned(run, as_json)
        elif task_id is not None:
            _show_one(run, task_id, limit, as_json)
        else:
            _show_all(run, status, limit, as_json)
    return exit_codes.OK


def _show_pruned(run: Run, as_json: bool) -> None:
    from durable.cli.render import print_json, printable, say
    from durable.cli.sizes import pruned_document, pruned_lines

    if as_json:
        print_json(pruned_document(run.info))
        return
    say(_headline(run))
    for line in pruned_lines(run.info):
        say(printable(line))


def _show_one(run: Run, task_id: str, limit: int, as_json: bool) -> None:
    from durable.cli.map_members import item_preview, shown_members
    from durable.cli.render import print_json
    from durable.cli.task_rows import history, subject, subjects

    state = run.load_state()
    node = state.graph.number(task_id)
    expansion, members = state.graph.expansions.by_group.get(node), []
    found = subject(state, run.store, node)
    if state.graph.expansion_of(node) is not None:
        found = found.of_item(item_preview(state, run.store, node))
    if expansion is not None:
        members = list(subjects(state, run.store, shown_members(state, expansion, None, limit)))
    attempts = history(run, found.id)
    if not as_json:
        _print_one(found, attempts, members)
        return
    document = {"run_id": run.run_id, **found.document(), "attempts_made": attempts}
    print_json(document if expansion is None else document | {"tasks": [member.document() for member in members]})


def _print_one(found: Subject, attempts: list[dict[str, Any]], members: list[Subject]) -> None:
    from durable.cli.render import printable, say

    document = found.document()
    if found.counts is not None:
        counted = {name: document.pop(name) for name in ("members", "succeeded", "counts", "complete")}
        document["members"] = members_line(counted["counts"], counted["complete"])
    for name, value in document.items():
        if value not in (None, "", []):
            say(f"{name + ':':<10} {printable(str(value))}")
    for attempt in attempts:
        head = f"attempt {attempt['attempt']}: " if attempt["attempt"] else ""
        say(f"{head}{attempt['event']} {attempt['time']} {printable(attempt['error'])}".rstrip())
        if attempt["traceback"]:
            say(printable(attempt["traceback"], keep="\n").rstrip())
    _print_rows(members)


def _show_all(run: Run, status: str | None, limit: int, as_json: bool) -> None:
    from durable.cli.render import print_json
    from durable.cli.task_rows import nodes_of, subjects

    state = run.load_state()
    nodes = nodes_of(state, status, limit)
    if as_json:
        found = [item.document() for item in subjects(state, run.store, nodes)]
        print_json(_summary(run, run.sizes()) | {"tasks": [item for item in found if item["kind"] == "task"],
                                    "groups": [item for item in found if item["kind"] == "group"]})  # fmt: skip
    else:
        _print(run, nodes, limit, status)


def _print(run: Run, nodes: list[int], limit: int, status: str | None) -> None:
    from durable.cli.render import say
    from durable.cli.task_rows import needs_attention, subjects
    from durable.cli.wait_hints import lines_of_waits
    from durable.cli.table_limits import chosen

    state = run.load_state()
    if status is None:
        _print_summary(run)
        if run.info.status == "suspended":
            for line in lines_of_waits(run, state):
                say(line)
            say(f"resume:    {run.resume_command()}")
    _note_left_out(state, nodes, status)
    written = [node for node in nodes if state.graph.expansion_of(node) is None]  # members were chosen before
    how = "--limit 0 shows all, --status some"
    kept = set(chosen(written, limit, lambda node: needs_attention(state, node), how))
    nodes = [node for node in nodes if node in kept or state.graph.expansion_of(node) is not None]
    _print_rows(list(subjects(state, run.store, nodes)))


def _note_left_out(state: RunState, nodes: list[int], status: str | None) -> None:
    """Say how many members of maps would be shown, were they not so many."""
    from durable.cli.map_members import left_out
    from durable.cli.render import note, printable
    from durable.core.transitions import STATUSES

    for group, expansion in state.graph.expansions.by_group.items():
        shown = sum(state.graph.parent[node] == group for node in nodes)
        more = left_out(state, expansion, STATUSES.index(status) if status is not None else None, shown)
        if more:
            what = "failed or unfinished" if status is None else status.replace("_", " ")
            how = "--limit 0 shows all" if status else "--status failed, --limit 0 show more"
            note(f"{shown:,} of {shown + more:,} {what} members of {printable(expansion.name)} are shown; {how}")


def _print_rows(found: list[Subject]) -> None:
    from durable.cli.render import print_table

    if found:
        heads = ("id", "kind", "status", "attempts", "time", "result or error")
        print_table(heads, [_row(item) for item in found])


def members_line(counts: dict[str, int], complete: bool) -> str:
    """Return in one line how a map's members stand."""
    said = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
    more = "" if complete else "; more items to be read"
    return f"{sum(counts.values()):,} members{f': {said}' if said else ''}{more}"


def _row(item: Subject) -> tuple[str, ...]:
    from durable.cli.formatting import lasted

    time = lasted(item.seconds) if item.seconds else ""
    return item.id, item.kind, item.status, str(item.attempts or ""), time, _about(item)


def _about(item: Subject) -> str:
    if item.error:
        return item.error
    if item.counts is not None:
        return f"{item.policy}: {members_line(item.counts, item.complete)}"
    if item.kind == "group":
        return f"{item.policy}: {item.succeeded} of {item.members} succeeded"
    return item.preview or ""


def _summary(run: Run, sizes: Sizes) -> dict[str, Any]:
    from durable.cli.run_report import error_line, task_counts
    from durable.cli.sizes import space_document
    from durable.cli.formatting import utc_time

    state, info = run.load_state(), run.info
    created = state.created.fields if state.created is not None else {}
    document: dict[str, Any] = {
        "run_id": run.run_id,
        "workflow": info.workflow,
        "version": created.get("version"),
        "status": info.shown_status,
        "created": utc_time(info.created),
        "updated": utc_time(info.updated),
        "seconds": (info.updated - info.created) / 1e6,
        "events": info.seq,
        "file": info.file,
        "start": created.get("start"),
        "error": error_line(run, state) if state.status_name in ("failed", "cancelled") else None,
        "counts": task_counts(state),
        "progress": run.progress(),
        "channel": sorted(state.channel),
        "metadata": sorted(state.metadata),
        "space": space_document(sizes),
    }
    if info.shown_status in ("interrupted", "failed"):
        document["resume"] = run.resume_command()
    return document


def _print_summary(run: Run) -> None:
    from durable.cli.render import printable, say
    from durable.cli.sizes import space_line
    from durable.cli.formatting import lasted, local_time

    info, sizes = run.info, run.sizes()  # which are measured once: it takes seconds for millions of events
    summary = _summary(run, sizes)
    say(_headline(run))
    lease = run.store.lease(run.run_id)
    counts = {name: count for name, count in summary["counts"].items() if name != "total"}
    tasks = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    channel = ", ".join(summary["channel"][:20]) + (" …" if len(summary["channel"]) > 20 else "")
    between = f"last event {local_time(info.updated)}, {lasted(summary['seconds'])} later"
    lines = {
        "error": summary["error"],
        "began": f"{local_time(info.created)}, {between}",
        "driven by": f"process {lease.pid} on {lease.host}" if lease is not None and lease.alive else "",
        "file": info.file,
        "tasks": f"{summary['counts']['total']:,}: {tasks}" if tasks else "none yet",
        **_progress_lines(summary["progress"]),
        "channel": channel,
        "space": space_line(sizes),
        "resume": summary.get("resume"),
    }
    for name, text in lines.items():
        if text:
            say(f"{name + ':':<10} {printable(text)}")


def _progress_lines(now: Progress) -> dict[str, str]:
    """How fast a run that somebody drives now goes, and what is slow."""
    from durable.runs.progress import slowest, speed

    if now.status != "running":
        return {}
    return {"speed": speed(now), "running": slowest(now)}


def _headline(run: Run) -> str:
    from durable.cli.render import COLOURS, coloured

    info = run.info
    status = coloured(info.shown_status, COLOURS.get(info.shown_status))
    return f"run {coloured(run.run_id, bold=True)} of {info.workflow}: {status}"
