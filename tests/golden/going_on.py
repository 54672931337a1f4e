"""Going on with runs of a copied store: a resume with what comes from outside, and two forks."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from durable import Run, RunNotFound, open_run
from tests.golden.golden import Golden, live_workflow
from tests.golden.reading import end, opened

GOES_ON = ("interrupted", "failed", "suspended")


def resumed(golden: Golden, run_id: str, at: int, folder: Path) -> dict[str, Any] | None:
    """Resume a run with the program as it is now, in a copy; None for a run that has ended for good."""
    program = mended(golden)
    with opened(golden.copy(folder), at) as store:
        run = open_run(run_id, store)
        if run.status not in GOES_ON or run.info.pruned is not None:
            return None
        for kind, *words in program.SENDS.get(run_id, ()):
            _send(run, kind, words)
        return _gone_on(run, program)


def forked(golden: Golden, run_id: str, at: int, folder: Path, where: dict[str, Any]) -> dict[str, Any]:
    """Fork a run in a copy and let the fork go on."""
    program = mended(golden)
    with opened(golden.copy(folder), at) as store:
        run = open_run(run_id, store)
        return _gone_on(run.fork(**where, run_id="the-fork"), program)


def points(golden: Golden, run_id: str, at: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Choose where a run is forked: in the middle of its log, and from a task that has succeeded."""
    with opened(golden.copy(folder), at) as store:
        run = open_run(run_id, store)
        done = [event.task_id for event in run.events() if event.type == "TaskSucceeded"]
        seq = _first_end(run, run.info.seq // 2)
        found: dict[str, dict[str, Any]] = {f"at {seq}": {"seq": seq}}
        if done:
            name = done[len(done) // 2]
            found[f"from {name}"] = {"from_task": name}
        return found


def _first_end(run: Run, seq: int) -> int:
    """The event from which on a run can be forked: its first commit is not cut in two."""
    while True:
        try:
            run.fork(seq, run_id="tried")
        except RunNotFound:
            seq += 1
        else:
            return seq


def mended(golden: Golden) -> ModuleType:
    """Return the program in which nothing fails or dies any more, and no body has begun."""
    program = golden.module
    program.mended = True
    program.bodies.clear()
    return program


def _send(run: Run, kind: str, words: list[Any]) -> None:
    if kind == "advance":
        run.store.clock.advance(*words)  # type: ignore[attr-defined]
    elif kind == "answer":
        run.answer(words[0], words[1], actor="later")
    else:
        run.signal(words[0], words[1], id="later")


def _gone_on(run: Run, program: ModuleType) -> dict[str, Any]:
    run.resume(live_workflow(program, run.info.workflow))
    return end(run, program)
