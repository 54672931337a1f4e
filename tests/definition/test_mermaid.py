"""Mermaid: the graph as people see it, plain or coloured by a run."""

from __future__ import annotations

import re

from durable import Store, parallel, task, workflow


def test_groups_are_boxes_and_statuses_colours(store: Store) -> None:
    """Quotes in ids do no harm."""

    @task
    def a() -> None: ...

    @task
    def breaks() -> None:
        raise ValueError

    with workflow("w", store=store) as wf:
        a >> parallel(breaks, a(task_id='say "hi"'), name="g")
    plain = wf.to_mermaid()
    assert plain.startswith("flowchart LR\n")
    number = {label: node for node, label in re.findall(r'(n\d+)\["(.*)"\]', plain)}
    assert set(number) == {"a", "breaks", "g", "say #quot;hi#quot;"}
    assert f'subgraph {number["g"]}["g"]' in plain
    assert f"{number['a']} --> {number['g']}" in plain
    assert "classDef" not in plain
    coloured = wf.to_mermaid(wf.start())
    assert f"class {number['a']} succeeded" in coloured
    assert f"class {number['breaks']} failed" in coloured
