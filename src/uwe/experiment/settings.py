"""What an experiment is: one data set, strategy, seed, list of budgets and training recipe."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from uwe.data import Dataset
from uwe.errors import InputError, require_known
from uwe.learners import PRECISIONS, RECIPES, Training, recipe_for, resolve_device
from uwe.models import ModelSpec

__all__ = [
    "BUDGETS",
    "Experiment",
    "budget_id",
    "check_model",
    "cycle0_settings",
    "model_spec",
    "parse_budgets",
    "recipe",
    "run_settings",
]

BUDGETS: dict[str, tuple[int, ...]] = {
    "exp05k": (500, 1000, 2000, 4000, 8000, 16000),
    "exp1k": (1000, 2000, 4000, 8000),
    "exp5k": (5000, 6000, 8000, 12000, 20000, 28000),
}
"""Labelled rows after each cycle, by the names of the paper's code."""

STARTS = ("scratch", "warm")
_KEEP = ("last", "all")
_NUMBER = re.compile(r"-?[0-9]{1,15}")


@dataclass(frozen=True)
class Experiment:
    """One active-learning run.

    Attributes:
        dataset: a name of ``uwe list datasets``.
        strategy: a name of ``uwe list strategies``.
        options: the strategy's own options, such as ``{"uncertainty": "bvsb"}``.
        seed: at least 1; everything random follows from it.
        budgets: labelled rows after each cycle, rising; or a name of ``uwe list budgets``.
        model: a name of ``uwe list models``.
        epochs: of every training.
        recipe: ``paper`` or ``fast``.
        start: where a training begins: from ``scratch``, or ``warm``, from the last cycle's
            weights, shrunk and perturbed.
        dropout: rate before the classifier; None is the model's own (0; ``vit`` 0.2).
        fine_tune_layers: ``vit`` only: blocks whose LayerNorms are trained; 0 trains everything.
        vit_weights: ``vit`` only: hub name or local folder.
        pool_size: keep the first rows of the pool only.
        test_size: keep the first test rows only.
        image_size: resize and crop images to this side.
        test_fraction: share of each class that tests, for sources of one split; None is 1/5.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: ``fp32``, ``bf16``, or ``auto``: bf16 where the hardware computes in it.
        compiled: let ``torch.compile`` work on the network; pays for long work only.
        threads: of the processor, fixed when the run is made; None is torch's own choice.
        data_dir: where the data is; None downloads.
        results: the results folder.
        method_tag: is put behind the strategy in names.
        run_tag: is put behind the run in names.
        keep_predictions: ``last`` keeps the features of the last pass only, ``all`` of each.
        full_train: measure loss and accuracy on the test rows after every epoch.
        cycles: stop after this many queries; None goes through all budgets.

    Raises:
        InputError: a value does not fit; names are checked when the experiment is run.

    >>> Experiment("digits", budgets="20,40").budgets
    (20, 40)
    """

    dataset: str
    strategy: str = "uwe"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    budgets: str | tuple[int, ...] = "exp05k"
    model: str = "resnet18"
    epochs: int = 100
    recipe: str = "paper"
    start: str = "scratch"
    dropout: float | None = None
    fine_tune_layers: int | None = None
    vit_weights: str | None = None
    pool_size: int | None = None
    test_size: int | None = None
    image_size: int | None = None
    test_fraction: float | None = None
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = False
    threads: int | None = None
    data_dir: Path | None = None
    results: Path = Path("results")
    method_tag: str = ""
    run_tag: str = ""
    keep_predictions: str = "last"
    full_train: bool = False
    cycles: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.budgets, str) and self.budgets not in BUDGETS:
            object.__setattr__(self, "budgets", parse_budgets(self.budgets))
        elif not isinstance(self.budgets, str):
            object.__setattr__(self, "budgets", _whole_numbers("budgets", self.budgets))
        object.__setattr__(self, "results", Path(self.results).expanduser())
        if self.data_dir is not None:
            object.__setattr__(self, "data_dir", Path(self.data_dir).expanduser())
        _check_numbers(self)
        _check_tags(self)
        require_known(self.keep_predictions, _KEEP, "choice of --keep-predictions")
        require_known(self.recipe, RECIPES, "recipe")
        require_known(self.start, STARTS, "start")
        require_known(self.precision, PRECISIONS, "precision")

    @property
    def labels(self) -> tuple[int, ...]:
        """Labelled rows after each cycle."""
        return BUDGETS[self.budgets] if isinstance(self.budgets, str) else self.budgets

    @property
    def method(self) -> str:
        """The strategy with its tag, as in file names."""
        return f"{self.strategy}{self.method_tag}"


def parse_budgets(text: str) -> tuple[int, ...]:
    """Budgets from a name or a list of numbers.

    Raises:
        InputError: it is neither.

    >>> parse_budgets("exp1k")
    (1000, 2000, 4000, 8000)
    """
    if text in BUDGETS:
        return BUDGETS[text]
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(_NUMBER.fullmatch(part) for part in parts):
        if any(character.isalpha() for character in text):
            require_known(text, BUDGETS, "budget")
        raise InputError(f"budgets are a name or numbers such as 100,200,400, not {text!r}")
    return tuple(int(part) for part in parts)


def budget_id(experiment: Experiment) -> str:
    """How the budgets read in file names.

    >>> budget_id(Experiment("digits", budgets=(100, 200)))
    '100-200'
    """
    if isinstance(experiment.budgets, str):
        return experiment.budgets
    return "-".join(map(str, experiment.budgets))


def model_spec(experiment: Experiment, dataset: Dataset) -> ModelSpec:
    """The network that fits the data set."""
    return ModelSpec(
        experiment.model,
        classes=len(dataset.classes),
        image_shape=dataset.image_shape,
        dropout=experiment.dropout,
        fine_tune_layers=experiment.fine_tune_layers,
        vit_weights=experiment.vit_weights,
    )


def check_model(experiment: Experiment) -> None:
    """Check the model's name, options and recipe, as far as can be told without the data.

    Raises:
        InputError: one does not fit.
    """
    ModelSpec(
        experiment.model,
        classes=2,
        image_shape=(1, 1, 1),
        dropout=experiment.dropout,
        fine_tune_layers=experiment.fine_tune_layers,
        vit_weights=experiment.vit_weights,
    )
    recipe_for(experiment.model, epochs=1, batch=1, recipe=experiment.recipe)


def recipe(experiment: Experiment, dataset: Dataset) -> Training:
    """The training recipe of the model on that data set."""
    return recipe_for(
        experiment.model,
        epochs=experiment.epochs,
        batch=dataset.preparation.batch,
        recipe=experiment.recipe,
    )


def cycle0_settings(
    experiment: Experiment, dataset: Dataset, rows: int, *, pretrained: str | None, precision: str
) -> dict[str, Any]:
    """All that can change the cycle-0 model of ``rows`` labels."""
    spec = model_spec(experiment, dataset)
    return {
        "dataset": dataset.name,
        "pool size": len(dataset.train),
        "test size": len(dataset.test),
        "data fingerprint": dataset.fingerprint,
        "model": spec.name,
        "dropout": spec.rate,
        "fine-tuned layers": spec.tuned_layers,
        "pretrained weights": spec.weights and f"{spec.weights} {pretrained}",
        "seed": experiment.seed,
        "rows of cycle 0": rows,
        "epochs": experiment.epochs,
        "recipe": _listed(asdict(recipe(experiment, dataset))),
        "preparation": _listed(asdict(dataset.preparation)),
        "precision": precision,
        "compiled": experiment.compiled,
        "kind of device": resolve_device(experiment.device).type,
    }


def run_settings(
    experiment: Experiment,
    dataset: Dataset,
    options: Mapping[str, Any],
    *,
    pretrained: str | None,
    precision: str,
) -> dict[str, Any]:
    """All that can change a pick or an accuracy of a strategy's run."""
    rows = experiment.labels[0]
    return {
        **cycle0_settings(experiment, dataset, rows, pretrained=pretrained, precision=precision),
        "start": experiment.start,
        "strategy": experiment.strategy,
        **{f"option {name}": value for name, value in options.items()},
        "budgets": list(experiment.labels),
    }


def _listed(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples as lists, as JSON gives them back."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _whole_numbers(what: str, values: object) -> tuple[int, ...]:
    try:
        return tuple(operator.index(value) for value in cast("Iterable[Any]", values))
    except TypeError as error:
        raise InputError(f"{what} must be whole numbers, not {values!r}") from error


def _check_numbers(experiment: Experiment) -> None:
    for name in ("seed", "epochs", "pool_size", "test_size", "image_size", "threads", "cycles"):
        value = getattr(experiment, name)
        if value is not None:
            _whole_numbers(name, [value])
    if experiment.seed < 1:
        raise InputError(f"seed is {experiment.seed}; seeds start at 1")
    if experiment.epochs < 1:
        raise InputError(f"epochs are {experiment.epochs}; at least 1 is needed")
    if experiment.cycles is not None and experiment.cycles < 0:
        raise InputError(f"cycles are {experiment.cycles}; 0 or more are possible")
    if experiment.threads is not None and experiment.threads < 1:
        raise InputError(f"threads are {experiment.threads}; at least 1 is needed")
    labels = experiment.labels
    if not labels:
        raise InputError("there are no budgets; give a name or numbers such as 100,200,400")
    if labels[0] < 1:
        raise InputError(f"the first budget is {labels[0]}; at least 1 label is needed")
    for before, after in pairwise(labels):
        if after <= before:
            raise InputError(f"budgets must rise, but {after} comes after {before}")


def _check_tags(experiment: Experiment) -> None:
    for what, tag in (("method tag", experiment.method_tag), ("run tag", experiment.run_tag)):
        if not all(character.isalnum() or character in "-." for character in tag.replace("_", "")):
            raise InputError(f"{what} {tag!r} must be letters, digits, '-', '_' and '.'")
