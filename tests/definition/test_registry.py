"""WorkflowRegistry: versions, ways to register, and every definition error by its message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable import DefinitionError, parallel, task
from durable.definition.registry import WorkflowRegistry
from durable.definition.steps import BaseHumanStep, BaseMachineStep
from durable.definition.workflow_definition import Edge, WorkflowDefinition


class Step(BaseMachineStep):
    """Does nothing."""

    def execute(self, context: Any) -> None: ...


class Named(Step):
    """Has a name of its own."""

    name = "own"


class Empty(BaseMachineStep):
    """Has no code."""


class Configured(Step):
    """Needs an argument."""

    def __init__(self, limit: int) -> None:
        self.limit = limit


class BadForm(BaseHumanStep):
    """DurableCalls with a form that is none."""

    form_schema = {"type": "no such type"}  # noqa: RUF012 - as users write it


def definition(**parts: Any) -> WorkflowDefinition:
    """Make ``a -> b``, with other parts."""
    whole: dict[str, Any] = {
        "name": "flow",
        "steps": {"a": Step, "b": Step},
        "edges": [Edge("a", "b")],
        "initial_step": "a",
        "terminal_steps": {"b"},
    }
    return WorkflowDefinition(**(whole | parts))


async def later(ctx: Any) -> bool:
    """Be no condition."""
    return True


ABC = {"a": Step, "b": Step, "c": Step}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no steps": ({"steps": {}}, "the definition 'flow' has no steps"),
    "empty name": ({"steps": {"": Step}}, "an id is a printable text"),
    "no step": ({"steps": {"a": Step, "b": 5}}, "'b' is no step: 5"),
    "a function": ({"steps": {"a": Step, "b": len}}, "'b' is no step.*Decorate it with @task"),
    "unknown source": (
        {"edges": [Edge("x", "b")]},
        "the edge 'x' -> 'b' of 'flow' names an unknown step 'x'. It has: a",
    ),
    "unknown target": ({"edges": [Edge("a", "x")]}, "the edge 'a' -> 'x' of 'flow' names an unknown step 'x'"),
    "unknown class": ({"edges": [Edge("a", Named)]}, "the edge 'a' -> Named of 'flow' names an unknown step Named"),
    "from nowhere": (
        {"edges": [Edge(None, "b", lambda ctx: True)]},
        "an edge into 'b' comes from nowhere. Give it a source; where runs start is initial_step=",
    ),
    "no edge": ({"edges": [("a", "b")]}, r"\('a', 'b'\) is no edge. Write Edge\("),
    "an edge twice": ({"edges": [Edge("a", "b"), Edge("a", "b", len)]}, "the edge a -> b stands twice in 'flow'"),
    "a condition that is none": ({"edges": [Edge("a", "b", True)]}, "the condition of the edge a -> b .* not True"),  # type: ignore[arg-type]
    "a condition that waits": ({"edges": [Edge("a", "b", later)]}, "the condition of the edge a -> b is a function"),
    "unknown initial": ({"initial_step": "x"}, "initial_step of 'flow' names an unknown step 'x'"),
    "no initial": ({"initial_step": None}, "the definition 'flow' has no initial step"),
    "unknown terminal": ({"terminal_steps": {"x"}}, "terminal_steps of 'flow' names an unknown step 'x'"),
    "no terminal": ({"terminal_steps": set()}, "the definition 'flow' has no terminal step"),
    "unreachable": ({"steps": ABC}, "the step 'c' of 'flow' cannot be reached from the initial step 'a'"),
    "unreachable terminal": (
        {"steps": ABC, "terminal_steps": {"b", "c"}},
        "the terminal step 'c' of 'flow' cannot be reached from the initial step 'a'",
    ),
    "dead end": (
        {"steps": ABC, "edges": [Edge("a", "b"), Edge("a", "c")]},
        "the step 'c' of 'flow' is no terminal step and it has no edges. Give it an edge, or name it among",
    ),
    "no way out": (
        {"steps": ABC | {"d": Step}, "edges": [Edge("a", "b"), Edge("a", "c"), Edge("c", "d"), Edge("d", "c")]},
        "the step 'c' of 'flow' is no terminal step and no terminal step can be reached from it",
    ),
    "loop with two ways in": (
        {"steps": ABC, "edges": [Edge("a", "b"), Edge("a", "c"), Edge("b", "c"), Edge("c", "b")]},
        "the steps b, c form a loop that can be entered in several places.* ctx.next_iteration, ctx.next_task",
    ),
    "another name": ({"steps": {"a": Named, "b": Step}}, "the step 'a' is a Named that names itself 'own'"),
    "group of another name": (
        {"steps": {"a": parallel(Named(), name="g"), "b": Step}},
        "the step 'a' is a group that names itself 'g'",
    ),
    "no code": ({"steps": {"a": Empty, "b": Step}}, "the step Empty has no execute of its own"),
    "needs arguments": (
        {"steps": {"a": Configured, "b": Step}},
        "Configured cannot be made without .*Configured\\(...",
    ),
    "a form that is none": ({"steps": {"a": BadForm, "b": Step}}, "the form_schema is no JSON Schema"),
}


@pytest.mark.parametrize(("parts", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_found_at_registration(parts: dict[str, Any], message: str) -> None:
    """And by whatever else needs the workflow; nothing is registered."""
    registry = WorkflowRegistry()
    with pytest.raises(DefinitionError, match=message):
        registry.register_definition(definition(**parts))
    assert registry.list() == []
    with pytest.raises(DefinitionError, match=message):
        _ = definition(**parts).workflow


def test_a_sound_definition_registers() -> None:
    """The one that the wrong ones are made of; steps may be named by themselves."""
    registry = WorkflowRegistry()
    whole = definition()
    assert registry.register_definition(whole) is whole
    assert registry.register_definition(whole) is whole, "twice is once"
    assert registry.list() == [whole]
    other, step = Step(), task(lambda: 1)
    registry.register_definition(
        definition(name="b", steps={"x": other, "y": step}, edges=[Edge(other, step)], initial_step=other,
                   terminal_steps=[step])
    )  # fmt: skip


def test_versions_stand_beside_each_other() -> None:
    """The newest is what a name means; numbers in versions count as numbers."""
    registry = WorkflowRegistry()
    for version in ("1.9", None, "1.10", "1.2"):
        registry.register_definition(definition(version=version))
    assert registry.get("flow").version == "1.10"
    assert registry.get("flow", "1.9").version == "1.9"
    assert [each.version for each in registry.list()] == ["1.10", "1.9", "1.2", None]
    with pytest.raises(DefinitionError, match=r"'flow' version 3 is not registered. Its versions are: None, 1.2, 1.9"):
        registry.get("flow", "3")
    with pytest.raises(DefinitionError, match=r"no workflow 'other' is registered. Registered are: flow"):
        registry.get("other")
    with pytest.raises(DefinitionError, match=r"'flow' version 1.9 is registered already. Give it another version="):
        registry.register_definition(definition(version="1.9"))


def test_classes_and_functions_register_what_they_describe() -> None:
    """As decorators, too."""
    registry = WorkflowRegistry()

    @registry.register
    def made() -> WorkflowDefinition:
        return definition(name="made")

    @registry.register
    class Orders:
        """Orders of customers."""

        version = "2"
        steps = {"a": Step, "b": Step}  # noqa: RUF012
        edges = [Edge("a", "b")]  # noqa: RUF012
        initial_step = "a"
        terminal_steps = {"b"}  # noqa: RUF012

    @registry.register
    class Described:
        @classmethod
        def get_definition(cls) -> WorkflowDefinition:
            return definition(name="described")

    registry.register(definition(name="itself"))
    assert [each.name for each in registry.list()] == ["Orders", "described", "itself", "made"]
    assert registry.get("Orders", "2").description == "Orders of customers."
    assert registry.get("Orders").file == registry.get("made").file == __file__
    assert isinstance(Described, type)
    assert callable(made)


def _nothing() -> None:
    """Describe nothing."""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Step, "the class Step describes no workflow: it has no steps, initial_step, terminal_steps"),
        (_nothing, "_nothing returned None and not a WorkflowDefinition"),
        (5, "5 describes no workflow"),
    ],
)
def test_what_describes_no_workflow_is_refused(source: Callable[[], Any], message: str) -> None:
    """With what is missing."""
    with pytest.raises(DefinitionError, match=message):
        WorkflowRegistry().register(source)
