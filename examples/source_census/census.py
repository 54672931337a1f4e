"""The source census: a batch over every Python file of the standard library, some of which are broken.

    discover --> analyse (one member a file) --> findings (4 sums) --> report
                                            \\-> checks (3 recounts) -/

`analyse` is a map over what `discover` found. Three groups, three rules: `analyse` may fail for 5 % of the
files, `findings` needs only `totals`, `checks` needs two of three. What failed, and why, goes into the
report. Run it with
`durable run examples/source_census/census.py`, or as a plain script.

Environment:
    CENSUS_ROOT: folder whose `.py` files are counted; the standard library when not set.
    CENSUS_OUT: folder for the report; `.durable/census` when not set.
"""

from __future__ import annotations

import gc
import os
import platform
import sysconfig
import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import census_analysis
import census_report
import census_sums

from durable import (
    AllOf,
    AtLeastNGroupPolicy,
    CriticalGroupPolicy,
    GroupExecutionPolicy,
    MinSuccessRatePolicy,
    TaskExecutionContext,
    TaskResult,
    parallel,
    task,
    workflow,
)

STDLIB = Path(sysconfig.get_path("stdlib"))
ROOT = Path(os.environ.get("CENSUS_ROOT") or STDLIB)
OUT = Path(os.environ.get("CENSUS_OUT") or ".durable/census")
READABLE = 0.95
"""Share of the files that must be readable."""

Facts = Mapping[str, census_analysis.FileFacts]

# A syntax tree is thousands of small objects; looking at them for cycles every 700 costs a third of the time.
gc.set_threshold(50_000)
warnings.simplefilter("ignore", SyntaxWarning)  # the census reads code, it does not judge it


class NoteFailures(GroupExecutionPolicy):
    """Passes always, and notes in the run's metadata which members failed, and why, for the report."""

    def __init__(self, key: str) -> None:
        self.key = key

    def on_group_finished(
        self, group_id: str, tasks: Sequence[Any], results: Mapping[str, TaskResult], context: Any
    ) -> None:
        failed = {name: result.error_message for name, result in results.items() if not result.success}
        context.metadata[self.key] = dict(sorted(failed.items()))


@task
def discover() -> dict[str, int]:
    """Find what is to be read: `{path: size}`, recorded once."""
    return census_analysis.discover(ROOT)


@task
def analyse_file(path: str) -> census_analysis.FileFacts:
    """Measure one file; a file that does not decode or parse fails its member, and nothing else."""
    return census_analysis.analyse(ROOT.joinpath(path).read_bytes(), path)


@task
def totals(analyse: Facts) -> dict[str, Any]:
    return census_sums.totals(analyse)


@task
def longest_functions(analyse: Facts) -> dict[str, Any]:
    return census_sums.longest_functions(analyse)


@task
def import_graph(analyse: Facts) -> dict[str, Any]:
    return census_sums.import_graph(analyse)


@task
def naming(analyse: Facts) -> dict[str, Any]:
    return census_sums.naming(analyse)


@task
def recount_lines(analyse: Facts) -> dict[str, Any]:
    return census_sums.recount_lines(ROOT, analyse)


@task
def recount_comments(analyse: Facts) -> dict[str, Any]:
    return census_sums.recount_comments(ROOT, analyse)


@task
def compile_smallest(analyse: Facts) -> dict[str, Any]:
    return census_sums.compile_smallest(ROOT, analyse)


@task
def report(
    ctx: TaskExecutionContext, discover: dict[str, int], findings: dict[str, Any], checks: dict[str, Any]
) -> dict[str, str]:
    """Write the report and its charts; return each file with its digest."""
    files = len(discover)
    title = f"Python {platform.python_version()} standard library" if ROOT == STDLIB else ROOT.name
    tree = {"title": title, "files": files, "bytes": sum(discover.values()), "budget": int(files * (1 - READABLE))}
    pages = census_report.render(
        tree,
        findings,
        checks,
        unreadable=ctx.metadata["unreadable"],
        disagreeing=ctx.metadata["disagreeing"],
    )
    OUT.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        unfinished = OUT / f".{name}.new"
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(OUT / name)  # a killed attempt leaves no half page behind
    return {name: sha256(text.encode()).hexdigest() for name, text in pages.items()}


with workflow("source_census") as wf:
    analyse = analyse_file.map(discover, key=str, name="analyse").with_execution(
        policy=AllOf(NoteFailures("unreadable"), MinSuccessRatePolicy(READABLE)), max_concurrent=4
    )
    findings = parallel(totals, longest_functions, import_graph, naming, name="findings").with_execution(
        policy=CriticalGroupPolicy(critical_task_ids=["totals"])
    )
    checks = parallel(recount_lines, recount_comments, compile_smallest, name="checks").with_execution(
        policy=AllOf(NoteFailures("disagreeing"), AtLeastNGroupPolicy(min_success=2))
    )
    analyse >> findings >> report
    analyse >> checks >> report


if __name__ == "__main__":
    wf.execute()
    print(f"The report is {OUT / 'census.md'}")
