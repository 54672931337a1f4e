"""LangGraph with SqliteSaver and ``durability="sync"``: a checkpoint a step, before the next step begins.

The chain is one node in a loop, which spares it a graph of as many nodes; its state is one number.
The group is one step that sends to a node so many times; each member's write is recorded.
"""

from __future__ import annotations

import operator
import sqlite3
from importlib.metadata import version
from time import perf_counter
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.protocol import Answer, Job, serve


class ChainState(TypedDict):
    """How many steps were done."""

    done: int


class GroupState(TypedDict):
    """How many members were done."""

    done: Annotated[int, operator.add]


def chain_of(count: int) -> Any:
    """Return a graph whose one node runs so many times."""
    graph = StateGraph(ChainState)
    graph.add_node("noop", lambda state: {"done": state["done"] + 1})
    graph.add_edge(START, "noop")
    graph.add_conditional_edges("noop", lambda state: "noop" if state["done"] < count else END)
    return graph


def group_of(count: int) -> Any:
    """Return a graph whose one step runs a node so many times in parallel."""
    graph = StateGraph(GroupState)
    graph.add_node("noop", lambda _state: {"done": 1})
    graph.add_conditional_edges(START, lambda _state: [Send("noop", {}) for _ in range(count)], ["noop"])
    graph.add_edge("noop", END)
    return graph


def execute(job: Job, count: int, name: str) -> Answer:
    """Invoke a graph of so many steps or members in a fresh database."""
    connection = sqlite3.connect(job.database(name), check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {job.synchronous}")
    saver = SqliteSaver(connection)
    saver.setup()
    graph = (chain_of if job.work == "chain" else group_of)(count).compile(checkpointer=saver)
    config = {"configurable": {"thread_id": name}, "recursion_limit": count + 10, "max_concurrency": job.window}
    began = perf_counter()
    state = graph.invoke({"done": 0}, config, durability="sync")
    ended = perf_counter()
    connection.close()
    assert state["done"] == count, state
    return {"seconds": ended - began, "version": version("langgraph")}


if __name__ == "__main__":
    serve(execute)
