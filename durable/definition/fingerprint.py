"""Fingerprints of task functions: a digest of the normalised syntax tree.

Comments, layout, docstrings and decorators do not count; a change in what the body does, does. A
fingerprint can be taken from a live function or from a file alone, without importing it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import Any

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SIZE = 12


def fingerprint(function: Callable[..., Any]) -> str:
    """Return the fingerprint of a live function.

    Falls back to its byte code (``code:`` in front) where no source can be found, as in a prompt.
    """
    function = _innermost(function)
    code = getattr(function, "__code__", None)
    if code is None:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return f"name:{getattr(function, '__module__', '')}.{name}"
    return _of_code(code)


def source_of(function: Callable[..., Any]) -> str:
    """Return ``file:qualified name`` of a function; "" when it has no file."""
    function = _innermost(function)
    code = getattr(function, "__code__", None)
    if code is None or code.co_filename.startswith("<"):
        return ""
    return f"{code.co_filename}:{function.__qualname__}"


def fingerprint_in_file(source: str) -> str | None:
    """Return the fingerprint that the function named ``file:qualified name`` has in its file now.

    Returns:
        None when the file or the function in it cannot be found. Nothing is imported.
    """
    path, _, name = source.rpartition(":")
    by_line = _functions(path, _stamp(path))
    found = [node for qualname, node in by_line if qualname == name]
    return _digest(found[-1]) if found else None


def _innermost(function: Any) -> Any:
    """The function that decorators made with ``functools.wraps`` stand around: the code that people edit."""
    for _ in range(100):
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is None:
            break
        function = wrapped
    return function


@lru_cache(maxsize=4096)
def _of_code(code: CodeType) -> str:
    stamp = _stamp(code.co_filename)
    lines = {code.co_firstlineno}
    found = [
        node
        for qualname, node in _functions(code.co_filename, stamp)
        if qualname == code.co_qualname and _first_line(node) in lines
    ]
    return _digest(found[0]) if len(found) == 1 else "code:" + _code_digest(code)


def _stamp(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=64)
def _functions(path: str, stamp: int) -> tuple[tuple[str, _Function], ...]:
    """Parse a file once for each time it changed (``stamp``) and list its functions by qualified name."""
    if not stamp:
        return ()
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(_walk(tree, ""))


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + child.name, child
            yield from _walk(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.Lambda):
            yield prefix + "<lambda>", child
            yield from _walk(child, f"{prefix}<lambda>.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _walk(child, f"{prefix}{child.name}.")
        else:
            yield from _walk(child, prefix)


def _first_line(node: _Function) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _digest(node: _Function) -> str:
    body = node.body if isinstance(node.body, list) else [node.body]
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1:
        body = body[1:] if isinstance(body[0].value.value, str) else body
    text = repr((type(node).__name__, _plain(node.args), [_plain(statement) for statement in body]))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SIZE]


def _plain(value: Any) -> Any:
    """Reduce a tree to names and non-empty fields: the same text on every version of Python."""
    if isinstance(value, ast.AST):
        fields = [(name, _plain(inner)) for name, inner in ast.iter_fields(value) if inner not in (None, [], ())]
        return (type(value).__name__, [field for field in fields if field[0] not in ("kind", "type_comment")])
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _code_digest(code: CodeType) -> str:
    consts = [_code_digest(const) if isinstance(const, CodeType) else const for const in code.co_consts]
    text = repr((code.co_code, consts, code.co_names))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_SIZE]
