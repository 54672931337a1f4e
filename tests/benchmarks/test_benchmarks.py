"""The benchmarks run and their tables are whole. No figure is held to anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import BENCHMARKS, main, parser, settings_for
from benchmarks.figures import Line, Table, number, ratios, spread
from benchmarks.launch import Unable
from benchmarks.report import as_markdown, page
from benchmarks.settings import Entry, take_turns


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "figures.json"
    words = ["--only", name, "--count", "20", "--repetitions", "1", "--limit", "60"]
    assert main([*words, "--folder", str(tmp_path / "runs"), "--json", str(kept)]) == 0
    (table,) = json.loads(kept.read_text(encoding="utf-8"))["tables"]
    assert table["name"] == name
    unmeasured = {key: why for key, why in table["missing"].items() if "strace" not in why}
    assert not unmeasured
    for line in table["lines"]:
        assert line["values"], line
    assert not list((tmp_path / "runs").iterdir())


def test_contenders_take_turns_and_one_that_cannot_go_on_is_left_out() -> None:
    turns: list[str] = []

    def entry(name: str, times: int, fails_at: int = 0) -> Entry:
        def measure() -> dict[str, Any]:
            turns.append(name)
            if turns.count(name) == fails_at:
                raise Unable("gave up")
            return {"seconds": float(len(turns))}

        return Entry(name, measure, times)

    series, unable = take_turns([entry("a", 3), entry("b", 2), entry("c", 3, fails_at=2)], lambda _line: None)
    assert turns == ["a", "b", "c", "a", "b", "c", "a"]
    assert [answer["seconds"] for answer in series["a"]] == [1.0, 4.0, 7.0]
    assert len(series["b"]) == 2
    assert unable == {"c": "gave up"}
    assert "c" not in series


def test_ratios_are_made_pair_by_pair() -> None:
    assert ratios([2.0, 9.0, 4.0], [1.0, 3.0]) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,346"),
        (999.7, "1,000"),
        (123.4, "123"),
        (12.34, "12.3"),
        (0.5, "0.50"),
        (0.0123, "0.012"),
        (0, "0.00"),
    ],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_spread_shows_median_and_extremes() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    assert spread([2.0]) == "2.00"
    assert spread([]) == ""


def test_the_page_names_who_did_better() -> None:
    table = Table("chain", "A chain", "tasks/s", True)
    table.lines = [
        Line("raw", values=[9.0], yardstick=True),
        Line("durable", "power loss", [5.0], {"raw": [0.56]}, ours=True),
        Line("slower", "power loss", [4.0]),
        Line("faster", "nothing", [6.0]),
    ]
    table.missing["absent"] = "not installed: no such package"
    assert table.better_than_ours() == ["faster (survives nothing)"]
    text = as_markdown(table)
    assert "| durable | power loss | 5.00    | 0.56  |" in text
    assert "Not measured: absent: not installed: no such package" in text
    assert "- chain: faster (survives nothing)" in page([table], {"Python": "3.12"}, "Measured twice.")
    table.higher_is_better = False
    assert table.better_than_ours() == ["slower (survives power loss)"]


def test_quick_is_smaller() -> None:
    quick, whole = (settings_for(parser().parse_args(words)) for words in (["--quick"], []))
    assert (quick.small, quick.large, quick.huge) == (200, 2000, 0)
    assert (whole.small, whole.large, whole.huge) == (1000, 10_000, 100_000)
    assert quick.repetitions < whole.repetitions
