"""Finds prompts in a folder and keeps what it read until a file changes. It must not know YAML or Jinja."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from durable.prompts.errors import PromptError, PromptNotFound
from durable.prompts.files import parse_prompts
from durable.prompts.prompt import Prompt
from durable.prompts.rendering import compile_prompt
from durable.prompts.versions import choose

_ENDINGS = (".yaml", ".yml")
_SHOWN = 20

_Stamp = tuple[str, int, int, int]
"""Path, time of change, size and inode: another one means that the file has changed."""


class YAMLPromptManager:
    """The prompts of a folder, one YAML file each. Threads may share it.

    Args:
        folder: where the files are; a relative one is taken from the folder that is current now.

    Raises:
        PromptNotFound: there is no such folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).absolute()
        if not self.folder.is_dir():
            raise PromptNotFound(f"there is no prompt folder {self.folder}", hint="Create it, or correct the path")
        self._lock = threading.Lock()
        self._read: dict[str, tuple[_Stamp, list[Prompt]]] = {}

    def __reduce__(self) -> tuple[type[YAMLPromptManager], tuple[str]]:
        return type(self), (str(self.folder),)  # so that it can be bound to a task: manager=...

    def get_prompt(self, name: str, label: str | None = None, version: int | str | None = None) -> Prompt:
        """Return a prompt: its newest version, or the one that is asked for.

        Args:
            name: the file without its ending; ``a/b`` is in the sub-folder ``a``.
            label: the newest version with this label.
            version: exactly this version: 3, or "1.2.0".

        Returns:
            The prompt, compiled and ready to render.

        Raises:
            PromptNotFound: there is no such file, label or version.
            PromptError: the name leaves the folder, the file or the template is wrong, the same version has
                several labels, or jinja2 or pyyaml is not installed.
        """
        prompt = choose(self._prompts(name), label, version)
        compile_prompt(prompt)
        return prompt

    def names(self) -> list[str]:
        """Return the names of all prompts, sorted; the files are not read."""
        found = set()
        for place, folders, files in os.walk(self.folder):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            for file in files:
                if file.endswith(_ENDINGS) and not file.startswith("."):
                    found.add(Path(place, file).relative_to(self.folder).with_suffix("").as_posix())
        return sorted(found)

    def _prompts(self, name: str) -> list[Prompt]:
        """Return the entries of a prompt's file, read again only if it has changed."""
        _check_name(name)
        path = self._path(name)
        try:
            with self._lock:
                known = self._read.get(name)
                if known is None or known[0] != _stamp(path, os.stat(path)):
                    # Of the open file, and before it is read: a later change leaves a stamp that does not fit.
                    with open(path, "rb") as file:
                        stamp = _stamp(path, os.fstat(file.fileno()))
                        known = stamp, parse_prompts(name, path, file.read())
                    self._read[name] = known
                return known[1]
        except OSError as error:
            raise PromptError(
                f"prompt file {path} cannot be read: {error.strerror}", hint="Check the file and its permissions"
            ) from error

    def _path(self, name: str) -> str:
        """Return the path of a prompt's file."""
        paths = [f"{self.folder}/{name}{ending}" for ending in _ENDINGS]
        there = [path for path in paths if os.path.isfile(path)]
        if len(there) > 1:
            raise PromptError(f"prompt {name!r} has two files: {' and '.join(there)}", hint="Remove one of them")
        if not there:
            names = self.names()
            listed = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            raise PromptNotFound(
                f"there is no prompt {name!r}: {paths[0]} does not exist",
                hint=f"There are: {listed}" if names else "The folder holds no prompts",
            )
        return there[0]


def _stamp(path: str, stat: os.stat_result) -> _Stamp:
    return path, stat.st_mtime_ns, stat.st_size, stat.st_ino


def _check_name(name: object) -> None:
    """Refuse a name that could lead out of the folder, or to hidden files."""
    good = isinstance(name, str) and name.encode("utf-8", "ignore").decode() == name
    if not good or any(c in str(name) for c in "\0\\") or any(p[:1] in ("", ".") for p in str(name).split("/")):
        raise PromptError(
            f"{name!r} is not a name of a prompt",
            hint="A name is a path in the folder without the ending, such as 'greet' or 'mail/reply'; no part of it "
            "is empty or begins with a dot",
        )
