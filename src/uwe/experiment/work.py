"""One run in progress: doing the next action, and writing what follows from it.

Files come first and the event that vouches for them last, so that whatever a killed process leaves
is either whole and in the journal, or made again.
"""

from __future__ import annotations

import hashlib
import logging
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from uwe import journal, task
from uwe._files import read_tensors, write_tensors, write_text
from uwe._random import derive_seed
from uwe._types import Logits, Progress, Rows, Stage
from uwe.data import Dataset
from uwe.errors import RunError
from uwe.experiment.actions import Action, Label, Query, Stop, Train, next_action
from uwe.experiment.run_learner import RunLearner
from uwe.journal import Event, Labelled, Queried, Trained
from uwe.learner import Epoch
from uwe.models import FALLBACK_RATE
from uwe.oracle import Oracle
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.results import RunFiles, write_cycles, write_query
from uwe.results.cycles import csv_text
from uwe.strategies import Strategy
from uwe.uncertainty import entropy

__all__ = ["Work", "finish", "restore_tables"]

log = logging.getLogger("uwe")

_TRAINING_COLUMNS = ("epoch", "tr_loss", "tr_acc", "te_loss", "te_acc")


@dataclass(frozen=True)
class Work:
    """All that a run's next action depends on beside its journal.

    Attributes:
        name: of the run, for people.
        dataset: pool and test rows.
        learner: trains and predicts.
        oracle: answers queries.
        files: of this run.
        seed: everything random follows from it.
        budgets: labelled rows after each cycle.
        initial: the rows of cycle 0.
        strategy: chooses the rows of later cycles; None for a run of cycle 0 alone.
        base: files of the cycle-0 run that this run goes on from; None for such a run itself.
        keep_all: keep the features of every cycle.
        full_train: measure on the test rows after every epoch.
        threads: of the processor.
        progress: is told how it goes.
    """

    name: str
    dataset: Dataset
    learner: RunLearner
    oracle: Oracle
    files: RunFiles
    seed: int
    budgets: tuple[int, ...]
    initial: Rows
    strategy: Strategy | None
    base: RunFiles | None
    keep_all: bool
    full_train: bool
    threads: int
    progress: Progress | None

    def tell(self, cycle: int, stage: str, done: int, total: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(Stage(self.name, cycle, stage, done, total))


def finish(work: Work, events: Sequence[Event]) -> list[Event]:
    """Do one action after another until nothing is left; returns all events."""
    events = list(events)
    n = len(work.dataset.train)
    with _threads(work.threads):
        while not isinstance(action := next_action(events, work.budgets, n), Stop):
            event = _ACTIONS[type(action)](work, events, action)
            journal.append(work.files.journal, event)
            events.append(event)
            _write_tables(work, events)
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
    predictions, pass_seconds = _pool_predictions(work, action.cycle)
    pool = journal.replay(events, len(work.dataset.train))
    work.tell(action.cycle, "select", 0, action.k)
    start = time.perf_counter()
    rows = work.strategy.query(
        predictions, pool, action.k, seed=derive_seed(work.seed, action.cycle, "query")
    )
    query_time = time.perf_counter() - start
    work.tell(action.cycle, "select", action.k, action.k)
    seconds = _timed(lambda: _save_predictions(work, action.cycle, predictions))
    log.info(
        "%s, cycle %d: pool pass %.2f s, representation and selection of %d rows %.3f s, "
        "writing %.2f s",
        work.name, action.cycle, pass_seconds, action.k, query_time, seconds,
    )  # fmt: skip
    facts = {"query_time": query_time, "pass_seconds": pass_seconds}
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
    start = time.perf_counter()
    model = _fit(work, cycle, pool)
    train_seconds = time.perf_counter() - start
    test = _checked(work, cycle, "test", _predict(work, cycle, model, "test"))
    digest = _save_model(work, cycle, model, test.logits)
    facts: dict[str, Any] = {
        "n_labeled": len(pool.labelled),
        "te_accuracy": task.accuracy(test.logits, dataset.test.y),
        "te_loss": task.mean_loss(test.logits, dataset.test.y),
        **_measured_on_pool(work, cycle, model, pool),
        "train_seconds": train_seconds,
        "peak_memory_mb": _peak_memory_mb(work.learner.device),
        "device": str(work.learner.device),
        "model_digest": digest,
    }
    work.tell(cycle, "cycle", cycle + 1, len(work.budgets))
    log.info(
        "%s, cycle %d: %d labels, test accuracy %.2f %% (training %.2f s)",
        work.name, cycle, facts["n_labeled"], 100 * facts["te_accuracy"], train_seconds,
        extra={"screen": True},
    )  # fmt: skip
    return Trained(cycle, facts)


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
            logits = work.learner.predict(epoch.model, work.dataset.test.x).logits
            y = work.dataset.test.y
            measured = (task.mean_loss(logits, y), task.accuracy(logits, y))
        history.append((epoch.number, epoch.loss, epoch.accuracy, *measured))
        work.tell(cycle, "train", epoch.number, epochs)

    work.tell(cycle, "train", 0, epochs)
    model = work.learner.fit(
        work.dataset.train.x[rows],
        pool.label[rows],
        classes=len(work.dataset.classes),
        seed=derive_seed(work.seed, cycle, "train"),
        progress=note,
    )
    write_text(work.files.training(cycle), csv_text(_TRAINING_COLUMNS, history))
    return model


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
    predictions = _checked(work, cycle, "pool", _predict(work, cycle, model, "pool"))
    seconds = time.perf_counter() - start
    _save_predictions(work, cycle, predictions)
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


def _pool_predictions(work: Work, cycle: int) -> tuple[Predictions, float]:
    """What the model before ``cycle`` says of the pool, and the seconds that the pass took.

    The pass of the cycle-0 model was made with it; only dropout passes need another.
    """
    assert work.strategy is not None
    passes = work.strategy.mc_passes
    if cycle == 1 and work.base is not None and not passes:
        logits = read_tensors(work.base.pool_logits(0))["logits"]
        return Predictions(logits, read_tensors(work.base.features(0))["features"]), 0.0
    model = _model_before(work, cycle)
    if passes and not model.dropout.p:
        log.info(
            "%s, cycle %d: the model has no dropout; its %d passes use a rate of %g behind the "
            "features, and change nothing else",
            work.name, cycle, passes, FALLBACK_RATE,
            extra={"screen": True} if cycle == 1 else None,
        )  # fmt: skip
    start = time.perf_counter()
    predictions = _predict(work, cycle, model, "pool", mc_passes=passes)
    return _checked(work, cycle, "pool", predictions), time.perf_counter() - start


def _model_before(work: Work, cycle: int) -> Any:
    files = work.base if cycle == 1 and work.base is not None else work.files
    return work.learner.restore(read_tensors(files.model(cycle - 1)))


def _predict(work: Work, cycle: int, model: Any, split: str, *, mc_passes: int = 0) -> Predictions:
    x = work.dataset.train.x if split == "pool" else work.dataset.test.x
    return work.learner.predict(
        model,
        x,
        mc_passes=mc_passes,
        seed=derive_seed(work.seed, cycle, "dropout passes"),
        progress=lambda done: work.tell(cycle, f"{split} pass", done, len(x)),
    )


def _checked(work: Work, cycle: int, split: str, predictions: Predictions) -> Predictions:
    row = predictions.first_not_finite()
    if row is not None:
        raise RunError(
            f"{work.name}, cycle {cycle}: the network's output for {split} row {row} is NaN or "
            "infinite (the first such row); the training diverged. Every finished cycle is kept"
        )
    return predictions


def _save_model(work: Work, cycle: int, model: Any, test_logits: Logits) -> str:
    write_tensors(work.files.test_logits(cycle), {"logits": test_logits})
    path = work.files.model(cycle)
    write_tensors(path, model.state_dict())
    return digest_of(path)


def digest_of(path: Path) -> str:
    """A fingerprint of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _save_predictions(work: Work, cycle: int, predictions: Predictions) -> None:
    """Write what the pass that decided the query of ``cycle`` said of the pool."""
    name, scores = _uncertainty(work, predictions)
    write_tensors(work.files.pool_logits(cycle), {"logits": predictions.logits})
    write_tensors(work.files.features(cycle), {"features": predictions.features})
    write_tensors(work.files.uncertainty(cycle, name), {"uncertainty": scores})
    if not work.keep_all:
        for earlier in range(cycle):
            work.files.features(earlier).unlink(missing_ok=True)


def _uncertainty(work: Work, predictions: Predictions) -> tuple[str, torch.Tensor]:
    if work.strategy is None:
        return "entropy", entropy(predictions)
    return work.strategy.measure_name, work.strategy.measure(predictions)


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


def _peak_memory_mb(device: torch.device) -> float:
    """Peak of the accelerator's memory, or of the process's where there is none."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _timed(do: Callable[[], None]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start
