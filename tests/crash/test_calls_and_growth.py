"""Killed around commits, workflows that grow, loop, wait, ask and make durable calls come to the same end.

Seven kills each, the same in every run of the tests; all of them with ``DURABLE_EVERY_BOUNDARY=1``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from durable.testing import CrashKit, Kill, Outcome, Send, Workload
from durable.values.payloads import decode

HERE = Path(__file__).parent
GROWING, CALLING, WAITING, DEFINED = (
    str(HERE / f"{name}_flows.py") for name in ("growing", "calling", "waiting", "defined")
)
AT_MOST = None if os.environ.get("DURABLE_EVERY_BOUNDARY") else 7
MEMORY = Path("/dev/shm")
PLACE = MEMORY if os.access(MEMORY, os.W_OK) else None


def signals(*found: tuple[str, Any]) -> tuple[Send, ...]:
    """Signals, sent in this order as soon as the run is suspended."""
    return tuple(Send("signal", name, value) for name, value in found)


def answers(**found: Any) -> tuple[Send, ...]:
    """Answers, in this order, by the question's id."""
    return tuple(Send("answer", name.replace("_", "-"), value) for name, value in found.items())


def tree() -> dict[str, Any]:
    """What the tasks of the tree return."""
    found: dict[str, Any] = {"root": "root"}
    for n, branch in enumerate(("root/branch", "root/branch#2", "root/branch#3")):
        leaves = [f"{n}.{m}" for m in range(3)]
        found |= {branch: str(n), f"{branch}/integrate": [str(n), *leaves]}
        found |= dict(zip((f"{branch}/leaf", f"{branch}/leaf#2", f"{branch}/leaf#3"), leaves, strict=True))
    return found


WORKS = {f"g{n}": {"n": n} for n in range(3)}
ROUNDS = [[0, "goes_round"], *([n, f"goes_round[{n + 1}]"] for n in range(1, 5))]
GROWS: dict[str, dict[str, Any]] = {
    "tree": tree(),
    "goto_dynamic": {
        "detour": "detour0",
        "detour/detour": "detour1",
        "detour/detour/detour": "detour2",
        "detour/detour/detour/arrive": ["detour0", "detour1", "detour2", "arrived"],
        "aside": {"n": 2},
    },
    "goto_static": {"skips_one": "skips", "after_next": ["skips", "left out"], "last": {"n": 1}},
    "endpoints": {
        **{name: name for name in "ab"},
        **{f"{name}/endpoint": f"{name}:{name}/endpoint" for name in "ab"},
        **{f"{name}/endpoint#2": f"{name.upper()}:{name}/endpoint#2" for name in "ab"},
    },
    "loop_data": {
        "goes_round": [4],
        "goes_round[2]/aside": {"n": 1},
        "goes_round[4]/aside": {"n": 3},
        "tells": [ROUNDS, 10],
    },
    "loop_bound": {
        "goes_round_bound": "given once",
        "other": {"n": 2},
        "tells": [[[0, ""], *([n, "given once"] for n in range(1, 4))], None],
    },
    "terminate_task": {"terminates": "terminated"},
    "cancel_task": {"cancels": "cancelled"},
    "chord_callback": {**WORKS, "adds_up": 3, "adds_up/leaf": "from the callback"},
    "policy_grows": {"g0": {"n": 0}, "g1": {"n": 1}, "group/leaf": "after the verdict"},
    "race": {"wins": "winner", "who": [["winner"], ["wins"]]},
    "async_group": {f"c{n}": n for n in range(4)},
    "mixed_group": {"c1": 1, "f1": {"n": 1}, "c2": 2, "f2": {"n": 0}, "c3": 3},
}
STEPS = [0, 2, 4, 9, 20]
CALLS: dict[str, dict[str, Any]] = {
    "steps": {"makes_steps": STEPS, "s1": STEPS, "s2": STEPS},
    "steps_retried": {"steps_and_retries": [2, 4]},
    "async_steps": {"steps_in_a_coroutine": [0, 2, 4, 6, 10, 12]},
    "checkpoints": {"saves": [0, 10, 20, 30]},
    "track_plain": {"tracks": [[10, 20, 30, 40], 100]},
    "track_nested": {
        "tracks_nested": [["a0", "a1", "b0", "b1", "c0", "c1"], ["a", "b", "c"]],
        "tracks_nested/aside": "a:tracks_nested/aside",
        "tracks_nested/aside#2": "b:tracks_nested/aside#2",
        "tracks_nested/aside#3": "c:tracks_nested/aside#3",
    },
    "track_async": {"tracks_in_a_coroutine": [2, 4, 6]},
}
HELD: dict[str, dict[str, Any]] = {
    "sleep": dict.fromkeys(("sleeps", "z1", "z2"), "awake"),
    "signal_times_out": {"gives_up": "nobody came"},
}
FIRST = signals(("first", 1))
WAITS: dict[str, tuple[str, tuple[Send, ...], dict[str, Any]]] = {
    "sleeps suspended": ("sleep", (), HELD["sleep"]),
    "wait expires while suspended": ("signal_times_out", (), HELD["signal_times_out"]),
    "signals": (
        "signals",
        (*signals(("first", 1), ("both", "a"), ("both", "b")), Send("signal", "last", [4], "start")),
        {"first_signal": [1, "a"], "second_signal": [1, "a", "b", [4]]},
    ),
    "both approved": (
        "approvals",
        answers(deploy_site=True, deploy_app=True),
        {
            "prepare": "prepared",
            "app": True,
            "site": True,
            "other": {"n": 1},
            "deploy": [["app", "other", "site"], True, True],
        },
    ),
    "one rejected": (
        "approvals",
        answers(deploy_site=True, deploy_app=False),
        {"prepare": "prepared", "site": True, "other": {"n": 1}},
    ),
    "questions in turn": (
        "questions",
        answers(why="because", colour="blue"),
        {"asks_in_turn": ["blue", "because", 8]},
    ),
    "coroutines": (
        "async_waits",
        (*signals(("x", 1), ("y", 2)), *answers(good_y=False, good_x=True)),
        {"x": [1, True, 4], "y": [2, False, 4]},
    ),
    "a loop": (
        "loop_that_waits",
        signals(("go", 1), ("go", 2), ("go", 3)),
        {"round_with_waits": [[0, 1, 0], [1, 2, 2], [2, 3, 4]]},
    ),
    "suspensions do not count": ("frugal", signals(*(("go", n) for n in range(3))), {"frugal": [0, 1, 2]}),
    "stays suspended": ("signals", FIRST, {}),
    "cancelled from outside": ("signals", (*FIRST, Send("cancel")), {}),
    "terminated from outside": ("signals", (*FIRST, Send("terminate", value=5)), {}),
}
ALL = {
    **{name: (Workload(GROWING, name), results) for name, results in GROWS.items()},
    **{name: (Workload(CALLING, name), results) for name, results in CALLS.items()},
    **{name: (Workload(WAITING, name), results) for name, results in HELD.items()},
    **{
        name: (Workload(WAITING, flow, sends=sends, patience=0.0), results)
        for name, (flow, sends, results) in WAITS.items()
    },
}
GOOD = {"good": True}
ALL["class definition"] = (
    Workload(
        DEFINED,
        "review",
        sends=(Send("answer", "review", {"good": False}), Send("answer", "review/review", GOOD)),
        patience=0.0,
    ),
    {
        **{"draft": "draft 1", "spelling": 8, "facts": 5, "review": {"good": False}},
        **{"review/draft": "draft 2", "review/spelling": 8, "review/facts": 5, "review/review": GOOD},
        **{"review/publish": [[1, 2], GOOD], "review/archive": "archived True", "review/done": [[1, 2], GOOD]},
    },
)
STATUS = {
    "cancel_task": "cancelled",
    "one rejected": "failed",
    "stays suspended": "suspended",
    "cancelled from outside": "cancelled",
}


def results(outcome: Outcome) -> dict[str, Any]:
    """What tasks returned, but for those at both ends that stand in every workflow."""
    found = {name: None if value is None else decode(*value) for name, value in outcome.results.items()}
    return {name: value for name, value in found.items() if name not in ("begin", "end")}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ALL)
def test_killed_before_and_after_commits(name: str) -> None:
    """Before and after commits; nothing that was recorded is done, asked or scheduled a second time."""
    workload, expected = ALL[name]
    with CrashKit(workload, place=PLACE) as kit:
        assert kit.reference.outcome.status == STATUS.get(name, "succeeded")
        assert results(kit.reference.outcome) == expected
        report = kit.boundaries(at_most=AT_MOST, seed=len(name)).check()
        assert report.landed > report.kills * 0.6


def test_boundaries_of_a_group_that_is_ended_early() -> None:
    """Its other members may have run or not; the run ends with the given result."""
    with CrashKit(Workload(GROWING, "terminate_group", loose=True), place=PLACE) as kit:
        assert kit.reference.said.result == ("json", b'{"early":true}')
        kit.boundaries().check()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", ["tree", "steps", "track_nested", "both approved", "a loop"])
def test_boundaries_then_the_resume_is_killed_too(name: str) -> None:
    """The process that goes on dies as well, a few commits further."""
    with CrashKit(ALL[name][0], place=PLACE) as kit:
        for seq in kit.reference.appends[1 : -1 : 1 if AT_MOST is None else 5]:
            kit.run_killed([Kill.after(seq), Kill.before(seq + 4), Kill.after(seq + 5)]).check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_saved_state_is_found_again(when: str) -> None:
    """A body that was killed goes on from the state that it saved last, and saves none a second time."""
    with CrashKit(ALL["checkpoints"][0], place=PLACE) as kit:
        for seq in kit.reference.appends:
            trial = kit.trial()
            assert trial.drive(Kill(when, seq)).killed
            assert trial.drive().status == "succeeded"
            assert [event.type for event in trial.events()].count("TaskCheckpointed") == 4
            assert not trial.problems


MIX = [
    ["tree", "loop_bound", "steps", "track_nested"],
    ["sleep", "async_steps", "mixed_group", "race"],
    ["signals", "one rejected", "coroutines", "a loop"],
]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("chunk", range(len(MIX)))
def test_killed_at_random_instants(chunk: int) -> None:
    """On a disk, a third of the runs killed again while they go on."""
    for place, name in enumerate(MIX[chunk]):
        with CrashKit(ALL[name][0]) as kit:
            kit.random_kills(3, seed=100 * chunk + place, double=0.34).check()
