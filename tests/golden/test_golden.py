"""Stores that older releases wrote are read, go on and fork as they did when they were written.

What must hold stands in the list beside each store. Every test works on a copy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from durable import DefinitionError, PayloadRefused, list_runs, open_run
from durable.cli import main
from tests.golden.going_on import forked, mended, resumed
from tests.golden.golden import BY_NAME, FOLDER, STORES, Golden, live_workflow
from tests.golden.reading import facts, opened

LISTS = {golden.name: golden.list() for golden in STORES}
RUNS = [(golden, run_id) for golden in STORES for run_id in LISTS[golden.name]["runs"]]
ENDS = ("resumed", "forks")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

each_store = pytest.mark.parametrize("golden", STORES, ids=lambda golden: golden.name)
each_run = pytest.mark.parametrize(("golden", "run_id"), RUNS, ids=[f"{one.name}-{run_id}" for one, run_id in RUNS])


@pytest.fixture(autouse=True)
def readable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that the store was written with; code by value can be read only by the Python that wrote it."""
    for name in ("DURABLE_SIGNING_KEY", "DURABLE_STORE"):
        monkeypatch.delenv(name, raising=False)
    asked = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    golden = asked.get("golden", STORES[0])
    if golden.key is not None:
        monkeypatch.setenv("DURABLE_SIGNING_KEY", golden.key)
    if golden.name == "by_value" and "run_id" in asked and LISTS[golden.name]["python"] != HERE:
        pytest.skip(f"code by value of Python {LISTS[golden.name]['python']} cannot be read by {HERE}")


def command(url: str, *words: str, exits: tuple[int, ...] = (0,)) -> Result:
    """Run a command of the command line on a store."""
    result = CliRunner().invoke(main, [*words, "--store", url])
    assert result.exit_code in exits, (words, result.output)
    return result


@each_store
def test_all_runs_are_listed_with_their_status(golden: Golden, tmp_path: Path) -> None:
    listed = {run_id: said["status"] for run_id, said in LISTS[golden.name]["runs"].items()}
    assert {info.run_id: info.shown_status for info in list_runs(store=golden.copy(tmp_path))} == listed


@each_store
def test_verify_finds_every_log_intact(golden: Golden, tmp_path: Path) -> None:
    found = json.loads(command(golden.copy(tmp_path), "verify", "--json").stdout)
    whole = [run_id for run_id, said in LISTS[golden.name]["runs"].items() if "pruned" not in said]
    assert found["damaged"] == 0
    assert sorted(one["run_id"] for one in found["runs"]) == sorted(whole)


@each_run
def test_a_run_says_what_it_said(golden: Golden, run_id: str, tmp_path: Path) -> None:
    """Status, result, tasks, values, members of groups, channel, metadata, questions, plan and each event."""
    listed = {name: one for name, one in LISTS[golden.name]["runs"][run_id].items() if name not in ENDS}
    assert facts(golden.copy(tmp_path), run_id, listed["at"], golden.module) == listed


@each_run
def test_a_run_goes_on_to_the_listed_end(golden: Golden, run_id: str, tmp_path: Path) -> None:
    """What is recorded is not done again: the list names each body that begins. Ended runs stay as they are."""
    listed = LISTS[golden.name]["runs"][run_id]
    assert resumed(golden, run_id, listed["at"], tmp_path) == listed.get("resumed")


@each_run
def test_forks_of_a_run_end_as_listed(golden: Golden, run_id: str, tmp_path: Path) -> None:
    listed = LISTS[golden.name]["runs"][run_id]
    for name, fork in listed.get("forks", {}).items():
        found = forked(golden, run_id, listed["at"], tmp_path, fork["where"])
        assert {"where": fork["where"], **found} == fork, name


@each_store
def test_the_command_line_shows_logs_plans_and_runs(golden: Golden, tmp_path: Path) -> None:
    """Without the program: nothing is imported, and the file that the run recorded is not there."""
    url, runs = golden.copy(tmp_path), LISTS[golden.name]["runs"]
    for run_id, said in list(runs.items())[:10]:
        assert said["status"] in command(url, "show", run_id).stdout
        if "pruned" in said:
            continue
        log = [json.loads(line) for line in command(url, "log", run_id, "--json").stdout.splitlines()]
        assert [event["seq"] for event in log] == list(range(1, said["events"] + 1))
        shown = json.loads(command(url, "show", run_id, "--json").stdout)
        statuses = {one["id"]: one["status"] for one in [*shown["tasks"], *shown["groups"]]}
        assert {name: statuses[name] for name in said["tasks"]} == said["tasks"]
        planned = json.loads(command(url, "plan", run_id, "--json", exits=(0, 4, 7)).stdout)
        assert planned["divergence"] == []
        if said["status"] != "suspended":  # by the clock of today every timer is due
            assert planned["resumes"] == ("resumes: True" in said["plan"])


def test_a_run_whose_file_is_gone_asks_for_its_workflow(tmp_path: Path) -> None:
    """The live workflow is all that it needs, as test_a_run_goes_on_to_the_listed_end shows."""
    golden = BY_NAME["chains"]
    with opened(golden.copy(tmp_path), LISTS["chains"]["runs"]["killed"]["at"]) as store:
        run = open_run("killed", store)
        with pytest.raises(DefinitionError, match=r"there is no file /srv/golden/.*chains\.py"):
            run.resume()
        assert live_workflow(mended(golden), "mortal").resume("killed", store=store) == "BEGUN AND DIED 2 TIMES"


def test_a_signed_store_is_refused_without_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another key all of it is refused, and with a key the pickles of a store that was written without one."""
    monkeypatch.setenv("DURABLE_SIGNING_KEY", "another key")
    for name, why in (("payloads_signed", "does not match its signature"), ("payloads", "an unsigned pickle")):
        url, at = BY_NAME[name].copy(tmp_path), LISTS[name]["runs"]["values"]["at"]
        with opened(url, at) as store, pytest.raises(PayloadRefused, match=why):
            _ = open_run("values", store).results


def test_signed_values_say_the_same_as_unsigned_ones() -> None:
    signed, plain = (LISTS[name]["runs"] for name in ("payloads_signed", "payloads"))
    for run_id, said in plain.items():
        same = said.keys() - {"log"}
        assert {name: signed[run_id][name] for name in same} == {name: said[name] for name in same}


def test_each_store_is_one_file_that_tells_nothing_of_the_machine_that_wrote_it() -> None:
    files = {path.name for path in (FOLDER / "stores").iterdir()}
    assert files == {f"{name}.db" for name in BY_NAME} | {f"{golden.name}.json" for golden in STORES}
    for golden in BY_NAME.values():
        data = golden.database.read_bytes()
        assert b"/srv/golden/" in data
        for place in (b"/home/", b"/root/", b"/tmp/", b"/Users/", b"site-packages"):
            assert place not in data, (golden.name, place)
