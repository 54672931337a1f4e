"""Prompts in files: which version a task rendered stands in the log. No model is asked; a word count stands for it.

It needs an extra: pip install 'durable-runs[prompts]'
"""

from __future__ import annotations

from pathlib import Path

from durable import task, workflow
from durable.prompts import PromptError, YAMLPromptManager

PROMPTS = YAMLPromptManager(Path(__file__).parent / "prompts")
TEXT = "The log is the only truth.\nEverything else is derived from it."


def ask(prompt: str) -> str:
    """Stands for a call to a model."""
    return f"{len(prompt.split())} words"


@task
def summary(text: str) -> str:
    return ask(PROMPTS.get_prompt("summary", label="production").render(text=text, reader="a colleague"))


@task
def trial(text: str) -> str:
    return ask(PROMPTS.get_prompt("summary", label="trial").render(text=text, reader="a colleague"))


@task
def title(text: str) -> str:
    return ask(PROMPTS.get_prompt("title").render(text=text, words=5))


with workflow("prompt_versions") as wf:
    summary >> trial >> title

if __name__ == "__main__":
    run = wf.start(initial={"text": TEXT})
    run.result()
    rendered = {
        str(event.task_id): (event.fields["prompt"], event.fields["version"], event.fields["label"])
        for event in run.events()
        if event.type == "PromptRendered"
    }
    for task_id, (name, version, label) in rendered.items():
        print(f"{task_id} rendered {name} {version} ({label})")
    assert rendered == {
        "summary": ("summary", "2", "production"),
        "trial": ("summary", "3", "trial"),
        "title": ("title", "1.0", "production"),
    }

    try:
        PROMPTS.get_prompt("title").render(txt=TEXT)
    except PromptError as error:
        print(f"refused: {error.message.rpartition(': ')[2]} missing")
    else:
        raise AssertionError("a missing variable was not noticed")
