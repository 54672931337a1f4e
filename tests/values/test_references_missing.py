"""References to what is not there any more: the missing file or name is named, and a moved one is found."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from durable.errors import PayloadError
from durable.values import programs, references
from durable.values.payloads import decode, encode
from durable.values.programs import load_script


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own register of scripts and its own search path."""
    monkeypatch.setattr(programs, "_by_file", {})
    monkeypatch.setattr(programs, "_by_name", {})
    monkeypatch.setattr(references, "_imported", {})
    monkeypatch.setattr(sys, "path", [*sys.path])


class TestMissing:
    def written(self, folder: Path, code: str = "class Item: pass") -> tuple[Path, str, bytes]:
        path = folder / "flow.py"
        path.write_text(code)
        module = load_script(path)
        payload = encode(module.Item())
        assert payload is not None
        self.forget(module)
        return path, payload.encoding, payload.data

    def forget(self, module: ModuleType) -> None:
        del sys.modules[module.__name__]
        programs._by_file.clear()
        programs._by_name.clear()

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        path, encoding, data = self.written(tmp_path)
        path.unlink()
        with pytest.raises(PayloadError, match=r"Item, which a recorded value needs.*flow\.py, which does not exist"):
            decode(encoding, data)

    def test_a_missing_name_is_named(self, tmp_path: Path) -> None:
        path, encoding, data = self.written(tmp_path)
        path.write_text("class Renamed: pass")
        with pytest.raises(PayloadError, match=r"flow\.py has no Item"):
            decode(encoding, data)
        self.forget(programs.load_script(path))

    @pytest.mark.parametrize("code", ["1 / 0", "import sys; sys.exit(3)", "this is no python"])
    def test_a_file_that_cannot_be_loaded_is_named(self, code: str, tmp_path: Path) -> None:
        path, encoding, data = self.written(tmp_path)
        path.write_text(code)
        with pytest.raises(PayloadError, match=r"flow\.py, which cannot be loaded.*__main__"):
            decode(encoding, data)

    def test_two_scripts_that_could_be_the_moved_one_are_named(self, tmp_path: Path) -> None:
        path, encoding, data = self.written(tmp_path)
        path.unlink()
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "flow.py").write_text("class Item: pass")
            load_script(tmp_path / name / "flow.py")
        with pytest.raises(PayloadError, match=r"may be in .*one.flow\.py or .*two.flow\.py"):
            decode(encoding, data)
        for module in list(programs._by_file.values()):
            del sys.modules[module.__name__]

    def test_of_two_scripts_the_one_that_has_the_name_is_the_moved_one(self, tmp_path: Path) -> None:
        path, encoding, data = self.written(tmp_path)
        path.unlink()
        loaded = []
        for name, code in (("one", "class Item: pass"), ("two", "")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "flow.py").write_text(code)
            loaded.append(load_script(tmp_path / name / "flow.py"))
        assert type(decode(encoding, data)).__module__ == loaded[0].__name__
        for module in list(programs._by_file.values()):
            del sys.modules[module.__name__]

    def test_a_redefined_class_is_not_mistaken_for_the_new_one(self, tmp_path: Path) -> None:
        path = tmp_path / "flow.py"
        path.write_text("class Item:\n    x = 1\nold = Item()\nclass Item:\n    x = 2")
        module = load_script(path)
        payload = encode(module.old)
        assert payload is not None
        assert decode(payload.encoding, payload.data).x == 1
        self.forget(module)
