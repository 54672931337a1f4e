"""The report on a run that has been driven: its result, what it waits for, or what failed and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable.cli import exit_codes
from durable.cli.errors import as_document
from durable.cli.failure_report import MOST, failures_of, first_traceback, lines_of, not_listed
from durable.cli.formatting import counted, lasted
from durable.cli.render import coloured, note, printable, say
from durable.cli.results import result_of
from durable.core.transitions import ENDED, STATUSES
from durable.errors import DurableError

if TYPE_CHECKING:
    from durable.cli.foreground import Manner
    from durable.core.state import RunState
    from durable.runs.start import Run


_CODES = {"succeeded": exit_codes.OK, "suspended": exit_codes.SUSPENDED}


def report_end(run: Run, seconds: float | None, manner: Manner) -> int:
    """Print what became of a run and return the exit code.

    Args:
        run: the run.
        seconds: how long it was driven; None when nothing was done, because it had ended or has to wait.
        manner: how to print it.
    """
    state = run.load_state()
    code = _CODES.get(state.status_name, exit_codes.FAILED)
    if manner.as_json:
        manner.emit(end_document(run, seconds) | {"exit_code": code})
    elif code == exit_codes.SUSPENDED:
        if not manner.quiet:
            _print_waits(run, state, seconds)
    elif code:
        _print_failure(run, state, seconds)
    elif not manner.quiet:
        _print_success(run, state, seconds)
    return code


def end_document(run: Run, seconds: float | None) -> dict[str, Any]:
    """Return what became of a run, as JSON has it."""
    import msgspec

    state = run.load_state()
    document: dict[str, Any] = {
        "run_id": run.run_id,
        "workflow": state.graph.definition.workflow,
        "status": run.status,
        "seconds": seconds,
        "tasks": task_counts(state),
    }
    if state.status_name == "succeeded":
        shown = result_of(run, whole=True)
        document |= {"result": msgspec.Raw(shown.raw) if shown.raw else None, "preview": shown.preview}
        return document | ({"left_out": shown.left_out} if shown.left_out else {})
    document["error"] = as_document(_why(run))
    if state.status_name == "suspended":
        from durable.cli.wait_hints import waits_as_documents

        return document | {"waiting": waits_as_documents(run, state), "resume": run.resume_command()}
    document["failures"] = failures_of(state, run.store, MOST)
    document["failures_in_all"] = len(state.failures())
    if state.status_name != "cancelled":
        document["resume"] = run.resume_command()
    return document


def _why(run: Run) -> DurableError:
    """What asking for the result of a run raises that has none."""
    try:
        run.result()
    except DurableError as error:
        return error
    raise AssertionError(f"run {run.run_id} has a result")


def task_counts(state: RunState) -> dict[str, int]:
    """Return how many tasks there are, and how many have each status that any has."""
    nodes = state.task_statuses()
    counts = {name: nodes.count(status) for status, name in enumerate(STATUSES)}
    return {"total": len(nodes), **{name: count for name, count in counts.items() if count}}


def error_line(run: Run, state: RunState) -> str:
    """Why the run did not succeed, in one line: the error it recorded, or who cancelled it."""
    if state.status_name == "cancelled":
        fields = run.store.event(run.run_id, state.seq).fields
        who = f" by {fields['actor']}" if fields.get("actor") else ""
        why = f": {fields['reason']}" if fields.get("reason") else ""
        return printable(f"cancelled{who}{why}")
    if not state.error_seq:
        return state.status_name
    return printable(str(run.store.event(run.run_id, state.error_seq).fields.get("error", "")))


def _print_success(run: Run, state: RunState, seconds: float | None) -> None:
    done = sum(state.task_statuses().count(status) for status in ENDED)
    if seconds is None:
        say(f"run {run.run_id} has already succeeded; nothing was done")
    else:
        say(f"{coloured('succeeded', 'green', bold=True)} in {lasted(seconds)}: {counted(done, 'task')}")
    say(f"result: {result_of(run, whole=False).preview}")


def _print_waits(run: Run, state: RunState, seconds: float | None) -> None:
    from durable.cli.wait_hints import lines_of_waits

    after = "; nothing was done" if seconds is None else f" after {lasted(seconds)}"
    note(f"run {run.run_id} is {coloured('suspended', 'yellow', bold=True)}{after}")
    for line in lines_of_waits(run, state):
        note(f"  {line}")
    note(f"then resume with: {run.resume_command()}")


def _print_failure(run: Run, state: RunState, seconds: float | None) -> None:
    how = "had ended before:" if seconds is None else f"after {lasted(seconds)}:"
    word = state.status_name if state.status_name in ("failed", "cancelled") else "not ended"
    note(f"run {run.run_id} {how} {coloured(word, 'red', bold=True)}")
    if word == "cancelled":
        note(f"  {error_line(run, state)}. A cancelled run stays cancelled")
        return
    found = failures_of(state, run.store)
    if not found:
        note(f"  {error_line(run, state)}")
    for line in lines_of(found):
        note(line)
    more = not_listed(state, found)
    if more > 0:
        note(f"  and {more:,} more: durable show {run.run_id} --status failed --limit 0")
    traceback = first_traceback(state, run.store, found)
    if traceback:
        note(coloured(traceback.rstrip(), dim=True))
    note(f"resume with: {run.resume_command()}")
