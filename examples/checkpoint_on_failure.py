"""A fork after a failure: the cause lies in a task that succeeded, so it is done again, in a run of its own.

A resume of the failed run would try the failed task again, with the same bad rates. A fork with ``from_task``
keeps what has nothing to do with them, and the failed run stays as it is, to be looked at.
"""

from __future__ import annotations

from collections import Counter

from durable import task, workflow

SOURCE = {"EUR": 2}  # somebody forgot the pounds
bodies: Counter[str] = Counter()


@task
def orders() -> dict[str, int]:
    bodies["orders"] += 1  # stands for hours of work
    return {"EUR": 30, "GBP": 12}


@task
def rates() -> dict[str, int]:
    bodies["rates"] += 1
    return dict(SOURCE)


@task
def bill(orders: dict[str, int], rates: dict[str, int]) -> int:
    bodies["bill"] += 1
    return sum(amount * rates[currency] for currency, amount in orders.items())


with workflow("checkpoint_on_failure") as wf:
    orders >> bill
    rates >> bill

if __name__ == "__main__":
    failed = wf.start()
    assert failed.status == "failed"
    print("failed:", failed.load_state().node_status("bill"), "in bill, after", dict(bodies))

    SOURCE["GBP"] = 3  # the fix
    fork = failed.fork(from_task="rates", reason="the pounds were missing")
    total = wf.resume(fork.run_id)
    print(f"the bill is {total}; bodies that ran: {dict(bodies)}")
    assert total == 96
    assert bodies == {"orders": 1, "rates": 2, "bill": 2}
    assert (failed.status, fork.status) == ("failed", "succeeded")
