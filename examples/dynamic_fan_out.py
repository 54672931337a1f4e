"""Fan-out at run time: pages are found while the run goes on, and each round of them is a group of its own.

``ctx.next_task`` schedules ``parallel(*pages) >> merge``; when it has merged a round, ``merge`` schedules the next
one. What is scheduled is committed together with the result of the task that scheduled it: after a kill it is all
there, or none of it is. Nothing that was written before the run started says how many pages there will be.
"""

from __future__ import annotations

from collections import Counter

from durable import TaskExecutionContext, parallel, task, workflow

SITE = {
    "home": ["docs", "blog"],
    "docs": ["install", "guide", "home"],
    "blog": ["post", "guide"],
    "install": [],
    "guide": ["install", "details"],
    "post": ["home"],
    "details": [],
}
fetched: Counter[str] = Counter()


@task
def fetch(page: str) -> list[str]:
    fetched[page] += 1
    return SITE[page]  # stands for a request, and for the links of what it answers


@task
def merge(ctx: TaskExecutionContext, pages: dict[str, list[str]]) -> str:
    channel = ctx.get_channel()
    seen = [*channel.get("seen", []), *pages]
    channel.set("seen", seen)
    found = dict.fromkeys(link for links in pages.values() for link in links if link not in seen)
    if found:
        fan_out(ctx, list(found))
    return f"{len(seen)} pages: {', '.join(seen)}"


def fan_out(ctx: TaskExecutionContext, names: list[str]) -> None:
    """Schedule one round: its pages at the same time, and what merges them."""
    ctx.next_task(parallel(*(fetch(task_id=name, page=name) for name in names), name="pages") >> merge)


@task
def crawl(ctx: TaskExecutionContext, first: str) -> None:
    fan_out(ctx, [first])


with workflow("dynamic_fan_out") as wf:
    wf.add(crawl)

if __name__ == "__main__":
    run = wf.start(initial={"first": "home"})
    print(run.result())
    groups = [str(event.task_id) for event in run.events() if event.type == "GroupSucceeded"]
    for name in groups:
        print(f"  {name}: {', '.join(run.task_results(name))}")
    assert run.result() == "7 pages: home, docs, blog, install, guide, post, details"
    assert groups == ["crawl/pages", "crawl/merge/pages", "crawl/merge/merge/pages", "crawl/merge/merge/merge/pages"]
    assert fetched == dict.fromkeys(SITE, 1)
