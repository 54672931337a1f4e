"""A map over documents that a generator finds: a failure budget, and a resume that runs only what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from durable import MapValues, MaxFailuresPolicy, task, workflow

DICTIONARIES = {"de", "en"}
bodies: Counter[str] = Counter()  # what really ran, in this process


def documents() -> Iterator[dict[str, Any]]:
    """Find the documents, one after another: there may be more of them than fit into memory."""
    for number in range(2_000):
        yield {"name": f"doc-{number:04}", "language": "fi" if number % 40 == 20 else "de" if number % 2 else "en"}


@task
def index(document: dict[str, Any]) -> int:
    """Index one document; its item is the first parameter that nothing else gives."""
    bodies[document["name"]] += 1
    if document["language"] not in DICTIONARIES:
        raise LookupError(f"no dictionary for {document['language']}")
    return len(document["name"]) + len(document["language"])


@task
def catalogue(indexed: MapValues) -> str:
    """Go over all results. `.iter()` reads them from the store, a few hundred at a time."""
    count = total = 0
    for _name, size in indexed.iter():
        count, total = count + 1, total + size
    return f"{count:,} documents, {total:,} entries"


with workflow("map_documents") as wf:
    indexed = index.map(documents, key=lambda document: document["name"], name="indexed")
    indexed.with_execution(policy=MaxFailuresPolicy(max_failures=10), max_concurrent=4, chunk_size=20) >> catalogue

if __name__ == "__main__":
    run = wf.start()
    assert run.status == "failed"
    results = run.task_results("indexed")
    failed = [name for name in results.failed if results[name].status == "failed"]
    done = set(results.succeeded)
    print(f"stopped after {len(done):,} documents, because {len(failed)} failed:")
    print(f"  {failed[0]}: {results[failed[0]].error_message}")
    assert len(failed) > 10
    assert len(done) < 1_950, "the budget stops the map long before all documents are read"

    bodies.clear()
    DICTIONARIES.add("fi")  # the cause is fixed
    text = wf.resume(run_id=run.run_id)
    print(f"resumed: {len(bodies):,} documents were indexed now, and none of the {len(done):,} again")
    assert not done & bodies.keys()
    assert len(done) + len(bodies) == 2_000

    print(text)
    again = run.task_results("indexed")[failed[0]]
    print(f"{failed[0]} took {again.attempts} attempts and has {again.value} entries")
    assert text.startswith("2,000 documents")
