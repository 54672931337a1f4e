"""At least N: three sources say what a currency is worth; two that answer are enough."""

from __future__ import annotations

from durable import AtLeastNGroupPolicy, parallel, task, workflow


@task
def central_bank() -> float:
    return 1.08


@task
def exchange() -> float:
    raise ConnectionError("the exchange does not answer")


@task
def newspaper() -> float:
    return 1.10


@task
def agree(rates: dict[str, float]) -> float:
    return round(sum(rates.values()) / len(rates), 3)


with workflow("at_least_n") as wf:
    rates = parallel(central_bank, exchange, newspaper, name="rates")
    rates.with_execution(policy=AtLeastNGroupPolicy(min_success=2)) >> agree

if __name__ == "__main__":
    run = wf.start()
    answered = [name for name, result in run.task_results("rates").items() if result.success]
    print(f"{' and '.join(answered)} answered: {run.result()}")
    assert answered == ["central_bank", "newspaper"]
    assert run.result() == 1.09
