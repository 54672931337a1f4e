"""The crash kit itself: each law is broken by something, and the kit says what, where and how to see it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from durable.core.events import Event, encode_fields
from durable.core.specs import Definition, GroupSpec, TaskSpec
from durable.engine.load import encode_definition
from durable.testing import CrashKit, Kill, Outcome, Report, Send, Workload
from durable.testing.crash.evidence import Evidence
from durable.testing.crash.laws import LAWS, breaches
from durable.testing.crash.witness import (
    ACKNOWLEDGED,
    ITEM,
    RETURNED,
    STARTED,
    STEP_CALLED,
    STEP_GIVEN,
    STEP_RETURNED,
    Line,
)


def events(*kinds: str) -> list[Event]:
    """Events of one task, ``t``, or of one group, ``g``, in its first attempt."""
    return [Event(seq, seq, kind, "g" if kind.startswith("Group") else "t", 1) for seq, kind in enumerate(kinds, 1)]


def log(*found: tuple[str, dict[str, Any]]) -> list[Event]:
    """Events of the task's first attempt with their fields, a microsecond after each other."""
    return [Event(seq, seq, kind, "t", 1, encode_fields(fields)) for seq, (kind, fields) in enumerate(found, 1)]


def lines(*found: tuple[Any, ...]) -> list[Line]:
    """Lines of the witness about the task: what, the number, and for calls the mark and the item."""
    return [Line(what, "run", "t", number, 1, *call) for what, number, *call in found]


def judged() -> list[Event]:
    """The log of a group with the member ``t``, which starts after the verdict."""
    payload = encode_definition(Definition("w", None, (TaskSpec("t"),), (GroupSpec("g", (("t",),)),)))
    first = Event(1, 1, "RunCreated", None, 0, None, payload.encoding, payload.data)
    return [first, Event(2, 2, "GroupSucceeded", "g"), Event(3, 3, "TaskStarted", "t", 1)]


def grown(*found: tuple[str, str, dict[str, Any]]) -> list[Event]:
    """Events about members of maps and the maps themselves, with their fields."""
    return [
        Event(seq, seq, kind, name, int(kind.startswith("Task")), encode_fields(fields))
        for seq, (kind, name, fields) in enumerate(found, 1)
    ]


RAN = lines((ACKNOWLEDGED, 1), (STARTED, 1), (RETURNED, 1), (ACKNOWLEDGED, 2))
DONE = events("TaskStarted", "TaskSucceeded")

MOVED = log(("TaskStarted", {}), ("CursorMoved", {"mark": "0"}))
STEP = ((STEP_CALLED, 1, "0"), (STEP_RETURNED, 1, "0"))
SLEEP = ("TimerStarted", {"mark": "0", "due": 1})
ASKED = ("FeedbackRequested", {"mark": "0", "id": "q"})
SIGNAL = ("SignalReceived", {"name": "s", "id": "m"})

MEMBERS = ("MembersAdded", "g", {"count": 1, "keys": ["x"]})
LAST = ("MembersAdded", "g", {"count": 1, "last": True})

BROKEN: dict[str, list[Evidence]] = {
    "nothing_acknowledged_is_lost": [Evidence(DONE[:1], [1], RAN)],
    "logs_only_grow": [
        Evidence(DONE, [1, 2], RAN, before=events("TaskStarted", "TaskFailed")),
        Evidence(DONE, [1, 2], RAN, before=events("TaskStarted", "TaskSucceeded", "RunSucceeded")),
    ],
    "bodies_start_once_recorded": [
        Evidence([], [], lines((STARTED, 1))),
        Evidence(DONE, [1, 2], lines((STARTED, 1), (ACKNOWLEDGED, 1), (RETURNED, 1))),
        Evidence(DONE, [1, 2], [*RAN, *lines((STARTED, 1))]),
    ],
    "successes_are_true": [
        Evidence(DONE, [1, 2], lines((ACKNOWLEDGED, 1), (STARTED, 1))),
        Evidence(events("TaskStarted", "TaskIterated"), [1, 2], []),
        Evidence(events("TaskStarted", "TaskSuspended"), [1, 2], RAN),
    ],
    "successes_are_final": [
        Evidence(events("TaskStarted", "TaskSucceeded", "TaskInterrupted"), [3], RAN),
        Evidence(events("TaskStarted", "TaskSucceeded", "TaskReopened"), [3], RAN),
    ],
    "attempts_follow_each_other": [
        Evidence([*DONE[:1], Event(2, 2, "TaskStarted", "t", 2)], [1, 2], []),
        Evidence([Event(1, 1, "TaskStarted", "t", 2)], [1], []),
        Evidence(events("TaskStarted", "TaskSuspended", "TaskSuspended"), [1, 2, 3], []),
        Evidence([*DONE[:1], Event(2, 2, "RunSuspended")], [1, 2], []),
    ],
    "a_run_rests_until_it_goes_on": [
        Evidence([Event(1, 1, "RunSuspended"), Event(2, 2, "TaskStarted", "t", 1)], [1, 2], []),
        Evidence([Event(1, 1, "RunSucceeded"), Event(2, 2, "RunContinued")], [1, 2], []),
    ],
    "nothing_is_left_at_the_end": [Evidence([*judged()[:2], Event(3, 3, "RunSucceeded")], [1, 2, 3], [])],
    "members_rest_after_the_verdict": [Evidence(judged(), [1, 2, 3], [])],
    "members_are_recorded_once": [
        Evidence(grown(MEMBERS, MEMBERS), [2], []),
        Evidence(grown(LAST, ("MembersAdded", "g", {"count": 1})), [2], []),
        Evidence(grown(MEMBERS, ("TaskStarted", "g/y", {})), [2], []),
        Evidence(grown(MEMBERS, ("GroupSucceeded", "g", {})), [2], []),
    ],
    "one_verdict_a_round": [Evidence(events("GroupStarted", "GroupFailed", "GroupSucceeded"), [3], [])],
    "effects_come_with_their_cause": [
        Evidence(events("TaskStarted", "ChannelWritten", "TaskSucceeded"), [2, 3], RAN),
        Evidence(events("TaskStarted", "TasksScheduled", "TaskSucceeded"), [2, 3], RAN),
    ],
    "recorded_steps_are_not_repeated": [
        Evidence(
            log(("TaskStarted", {}), ("StepSucceeded", {"mark": "0"})),
            [1, 2],
            lines((ACKNOWLEDGED, 1), *STEP, (ACKNOWLEDGED, 2), *STEP),
        ),
        Evidence(log(("TaskStarted", {}), ("StepSucceeded", {"mark": "0"})), [1, 2], lines((ACKNOWLEDGED, 1))),
        Evidence(log(("TaskStarted", {})), [1], lines((ACKNOWLEDGED, 1), *STEP, (STEP_GIVEN, 1, "0"))),
    ],
    "loops_go_on_where_they_were": [
        Evidence(MOVED, [1, 2], lines((ACKNOWLEDGED, 1), (ITEM, 1, "0", "b"), (ITEM, 2, "0", "a"))),
        Evidence(MOVED, [1, 2], lines((ACKNOWLEDGED, 2), (ITEM, 1, "0", "b"))),
    ],
    "waits_end_once": [
        Evidence(log(SLEEP, ("TimerFired", {"mark": "0"}), ("TimerFired", {"mark": "0"})), [3], []),
        Evidence(log(("TimerStarted", {"mark": "0", "due": 9}), ("TimerFired", {"mark": "0"})), [2], []),
        Evidence(log(SLEEP, SLEEP), [2], []),
        Evidence(log(ASKED, ("FeedbackAnswered", {"mark": "0", "id": "r"})), [2], []),
        Evidence(log(ASKED, ("TimerFired", {"mark": "0"})), [2], []),
    ],
    "messages_count_once": [
        Evidence(log(SIGNAL, SIGNAL), [2], []),
        Evidence(log(SIGNAL), [1], [], inbox=["m"]),
    ],
}


def test_every_law_is_broken_below() -> None:
    """No law goes without a test."""
    assert set(BROKEN) == {law.__name__ for law in LAWS}
    assert not breaches(Evidence(DONE, [1, 2], RAN, DONE[:1]))
    asked = [*DONE, Event(3, 3, "GroupRetryRequested", "g"), Event(4, 4, "TaskReopened", "t")]
    assert not breaches(Evidence(asked, [1, 2, 4], RAN))
    member = (LAST, ("TaskStarted", "g/0", {}), ("TaskFailed", "g/0", {}), ("GroupSucceeded", "g", {}))
    assert not breaches(Evidence(grown(*member), [4], []))


@pytest.mark.parametrize(("law", "found"), [(law, found) for law, cases in BROKEN.items() for found in cases])
def test_a_breach_is_named(law: str, found: Evidence) -> None:
    """By its law, and only by it."""
    assert [line.rpartition("(")[2] for line in breaches(found)] == [f"{law})"]


def write(folder: Path, body: str) -> Workload:
    """A workload of two tasks of which the second has this body."""
    file = folder / "flow.py"
    file.write_text(
        "import os, sys, time\nfrom durable import task, workflow\n\n"
        "@task\ndef first(): return 1\n\n"
        f"@task\ndef second(first):\n    {body}\n\n"
        "with workflow('flow') as wf:\n    first >> second\n"
    )
    return Workload(str(file))


@pytest.mark.parametrize("fresh", [False, True])
def test_a_result_that_differs_is_reported(tmp_path: Path, fresh: bool) -> None:
    """With the kills, the difference, the log's place and the way to repeat it."""
    with CrashKit(write(tmp_path, "return os.getpid()"), place=tmp_path, fresh=fresh) as kit:
        report = kit.run_killed([Kill.before(4), Kill.at(0.0)])
    assert (report.runs, report.kills, report.landed) == (1, 2, 2)
    with pytest.raises(AssertionError, match=r"killed at \[Kill.before\(4\), Kill.at\(0.000000\)\]") as raised:
        report.check()
    text = str(raised.value)
    assert "its process reported" in text
    assert f"CrashKit({kit.workload!r}{', fresh=True' if fresh else ''}).run_killed([Kill.before(4)," in text
    url = report.shortfalls[0].store
    assert url in text
    assert Path(url.removeprefix("sqlite:///")).exists()


def test_a_hung_process_is_reported(tmp_path: Path) -> None:
    """It is killed when the timeout is over."""
    with CrashKit(write(tmp_path, "time.sleep(60)"), place=tmp_path, timeout=0.5) as kit:
        trial = kit.trial()
        assert trial.drive().hung
        assert any("hung" in problem for problem in trial.problems)
        with pytest.raises(AssertionError, match="does not run unkilled"):
            kit.boundaries()


def test_what_bodies_print_and_read_disturbs_nobody(tmp_path: Path) -> None:
    """It goes to a file, and standard input is empty."""
    body = "print('out'); print('err', file=sys.stderr, flush=True); return sys.stdin.read()"
    for fresh in (False, True):
        with CrashKit(write(tmp_path, body), place=tmp_path, fresh=fresh) as kit:
            exit = kit.trial().drive()
            assert exit.said is not None
            assert exit.said.result == ("json", b'""')
            (output,) = tmp_path.glob("*/output.txt")
            assert output.read_text().split("\n")[0] in ("out", "err")
        assert not list(tmp_path.glob("*/output.txt"))  # nothing failed, so nothing stays


def test_surroundings_are_those_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forks of the warm process see the environment and the folder that the test has set since."""
    monkeypatch.setenv("CRASH_KIT_TEST", "now")
    monkeypatch.chdir(tmp_path)
    body = "return [os.environ['CRASH_KIT_TEST'], os.getcwd()]"
    with CrashKit(write(tmp_path, body), place=tmp_path) as kit:
        exit = kit.trial().drive()
        assert exit.said is not None
        assert exit.said.result == ("json", f'["now","{tmp_path}"]'.encode())


def test_outcomes_are_compared_loosely_on_demand() -> None:
    """Members may differ then, the run and the verdicts may not."""
    one = Outcome("succeeded", {"a": "succeeded"}, {"g": "succeeded"})
    other = Outcome("succeeded", {"a": "cancelled"}, {"g": "succeeded"})
    assert one.differences(other) == ["tasks: 'a' is 'cancelled', not 'succeeded'"]
    assert one.differences(other, loose=True) == []
    failed = Outcome("failed", {"a": "succeeded"}, {"g": "failed"})
    assert len(one.differences(failed, loose=True)) == 2


def test_reports_add_up() -> None:
    """And say what they hold."""
    both: Sequence[Report] = (Report(1, 2, 1, 0.5), Report(2, 2, 2, 1.0))
    assert str(both[0] + both[1]) == "3 runs, 3 of 4 kills landed, 0 went wrong, 1.5 s"
    assert eval(repr(Kill.at(0.25))) == Kill.at(0.25)


def test_a_law_of_calls_begins_anew_with_an_iteration() -> None:
    """What an iteration recorded binds neither the next one nor the next item of a loop around it."""
    again = [("StepSucceeded", {"mark": "0"}), ("CursorMoved", {"mark": "1"}), ("TaskIterated", {"iteration": 2})]
    found = log(("TaskStarted", {}), *again, ("TaskStarted", {}), *again)
    found[4:] = [Event(event.seq, event.seq, event.type, "t", 2, event.data) for event in found[4:]]
    body = [STEP_CALLED, STEP_RETURNED, ITEM, RETURNED]
    seen = [(what, number, "1" if what == ITEM else "0", "x") for number in (1, 2) for what in body]
    acknowledged = [(ACKNOWLEDGED, 1), *seen[:2], (ACKNOWLEDGED, 2), *seen[2:4], (ACKNOWLEDGED, 5), *seen[4:]]
    assert not breaches(Evidence(found, [1, 2, 5, 8], lines(*acknowledged)))


def test_a_suspended_run_is_sent_what_its_workload_says(tmp_path: Path) -> None:
    """Once, whatever is killed; and a run that nothing brings further may end suspended."""
    file = tmp_path / "flow.py"
    file.write_text(
        "from durable import TaskExecutionContext, task, workflow\n\n"
        "@task\ndef waits(context: TaskExecutionContext):\n    return context.wait_for_signal('go')\n\n"
        "with workflow('flow') as wf:\n    wf.add(waits)\n"
    )
    for sends, status in [((Send("signal", "go", 7),), "succeeded"), ((), "suspended")]:
        with CrashKit(Workload(str(file), sends=sends, patience=0.0), place=tmp_path) as kit:
            trial = kit.trial()
            assert trial.drive_on().status == status
            assert [event.type for event in trial.events()].count("SignalReceived") == len(sends)
            kit.boundaries(at_most=4).check()
    kit = CrashKit(Workload(str(file), sends=(Send("shout"),), patience=0.0), place=tmp_path)
    with kit, pytest.raises(ValueError, match="not 'shout'"):
        kit.trial().drive_on()
