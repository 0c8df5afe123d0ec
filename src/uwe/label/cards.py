"""What a desk hands to people: cards, and what becomes of them; labels are as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uwe.journal import Event

__all__ = ["Card", "Conflict", "Past", "Prediction", "Progress", "Saved", "Why", "saved_by"]


@dataclass(frozen=True)
class Prediction:
    """What the last model says of an item.

    Attributes:
        label: the most probable label.
        confidence: its probability; of several classes, that of the least sure one; None of a
            number.
        ranked: classes with their probabilities, the most probable first.
        legend: name and CSS colour of each class that is drawn; empty where nothing is.
        drawn: a digest of what is drawn over the image; empty where nothing is.
    """

    label: Any
    confidence: float | None
    ranked: tuple[tuple[str, float], ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    drawn: str = ""


@dataclass(frozen=True)
class Why:
    """Why an item was picked.

    Attributes:
        lines: in words.
        neighbour: id of the nearest item that was labelled or picked before, or None.
        neighbour_label: its label, or None.
        stands_for: how many items are nearest to this pick, or None.
        percentile: percent of the unlabelled items that are at most as uncertain, or None.
        is_audit: whether the item was drawn at random to measure the model.
    """

    lines: tuple[str, ...] = ()
    neighbour: str | None = None
    neighbour_label: Any = None
    stands_for: int | None = None
    percentile: float | None = None
    is_audit: bool = False


@dataclass(frozen=True)
class Card:
    """One item in front of one person.

    Attributes:
        row: of the pool.
        id: what people call the item.
        ticket: goes back with the answer; it says that this person was given the item.
        batch: number of the batch, from 1; None where the item was never given out.
        why: it was picked.
        prediction: of the last model; None without one, and where the person must not see it.
        blind: whether the person must answer without the prediction.
        answer: what this person said before, or None.
        skipped: this person's reason for a skip, or None.
        note: this person's note.
        flagged: whether this person flagged the item.
    """

    row: int
    id: str
    ticket: str
    batch: int | None
    why: Why
    prediction: Prediction | None
    blind: bool
    answer: Any = None
    skipped: str | None = None
    note: str = ""
    flagged: bool = False


@dataclass(frozen=True)
class Past:
    """What a person said earlier, and still says.

    Attributes:
        event: id of the event in the journal.
        row: of the pool.
        id: of the item.
        label: the answer; None of a skip.
        skipped: the reason for a skip, or None.
        at: when, in UTC.
        flagged: whether the person flagged the item.
    """

    event: int
    row: int
    id: str
    label: Any
    skipped: str | None
    at: str
    flagged: bool


@dataclass(frozen=True)
class Saved:
    """What a person said is on the disk.

    Attributes:
        event: id of the event in the journal.
        at: when it was written, in UTC.
        is_new: whether it was written now; False where it was there already.
    """

    event: int
    at: str
    is_new: bool


def saved_by(event: Event) -> Saved:
    """What an event that was written now saved."""
    return Saved(event.id, event.at, is_new=True)


@dataclass(frozen=True)
class Progress:
    """How far the labelling has come.

    Attributes:
        rows: items in the pool.
        labelled: items whose label counts.
        skipped: items that were skipped.
        open: items that were given out and wait for an answer of somebody.
        mine: items that this person has answered.
        by_class: labelled items of each class; empty where there are no classes.
        seconds_an_item: median of this person's last answers, or None.
        batch: number of the last batch, from 1, or None.
        training: whether a model is being trained or a batch picked.
        trouble: why the last try to train and pick failed, or None.
        estimate: what is known of the model's accuracy, a sentence each.
        doubts: labels that the model contradicts; None until somebody asked for them.
    """

    rows: int
    labelled: int
    skipped: int
    open: int
    mine: int
    by_class: Mapping[str, int]
    seconds_an_item: float | None
    batch: int | None
    training: bool
    trouble: str | None
    estimate: tuple[str, ...] = ()
    doubts: int | None = None


@dataclass(frozen=True)
class Conflict:
    """An item that people answered differently.

    Attributes:
        row: of the pool.
        id: of the item.
        answers: by person.
        proposal: the label that is proposed.
        why: it is proposed.
        ticket: of the person who is asked to decide.
    """

    row: int
    id: str
    answers: Mapping[str, Any]
    proposal: Any
    why: str
    ticket: str = ""
