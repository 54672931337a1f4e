"""One shape of errors: whatever a command fails at, --json prints one document that a script can read."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from durable import open_store
from durable.cli import exit_codes
from durable.cli.main import COMMANDS
from tests.cli import every_outcome
from tests.cli.place import Here, wait_for

KEYS = {"type", "message", "run_id", "task_id", "seq", "hint"}
MORE = {"DivergenceError": {"changes"}, "RuntimeError": {"traceback"}}
"""Keys of an error that only some have."""

WORDS = {
    "run": ("flow.py:etl",), "resume": ("done",), "runs": (), "show": ("done",), "log": ("done",), "plan": ("done",),
    "waiting": ("done",), "answer": ("done", "--approve"), "signal": ("done", "go"), "fork": ("done",),
    "verify": ("done",), "prune": ("done",), "cancel": ("done",), "terminate": ("done",),
}  # fmt: skip
"""A right use of every command."""

OF_A_RUN = [name for name in COMMANDS if name not in ("run", "runs")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of every outcome, made once."""
    here = Here(tmp_path_factory.mktemp("made"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here.path)
        patch.delenv("DURABLE_STORE", raising=False)
        patch.setattr("durable.context.durable_calls.LIVE_WAIT", 0.0)
        every_outcome.make(here)
    return here.path


@pytest.fixture
def place(made: Path, here: Here) -> Here:
    """A copy of that folder."""
    shutil.copytree(made, here.path, dirs_exist_ok=True)
    return here


def failed(here: Here, *words: str, exits: int) -> dict[str, Any]:
    """Run a command that fails, look at the form of what it prints, and return the error."""
    result = here(*words, "--json", exits=exits)
    document = json.loads(result.stdout)
    assert result.stderr == ""
    assert document["exit_code"] == exits
    return checked(document["error"])


def checked(error: dict[str, Any]) -> dict[str, Any]:
    """Return an error if it has the keys that every error has."""
    assert error.keys() == KEYS | MORE.get(error["type"], set())
    assert isinstance(error["message"], str)
    assert error["message"]
    return error


def test_a_right_use_of_every_command_is_known_here() -> None:
    assert set(WORDS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_usage(here: Here, name: str) -> None:
    """Of every command: an option that it does not have, and a word that is no text."""
    assert failed(here, name, *WORDS[name], "--frob", exits=exit_codes.USAGE)["type"] == "NoSuchOption"
    said = failed(here, name, *WORDS[name], "--store", "\udcff.db", exits=exit_codes.USAGE)
    assert said["message"] == "'\\udcff.db' is not UTF-8."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("frobnicate",), "No such command"),
        (("--frob", "runs"), "No such option"),
        (("run", "none.py"), "there is no such file"),
        (("run", "flow.py", "--input", "x"), "is not KEY=VALUE"),
        (("run", "flow.py", "--max-steps", "0"), "'--max-steps'"),
        (("run", "flow.py", "--new", "--run-id", "x"), "--new makes a new id"),
        (("resume", "--policy", "strict"), "--file and --policy are for one run"),
        (("show", "done", "first", "--task", "first"), "mean the same"),
        (("show",), "Missing argument"),
        (("log", "done", "--type", "Nothing"), "no event has the type"),
        (("answer", "suspended"), "needs an answer"),
        (("answer", "suspended", "--json-value", "{"), "is not JSON"),
        (("answer", "suspended", "--value", "perhaps"), "must be yes or no"),
        (("signal", "done", "go", "--value", "{"), "is not JSON"),
        (("terminate", "done", "--result", "{"), "is not JSON"),
        (("prune",), "Say which runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_words(place: Here, words: tuple[str, ...], message: str) -> None:
    assert message in failed(place, *words, exits=exit_codes.USAGE)["message"]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
def test_no_store(here: Here, name: str) -> None:
    assert failed(here, name, *WORDS[name], "--store", "x.db", exits=exit_codes.ERROR)["type"] == "StoreNotFound"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_store_that_is_none(place: Here, name: str) -> None:
    assert failed(place, name, *WORDS[name], "--store", "text.db", exits=exit_codes.ERROR)["type"] == "StoreCorrupt"
    assert failed(place, name, *WORDS[name], "--store", "no://x", exits=exit_codes.ERROR)["type"] == "StoreNotFound"


@pytest.mark.parametrize("name", OF_A_RUN)
def test_an_unknown_run(place: Here, name: str) -> None:
    error = failed(place, name, "nope", *WORDS[name][1:], exits=exit_codes.ERROR)
    assert (error["type"], error["message"]) == ("RunNotFound", "there is no run 'nope'")


@pytest.mark.parametrize(
    "words",
    [("show", "damaged"), ("plan", "damaged"), ("resume", "damaged"), ("fork", "damaged"),
     ("answer", "damaged", "--approve"), ("run", "flow.py:etl", "--run-id", "damaged")],
    ids=" ".join,
)  # fmt: skip
def test_a_damaged_log(place: Here, words: tuple[str, ...]) -> None:
    """Whoever needs what it says names the run and the event."""
    error = failed(place, *words, exits=exit_codes.ERROR)
    assert (error["type"], error["run_id"], error["seq"]) == ("LogCorrupt", "damaged", 3)


@pytest.mark.parametrize("name", ["resume", "log", "plan", "fork", "verify"])
def test_a_pruned_run(place: Here, name: str) -> None:
    error = failed(place, name, "pruned", exits=exit_codes.ERROR)
    assert (error["type"], error["run_id"]) == ("RunPruned", "pruned")


@pytest.mark.parametrize(
    "words",
    [("run", "broken.py"), ("resume", "failed", "--file", "broken.py"), ("plan", "failed", "--file", "broken.py")],
    ids=" ".join,
)
def test_a_file_that_raises(place: Here, words: tuple[str, ...]) -> None:
    """With the traceback of the user's own code."""
    error = failed(place, *words, exits=exit_codes.USAGE)
    assert error["message"] == "broken.py could not be imported: RuntimeError: not today"
    assert "broken.py" in error["traceback"]


OTHERS = {
    ("run", "empty.py"): (exit_codes.USAGE, "DefinitionError", None),
    ("run", "flow.py:etl", "--run-id", "../x"): (exit_codes.USAGE, "InvalidRunId", None),
    ("run", "flow.py:etl", "--run-id", "done", "--input", "x=1"): (exit_codes.ERROR, "RunConflict", "done"),
    ("run", "flow.py:etl", "--run-id", "failed"): (exit_codes.FAILED, "TaskFailed", "failed"),
    ("run", "flow.py:etl", "--run-id", "cancelled"): (exit_codes.FAILED, "RunCancelled", "cancelled"),
    ("run", "flow.py:etl", "--new", "--max-steps", "1"): (exit_codes.FAILED, "StepLimitExceeded", ...),
    ("run", "flow.py:asking", "--run-id", "suspended"): (exit_codes.SUSPENDED, "RunSuspended", "suspended"),
    ("resume", "suspended"): (exit_codes.SUSPENDED, "RunSuspended", "suspended"),
    ("resume", "cancelled"): (exit_codes.FAILED, "RunCancelled", "cancelled"),
    ("resume", "interrupted", "--file", "changed.py"): (exit_codes.DIVERGED, "DivergenceError", "interrupted"),
    ("show", "done", "nope"): (exit_codes.USAGE, "DefinitionError", None),
    ("answer", "suspended", "nope", "--approve"): (exit_codes.ERROR, "FeedbackRefused", "suspended"),
    ("answer", "done", "--approve"): (exit_codes.ERROR, "FeedbackRefused", "done"),
    ("fork", "done@900"): (exit_codes.ERROR, "RunNotFound", "done"),
    ("fork", "done", "--from", "nope"): (exit_codes.USAGE, "DefinitionError", None),
    ("fork", "done", "--id", "failed"): (exit_codes.ERROR, "RunConflict", "failed"),
    ("prune", "interrupted"): (exit_codes.ERROR, "RunNotEnded", "interrupted"),
}


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_what_else_fails(place: Here, words: tuple[str, ...]) -> None:
    code, kind, run_id = OTHERS[words]
    error = failed(place, *words, exits=code)
    assert error["type"] == kind
    assert run_id in (error["run_id"], ...)


@pytest.mark.parametrize("words", [("run", "flow.py:etl", "--new"), ("resume", "interrupted")], ids=" ".join)
@pytest.mark.parametrize(
    ("marker", "code", "kind"),
    [("fail", exit_codes.FAILED, "TaskFailed"), ("stop", exit_codes.SIGINT, "RunInterrupted")],
)
def test_a_run_that_is_driven_and_fails_or_is_stopped(
    place: Here, words: tuple[str, ...], marker: str, code: int, kind: str
) -> None:
    """With the run and the command that goes on, beside what the run had come to."""
    place.write(marker, "")
    document = place.json(*words, "--grace", "30", exits=code)
    error = checked(document["error"])
    assert (error["type"], error["run_id"]) == (kind, document["run_id"])
    assert document["resume"] in error["hint"]
    assert document["exit_code"] == code


@pytest.mark.parametrize("words", [("run", "flow.py:etl", "--run-id", "interrupted"), ("resume", "interrupted")])
def test_a_run_that_somebody_drives(place: Here, words: tuple[str, ...]) -> None:
    with open_store() as store:
        lease = store.acquire("interrupted", "somebody")
        error = failed(place, *words, exits=exit_codes.DRIVEN)
        store.release(lease)
    assert (error["type"], error["run_id"]) == ("RunAlreadyDriven", "interrupted")


def test_resuming_all_says_of_each_run_what_failed(place: Here) -> None:
    """In one document, a list; that somebody else drives a run is no failure and is not in it."""
    place.write("fail", "")
    with open_store() as store:
        lease = store.acquire("failed", "somebody")
        result = place("resume", "--json", exits=exit_codes.FAILED)
        store.release(lease)
    (document,) = json.loads(result.stdout)
    assert checked(document["error"])["run_id"] == document["run_id"] == "interrupted"
    assert document["exit_code"] == exit_codes.FAILED
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [(("plan", "done"), exit_codes.NOTHING), (("plan", "suspended"), exit_codes.SUSPENDED),
     (("plan", "interrupted", "--file", "changed.py"), exit_codes.DIVERGED), (("cancel", "done"), exit_codes.NOTHING),
     (("terminate", "done"), exit_codes.NOTHING), (("signal", "done", "go"), exit_codes.NOTHING),
     (("verify",), exit_codes.FAILED)],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_an_answer_is_no_error(place: Here, words: tuple[str, ...], code: int) -> None:
    """The exit code tells what was found; the document is the one that the command always has."""
    document = place.json(*words, exits=code)
    assert document["exit_code"] == code
    assert "error" not in document


def test_an_error_among_lines_is_one_line(place: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """``durable log --json`` prints one object a line, an error too, which comes last."""
    monkeypatch.setattr("durable.cli.commands.log.time.sleep", interrupt)
    lines = place("log", "suspended", "--follow", "--json", exits=exit_codes.SIGINT).stdout.splitlines()
    *events, last = map(json.loads, lines)
    assert [event["seq"] for event in events] == list(range(1, len(lines)))
    assert checked(last["error"])["message"] == "interrupted by SIGINT"
    assert last["exit_code"] == exit_codes.SIGINT


def interrupt(_seconds: float) -> None:
    """What Ctrl-C does to whoever sleeps."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", COMMANDS)
def test_what_nobody_foresaw(place: Here, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A bug of durable's, or of a store: still one document, with the traceback."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("durable.store.open_store", fail)
    monkeypatch.setattr("durable.cli.stores.open_store", fail)
    error = failed(place, name, *WORDS[name], exits=exit_codes.ERROR)
    assert error["message"] == "a bug"
    assert error["traceback"].endswith("RuntimeError: a bug\n")


def test_a_signal_before_anything_was_recorded(here: Here) -> None:
    """In a real process, whose file is just imported."""
    here.write("slow.py", "import time\nopen('importing', 'w').close()\ntime.sleep(30)\n")
    with here.spawn("run", "slow.py", "--json") as process:
        wait_for((here.path / "importing").exists)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    document = json.loads(out)
    assert checked(document["error"])["type"] == "RunInterrupted"
    assert (document["exit_code"], process.returncode, err) == (exit_codes.SIGINT, exit_codes.SIGINT, "")


def test_stdout_is_given_back(here: Here) -> None:
    """A program that calls ``main`` has its stdout afterwards, and may call it again."""
    here.write("flow.py", every_outcome.FLOW)
    script = (
        "import os\nfrom durable.cli import main\n"
        "for number in range(2):\n"
        "    main(['run', 'flow.py:etl', '--new', '--json'], standalone_mode=False)\n"
        "    print('mine', flush=True)\n"
        "    os.system('echo a child')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"status": "succeeded"') == 2
    assert [line for line in done.stdout.splitlines() if line in ("mine", "a child")] == ["mine", "a child"] * 2
