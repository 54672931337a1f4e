"""Mermaid: the graph as people see it, plain or coloured by a run."""

from __future__ import annotations

import re

from durable import Store, TaskExecutionContext, parallel, task, workflow


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


def test_a_map_is_one_node_with_the_number_of_its_members(store: Store) -> None:
    """However many there are; what its members schedule hangs on the map, and colours are given to what is drawn."""

    @task
    def more() -> None: ...

    @task
    def member(ctx: TaskExecutionContext, number: int) -> None:
        if number == 3:
            ctx.next_task(more)

    with workflow("w", store=store) as wf:
        wf.add(member.map(range(1200), name="numbers").with_execution(backend="direct"))
    assert '[["numbers"]]' in wf.to_mermaid()
    drawn = wf.to_mermaid(wf.start())
    assert len(drawn.splitlines()) < 10
    number = {label: node for node, label in re.findall(r'(n\d+)\[+"(.*?)"\]', drawn)}
    assert set(number) == {"numbers<br>1,200 members", "numbers/3/more"}
    assert f"{number['numbers<br>1,200 members']} -.-> {number['numbers/3/more']}" in drawn
    assert f"class {number['numbers<br>1,200 members']} succeeded" in drawn
