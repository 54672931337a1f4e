"""A loop that asks a model what to do, does it, and asks a person before anything dangerous.

Each iteration of ``agent`` is an attempt of its own. What the model said and what a tool returned are steps: when
the body starts again from the top, because it waited for a person, they are taken from the log. The run is
suspended while it waits, and no process is needed. ``max_cycles`` stops a model that never comes to an end.
"""

from __future__ import annotations

from collections import Counter

from durable import CycleLimitExceeded, TaskExecutionContext, TaskFailed, task, workflow

calls: Counter[str] = Counter()
FILES = {"notes.txt": "buy milk", "old.log": "9 GB of nothing"}


def model(talk: list[str]) -> dict[str, str]:
    """Stand for a language model: list the files, delete the big one, then say so."""
    calls["model"] += 1
    if talk[0] == "never stop":
        return {"tool": "look", "argument": ""}
    plan = [{"tool": "look", "argument": ""}, {"tool": "delete", "argument": "old.log"}]
    return plan[len(talk) - 1] if len(talk) <= len(plan) else {"answer": talk[-1]}


def look(_argument: str) -> str:
    calls["look"] += 1
    return ", ".join(FILES)


def delete(name: str) -> str:
    calls["delete"] += 1
    return f"{name} is gone ({FILES.pop(name)})"


TOOLS = {"look": look, "delete": delete}


@task(max_cycles=5)
def agent(ctx: TaskExecutionContext, talk: list[str]) -> str | None:
    wish = ctx.step(model, talk)
    if "answer" in wish:
        return str(wish["answer"])
    seen = "a person refused that"
    if wish["tool"] != "delete" or ctx.request_feedback(f"Delete {wish['argument']}?", timeout=0).approved:
        seen = ctx.step(TOOLS[wish["tool"]], wish["argument"])
    ctx.next_iteration([*talk, seen])
    return None


with workflow("agent_loop") as wf:
    wf.add(agent)

if __name__ == "__main__":
    run = wf.start(initial={"talk": ["make room on the disk"]})
    print(f"{run.status}, after {dict(calls)}")
    assert run.status == "suspended"
    assert "old.log" in FILES

    run.answer(value=True, actor="Eva")  # or: durable answer RUN --approve --by Eva
    answer = wf.resume(run.run_id)
    print(f"{run.status}, after {dict(calls)}: {answer}")
    assert answer == "old.log is gone (9 GB of nothing)"
    assert calls == {"model": 3, "look": 1, "delete": 1}  # no call was made twice
    assert [event.type for event in run.events()].count("TaskIterated") == 2

    stuck = wf.start(initial={"talk": ["never stop"]})
    brake: BaseException | None = None
    try:
        stuck.result()
    except TaskFailed as error:
        print(error.message)
        brake = error.__cause__
    assert isinstance(brake, CycleLimitExceeded)
    assert stuck.status == "failed"
