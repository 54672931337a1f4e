"""Critical: the charge must succeed; the mail and the statistics may fail."""

from __future__ import annotations

from durable import CriticalGroupPolicy, parallel, task, workflow


@task
def charge() -> str:
    return "receipt 4711"


@task
def mail() -> str:
    raise TimeoutError("the mail server is slow today")


@task
def statistics() -> str:
    return "counted"


@task
def ship(order: dict[str, str]) -> str:
    return f"shipped with {order['charge']}" + ("" if "mail" in order else ", mail missing")


with workflow("critical") as wf:
    order = parallel(charge, mail, statistics, name="order")
    order.with_execution(policy=CriticalGroupPolicy(critical_task_ids=["charge"])) >> ship

if __name__ == "__main__":
    outcome = wf.execute()
    print(outcome)
    assert outcome == "shipped with receipt 4711, mail missing"
