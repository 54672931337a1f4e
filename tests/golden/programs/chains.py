"""Chains: the ways in which a run can end, stop, or be gone."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

from durable import Store, TaskExecutionContext, TaskFailed, open_run, prune, task, workflow

ABOUT = (
    "Chains: a success, a failure, a cancel, early ends, a killed process, Ctrl-C, a changed definition, a pruned run"
)
bodies: list[str] = []
mended = False
"""Whether what made runs fail or die is over; who resumes them sets it."""

opened: Any = None
"""The store, for bodies that send something to their own run."""


@task
def fetch(ctx: TaskExecutionContext, day: str, note: str = "none") -> list[int]:
    bodies.append("fetch")
    channel = ctx.get_channel()
    channel.set("day", day)
    channel.append("seen", len(day))
    channel.prepend("seen", 0)
    channel.atomic_add("rows", 3)
    channel.set("draft", note)
    channel.delete("draft")
    ctx.metadata["by"] = "fetch"
    ctx.metadata["gone"] = 1
    del ctx.metadata["gone"]
    return [len(day), 20, 12]


@task
def clean(fetch: list[int], rows: int) -> dict[str, int]:
    bodies.append("clean")
    return {"total": sum(fetch), "rows": rows}


@task
def report(clean: dict[str, int]) -> str:
    bodies.append("report")
    if clean["total"] == 36 and not mended:
        raise ValueError("36 rows are too many") from LookupError("no room")
    return f"{clean['total']} rows"


with workflow("nightly", version="7") as nightly:
    fetch >> clean >> report


@task
def begin() -> str:
    bodies.append("begin")
    return "begun"


@task
def die(ctx: TaskExecutionContext, begin: str, how: str) -> str:
    bodies.append("die")
    if not mended:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if how == "cancel":
            ctx.cancel_workflow("nobody wants it")
        if how == "terminate":
            ctx.terminate_workflow({"early": True})
    return f"{begin} and died {ctx.attempt} times"


@task
def last(die: str) -> str:
    bodies.append("last")
    return die.upper()


with workflow("mortal") as mortal:
    begin >> die >> last


@task
def sends_cancel(ctx: TaskExecutionContext, begin: str) -> str:
    """Dies after somebody has sent a cancel, which its driver has not taken yet."""
    bodies.append("sends_cancel")
    if not mended:
        open_run(ctx.run_id, opened).cancel("sent, not taken", actor="eva")
        os.kill(os.getpid(), signal.SIGKILL)
    return begin


with workflow("cancel-sent") as with_cancel:
    begin >> sends_cancel


@task
def added(begin: str) -> str:
    bodies.append("added")
    return f"{begin}, more"


@task
def middle() -> str:
    bodies.append("middle")
    if not mended:
        raise OSError("not yet")
    return "passed"


with workflow("changed") as changed:
    begin >> middle >> added >> last(die="end")


def succeeded(store: Store) -> None:
    nightly.execute(run_id="succeeded", store=store, initial={"day": "Friday"}, max_steps=9, deadline=86400)


def failed(store: Store) -> None:
    nightly.start(run_id="failed", store=store, initial={"day": "1234"})


def cancel_sent(store: Store) -> None:
    global opened
    opened = store
    with_cancel.start(run_id="cancel-sent", store=store)


def started_in_the_middle(store: Store) -> None:
    mortal.start("begin", run_id="from-begin", store=store, initial={"how": ""})


def killed(store: Store) -> None:
    mortal.start(run_id="killed", store=store, initial={"how": "kill"})


def interrupted(store: Store) -> None:
    mortal.start(run_id="interrupted", store=store, initial={"how": "interrupt"})


def cancelled_inside(store: Store) -> None:
    mortal.start(run_id="cancelled-inside", store=store, initial={"how": "cancel"})


def cancelled_outside(store: Store) -> None:
    run = nightly.start(run_id="cancelled-outside", store=store, initial={"day": "1234"})
    run.fork(7, run_id="cancelled-fork", actor="eva", reason="try again").cancel("not needed", actor="eva")


def terminated_inside(store: Store) -> None:
    mortal.start(run_id="terminated-inside", store=store, initial={"how": "terminate"})


def terminated_outside(store: Store) -> None:
    run = nightly.start(run_id="terminated-source", store=store, initial={"day": "1234"})
    run.fork(7, run_id="terminated-outside").terminate((1, "out"), reason="enough", actor="tom")


def definition_changed(store: Store) -> None:
    with workflow("changed") as before:
        begin >> middle >> last(die="end")
    before.start(run_id="definition-changed", store=store)
    with suppress(TaskFailed):  # it goes on with another task between, and fails again
        changed.resume("definition-changed", store=store, actor="eva", reason="a task more")


def pruned(store: Store) -> None:
    nightly.execute(run_id="pruned", store=store, initial={"day": "Sunday"})
    prune("pruned", store=store)


RUNS = {
    "succeeded": succeeded,
    "failed": failed,
    "from-begin": started_in_the_middle,
    "killed": killed,
    "interrupted": interrupted,
    "cancelled-inside": cancelled_inside,
    "cancelled-outside": cancelled_outside,
    "cancel-sent": cancel_sent,
    "terminated-inside": terminated_inside,
    "terminated-outside": terminated_outside,
    "definition-changed": definition_changed,
    "pruned": pruned,
}
SENDS: dict[str, list[tuple[object, ...]]] = {}
