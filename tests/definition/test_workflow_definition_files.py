"""Class definitions are found in their file by name and version, and drawn with conditions, ends and rounds."""

from __future__ import annotations

from pathlib import Path

from durable import Run, Store, open_store
from durable.definition.loading import load_workflow
from durable.definition.steps import BaseHumanStep
from durable.definition.workflow_definition import Edge
from durable.runs.start import start_run
from tests.definition.notes import define, rework, run

FILE = """
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.definition.steps import BaseHumanStep, BaseMachineStep

class Step(BaseMachineStep):
    def execute(self, context):
        if self.name == "b" and not context.get("fixed") and {broken}:
            raise ValueError
        return self.name

def define(version):
    return WorkflowDefinition("orders", version=version, steps={{"a": Step, "b": Step}}, edges=[Edge("a", "b")],
                              initial_step="a", terminal_steps={{"b"}})

old, new = define("1.9"), define("1.10")
"""


def test_a_definition_is_found_by_file_and_name(tmp_path: Path) -> None:
    """The newest version of it, unless another one is named."""
    path = tmp_path / "orders.py"
    path.write_text(FILE.format(broken=True))
    assert load_workflow(path).version == "1.10"
    assert load_workflow(path, "orders", "1.9").version == "1.9"
    assert load_workflow(path, "old").version == "1.9"
    found = load_workflow(path, "orders")
    assert found.file == str(path)
    with open_store(f"sqlite:///{tmp_path}/runs.db") as store:
        failed = start_run(found, store=store)
        assert failed.status == "failed"
        assert Run(store, failed.run_id).resume().status == "failed", "without a workflow: by file and name"


def test_a_drawing_shows_conditions_ends_and_rounds(store: Store) -> None:
    """Also those of a run: further rounds hang on dotted edges."""
    definition = rework(2)
    plain = definition.to_mermaid()
    assert "    n1 -->|\"ctx.get('review') < rounds\"| n2" in plain
    assert "    n2 --> n1" in plain
    assert "    class n3 terminal" in plain
    coloured = definition.to_mermaid(run(definition, store))
    assert 'n4["edit/review"]' in coloured
    assert "n2 -.-> n4" in coloured
    assert "class n6 terminal" in coloured
    assert "class n6 succeeded" in coloured
    assert "class n3 skipped" in coloured


def test_a_drawing_colours_what_is_suspended(store: Store) -> None:
    """A run that waits for a person shows where."""
    definition = define([Edge("a", "ask"), Edge("ask", "b")], steps={"ask": BaseHumanStep})
    text = definition.to_mermaid(run(definition, store))
    assert "classDef suspended fill:" in text
    assert "class n1 suspended" in text
