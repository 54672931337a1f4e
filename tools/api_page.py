"""The contents of docs/reference/api.md: every public name with the first sentence of its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence

import durable
import durable.testing
from durable import DurableError

Rows = Callable[[Sequence[str], Iterable[Sequence[str]]], list[str]]

SUBJECTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("Define workflows", "../concepts.md"): (
        "task", "Task", "chain", "Chain", "parallel", "ParallelGroup", "MapGroup", "RaceGroup", "CoordinationBackend",
        "RetryPolicy", "workflow", "Workflow",
    ),
    ("Define workflows as classes", "../class-definitions.md"): (
        "BaseMachineStep", "BaseHumanStep", "Edge", "WorkflowDefinition", "WorkflowRegistry", "LocalExecutionEngine",
    ),
    ("In a task's body", "../concepts.md#durable-calls"): ("TaskExecutionContext", "Channel", "current_context"),
    ("Judge groups", "../policies.md"): (
        "GroupExecutionPolicy", "StrictGroupPolicy", "BestEffortGroupPolicy", "AtLeastNGroupPolicy",
        "MinSuccessRatePolicy", "CriticalGroupPolicy", "MaxFailuresPolicy", "FirstSuccessPolicy", "AllOf",
        "MemberCounts", "MemberResults", "TaskResult", "ErrorRecord",
    ),
    ("Look at runs, and go on with them", "../resume-rules.md"): (
        "Run", "open_run", "list_runs", "RunInfo", "Progress", "MapValues", "Plan", "PlanItem", "Event",
    ),
    ("Forks and checkpoints", "../checkpoints.md"): ("CheckpointManager", "CheckpointRef"),
    ("Ask people", "../people.md"): (
        "FeedbackManager", "FeedbackRequest", "FeedbackResponse", "FeedbackType", "OpenRequest",
    ),
    ("Prompts in files", "../prompts.md"): ("YAMLPromptManager", "Prompt"),
    ("Stores", "../adding-a-store.md"): ("open_store", "Store", "Clock", "SystemClock"),
    ("Prune stores", "../store-size.md#pruning"): ("prune", "Pruning", "PrunedRun"),
}  # fmt: skip
"""The names of ``durable``, besides the errors, by what they are for, with the guide to each subject."""


def unplaced() -> set[str]:
    """Return the public names that no subject has, or that are none any more: there must be none."""
    placed = {name for names in SUBJECTS.values() for name in names}
    errors = {name for name in durable.__all__ if _is_error(getattr(durable, name))}
    return placed ^ (set(durable.__all__) - errors - {"__version__"})


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def contents(rows: Rows) -> Iterator[str]:
    """Yield the lines of the page, without its title.

    Args:
        rows: makes the lines of a Markdown table.
    """
    yield from [
        "Everything public, one line a name. `from durable import NAME` gives each; `help(NAME)` says what it takes,",
        "returns and raises. `durable.__version__` is the version.",
        "",
        "The exceptions have [a page of their own](errors.md).",
        "",
    ]
    for (title, guide), names in SUBJECTS.items():
        yield from [f"## {title}", "", f"Guide: [{guide_title(guide)}]({guide})", ""]
        yield from rows(["name", "what it is"], ([f"`{name}`", sentence(getattr(durable, name))] for name in names))
        yield ""
    yield from [
        "## Test workflows and stores",
        "",
        "Guide: [Testing](../testing.md). These come from `durable.testing`.",
        "",
    ]
    yield from rows(["name", "what it is"], map(_of_testing, durable.testing.__all__))


def guide_title(guide: str) -> str:
    """Return the words of a link to a guide."""
    return guide.removeprefix("../").partition(".md")[0].replace("-", " ").capitalize()


def _of_testing(name: str) -> list[str]:
    value = getattr(durable.testing, name)
    return [f"`{name}`", sentence(value) if not isinstance(value, list) else "The laws that `check_store` tries."]


def sentence(value: object) -> str:
    """Return the first paragraph of a docstring as Markdown on one line."""
    text = inspect.cleandoc(value.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split()).replace("``", "`")


def error_contents(rows: Rows) -> Iterator[str]:
    """Yield the lines of the page about errors, without its title.

    Args:
        rows: makes the lines of a Markdown table.
    """
    yield from [
        "Every exception that durable raises on purpose. All are importable from `durable`, and all but the last",
        "two derive from `DurableError`: they have `message`, `run_id`, `task_id`, `seq` and `hint`, and their text",
        "says what happened, where, and what to do next. [Troubleshooting](../troubleshooting.md) has more about those",
        "that make people stop and think, [Commands](../cli.md#errors-as-json) how they look as JSON.",
        "",
    ]
    yield from rows(["error", "kind of", "when", "what to do"], map(_of_error, errors()))


def errors() -> list[type[BaseException]]:
    """Return the public exceptions as they stand in the source, those of prompts after the others."""
    found = [value for name in durable.__all__ if _is_error(value := getattr(durable, name))]
    order = [*vars(inspect.getmodule(DurableError))]
    return sorted(found, key=lambda kind: (not issubclass(kind, DurableError), _place(order, kind), kind.__name__))


def _place(order: list[str], kind: type[BaseException]) -> int:
    return order.index(kind.__name__) if kind.__name__ in order else len(order)


def _of_error(kind: type[BaseException]) -> list[str]:
    bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
    return [f"`{kind.__name__}`", bases, sentence(kind), what_to_do(kind)]


def what_to_do(kind: type[BaseException]) -> str:
    """Return what the docstring of an exception says is to be done; "" when it does not say it."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    found = next((text for text in paragraphs if text.startswith("What to do: ")), "")
    text = " ".join(found.removeprefix("What to do: ").split()).replace("``", "`")
    return text[:1].upper() + text[1:]
