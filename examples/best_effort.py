"""Best effort: the group succeeds whatever its members do, and what follows gets the successes."""

from __future__ import annotations

from durable import BestEffortGroupPolicy, parallel, task, workflow

PAGES = {"home": "Welcome", "about": "Who we are", "old": None, "contact": "Write to us"}


@task
def fetch(page: str) -> int:
    text = PAGES[page]
    if text is None:
        raise LookupError(f"{page} is gone")
    return len(text)


@task
def index(pages: dict[str, int]) -> str:
    return f"{len(pages)} pages, {sum(pages.values())} characters"


with workflow("best_effort") as wf:
    pages = parallel(*(fetch(task_id=page, page=page) for page in PAGES), name="pages")
    pages.with_execution(policy=BestEffortGroupPolicy()) >> index

if __name__ == "__main__":
    run = wf.start()
    print(run.result())
    for name, result in run.task_results("pages").items():
        print(f"  {name}: {result.value if result.success else result.error_message}")
    assert run.result() == "3 pages, 28 characters"
    assert not run.task_results("pages")["old"].success
