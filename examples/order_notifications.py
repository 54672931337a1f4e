"""Notifications of an order: three channels at once, best effort, with retries and idempotency keys.

The order is confirmed first. The customer's text message needs three tries, and accounting never answers:
the order is completed anyway, and says who was not told.
"""

from __future__ import annotations

from typing import NamedTuple

from durable import BestEffortGroupPolicy, RetryPolicy, TaskExecutionContext, parallel, task, workflow

PATIENT = RetryPolicy(max_attempts=3, initial_interval=0.02, backoff_factor=2.0)


class Letter(NamedTuple):
    """What a service was sent."""

    key: str
    text: str


sent: dict[str, Letter] = {}  # by key, as a service does that can tell repeats apart
tries: list[str] = []


@task
def confirm(order: int) -> str:
    return f"order {order}: 3 lamps"


def post(ctx: TaskExecutionContext, text: str, breaks_before: int) -> str:
    """Stand for a service that takes the letter, and sometimes fails to say so."""
    tries.append(ctx.task_id)
    sent.setdefault(ctx.idempotency_key, Letter(ctx.idempotency_key, text))
    if ctx.attempt < breaks_before:
        raise ConnectionError(f"attempt {ctx.attempt}: the connection broke after the letter was sent")
    return ctx.idempotency_key


@task(retry=PATIENT)
def customer(ctx: TaskExecutionContext, confirm: str) -> str:
    return post(ctx, f"Thank you for {confirm}", breaks_before=3)


@task(retry=PATIENT)
def warehouse(ctx: TaskExecutionContext, confirm: str) -> str:
    return post(ctx, f"Please pack {confirm}", breaks_before=0)


@task(retry=PATIENT)
def accounting(confirm: str) -> str:
    tries.append("accounting")
    raise TimeoutError(f"accounting does not answer about {confirm}")


@task
def complete(confirm: str, told: dict[str, str]) -> str:
    missing = sorted({"customer", "warehouse", "accounting"} - set(told))
    return f"{confirm}; told {', '.join(told)}; still to be told: {', '.join(missing)}"


with workflow("order_notifications") as wf:
    told = parallel(customer, warehouse, accounting, name="told").with_execution(policy=BestEffortGroupPolicy())
    confirm >> told >> complete

if __name__ == "__main__":
    run = wf.start(initial={"order": 17})
    print(run.result())
    for letter in sent.values():
        print(f"  {letter.text!r} was sent once, with key {letter.key}")
    assert run.status == "succeeded"
    assert run.result() == "order 17: 3 lamps; told customer, warehouse; still to be told: accounting"
    assert {name: tries.count(name) for name in set(tries)} == {"customer": 3, "warehouse": 1, "accounting": 3}
    assert set(sent) == {f"{run.run_id}/customer", f"{run.run_id}/warehouse"}
