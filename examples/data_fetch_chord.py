"""A chord: pages are fetched in parallel, and once enough of them are there a callback merges them."""

from __future__ import annotations

from durable import ParallelGroup, task, workflow

PAGES = {"news": ["storm", "harbour"], "sport": ["regatta"], "weather": ["storm", "fog"]}


@task
def fetch(page: str) -> list[str]:
    if page not in PAGES:
        raise ConnectionError(f"{page} does not answer")
    return PAGES[page]


@task
def merge(results: dict[str, list[str]]) -> list[str]:
    """Its first parameter that nothing else gives receives ``{member: value}`` of the members that succeeded."""
    return sorted({word for words in results.values() for word in words})


@task
def publish(merge: list[str]) -> str:
    return ", ".join(merge)


with workflow("data_fetch_chord") as wf:
    pages = ParallelGroup(
        [fetch(task_id=f"fetch-{page}", page=page) for page in [*PAGES, "horoscope"]], name="pages", callback=merge
    )
    pages.with_execution(policy={"type": "max_failures", "max_failures": 1}) >> publish

if __name__ == "__main__":
    run = wf.start()
    failed = [name for name, result in run.task_results("pages").items() if not result.success]
    print(f"without {', '.join(failed)}: {run.result()}")
    assert failed == ["fetch-horoscope"]
    assert run.result() == "fog, harbour, regatta, storm"
