"""WorkflowRegistry: class definitions by name and version. It finds what is wrong with them when they are registered.

It must not know runs.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from durable.definition.workflow_definition import WorkflowDefinition
from durable.errors import DefinitionError

T = TypeVar("T")

_PARTS = ("name", "version", "description", "steps", "edges", "initial_step", "terminal_steps")


class WorkflowRegistry:
    """Class definitions, each version of a name once."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str | None, WorkflowDefinition]] = {}

    def register_definition(self, definition: WorkflowDefinition) -> WorkflowDefinition:
        """Check a definition, keep it and return it.

        Args:
            definition: what is registered.

        Raises:
            DefinitionError: it cannot run; or that version of that name is registered already.
        """
        if not isinstance(definition, WorkflowDefinition):
            raise DefinitionError(f"{definition!r} is no WorkflowDefinition")
        definition.compiled()
        versions = self._known.setdefault(definition.name, {})
        if versions.get(definition.version, definition) is not definition:
            raise DefinitionError(
                f"{_shown(definition.name, definition.version)} is registered already", hint="Give it another version="
            )
        versions[definition.version] = definition
        return definition

    def register(self, source: T) -> T:
        """Register what a class or a function describes; also as a decorator.

        Args:
            source: a function that returns a ``WorkflowDefinition``; a class with a ``get_definition`` that does,
                or with the attributes ``steps``, ``edges``, ``initial_step`` and ``terminal_steps``.

        Returns:
            The same.

        Raises:
            DefinitionError: it describes nothing, or nothing that can run.
        """
        self.register_definition(_described(source))
        return source

    def get(self, name: str, version: str | None = None) -> WorkflowDefinition:
        """Return a definition.

        Args:
            name: its name.
            version: its version; None for the newest.

        Raises:
            DefinitionError: there is none.
        """
        versions = self._known.get(name)
        if not versions:
            known = ", ".join(self._known) or "none"
            raise DefinitionError(f"no workflow {name!r} is registered", hint=f"Registered are: {known}")
        if version is None:
            return versions[max(versions, key=version_order)]
        if version not in versions:
            known = ", ".join(str(each) for each in sorted(versions, key=version_order))
            raise DefinitionError(f"{_shown(name, version)} is not registered", hint=f"Its versions are: {known}")
        return versions[version]

    def find(self, name: str, version: str | None) -> WorkflowDefinition:
        """Return the definition of exactly that version, None being one without. Raises ``DefinitionError``.

        Args:
            name: its name.
            version: its version.
        """
        found = self._known.get(name, {}).get(version)
        if found is not None:
            return found
        if version is None and name in self._known:
            raise DefinitionError(f"{name!r} without a version is not registered", hint="Register it without version=")
        return self.get(name, version)

    def list(self) -> list[WorkflowDefinition]:
        """Return all definitions, by name, the newest version of each first."""
        return [
            versions[version]
            for _, versions in sorted(self._known.items())
            for version in sorted(versions, key=version_order, reverse=True)
        ]


def _described(source: Any) -> WorkflowDefinition:
    if isinstance(source, WorkflowDefinition):
        return source
    made = getattr(source, "get_definition", None)
    if made is None and isinstance(source, type):
        return _of_attributes(source)
    if not callable(made or source):
        raise DefinitionError(f"{source!r} describes no workflow", hint="Give a class or a function")
    found = (made or source)()
    if not isinstance(found, WorkflowDefinition):
        raise DefinitionError(f"{_name(source)} returned {found!r} and not a WorkflowDefinition")
    return found


def _of_attributes(source: type) -> WorkflowDefinition:
    parts = {part: getattr(source, part) for part in _PARTS if hasattr(source, part)}
    missing = [part for part in ("steps", "initial_step", "terminal_steps") if part not in parts]
    if missing:
        raise DefinitionError(
            f"the class {source.__name__} describes no workflow: it has no {', '.join(missing)}",
            hint="Give it these attributes, or a classmethod get_definition",
        )
    parts.setdefault("name", source.__name__)
    parts.setdefault("description", (source.__doc__ or "").strip())
    return WorkflowDefinition(**parts)


def _name(source: Any) -> str:
    return getattr(source, "__qualname__", None) or repr(source)


def _shown(name: str, version: str | None) -> str:
    return repr(name) if version is None else f"{name!r} version {version}"


def version_order(version: str | None) -> tuple[Any, ...]:
    """Versions in their order: numbers in them count as numbers, and none comes before all."""
    parts = re.findall(r"\d+|[^\d.]+", version or "")
    return (version is not None, [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts])
