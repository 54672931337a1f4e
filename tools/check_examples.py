"""Runs every example in a folder of its own and checks that examples/README.md lists it.

Usage: ``python -m tools.check_examples [EXAMPLE...]``
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import ROOT, isolated

EXAMPLES = ROOT / "examples"
SECONDS_AN_EXAMPLE = 120
LARGER = {"million/demo.py": ("--lines", "20000")}
"""Examples in folders of their own, with arguments that make them small enough for the gate."""


def check(example: Path) -> tuple[bool, str]:
    """Run one example; return whether it is right, and what to tell."""
    with tempfile.TemporaryDirectory(prefix="durable-example-") as folder:
        env = isolated.environment(DURABLE_STORE=f"sqlite:///{folder}/runs.db")
        command = [sys.executable, example, *LARGER.get(name_of(example), ())]
        outcome = isolated.run(command, Path(folder), env, SECONDS_AN_EXAMPLE)
    if outcome.code:
        return False, f"FAILED {name_of(example)}: exit {outcome.code}\n{outcome.output}"
    return True, f"    ok {name_of(example)}: {outcome.seconds:.1f} s"


def name_of(example: Path) -> str:
    """Return an example's name, with its folder if it has one of its own."""
    return example.name if example.parent in (EXAMPLES, Path()) else f"{example.parent.name}/{example.name}"


def unlisted(examples: Sequence[Path], listing: str) -> list[str]:
    """Return the names of the examples that the listing does not name."""
    return [name_of(example) for example in examples if name_of(example).removesuffix("demo.py") not in listing]


def main(arguments: Sequence[str]) -> int:
    """Run the examples, two at a time; return the exit code."""
    examples = [Path(each).resolve() for each in arguments] or sorted(EXAMPLES.glob("*.py"))
    if not arguments:
        examples += [EXAMPLES / name for name in LARGER]
    if not examples:
        print(f"no examples in {EXAMPLES.relative_to(ROOT)}/")
        return 1
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for right, message in pool.map(check, examples):
            failed += not right
            print(message, flush=True)
    listing = EXAMPLES / "README.md"
    text = listing.read_text(encoding="utf-8") if listing.exists() else ""
    for name in unlisted(examples, text):
        failed += 1
        print(f"FAILED {name}: examples/README.md has no line about it")
    print(f"{len(examples)} examples, {failed} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
