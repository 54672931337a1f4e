"""A store of a script that ran as ``__main__``, from a file that is gone: classes are recorded by file and name.

Statements, instead of a list: a script's values can be read only where the script, or one of its name, is loaded.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from durable import PayloadError, open_run
from tests.golden.golden import FOLDER, SCRIPT
from tests.golden.reading import opened

FILE = FOLDER / "programs" / "script.py"
LATER = 1_767_225_700_000_000

READS = """
import sys
from durable import RetryPolicy, open_run, open_store
from durable.values.programs import load_script

script = load_script(sys.argv[2])
with open_store(sys.argv[1]) as store:
    run = open_run("done", store)
    basket = run.results["pack"]
    assert type(basket) is script.Basket and basket == script.Basket(("pear", "bread"), RetryPolicy(max_attempts=2))
    assert run.result() == "label ('pear', 'bread')"
    assert run.results["send"] == "Main Street"
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A copy of the store."""
    return SCRIPT.copy(tmp_path)


def durable(url: str, *words: str) -> str:
    """Run a command in a process of its own, as scripts are loaded once for all in one."""
    command = [sys.executable, "-m", "durable", *words, "--store", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_values_of_the_script_are_read_where_a_script_of_that_name_is_loaded(url: str, tmp_path: Path) -> None:
    reader = tmp_path / "reader.py"
    reader.write_text(READS)
    subprocess.run([sys.executable, str(reader), url, str(FILE)], check=True)


def test_a_value_whose_script_is_nowhere_names_the_file(url: str) -> None:
    with opened(url, LATER) as store:
        run = open_run("done", store)
        with pytest.raises(PayloadError, match=r"Basket.* comes from /srv/golden/tests/golden/programs/script\.py"):
            _ = run.results


def test_a_suspended_run_of_the_script_goes_on_with_the_file_that_is_named(url: str) -> None:
    durable(url, "verify")
    durable(url, "signal", "suspended", "address", "--value", '"Side Street"')
    ended = json.loads(durable(url, "resume", "suspended", "--file", str(FILE), "--json"))
    assert ended["status"] == "succeeded"
    with opened(url, LATER) as store:
        started = [event.task_id for event in open_run("suspended", store).events() if event.type == "TaskStarted"]
    assert started == ["pack", "send", "send", "send/label"]
