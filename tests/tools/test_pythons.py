"""Which interpreters the tests run on: the newest of each version that works, wherever it is, and none is made up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools import pythons


def interpreter(path: Path, answer: str, code: int = 0) -> Path:
    """A program that answers as an interpreter would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A machine with two folders on its PATH, and pyenv where it is by default."""
    return {"PATH": f"{tmp_path}/one{os.pathsep}{tmp_path}/two", "HOME": str(tmp_path)}


def test_this_interpreter_says_what_it_is() -> None:
    """The question that is asked is one that a real interpreter answers."""
    found = pythons.ask(sys.executable)
    assert found is not None
    assert found.order[:3] == sys.version_info[:3]
    assert found.minor in pythons.SUPPORTED


def test_the_newest_patch_release_counts(tmp_path: Path, env: dict[str, str]) -> None:
    """From pyenv as well as from PATH, by number and not by name; a release comes after its candidates."""
    interpreter(tmp_path / "two" / "python3.12", "3.12.9 3 12 9 True")
    newest = interpreter(tmp_path / ".pyenv" / "versions" / "3.12.10" / "bin" / "python3.12", "3.12.10 3 12 10 True")
    interpreter(tmp_path / ".pyenv" / "versions" / "3.12.10rc1" / "bin" / "python3.12", "3.12.10rc1 3 12 10 False")
    found = pythons.find([(3, 12)], env)[3, 12]
    assert found is not None
    assert (found.version, found.path) == ("3.12.10", str(newest))


def test_pyenv_may_be_elsewhere(tmp_path: Path, env: dict[str, str]) -> None:
    """Where PYENV_ROOT says."""
    path = interpreter(tmp_path / "pyenv" / "versions" / "3.13.0" / "bin" / "python3.13", "3.13.0 3 13 0 True")
    found = pythons.find([(3, 13)], {**env, "PYENV_ROOT": str(tmp_path / "pyenv")})[3, 13]
    assert found is not None
    assert found.path == str(path)


def test_what_does_not_work_is_not_there(tmp_path: Path, env: dict[str, str]) -> None:
    """A shim without a version behind it, and a name that leads to another version, are passed over."""
    interpreter(tmp_path / "one" / "python3.13", "no such version", 127)
    interpreter(tmp_path / "one" / "python3.12", "3.11.7 3 11 7 True")
    assert pythons.find([(3, 12), (3, 13), (3, 14)], env) == {(3, 12): None, (3, 13): None, (3, 14): None}


def test_versions_that_are_missing_are_named_and_fail_nothing(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine with one Python only passes, and is told what was not tested."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(sys, "argv", ["pythons", "--others"])
    assert pythons.main() == 0
    others = [f"{major}.{minor}" for major, minor in pythons.SUPPORTED if (major, minor) != sys.version_info[:2]]
    assert capsys.readouterr().out == f"==> not on this machine, so not tested: Python {', '.join(others)}\n"


def test_one_version_that_fails_fails_the_whole(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are run all the same, each in an environment of its own."""
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    minors = [minor for minor in pythons.SUPPORTED if minor != sys.version_info[:2]][:2]
    for major, minor in minors:
        interpreter(tmp_path / "one" / f"python{major}.{minor}", f"{major}.{minor}.1 {major} {minor} 1 True")
    ran: list[tuple[str, list[str]]] = []

    def tested(folder: Path, _python: str, tests: list[str]) -> bool:
        ran.append((folder.name, tests))
        return len(ran) > 1

    monkeypatch.setattr(pythons, "ROOT", tmp_path)
    monkeypatch.setattr(pythons, "tested", tested)
    monkeypatch.setattr(sys, "argv", ["pythons", "--others", "tests/core"])
    assert pythons.main() == 1
    first, second = ("{}.{}".format(*minor) for minor in minors)
    assert ran == [(f".venv-{first}", ["tests/core"]), (f".venv-{second}", ["tests/core"])]
    said = capsys.readouterr().out
    assert f"tests passed on Python {second}.1\n==> tests FAILED on Python {first}.1\n" in said


def test_an_environment_of_another_patch_release_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update of the interpreter; one of the same is kept."""
    monkeypatch.setattr(pythons, "ROOT", tmp_path)
    made = interpreter(tmp_path / ".venv-3.12" / "bin" / "python", "3.12.1 3 12 1 True")
    same = pythons.ask(made)
    assert same is not None
    assert pythons.environment_of(same).exists()
    newer = same._replace(order=(3, 12, 2, True))
    assert not pythons.environment_of(newer).exists()
