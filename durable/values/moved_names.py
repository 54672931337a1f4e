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
    "durable.asynchronous": "durable.runs.asynchronous",
    "durable.checkpoints": "durable.runs.checkpoints",
    "durable.context.attempt": "durable.context.task_context",
    "durable.context.staged": "durable.context.effects",
    "durable.core.gauge": "durable.core.progress_counts",
    "durable.core.policies.making": "durable.core.policies.factory",
    "durable.definition.classes": "durable.definition.workflow_definition",
    "durable.definition.groups": "durable.definition.expressions",
    "durable.engine.members": "durable.engine.map_results",
    "durable.failures": "durable.values.failures",
    "durable.forks": "durable.runs.forks",
    "durable.handle": "durable.runs.handle",
    "durable.human.forms": "durable.definition.forms",
    "durable.human.kinds": "durable.definition.question_types",
    "durable.human.pending": "durable.human.open_questions",
    "durable.human.questions": "durable.definition.questions",
    "durable.human.values": "durable.definition.answer_values",
    "durable.instances": "durable.runs.instances",
    "durable.local_engine": "durable.runs.local_engine",
    "durable.messages": "durable.engine.messages",
    "durable.payloads": "durable.values.payloads",
    "durable.progress": "durable.runs.progress",
    "durable.pruning": "durable.runs.pruning",
    "durable.remote": "durable.executors.remote",
    "durable.run": "durable.runs.start",
    "durable.scripts": "durable.values.programs",
    "durable.workflows": "durable.runs.workflow",
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
