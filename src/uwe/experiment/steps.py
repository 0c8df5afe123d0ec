"""Doing the next action of a run, and writing what follows from it.

Files come first and the event that vouches for them last, so that whatever a killed process leaves
is either whole and in the journal, or made again.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from uwe import journal, task
from uwe._files import read_tensors, write_tensors, write_text
from uwe._random import derive_seed
from uwe._types import Logits, Rows
from uwe.data import Dataset, ImageRows
from uwe.errors import RunError
from uwe.experiment.actions import Action, Label, Query, Stop, Train, next_action
from uwe.experiment.passes import model_before, pool_predictions, predict, save_predictions
from uwe.experiment.work import Work
from uwe.journal import Event, Labelled, Queried, Trained
from uwe.learners import (
    Epoch,
    give_back_memory,
    is_out_of_memory,
    peak_memory_mb,
    shrink_and_perturb,
)
from uwe.pool import Pool
from uwe.runs import write_cycles, write_query
from uwe.runs.cycles import csv_text

__all__ = ["digest_of", "finish", "restore_tables"]

log = logging.getLogger("uwe")

_TRAINING_COLUMNS = ("epoch", "tr_loss", "tr_acc", "te_loss", "te_acc")


def finish(work: Work, events: Sequence[Event]) -> list[Event]:
    """Do one action after another until nothing is left; returns all events.

    What comes after it, another run or the report, does not live beside what this one freed.
    """
    events = list(events)
    n = len(work.dataset.train)
    with _threads(work.threads):
        while not isinstance(action := next_action(events, work.budgets, n), Stop):
            event = _ACTIONS[type(action)](work, events, action)
            journal.append(work.files.journal, event)
            events.append(event)
            _write_tables(work, events)
    give_back_memory(work.dataset.train.x)
    return events


def restore_tables(work: Work, events: Sequence[Event]) -> None:
    """Write every table that a killed process may have left unwritten."""
    for at, event in enumerate(events, start=1):
        if isinstance(event, Queried) and not work.files.query(event.cycle).exists():
            answered = [later for later in events[at:] if isinstance(later, Labelled)]
            if answered:
                _write_tables(work, [*events[:at], answered[0]])
    if any(isinstance(event, Trained) for event in events):
        write_cycles(work.files.table, events)


def _query(work: Work, events: Sequence[Event], action: Action) -> Event:
    assert isinstance(action, Query)
    if action.cycle == 0:
        return Queried(0, tuple(work.initial.tolist()))
    assert work.strategy is not None
    predictions, pass_seconds = pool_predictions(work, action.cycle)
    pool = journal.replay(events, len(work.dataset.train))
    work.tell(action.cycle, "select", 0, action.k)
    clock = _Clock()
    rows = work.strategy.query(
        predictions,
        pool,
        action.k,
        seed=derive_seed(work.seed, action.cycle, "query"),
        note=clock.lap,
    )
    work.tell(action.cycle, "select", action.k, action.k)
    chosen = dict(clock.seconds)
    save_predictions(work, action.cycle, predictions)
    clock.lap("writing")
    facts = {
        "query_time": sum(chosen.values()),
        "pass_seconds": pass_seconds,
        **{f"{part}_seconds": seconds for part, seconds in clock.seconds.items()},
    }
    return Queried(action.cycle, tuple(rows.tolist()), facts)


def _label(work: Work, events: Sequence[Event], action: Action) -> Event:
    del events
    assert isinstance(action, Label)
    labels = work.oracle(action.rows)
    return Labelled(tuple(action.rows.tolist()), tuple(labels.tolist()), "oracle")


def _train(work: Work, events: Sequence[Event], action: Action) -> Event:
    assert isinstance(action, Train)
    cycle, dataset = action.cycle, work.dataset
    pool = journal.replay(events, len(dataset.train))
    clock = _Clock()
    model = _fit(work, cycle, pool)
    clock.lap("training")
    test = predict(work, cycle, model, "test")
    clock.lap("test pass")
    digest = _save_model(work, cycle, model, test.logits)
    clock.lap("writing")
    facts: dict[str, Any] = {
        "n_labeled": len(pool.labelled),
        "te_accuracy": task.accuracy(test.logits, dataset.test.y),
        "te_loss": task.mean_loss(test.logits, dataset.test.y),
        **_measured_on_pool(work, cycle, model, pool),
        "train_seconds": clock.seconds["training"],
        "peak_memory_mb": peak_memory_mb(work.learner.device),
        "device": str(work.learner.device),
        "model_digest": digest,
    }
    work.tell(cycle, "cycle", cycle + 1, len(work.budgets))
    log.info(
        "%s, cycle %d: %d labels, test accuracy %.2f %% (training %.2f s)",
        work.name, cycle, facts["n_labeled"], 100 * facts["te_accuracy"], facts["train_seconds"],
        extra={"screen": True},
    )  # fmt: skip
    _log_times(work, cycle, clock, {**_facts_of_query(events, cycle), **facts})
    return Trained(cycle, facts)


def _log_times(work: Work, cycle: int, clock: _Clock, facts: dict[str, Any]) -> None:
    """Say where the cycle's time went."""
    log.info(
        "%s, cycle %d: training %.2f s, pool pass %.2f s, representation %.3f s, selection %.3f s, "
        "test pass %.2f s, writing %.2f s",
        work.name, cycle, clock.seconds["training"], facts["pass_seconds"],
        facts.get("representation_seconds", 0.0), facts.get("selection_seconds", 0.0),
        clock.seconds["test pass"],
        clock.seconds["writing"] + facts.get("writing_seconds", 0.0),
    )  # fmt: skip


def _facts_of_query(events: Sequence[Event], cycle: int) -> dict[str, Any]:
    asked = [event for event in events if isinstance(event, Queried) and event.cycle == cycle]
    return asked[-1].facts


_ACTIONS: dict[type[Action], Callable[[Work, Sequence[Event], Action], Event]] = {
    Query: _query,
    Label: _label,
    Train: _train,
}


def _fit(work: Work, cycle: int, pool: Pool) -> Any:
    """Train on the labelled rows and write how the epochs went."""
    rows = pool.labelled
    epochs = work.learner.training.epochs
    history: list[tuple[object, ...]] = []

    def note(epoch: Epoch) -> None:
        measured: tuple[object, ...] = (None, None)
        if work.full_train:
            logits = predict(work, cycle, epoch.model, "test").logits
            y = work.dataset.test.y
            measured = (task.mean_loss(logits, y), task.accuracy(logits, y))
        history.append((epoch.number, epoch.loss, epoch.accuracy, *measured))
        work.tell(cycle, "train", epoch.number, epochs)

    work.tell(cycle, "train", 0, epochs)
    give_back_memory(work.dataset.train.x)
    try:
        model = work.learner.fit(
            ImageRows(work.dataset.train.x, rows),
            pool.label[rows],
            classes=len(work.dataset.classes),
            seed=derive_seed(work.seed, cycle, "train"),
            start=_STARTS[work.start](work, cycle),
            progress=note,
        )
    except Exception as error:
        raise _as_run_error(work, cycle, error) from error
    write_text(work.files.training(cycle), csv_text(_TRAINING_COLUMNS, history))
    return model


def _as_run_error(work: Work, cycle: int, error: Exception) -> Exception:
    """An error of a training; what came of too little memory says so in one line."""
    if not is_out_of_memory(error):
        return error
    return RunError(
        f"{work.name}, cycle {cycle}: training batches of {work.learner.training.batch} images do "
        f"not fit the memory of {work.learner.device}; choose a smaller --model or --image-size, "
        "or fewer --jobs"
    )


def _from_scratch(work: Work, cycle: int) -> Any:
    del work, cycle
    return None


def _warm(work: Work, cycle: int) -> Any:
    """The last cycle's weights, shrunk and perturbed; cycle 0 has none before it."""
    if cycle == 0:
        return None
    seed = derive_seed(work.seed, cycle, "perturb")
    return shrink_and_perturb(model_before(work, cycle), seed=seed)


_STARTS: dict[str, Callable[[Work, int], Any]] = {
    "scratch": _from_scratch,
    "warm": _warm,
}


def _measured_on_pool(work: Work, cycle: int, model: Any, pool: Pool) -> dict[str, Any]:
    """Losses over parts of the pool, by the model that decided the purchase.

    In cycle 0 nothing was decided by a model: its own first pass is measured, and kept for the
    strategies that go on from it.
    """
    if cycle > 0:
        logits = read_tensors(work.files.pool_logits(cycle))["logits"]
        bought = pool.cycle == cycle
        return _losses(work.dataset, logits, pool, bought.nonzero()[0])
    start = time.perf_counter()
    predictions = predict(work, cycle, model, "pool")
    seconds = time.perf_counter() - start
    save_predictions(work, cycle, predictions)
    every_row = torch.arange(len(work.dataset.train)).numpy()
    measured = _losses(work.dataset, predictions.logits, pool, every_row)
    return {**measured, "pass_seconds": seconds}


def _losses(dataset: Dataset, logits: Logits, pool: Pool, queried: Rows) -> dict[str, Any]:
    y = dataset.train.y

    def loss_over(rows: Rows) -> float | None:
        return task.mean_loss(logits[torch.from_numpy(rows)], y[rows])

    return {
        "q_accuracy": task.accuracy(logits[torch.from_numpy(queried)], y[queried]),
        "tr_loss": task.mean_loss(logits, y),
        "lb_loss": loss_over(pool.labelled),
        "unlb_loss": loss_over(pool.unlabelled),
        "q_loss": loss_over(queried),
    }


def _save_model(work: Work, cycle: int, model: Any, test_logits: Logits) -> str:
    write_tensors(work.files.test_logits(cycle), {"logits": test_logits})
    path = work.files.model(cycle)
    write_tensors(path, model.state_dict())
    return digest_of(path)


def digest_of(path: Path) -> str:
    """A fingerprint of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _write_tables(work: Work, events: Sequence[Event]) -> None:
    """Write the tables that the last event completes."""
    last = events[-1]
    if isinstance(last, Trained):
        write_cycles(work.files.table, events)
    elif isinstance(last, Labelled) and work.files.cycles:
        query = next(event for event in reversed(events) if isinstance(event, Queried))
        if query.cycle > 0:
            _write_query(work, events, query)


def _write_query(work: Work, events: Sequence[Event], query: Queried) -> None:
    assert work.strategy is not None
    logits = read_tensors(work.files.pool_logits(query.cycle))["logits"]
    scores = read_tensors(work.files.uncertainty(query.cycle, work.strategy.measure_name))
    write_query(
        work.files.query(query.cycle),
        query,
        pool=journal.replay(events, len(work.dataset.train)),
        ids=work.dataset.ids,
        predicted=logits.argmax(1).numpy(),
        uncertainty=scores["uncertainty"].tolist(),
    )


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Clock:
    """Seconds of one part of the work after another."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """``part`` has just been done."""
        now = time.perf_counter()
        self.seconds[part] = now - self._last
        self._last = now
