"""Labels of conditions, for errors and drawings: a function's name, or what a lambda says. Files are only parsed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

_LONGEST = 80


def condition_label(condition: Callable[..., Any]) -> str:
    """Return a condition as people know it."""
    while hasattr(condition, "func"):  # a partial
        condition = condition.func
    name = getattr(condition, "__name__", None) or type(condition).__name__
    code = getattr(condition, "__code__", None)
    if name != "<lambda>" or code is None:
        return str(name)
    text = _lambda_text(code) or "condition"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@lru_cache(maxsize=1024)
def _lambda_text(code: CodeType) -> str | None:
    """The source of a lambda's body; None when it cannot be told from others on its line, or has no file."""
    places = {place for place in code.co_positions() if None not in place}
    found = [
        node.body
        for node in _lambdas(code.co_filename)
        if node.lineno == code.co_firstlineno or node.body.lineno == code.co_firstlineno
    ]
    if len(found) > 1:
        found = [body for body in found if _place(body) in places]
    return ast.unparse(found[0]) if len(found) == 1 else None


@lru_cache(maxsize=16)
def _lambdas(path: str) -> tuple[ast.Lambda, ...]:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Lambda))


def _place(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
