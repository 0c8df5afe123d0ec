"""Active learning with a learner and a data set of your own, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from uwe._random import as_seed
from uwe._types import Progress
from uwe.data import Dataset
from uwe.errors import InputError
from uwe.experiment.engine import Result, run
from uwe.experiment.settings import Experiment
from uwe.strategies import Strategy, shared_options

__all__ = ["loop"]


@overload
def loop(
    learner: Any,
    dataset: Dataset,
    strategy: str | Strategy,
    budgets: str | Sequence[int],
    *,
    seed: int = 1,
    **more: Any,
) -> Result: ...


@overload
def loop(
    learner: Any,
    dataset: Dataset,
    strategy: str | Strategy | Sequence[str | Strategy],
    budgets: str | Sequence[int],
    **more: Any,
) -> Result | list[Result]: ...


def loop(
    learner: Any,
    dataset: Dataset,
    strategy: str | Strategy | Sequence[str | Strategy],
    budgets: str | Sequence[int],
    *,
    options: Mapping[str, Any] | None = None,
    seed: int | Sequence[int] = 1,
    jobs: int = 1,
    results: str | Path = "results",
    method_tag: str = "",
    progress: Progress | None = None,
    **more: Any,
) -> Result | list[Result]:
    """Active learning with your own learner: query, label, train, until the last budget.

    It is `uwe.run` over one `Experiment` for each seed and strategy: the same files and tables, and
    the same call resumes after the process was killed. A learner that cannot save its models has
    its last model trained again after a restart. The learner's code cannot be compared with the
    record, but its ``name`` and its ``settings`` are: if you change what it does, change one of
    them, or choose another results folder.

    Args:
        learner: ``fit(x, y, *, classes, seed) -> model``, or ``task`` instead of ``classes``, and
            ``predict(model, x)``, which gives the outputs of the task (logits ``[n, c]``; numbers
            ``[n]``, or mean and variance) and features ``[n, d]`` or None, as a pair or as
            `Predictions`; or any other model that `Experiment` takes: a name, an estimator of
            scikit-learn, a factory of a torch module.
        dataset: `Dataset.from_rows` makes one of any rows, `Dataset.from_arrays` of images.
        strategy: name or value of a strategy, or several of them.
        budgets: labelled rows after each cycle.
        options: options of strategies that are given by name; each goes to those that have it.
        seed: from 1 to 2³² - 1, or several of them; everything random follows from it.
        jobs: number of runs at once, each in a process of its own; the results are the same.
        results: folder of the results.
        method_tag: suffix for the strategy's name in file names.
        progress: callback.
        more: any other option of `Experiment`, such as ``label_noise``.

    Returns:
        The `Result` of the run; a list, seed by seed, if several strategies or seeds are given.

    Raises:
        InputError: a setting does not fit, or the learner lacks a method; nothing has been written.
        RunError: a run is held by another process, or has other settings.

    >>> import tempfile
    >>> import numpy as np, torch
    >>> class Nearest:
    ...     def fit(self, x, y, *, classes, seed):
    ...         return [torch.from_numpy(x[y == c].mean(0)) for c in range(classes)]
    ...     def predict(self, model, x):
    ...         rows = torch.from_numpy(x)
    ...         return torch.stack([-(rows - mean).square().sum(1) for mean in model], 1), rows
    >>> x, y = np.arange(20.0)[:, None], np.arange(20) // 10
    >>> data = Dataset.from_rows("line", (x, y), (x, y))
    >>> loop(Nearest(), data, "uwe", (6, 8), results=tempfile.mkdtemp()).labels.tolist()
    [6, 8]
    """
    given = list(seed) if isinstance(seed, Iterable) and np.ndim(seed) else [seed]
    seeds = [as_seed(each) for each in given]
    one = not isinstance(strategy, list | tuple) and not np.ndim(seed)
    if not isinstance(dataset, Dataset):
        raise InputError(f"dataset must be a uwe.Dataset, not {type(dataset).__name__}")
    strategies: list[Any] = list(strategy) if isinstance(strategy, list | tuple) else [strategy]
    its, unused = shared_options(strategies, options or {})
    if unused:
        raise InputError(f"option {unused[0]!r} is used by none of the strategies; leave it out")
    experiments = [
        Experiment(
            dataset.name,
            model=learner,
            strategy=each,
            options=used,
            seed=number,
            budgets=budgets,
            results=Path(results),
            method_tag=method_tag,
            **more,
        )
        for number in seeds
        for each, used in zip(strategies, its, strict=True)
    ]
    finished = run(experiments, jobs=jobs, dataset=dataset, progress=progress)
    return finished[0] if one else finished
