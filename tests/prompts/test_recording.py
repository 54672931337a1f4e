"""A rendering in the body of a task is recorded: which prompt, label, version and text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from durable import Store, Workflow, task
from durable.context import CURRENT
from durable.prompts import Prompt, PromptError

GREETING = Prompt("greet", "staging", 3, "Hello {{ name }}")


class Notes:
    """Stands for a task's context."""

    def __init__(self) -> None:
        self.prompts: list[tuple[str, str, str, str]] = []

    def note_prompt(self, name: str, label: str, version: str, digest: str) -> None:
        self.prompts.append((name, label, version, digest))


@pytest.fixture
def notes() -> Iterator[Notes]:
    """The context of a body that is running here."""
    found: Any = Notes()
    token = CURRENT.set(lambda: found)
    yield found
    CURRENT.reset(token)


def test_a_rendering_is_noted(notes: Notes) -> None:
    """With name, label, version as text, and digest; once for each rendering."""
    assert GREETING.render(name="Ann") == "Hello Ann"
    assert notes.prompts == [("greet", "staging", "3", GREETING.digest)]
    GREETING.render(name="Bob")
    assert len(notes.prompts) == 2


def test_a_rendering_that_failed_is_not_noted(notes: Notes) -> None:
    """The log names what was used."""
    with pytest.raises(PromptError):
        GREETING.render()
    assert notes.prompts == []


def test_outside_of_bodies_nothing_is_noted() -> None:
    """Prompts can be rendered anywhere."""
    assert CURRENT.get() is None
    assert GREETING.render(name="Ann") == "Hello Ann"


def test_the_log_names_the_version(store: Store) -> None:
    """A run's events say which version each task rendered."""

    @task
    def greet(name: str) -> str:
        return GREETING.render(name=name)

    wf = Workflow("prompts", store=store)
    wf.add(greet)
    run = wf.start(run_id="r", initial={"name": "Ann"})
    assert run.result() == "Hello Ann"
    found = [event for event in run.events() if event.type == "PromptRendered"]
    assert [event.task_id for event in found] == ["greet"]
    fields = {"prompt": "greet", "label": "staging", "version": "3", "digest": GREETING.digest}
    assert fields.items() <= found[0].fields.items()
