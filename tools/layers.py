"""The import-linter contract ``only_imports``: modules that may import a given list and nothing else.

import-linter's own contracts name what is forbidden; ours names what is allowed, so that a module
somebody adds later is outside until it is let in. The lists stand in ``pyproject.toml``.
"""

from __future__ import annotations

from typing import Any

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
