"""Runs with maps, killed around commits, between windows and while items are read: every item exactly once.

Seven kills each, the same in every run of the tests; all of them with ``DURABLE_EVERY_BOUNDARY=1``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from durable.testing import CrashKit, Kill, Outcome, Trial, Workload
from durable.values.payloads import decode

FILE = str(Path(__file__).with_name("mapping_flows.py"))
AT_MOST = None if os.environ.get("DURABLE_EVERY_BOUNDARY") else 7
MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None

SQUARES = {str(n): n * n for n in range(30)}
NAMED = {f"item {n}": n * n for n in range(30)}
ENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "unkeyed": ("group", SQUARES),
    "reordered": ("group", NAMED),
    "listed": ("group", SQUARES),
    "chunked": ("group", SQUARES),
    "best_effort": ("group", {str(n): n for n in range(30) if n % 7 != 3}),
    "retried": ("group", {str(n): n for n in range(30)}),
    "failing": ("group", {f"item {n}": n for n in range(30) if n % 7 != 3}),
    "over_a_result": ("group", {str(n): n + 1 for n in range(30)}),
    "keyed_result": ("group", {str(n): n + 1 for n in range(30)}),
    "map_of_a_map": ("group", {str(n): n * n + 1 for n in range(30)}),
    "scheduled": ("schedules/group", {f"item {n}": n * n for n in range(20)}),
    "members_schedule": ("group", {str(n): n for n in range(30)}),
    "policy_retries": ("group", {str(n): n for n in range(20)}),
}
"""The map and its values, by workflow."""


def values(outcome: Outcome, group: str) -> dict[str, Any]:
    """What a map's members returned, by name."""
    found = {name: value for name, value in outcome.results.items() if name.startswith(f"{group}/") and value}
    return {name[len(group) + 1 :]: decode(*value) for name, value in found.items() if not name.endswith("/works")}


def check(kit: CrashKit, name: str) -> None:
    """The unkilled run came to what the workload says."""
    group, expected = ENDS[name]
    outcome = kit.reference.outcome
    assert outcome.status == ("failed" if name == "failing" else "succeeded")
    assert {key: value for key, value in values(outcome, group).items() if "/" not in key} == expected


def windows(trial: Trial) -> list[int]:
    """The events that recorded members."""
    return [event.seq for event in trial.events() if event.type == "MembersAdded"]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ENDS)
def test_killed_before_and_after_commits(name: str) -> None:
    """Before and after commits: no member runs again after its success, none is missing."""
    with CrashKit(Workload(FILE, name), place=PLACE) as kit:
        check(kit, name)
        report = kit.boundaries(at_most=AT_MOST, seed=len(name)).check()
        assert report.landed > report.kills * 0.6


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["unkeyed", "reordered", "scheduled", "map_of_a_map"])
def test_killed_between_the_windows(name: str) -> None:
    """Before and after each of them was recorded, and the process that goes on as well."""
    with CrashKit(Workload(FILE, name), place=PLACE) as kit:
        trial = kit.trial()
        trial.drive_on()
        seqs = windows(trial)
        assert len(seqs) >= 2
        for seq in seqs if AT_MOST is None else seqs[-3:]:
            kit.run_killed([Kill.before(seq), Kill.after(seq + 1), Kill.after(seq + 9)]).check()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["unkeyed", "map_of_a_map"])
def test_killed_at_random_instants(name: str) -> None:
    """On a disk, some of the runs killed again while they go on."""
    with CrashKit(Workload(FILE, name)) as kit:
        kit.random_kills(3 if AT_MOST else 20, seed=len(name), double=0.5).check()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where items are read from."""
    monkeypatch.setenv("DURABLE_MAP_FOLDER", str(tmp_path))
    put(tmp_path, list(range(100)))
    return tmp_path


def put(folder: Path, items: list[Any]) -> None:
    (folder / "items.json").write_text(json.dumps(items))


@pytest.fixture(params=["from_a_folder", "keyed_from_a_folder"])
def kit(request: pytest.FixtureRequest, folder: Path) -> Iterator[CrashKit]:
    """Over a hundred numbers, with keys and without."""
    with CrashKit(Workload(FILE, request.param), place=PLACE) as made:
        yield made


def each_once(trial: Trial, size: int = 100) -> None:
    """Every item has one success, and ran once more only where a process died in it."""
    done = Counter(event.task_id for event in trial.events() if event.type == "TaskSucceeded")
    members = {name: times for name, times in done.items() if name is not None and name.startswith("group/")}
    assert members == {f"group/{n}": 1 for n in range(size)}
    assert not trial.problems


@pytest.mark.parametrize("places", [[0], [3], [50], [99], [20, 21, 90]], ids=str)
def test_killed_by_the_source(kit: CrashKit, folder: Path, places: list[int]) -> None:
    """The process dies while an item is read; another one goes on behind what was recorded."""
    trial = kit.trial()
    for place in places:
        (folder / f"die at {place}").touch()
        assert trial.drive().killed
    assert trial.drive().status == "succeeded"
    each_once(trial)


def test_other_items_are_named_and_nothing_is_lost(folder: Path) -> None:
    """A resume with another source ends with an error that names the item; with the right one it goes on."""
    with CrashKit(Workload(FILE, "from_a_folder"), place=PLACE) as kit:
        trial = kit.trial()
        (folder / "die at 95").touch()
        assert trial.drive().killed
        assert windows(trial)
        put(folder, [*range(7), -7, *range(8, 100)])
        before = trial.events()
        exit = trial.drive()
        assert exit.raised == "DivergenceError"
        assert exit.said is not None
        assert "item 7 of 'group' is not what the run recorded" in exit.said.message
        assert trial.state().status_name in ("interrupted", "running")
        assert not [event for event in trial.events()[len(before) :] if event.type == "GroupFailed"]
        put(folder, list(range(100)))
        assert trial.drive().status == "succeeded"
        each_once(trial)


def test_keyed_items_in_another_order_with_new_ones(folder: Path) -> None:
    """Those that were recorded are not read again; all others come."""
    with CrashKit(Workload(FILE, "keyed_from_a_folder"), place=PLACE) as kit:
        trial = kit.trial()
        (folder / "die at 95").touch()
        assert trial.drive().killed
        put(folder, list(range(129, -1, -1)))
        assert trial.drive().status == "succeeded"
        each_once(trial, 130)


def test_a_failed_map_is_resumed_by_another_process(folder: Path) -> None:
    """Only what failed runs, also when the resume is killed."""
    with CrashKit(Workload(FILE, "failing"), place=PLACE) as kit:
        trial = kit.trial()
        assert trial.drive().raised == "ParallelGroupError"
        before = Counter(body.task_id for body in trial.bodies())
        assert trial.drive(Kill.after(len(trial.events()) + 4), resume={}).killed
        assert trial.drive(resume={}).raised == "ParallelGroupError"
        again = Counter(body.task_id for body in trial.bodies()) - before
        assert set(again) == {f"group/item {n}" for n in (3, 10, 17, 24)}
        assert not trial.problems
