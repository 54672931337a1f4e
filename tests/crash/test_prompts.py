"""A prompt that a task renders is recorded once for the attempt that rendered it, wherever the process is killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from durable.testing import CrashKit, Kill, Workload

pytest.importorskip("jinja2")
pytest.importorskip("yaml")

MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None
FLOW = """
from pathlib import Path
from durable import TaskExecutionContext, parallel, task, workflow
from durable.prompts import YAMLPromptManager

PROMPTS = YAMLPromptManager(Path(__file__).parent / "prompts")

@task
def greet() -> str:
    return PROMPTS.get_prompt("greet").render(name="Ada")

@task
async def twice(context: TaskExecutionContext) -> list[str]:
    prompt = PROMPTS.get_prompt("greet", version=1)
    return [await context.step(str.upper, prompt.render(name="Bob")), prompt.render(name="Cleo")]

with workflow("greetings") as wf:
    greet >> parallel(twice, greet(task_id="again"), name="group")
"""
PROMPTS = """
- version: 1
  template: Hello {{ name }}
- version: 2
  template: Good morning {{ name }}
"""


def test_each_prompt_is_recorded_once(tmp_path: Path) -> None:
    """With the outcome of its attempt, in the same commit; an attempt that was killed records none."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "greet.yaml").write_text(PROMPTS)
    file = tmp_path / "flow.py"
    file.write_text(FLOW)
    with CrashKit(Workload(str(file), "greetings"), place=PLACE) as kit:
        assert kit.reference.outcome.status == "succeeded"
        for seq in kit.reference.appends:
            for when in ("before", "after"):
                trial = kit.trial()
                assert trial.drive(Kill(when, seq)).killed
                assert trial.drive().status == "succeeded"
                events = trial.events()
                rendered = sorted((e.task_id, e.fields["version"]) for e in events if e.type == "PromptRendered")
                assert rendered == [("again", "2"), ("greet", "2"), ("twice", "1")]
                succeeded = {(e.task_id, e.attempt) for e in events if e.type == "TaskSucceeded"}
                assert {(e.task_id, e.attempt) for e in events if e.type == "PromptRendered"} == succeeded
                assert not trial.problems
