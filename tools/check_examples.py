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


def check(example: Path) -> tuple[bool, str]:
    """Run one example; return whether it is right, and what to tell."""
    with tempfile.TemporaryDirectory(prefix="durable-example-") as folder:
        env = isolated.environment(DURABLE_STORE=f"sqlite:///{folder}/runs.db")
        outcome = isolated.run([sys.executable, example], Path(folder), env, SECONDS_AN_EXAMPLE)
    if outcome.code:
        return False, f"FAILED {example.name}: exit {outcome.code}\n{outcome.output}"
    return True, f"    ok {example.name}: {outcome.seconds:.1f} s"


def unlisted(examples: Sequence[Path], listing: str) -> list[str]:
    """Return the names of the examples that the listing does not name."""
    return [example.name for example in examples if example.name not in listing]


def main(arguments: Sequence[str]) -> int:
    """Run the examples, two at a time; return the exit code."""
    examples = [Path(each).resolve() for each in arguments] or sorted(EXAMPLES.glob("*.py"))
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
