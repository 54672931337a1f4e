"""Values that hold what durable itself defines: classes, functions, modules and instances, in every place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import durable
import durable.errors
from durable import (
    FeedbackResponse,
    MapValues,
    RaceGroup,
    Store,
    TaskExecutionContext,
    TaskResult,
    parallel,
    task,
    workflow,
)
from durable.prompts import Prompt
from durable.testing import FakeClock
from durable.values.moved_names import MODULES as MOVED
from durable.values.payloads import encode

ABOUT = "Values that hold durable's own classes, functions, modules and instances, pickled under the names of that time"
bodies: list[str] = []
mended = False
WHEN = datetime(2026, 1, 2, tzinfo=UTC)
MODULES = [
    *("checkpoints", "clock", "context", "core.policies", "definition.classes", "definition.registry"),
    *("definition.steps", "errors", "executor", "human", "local_engine", "messages", "payloads", "prompts"),
    *("pruning", "store", "testing"),
]
"""Modules that durable's documents name, or that say what programs hand in and are given."""
NEWER = {"StoreReport", "opened_store"}
"""What these modules have come to offer since the store was written: a body that runs again must not see it."""


def _public(module: str) -> dict[str, Any]:
    """The classes and functions that a module offers, or else defines."""
    names = vars(_imported(module))
    offered = names.get("__all__") or [
        name for name, one in names.items() if getattr(one, "__module__", "") == names["__name__"]
    ]
    found = {name: names[name] for name in sorted({*offered} - NEWER) if not name.startswith("_")}
    return {name: one for name, one in found.items() if isinstance(one, (type, FunctionType))}


def _imported(module: str) -> ModuleType:
    """A module by the name that it had when the store was written."""
    name = f"durable.{module}"
    return import_module(MOVED.get(name, name))


def _errors() -> list[BaseException]:
    kinds = [one for one in vars(durable.errors).values() if isinstance(one, type) and issubclass(one, BaseException)]
    plain = [kind("what happened", run_id="r", task_id="t", hint="What to do") for kind in kinds if _is_plain(kind)]
    return [
        *plain,
        durable.DivergenceError("other code", changes=["a", "b"], run_id="r"),
        durable.TaskFailed("a task failed", run_id="r", task_id="t", error=durable.ErrorRecord("ValueError", "bad")),
        durable.ParallelGroupError("no", group_id="g", failed_tasks=[("a", "bad")], successful_tasks=["b"]),
        durable.RunSuspended("waits", run_id="r", waiting=["sleep"]),
        durable.WorkerDied("killed", counted=False),
        durable.PromptNotFound("no prompt"),
        durable.PromptError("a bad prompt", task_id="t"),
    ]


def _is_plain(kind: type) -> bool:
    return (issubclass(kind, durable.DurableError) and "__init__" not in vars(kind)) or kind is durable.DurableError


@task
def small(number: int) -> int:
    return number


with workflow("flow") as flow:
    chained = small(task_id="one", number=1) >> small(task_id="two", number=2)
    grouped = parallel(small(task_id="three", number=3), name="grouped").with_execution(policy="best_effort")
    raced = RaceGroup(small(task_id="four", number=4), name="raced")
    mapped = small.map([5], name="mapped").with_execution(max_concurrent=1)


def _progress() -> durable.Progress:
    with durable.open_store("memory://", clock=FakeClock()) as store:
        return flow.start(run_id="inner", store=store).progress()


def _instances() -> dict[str, Callable[[], Any]]:
    """What can be pickled of what a program can make, or is given, by name."""
    error = durable.ErrorRecord("ValueError", "bad", "Traceback", durable.ErrorRecord("KeyError"))
    result = TaskResult("t", False, "bad", 1.5, 2.5, attempts=3, value=None, error=error)
    request = durable.FeedbackRequest(type=durable.FeedbackType.SELECTION, message="?", options=("a", "b"))
    return {
        "error-record": lambda: error,
        "task-result": lambda: result,
        "task-results": lambda: {"a": TaskResult("a", True, value={1}), "b": result},
        "feedback-type": lambda: list(durable.FeedbackType),
        "feedback-request": lambda: request,
        "feedback-response": lambda: FeedbackResponse("q", (1, 2), True, "eva", WHEN, reason="so"),
        "open-request": lambda: durable.OpenRequest("r", "q", "t", request, WHEN),
        "prompt": lambda: [Prompt("greet", "production", 1, "Hi {{ name }}"), Prompt("x", "y", "1.2.0", "text")],
        "retry": lambda: durable.RetryPolicy(max_attempts=5, retry_on=(ValueError, durable.TaskTimedOut), jitter=0.5),
        "policies": lambda: [
            durable.StrictGroupPolicy(fail_fast=True),
            durable.BestEffortGroupPolicy(),
            durable.AtLeastNGroupPolicy(2),
            durable.MinSuccessRatePolicy(0.5),
            durable.CriticalGroupPolicy(["a"]),
            durable.MaxFailuresPolicy(3),
            durable.FirstSuccessPolicy(),
            durable.AllOf("strict", durable.MaxFailuresPolicy(1)),
        ],
        "backends": lambda: list(durable.CoordinationBackend),
        "counts": lambda: durable.MemberCounts(1, 2, 3, True),
        "event": lambda: durable.Event(1, 2, "TaskStarted", "t", 1, '{"a":1}', "json", b"1"),
        "plan": lambda: durable.Plan("r", "w", "failed", [durable.PlanItem("a", "run", "not started")]),
        "run-info": lambda: durable.RunInfo("r", "w", "failed", 1, 2, 3),
        "checkpoint-ref": lambda: durable.CheckpointRef("r@3", "r", 3, 4, "w", "failed"),
        "pruned": lambda: durable.PrunedRun("r", "w", "failed", 1, 2, 3, {"failed": 1}, 5),
        "edge": lambda: durable.Edge("a", "b", _is_plain),
        "payload": lambda: encode((1, 2)),
        "task": lambda: small,
        "task-instance": lambda: small(task_id="other", number=(7,)),
        "clock": lambda: durable.SystemClock(),
        "steps": lambda: [durable.BaseMachineStep("m"), durable.BaseHumanStep("h", "Title", {"type": "object"})],
        "modules": lambda: [durable, durable.errors, _imported("payloads")],
        "errors": _errors,
        "control-flow": lambda: [durable.Suspended(), durable.AttemptEnded("timed_out")],
        "workflow": lambda: flow,
        "chain": lambda: chained,
        "groups": lambda: [grouped, raced, mapped],
        "manager": lambda: durable.FeedbackManager("memory://"),
        "progress": _progress,
        "default-registry": lambda: durable.WorkflowRegistry(),
    }


@task
def instance(name: str) -> Any:
    bodies.append(name)
    return _instances()[name]()


@task
def public() -> dict[str, Any]:
    """All that ``import durable`` offers, as it is: classes and functions."""
    bodies.append("public")
    found = {name: getattr(durable, name) for name in durable.__all__ if name != "__version__"}
    return {name: one for name, one in found.items() if isinstance(one, (type, FunctionType))}


@task
def module(name: str) -> dict[str, Any]:
    bodies.append(f"module {name}")
    return _public(name)


@task
def frozen_class() -> Any:
    """The class that stands in for datetime while time is frozen: it is pickled through durable's own function."""
    from freezegun.api import FakeDate, FakeDatetime

    bodies.append("frozen_class")
    return [FakeDatetime, FakeDate, FakeDatetime(2026, 1, 2, 3), FakeDate(2026, 1, 2)]


@task
def answer(ctx: TaskExecutionContext) -> Any:
    bodies.append("answer")
    given = ctx.request_feedback("Now?", request_id="now", timeout=0)
    ctx.set("given", given)
    return (given,)


@task
def number_result(number: int) -> Any:
    bodies.append("number_result")
    return durable.RetryPolicy(max_attempts=number)


@task
def map_values(ctx: TaskExecutionContext, numbers: MapValues) -> Any:
    """A mapping over a map's results becomes a dict when it is recorded."""
    bodies.append("map_values")
    return numbers


@task
def everywhere(ctx: TaskExecutionContext, input: Any) -> Any:
    bodies.append("everywhere")
    policy = durable.MaxFailuresPolicy(max_failures=1)
    channel = ctx.get_channel()
    channel.set("policy", policy)
    channel.append("errors", durable.TaskFailed("x", task_id="t"))
    ctx.metadata["kind"] = durable.FeedbackType.CUSTOM
    ctx.checkpoint({"prompt": Prompt("a", "b", 1, "c")})
    ctx.step(durable.RetryPolicy, max_attempts=2)
    ctx.next_task(item(task_id="bound", one=durable.RetryPolicy(max_attempts=4)))
    ctx.next_task(item.map([durable.ErrorRecord("A"), durable.FeedbackType.TEXT], name="items"))
    return [input, {"policy": policy}, {policy.type: (policy,)}]


@task
def item(one: Any) -> Any:
    bodies.append("item")
    return [one]


@task
def wait(ctx: TaskExecutionContext, everywhere: Any) -> Any:
    bodies.append("wait")
    return [everywhere, ctx.wait_for_signal("kind"), ctx.get("policy")]


with workflow("instances") as instances:
    (
        parallel([instance(task_id=name, name=name) for name in _instances()], name="all").with_execution(
            max_concurrent=1
        )
        >> frozen_class
    )

with workflow("references") as references:
    members = [public, *(module(task_id=name, name=name) for name in MODULES)]
    references.add(parallel(members, name="modules").with_execution(policy="best_effort", max_concurrent=1))

with workflow("everywhere") as places:
    everywhere >> wait

with workflow("answers") as answers:
    numbers = number_result.map([1, 2], name="numbers").with_execution(max_concurrent=1)
    numbers >> map_values >> answer


def all_instances(store: Store) -> None:
    instances.start(run_id="instances", store=store)


def all_references(store: Store) -> None:
    references.start(run_id="references", store=store)


def in_all_places(store: Store) -> None:
    run = places.start(run_id="everywhere", store=store, initial={"input": durable.RetryPolicy(max_attempts=9)})
    run.signal("kind", durable.FeedbackType.TEXT, id="k1")


def answered(store: Store) -> None:
    run = answers.start(run_id="answered", store=store)
    run.answer("now", True, actor="eva", reason="why not")
    run.resume()


RUNS: dict[str, Any] = {
    "instances": all_instances,
    "references": all_references,
    "everywhere": in_all_places,
    "answered": answered,
}
SENDS: dict[str, list[tuple[object, ...]]] = {}
