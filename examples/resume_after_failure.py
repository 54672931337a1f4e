"""Resume after a failure: a file is missing, the run fails, the file is put there, the run goes on.

Bodies count how often they run: only the failed one, and what had not started yet, run again.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from durable import TaskFailed, task, workflow

PRICES = Path(tempfile.mkdtemp(prefix="durable-example-"), "prices.csv")
bodies: Counter[str] = Counter()


@task
def orders() -> dict[str, int]:
    bodies["orders"] += 1
    return {"apples": 3, "pears": 2}


@task
def prices() -> dict[str, int]:
    bodies["prices"] += 1
    rows = (line.split(",") for line in PRICES.read_text().splitlines())
    return {fruit: int(price) for fruit, price in rows}


@task
def bill(orders: dict[str, int], prices: dict[str, int]) -> int:
    bodies["bill"] += 1
    return sum(count * prices[fruit] for fruit, count in orders.items())


with workflow("resume_after_failure") as wf:
    orders >> prices >> bill

if __name__ == "__main__":
    run = wf.start()
    try:
        run.result()
    except TaskFailed as error:
        print(error)
    assert run.status == "failed"
    assert bodies == {"orders": 1, "prices": 1}

    PRICES.write_text("apples,2\npears,5\n")  # what a person does in the morning
    total = wf.resume(run_id=run.run_id)
    print(f"the bill is {total}; bodies that ran: {dict(bodies)}")
    assert total == 16
    assert bodies == {"orders": 1, "prices": 2, "bill": 1}

    PRICES.unlink()
    PRICES.parent.rmdir()
