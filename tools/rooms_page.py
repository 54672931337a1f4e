"""The rooms of durable and who may import whom, as a diagram and a table, made of the contracts in pyproject.toml.

The arrows are what the contract "rooms" allows; what a room imports today is read from the code.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import grimp

from tools import ROOT
from tools.layers import room

Rows = Callable[[Sequence[str], Iterable[Sequence[str]]], list[str]]

BEGIN, END = "<!-- rooms: begin -->", "<!-- rooms: end -->"
_HIDDEN = ("__main__", "_version")


def floors() -> list[list[str]]:
    """Return the rooms, top floor first; those of one floor do not import each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers: list[str] = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    found = [[name.strip() for name in layer.replace(":", "|").split("|")] for layer in layers]
    return [[name for name in floor if name not in _HIDDEN] for floor in found if set(floor) - set(_HIDDEN)]


def job(name: str) -> str:
    """Return what a room is for: the first paragraph of its docstring."""
    folder = ROOT / "durable" / name
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(doc.split("\n\n")[0].replace("``", "`").split())


def imports() -> dict[str, list[str]]:
    """Return which other rooms each room imports now, imports inside functions and type-only ones counted."""
    graph = grimp.build_graph("durable")
    found: dict[str, set[str]] = {}
    for module in graph.modules - {"durable"}:
        own = room(module)
        found.setdefault(own, set()).update(room(one) for one in graph.find_modules_directly_imported_by(module))
        found[own].discard(own)
    order = [name for floor in floors() for name in floor]
    return {
        own.removeprefix("durable."): sorted(
            (name for name in (one.removeprefix("durable.") for one in others) if name in order), key=order.index
        )
        for own, others in found.items()
        if own.removeprefix("durable.") in order
    }


def contents(rows: Rows) -> Iterator[str]:
    """Yield the generated part of the page.

    Args:
        rows: makes the lines of a Markdown table.
    """
    levels = floors()
    yield from ["```mermaid", "flowchart TB"]
    for number, floor in enumerate(levels):
        label = " · ".join(f"{name}/" if (ROOT / "durable" / name).is_dir() else f"{name}.py" for name in floor)
        yield f'    floor{number}["{label}"]'
    yield "    " + " --> ".join(f"floor{number}" for number in range(len(levels)))
    contract = next(number for number, floor in enumerate(levels) if "store" in floor)
    yield f'    stores["stores/durable_sqlite · stores/durable_memory"] --> floor{contract}'
    yield from ["```", ""]
    used = imports()
    body = (
        [
            f"`durable/{name}/`" if (ROOT / "durable" / name).is_dir() else f"`durable/{name}.py`",
            job(name),
            ", ".join(used.get(name, [])) or "nothing",
        ]
        for floor in levels
        for name in floor
    )
    yield from rows(["room", "what it is for", "imports today"], body)


def page(file: Path, rows: Rows) -> str:
    """Return a page with its generated part made anew, between its two marks."""
    text = file.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{BEGIN}", "", *contents(rows), "", f"{END}{after}"])
