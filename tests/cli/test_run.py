"""durable run: what it prints, what it returns, and when it goes on with an earlier run."""

from __future__ import annotations

import json

import pytest

from durable.cli import exit_codes
from tests.cli.place import GROUP, Here


def test_a_run_that_succeeds(flow: Here) -> None:
    result = flow("run", "flow.py")
    run_id = flow.runs()[0]["run_id"]
    first, printed, end, value = result.stdout.splitlines()
    assert (first, printed) == (f"run {run_id} started", "extracting")
    assert end.startswith("succeeded in ")
    assert end.endswith(": 3 tasks")
    assert value == "result: {3}"
    assert result.stderr == ""


def test_a_run_that_fails_names_the_task_the_error_and_the_way_on(flow: Here) -> None:
    flow.write("fail", "")
    result = flow("run", "flow.py", exits=exit_codes.FAILED)
    run_id = flow.runs()[0]["run_id"]
    assert "task transform failed: ValueError: bad row" in result.stderr
    assert 'raise ValueError("bad row")' in result.stderr
    assert result.stderr.splitlines()[-1] == f"resume with: durable resume {run_id}"


def test_a_failed_group_shows_its_verdict_and_members(here: Here) -> None:
    here.write("grouped.py", GROUP)
    said = here("run", "grouped.py", exits=exit_codes.FAILED).stderr
    assert "group both failed: 1 of 2 members did not succeed" in said
    assert "    bad: KeyError: 'gone'" in said
    assert "    succeeded: good" in said
    assert "task bad" not in said  # its group has named it


def test_the_resume_command_is_complete(flow: Here) -> None:
    flow.write("fail", "")
    said = flow("run", "flow.py", "--store", "other place.db", exits=1).stderr
    command = said.splitlines()[-1].removeprefix("resume with: durable ")
    (flow.path / "fail").unlink()
    import shlex

    assert "result: {3}" in flow(*shlex.split(command)).stdout


def test_json_is_all_there_is_on_stdout(flow: Here) -> None:
    out, err = flow.real("run", "flow.py:etl", "--json")
    document = json.loads(out)
    assert "extracting" in err
    assert document["status"] == "succeeded"
    assert document["workflow"] == "etl"
    assert document["tasks"] == {"total": 3, "succeeded": 3}
    assert (document["result"], document["preview"]) == (None, "{3}")
    assert document["exit_code"] == 0
    assert document["seconds"] > 0


def test_json_has_a_result_that_is_json(here: Here) -> None:
    here.write("one.py", 'from durable import *\n@task\ndef one():\n    return {"a": [1, "b"]}\n'
               'with workflow("one") as wf:\n    wf.add(one)\n')  # fmt: skip
    assert here.json("run", "one.py")["result"] == {"a": [1, "b"]}


def test_json_of_a_failure(flow: Here) -> None:
    flow.write("fail", "")
    document = flow.json("run", "flow.py", exits=1)
    assert document["status"] == "failed"
    assert document["failures"][0]["id"] == "transform"
    assert document["failures"][0]["error"] == "ValueError: bad row"
    assert document["resume"] == f"durable resume {document['run_id']}"


def test_inputs_are_json_or_text_and_win_over_the_file(here: Here) -> None:
    here.write("echo.py", """
        from durable import *
        @task
        def echo(a, b, c):
            return [a, b, c]
        with workflow("echo") as wf:
            wf.add(echo)
    """)  # fmt: skip
    here.write("in.json", '{"a": 1, "b": "file"}')
    words = ("run", "echo.py", "--input-file", "in.json", "--input", "b=plain text", "--input", 'c={"x": null}')
    assert here.json(*words)["result"] == [1, "plain text", {"x": None}]


@pytest.mark.parametrize(
    "words", [["--input", "no equals"], ["--input-file", "list.json"], ["--input-file", "none.json"]]
)
def test_inputs_that_cannot_be(flow: Here, words: list[str]) -> None:
    flow.write("list.json", "[1]")
    flow("run", "flow.py", *words, exits=exit_codes.USAGE)
    assert not (flow.path / ".durable").exists()


def test_a_finished_run_is_not_run_again(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    again = flow("run", "flow.py", "--run-id", "x")
    assert again.stdout.splitlines() == ["run x has already succeeded; nothing was done", "result: {3}"]
    assert (flow.path / "bodies.txt").read_text() == "extract\n"


def test_a_failed_run_is_not_reopened_by_run(flow: Here) -> None:
    flow.write("fail", "")
    flow("run", "flow.py", "--run-id", "x", exits=1)
    (flow.path / "fail").unlink()
    assert "run x had ended before: failed" in flow("run", "flow.py", "--run-id", "x", exits=1).stderr


def test_an_interrupted_run_of_the_same_input_is_gone_on_with(flow: Here) -> None:
    run_id = flow.interrupted("--input", "factor=2")
    lines = flow("run", "flow.py", "--input", "factor=2").stdout.splitlines()
    assert lines[0].startswith(f"continuing run {run_id}, interrupted ")
    assert lines[0].endswith(" with 2 tasks done; --new starts another")
    assert lines[-1] == "result: {6}"
    assert (flow.path / "bodies.txt").read_text() == "extract\n"


@pytest.mark.parametrize("words", [["--new"], ["--input", "factor=3"], ["--start", "extract"], ["--run-id", "other"]])
def test_another_run_is_begun(flow: Here, words: list[str]) -> None:
    flow.interrupted("--input", "factor=2")
    more = [] if words[0] == "--input" else ["--input", "factor=2"]
    assert "started" in flow("run", "flow.py", *words, *more).stdout.splitlines()[0]
    assert len(flow.runs()) == 2


def test_an_interrupted_run_of_the_id_is_gone_on_with(flow: Here) -> None:
    flow.interrupted("--run-id", "mine")
    assert flow("run", "flow.py", "--run-id", "mine").stdout.startswith("continuing run mine, interrupted ")


def test_max_steps_and_start(flow: Here) -> None:
    assert "max_steps" in flow("run", "flow.py", "--max-steps", "2", exits=1).stderr
    assert flow.json("run", "flow.py", "--start", "transform", "--input", 'extract={"rows": 1}')["preview"] == "{1}"
    assert flow.json("run", "flow.py", "--start", "nowhere", exits=2)["error"]["type"] == "DefinitionError"


def test_other_input_under_the_same_id_is_a_conflict(flow: Here) -> None:
    flow("run", "flow.py", "--run-id", "x")
    error = flow.json("run", "flow.py", "--run-id", "x", "--input", "factor=2", exits=exit_codes.ERROR)["error"]
    assert (error["type"], error["run_id"]) == ("RunConflict", "x")


def test_quiet_prints_errors_only(flow: Here) -> None:
    assert flow("run", "flow.py", "--quiet").stdout == "extracting\n"
    flow.write("fail", "")
    assert "bad row" in flow("run", "flow.py", "-q", exits=1).stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1 / 0", 'File "{file}", line 1'),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def f(:\n  pass", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("from durable import *\nworkflow('a\\nb')", "DefinitionError"),
        ("x = 1", "has no workflow"),
        ("from durable import *\na = workflow('a')\nb = workflow('b')", "several workflows: a, b. Name one"),
    ],
)
def test_a_file_that_cannot_be_used(here: Here, text: str, said: str) -> None:
    file = here.write("broken.py", text)
    error = here("run", "broken.py", exits=exit_codes.USAGE).stderr
    assert said.format(file=file) in error
    assert "durable/cli" not in error
    assert "importlib" not in error
    assert not (here.path / ".durable").exists()
    assert here.json("run", "broken.py", exits=exit_codes.USAGE)["exit_code"] == exit_codes.USAGE


def test_wrong_usage_says_what_is_wrong(flow: Here) -> None:
    assert "there is no such file" in flow("run", "none.py", exits=exit_codes.USAGE).stderr
    assert "--new makes a new id" in flow("run", "flow.py", "--new", "--run-id", "x", exits=exit_codes.USAGE).stderr
    assert "has no workflow 'nope'" in flow("run", "flow.py:nope", exits=exit_codes.USAGE).stderr
    assert flow.json("run", "flow.py", "--frob", exits=exit_codes.USAGE)["error"]["message"].startswith(
        "No such option"
    )
    assert "run id" in flow("run", "flow.py", "--run-id", "../x", exits=exit_codes.USAGE).stderr


def test_a_run_that_somebody_drives(flow: Here) -> None:
    from durable import open_store

    flow.interrupted("--run-id", "x")
    with open_store() as store:
        lease = store.acquire("x", "somebody")
        error = flow.json("run", "flow.py", "--run-id", "x", exits=exit_codes.DRIVEN)["error"]
        store.release(lease)
    assert error["type"] == "RunAlreadyDriven"


def test_the_workflows_own_store_is_used_unless_another_is_named(here: Here) -> None:
    here.write("own.py", 'from durable import *\n@task\ndef one():\n    return 1\n'
               'with workflow("own", store="own.db") as wf:\n    wf.add(one)\n')  # fmt: skip
    here("run", "own.py")
    assert (here.path / "own.db").exists()
    here("run", "own.py", "--store", "named.db")
    assert (here.path / "named.db").exists()
    assert not (here.path / ".durable").exists()


def test_piped_output_has_no_escapes(flow: Here) -> None:
    flow.write("fail", "")
    out, err = flow.real("run", "flow.py", exits=1)
    run_id = flow.runs()[0]["run_id"]
    for words in (["runs"], ["show", run_id], ["log", run_id], ["plan", run_id], ["verify"], ["--help"]):
        more_out, more_err = flow.real(*words)
        out, err = out + more_out, err + more_err
    assert "\x1b" not in out + err
