"""One version of a prompt, as plain data that can render itself. It must not read files."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from durable.context import current_context
from durable.prompts.rendering import render


@dataclass(frozen=True)
class Source:
    """Where a template stands.

    Attributes:
        file: the file's path.
        line: the line of the file at which the template begins, from 1.
        by_line: whether lines of the template are lines of the file, as in a ``|`` block.
    """

    file: str
    line: int
    by_line: bool = True


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt. It can be compared, pickled, and made without a file for tests.

    Attributes:
        name: what the prompt is called.
        label: what the version is for, such as "production".
        version: a whole number, or a text such as "1.2.0".
        template: the Jinja template, as it stands in the file.
        source: where it came from; two prompts are equal wherever they came from.
    """

    name: str
    label: str
    version: int | str
    template: str
    source: Source | None = field(default=None, compare=False)

    @property
    def digest(self) -> str:
        """The first 12 hex digits of the SHA-256 of the template: the same for the same text only."""
        return sha256(self.template.encode()).hexdigest()[:12]

    def render(self, /, **values: Any) -> str:
        """Fill in the template; in the body of a task, the run's log records that it was done.

        Args:
            **values: the variables of the template; those that it does not use are ignored.

        Returns:
            The text. One line break at the end of the template is dropped, nothing is escaped.

        Raises:
            PromptError: variables are missing (all are named), the template does what it must not, or an
                expression in it fails.
        """
        text = render(self, values)
        context = current_context()
        if context is not None:
            context.note_prompt(self.name, self.label, str(self.version), self.digest)
        return text

    def where(self, line: int = 1) -> str:
        """Return name, version, file and line, for errors.

        Args:
            line: the line of the template, from 1.

        Returns:
            One text.
        """
        text = f"prompt {self.name!r} version {self.version} ({self.label})"
        if self.source is None:
            return f"{text}, line {line}"
        at = self.source.line + (line - 1 if self.source.by_line else 0)
        return f"{text}, {self.source.file}, line {at}"
