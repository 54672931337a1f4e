"""What is said when the package ``durable`` is not ours. It looks through all that is installed, which takes a moment.

It must not import ``durable``: that is somebody else's code.
"""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path


def explanation(ours: str) -> str:
    """Return what has become of the package ``durable``, and how to repair it, as lines of text.

    Args:
        ours: the name of this distribution, whose package it should be.
    """
    found = _found()
    others = [name for name in _owners(found) if name != ours]
    if not others and found.parent != _site():
        return (
            f"durable: the package {found} hides that of {ours}, which is in {_site()}.\n"
            "Rename it, or take its folder from PYTHONPATH.\n"
        )
    if others:
        what = f"the package {found} comes from another distribution ({', '.join(others)}), not from {ours}"
    else:
        what = (
            f"files of {ours} in {found} are missing or replaced, as happens when another "
            "distribution with a package durable is installed or uninstalled"
        )
    pip = f"{shlex.quote(sys.executable)} -m pip"
    return (
        f"durable: {what}.\n"
        f"An environment can hold only one of them. These two commands bring {ours} back:\n"
        f"  {pip} uninstall -y {' '.join([*others, ours])}\n"
        f"  {pip} install {ours}\n"
    )


def _site() -> Path:
    """Return the folder that this distribution was installed into."""
    return Path(__file__).resolve().parents[1]


def _found() -> Path:
    """Return where Python finds a package ``durable``, without running it; where it would be when there is none."""
    spec = find_spec("durable")
    if spec is None:
        return _site() / "durable"
    places = list(spec.submodule_search_locations or ())
    return Path(places[0] if places else spec.origin or "durable").resolve()


def _owners(found: Path) -> list[str]:
    """Return the names of the installed distributions that bring what was found."""
    names = dict.fromkeys(packages_distributions().get("durable", ()))
    return [name for name in names if Path(str(distribution(name).locate_file(found.name))).resolve() == found]
