"""The journal of a run or project: what happened, one line each, in order. It is the state."""

from uwe.journal.events import (
    Answered,
    Event,
    Queried,
    Settled,
    Skipped,
    Trained,
    Withdrawn,
)
from uwe.journal.file import append, create, read, require_last
from uwe.journal.fitting import Fitting, require_fitting
from uwe.journal.following import Follower
from uwe.journal.replay import (
    Settle,
    Standing,
    answer_counts,
    answers_by_row,
    replay,
    settled_by_row,
)

__all__ = [
    "Answered",
    "Event",
    "Fitting",
    "Follower",
    "Queried",
    "Settle",
    "Settled",
    "Skipped",
    "Standing",
    "Trained",
    "Withdrawn",
    "answer_counts",
    "answers_by_row",
    "append",
    "create",
    "read",
    "replay",
    "require_fitting",
    "require_last",
    "settled_by_row",
]
