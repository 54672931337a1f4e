"""The channel: data of the whole run. What parallel members append and add is merged; none is lost."""

from __future__ import annotations

from typing import Any

from durable import CoordinationBackend, TaskExecutionContext, parallel, task, workflow

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]


@task
def note(ctx: TaskExecutionContext, word: str) -> None:
    channel = ctx.get_channel()
    channel.append("words", word)
    channel.atomic_add("letters", len(word))


@task
def read(ctx: TaskExecutionContext) -> dict[str, Any]:
    channel = ctx.get_channel()
    return {"words": channel.get("words"), "letters": channel.get("letters")}


with workflow("channel") as wf:
    notes = parallel(*(note(task_id=word, word=word) for word in WORDS), name="notes")
    notes.with_execution(backend=CoordinationBackend.THREADING, max_concurrent=4) >> read

if __name__ == "__main__":
    found = wf.execute()
    print(f"{len(found['words'])} words of {found['letters']} letters: {sorted(found['words'])}")
    assert sorted(found["words"]) == sorted(WORDS)
    assert found["letters"] == sum(map(len, WORDS))
