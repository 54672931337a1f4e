"""Whole runs that ask, from the command line: suspended, killed or driven while they wait for their answer."""

from __future__ import annotations

from tests.cli.place import Here, wait_for

ASKING = """
    from durable import TaskExecutionContext, task, workflow

    @task
    def ask(ctx: TaskExecutionContext):
        with open("bodies.txt", "a") as file:
            file.write("ask\\n")
        answer = ctx.request_feedback("Deploy?", request_id="deploy", timeout=TIMEOUT)
        return f"{answer.approved} by {answer.by}"

    with workflow("asking") as wf:
        wf.add(ask)
"""


def test_a_run_is_suspended_answered_and_resumed(here: Here) -> None:
    here.write("ask.py", ASKING.replace("TIMEOUT", "0"))
    with here.spawn("run", "ask.py", "--run-id", "x") as process:
        process.communicate(timeout=50)
    assert here.runs()[0]["status"] == "suspended"
    assert [item["name"] for item in here.json("waiting")] == ["deploy"]
    here.real("answer", "x", "--approve", "--by", "eva")
    assert "True by eva" in here.real("resume", "x")[0]
    assert here.types("x").count("FeedbackRequested") == 1


def test_a_run_that_was_killed_while_it_asked_does_not_ask_again(here: Here) -> None:
    here.write("ask.py", ASKING.replace("TIMEOUT", "40"))
    with here.spawn("run", "ask.py", "--run-id", "x") as process:
        wait_for(lambda: (here.path / ".durable" / "runs.db").exists() and here.json("waiting"))
        process.kill()
        process.communicate(timeout=50)
    assert here.runs()[0]["status"] == "interrupted"
    assert "resume with: durable resume x" in here("answer", "x", "--reject", "--by", "eva").stderr
    assert "False by eva" in here.real("resume", "x")[0]
    assert here.types("x").count("FeedbackRequested") == 1
    assert (here.path / "bodies.txt").read_text() == "ask\nask\n"


def test_an_answer_reaches_a_run_that_is_driven(here: Here) -> None:
    here.write("ask.py", ASKING.replace("TIMEOUT", "40"))
    with here.spawn("run", "ask.py", "--run-id", "x") as process:
        wait_for(lambda: (here.path / ".durable" / "runs.db").exists() and here.json("waiting"))
        assert "is driven now" in here("answer", "x", "--value", "yes", "--by", "eva").stderr
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "True by eva" in out
    assert "RunSuspended" not in here.types("x")
