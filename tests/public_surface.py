"""Everything that users may call: the functions of the public modules, and the classes with what they can do."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from textwrap import dedent
from types import FunctionType, ModuleType
from typing import Any, get_type_hints

import durable
import durable.testing

PUBLIC: tuple[ModuleType, ...] = (durable, durable.testing)


@dataclass(frozen=True)
class Callee:
    """A function, method or property that users reach through a public name.

    Attributes:
        name: how it is called, with its class.
        function: what is called.
        text: its docstring with those of what it overrides; of a constructor, the class's.
        own: its own docstring, or that of the first that has one.
    """

    name: str
    function: FunctionType
    text: str
    own: str

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters that a caller may give."""
        names = list(inspect.signature(self.function).parameters)
        first = names[:1] if names[:1] in (["self"], ["cls"]) else []
        return [name for name in names if name not in first and not name.startswith("_")]


def names() -> list[tuple[str, Any]]:
    """All public names, with their modules, and their values."""
    found = [(f"{module.__name__}.{name}", getattr(module, name)) for module in PUBLIC for name in module.__all__]
    return [(name, value) for name, value in found if name != "durable.__version__"]


def callees() -> list[Callee]:
    """Everything that can be called through the public names."""
    found: dict[str, Callee] = {}
    for name, value in names():
        if isinstance(value, type):
            for callee in _of_class(value):
                found.setdefault(callee.function.__qualname__, callee)
        elif isinstance(value, FunctionType):
            found[name] = Callee(name, value, value.__doc__ or "", value.__doc__ or "")
    return list(found.values())


def _of_class(kind: type) -> Iterator[Callee]:
    for base in kind.__mro__:
        if not base.__module__.startswith("durable"):
            continue
        for name, value in vars(base).items():
            function = _function(value)
            if function is None or function.__module__ != base.__module__ or function.__name__ == "<lambda>":
                continue
            if name == "__init__":
                text = "\n".join(each.__doc__ or "" for each in kind.__mro__)
                yield Callee(f"{kind.__name__}()", function, text, text)
            elif not name.startswith("_"):
                texts = [text for each in kind.__mro__ if (text := getattr(vars(each).get(name), "__doc__", None))]
                yield Callee(f"{kind.__name__}.{name}", function, "\n".join(texts), (texts or [""])[0])


def _function(value: object) -> FunctionType | None:
    """The function behind a member of a class."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    return value if isinstance(value, FunctionType) else None


def hints(function: FunctionType) -> dict[str, Any]:
    """What a function's annotations mean. Raises when one of them names nothing."""
    home = import_module(function.__module__)
    names = {**vars(home), **names_for_types(function.__module__)}
    for name, value in names.items():
        if isinstance(value, str) and not name.startswith("_") and name != name.upper():
            names[name] = type(name, (), {})  # an alias that is written as a text: mypy knows what it stands for
    return get_type_hints(function, names)


@cache
def names_for_types(module: str) -> dict[str, Any]:
    """What a module imports for type checkers only: the names that its annotations may have besides its own."""
    home = import_module(module)
    found: dict[str, Any] = {}
    for block in ast.parse(inspect.getsource(home)).body:
        for node in block.body if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING" else ():
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                found |= {alias.asname or alias.name: _imported(node.module, alias.name) for alias in node.names}
            else:
                names = {**vars(home), **found}
                exec(compile(ast.Module([node], []), module, "exec"), names)
                found |= {name: value for name, value in names.items() if name not in vars(home)}
    return found


def _imported(module: str, name: str) -> Any:
    """What ``from module import name`` gives a type checker."""
    home = import_module(module)
    return getattr(home, name) if hasattr(home, name) else names_for_types(module)[name]


def raised(function: Callable[..., Any]) -> set[str]:
    """Names of the exceptions that a function raises itself."""
    try:
        tree = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError):  # made by a tool, not written
        return set()
    return {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        if node.exc.func.id[0].isupper()  # not a function that makes one
    }
