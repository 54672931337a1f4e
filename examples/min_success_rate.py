"""Minimum success rate: of twenty documents four in five must be readable. Here, 17 are."""

from __future__ import annotations

import json

from durable import MinSuccessRatePolicy, parallel, task, workflow

DOCUMENTS = {f"doc_{number:02}": f'{{"pages": {number}}}' for number in range(20)}
DOCUMENTS |= dict.fromkeys(["doc_03", "doc_08", "doc_13"], '{"pages": ')  # cut off


@task
def read(text: str) -> int:
    pages: int = json.loads(text)["pages"]
    return pages


@task
def count(documents: dict[str, int]) -> int:
    return sum(documents.values())


with workflow("min_success_rate") as wf:
    documents = parallel(*(read(task_id=name, text=text) for name, text in DOCUMENTS.items()), name="documents")
    documents.with_execution(policy=MinSuccessRatePolicy(min_rate=0.8), max_concurrent=4) >> count

if __name__ == "__main__":
    run = wf.start()
    results = run.task_results("documents")
    readable = sum(result.success for result in results.values())
    print(f"{readable} of {len(results)} documents ({readable / len(results):.0%}) have {run.result()} pages")
    assert (readable, len(results)) == (17, 20)
    assert run.result() == sum(range(20)) - 3 - 8 - 13
