"""Questions to people: asked by tasks, answered from anywhere, at any time, also while nothing runs.

``questions`` says what fits, ``answers`` delivers, ``pending`` lists what is open. It must not drive runs.
"""

from __future__ import annotations

from durable.human.answers import OpenRequest, Waiting, open_requests, send_answer, waiting
from durable.human.manager import FeedbackManager
from durable.definition.questions import FeedbackRequest, FeedbackResponse, FeedbackType

__all__ = [
    "FeedbackManager", "FeedbackRequest", "FeedbackResponse", "FeedbackType", "OpenRequest", "Waiting",
    "open_requests", "send_answer", "waiting",
]  # fmt: skip
