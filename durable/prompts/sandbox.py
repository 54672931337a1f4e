"""The Jinja environment that templates run in. Only rendering imports it: it needs jinja2.

A template may read what it is given and nothing else: no private attributes, no changes to the values, no
other files. It must not know prompts.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

CODE_NAME = "<template>"
"""What Jinja calls the code of a template without a file, in tracebacks."""

# Methods that change their object and that Jinja's own list lacks: of deque, Counter and OrderedDict.
_CHANGES = frozenset({"appendleft", "extendleft", "popleft", "rotate", "subtract", "move_to_end"})
_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_GUARDS = {"default", "d", "defined", "undefined"}


class Compiled(NamedTuple):
    """A compiled template.

    Attributes:
        template: renders.
        needs: the variables it needs; not those that it has a default or an ``is defined`` for.
    """

    template: Template
    needs: frozenset[str]


class _Missing(StrictUndefined):
    """A variable that is not there. Inside a list it would otherwise be printed as ``Undefined``."""

    __slots__ = ()
    __repr__ = StrictUndefined.__str__


class _Sandbox(ImmutableSandboxedEnvironment):
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return attr not in _CHANGES and super().is_safe_attribute(obj, attr, value)


@lru_cache(maxsize=512)
def compiled(template: str) -> Compiled:
    """Compile a template, once for each text.

    Args:
        template: the text.

    Returns:
        The compiled template.

    Raises:
        TemplateSyntaxError: it is no valid template, or it asks for another file.
    """
    environment = _environment()
    tree = environment.parse(template)
    for node in tree.find_all(_OTHER_FILES):
        raise TemplateSyntaxError("a template cannot include, import or extend another one", node.lineno)
    # Before compiling: that changes the tree.
    needs = meta.find_undeclared_variables(tree) - _guarded(tree)
    return Compiled(environment.from_string(tree), frozenset(needs))


@cache
def _environment() -> _Sandbox:
    environment = _Sandbox(undefined=_Missing)
    # dict.update(values, ...) would change a dict that was passed; lipsum is endless text on demand.
    del environment.globals["dict"], environment.globals["lipsum"]
    return environment


def _guarded(tree: nodes.Template) -> set[str]:
    """Return the variables that a template can do without."""
    tests = [node.node for node in tree.find_all((nodes.Filter, nodes.Test)) if node.name in _GUARDS]
    return {node.name for node in tests if isinstance(node, nodes.Name)}
