"""The report of the census: one Markdown page and its charts, as text. Plain functions, no files.

The same input gives the same bytes: no times, no paths of this machine, every list in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from census_analysis import BUCKET_NAMES, LOOSE
from census_charts import block_bar, grouped_columns, number, percent, stacked_bars

PACKAGES_SHOWN = 12
PARTS = ("code", "docs", "comments", "blank")

_CLOSING = "*Made by `examples/source_census`. The same files give the same bytes, killed on the way or not.*"

Found = Mapping[str, Any]


def render(
    tree: Found, findings: Mapping[str, Found], checks: Mapping[str, Found], unreadable: Found, disagreeing: Found
) -> dict[str, str]:
    """Return `{file name: text}` of the report `census.md` and its charts.

    Args:
        tree: what `discover` recorded.
        findings: results of the aggregations; all but `totals` may be missing.
        checks: results of the cross-checks that agreed.
        unreadable: `{path: error}` of the files that could not be analysed.
        disagreeing: `{cross-check: error}` of the others.
    """
    totals = findings["totals"]
    pages = {
        "lines-by-package.svg": _packages_chart(totals),
        "function-lengths.svg": _lengths_chart(totals),
    }
    sections = [
        _opening(tree, totals, unreadable),
        _packages(totals),
        _functions(findings.get("longest_functions")),
    ]
    if "import_graph" in findings:
        pages["most-imported.svg"] = _imports_chart(findings["import_graph"])
        sections.append(_imports(findings["import_graph"]))
    if "naming" in findings:
        sections.append(_naming(findings["naming"]))
    sections += [_failed(tree, unreadable), _checks(checks, disagreeing)]
    sections.append(f"---\n\n{_CLOSING}")
    return {"census.md": "\n\n".join(sections) + "\n", **pages}


# Sections


def _opening(tree: Found, totals: Found, unreadable: Found) -> str:
    overall = totals["overall"]
    lines = overall["lines"]
    shares = [f"{percent(_share(overall[part], lines))} {_PART_NAMES[part]}" for part in PARTS]
    documented = percent(_share(overall["documented"], overall["documentable"]))
    figures = [
        ("files read", number(overall["files"])),
        ("files that failed", number(len(unreadable))),
        ("lines", number(lines)),
        ("functions", number(overall["functions"])),
        ("classes", number(overall["classes"])),
        ("branches a function", f"{_share(overall['paths'] - overall['functions'], overall['functions']):.2f}"),
        ("with a docstring", documented),
    ]
    return "\n\n".join(
        [
            f"# Source census: {tree['title']}",
            f"**{number(overall['files'])} of {number(tree['files'])} files** could be read. They hold "
            f"**{number(lines)} lines**: {', '.join(shares[:-1])} and {shares[-1]}. There are "
            f"{number(overall['functions'])} functions and {number(overall['classes'])} classes; {documented} of "
            f"all that could have a docstring have one. {_plural(len(unreadable), 'file')} could not be read, where "
            f"up to {number(tree['budget'])} were allowed; [the list](#files-that-failed) says why.",
            _table([name for name, _ in figures], [[f"**{value}**" for _, value in figures]], "c" * len(figures)),
        ]
    )


_PART_NAMES = {"code": "code", "docs": "docstrings", "comments": "comments", "blank": "blank"}


def _packages(totals: Found) -> str:
    packages = totals["packages"]
    largest = max((package["lines"] for package in packages.values()), default=0)
    rows = []
    for name, package in list(packages.items())[:PACKAGES_SHOWN]:
        rows.append(
            [
                name if name == LOOSE else f"`{name}`",
                number(package["files"]),
                number(package["lines"]),
                block_bar(_share(package["lines"], largest)),
                number(package["functions"]),
                percent(_share(package["documented"], package["documentable"])),
                percent(_share(package["comments"], package["lines"])),
            ]
        )
    head = ["package", "files", "lines", "", "functions", "documented", "comments"]
    return _section(
        "Lines by package",
        "![Lines by package, split into code, docstrings, comments and blank lines](lines-by-package.svg)",
        _table(head, rows, "lrrlrrr"),
        _rest(len(packages) - len(rows), "smaller package"),
    )


def _functions(found: Found | None) -> str:
    parts = ["![Share of functions in each class of length](function-lengths.svg)"]
    if found is not None:
        parts.append(f"The {len(found['longest'])} longest; *branches* counts `if`, loops, `except` and `case`.")
        rows = [
            [f"`{item['name']}`", f"`{item['path']}:{item['line']}`", number(item["length"]), number(item["paths"] - 1)]
            for item in found["longest"]
        ]
        parts.append(_table(["function", "where", "lines", "branches"], rows, "llrr"))
    return _section("How long functions are", *parts)


def _imports(found: Found) -> str:
    widest = ", ".join(f"`{name}` ({count})" for name, count in found["widest"].items() if count)
    parts = [
        "![Files that import a module, library and tests](most-imported.svg)",
        f"{number(found['distinct'])} different top-level modules are imported. Of the {number(found['modules'])} "
        f"that are not tests, these import the most others of the tree: {widest or 'none'}.",
    ]
    if found["knot"]:
        shown = ", ".join(f"`{name}`" for name in found["knot"][:8])
        more = f" and {len(found['knot']) - 8} more" if len(found["knot"]) > 8 else ""
        parts.append(
            f"**The knot.** {number(len(found['knot']))} of them import each other in circles, directly or through "
            f"others, counting imports inside functions: {shown}{more}."
        )
    return _section("Who imports whom", *parts)


def _naming(found: Found) -> str:
    total = sum(found["styles"].values())
    largest = max(found["styles"].values(), default=0)
    styles = [
        [f"`{name}`", number(count), percent(_share(count, total)), block_bar(_share(count, largest))]
        for name, count in found["styles"].items()
    ]
    common = ", ".join(f"`{name}` ({number(count)})" for name, count in found["common"].items())
    return _section(
        "Names of functions",
        _table(["style", "functions", "share", ""], styles, "lrrl"),
        f"Test functions apart there are {number(found['distinct'])} different names. "
        f"The most common: {common or 'none'}." + (f" The longest: `{found['longest']}`." if found["longest"] else ""),
    )


def _failed(tree: Found, unreadable: Found) -> str:
    if not unreadable:
        return _section("Files that failed", "None.")
    used = _share(len(unreadable), tree["budget"])
    return _section(
        "Files that failed",
        f"{_plural(len(unreadable), 'file')} of {number(tree['files'])}; the failure budget is "
        f"{number(tree['budget'])}: `{block_bar(used, 20):·<20}` {percent(used)} used.",
        _table(["file", "why"], [[f"`{path}`", _cell(why)] for path, why in sorted(unreadable.items())], "ll"),
    )


def _checks(checks: Mapping[str, Found], disagreeing: Found) -> str:
    rows = [
        [f"`{name}`", "agrees", f"{_cell(check['claim'])}: so in all {number(check['checked'])} files looked at"]
        for name, check in sorted(checks.items())
    ]
    for name, why in sorted(disagreeing.items()):
        rows.append([f"`{name}`", "**disagrees**", _cell(why.rpartition("Disagreement: ")[2])])
    return _section(
        "Second opinions",
        "The same facts, found another way. Two of the three must agree.",
        _table(["cross-check", "verdict", "what it found"], rows, "lll"),
    )


# Charts


def _packages_chart(totals: Found) -> str:
    packages = list(totals["packages"].items())
    rows = [(name, [package[part] for part in PARTS]) for name, package in packages[:PACKAGES_SHOWN]]
    rest = packages[PACKAGES_SHOWN:]
    if rest:
        rows.append((f"{len(rest)} others", [sum(package[part] for _, package in rest) for part in PARTS]))
    note = f"{number(totals['overall']['lines'])} lines in {_plural(len(packages), 'package')}"
    return stacked_bars("Lines by package", note, ["code", "docstrings", "comments", "blank"], rows)


def _lengths_chart(totals: Found) -> str:
    library, tests = totals["lengths"]["library"], totals["lengths"]["tests"]
    rows = [
        (name, [_share(library[index], sum(library)), _share(tests[index], sum(tests))])
        for index, name in enumerate(BUCKET_NAMES)
    ]
    note = "Share of functions by their length in lines"
    names = [f"library ({number(sum(library))} functions)", f"tests ({number(sum(tests))} functions)"]
    return grouped_columns("How long functions are", note, names, rows)


def _imports_chart(found: Found) -> str:
    rows = [(item["module"], [item["library"], item["tests"]]) for item in found["imported"]]
    return stacked_bars("Most imported modules", "Number of files that import them", ["library", "tests"], rows)


# Markdown


def _section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *(part for part in parts if part)])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    marks = {"l": ":---", "r": "---:", "c": ":---:"}
    lines = [head, [marks[letter] for letter in align], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: object) -> str:
    """Make any text safe in a table: on one line, with no bars or markup of its own."""
    line = " ".join(str(text).split())
    for mark in "\\|<*_`[":
        line = line.replace(mark, "\\" + mark)
    return line


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _plural(count: int, what: str) -> str:
    return f"{number(count)} {what}" + ("" if count == 1 else "s")


def _rest(count: int, what: str) -> str:
    return f"And {_plural(count, what)}." if count > 0 else ""
