"""Sums over the facts of all files, and the same facts found another way. Plain functions, no `durable`.

All take `{path: facts}` and do not depend on its order.
"""

from __future__ import annotations

import io
import tokenize
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from census_analysis import BUCKET_NAMES, Facts, decode, is_test, module, package, sorted_counts

SUMMED = ("lines", "code", "docs", "comments", "blank", "functions", "classes", "documentable", "documented", "paths")


def _top(counts: Mapping[str, int], many: int) -> dict[str, int]:
    return dict(list(sorted_counts(counts).items())[:many])


def totals(facts: Facts) -> dict[str, Any]:
    """Add everything up: overall, by package, and the lengths of functions in library and tests."""
    overall: Counter[str] = Counter()
    packages: defaultdict[str, Counter[str]] = defaultdict(Counter)
    lengths = {"library": [0] * len(BUCKET_NAMES), "tests": [0] * len(BUCKET_NAMES)}
    for path, file in facts.items():
        row = {"files": 1, **{name: count for name, count in file.items() if isinstance(count, int)}}
        overall.update(row)
        packages[package(path)].update(row)
        side = lengths["tests" if is_test(path) else "library"]
        for index, count in enumerate(file["lengths"]):
            side[index] += count
    in_order = sorted(packages, key=lambda name: (-packages[name]["lines"], name))
    return {
        "overall": {name: overall[name] for name in ("files", *SUMMED)},
        "packages": {name: {key: packages[name][key] for key in ("files", *SUMMED)} for name in in_order},
        "lengths": lengths,
    }


def longest_functions(facts: Facts, many: int = 12) -> dict[str, Any]:
    """Find the longest functions; the candidates are the longest few of each file."""
    found: list[dict[str, Any]] = [
        {"path": path, **function} for path, file in facts.items() for function in file["longest"]
    ]
    found.sort(key=lambda item: (-item["length"], item["path"], item["line"]))
    return {"longest": found[:many], "candidates": len(found)}


def import_graph(facts: Facts, many: int = 15) -> dict[str, Any]:
    """Count which modules are imported by how many files, and find the largest knot.

    A knot is a set of top-level modules each of which imports, directly or through others, every
    other one. Tests are left out of the knots, and files of a package that import it are not counted.
    """
    library: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    edges: defaultdict[str, set[str]] = defaultdict(set)
    for path, file in facts.items():
        own = module(path)
        others = [name for name in file["imports"] if name != own]
        (tests if is_test(path) else library).update(others)
        if not is_test(path):
            edges[own].update(others)
    both = _top(library + tests, many)
    widest = _top({name: len(others & edges.keys()) for name, others in edges.items()}, 5)
    knots = _knots({name: others & edges.keys() for name, others in edges.items()})
    return {
        "imported": [{"module": name, "library": library[name], "tests": tests[name]} for name in both],
        "distinct": len(library.keys() | tests.keys()),
        "modules": len(edges),
        "widest": widest,
        "knot": knots[0] if knots else [],
        "knots": len(knots),
    }


def _knots(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of nodes that reach each other, of two or more nodes, largest first."""
    reach = {name: _reachable(name, edges) for name in edges}
    knots = {tuple(sorted(other for other in reach[name] if name in reach[other])) for name in edges}
    return sorted((list(knot) for knot in knots if len(knot) > 1), key=lambda knot: (-len(knot), knot))


def _reachable(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def naming(facts: Facts) -> dict[str, Any]:
    """Count the naming habits of functions and their most common names (tests' names apart)."""
    styles: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for file in facts.values():
        styles.update(file["styles"])
        names.update(file["names"])
    longest = sorted(names, key=lambda name: (-len(name), name))[:1]
    return {
        "styles": sorted_counts(styles),
        "common": _top(names, 12),
        "distinct": len(names),
        "longest": longest[0] if longest else "",
    }


# Cross-checks: the same facts found another way


class Disagreement(AssertionError):
    """A cross-check found something else than the census."""


def recount_lines(root: Path, facts: Facts) -> dict[str, Any]:
    """Count lines in the raw bytes of every file and compare."""
    wrong = [path for path in facts if len(root.joinpath(path).read_bytes().splitlines()) != facts[path]["lines"]]
    return _verdict("line counts from the raw bytes", len(facts), wrong)


def recount_comments(root: Path, facts: Facts, one_in: int = 40) -> dict[str, Any]:
    """Count comment lines of a sample with the standard tokenizer and compare."""
    sample = [path for path in sorted(facts) if zlib.crc32(path.encode()) % one_in == 0]
    wrong = [path for path in sample if _comment_lines(root / path) != facts[path]["comments"]]
    return _verdict("comment lines from the standard tokenizer", len(sample), wrong)


def _comment_lines(path: Path) -> int:
    """Count the lines that hold nothing but a comment, with the standard tokenizer."""
    text = decode(path.read_bytes())
    comments = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        comments += token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
    return comments


def compile_smallest(root: Path, facts: Facts, many: int = 300) -> dict[str, Any]:
    """Compile the smallest files: what parses should compile, but need not."""
    sample = sorted(facts, key=lambda path: (facts[path]["lines"], path))[:many]
    wrong = [path for path in sorted(sample) if not _compiles(root / path)]
    return _verdict("what parses also compiles", len(sample), wrong)


def _compiles(path: Path) -> bool:
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _verdict(claim: str, checked: int, wrong: list[str]) -> dict[str, Any]:
    """Return what a cross-check found, or raise if it disagrees anywhere."""
    if wrong:
        raise Disagreement(f"{claim}: not so for {len(wrong)} of {checked} files, the first {wrong[0]}")
    return {"claim": claim, "checked": checked}
