"""The computing parts of the source census: analysis, report, and what its demonstration reads."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import tokenize
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "source_census"
MODULES = ("census_analysis", "census_sums", "census_charts", "census_report", "demo_evidence")


@pytest.fixture(scope="module")
def census() -> Iterator[dict[str, ModuleType]]:
    """The example's modules, imported the way a run imports them: from their folder."""
    import importlib

    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree with files that are fine, empty, in Latin-1, and broken in three ways."""
    files = {
        "alpha.py": b'"""Doc of\n\ntwo lines."""\n\nimport os, sys\nimport beta\n\n# a comment\n'
        b"def f(x):\n    return x  # trailing\n",
        "beta.py": b"import alpha\nfrom pack.inner import thing\n\n\n"
        b"def camelCase():\n    if 1:\n        for i in ():\n            pass\n",
        "empty.py": b"",
        "pack/__init__.py": b"from . import inner\n",
        "pack/inner.py": b'class Thing:\n    "Doc."\n    def __init__(self):\n        """Doc."""\n'
        b"        def inner_one():\n            while 0: pass\n",
        "pack/test/test_inner.py": b"import pack\r\nimport unittest\r\n\r\ndef test_it():\r\n    pass\r\n",
        "latin.py": "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
        "undecodable.py": b"x = '\xe9'\n" * 3,
        "undecodable_late.py": b"#\n" * 2 + b"x = '\xe9'\n",
        "unknown_encoding.py": b"# coding: klingon\n",
        "unparsable.py": b"print 'two'\n",
        "nul.py": b"x = 1\0\n",
        "site-packages/other.py": b"x = 1\n",
        "__pycache__/cached.py": b"x = 1\n",
        "notes.txt": b"not Python",
    }
    for name, source in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source)
    return tmp_path / "tree"


def _run(census: dict[str, ModuleType], root: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Analyse every file of a tree; return the facts, and the errors of those that failed."""
    analysis, facts, errors = census["census_analysis"], {}, {}
    for path in analysis.discover(root):
        try:
            facts[path] = analysis.analyse((root / path).read_bytes(), path)
        except (SyntaxError, ValueError) as error:
            errors[path] = f"{type(error).__name__}: {error}"
    return facts, errors


def _render(census: dict[str, ModuleType], root: Path) -> dict[str, str]:
    sums = census["census_sums"]
    facts, errors = _run(census, root)
    findings = {
        step.__name__: step(facts) for step in (sums.totals, sums.longest_functions, sums.import_graph, sums.naming)
    }
    checks = {"recount_lines": sums.recount_lines(root, facts)}
    discovered = {"title": "a small tree", "files": len(facts) + len(errors), "bytes": 1, "budget": 5}
    pages: dict[str, str] = census["census_report"].render(
        discovered, findings, checks, unreadable=errors, disagreeing={"compile_smallest": "no | not *so*"}
    )
    return pages


def test_discover_is_sorted_and_leaves_out_what_is_not_source(census: dict[str, ModuleType], tree: Path) -> None:
    found = census["census_analysis"].discover(tree)
    assert list(found) == sorted(found)
    assert found["empty.py"] == 0
    assert "pack/test/test_inner.py" in found
    assert not [path for path in found if "site-packages" in path or "__pycache__" in path or path.endswith(".txt")]


def test_broken_files_fail_with_what_python_says(census: dict[str, ModuleType], tree: Path) -> None:
    _, errors = _run(census, tree)
    assert sorted(errors) == [
        "nul.py", "undecodable.py", "undecodable_late.py", "unknown_encoding.py", "unparsable.py",
    ]  # fmt: skip
    assert errors["undecodable_late.py"].startswith("UnicodeDecodeError")
    assert "klingon" in errors["unknown_encoding.py"]
    assert "print" in errors["unparsable.py"]


def test_facts_of_one_file(census: dict[str, ModuleType], tree: Path) -> None:
    facts, _ = _run(census, tree)
    alpha = facts["alpha.py"]
    assert [alpha[part] for part in ("lines", "code", "docs", "comments", "blank")] == [10, 4, 2, 1, 3]
    assert alpha["imports"] == ["beta", "os", "sys"]
    assert (alpha["documentable"], alpha["documented"]) == (2, 1)
    assert facts["empty.py"]["lines"] == 0
    assert facts["pack/__init__.py"]["imports"] == []
    assert facts["beta.py"]["longest"] == [{"name": "camelCase", "line": 5, "length": 4, "paths": 3}]
    inner = facts["pack/inner.py"]
    assert [function["name"] for function in inner["longest"]] == ["Thing.__init__", "Thing.__init__.inner_one"]
    assert [function["paths"] for function in inner["longest"]] == [1, 2]
    assert (inner["classes"], inner["documented"]) == (1, 2)


def test_facts_are_exact_in_json(census: dict[str, ModuleType], tree: Path) -> None:
    facts, _ = _run(census, tree)
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("name", ["ast", "difflib", "inspect", "re/_parser", "string", "test/test_grammar"])
def test_lines_agree_with_the_standard_tokenizer(census: dict[str, ModuleType], name: str) -> None:
    import os

    path = Path(os.__file__).parent / f"{name}.py"
    if not path.exists():
        pytest.skip(f"this Python comes without {name}")
    analysis = census["census_analysis"]
    source = path.read_bytes()
    facts = analysis.analyse(source)
    comments = 0
    for token in tokenize.generate_tokens(io.StringIO(analysis.decode(source)).readline):
        comments += token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
    assert facts["comments"] == comments
    assert facts["lines"] == len(source.splitlines())


def test_a_hash_inside_a_string_is_no_comment(census: dict[str, ModuleType]) -> None:
    source = b'x = """\n# not a comment\n\\"""# nor this\n"""\n# but this\ny = "# no"\n'
    facts = census["census_analysis"].analyse(source)
    assert (facts["comments"], facts["code"]) == (1, 5)


def test_totals_add_up_over_packages(census: dict[str, ModuleType], tree: Path) -> None:
    sums = census["census_sums"]
    facts, _ = _run(census, tree)
    totals = sums.totals(facts)
    assert totals["overall"]["files"] == len(facts)
    assert totals["overall"]["lines"] == sum(package["lines"] for package in totals["packages"].values())
    assert sum(totals["lengths"]["tests"]) == 1
    graph = sums.import_graph(facts)
    assert graph["knot"] == ["alpha", "beta"]
    assert {"module": "unittest", "library": 0, "tests": 1} in graph["imported"]
    assert "pack" not in {item["module"] for item in graph["imported"] if item["tests"]}
    assert sums.naming(facts)["styles"] == {"snake_case": 2, "__dunder__": 1, "camelCase": 1, "lowercase": 1}
    backwards = dict(reversed(facts.items()))
    for step in (sums.totals, sums.longest_functions, sums.import_graph, sums.naming):
        assert json.dumps(step(facts)) == json.dumps(step(backwards))


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("__init__", "__dunder__"), ("_", "only _"), ("_private_one", "snake_case"), ("run", "lowercase"),
        ("setUp", "camelCase"), ("Thing", "PascalCase"), ("do_GET", "Mixed_Words"), ("DO_IT", "UPPER"),
    ],
)  # fmt: skip
def test_the_style_of_a_name_is_told(census: dict[str, ModuleType], name: str, style: str) -> None:
    assert census["census_analysis"].name_style(name) == style


def test_cross_checks_agree_or_say_where_not(census: dict[str, ModuleType], tree: Path) -> None:
    sums = census["census_sums"]
    facts, _ = _run(census, tree)
    assert sums.recount_lines(tree, facts)["checked"] == len(facts)
    assert sums.recount_comments(tree, facts, one_in=1)["checked"] == len(facts)
    assert sums.compile_smallest(tree, facts)["checked"] == len(facts)
    (tree / "late.py").write_text("x = 1\nfrom __future__ import annotations\n")
    facts, _ = _run(census, tree)
    with pytest.raises(sums.Disagreement, match=r"1 of 8 files, the first late\.py"):
        sums.compile_smallest(tree, facts)


def test_the_report_is_the_same_for_the_same_files(census: dict[str, ModuleType], tree: Path) -> None:
    pages = _render(census, tree)
    assert pages == _render(census, tree)
    assert sorted(pages) == ["census.md", "function-lengths.svg", "lines-by-package.svg", "most-imported.svg"]


def test_the_report_names_what_failed_and_embeds_its_charts(census: dict[str, ModuleType], tree: Path) -> None:
    pages = _render(census, tree)
    page = pages["census.md"]
    assert "**7 of 12 files** could be read" in page
    assert "| `unparsable.py` | SyntaxError" in page
    assert r"no \| not \*so\*" in page
    for name in pages.keys() - {"census.md"}:
        assert f"]({name})" in page
        assert ElementTree.fromstring(pages[name]).tag.endswith("svg")


def test_the_report_does_without_what_is_not_critical(census: dict[str, ModuleType]) -> None:
    totals = census["census_sums"].totals({})
    tree = {"title": "nothing", "files": 0, "bytes": 0, "budget": 1}
    pages = census["census_report"].render(tree, {"totals": totals}, {}, {}, {})
    assert "None." in pages["census.md"]
    assert "most-imported.svg" not in pages


def test_charts_escape_and_shorten_labels(census: dict[str, ModuleType]) -> None:
    charts = census["census_charts"]
    drawn = charts.stacked_bars("a < b", "note", ["one"], [("x" * 40, [3.0]), ("<&>", [0.0])])
    assert ElementTree.fromstring(drawn) is not None
    assert "x" * 40 not in drawn
    assert charts.block_bar(0.5, 4) == "██"
    assert charts.block_bar(0.001, 4) == "▏"
    assert charts.block_bar(0, 4) == ""


def test_the_demonstration_reads_the_log_with_plain_sql(census: dict[str, ModuleType], tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    log = census["demo_evidence"].Log(database, "r")
    assert log.settled_files() == 0
    rows = [
        (1, "RunCreated", None, 0), (2, "TaskStarted", "a.py", 1), (3, "TaskStarted", "b.py", 1),
        (4, "TaskStarted", "c.py", 1), (5, "TaskSucceeded", "a.py", 1), (6, "TaskFailed", "b.py", 1),
        # killed here, with c.py in flight
        (7, "TaskInterrupted", "c.py", 1), (8, "TaskStarted", "c.py", 2), (9, "TaskSucceeded", "c.py", 2),
        (10, "TaskStarted", "report", 1), (11, "TaskSucceeded", "report", 1),
    ]  # fmt: skip
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE runs (run INTEGER, run_id TEXT)")
        connection.execute("CREATE TABLE events (run, seq, time, type, task_id, attempt)")
        connection.execute("INSERT INTO runs VALUES (1, 'r'), (2, 'other')")
        connection.execute("INSERT INTO events VALUES (2, 1, 0, 'TaskSucceeded', 'a.py', 1)")
        connection.executemany(
            "INSERT INTO events VALUES (1, ?, ?, ?, ?, ?)", [(seq, seq * 1_000_000, *rest) for seq, *rest in rows]
        )
    connection.close()
    assert (log.settled_files(), log.last_seq(), log.first_start_after(6)) == (3, 11, 8.0)
    proof = log.evidence(6)
    assert (proof.recorded, proof.failed, proof.in_flight) == (1, 1, 1)
    assert (proof.started_after, proof.again, proof.twice, proof.files) == (2, 1, 0, 3)
    assert (proof.seconds_saved, proof.seconds_worked) == (3.0, 5.0)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("INSERT INTO events VALUES (1, 12, 0, 'TaskStarted', 'a.py', 2)")
    connection.close()
    assert log.evidence(6).twice == 1
