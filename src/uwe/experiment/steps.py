"""The steps of a run that cost time: choose rows, and train.

Each step does its work, writes its files, and returns the event that vouches for them. Files come
first and the event last, so that what a killed process leaves is either whole and in the journal,
or made again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from uwe import journal
from uwe._clock import Clock
from uwe._json import json_value
from uwe._random import derive_seed
from uwe._tensors import write_tensors
from uwe._types import Rows, Stage
from uwe.data import Dataset
from uwe.experiment.actions import Query, Train
from uwe.experiment.kept import KeptPredictions
from uwe.experiment.models import Models
from uwe.experiment.passes import Passes
from uwe.journal import Event, Queried, Trained
from uwe.learners import Chooses, Measured, Stochastic, give_back_memory, peak_memory_mb
from uwe.oracle import Simulated
from uwe.pool import Pool
from uwe.predictions import Predictions
from uwe.runs import RunFiles
from uwe.runs.digests import digest_of, digests_of, read_recorded
from uwe.strategies import Question, Strategy
from uwe.tasks import Metric

__all__ = ["Choose", "Chooser", "Draw", "Fit", "after_cycle_0"]

log = logging.getLogger("uwe")


class Chooser(Protocol):
    """Chooses the rows of a query."""

    def __call__(self, events: Sequence[Event], action: Query) -> Queried:
        """The query that is due after ``events``."""


@dataclass(frozen=True)
class Draw:
    """The query of cycle 0: rows that were drawn at random.

    Attributes:
        rows: the initial rows.
    """

    rows: Rows

    def __call__(self, events: Sequence[Event], action: Query) -> Queried:
        """The query of cycle 0."""
        del events
        return Queried(action.cycle, tuple(self.rows.tolist()))


@dataclass(frozen=True)
class Choose:
    """The query of a later cycle: a pass over the pool, then the strategy's picks.

    Attributes:
        strategy: picks.
        models: give the model of the cycle before.
        passes: make the pass over the pool.
        kept: keeps what the pass said.
        seed: seed of the run.
    """

    strategy: Strategy
    models: Models
    passes: Passes
    kept: KeptPredictions
    seed: int

    def __call__(self, events: Sequence[Event], action: Query) -> Queried:
        """Choose the rows of ``action.cycle``."""
        cycle, k = action.cycle, action.k
        predictions, pass_seconds = self._predictions(cycle, events)
        self.passes.tell(cycle, Stage("", 0, "select", 0, k))
        picks = self.strategy.query(
            Question(
                predictions,
                journal.replay(events, len(predictions)),
                seed=derive_seed(self.seed, cycle, "query"),
                progress=lambda stage: self.passes.tell(cycle, stage),
                task=self.models.dataset.task,
            ),
            k,
        )
        chosen = time.perf_counter()
        self.passes.tell(cycle, Stage("", 0, "select", k, k))
        digests = self.kept.write(cycle, predictions)
        facts = {
            "query_time": sum(picks.seconds.values()),
            "pass_seconds": pass_seconds,
            **{f"{part}_seconds": seconds for part, seconds in picks.seconds.items()},
            "writing_seconds": time.perf_counter() - chosen,
            "digests": digests,
            **({"choice": json_value(picks.facts)} if picks.facts else {}),
        }
        return Queried(cycle, tuple(picks.rows.tolist()), facts)

    def _predictions(self, cycle: int, events: Sequence[Event]) -> tuple[Predictions, float]:
        """Predictions for the pool by the model before ``cycle``, and the seconds of the pass.

        The pass of the shared cycle-0 model was made with it. Stochastic passes need another, and
        so do outputs that are made only where they are asked for.
        """
        needs, base = self.strategy.needs, self.models.base
        wanted = needs.passes
        if cycle == 1 and base is not None and not wanted:
            first = _first_predictions(base, events)
            lacking = needs.fields - first.fields
            if not lacking or not isinstance(self.models.learner, Chooses):
                return first, 0.0
        model = self.models.before(cycle, events)
        if wanted:
            self._explain(cycle, model, wanted)
        start = time.perf_counter()
        predictions = self.passes.over("pool", cycle, model, mc_passes=wanted, wanted=needs.fields)
        return predictions, time.perf_counter() - start

    def _explain(self, cycle: int, model: Any, passes: int) -> None:
        learner = self.models.learner
        assert isinstance(learner, Stochastic)
        if (text := learner.describe_passes(model, passes)) is not None:
            on_screen = {"screen": True} if cycle == 1 else None
            log.info("%s, cycle %d: %s", self.passes.run, cycle, text, extra=on_screen)


def _first_predictions(base: RunFiles, events: Sequence[Event]) -> Predictions:
    """What the cycle-0 model says of the pool, as its run has written it."""
    digests = digests_of(events, Trained, 0)

    def read(what: str, path: Path) -> dict[str, torch.Tensor]:
        return read_recorded(path, digests.get(what), base.journal)

    path = base.features(0)
    there = "features" in digests or path.exists()
    return Predictions(
        features=read("features", path)["features"] if there else None,
        outputs=read("pool_logits", base.pool_logits(0)),
    )


def after_cycle_0(first: Chooser, later: Chooser) -> Chooser:
    """``first`` chooses the rows of cycle 0, ``later`` those of every other cycle."""
    return lambda events, action: (first if action.cycle == 0 else later)(events, action)


@dataclass(frozen=True)
class Fit:
    """A training, and what is measured with its model.

    Attributes:
        models: train and keep the models.
        passes: predict test rows and pool.
        kept: keeps the first pass over the pool.
        budgets: labelled rows after each cycle.
        oracle: knows the labels of a simulation; None where people answer.
    """

    models: Models
    passes: Passes
    kept: KeptPredictions
    budgets: tuple[int, ...]
    oracle: Simulated | None = None

    def __call__(self, events: Sequence[Event], action: Train) -> Trained:
        """Train the model of ``action.cycle``."""
        cycle, dataset = action.cycle, self.models.dataset
        pool = journal.replay(events, len(dataset.train))
        give_back_memory(dataset.train.x)
        clock = Clock()
        labels = dataset.task.targets.array(pool.values)
        model = self.models.fit(cycle, pool.labelled, labels, events)
        clock.lap("training")
        test = self.passes.over("test", cycle, model)
        clock.lap("test pass")
        write_tensors(self.models.files.test_logits(cycle), test.outputs)
        digest = self.models.save(cycle, model, len(pool.labelled))
        digests = {"test_logits": digest_of(self.models.files.test_logits(cycle))}
        clock.lap("writing")
        on_pool, of_pass = self._measured_on_pool(cycle, model, pool, events)
        facts: dict[str, Any] = {
            "n_labeled": len(pool.labelled),
            **_metrics(dataset, test),
            "te_loss": dataset.task.mean_loss(test, dataset.test.y),
            **on_pool,
            "train_seconds": clock.seconds["training"],
            **_hardware(self.models.learner),
            "model_digest": digest,
            "digests": {**digests, **of_pass},
        }
        self.passes.tell(cycle, Stage("", 0, "cycle", cycle + 1, len(self.budgets)))
        told = {**_facts_of_query(events, cycle), **facts}
        _log_cycle(self.passes.run, cycle, clock, told, dataset.task.headline)
        return Trained(cycle, facts, seen=events[-1].id)

    def _measured_on_pool(
        self, cycle: int, model: Any, pool: Pool, events: Sequence[Event]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Losses over parts of the pool, by the model that decided the query; digests of files.

        No model decided the query of cycle 0: the first pass of its own model is measured, and
        kept for the strategies that go on from it.
        """
        dataset = self.models.dataset
        if cycle > 0:
            files = self.models.files
            digest = digests_of(events, Queried, cycle).get("pool_logits")
            outputs = read_recorded(files.pool_logits(cycle), digest, files.journal)
            said = Predictions(outputs=outputs)
            return _losses(self.oracle, said, pool, pool.asked_in(cycle)), {}
        start = time.perf_counter()
        predictions = self.passes.over("pool", cycle, model)
        seconds = time.perf_counter() - start
        digests = self.kept.write(cycle, predictions)
        every_row = np.arange(len(dataset.train))
        said = Predictions(outputs=predictions.outputs)
        measured = _losses(self.oracle, said, pool, every_row)
        return {**measured, "pass_seconds": seconds}, digests


def _metrics(dataset: Dataset, test: Predictions) -> dict[str, float | None]:
    """Every metric of the task on the test rows, by its column."""
    y = dataset.test.y
    return {metric.test_column: metric.measured(test, y) for metric in dataset.task.metrics}


_AT_ONCE = 2**23  # outputs that are copied at once


def _losses(
    oracle: Simulated | None, predictions: Predictions, pool: Pool, queried: Rows
) -> dict[str, Any]:
    """Losses over parts of the pool, which a simulation alone can know."""
    if oracle is None:
        return {}
    task, y = oracle.task, oracle.truth
    overall = task.mean_loss(predictions, y)

    def loss_over(rows: Rows) -> float | None:
        if overall is None:  # the outputs do not say it
            return None
        parts = np.array_split(rows, 1 + len(rows) * task.width // _AT_ONCE)
        if len(parts) == 1:
            return task.mean_loss(predictions.take(rows), y[rows])
        losses = [(len(of), task.mean_loss(predictions.take(of), y[of])) for of in parts]
        return sum(n * loss for n, loss in losses if loss is not None) / len(rows)

    return {
        task.headline.query_column: task.headline.measured(predictions.take(queried), y[queried]),
        "tr_loss": overall,
        "lb_loss": loss_over(pool.labelled),
        "unlb_loss": loss_over(pool.unlabelled),
        "q_loss": loss_over(queried),
    }


def _hardware(learner: object) -> dict[str, Any]:
    if isinstance(learner, Measured):
        return {"peak_memory_mb": learner.peak_memory_mb(), "device": learner.device_name}
    return {"peak_memory_mb": peak_memory_mb(torch.device("cpu")), "device": "cpu"}


def _log_cycle(
    run: str, cycle: int, clock: Clock, facts: Mapping[str, Any], headline: Metric
) -> None:
    """Write the cycle's result, and where its time went."""
    value = facts[headline.test_column]
    unit = f" {headline.unit}" if headline.unit else ""
    shown = "unknown" if value is None else f"{headline.scale * value:.2f}{unit}"
    told = f"{headline.label} {shown}"
    log.info(
        "%s, cycle %d: %d labels, test %s (training %.2f s)",
        run, cycle, facts["n_labeled"], told, facts["train_seconds"],
        extra={"screen": True},
    )  # fmt: skip
    log.info(
        "%s, cycle %d: training %.2f s, pool pass %.2f s, representation %.3f s, selection %.3f s, "
        "test pass %.2f s, writing %.2f s",
        run, cycle, clock.seconds["training"], facts["pass_seconds"],
        facts.get("representation_seconds", 0.0), facts.get("selection_seconds", 0.0),
        clock.seconds["test pass"],
        clock.seconds["writing"] + facts.get("writing_seconds", 0.0),
    )  # fmt: skip


def _facts_of_query(events: Sequence[Event], cycle: int) -> dict[str, Any]:
    asked = [event for event in events if isinstance(event, Queried) and event.cycle == cycle]
    return asked[-1].facts
