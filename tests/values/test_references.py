"""Guarantees of references: what ``python pipeline.py`` wrote, another process reads, and the other way round."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from durable.errors import PayloadError
from durable.values import programs, references
from durable.values.payloads import decode, encode
from durable.values.programs import load_script, register_script

ROOT = Path(__file__).parents[2]

PIPELINE = """
import dataclasses, enum, sys, collections
from pathlib import Path
from durable.values.payloads import decode, encode

class Color(enum.Enum):
    RED = 1

class Level(enum.IntFlag):
    LOW = 1
    HIGH = 2

@dataclasses.dataclass(frozen=True)
class Item:
    name: str
    color: Color = Color.RED

class Broken(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)

class Outer:
    class Inner:
        def __eq__(self, other):
            return type(self) is type(other)
        def method(self):
            return "method"

Point = collections.namedtuple("Point", "x y")

def double(x):
    return 2 * x

def value():
    return {
        "item": Item("a"), "items": (Item("b"),), "color": Color.RED, "level": Level.LOW | Level.HIGH,
        "class": Item, "enum": Color, "inner": Outer.Inner(), "method": Outer.Inner().method,
        "point": Point(1, 2), "function": double, "closure": (lambda: Item("c")), "module": sys.modules[__name__],
    }

def check(found):
    assert found["item"] == Item("a") and type(found["item"]) is Item
    assert type(found["items"][0]) is Item
    assert found["color"] is Color.RED and found["level"] == 3 and type(found["level"]) is Level
    assert found["class"] is Item and found["enum"] is Color
    assert found["inner"] == Outer.Inner() and found["method"]() == "method"
    assert found["point"] == (1, 2) and type(found["point"]) is Point
    assert found["function"] is double
    assert type(found["closure"]()) is Item
    assert found["module"] is sys.modules[__name__]

def write(path):
    payload = encode(value())
    path.with_suffix(".encoding").write_text(payload.encoding)
    path.write_bytes(payload.data)

def read(path):
    check(decode(path.with_suffix(".encoding").read_text(), path.read_bytes()))

if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
"""

LOADER = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from durable.values.programs import register_script

spec = spec_from_file_location("under_another_name", sys.argv[1])
module = module_from_spec(spec)
sys.modules["under_another_name"] = module
spec.loader.exec_module(module)
register_script(module)
getattr(module, sys.argv[2])(Path(sys.argv[3]))
"""

BARE_READER = """
import sys
from pathlib import Path
from durable.values.payloads import decode
path = Path(sys.argv[1])
found = decode(path.with_suffix(".encoding").read_text(), path.read_bytes())
found["module"].check(found)
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.py"
    path.write_text(PIPELINE)
    (tmp_path / "loader.py").write_text(LOADER)
    (tmp_path / "bare.py").write_text(BARE_READER)
    return path


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own register of scripts and its own search path."""
    monkeypatch.setattr(programs, "_by_file", {})
    monkeypatch.setattr(programs, "_by_name", {})
    monkeypatch.setattr(references, "_imported", {})
    monkeypatch.setattr(sys, "path", [*sys.path])


def run(*command: object, cwd: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "stores"), *sys.path])
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class TestProcesses:
    def test_what_main_wrote_a_process_that_loads_the_file_by_another_name_reads(self, pipeline: Path) -> None:
        out = pipeline.with_name("out")
        run("pipeline.py", "write", out, cwd=pipeline.parent)
        run("loader.py", "pipeline.py", "read", out, cwd=pipeline.parent)

    def test_what_a_loaded_file_wrote_main_reads(self, pipeline: Path) -> None:
        out = pipeline.with_name("out")
        run("loader.py", "pipeline.py", "write", out, cwd=pipeline.parent)
        run("pipeline.py", "read", out, cwd=pipeline.parent)

    def test_a_process_that_knows_nothing_loads_the_file(self, pipeline: Path) -> None:
        out = pipeline.with_name("out")
        run("pipeline.py", "write", out, cwd=pipeline.parent)
        run("bare.py", out, cwd=pipeline.parent)

    def test_a_process_that_imported_the_file_by_name_finds_that_module(self, pipeline: Path) -> None:
        out = pipeline.with_name("out")
        run("pipeline.py", "write", out, cwd=pipeline.parent)
        run("-c", f"import pipeline, pathlib; pipeline.read(pathlib.Path({str(out)!r}))", cwd=pipeline.parent)

    def test_a_moved_file_is_found_by_its_base_name(self, pipeline: Path) -> None:
        out = pipeline.with_name("out")
        run("pipeline.py", "write", out, cwd=pipeline.parent)
        (pipeline.parent / "new").mkdir()
        moved = pipeline.rename(pipeline.parent / "new" / "pipeline.py")
        run(moved, "read", out, cwd=pipeline.parent)
        run("loader.py", moved, "read", out, cwd=pipeline.parent)

    def test_a_module_run_with_dash_m_is_read_by_its_importable_name(self, tmp_path: Path) -> None:
        package = tmp_path / "package"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "other.py").write_text("NAME = 'relative'")
        (package / "flow.py").write_text("from .other import NAME\n" + PIPELINE)
        out = tmp_path / "out"
        run("-m", "package.flow", "write", out, cwd=tmp_path)
        run("-m", "package.flow", "read", out, cwd=tmp_path)
        (tmp_path / "bare.py").write_text(BARE_READER)
        run("bare.py", out, cwd=tmp_path)

    def test_a_symlinked_script_is_the_same_script(self, pipeline: Path) -> None:
        out = pipeline.with_name("out")
        pipeline.with_name("link.py").symlink_to(pipeline)
        run("link.py", "write", out, cwd=pipeline.parent)
        run("pipeline.py", "read", out, cwd=pipeline.parent)

    def test_a_prompt_without_a_file_pickles_by_value(self, tmp_path: Path) -> None:
        code = """
        from durable.values.payloads import decode, encode
        class Item: x = 1
        payload = encode(Item())
        assert b"resolve_reference" not in payload.data
        assert type(decode(payload.encoding, payload.data)) is Item
        """
        run("-c", textwrap.dedent(code), cwd=tmp_path)


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
        for name, code in (("one", "class Item: pass"), ("two", "")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "flow.py").write_text(code)
            load_script(tmp_path / name / "flow.py")
        assert type(decode(encoding, data)).__module__ == "durable_script_flow"
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
