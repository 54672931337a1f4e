"""What a user writes, held by mypy in strict mode. It is checked, not run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any, assert_type

from durable import (
    AtLeastNGroupPolicy,
    Chain,
    Channel,
    CoordinationBackend,
    ErrorRecord,
    Event,
    GroupExecutionPolicy,
    ParallelGroup,
    ParallelGroupError,
    Plan,
    Progress,
    RetryPolicy,
    Run,
    RunInfo,
    Store,
    TaskExecutionContext,
    TaskFailed,
    TaskResult,
    Workflow,
    chain,
    current_context,
    list_runs,
    open_run,
    open_store,
    parallel,
    task,
    workflow,
)


@task
def fetch(url: str, retries: int = 3) -> bytes:
    return b""


@task("other id")
def parse(fetch: bytes) -> dict[str, int]:
    return {}


@task(id="named", retry=RetryPolicy(max_attempts=3, retry_on=(OSError,)), timeout=5.0)
def report(context: TaskExecutionContext, parse: dict[str, int]) -> str:
    assert_type(context.attempt, int)
    assert_type(context.get_channel(), Channel)
    assert_type(context.idempotency_key, str)
    context.metadata["k"] = 1
    return ""


assert_type(fetch.fn("http://x"), bytes)
assert_type(fetch.fn("http://x", retries=1), bytes)
assert_type(parse.fn(b""), dict[str, int])
assert_type(report.task_id, str)
fetch.fn(5)  # type: ignore[arg-type]
assert_type(fetch(url="http://y", task_id="y").fn("http://x"), bytes)

assert_type(fetch >> parse, Chain)
assert_type(fetch | parse, ParallelGroup)
assert_type(chain(fetch, parse | report), Chain)
assert_type(parallel(fetch, parse, name="g").with_execution(policy="best_effort", timeout=5), ParallelGroup)
assert_type(parallel(fetch, parse).with_execution(CoordinationBackend.PROCESS, max_concurrent=2), ParallelGroup)
assert_type(parallel(fetch, parse).with_execution(backend=lambda: ProcessPoolExecutor(2)), ParallelGroup)
fetch >> 5  # type: ignore[operator]


class Mine(GroupExecutionPolicy):
    def on_group_finished(self, group_id: str, tasks: Any, results: Mapping[str, TaskResult], context: Any) -> None:
        for name, result in results.items():
            assert_type(result.success, bool)
            assert_type(result.error, ErrorRecord | None)
            if not result.success:
                raise ParallelGroupError("no", group_id=group_id, failed_tasks=[(name, result.error_message or "")])


with workflow("w", store="sqlite:///runs.db", version="1") as wf:
    assert_type(wf, Workflow)
    fetch(url="x") >> (parse | report).with_execution(policy=AtLeastNGroupPolicy(min_success=1))

store: Store = open_store()
assert_type(wf.start(run_id="r", store=store), Run)
assert_type(wf.plan("r"), Plan)
assert_type(open_run("r").progress(), Progress)
assert_type(list_runs(status="failed"), list[RunInfo])
assert_type(current_context(), TaskExecutionContext | None)
value: dict[str, int] = wf.execute(fetch, initial={"url": "x"}, max_steps=5)
try:
    wf.resume("r", policy="best_effort", actor="ann", reason="known")
except TaskFailed as failure:
    assert_type(failure.run_id, str | None)
with open_run("r") as run:
    assert_type(run.status, str)
    assert_type(run.results, dict[str, Any])
    for event in run.events():
        assert_type(event, Event)
    run.cancel(reason="enough")
