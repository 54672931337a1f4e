"""The data of questions and answers: types of questions, a question, what became of it. It must not hold logic."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class FeedbackType(StrEnum):
    """What kind of answer a question wants."""

    APPROVAL = "approval"
    TEXT = "text"
    SELECTION = "selection"
    MULTI_SELECTION = "multi_selection"
    CUSTOM = "custom"


CHOICES = (FeedbackType.SELECTION, FeedbackType.MULTI_SELECTION)
"""Types whose answer is chosen among options."""


class FeedbackRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question to a person.

    Attributes:
        id: its id in the run; None when it is made of the task's.
        type: what kind of answer it wants.
        message: the question; title: a short heading.
        options: what can be chosen.
        form_schema: a JSON Schema that the answer must fit.
        channel_key: the channel key that the answer is written to.
        expires_in: seconds after which nobody can answer any more.
        form_step: set by a human step: its answer is written to ``<step>`` and each field to ``<step>.<field>``.
    """

    id: str | None = None
    type: FeedbackType = FeedbackType.APPROVAL
    message: str = ""
    options: tuple[str, ...] = ()
    title: str | None = None
    form_schema: dict[str, Any] | None = None
    channel_key: str | None = None
    expires_in: float | None = None
    form_step: str | None = None


class FeedbackResponse(msgspec.Struct, frozen=True):
    """What became of a question.

    Attributes:
        request_id: the question's id.
        value: the answer; None when the question expired.
        approved: for an approval the answer itself, for others whether there is one.
        by: who answered; reason: why, in their words.
        answered_at: when, in UTC.
        expired: whether nobody answered in time.
    """

    request_id: str
    value: Any = None
    approved: bool = False
    by: str | None = None
    answered_at: datetime | None = None
    expired: bool = False
    reason: str | None = None
