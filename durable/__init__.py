"""durable: workflows that survive. Write a graph of tasks; kill the process; run it again; it goes on.

Everything public can be imported from here. Names are loaded when they are first used, so that
``import durable`` costs nothing.
"""

from __future__ import annotations

from durable._version import __version__

_DISTRIBUTION = "durable-runs"  # the command's way in looks for it: other distributions have a package of this name
TYPE_CHECKING = False  # type checkers know the name; importing typing would cost 10 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from durable.clock import Clock, SystemClock
    from durable.context import Channel, TaskExecutionContext, current_context
    from durable.core.events import Event
    from durable.core.plan import Plan, PlanItem
    from durable.core.policies import (
        AllOf,
        AtLeastNGroupPolicy,
        BestEffortGroupPolicy,
        CriticalGroupPolicy,
        FirstSuccessPolicy,
        GroupExecutionPolicy,
        MaxFailuresPolicy,
        MinSuccessRatePolicy,
        StrictGroupPolicy,
    )
    from durable.core.policies.counts import MemberCounts, MemberResults
    from durable.core.progress import Progress
    from durable.core.results import ErrorRecord, TaskResult
    from durable.core.retry import RetryPolicy
    from durable.definition.execution import CoordinationBackend
    from durable.definition.expressions import Chain, ParallelGroup, chain, parallel
    from durable.definition.maps import MapGroup
    from durable.definition.races import RaceGroup
    from durable.definition.registry import WorkflowRegistry
    from durable.definition.steps import BaseHumanStep, BaseMachineStep
    from durable.definition.task import Task, task
    from durable.definition.workflow_definition import Edge, WorkflowDefinition
    from durable.engine.map_results import MapValues
    from durable.errors import (
        AttemptEnded,
        ChannelError,
        CycleLimitExceeded,
        DeadlineExceeded,
        DefinitionError,
        DivergenceError,
        DuplicateKey,
        DurableError,
        FeedbackRefused,
        ForeignStore,
        IllegalTransition,
        InvalidRunId,
        LeaseLost,
        LogCorrupt,
        NoEdgeTaken,
        ParallelGroupError,
        PayloadError,
        PayloadRefused,
        PoisonTask,
        RunAlreadyDriven,
        RunCancelled,
        RunConflict,
        RunInterrupted,
        RunNotEnded,
        RunNotFound,
        RunPruned,
        RunSuspended,
        SignalTimedOut,
        StepLimitExceeded,
        StoreBusy,
        StoreCorrupt,
        StoreError,
        StoreFull,
        StoreNotFound,
        StoreReadOnly,
        StoreTooNew,
        Suspended,
        TaskFailed,
        TaskTimedOut,
        UnknownEvent,
        UnresolvedParameter,
        UpstreamUnavailable,
        VersionConflict,
        WorkerDied,
        WorkerUnavailable,
    )
    from durable.human import FeedbackManager, FeedbackRequest, FeedbackResponse, FeedbackType, OpenRequest
    from durable.prompts import Prompt, PromptError, PromptNotFound, YAMLPromptManager
    from durable.runs.checkpoints import CheckpointManager, CheckpointRef
    from durable.runs.local_engine import LocalExecutionEngine
    from durable.runs.pruning import PrunedRun, Pruning, prune
    from durable.runs.start import Run, list_runs, open_run
    from durable.runs.workflow import Workflow, workflow
    from durable.store import RunInfo, Store, open_store

_HOMES = {
    "durable.runs.local_engine": ("LocalExecutionEngine",),
    "durable.definition.registry": ("WorkflowRegistry",),
    "durable.definition.steps": ("BaseHumanStep", "BaseMachineStep",),
    "durable.definition.workflow_definition": ("Edge", "WorkflowDefinition",),
    "durable.runs.checkpoints": ("CheckpointManager", "CheckpointRef",),
    "durable.human": ("FeedbackManager", "FeedbackRequest", "FeedbackResponse", "FeedbackType", "OpenRequest",),
    "durable.clock": ("Clock", "SystemClock"),
    "durable.context": ("Channel", "TaskExecutionContext", "current_context"),
    "durable.core.events": ("Event",),
    "durable.core.plan": ("Plan", "PlanItem"),
    "durable.core.policies": (
        "AllOf", "AtLeastNGroupPolicy", "BestEffortGroupPolicy", "CriticalGroupPolicy", "FirstSuccessPolicy",
        "GroupExecutionPolicy", "MaxFailuresPolicy", "MinSuccessRatePolicy", "StrictGroupPolicy",
    ),
    "durable.core.policies.counts": ("MemberCounts", "MemberResults"),
    "durable.core.progress": ("Progress",),
    "durable.core.results": ("ErrorRecord", "TaskResult"),
    "durable.core.retry": ("RetryPolicy",),
    "durable.definition.execution": ("CoordinationBackend",),
    "durable.definition.expressions": ("Chain", "ParallelGroup", "chain", "parallel"),
    "durable.definition.races": ("RaceGroup",),
    "durable.definition.maps": ("MapGroup",),
    "durable.definition.task": ("Task", "task"),
    "durable.engine.map_results": ("MapValues",),
    "durable.runs.workflow": ("Workflow", "workflow"),
    "durable.errors": (
        "AttemptEnded", "ChannelError", "CycleLimitExceeded", "DeadlineExceeded", "DefinitionError",
        "DivergenceError", "DuplicateKey", "DurableError", "FeedbackRefused", "ForeignStore", "IllegalTransition",
        "InvalidRunId", "LeaseLost", "LogCorrupt", "NoEdgeTaken", "ParallelGroupError", "PayloadError",
        "PayloadRefused", "PoisonTask", "RunAlreadyDriven", "RunCancelled", "RunConflict", "RunInterrupted",
        "RunNotEnded", "RunNotFound", "RunPruned", "RunSuspended", "SignalTimedOut", "StepLimitExceeded", "StoreBusy",
        "StoreCorrupt", "StoreError", "StoreFull", "StoreNotFound", "StoreReadOnly", "StoreTooNew", "Suspended",
        "TaskFailed", "TaskTimedOut", "UnknownEvent", "UnresolvedParameter", "UpstreamUnavailable", "VersionConflict",
        "WorkerDied", "WorkerUnavailable",
    ),
    "durable.prompts": ("Prompt", "PromptError", "PromptNotFound", "YAMLPromptManager"),
    "durable.runs.pruning": ("PrunedRun", "Pruning", "prune"),
    "durable.runs.start": ("Run", "list_runs", "open_run"),
    "durable.store": ("RunInfo", "Store", "open_store"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AllOf", "AtLeastNGroupPolicy", "AttemptEnded", "BaseHumanStep", "BaseMachineStep", "BestEffortGroupPolicy",
    "Chain", "Channel", "ChannelError", "CheckpointManager", "CheckpointRef", "Clock", "CoordinationBackend",
    "CriticalGroupPolicy", "CycleLimitExceeded", "DeadlineExceeded", "DefinitionError", "DivergenceError",
    "DuplicateKey", "DurableError", "Edge", "ErrorRecord", "Event", "FeedbackManager", "FeedbackRefused",
    "FeedbackRequest", "FeedbackResponse", "FeedbackType", "FirstSuccessPolicy", "ForeignStore",
    "GroupExecutionPolicy", "IllegalTransition", "InvalidRunId", "LeaseLost", "LocalExecutionEngine", "LogCorrupt",
    "MapGroup", "MapValues", "MaxFailuresPolicy", "MemberCounts", "MemberResults", "MinSuccessRatePolicy",
    "NoEdgeTaken", "OpenRequest", "ParallelGroup", "ParallelGroupError", "PayloadError", "PayloadRefused", "Plan",
    "PlanItem", "PoisonTask", "Progress", "Prompt", "PromptError", "PromptNotFound", "PrunedRun", "Pruning",
    "RaceGroup", "RetryPolicy", "Run", "RunAlreadyDriven", "RunCancelled", "RunConflict", "RunInfo", "RunInterrupted",
    "RunNotEnded", "RunNotFound", "RunPruned", "RunSuspended", "SignalTimedOut", "StepLimitExceeded", "Store",
    "StoreBusy", "StoreCorrupt", "StoreError", "StoreFull", "StoreNotFound", "StoreReadOnly", "StoreTooNew",
    "StrictGroupPolicy", "Suspended", "SystemClock", "Task", "TaskExecutionContext", "TaskFailed", "TaskResult",
    "TaskTimedOut", "UnknownEvent", "UnresolvedParameter", "UpstreamUnavailable", "VersionConflict", "WorkerDied",
    "WorkerUnavailable", "Workflow", "WorkflowDefinition", "WorkflowRegistry", "YAMLPromptManager", "__version__",
    "chain", "current_context", "list_runs", "open_run", "open_store", "parallel", "prune", "task", "workflow",
]  # fmt: skip


def _run_group(group: ParallelGroup, options: Mapping[str, Any]) -> dict[str, TaskResult]:
    from durable.runs.workflow import run_group

    return run_group(group, **options)


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'durable' has no attribute {name!r}")
    from importlib import import_module

    from durable.definition import standalone

    standalone.run_group = _run_group  # here alone both are known: definitions, and what runs them
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
