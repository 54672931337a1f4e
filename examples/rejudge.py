"""Judge again: a strict group failed in the night; in the morning someone decides that it is enough.

The resume judges the recorded results by another policy. No member runs again, the new verdict is
recorded with who asked and why, and what follows starts once.
"""

from __future__ import annotations

from collections import Counter

from durable import parallel, task, workflow

bodies: Counter[str] = Counter()


@task
def shop(town: str, closed: bool = False) -> int:
    bodies[town] += 1
    if closed:
        raise ConnectionError(f"{town} is closed")
    return 100


@task
def total(shops: dict[str, int]) -> int:
    bodies["total"] += 1
    return sum(shops.values())


with workflow("rejudge") as wf:
    shops = parallel(
        shop(task_id="Bern", town="Bern"),
        shop(task_id="Basel", town="Basel", closed=True),
        shop(task_id="Chur", town="Chur"),
        name="shops",
    )
    shops >> total

if __name__ == "__main__":
    run = wf.start()
    print(f"at night: {run.status}")
    assert run.status == "failed"

    sum_of_two = wf.resume(
        run_id=run.run_id, policy="best_effort", actor="Ada", reason="Basel is closed for the holidays"
    )
    print(f"in the morning: {sum_of_two}; bodies that ran: {dict(bodies)}")
    assert sum_of_two == 200
    assert bodies == {"Bern": 1, "Basel": 1, "Chur": 1, "total": 1}
    again = next(event for event in run.events() if event.type == "GroupReopened")
    print(f"recorded: re-evaluated for {again.fields['actor']}: {again.fields['reason']}")
