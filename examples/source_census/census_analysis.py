"""What the census measures in one file. Plain functions, no `durable`.

`analyse` takes the bytes of one file and returns a small dict that JSON holds exactly. It raises
what Python raises for a file that does not decode (`UnicodeDecodeError`, or `SyntaxError` for an
unknown encoding) or does not parse (`SyntaxError`, `ValueError`).
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import TypedDict

LOOSE = "(single modules)"
"""Package name of the files that stand directly under the root."""

EXCLUDED = frozenset({"site-packages", "dist-packages", "__pycache__"})
BUCKETS = (5, 10, 20, 50, 100, 200)
"""Upper bounds of the classes of function lengths, in lines; a last class has no bound."""

BUCKET_NAMES = ("1-5", "6-10", "11-20", "21-50", "51-100", "101-200", "over 200")
TOP_OF_FILE = 5


class Function(TypedDict):
    """One function: where it is, how many lines it has, and how many paths lead through it."""

    name: str
    line: int
    length: int
    paths: int


class LineCounts(TypedDict):
    """The lines of a file, and what they are."""

    lines: int
    code: int
    docs: int
    comments: int
    blank: int


class FileFacts(LineCounts):
    """What the census knows of one file."""

    functions: int
    classes: int
    documentable: int
    documented: int
    paths: int
    lengths: list[int]
    longest: list[Function]
    imports: list[str]
    styles: dict[str, int]
    names: dict[str, int]


Facts = Mapping[str, FileFacts]

# Finding the files


def discover(root: Path) -> dict[str, int]:
    """Return `{path relative to root, with slashes: size in bytes}` of all `.py` files, sorted."""
    found: dict[str, int] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in EXCLUDED]
        for name in files:
            path = Path(folder, name)
            if name.endswith(".py") and path.is_file():
                found[path.relative_to(root).as_posix()] = path.stat().st_size
    return dict(sorted(found.items()))


def package(path: str) -> str:
    """Return the top-level package of a path; `LOOSE` for a file directly under the root."""
    return path.partition("/")[0] if "/" in path else LOOSE


def module(path: str) -> str:
    """Return the top-level name under which a path is imported: `os` for `os.py`."""
    return path.partition("/")[0].removesuffix(".py")


def is_test(path: str) -> bool:
    """Say whether a file belongs to tests rather than to the library."""
    return not {"test", "tests", "idle_test"}.isdisjoint(path.split("/")[:-1])


# One file


def analyse(source: bytes, path: str = "<source>") -> FileFacts:
    """Measure one file.

    Args:
        source: its bytes.
        path: its name, for error messages.

    Raises:
        UnicodeDecodeError: the bytes are not in the encoding that the file declares (or UTF-8).
        SyntaxError: the encoding is unknown, or the text is not Python.
        ValueError: the text holds a NUL (a SyntaxError in newer Pythons).
    """
    text = decode(source)
    walk = Walk(ast.parse(text, filename=path))
    names = [function["name"].rpartition(".")[2] for function in walk.functions]
    return {
        **count_lines(text, walk.docs),
        "functions": len(walk.functions),
        "classes": walk.classes,
        "documentable": 1 + walk.classes + len(walk.functions),
        "documented": len(walk.docs),
        "paths": sum(function["paths"] for function in walk.functions),
        "lengths": _histogram(function["length"] for function in walk.functions),
        "longest": sorted(walk.functions, key=_by_length)[:TOP_OF_FILE],
        "imports": sorted(walk.imports),
        "styles": sorted_counts(Counter(map(name_style, names))),
        "names": sorted_counts(Counter(name for name in names if not name.startswith("test"))),
    }


def decode(source: bytes) -> str:
    """Decode a source file the way Python does, with every newline turned into a line feed."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return source.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


_STRING_OR_COMMENT = re.compile(
    r'''(?s)#[^\n]*|"""(?:[^\\"]|\\.|"(?!""))*"""|\'\'\'(?:[^\\']|\\.|'(?!''))*\'\'\'|"(?:[^\\"\n]|\\.)*"|'(?:[^\\'\n]|\\.)*\''''
)


def count_lines(text: str, docs: Iterable[tuple[int, int]]) -> LineCounts:
    """Split the lines of a file into code, docs, comments and blank.

    A regular expression finds strings and comments: 25 times faster than `tokenize`, which the
    cross-check `recount_comments` uses to see whether both agree.

    Args:
        text: the file.
        docs: first and last line of each docstring, from 1.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    in_string = bytearray(len(lines) + 2)
    for match in _STRING_OR_COMMENT.finditer(text):
        first, last = match.span()
        if text[first] != "#" and text.find("\n", first, last) >= 0:
            for inside in range(bisect_right(starts, first) + 1, bisect_right(starts, last - 1) + 1):
                in_string[inside] = 1
    doc_lines = {inside for first, last in docs for inside in range(first, last + 1)}
    blank = comments = documented = 0
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped:
            blank += 1
        elif number in doc_lines:
            documented += 1
        elif stripped[0] == "#" and not in_string[number]:
            comments += 1
    code = len(lines) - blank - comments - documented
    return {"lines": len(lines), "code": code, "docs": documented, "comments": comments, "blank": blank}


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_KINDS: list[type[ast.AST]] = [*ast.stmt.__subclasses__(), ast.Module, ast.ExceptHandler, ast.match_case]
_BLOCKS = {
    kind: [name for name in ("body", "orelse", "finalbody", "handlers", "cases") if name in kind._fields]
    for kind in _KINDS
}


class Walk:
    """One walk over the statements of a module; expressions are not entered, which makes it fast.

    Attributes:
        functions: all functions, also those inside others; an inner one's branches count as its own.
        classes: how many classes there are.
        docs: first and last line of each docstring.
        imports: top-level names that are imported, relative imports apart.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.functions: list[Function] = []
        self.classes = 0
        self.docs: list[tuple[int, int]] = []
        self.imports: set[str] = set()
        self._docstring(tree)
        waiting: list[tuple[ast.AST, str, Function | None]] = [(tree, "", None)]
        while waiting:
            parent, prefix, owner = waiting.pop()
            for block in _BLOCKS[type(parent)]:
                for node in getattr(parent, block):
                    inside = self._statement(node, prefix, owner)
                    if _BLOCKS[type(node)]:
                        waiting.append((node, *inside))

    def _statement(self, node: ast.AST, prefix: str, owner: Function | None) -> tuple[str, Function | None]:
        """Take note of one statement; return the prefix and the function for what is inside it."""
        if isinstance(node, _FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            owner = {"name": prefix + node.name, "line": node.lineno, "length": length, "paths": 1}
            self.functions.append(owner)
            self._docstring(node)
            return f"{prefix}{node.name}.", owner
        if isinstance(node, ast.ClassDef):
            self.classes += 1
            self._docstring(node)
            return f"{prefix}{node.name}.", None
        if isinstance(node, ast.Import):
            self.imports.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            self.imports.add(node.module.partition(".")[0])
        elif owner is not None and isinstance(node, _BRANCHES):
            owner["paths"] += 1
        return prefix, owner

    def _docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        first = node.body[0] if node.body else None
        if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
            return
        if isinstance(first.value.value, str):
            self.docs.append((first.lineno, first.end_lineno or first.lineno))


def _by_length(function: Function) -> tuple[int, int, str]:
    return (-function["length"], function["line"], function["name"])


def _histogram(lengths: Iterable[int]) -> list[int]:
    counts = [0] * len(BUCKET_NAMES)
    for length in lengths:
        counts[bisect_left(BUCKETS, length)] += 1
    return counts


def name_style(name: str) -> str:
    """Say which naming habit a function's name follows."""
    bare = name.strip("_")
    if name.startswith("__") and name.endswith("__") and bare:
        return "__dunder__"
    if not bare:
        return "only _"
    if bare == bare.lower():
        return "snake_case" if "_" in bare else "lowercase"
    if bare == bare.upper():
        return "UPPER"
    if "_" in bare:
        return "Mixed_Words"
    return "PascalCase" if bare[0].isupper() else "camelCase"


def sorted_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts, largest first; equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
