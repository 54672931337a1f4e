"""Where durable's own classes and functions are now that old logs refer to by the names of their time.

A pickle names a class by module and name. A module that moves leaves its old name here, for ever: the golden
stores (tests/golden) hold that everything an older release has written is found. It must not import anything of
durable: it is read when a value is.
"""

from __future__ import annotations

import io
import pickle
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = {
    "durable.runs.asynchronous": "durable.runs.asynchronous",
    "durable.runs.checkpoints": "durable.runs.checkpoints",
    "durable.context.task_context": "durable.context.task_context",
    "durable.context.effects": "durable.context.effects",
    "durable.core.progress_counts": "durable.core.progress_counts",
    "durable.core.policies.factory": "durable.core.policies.factory",
    "durable.definition.workflow_definition": "durable.definition.workflow_definition",
    "durable.definition.groups": "durable.definition.expressions",
    "durable.engine.map_results": "durable.engine.map_results",
    "durable.values.failures": "durable.values.failures",
    "durable.runs.forks": "durable.runs.forks",
    "durable.runs.handle": "durable.runs.handle",
    "durable.definition.forms": "durable.definition.forms",
    "durable.definition.question_types": "durable.definition.question_types",
    "durable.human.open_questions": "durable.human.open_questions",
    "durable.definition.questions": "durable.definition.questions",
    "durable.definition.answer_values": "durable.definition.answer_values",
    "durable.runs.instances": "durable.runs.instances",
    "durable.runs.local_engine": "durable.runs.local_engine",
    "durable.engine.messages": "durable.engine.messages",
    "durable.values.payloads": "durable.values.payloads",
    "durable.progress": "durable.runs.progress",
    "durable.runs.pruning": "durable.runs.pruning",
    "durable.executors.remote": "durable.executors.remote",
    "durable.runs.start": "durable.runs.start",
    "durable.values.programs": "durable.values.programs",
    "durable.runs.workflow": "durable.runs.workflow",
}
"""Modules that have moved whole: old name -> new name."""

NAMES = {
    ("durable.definition.groups", "CoordinationBackend"): "durable.definition.execution",
    ("durable.definition.groups", "RaceGroup"): "durable.definition.races",
}
"""What has left its module: old module and name -> new module."""


def loads(raw: bytes) -> Any:
    """Unpickle a value that may refer to something of durable's by an old name. Raises whatever unpickling raises."""
    return _Unpickler(io.BytesIO(raw)).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Find a global by the name that it has now."""
        if name == "subimport" and module.startswith("cloudpickle."):
            return import_moved
        return super().find_class(NAMES.get((module, name)) or MODULES.get(module, module), name)


def import_moved(name: str) -> ModuleType:
    """Import a module that a pickle refers to as such, as cloudpickle writes it."""
    present = MODULES.get(name, name)
    import_module(present)
    return sys.modules[present]
