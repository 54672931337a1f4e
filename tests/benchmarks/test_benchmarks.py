"""The benchmarks run and their tables are whole. No figure is held to anything."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ROOT
from benchmarks.__main__ import BENCHMARKS, main, parser, settings_for
from benchmarks.counting import Counter, preloaded, strace
from benchmarks.environments import PEERS, Environment
from benchmarks.figures import Line, Table, number, ratios, spread
from benchmarks.launch import Unable, fresh_folder, measure
from benchmarks.report import as_markdown, page
from benchmarks.settings import Entry, Settings, take_turns
from benchmarks.summary import Row, summary
from benchmarks.throughput import OURS, RAW

NOT_HERE = ("strace", "Task.map", "--no-peers")
SETTINGS = Settings(
    small=20,
    large=200,
    huge=2000,
    events=2000,
    members=(100, 1000),
    repetitions=1,
    peer_repetitions=1,
    folder=Path("runs"),
    limit=60.0,
    share=60.0,
    judged=True,
)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs(name: str, tmp_path: Path) -> None:
    """Every benchmark measures durable with few tasks, keeps every value, and leaves nothing behind."""
    kept = tmp_path / "figures.json"
    words = ["--no-peers", "--only", name, "--count", "20", "--repetitions", "1", "--limit", "60"]
    assert main([*words, "--folder", str(tmp_path / "runs"), "--json", str(kept)]) == 0
    (table,) = json.loads(kept.read_text(encoding="utf-8"))["tables"]
    assert table["name"] == name
    assert not {key: why for key, why in table["missing"].items() if not any(word in why for word in NOT_HERE)}
    assert table["lines"] or "all" in table["missing"]
    for line in table["lines"]:
        assert line["values"], line
    assert not list((tmp_path / "runs").iterdir())
    assert f"## {name}: " in (tmp_path / "last.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="both ways to count syncs are Linux's")
def test_both_ways_to_count_syncs_see_the_same(tmp_path: Path) -> None:
    """A program's syncs are the same by strace and by the preloaded library, at least one for each commit."""
    seen = []
    for way in (strace(), preloaded()):
        if not isinstance(way, Counter):
            pytest.skip(way)
        answer = measure(RAW, "chain", 20, tmp_path, 60, prefix=way.prefix, look=way.look, options={"warm_up": False})
        seen.append(answer["syncs"])
    assert seen[0] == seen[1] >= 20


@pytest.mark.slow
def test_memory_is_that_of_the_measured_process(tmp_path: Path) -> None:
    """A large harness does not show in the memory of the small program that it starts."""
    ballast = bytearray(300_000_000)
    answer = measure(RAW, "chain", 20, tmp_path, 60)
    assert len(ballast) > 2 * answer["peak"] > 2 * answer["before"] - 1 > 0


def test_contenders_take_turns_and_one_that_cannot_go_on_is_left_out() -> None:
    """Entries are measured in turn; one that fails loses its answers and its reason is kept."""
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


def test_a_peer_whose_share_is_used_up_keeps_what_it_has() -> None:
    """A peer over its share is measured no more: answers stay, and what has none says why."""
    spent = {"Slow": 0.0}

    def entry(name: str, peer: str) -> Entry:
        def measure() -> dict[str, Any]:
            spent["Slow"] += 6.0 if peer else 0.0
            return {}

        return Entry(name, measure, 2, peer)

    entries = [entry("ours", ""), entry("first", "Slow"), entry("second", "Slow"), entry("third", "Slow")]
    series, unable = take_turns(entries, lambda _line: None, spent, share=10.0)
    assert {name: len(answers) for name, answers in series.items()} == {"ours": 2, "first": 1, "second": 1}
    assert set(unable) == {"third"}
    assert "10 s" in unable["third"]


def test_a_peer_that_takes_no_part_is_listed_with_the_reason() -> None:
    """A peer that is not installed, or cannot do something, is missing with its reason and is not asked."""
    absent = Environment(PEERS[0], None, "not installed: no such package")
    present = [Environment(peer, Path("python"), "1.0") for peer in PEERS[1:]]
    settings = replace(SETTINGS, peers={each.peer.name: each for each in (absent, *present)})
    missing = settings.missing("resume")
    assert missing[PEERS[0].name] == "not installed: no such package"
    assert "nothing is recorded" in missing["litestar-workflows 1.0"]
    assert {each.peer.name for each in settings.able("resume")} == {"LangGraph", "Graflow"}
    assert settings.times("Prefect") == 1


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.restarted], ids=lambda peer: peer.name)
def test_a_peers_script_is_there(peer: Any) -> None:
    """Every script that a peer is killed in exists and compiles."""
    path = ROOT / "benchmarks" / "peers" / peer.restarted
    compile(path.read_text(encoding="utf-8"), path.name, "exec")


def test_ratios_are_made_pair_by_pair() -> None:
    """A ratio is made within a repetition, as far as both sides go."""
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
    """A figure has three digits that count."""
    assert number(value) == text


def test_spread_shows_median_and_extremes() -> None:
    """Several values show as median and extremes, one as itself."""
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    assert spread([2.0]) == "2.00"
    assert spread([]) == ""


def test_the_page_names_who_did_better() -> None:
    """Whoever has a better median than durable in the same case is named, by every figure of the table."""
    table = Table("chain", "A chain", "tasks/s", True)
    table.lines = [
        Line("raw", values=[9.0], yardstick=True),
        Line("durable", "power loss", [5.0], {"raw": [0.56]}, ours=True, more={"peak MB": [30.0]}),
        Line("durable, 64", values=[100.0], ours=True, case="64"),
        Line("slower", "power loss", [4.0], more={"peak MB": [20.0]}),
        Line("faster", "nothing", [6.0], more={"peak MB": [40.0]}),
    ]
    table.missing["absent"] = "not installed: no such package"
    faster, smaller = table.better_than_ours()
    assert faster == "faster (6.00 tasks/s against 5.00; survives nothing)"
    assert smaller == "slower (20.0 peak MB against 30.0; survives power loss)"
    text = as_markdown(table)
    assert "| durable     | power loss | 5.00    | 0.56  | 30.0    |" in text
    assert "Not measured: absent: not installed: no such package" in text
    whole = page([table], {"Python": "3.12"}, "Measured twice.", SETTINGS)
    assert f"- chain: {faster}; {smaller}" in whole
    assert whole.index("Where another library did better") < whole.index("## chain: A chain")
    table.higher_is_better = False
    assert table.better_than_ours()[0].startswith("slower (4.00 tasks/s")


def test_the_summary_says_what_is_met_and_who_is_better() -> None:
    """The summary shows durable beside target, raw and peers, one row for what was measured."""
    table = Table("help", "Help", "ms", False)
    table.lines = [
        Line("durable --help", values=[210.0, 205.0], ours=True, who="durable"),
        Line("Peer 1", values=[90.0]),
    ]
    chain = Table("chain-full", "A chain", "tasks/s", True)
    chain.lines = [
        Line("raw sqlite3", "power loss", [90.0], yardstick=True),
        Line("durable", "power loss", [99.0], {"raw sqlite3": [1.1]}, ours=True),
    ]
    head, rows = summary([table, chain], SETTINGS)
    assert head == ["work", "unit", "durable", "target", "met", "raw sqlite3", "Peer 1"]
    found = {(row[0], row[1]): row[2:] for row in rows}
    assert found["results survive (FULL)", ""] == ["power loss", "", "", "power loss", ""]
    assert found["chain of 20, FULL", "tasks/s"] == ["99.0", "", "", "90.0", ""]
    assert found["chain of 20, FULL", "of raw"] == ["1.10", "at least 1", "yes", "", ""]
    assert found["`--help` of its command", "ms"] == ["208 (205-210)", "at most 200", "no", "", "**90.0**"]
    _, rows = summary([table, chain], replace(SETTINGS, judged=False))
    assert {row[4] for row in rows} == {""}


def test_a_target_is_met_by_the_median() -> None:
    """A target is held against the median, in the direction that is better."""
    assert Row("", "", "", target=3.0).met([1.0, 3.0, 9.0])
    assert not Row("", "", "", target=3.0, higher_is_better=True).met([1.0, 2.0, 9.0])


def test_quick_is_smaller() -> None:
    """Without words everything is measured, peers too; --quick measures less of all."""
    quick, whole = (
        settings_for(parser().parse_args([*words, "--no-peers"]), lambda _line: None) for words in (["--quick"], [])
    )
    assert parser().parse_args([]).peers
    assert (quick.small, quick.large, quick.huge) == (200, 2000, 0)
    assert (whole.small, whole.large, whole.huge) == (1000, 10_000, 100_000)
    assert (whole.events, whole.members) == (100_000, (100_000, 1_000_000))
    assert quick.repetitions < whole.repetitions
    assert whole.judged
    assert not quick.judged


def test_the_programs_need_only_the_standard_library_of_the_harness() -> None:
    """What peers' programs import of the harness loads without durable and its dependencies."""
    code = "import sys, benchmarks.protocol; print({'durable', 'msgspec', 'tools'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_folder_is_gone_whatever_happens_in_it(tmp_path: Path) -> None:
    """Nothing of a measurement stays on the disk, even when it fails."""
    with contextlib.suppress(Unable), fresh_folder(tmp_path) as folder:
        (folder / "file").touch()
        raise Unable("failed")
    assert not list(tmp_path.iterdir())


def test_names_tell_cases_apart() -> None:
    """A contender's line keeps whose it is and in which case, beside the name that is shown."""
    line = replace(OURS, case="8 in flight").line([1.0])
    assert (line.name, line.who, line.case, line.ours) == ("durable, 8 in flight", "durable", "8 in flight", True)
