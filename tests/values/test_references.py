"""References to code: what ``python pipeline.py`` wrote, another process reads, and the other way round."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from durable.values import programs, references

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
