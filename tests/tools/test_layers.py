"""The contract ``only_imports`` finds what it must find, in a package made for the purpose."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

grimp = pytest.importorskip("grimp", reason="the gate's tools are not installed")

from tools.layers import OnlyImports, circle_in, inside, room  # noqa: E402


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    package = tmp_path / "layered_sample"
    (package / "core").mkdir(parents=True)
    files = {"__init__": "", "errors": "", "engine": "import layered_sample.core.a", "core/__init__": "", "core/b": ""}
    files["core/a"] = "import re, time\nimport layered_sample.errors, layered_sample.core.b, layered_sample.engine"
    for name, text in files.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return grimp.build_graph("layered_sample", include_external_packages=True, cache_dir=None)


def illegal(graph: Any, allowed: list[str], **options: str) -> list[str]:
    settings = {"sources": ["layered_sample.core"], "allowed": allowed, **options}
    contract = OnlyImports("sample", {"root_packages": ["layered_sample"]}, settings)
    return [imported for _, imported, _ in contract.check(graph, verbose=False).metadata["illegal"]]


def test_everything_not_allowed_is_found(graph: Any) -> None:
    allowed = ["layered_sample.core", "layered_sample.errors", "re"]
    assert illegal(graph, allowed) == ["layered_sample.engine", "time"]


def test_options_widen_the_list(graph: Any) -> None:
    allowed = ["layered_sample.errors"]
    assert illegal(graph, allowed, within_sources="true", any_external="true") == ["layered_sample.engine"]


def test_a_source_that_is_gone_is_an_error(graph: Any) -> None:
    contract = OnlyImports("sample", {"root_packages": []}, {"sources": ["layered_sample.old"], "allowed": []})
    with pytest.raises(ValueError, match="does not exist"):
        contract.check(graph, verbose=False)


def test_a_prefix_of_a_name_is_not_a_package() -> None:
    assert inside("durable.store", {"durable.store"})
    assert not inside("durable.stores", {"durable.store"})


def test_a_circle_is_named_in_the_order_of_its_imports() -> None:
    graph = {"a": {"b", "x"}, "b": {"c"}, "c": {"a"}, "x": set[str]()}
    found = circle_in(graph)
    assert set(found) == {"a", "b", "c"}
    assert all(after in graph[before] for before, after in pairwise(found))
    graph["c"].clear()
    assert circle_in(graph) == []


def test_a_store_is_one_room() -> None:
    assert room("durable.engine.drive") == "durable.engine"
    assert room("durable_sqlite.log_writer") == "durable_sqlite"
