"""Prompts: which version was rendered stands in the log, also when the attempt failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from durable import PromptError, Store, task, workflow
from durable.prompts import Prompt, YAMLPromptManager

ABOUT = (
    "Prompts: versions that were rendered by attempts that succeeded and failed, prompts and their manager as values"
)
bodies: list[str] = []
mended = False
PROMPTS = YAMLPromptManager(Path(__file__).parent / "prompts")


@task
def greet(name: str, label: str) -> str:
    bodies.append(f"greet {label}")
    return PROMPTS.get_prompt("greet", label=label).render(name=name)


@task(max_retries=1)
def fails() -> str:
    bodies.append("fails")
    text = PROMPTS.get_prompt("greet", version=1).render(name="Ann")
    if not mended:
        raise PromptError("the model refused")
    return text


@task
def as_value() -> Prompt:
    bodies.append("as_value")
    return PROMPTS.get_prompt("greet")


@task
def render(as_value: Prompt) -> str:
    bodies.append("render")
    return as_value.render(name="Tom")


@task
def manager() -> YAMLPromptManager:
    bodies.append("manager")
    return YAMLPromptManager("/")  # a folder that every machine has: it is looked for when the value is read


with workflow("prompts") as prompts:
    chain = greet(task_id="trial", label="trial") >> greet(task_id="production", label="production")
    chain >> as_value >> render >> manager >> fails


def failed(store: Store) -> None:
    prompts.start(run_id="failed", store=store, initial={"name": "Eva"})


RUNS: dict[str, Any] = {"failed": failed}
SENDS: dict[str, list[tuple[object, ...]]] = {}
