"""Making a project: everything is checked first, and the settings are written last."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe import journal
from uwe._files import make_folder, remove_unfinished
from uwe._json import json_value, same_json
from uwe._types import Progress
from uwe.data.label_columns import joined_names, number_in
from uwe.data.labels import odd_classes
from uwe.errors import DataError, InputError
from uwe.learners import make_learner
from uwe.project.answers import Answer, events_of
from uwe.project.broken import broken_note, skips_of
from uwe.project.files import ProjectFiles
from uwe.project.items import Items
from uwe.project.locks import waited
from uwe.project.manifest import Manifest, taken_in, write_manifest
from uwe.project.settings import ProjectSettings, read_settings, write_settings
from uwe.project.shapes import MaskFiles, Shapes, has_shapes
from uwe.tables import as_ids
from uwe.tables.frames import index_of
from uwe.tasks import Flags, Task, find_task, is_missing
from uwe.tasks.targets import as_name, merged_names, names_in

if TYPE_CHECKING:
    from uwe.learners import Learner

__all__ = [
    "create",
    "given_answers",
    "initial_answers",
    "learner_of",
    "own_answers",
    "require_same",
    "with_classes",
]

log = logging.getLogger("uwe")

IMPORT = "import"


def create(
    files: ProjectFiles,
    settings: ProjectSettings,
    items: Items,
    task: Task,
    learner: Any,
    *,
    passes: int,
    initial: Sequence[Answer],
    progress: Progress | None = None,
) -> Manifest:
    """Write a new project: its rows, the labels that there are, and its settings last.

    What a killed process left of an earlier attempt is replaced. A failure leaves nothing behind.

    Args:
        files: of the project.
        settings: of the project.
        items: the pool.
        task: what is labelled.
        learner: a name or a value of Python.
        passes: stochastic passes that the strategy needs.
        initial: the labels that there are.
        progress: callback.

    Raises:
        InputError: the folder holds something else, the model does not fit the items, or a label is
            not understood.
        DataError: an item cannot be read, or with ``embed`` none of them.
    """
    from uwe.learners import require_passes  # loads torch

    _require_free(files.folder)
    if settings.has_model:
        items.check()
        require_passes(learner_of(learner, settings, files, items, task), passes)
    manifest = taken_in(items)
    broken = items.broken(files.cache) if settings.has_model else _without_size(items)
    if broken:
        log.info("%s", broken_note(broken, manifest.ids), extra={"screen": True})
    with _undone_on_failure(files), waited(files.tell_lock):
        if files.settings.is_file():
            raise InputError(f"{files.folder} holds another project; choose another folder")
        remove_unfinished(files.folder, files.owns)
        shapes = Shapes(task, items, MaskFiles(files.masks))
        events, told = events_of(
            initial, [], ids=manifest.ids, task=task, strict=False, prepare=shapes.prepared
        )
        if told.problems:
            raise InputError(told.problems[0])
        is_learnt = settings.has_model and settings.embed is None
        if is_learnt and items.sample is not None:  # names an image that is broken
            items.learn(files.cache, progress)
        files.journal.unlink(missing_ok=True)  # of a process that was killed
        write_manifest(files.rows, manifest)
        journal.create(files.journal, [*events, *skips_of(broken)])
        write_settings(files.settings, settings)
    return manifest


def _without_size(items: Items) -> dict[int, str]:
    """Why images cannot be opened, by row, as their headers tell."""
    found: dict[int, str] = {}
    for row in range(len(items)) if items.kind == "images" else ():
        try:
            items.size(row)
        except DataError as error:
            found[row] = str(error)
    return found


def learner_of(
    learner: Any,
    settings: ProjectSettings,
    files: ProjectFiles,
    items: Items,
    task: Task,
    x: Any = None,
) -> Learner:
    """The learner of a project.

    Args:
        learner: a name or a value of Python.
        settings: of the project.
        files: of the project.
        items: the pool.
        task: what is learnt.
        x: all rows as they are learnt from; without them, a row stands for all.

    Raises:
        InputError: the model does not fit the items or the task.
    """
    from uwe.project.trainer import dataset_of  # loads torch

    if x is None:
        x = items.learn(files.cache, None)[:1] if items.sample is None else items.sample()
    name = Path(settings.source).stem or files.folder.stem
    return make_learner(
        learner,
        dataset_of(name, x, items, task),
        options=settings.model_options,
        network=settings.network,
    )


def initial_answers(
    items: Items, labels: Mapping[str, Any] | Sequence[Answer] | None
) -> list[Answer]:
    """The labels that there are when a project is made: those of the pool, and those given.

    Args:
        items: the pool, which may have labels of its own.
        labels: further ones, by id or as answers.
    """
    return [*own_answers(items), *given_answers(labels)]


def given_answers(labels: Mapping[str, Any] | Sequence[Answer] | None) -> list[Answer]:
    """Labels by id as answers of an import; answers as they are."""
    if index_of(labels) is not None:
        labels = dict(labels.items())  # type: ignore[union-attr]
    if isinstance(labels, Mapping):
        names = as_ids(labels, "the ids of labels")
        return [Answer(name, label, IMPORT)
                for name, label in zip(names, labels.values(), strict=True)]  # fmt: skip
    return list(labels or ())


def own_answers(items: Items) -> list[Answer]:
    """The labels that the source itself has, as answers of an import."""
    own = items.labels()
    named = [] if own is None else zip(items.ids, own, strict=True)
    return [Answer(name, label, IMPORT) for name, label in named if not is_missing(label)]


def with_classes(settings: ProjectSettings, initial: Sequence[Answer]) -> ProjectSettings:
    """The settings with the classes that occur among the labels, where none are given.

    Raises:
        InputError: the task has classes, and there are none.
    """
    task = find_task(settings.task, (), **settings.task_options)
    has_classes = has_shapes(task) or "c" in " ".join(task.outputs.values()).split()
    if settings.classes or not has_classes:
        return settings
    if has_shapes(task):
        raise InputError(
            f"{task.name} needs the names of its classes, such as --classes car,person; of masks "
            "in the order of the pixels' numbers, from 0"
        )
    if isinstance(task.targets, Flags):
        found = {name for answer in initial for name in names_in(answer.label) or ()}
    else:
        labels = (answer.label for answer in initial)
        found = set(merged_names(as_name(of) for of in labels if not is_missing(of)).values())
        _refuse_other_task(found)
    if not found:
        raise InputError(
            "no item has a label yet, so the classes are not known; name them, such as --classes "
            "crow,rook"
        )
    classes = tuple(sorted(found))
    if odd := odd_classes(classes):
        log.warning(odd)
    return replace(settings, classes=classes)


def _refuse_other_task(names: set[str]) -> None:
    """Refuse labels that are numbers or lists of classes, where single classes are learnt.

    Raises:
        InputError: they are; both ways to go on are named.
    """
    numbers = [number_in(name) for name in names]
    known = [number for number in numbers if number is not None]
    if len(known) == len(names) and not all(number.is_integer() for number in known):
        raise InputError(
            f"the labels are numbers with fractions, such as {min(names)!r}; give --task "
            "regression, or name the classes with --classes"
        )
    if joined := joined_names(names):
        raise InputError(
            f"the label {joined[0]!r} names several classes; give --task multilabel, or name the "
            "classes with --classes"
        )


def require_same(files: ProjectFiles, given: ProjectSettings) -> ProjectSettings:
    """The settings of the project that is there, which must be those that are given.

    Classes may be left out, and the project may have gained some.

    Raises:
        InputError: they differ.
    """
    there = read_settings(files.settings)
    gained = there.classes[: len(given.classes)] == given.classes
    here = replace(given, rule=there.rule, classes=there.classes if gained else given.classes)
    known = json_value(vars(there))
    for name, value in json_value(vars(here)).items():
        if not same_json(value, known[name]):
            raise InputError(
                f"{files.folder} holds another project: its {name} is {known[name]!r}, not "
                f"{value!r}; choose another folder"
            )
    return there


def _require_free(folder: Path) -> None:
    """Refuse a folder that holds anything but what a killed process left."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another folder for the project")
    others = sorted({path.name for path in _entries(folder)} - _own_names(ProjectFiles(folder)))
    others = [name for name in others if not name.endswith(".part")]
    if others:
        raise InputError(
            f"{folder} is no project and holds {others[0]!r}; choose a new folder for the project"
        )


def _own_names(files: ProjectFiles) -> set[str]:
    """Names of what may be there before the settings are."""
    own = (files.rows, files.journal, files.cache, files.masks, files.tell_lock)
    return {*(path.name for path in own), f".{files.journal.name}.lock"}


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


@contextmanager
def _undone_on_failure(files: ProjectFiles) -> Iterator[None]:
    """Make the folder; if the work fails, remove it and the folders above that were made for it."""
    missing = [each for each in (files.folder, *files.folder.parents) if not each.exists()]
    try:
        make_folder(files.folder)
        yield
    except BaseException:
        if not files.settings.is_file():
            own = _own_names(files)
            for path in _entries(files.folder):
                if path.name in own:
                    _remove(path)
            for folder in missing:
                with suppress(OSError):  # not empty: another process uses it
                    folder.rmdir()
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
