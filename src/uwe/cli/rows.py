"""``uwe run`` on tables and texts, with a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

from uwe.cli.display import Display
from uwe.data.labelled_rows import load_labelled_rows
from uwe.errors import InputError
from uwe.experiment import Experiment, Result, loop
from uwe.learners.sklearn import PREFIX, sklearn_learner

__all__ = ["require_images", "run_on_rows", "takes_rows"]

_OF_NETWORKS = (
    "epochs",
    "dropout",
    "fine_tune_layers",
    "vit_weights",
    "image_size",
    "full_train",
    "keep_predictions",
    "run_tag",
    "threads",
    "recipe",
    "start",
    "precision",
    "compiled",
)


def takes_rows(model: str) -> bool:
    """Whether a model is one of scikit-learn."""
    return model.startswith(PREFIX)


def require_images(model: str, label: str | None, text: str | None) -> None:
    """Refuse options of tables for a network.

    Raises:
        InputError: one is given.
    """
    for option, value in (("--label", label), ("--text", text)):
        if value is not None:
            raise InputError(
                f"{option} {value} is for tables and texts; model {model} is a network for images. "
                f"Give --model {PREFIX}logistic, or leave it out"
            )


def run_on_rows(
    experiments: Sequence[Experiment],
    display: Display,
    *,
    label: str | None,
    text: str | None,
    unused: Sequence[str],
) -> list[Result]:
    """Run experiments one after another on rows that are read once.

    Raises:
        InputError: an option of networks is given, or a setting does not fit.
        DataError: the rows cannot be read.
    """
    template = experiments[0]
    _refuse(template, unused)
    dataset = load_labelled_rows(
        template.dataset,
        data_dir=template.data_dir,
        label=label,
        text=text,
        test_fraction=template.test_fraction,
    ).limited(template.pool_size, template.test_size)
    learner = sklearn_learner(template.model, dataset.train.x)
    return [
        loop(
            learner,
            dataset,
            each.strategy,
            each.budgets,
            options=each.options,
            seed=each.seed,
            results=each.results,
            method_tag=each.method_tag,
            progress=display,
        )
        for each in experiments
    ]


def _refuse(template: Experiment, unused: Sequence[str]) -> None:
    """Nothing that is given is ignored."""
    plain = Experiment(template.dataset)
    changed = [name for name in _OF_NETWORKS if getattr(template, name) != getattr(plain, name)]
    if template.device not in ("auto", "cpu"):
        changed.append("device")
    for name in (*changed, *unused):
        raise InputError(
            f"--{name.replace('_', '-')} is not used by model {template.model}; leave it out"
        )
