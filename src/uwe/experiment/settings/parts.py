"""The parts of an experiment: each option stands here once, with its documentation and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from uwe._settings import check_settings, setting
from uwe.errors import InputError, require_known
from uwe.tasks import task_names

__all__ = ["DataOptions", "LearnerOptions", "OracleOptions", "RunOptions", "as_options"]


def as_options(what: str, given: Any) -> dict[str, Any]:
    """Options by name, as a mapping of our own.

    Raises:
        InputError: they are no mapping from names.
    """
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InputError(f"{what} must be a mapping from names to values, not {given!r}")
    return dict(given)


@dataclass(frozen=True)
class DataOptions:
    """Which data set a run uses, and how much of it."""

    dataset: str = setting(
        "",
        "A name of `uwe list datasets`; hub:NAME; a table .csv, .tsv, .txt, .jsonl (also .gz), "
        ".parquet, .feather or .arrow, or a folder of its shards; or sklearn:digits, "
        ":breast_cancer, :wine, :iris, :diabetes.",
    )
    data_dir: Path | None = setting(None, "Folder of the data; without it the data is downloaded.")
    label: str | None = setting(
        None,
        "Column of labels of a table; several names with commas are columns of 0 and 1 of a "
        "multi-label task. Default: label.",
    )
    label_file: Path | None = setting(
        None,
        "File of ids and labels, for a table with ids or a folder of images.",
        flags=("--labels",),
    )
    task: str | None = setting(
        None,
        "Task: classification, multilabel, regression, or that of a plug-in, for a table; "
        "segmentation or detection, for a folder or hub:NAME. Default: guessed where the labels "
        "leave no doubt.",
    )
    task_options: Mapping[str, Any] = setting(
        {},
        "NAME=VALUE, an option of the task, such as reduce=max.",
        flags=("--task-option",),
        repeated=True,
    )
    text: str | None = setting(
        None,
        "Column of texts of a table; they become TF-IDF features, except for --model hf:NAME.",
    )
    ignore: int | None = setting(
        None,
        "Value of the pixels of masks that count nowhere; an option of the task segmentation.",
        at_least=0,
        at_most=255,
    )
    boxes: Literal["xywh", "xyxy"] | None = setting(
        None,
        "What four numbers of a box mean in COCO files and in columns: left, top, width, height, "
        "or left, top, right, bottom. Default: xywh.",
    )
    encoding: str | None = setting(
        None, "Encoding of text tables, such as cp1252. Default: recognised."
    )
    pool_size: int | None = setting(None, "Keep only the first N rows of the pool.", at_least=1)
    test_size: int | None = setting(None, "Keep only the first N test rows.", at_least=1)
    image_size: int | None = setting(
        None,
        "Resize and crop images to N x N pixels; with masks or boxes, resize the shorter side "
        "to N.",
        at_least=1,
    )
    test_fraction: float | None = setting(
        None,
        "Share of each class held out for testing, for data without a test split. Default: 0.2.",
        above=0,
        below=1,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "task_options", as_options("task_options", self.task_options))
        check_settings(self)
        if self.task is not None:
            require_known(self.task, task_names(), "task")

    @property
    def source(self) -> dict[str, Any]:
        """Where the data comes from and how it is read, as keywords of `uwe.load_dataset`."""
        names = ("data_dir", "label", "text", "task", "boxes", "image_size", "test_fraction",
                 "encoding")  # fmt: skip
        given = {name: getattr(self, name) for name in names}
        ignore = {} if self.ignore is None else {"ignore": self.ignore}
        options = {**self.task_options, **ignore}
        return {**given, "labels": self.label_file, "task_options": options or None}


@dataclass(frozen=True)
class LearnerOptions:
    """Which model is trained."""

    model: Any = setting(
        "resnet18",
        "A name of `uwe list models`; sklearn:CLASS, such as sklearn:logistic or sklearn:svm.SVC; "
        "hf:NAME, a model of Hugging Face transformers that is fine-tuned; or MODULE:FACTORY, "
        "which makes a torch module of your own.",
    )
    model_options: Mapping[str, Any] = setting(
        {},
        "NAME=VALUE, a parameter of the scikit-learn class or of your factory, or an option of the "
        "model, such as frozen=true or width=32.",
        flags=("--model-option",),
        repeated=True,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "model_options", as_options("model_options", self.model_options))


@dataclass(frozen=True)
class OracleOptions:
    """Who answers the queries of a simulation."""

    label_noise: float = setting(
        0.0,
        "Probability that the simulated oracle answers with a wrong class, drawn uniformly among "
        "the others.",
        at_least=0,
        at_most=1,
        record="label noise",
        absent=0.0,
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class RunOptions:
    """Where a run writes, what it keeps, and when it stops; none of it changes a result."""

    threads: int | None = setting(
        None, "Processor threads of each run; fixed when the run is made.", at_least=1
    )
    results: Path = setting(Path("results"), "Folder of the results.")
    keep_predictions: Literal["last", "all"] = setting(
        "last", "Keep the features of the last pass over the pool, or of all passes."
    )
    method_tag: str = setting("", "Suffix for the strategy's name in file names.")
    run_tag: str = setting("", "Suffix for the run's name in file names.")
    cycles: int | None = setting(
        None, "Stop after this many queries. Default: go through all budgets.", at_least=0
    )

    def __post_init__(self) -> None:
        check_settings(self)
        for what, tag in (("method tag", self.method_tag), ("run tag", self.run_tag)):
            if not all(each.isalnum() or each in "-._" for each in tag):
                raise InputError(f"{what} {tag!r} must be letters, digits, '-', '_' and '.'")
