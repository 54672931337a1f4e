"""A script with LangGraph that is killed and started again: ``python restart_langgraph.py FOLDER COUNT``.

See ``programs/resumable.py``. The chain is one node in a loop, as in ``langgraph.py``.
"""

from __future__ import annotations

import sys

# This file's folder has a langgraph.py of its own.
sys.path.pop(0)

import sqlite3
import time
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

FOLDER = Path(sys.argv[1])
COUNT = int(sys.argv[2])


class ChainState(TypedDict):
    """How many steps were done."""

    done: int


def noop(state: ChainState) -> dict[str, Any]:
    """Count."""
    return {"done": state["done"] + 1}


def reached(_state: ChainState) -> dict[str, Any]:
    """Wait to be killed; the second time, note when this line was reached."""
    moment = time.monotonic_ns()
    mark = FOLDER / "reached"
    if not mark.exists():
        mark.touch()
        time.sleep(600)
    (FOLDER / "resumed").write_text(str(moment), encoding="utf-8")
    return {}


graph = StateGraph(ChainState)
graph.add_node("noop", noop)
graph.add_node("reached", reached)
graph.add_edge(START, "noop")
graph.add_conditional_edges("noop", lambda state: "noop" if state["done"] < COUNT else "reached")
graph.add_edge("reached", END)

if __name__ == "__main__":
    connection = sqlite3.connect(FOLDER / "runs.db", check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    saver = SqliteSaver(connection)
    saver.setup()
    config: Any = {"configurable": {"thread_id": "run"}, "recursion_limit": COUNT + 10}
    begun = saver.get_tuple(config) is not None
    graph.compile(checkpointer=saver).invoke(None if begun else {"done": 0}, config, durability="sync")
