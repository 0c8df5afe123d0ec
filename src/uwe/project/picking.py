"""Picking the rows of a batch, and the files that show them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe import journal
from uwe._files import remove_unfinished, write_bytes, write_text
from uwe._json import json_value
from uwe._random import derive_seed
from uwe._types import BoolArray, Progress, is_integral
from uwe.errors import InputError, RunError, UweError
from uwe.journal import Event, Queried
from uwe.pool import Pool
from uwe.project.audit import NO_AUDIT, AuditShare, audit_order, next_audit, quota
from uwe.project.files import ProjectFiles
from uwe.project.fitting import scale_of
from uwe.project.given import drawn_preview, drawn_shapes, write_given
from uwe.project.items import Items
from uwe.project.ledger import Ledger
from uwe.project.outputs import LEAST_SCORE, OwnOutputs
from uwe.project.shapes import GivenShapes, MaskFiles, Shapes, has_shapes
from uwe.project.training import last_training, scope_of
from uwe.selecting.items import Item
from uwe.selecting.sheet import contact_sheet
from uwe.selecting.tables import pick_rows, picks_csv
from uwe.strategies import Picks, Question, Strategy, Wishes, random, wished
from uwe.tables import open_table
from uwe.tasks import Masks, Task

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = [
    "Batch",
    "Picker",
    "again_without",
    "batches_of",
    "new_batch",
    "require_count",
    "require_left",
    "require_wishes",
    "still_open",
]

log = logging.getLogger("uwe")

_TRIES = 5
_NOTHING: Mapping[int, GivenShapes] = {}
_NO_MODEL = ": no model of the project knows its rows yet; label a first batch without this wish"
_OTHER_MODEL = " of this project's model; leave the wish out, or use another model"
_PAUSED = "wishes are not for a random sample of the pool, so the audit pauses in this batch"
_REASONS = {
    "uncertainty": ("uncertainty", "nan"),
    "percentile": ("percentile", "nan"),
    "distance": ("distance", "inf"),
    "nearest_idx": ("nearest", "-1"),
    "stands_for": ("stands_for", "0"),
}
"""By column of a table of picks: the field of `Picks`, and what an empty cell means."""


@dataclass(frozen=True)
class Batch:
    """Rows that people are asked to label.

    Attributes:
        picks: the rows, with the reasons where the batch is new.
        files: tables and contact sheets that show them.
        is_new: whether the rows are given out for the first time.
    """

    picks: Picks
    files: tuple[Path, ...]
    is_new: bool


@dataclass(frozen=True)
class Picker:
    """Picks rows of a project by its last model.

    Attributes:
        files: of the project.
        items: the pool.
        task: what is labelled.
        strategy: picks as soon as there is a model.
        seed: of the project.
        progress: callback.
        wishes: for the picks, also for those that are drawn at random; or None.
        own: outputs of a model of the owner, by which rows are picked; or None.
        least: the smallest score of a box that people see.
        audit: share of each batch that is a random sample of the pool.
    """

    files: ProjectFiles
    items: Items
    task: Task
    strategy: Strategy
    seed: int
    progress: Progress | None = None
    wishes: Wishes | None = None
    own: OwnOutputs | None = None
    least: float = LEAST_SCORE
    audit: float = 0.0

    @property
    def is_paused(self) -> bool:
        """Whether wishes or outputs of the owner keep rows of the audit out of this batch."""
        has_wishes = self.wishes is not None and not self.wishes.are_none
        return self.audit > 0 and (has_wishes or self.own is not None)

    def require_possible(self, pool: Pool, k: int) -> None:
        """Refuse, before a model is trained, wishes that no model could meet.

        Raises:
            InputError: no row is left; or too few meet the condition, weigh something, or are of a
                group.
        """
        require_left(pool)
        wishes = self.wishes or Wishes()
        quota = wishes.quota
        known = replace(
            wishes,
            min_distance=None,
            like=None,
            unlike=None,
            quota=None if quota is None or quota.is_predicted else quota,
        )
        self._at_random(pool, min(k, _left_over(pool)), self.seed, known)

    def pick(self, events: Sequence[Event], pool: Pool, k: int) -> tuple[Picks, AuditShare]:
        """The strategy's picks, with those of the audit among them.

        While no model knows all rows and classes, they are drawn at random: with an audit, they are
        the next rows of its permutation.

        Raises:
            InputError: a wish cannot be met.
            RunError: the predictions of the last model cannot be read.
        """
        k = min(k, _left_over(pool))
        if self.own is not None:
            return self._by_own(self.own, events, pool, k), NO_AUDIT
        predictions = self._predictions(events)
        share = self._share(events, pool, k, has_model=predictions is not None)
        if predictions is not None:
            picks = self._picked(events, pool, k, predictions, share)
        elif share.of:
            picks = self._audited(pool, k, share)
        else:
            picks = self._drawn(pool, k, derive_seed(self.seed, batches_of(events), "query"))
        notes = (*picks.notes, _PAUSED) if self.is_paused else picks.notes
        return replace(picks, notes=notes), share

    def _by_own(self, own: OwnOutputs, events: Sequence[Event], pool: Pool, k: int) -> Picks:
        """The strategy's picks by outputs of the owner."""
        picks = own.picks(
            k,
            pool,
            self.task,
            self.strategy,
            seed=derive_seed(self.seed, batches_of(events), "query"),
            wishes=self.wishes or Wishes(),
            progress=self.progress,
        )
        notes = (*own.notes, *picks.notes, *((_PAUSED,) if self.is_paused else ()))
        return replace(picks, notes=notes)

    def given(self, events: Sequence[Event], rows: Sequence[int]) -> dict[int, GivenShapes]:
        """The boxes or masks that a model gives some rows; nothing of other tasks."""
        if not has_shapes(self.task):
            return {}
        shapes = Shapes(self.task, self.items, MaskFiles(self.files.masks))
        said = self.own.given if self.own is not None else self._by_model(events)
        found = {row: shapes.given(row, said(row), least=self.least) for row in rows}
        return {row: each for row, each in found.items() if each is not None}

    def _by_model(self, events: Sequence[Event]) -> Callable[[int], Any]:
        """What the last model of the project says of a row; None without one."""
        predictions = self._predictions(events)
        name = next(iter(self.task.outputs))
        if predictions is None or name not in predictions.fields:
            return lambda row: None  # noqa: ARG005
        return lambda row: self._in_image(row, predictions.field(name)[row].cpu().numpy())

    def _in_image(self, row: int, said: Any) -> Any:
        """Detections in pixels of the image, where another size of it is learnt from."""
        size, learnt = self.items.size(row), self.items.learnt_size(row)
        if isinstance(self.task.targets, Masks) or size is None or learnt is None:
            return said
        found = np.asarray(said, dtype=np.float64).copy()
        found[:, :4] *= scale_of(learnt, size)
        return found

    def _share(self, events: Sequence[Event], pool: Pool, k: int, *, has_model: bool) -> AuditShare:
        """What the batch takes from the audit's permutation; all of it while there is no model."""
        if not self.audit or self.is_paused:
            return NO_AUDIT
        given = sum(len(event.rows) for event in events if isinstance(event, Queried))
        moved = quota(self.audit, given, k) if has_model else k
        return next_audit(events, pool, moved, self.seed)

    def _picked(
        self,
        events: Sequence[Event],
        pool: Pool,
        k: int,
        predictions: Predictions,
        share: AuditShare,
    ) -> Picks:
        """The strategy's picks among the rows that the audit leaves, and those of the audit."""
        from uwe.selecting.reasons import explained  # loads torch

        seed = derive_seed(self.seed, batches_of(events), "query")
        wishes = self.wishes or Wishes()
        wishes.require(predictions.fields, _OTHER_MODEL)
        question = Question(predictions, pool, seed, self.progress, task=self.task)
        taken = np.sort(np.array(share.rows, dtype=np.int64)) if share.rows else None
        wanted = k - len(share.rows)
        picks = Picks(np.empty(0, dtype=np.int64))
        if wanted:
            picks = wished(self.strategy, wishes).query(replace(question, taken=taken), wanted)
        picks = replace(picks, strategy=picks.strategy or self.strategy.name)
        return explained(_mixed(picks, share), self.strategy, question, progress=self.progress)

    def _audited(self, pool: Pool, k: int, share: AuditShare) -> Picks:
        """The next k rows of the permutation; those of its covered prefix belong to the audit."""
        order = audit_order(len(pool), self.seed)[share.to :]
        further = order[~np.isin(order, pool.touched)][: k - len(share.rows)]
        rows = np.concatenate([np.array(share.rows, dtype=np.int64), further])
        return Picks(rows, random().name, audit=np.arange(k) < len(share.rows))

    def _predictions(self, events: Sequence[Event]) -> Predictions | None:
        """What the last model said, if it knows all rows and classes."""
        from uwe.project.trainer import outputs_of  # loads torch

        last = last_training(events)
        scope = scope_of(len(self.items), self.task)
        if last is None:
            return None
        if any(last.facts.get(name) != scope[name] for name in scope):
            log.warning("the last model does not know all rows or classes: drawn at random")
            return None
        return outputs_of(last, events, self.files)

    def _drawn(self, pool: Pool, k: int, seed: int) -> Picks:
        """Rows drawn at random that keep to those wishes that need no model."""
        wishes = self.wishes or Wishes()
        wishes.require(frozenset(), _NO_MODEL)
        return self._at_random(pool, k, seed, wishes)

    def _at_random(self, pool: Pool, k: int, seed: int, wishes: Wishes) -> Picks:
        from uwe.predictions import Predictions  # loads torch

        question = Question(Predictions(rows=len(pool)), pool, seed, task=self.task)
        return wished(random(), wishes).query(question, k)

    def write(
        self, batch: int, picks: Picks, given: Mapping[int, GivenShapes] = _NOTHING
    ) -> tuple[Path, ...]:
        """Write the table and the contact sheet of a batch; a table has an empty column label.

        Args:
            batch: its number, from 1.
            picks: of the batch.
            given: the boxes or masks that a model gives the rows, which the sheet shows.
        """
        rows = pick_rows(picks, self.items.ids)
        shown = {self.items.ids[row]: self._shown(row, given.get(row)) for row in picks}
        if given:
            write_given(self.files.given(batch), given)
        table, sheet = self.files.picks(batch), self.files.sheet(batch)
        write_text(table, picks_csv([{**row, "label": None} for row in rows]))
        write_bytes(sheet, contact_sheet(rows, picks, shown).encode())
        return table, sheet

    def _shown(self, row: int, given: GivenShapes | None) -> Item:
        """The preview of a row, with the boxes or the mask of a model over it."""
        item = self.items.preview(row)
        size = None if given is None else self.items.size(row)
        if given is None or size is None:
            return item
        return drawn_preview(
            item, drawn_shapes(given, self.task, MaskFiles(self.files.masks), size)
        )


def new_batch(ledger: Ledger, picker: Picker, k: int) -> Batch:
    """Pick rows, write them, and record them; again if others labelled or trained meanwhile.

    The lock of those who ask is held.

    Args:
        ledger: of the project.
        picker: picks and writes.
        k: how many rows, at most.

    Raises:
        InputError: no row is left.
        RunError: the predictions of the last model cannot be read.
    """
    files = ledger.files
    remove_unfinished(files.picks(1).parent, files.owns)  # of a process that was killed
    for _ in range(_TRIES):
        events = ledger.events()
        pool = ledger.pool(events)
        require_left(pool)
        number = batches_of(events)
        start = time.perf_counter()
        try:
            picks, share = picker.pick(events, pool, k)
        except RunError:
            if last_training(ledger.events()) == last_training(events):
                raise
            continue  # another process has trained, and removed the earlier predictions
        facts = {
            "strategy": picks.strategy,
            "query_time": time.perf_counter() - start,
            **({"choice": picks.facts} if picks.facts else {}),
            **_wished_facts(picker.wishes, picks),
            **share.facts,
            **({} if picker.own is None else picker.own.facts),
        }
        given = picker.given(events, picks.rows.tolist())
        written = picker.write(number + 1, picks, given)
        query = Queried(number, tuple(picks.rows.tolist()), json_value(facts))
        with ledger.telling() as now:
            if not np.isin(picks.rows, ledger.pool(now).touched).any():
                journal.append(ledger.files.journal, query)
                return Batch(picks, written, is_new=True)
    raise RunError(f"other processes labelled the picks {_TRIES} times over; ask again")


def _mixed(picks: Picks, share: AuditShare) -> Picks:
    """The strategy's picks with the rows of the audit at even distances among them."""
    if not share.of:
        return picks
    k = len(picks) + len(share.rows)
    audit = np.zeros(k, dtype=np.bool_)
    audit[[int((at + 0.5) * k / len(share.rows)) for at in range(len(share.rows))]] = True
    rows = np.empty(k, dtype=np.int64)
    rows[audit], rows[~audit] = share.rows, picks.rows
    return replace(picks, rows=rows, audit=audit)


def _wished_facts(wishes: Wishes | None, picks: Picks) -> dict[str, Any]:
    """What was wished, and which rows were drawn at random: estimates need to know them."""
    if wishes is None or wishes.are_none:
        return {}
    drawn = {} if picks.drawn is None else {"drawn": picks.rows[picks.drawn].tolist()}
    return {"wishes": wishes.record, **drawn}


def require_count(k: int) -> None:
    """Refuse a number of rows below 1.

    Raises:
        InputError: it is, or it is no whole number.
    """
    if not is_integral(k) or k < 1:
        raise InputError(f"the number of rows must be a whole number of at least 1, not {k!r}")


def require_wishes(wishes: object) -> None:
    """Refuse wishes that are no value of `Wishes`.

    Raises:
        InputError: they are something else than `Wishes` or None.
    """
    if wishes is not None and not isinstance(wishes, Wishes):
        raise InputError(
            f"wishes must be uwe.Wishes(...), not a value of type {type(wishes).__name__}"
        )


def again_without(wishes: Wishes | None, batch: Batch, *, outputs: object | None = None) -> Batch:
    """The open rows of an earlier batch, for which nothing may be wished, nor outputs be given.

    Raises:
        InputError: something is wished, or outputs are given.
    """
    has_wishes = wishes is not None and not wishes.are_none
    if not has_wishes and outputs is None:
        return batch
    left = len(batch.picks)
    what = "wishes" if has_wishes else "outputs"
    raise InputError(
        f"{what} are for a new batch, but {left:,} {'row' if left == 1 else 'rows'} of earlier "
        "batches have no label yet; label them first, or more=True gives further ones"
    )


def require_left(pool: Pool) -> None:
    """Refuse a pool of which no row is left.

    Raises:
        InputError: every row was given out, labelled or skipped.
    """
    if not _left_over(pool):
        raise InputError(
            f"no row is left: all {len(pool):,} rows were given out, labelled or skipped"
        )


def batches_of(events: Sequence[Event]) -> int:
    """How many batches were given out."""
    return sum(isinstance(event, Queried) for event in events)


def _left_over(pool: Pool) -> int:
    """How many rows were never given out, labelled or skipped."""
    return len(pool) - len(pool.touched)


def still_open(
    files: ProjectFiles, events: Sequence[Event], pool: Pool, strategy: str
) -> Batch | None:
    """The open rows of earlier batches in the order in which they were given out, or None.

    Args:
        files: of the project.
        events: of the journal.
        pool: after these events.
        strategy: what the picks are called where several strategies picked them.
    """
    left = set(pool.outstanding.tolist())
    asked = [
        event for event in events if isinstance(event, Queried) and not left.isdisjoint(event.rows)
    ]
    if not asked:
        return None
    rows = [row for event in asked for row in event.rows if row in left]
    named = {event.facts.get("strategy", "") for event in asked}
    name = named.pop() if len(named) == 1 else strategy
    tables = [files.picks(event.cycle + 1) for event in asked]
    marks: dict[str, Any] = {name: _marked(rows, asked, name) for name in ("drawn", "audit")}
    picks = Picks(np.array(rows, dtype=np.int64), name, **marks, **_reasons(rows, tables))
    numbers = [event.cycle + 1 for event in asked]
    shown = [path for number in numbers for path in (files.picks(number), files.sheet(number))]
    return Batch(picks, tuple(shown), is_new=False)


def _marked(rows: Sequence[int], asked: Sequence[Queried], fact: str) -> BoolArray | None:
    """Which rows a fact of their batches lists; None where no batch has that fact."""
    listed = [event.facts[fact] for event in asked if fact in event.facts]
    return np.isin(rows, np.concatenate(listed)) if listed else None


def _reasons(rows: Sequence[int], tables: Sequence[Path]) -> dict[str, Any]:
    """The reasons for some rows, read back from tables of picks; none where a table was removed."""
    cells: dict[int, dict[str, str]] = {}
    try:
        for path in tables:
            table = open_table(path)
            read = table.at(range(len(table)), ["idx", *_REASONS])
            cells |= {int(each["idx"]): each for each in read}
        columns = {
            field: [cells[row][name] for row in rows] for name, (field, _) in _REASONS.items()
        }
        reasons = {
            field: np.array([float(text or missing) for text in columns[field]])
            for field, missing in _REASONS.values()
        }
    except (UweError, KeyError, ValueError):
        return {}
    known = {field for field, texts in columns.items() if all(texts)}
    if "stands_for" in known:  # otherwise there were no features
        known |= {"distance", "nearest"}
    whole = ("nearest", "stands_for")
    return {
        field: values.astype(np.int64) if field in whole else values
        for field, values in reasons.items()
        if field in known
    }
