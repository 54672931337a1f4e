"""Where the command ``durable`` begins. What people import is ``durable``; this is only named like the distribution.

Other distributions bring a package ``durable`` too, and whichever is installed last replaces the ``__init__.py`` of the
other. So this stands outside of that package: whatever became of it, the command says so. It must not know a command.
"""

from __future__ import annotations

DISTRIBUTION = "durable-runs"
"""The name that it is installed by; ``durable`` bears it as its mark."""


def main() -> None:
    """Run the command line; when the package ``durable`` is not that of this distribution, say so and exit with 3."""
    if not _is_ours():
        import sys

        from durable_runs.explanation import explanation

        sys.stderr.write(explanation(DISTRIBUTION))
        sys.exit(3)  # as every other error, see durable/cli/exit_codes.py
    from durable.cli import main as command

    command(prog_name="durable")


def _is_ours() -> bool:
    try:
        import durable
    except Exception:  # another package's __init__.py may raise anything between files of ours; ours imports a constant
        return False
    return getattr(durable, "_DISTRIBUTION", None) == DISTRIBUTION
