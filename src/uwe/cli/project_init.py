"""The command ``uwe init``: makes a labelling project."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from uwe._files import expanded
from uwe._settings import changed
from uwe.cli.flags import network_parameters
from uwe.cli.options import Share, Whole, key_values
from uwe.cli.project_words import about_task, answers_in
from uwe.cli.speaking import shown
from uwe.embedder import default_backbone, side_of
from uwe.errors import DataError, InputError, require_known
from uwe.learners import NetworkOptions, check_model
from uwe.project.files import ProjectFiles
from uwe.project.settings import NO_MODEL, ProjectSettings, read_settings
from uwe.strategies import find_strategy
from uwe.tables import encoding_of, is_table, read_labels
from uwe.tasks import SHAPE_WIDGETS, find_task, task_names

if TYPE_CHECKING:
    from uwe.project import Answer, Project

__all__ = ["init_command", "make_project", "notes_on"]

_SEVERAL = Parameter(negative=())

_NO_FEATURES = "none"
_OF_EXPERIMENTS = ("warm_start", "full_train")
"""Options of networks that need test rows or the model of the cycle before."""

_INIT: Mapping[str, tuple[Any, Any, str]] = {
    "task": (
        str,
        "classification",
        "What is labelled: classification, multilabel, regression, segmentation, detection, or the "
        "task of a plug-in.",
    ),
    "classes": (
        str | None,
        None,
        "Names of the classes, separated by commas; of masks in the order of the pixels' numbers. "
        "Default: those of the labels that there are.",
    ),
    "task_option": (
        list[str] | None,
        None,
        "NAME=VALUE, an option of the task, such as reduce=max or unit=mm.",
    ),
    "labels": (Path | None, None, "File of ids and labels that there are already."),
    "label": (str | None, None, "Column of labels of a table. Default: label."),
    "text": (
        str | None,
        None,
        "Column of texts of a table; they become TF-IDF features, except for --model hf:NAME.",
    ),
    "embed": (
        str | None,
        None,
        "Model that turns images or texts into features, as in `uwe embed`: a name of `uwe list "
        "backbones`, a model of Hugging Face transformers, or MODULE:FACTORY. Default for a folder "
        "of images: the first backbone that is at hand, unless --model or an option of a network "
        "is given; none turns that off.",
    ),
    "image_size": (
        Whole | None,
        None,
        "Resize and crop images to N x N pixels. Default: their own size; for efficientnet-lite0 "
        "128.",
    ),
    "encoding": (
        str | None,
        None,
        "Encoding of a text table, such as cp1252. Default: recognised.",
    ),
    "model": (
        str | None,
        None,
        "A name of `uwe list models`; sklearn:CLASS; hf:NAME, a model of Hugging Face transformers "
        "that is fine-tuned; or MODULE:FACTORY. Default: "
        "sklearn:linear_model.LogisticRegression for features of --embed and for embeddings, which "
        "takes them as they are; sklearn:logistic for tables, sklearn:forest for regression; "
        "resnet18 for images without --embed. none trains no model: `uwe next --outputs` picks by "
        "the outputs of yours; the default of segmentation and detection.",
    ),
    "model_option": (
        list[str] | None,
        None,
        "NAME=VALUE, a parameter of the scikit-learn class or of your factory, or an option of the "
        "model, such as frozen=true or width=32.",
    ),
    "strategy": (
        str | None,
        None,
        "A name of `uwe list strategies`. Default: auto; that of a project that is there.",
    ),
    "option": (list[str] | None, None, "NAME=VALUE, an option of the strategy."),
    "seed": (Whole, 1, "Seed of every draw."),
    "answers": (Whole, 1, "How many people must answer a row before its label counts."),
    "audit": (
        Share | None,
        None,
        "Share of each batch that is a random sample of the pool, such as 10% or 0; the accuracy "
        "of the model is estimated from it. Default: 10%; that of a project that is there; 0 "
        "without a model, and for segmentation and detection.",
    ),
    "update": (bool, False, "Take in the rows that the source of a project has gained since."),
}
"""Options of ``uwe init``: type, default and help."""


def init_command(project: Path, source: Path | None = None, **given: Any) -> None:
    """Make a project in which people label a pool in rounds.

    Parameters
    ----------
    project
        Folder of the project; it is made.
    source
        A folder of images; a table .csv, .tsv, .txt, .jsonl (also .gz), .parquet, .feather or
        .arrow, or a folder of its shards; or a pool with embeddings, as `uwe embed` makes it.
    """
    if given.get("update"):
        _update(project, source)
        return
    if source is None:
        raise InputError("name what is to be labelled: uwe init PROJECT SOURCE")
    is_new = not ProjectFiles(expanded(project)).settings.is_file()
    made = make_project(project, source, given)
    for line in _made_lines(made, project, given, is_new=is_new):
        print(line)


def make_project(project: Path, source: Path, given: Mapping[str, Any]) -> Project:
    """Make a project, or open the one that is there, if it is the same.

    Args:
        project: its folder.
        source: what is labelled.
        given: the options of ``uwe init`` that are given, by name.

    Raises:
        InputError: an option does not fit, or the folder holds another project.
        DataError: the source does not exist or cannot be read.
    """
    source = expanded(source)
    if not source.exists():
        raise DataError(f"{source} does not exist; SOURCE is a folder of images, a table or a pool")
    files = ProjectFiles(expanded(project))
    there = read_settings(files.settings) if files.settings.is_file() else None
    named = _arguments(source, given, there)

    from uwe.project import Project

    return shown(lambda display: Project(project, source, progress=display, **named))


def _arguments(
    source: Path, given: Mapping[str, Any], there: ProjectSettings | None
) -> dict[str, Any]:
    """The arguments of `Project` by name; what can be checked without the source is checked."""
    options = key_values(given.get("option") or [])
    if there is None or given.get("strategy") is not None:
        find_strategy(given.get("strategy") or "auto", **options)
    task = given.get("task", "classification")
    require_known(task, task_names(), "task")
    answers = {
        "classes": _names(given.get("classes")),
        "labels": _label_file(given.get("labels"), given.get("encoding")),
    }
    task_options = key_values(given.get("task_option") or [], flag="--task-option")
    network = {name: given[name] for name in vars(NetworkOptions()) if name in given}
    network = changed(NetworkOptions(**network))
    is_of_shapes = find_task(task, (), **task_options).widget in SHAPE_WIDGETS
    learnt = _learnt(source, given, there, is_open=not network, is_of_shapes=is_of_shapes)
    parameters = learnt.options | key_values(given.get("model_option") or [], flag="--model-option")
    _check_model(learnt.model, parameters, network)
    return {
        **{name: given.get(name) for name in ("strategy", "audit", "label", "text", "encoding")},
        **answers,
        "learner": learnt.model,
        "task": task,
        "seed": given.get("seed", 1),
        "answers_per_row": given.get("answers", 1),
        "options": options,
        "model_options": parameters,
        "network": network,
        "task_options": task_options,
        "embed": learnt.embed,
        "image_size": learnt.image_size,
    }


def _check_model(model: str, options: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    """Refuse an unknown model, and options of models for a project without one.

    Raises:
        InputError: the model is unknown, or there are such options.
    """
    if model != NO_MODEL:
        check_model(model, options, network)
    elif options or network:
        name = next(iter([*options, *network]))
        raise InputError(f"the project trains no model, so {name} is not used; give --model, too")


def _made_lines(
    made: Project, project: Path, given: Mapping[str, Any], *, is_new: bool
) -> list[str]:
    """What is said of a project that was made, or was there already."""
    state, settings = made.state(), made.settings
    there = "" if is_new else "is there already: "
    features = f"features: {settings.embed}, frozen; " if settings.embed else ""
    model = f"model {settings.model}" if settings.has_model else "no model"
    line = (
        f"{project}: {there}{state.rows:,} {made.items.kind}, {state.labelled:,} labelled; "
        f"{about_task(made)}; {features}{model}. 'uwe next {project} -k 50"
        f"{'' if settings.has_model else ' --outputs FILE'}' gives the "
        f"{'next' if state.batches else 'first'} batch"
        f"{'' if settings.has_model else ' by the outputs of a model of yours'}."
    )
    return [line, *(notes_on(made, given) if is_new else [])]


def notes_on(made: Project, given: Mapping[str, Any]) -> list[str]:
    """What people should know of a new project.

    Args:
        made: the project.
        given: the options that it was made with.
    """
    settings = made.settings
    is_slow = made.items.kind == "images" and not settings.embed and settings.has_model
    wants_hint = is_slow and not given.get("model") and not given.get("embed")
    return [
        *([_faster(settings)] if wants_hint else []),
        *([_audited(settings)] if settings.audit else []),
    ]


def _faster(settings: ProjectSettings) -> str:
    return (
        f"{settings.model} is trained anew in each round. With frozen features of a pretrained "
        "network a round takes seconds: pip install 'uwe[photos]', then make the project again."
    )


def _audited(settings: ProjectSettings) -> str:
    return (
        f"{100 * settings.audit:g} % of each batch is an audit: a random sample of the pool, from "
        "which 'uwe status' estimates the accuracy. --audit 0 turns it off."
    )


def _signature() -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [
        inspect.Parameter("project", kind, annotation=Path),
        inspect.Parameter("source", kind, default=None, annotation=Path | None),
    ]
    own = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[of, Parameter(help=doc), _SEVERAL],
        )
        for name, (of, default, doc) in _INIT.items()
    ]
    network = [each for each in network_parameters() if each.name not in _OF_EXPERIMENTS]
    return inspect.Signature([*first, *own, *network])


init_command.__signature__ = _signature()  # type: ignore[attr-defined]
init_command.__annotations__ = {
    name: parameter.annotation for name, parameter in _signature().parameters.items()
}


def _update(project: Path, source: Path | None) -> None:
    if source is not None:
        raise InputError("--update reads the source that the project has; leave SOURCE out")
    ProjectFiles(expanded(project)).require()

    from uwe.project import Project

    opened = Project.open(project)
    gained, before = opened.gained, opened.state().labelled
    opened.update()
    rows = "row" if gained == 1 else "rows"
    labels = opened.state().labelled - before
    told = (
        f"; {labels:,} new {'label' if labels == 1 else 'labels'} of the source" if labels else ""
    )
    print(f"{project}: {gained:,} {rows} added, {len(opened.ids):,} in all{told}.")


@dataclass(frozen=True)
class _Learnt:
    """What a project learns from, and by which model.

    Attributes:
        embed: the pretrained model whose features are learnt from, or None.
        image_size: side of the square images, or None.
        model: name of the model.
        options: of the model.
    """

    embed: str | None
    image_size: int | None
    model: str
    options: dict[str, Any]


def _learnt(
    source: Path,
    given: Mapping[str, Any],
    there: ProjectSettings | None,
    *,
    is_open: bool,
    is_of_shapes: bool,
) -> _Learnt:
    """What is given; what the project that is there has; or the default of the source.

    A folder of images is learnt from by the features of the pretrained network that is at hand,
    unless a model or an option of networks is given. Boxes and masks are learnt by no model unless
    one is given.

    Args:
        source: what is labelled.
        given: the options that are given, by name.
        there: the settings of the project that is there, or None.
        is_open: whether no option of networks is given.
        is_of_shapes: whether boxes or masks are drawn.
    """
    from uwe.project.sources import is_image_folder

    embed, size, model = (given.get(name) for name in ("embed", "image_size", "model"))
    is_open = is_open and embed is None and model is None
    if is_open and there is not None:
        return _Learnt(
            there.embed, size or there.image_size, there.model, dict(there.model_options)
        )
    if is_of_shapes:
        if embed not in (None, _NO_FEATURES):
            raise InputError(
                "--embed makes features of whole images, from which no boxes and masks are learnt; "
                "leave it out"
            )
        return _Learnt(None, size, model or NO_MODEL, {})
    if is_open and is_image_folder(source):
        embed = default_backbone()
    if embed == _NO_FEATURES:
        embed = None
    if size is None and is_image_folder(source):
        size = side_of(embed or model or "")
    if model is not None:
        return _Learnt(embed, size, model, {})
    return _Learnt(embed, size, *_default_model(source, given.get("task"), embed))


def _default_model(source: Path, task: str | None, embed: str | None) -> tuple[str, dict[str, Any]]:
    """A network for images, a forest for regression, a linear model otherwise.

    Features are learnt from as they are: dividing each column by its deviation over a few labelled
    rows would blow up the columns that say least.
    """
    from uwe.project.sources import is_image_folder

    if is_image_folder(source) and not embed:
        return "resnet18", {}
    if task == "regression":
        return "sklearn:forest", {}
    if (is_table(source) or _is_folder_of_tables(source)) and not embed:
        return "sklearn:logistic", {}
    return "sklearn:linear_model.LogisticRegression", {"max_iter": 1000}


def _is_folder_of_tables(source: Path) -> bool:
    return source.is_dir() and not any(source.glob("*.npy"))


def _names(classes: str | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    names = tuple(name.strip() for name in classes.split(","))
    if not all(names):
        raise InputError(
            f"--classes are names separated by commas, such as crow,rook, not {classes!r}"
        )
    return names


def _label_file(path: Path | None, encoding: str | None) -> list[Answer] | None:
    """The labels that there are already, as answers."""
    if path is None:
        return None
    path = expanded(path)
    return answers_in(read_labels(path, encoding_of(path, encoding)), by="import")
