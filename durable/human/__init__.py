"""People: what runs wait for, and answers to questions, given at any time, also while nothing runs.

What a question is, and which answers fit it, is part of a definition (``definition/questions.py``). It must not
drive runs.
"""

from __future__ import annotations

from durable.definition.questions import FeedbackRequest, FeedbackResponse, FeedbackType
from durable.human.answers import OpenRequest, Waiting, open_requests, send_answer, waiting
from durable.human.manager import FeedbackManager

__all__ = [
    "FeedbackManager", "FeedbackRequest", "FeedbackResponse", "FeedbackType", "OpenRequest", "Waiting",
    "open_requests", "send_answer", "waiting",
]  # fmt: skip
