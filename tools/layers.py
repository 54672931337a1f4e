"""Our own import-linter contracts; what they are applied to stands in ``pyproject.toml``.

``only_imports`` names what is allowed, so that a module somebody adds later is outside until it is let in.
``no_circles`` looks at the whole graph, module by module, so that there is no list of known exceptions.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import Any

import grimp
from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def inside(module: str, packages: set[str]) -> bool:
    """Return whether the module is one of the packages or lies below one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


class OnlyImports(Contract):
    """The sources import only what is allowed, directly.

    Options:
        sources: packages, with everything below them.
        allowed: packages they may import, with everything below them.
        within_sources: each source may also import itself.
        any_external: they may import anything that is not of this project.
    """

    type_name = "only_imports"

    sources: Any = fields.SetField(subfield=fields.StringField())
    allowed: Any = fields.SetField(subfield=fields.StringField())
    within_sources: Any = fields.BooleanField(required=False, default=False)
    any_external: Any = fields.BooleanField(required=False, default=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect the direct imports that the list does not allow."""
        illegal: list[tuple[str, str, int]] = []
        roots = set(self.session_options["root_packages"])
        for source in sorted(self.sources):
            if source not in graph.modules:
                raise ValueError(f"Module '{source}' does not exist.")
            allowed = {*self.allowed, source} if self.within_sources else self.allowed
            for module in sorted({source} | graph.find_descendants(source)):
                for imported in sorted(graph.find_modules_directly_imported_by(module)):
                    if inside(imported, allowed) or (self.any_external and not inside(imported, roots)):
                        continue
                    details = graph.get_import_details(importer=module, imported=imported)
                    illegal.extend((module, imported, detail["line_number"]) for detail in details)
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import that is not allowed."""
        for module, imported, line in check.metadata["illegal"]:
            output.print_error(f"- {module} imports {imported} (l.{line})", bold=False)
        output.new_line()


class NoCircles(Contract):
    """No module of the project imports itself by way of others, imports inside functions counted.

    Imports that only type checkers see may form a circle, but not one that leaves its room (``durable.engine``).
    """

    type_name = "no_circles"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look for one circle of imports, and for one of rooms if type-only imports count too."""
        roots = self.session_options["root_packages"]
        live = grimp.build_graph(*roots, exclude_type_checking_imports=True)
        modules = {name: live.find_modules_directly_imported_by(name) for name in live.modules}
        rooms: dict[str, set[str]] = {}
        for name in graph.modules - set(roots):
            imported = graph.find_modules_directly_imported_by(name)
            rooms.setdefault(room(name), set()).update({room(one) for one in imported} - {room(name)})
        found = [circle for circle in (circle_in(modules), circle_in(rooms)) if circle]
        return ContractCheck(kept=not found, metadata={"circles": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each circle as a line."""
        for circle in check.metadata["circles"]:
            output.print_error(f"- {' imports '.join(circle)}", bold=False)
        output.new_line()


def room(module: str) -> str:
    """Return the room that a module stands in: ``durable.engine.drive`` -> ``durable.engine``; a store is one room."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "durable" else parts[0]


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Return a circle of a graph, each node importing the next one; [] when it has none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]
        return circle
    return []
