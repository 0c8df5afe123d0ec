"""The commands of a labelling project: ``init``, ``next``, ``tell`` and ``status``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from uwe._files import write_bytes, write_text
from uwe._settings import changed
from uwe.cli.display import wide_console
from uwe.cli.flags import network_parameters
from uwe.cli.options import Whole, key_values
from uwe.cli.speaking import shown
from uwe.errors import InputError, require_known
from uwe.learners import NetworkOptions, check_model
from uwe.runs.cycles import csv_text
from uwe.selecting.tables import check_suffix, encoded_picks, pick_rows
from uwe.strategies import find_strategy
from uwe.tables import LabelRow, read_labels
from uwe.tasks import task_names

if TYPE_CHECKING:
    from uwe.project import Answer, Project, State, Told
    from uwe.strategies import Picks

__all__ = ["init_command", "next_command", "status_command", "tell_command"]

_SEVERAL = Parameter(negative=())
_PERSON = "annotator"
_SHOWN_PROBLEMS = 20
_OF_EXPERIMENTS = ("warm_start", "full_train")
"""Options of networks that need test rows or the model of the cycle before."""

_INIT: Mapping[str, tuple[Any, Any, str]] = {
    "task": (
        str,
        "classification",
        "What is labelled: classification, multilabel, regression, or the task of a plug-in.",
    ),
    "classes": (
        str | None,
        None,
        "Names of the classes, separated by commas. Default: those of the labels that there are.",
    ),
    "task_option": (
        list[str] | None,
        None,
        "NAME=VALUE, an option of the task, such as reduce=max or unit=mm.",
    ),
    "labels": (Path | None, None, "File of ids and labels that there are already."),
    "label": (str | None, None, "Column of labels of a table. Default: label."),
    "text": (str | None, None, "Column of texts of a table; they become TF-IDF features."),
    "embed": (
        str | None,
        None,
        "Model that turns images or texts into features, as in `uwe embed`: a model of Hugging "
        "Face transformers, or MODULE:FACTORY.",
    ),
    "image_size": (Whole | None, None, "Resize and crop images to N x N pixels."),
    "model": (
        str | None,
        None,
        "A name of `uwe list models`; sklearn:CLASS; or MODULE:FACTORY. Default: resnet18 for "
        "images, sklearn:forest for regression, sklearn:logistic otherwise.",
    ),
    "model_option": (
        list[str] | None,
        None,
        "NAME=VALUE, a parameter of the scikit-learn class or of your factory.",
    ),
    "strategy": (str, "uwe", "A name of `uwe list strategies`."),
    "option": (list[str] | None, None, "NAME=VALUE, an option of the strategy."),
    "seed": (Whole, 1, "Seed of every draw."),
    "answers": (Whole, 1, "How many people must answer a row before its label counts."),
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
        A folder of images, a table .csv, .tsv, .jsonl or .parquet, or a pool with embeddings, as
        `uwe embed` makes it.
    """
    if given.get("update"):
        _update(project, source)
        return
    if source is None:
        raise InputError("name what is to be labelled: uwe init PROJECT SOURCE")
    source = source.expanduser()
    options = key_values(given.get("option") or [])
    find_strategy(given.get("strategy", "uwe"), **options)
    require_known(given.get("task", "classification"), task_names(), "task")
    network = {name: given[name] for name in vars(NetworkOptions()) if name in given}
    network = changed(NetworkOptions(**network))
    if (project.expanduser() / "project.json").is_file():
        raise InputError(
            f"{project} holds a project already; 'uwe next {project}' goes on with it, and "
            f"'uwe init {project} --update' takes in rows that its source has gained"
        )
    model = given.get("model") or _default_model(source, given)
    parameters = key_values(given.get("model_option") or [], flag="--model-option")
    check_model(model, parameters, network)
    more = {name: given.get(name) for name in ("label", "text", "embed", "image_size")}

    from uwe.project import Project

    made = shown(
        lambda display: Project(
            project,
            source,
            model,
            strategy=given.get("strategy", "uwe"),
            task=given.get("task", "classification"),
            classes=_names(given.get("classes")),
            labels=_label_file(given.get("labels")),
            seed=given.get("seed", 1),
            answers_per_row=given.get("answers", 1),
            progress=display,
            options=options,
            model_options=parameters,
            network=network,
            task_options=key_values(given.get("task_option") or [], flag="--task-option"),
            **more,
        )
    )
    state = made.state()
    print(
        f"{project}: {state.rows:,} {made.items.kind}, {state.labelled:,} labelled; "
        f"{_about_task(made)}; model {model}. 'uwe next {project} -k 50' gives the first batch."
    )


def next_command(
    project: Path,
    *,
    k: Annotated[Whole, Parameter(name=("-k", "--k"))] = 50,
    more: Annotated[bool, _SEVERAL] = False,
    output: Annotated[Path | None, Parameter(name=("-o", "--output"))] = None,
    with_: Annotated[list[str] | None, Parameter(name="--with", negative=())] = None,
    force: Annotated[bool, _SEVERAL] = False,
) -> None:
    """Give the rows to label next; a batch that is not answered is shown again.

    Parameters
    ----------
    project
        Folder of the project.
    k
        How many rows.
    more
        Give further rows although a batch is not answered.
    output
        Also write the rows to this file .csv, .jsonl, .parquet or .txt (ids).
    with_
        Column of the source to put beside the picks of --output; may be given several times.
    force
        Overwrite an output file that exists.
    """
    if output is not None:
        check_suffix(output)
        if output.exists() and not force:
            raise InputError(f"{output} exists; choose another name, or --force overwrites it")
    if with_ and output is None:
        raise InputError("--with is for the file of --output; give -o FILE, too")

    from uwe.project import Project

    def work(display: Any) -> tuple[Project, Picks, bool]:
        opened = Project.open(project, progress=display)
        columns = {name: opened.items.column(name) for name in with_ or []}
        before = opened.state().outstanding
        picks = opened.ask(k, more=more)
        if output is not None:
            rows = [
                {**row, "label": row.get("label")} for row in pick_rows(picks, opened.ids, columns)
            ]
            write_bytes(output.expanduser(), encoded_picks(output, rows))
        return opened, picks, bool(before) and not more

    opened, picks, again = shown(work)
    _say_added(opened)
    _say_batch(project, opened, picks, again=again, output=output)


def tell_command(
    project: Path,
    labels: Path,
    *,
    by: str = _PERSON,
    strict: Annotated[bool, _SEVERAL] = False,
    add_class: Annotated[list[str] | None, _SEVERAL] = None,
) -> None:
    """Record labels; the same file may be told twice.

    Parameters
    ----------
    project
        Folder of the project.
    labels
        A table .csv, .tsv, .jsonl or .parquet with the columns id and label; and by, seconds, note
        and skip, if there are any. Rows without a label are left out.
    by
        Who answered, for rows without a column by.
    strict
        Refuse labels of rows that nobody asked about.
    add_class
        A class to add to the project; may be given several times.
    """
    rows = read_labels(labels.expanduser())

    from uwe.project import Project

    opened = Project.open(project)
    if add_class:
        opened.add_classes(add_class)
    told = opened.take([_answer(row, rows.where(row), by) for row in rows], strict=strict)
    print(_told(told, opened.state()))
    for problem in told.problems[:_SHOWN_PROBLEMS]:
        print(problem, file=sys.stderr)
    if told.problems:
        raise InputError(
            f"{len(told.problems)} of {len(rows)} rows were not understood; the others are recorded"
        )


def status_command(
    project: Path,
    *,
    labels: Path | None = None,
    force: Annotated[bool, _SEVERAL] = False,
) -> None:
    """Say where a project stands.

    Parameters
    ----------
    project
        Folder of the project.
    labels
        Write the labels that count to this file .csv.
    force
        Overwrite a file of labels that exists.
    """
    from uwe.project import Project

    if labels is not None:
        if labels.suffix.lower() != ".csv":
            raise InputError(f"labels are written as .csv, so {labels} must end in .csv")
        if labels.exists() and not force:
            raise InputError(f"{labels} exists; choose another name, or --force overwrites it")
    opened = Project.open(project)
    state = opened.state()
    table = Table(show_header=False, box=None)
    for name, value in _lines(opened, state):
        table.add_row(name, value)
    wide_console().print(table)
    _say_added(opened)
    if labels is not None:
        rows = [(name, _written(label)) for name, label in opened.labels().items()]
        write_text(labels.expanduser(), csv_text(("id", "label"), rows))
        print(f"{len(rows):,} labels. Written: {labels}")


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
    from uwe.project import Project

    if source is not None:
        raise InputError("--update reads the source that the project has; leave SOURCE out")
    opened = Project.open(project)
    added = opened.update()
    print(f"{project}: {len(added):,} rows added, {len(opened.ids):,} in all.")


def _default_model(source: Path, given: Mapping[str, Any]) -> str:
    """A network for images, a linear model for features, a forest for numbers."""
    is_images = source.is_dir() and not any(source.glob("*.npy")) and not given.get("embed")
    if is_images:
        return "resnet18"
    return "sklearn:forest" if given.get("task") == "regression" else "sklearn:logistic"


def _names(classes: str | None) -> tuple[str, ...]:
    if classes is None:
        return ()
    names = tuple(name.strip() for name in classes.split(","))
    if not all(names):
        raise InputError(
            f"--classes are names separated by commas, such as crow,rook, not {classes!r}"
        )
    return names


def _label_file(path: Path | None) -> list[Answer] | None:
    """The labels that there are already, as answers."""
    if path is None:
        return None
    rows = read_labels(path.expanduser())
    return [_answer(row, rows.where(row), "import") for row in rows]


def _answer(row: LabelRow, where: str, by: str) -> Answer:
    from uwe.project import Answer

    return Answer(
        row.id, row.label, row.by or by, where, seconds=row.seconds, note=row.note, skip=row.skip
    )


def _about_task(opened: Project) -> str:
    classes = opened.task.classes
    listed = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    return f"{opened.task.name} of {listed}" if classes else opened.task.name


def _say_batch(
    project: Path, opened: Project, picks: Picks, *, again: bool, output: Path | None
) -> None:
    batches = _batches_of(opened, picks)
    written = [file for at in batches for file in (opened.files.picks(at), opened.files.sheet(at))]
    if output is not None:
        written.append(output)
    rows = f"{len(picks):,} {'row' if len(picks) == 1 else 'rows'}"
    if again:
        print(f"{rows} of the last batches have no label yet, and are shown again; --more gives "
              "further ones.")  # fmt: skip
    else:
        print(f"{rows} {_picked_by(opened, picks)}.")
    print("See: " + ", ".join(map(str, written)))
    for batch in batches:
        print(f"Fill the column label, then: uwe tell {project} {opened.files.picks(batch)}")


def _picked_by(opened: Project, picks: Picks) -> str:
    trained_on = opened.state().trained_on
    if trained_on is None:
        return "drawn at random, as no model is trained yet"
    return f"picked by {picks.strategy}, with a model trained on {trained_on:,} labels"


def _batches_of(opened: Project, picks: Picks) -> list[int]:
    """The numbers of the batches in which the picks were given out."""
    from uwe.journal import Queried

    rows = set(picks.rows.tolist())
    queried = [event for event in opened.events() if isinstance(event, Queried)]
    return [at for at, event in enumerate(queried, 1) if rows.intersection(event.rows)]


def _say_added(opened: Project) -> None:
    added = () if opened.change is None else opened.change.added
    if added:
        print(
            f"{len(added):,} new rows are in {opened.settings.source}; 'uwe init "
            f"{opened.files.folder} --update' takes them in",
            file=sys.stderr,
        )


def _told(told: Told, state: State) -> str:
    parts = [
        f"{told.new:,} new",
        *([f"{told.corrected:,} corrected"] if told.corrected else []),
        *([f"{told.known:,} known already"] if told.known else []),
        *([f"{told.skipped:,} skipped"] if told.skipped else []),
        *([f"{told.unasked:,} of rows that nobody asked about"] if told.unasked else []),
        *([f"{told.empty:,} rows without a label"] if told.empty else []),
    ]
    return (
        f"{', '.join(parts)}. {state.labelled:,} of {state.rows:,} rows are labelled, "
        f"{state.outstanding:,} are given out."
    )


def _lines(opened: Project, state: State) -> list[tuple[str, str]]:
    settings = opened.settings
    model = "not trained yet" if state.trained_on is None else f"trained on {state.trained_on:,}"
    if state.is_stale and state.trained_on is not None:
        model += " labels, before the last answers"
    elif state.trained_on is not None:
        model += " labels"
    lines = [
        ("pool", f"{state.rows:,} {opened.items.kind} in {settings.source}"),
        ("task", _about_task(opened)),
        ("labelled", f"{state.labelled:,}" + _of_classes(state)),
        ("given out", f"{state.outstanding:,} without a label, {state.batches:,} batches in all"),
        ("skipped", f"{state.skipped:,}"),
        ("model", f"{settings.model}, {model}"),
        ("strategy", settings.strategy),
    ]
    if state.unasked:
        lines.append(("not asked about", f"{state.unasked:,} of the labelled rows"))
    if len(state.by_person) > 1 or state.disagreements:
        people = ", ".join(f"{name} {count:,}" for name, count in state.by_person.items())
        lines.append(("people", f"{people}; rows on which they differ: {state.disagreements:,}"))
    return lines


def _of_classes(state: State) -> str:
    known = [f"{name} {count:,}" for name, count in state.by_class.items() if count]
    return f" ({', '.join(known)})" if known else ""


def _written(label: Any) -> str:
    return (
        "|".join(label) or "[]"
        if isinstance(label, Sequence) and not isinstance(label, str)
        else str(label)
    )
