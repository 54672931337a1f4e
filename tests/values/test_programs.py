"""Programs: a user's file is loaded once, under a name that shadows nothing; when it fails, nothing is left behind."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from durable.errors import PayloadError
from durable.values import programs, references
from durable.values.programs import load_script, register_script


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own register of scripts and its own search path."""
    monkeypatch.setattr(programs, "_by_file", {})
    monkeypatch.setattr(programs, "_by_name", {})
    monkeypatch.setattr(references, "_imported", {})
    monkeypatch.setattr(sys, "path", [*sys.path])


class TestLoad:
    def test_a_file_is_loaded_once_under_a_name_that_shadows_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "json.py").write_text("import os\nNAME = __name__")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "json.py").write_text("NAME = __name__")
        module = load_script(tmp_path / "json.py")
        other = load_script(tmp_path / "sub" / "json.py")
        assert load_script(str(tmp_path / "sub" / ".." / "json.py")) is module
        assert module.NAME != other.NAME
        assert sys.modules[module.NAME] is module
        assert "json" not in (module.NAME, other.NAME)
        assert list(tmp_path.glob("**/__pycache__")) == []
        del sys.modules[module.NAME], sys.modules[other.NAME]

    def test_files_beside_a_script_can_be_imported_but_shadow_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "beside_the_script.py").write_text("X = 1")
        (tmp_path / "textwrap.py").write_text("raise RuntimeError")
        (tmp_path / "flow.py").write_text("import textwrap; from beside_the_script import X")
        assert load_script(tmp_path / "flow.py").X == 1
        del sys.modules["beside_the_script"], sys.modules["durable_script_flow"]

    def test_a_file_that_raises_leaves_nothing_behind(self, tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text("1 / 0")
        before = set(sys.modules)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                load_script(tmp_path / "bad.py")
        assert set(sys.modules) == before

    def test_a_module_without_a_file_is_no_script(self) -> None:
        with pytest.raises(PayloadError, match="no file"):
            register_script(ModuleType("made_up"))
