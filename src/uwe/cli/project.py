"""The commands of a labelling project: ``next``, ``tell`` and ``status``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from uwe._files import expanded, write_bytes, write_text
from uwe.cli.display import wide_console
from uwe.cli.options import Count, Number, Output, Switch, key_values
from uwe.cli.outputs import check_output
from uwe.cli.place_flags import place_options
from uwe.cli.project_words import (
    answers_in,
    audit_lines,
    renamings,
    say_added,
    say_batch,
    status_lines,
    told_line,
)
from uwe.cli.speaking import shown
from uwe.cli.wish_flags import WishFlags
from uwe.cli.wishing import Columns, say_notes, wishes_of
from uwe.errors import DataError, InputError
from uwe.formats import find_format, recognised, require_there
from uwe.formats.tables import written_label
from uwe.project.answers import NAMELESS
from uwe.project.files import ProjectFiles
from uwe.project.outputs import LEAST_SCORE
from uwe.project.settings import read_settings
from uwe.project.state import recorded_labels
from uwe.selecting.tables import check_ids, check_suffix, encoded_picks, pick_rows
from uwe.tables.csv_text import csv_text
from uwe.tasks import SHAPE_WIDGETS

if TYPE_CHECKING:
    from uwe.project import Project
    from uwe.project.picking import Batch
    from uwe.strategies import Wishes

__all__ = ["files_of", "next_command", "status_command", "tell_command"]

_NO_WISHES = WishFlags()
_SHOWN_PROBLEMS = 20


def next_command(
    project: Path,
    *,
    k: Count = 50,
    more: Switch = False,
    output: Output | None = None,
    outputs: Path | None = None,
    image_list: Path | None = None,
    place_option: Annotated[list[str] | None, Parameter(negative=())] = None,
    least_score: Number = LEAST_SCORE,
    with_: Annotated[list[str] | None, Parameter(name="--with", negative=())] = None,
    force: Switch = False,
    wishes: WishFlags = _NO_WISHES,
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
    outputs
        Outputs of a model of yours, by which the rows are picked: a pool .safetensors, .npz or a
        table with ids and features or uncertainties; for detection results of COCO (.json); for
        segmentation a folder of maps .npy or .npz. Rows without outputs are not picked.
    image_list
        Which images a detector has seen, for results of COCO: its annotations (.json), which also
        name the categories, or a list of ids.
    place_option
        NAME=VALUE, how maps and detections of --outputs become rows, as in `uwe select`, such as
        given=logits or reduce=top; may be given several times.
    least_score
        Smallest score of a box of these outputs that people see, from 0 to 1.
    with_
        Column of the source to put beside the picks of --output; may be given several times.
    force
        Overwrite an output file that exists.
    """
    from uwe.project.picking import require_count

    require_count(k)
    wishes.check()
    if output is not None:
        check_suffix(output)
        sources = {**files_of(project), **wishes.sources()}
        sources |= {} if outputs is None else {"the file of --outputs": outputs}
        output = check_output(output, force=force, sources=sources)
    if not 0 <= least_score <= 1:
        raise InputError(f"--least-score must be from 0 to 1, not {least_score:g}")
    if outputs is not None and not expanded(outputs).exists():
        raise DataError(f"{outputs} does not exist; --outputs is a file of results or a folder")
    for flag, value in (("--image-list", image_list), ("--place-option", place_option)):
        if value is not None and outputs is None:
            raise InputError(f"{flag} is for --outputs; give --outputs, too")
    places = place_options(None, None, key_values(place_option or [], flag="--place-option"))
    if with_ and output is None:
        raise InputError("--with is for the file of --output; give -o FILE, too")

    ProjectFiles(expanded(project)).require()

    from uwe.project import Project

    def work(display: Any) -> tuple[Project, Batch]:
        opened = Project.open(project, progress=display)
        columns = {name: opened.items.column(name) for name in with_ or []}
        if output is not None:
            check_ids(output, opened.ids)
        if outputs is not None:
            _require_new(opened, "--outputs", more=more)
        batch = opened.batch(
            k,
            more=more,
            wishes=_wishes(opened, wishes, more=more),
            outputs=outputs,
            images=image_list,
            places=places,
            least_score=least_score,
        )
        if output is not None:
            rows = [{**row, "label": None} for row in pick_rows(batch.picks, opened.ids, columns)]
            write_bytes(output, encoded_picks(output, rows))
        return opened, batch

    opened, batch = shown(work)
    say_notes(batch.picks.notes)
    say_added(opened)
    say_batch(opened, project, batch, k, output)


def _wishes(opened: Project, flags: WishFlags, *, more: bool) -> Wishes | None:
    """The wishes for a new batch; None without any.

    Raises:
        InputError: the open rows of an earlier batch would be shown, which were picked without
            them.
    """
    if not flags.given:
        return None
    _require_new(opened, next(iter(flags.given)), more=more)
    items = opened.items
    columns = Columns(opened.files.folder, items.ids, items.typed, opened.settings.encoding)
    return wishes_of(flags, columns)


def _require_new(opened: Project, flag: str, *, more: bool) -> None:
    """Refuse an option of new batches while an earlier one is open.

    Raises:
        InputError: one is open, and no further rows are wanted.
    """
    left = opened.state().outstanding
    if left and not more:
        raise InputError(
            f"{flag} is for a new batch, but {left:,} {'row' if left == 1 else 'rows'} of earlier "
            "batches have no label yet; label them first, or --more gives further ones"
        )


def tell_command(
    project: Path,
    labels: Path,
    *,
    format: str | None = None,
    by: str = NAMELESS,
    strict: Switch = False,
    complete: Switch = False,
    add_class: Annotated[list[str] | None, Parameter(negative=())] = None,
    rename: Annotated[list[str] | None, Parameter(negative=())] = None,
    encoding: str | None = None,
) -> None:
    """Record labels; the same file may be told twice.

    Parameters
    ----------
    project
        Folder of the project.
    labels
        A table .csv, .tsv, .txt, .jsonl, .parquet, .feather or .arrow with the columns id and
        label; and by, seconds, note, skip and settled, if there are any. Rows without a label are
        left out. Or a file or folder of another tool, in a format of `uwe list formats`.
    format
        The format of the file. Default: recognised.
    by
        Who answered, for rows that do not say it.
    strict
        Refuse labels of rows that were never given out.
    complete
        Every image of the file was looked at: one without a box or mask holds no object, and those
        that a model gave and nobody changed are answers. For segmentation and detection.
    add_class
        A class to add to the project; may be given several times.
    rename
        OLD=NEW, a class of the file that has another name in the project; may be given several
        times.
    encoding
        Encoding of a text table, such as cp1252. Default: recognised.
    """
    files = ProjectFiles(expanded(project))
    files.require()
    names = renamings(rename or [])
    labels = expanded(labels)
    widget = read_settings(files.settings).make_task().widget
    chosen = recognised(labels, widget) if format is None else find_format(format)
    require_there(labels)
    if encoding is not None and chosen.shows_items:
        raise InputError(f"--encoding is for text tables, and {labels} is {chosen.name}")

    from uwe.formats import read_answers
    from uwe.project import Project

    opened = Project.open(project)
    if complete and opened.task.widget not in SHAPE_WIDGETS:
        raise InputError(f"--complete is for boxes and masks, not for {opened.task.name}")
    read = read_answers(
        labels, chosen, opened, rename=names, encoding=encoding, is_complete=complete
    )
    answers = answers_in(read.rows, by=by)
    if add_class:
        opened.add_classes(add_class)
    told = opened.take(answers, strict=strict)
    told = replace(told, known=told.known + read.known)
    print(told_line(told, opened.state()))
    if told.empty and opened.task.widget in SHAPE_WIDGETS and not complete:
        print(
            f"{told.empty:,} images have no shape, or those of a model alone; if people have "
            "looked at all of them, add --complete"
        )
    say_added(opened)
    problems = [*read.rows.problems, *told.problems]
    _refuse(problems, len(answers) + len(read.rows.problems))


def status_command(
    project: Path,
    *,
    labels: Path | None = None,
    judge: Switch = False,
    stop_gain: Number = 2,
    force: Switch = False,
) -> None:
    """Say where a project stands, and how good its model is by the audit.

    Parameters
    ----------
    project
        Folder of the project.
    labels
        Write the labels that count to this file .csv.
    judge
        Estimate the accuracy now, however long it takes; otherwise a training does it if it takes
        less than half a minute.
    stop_gain
        Points of accuracy: labelling may stop when the forecast gain is surely below them.
    force
        Overwrite a file of labels that exists.
    """
    if labels is not None:
        if labels.suffix.lower() != ".csv":
            raise InputError(f"labels are written as .csv, so {labels} must end in .csv")
        labels = check_output(labels, force=force, sources=files_of(project))
    if not 0 < stop_gain <= 100:
        raise InputError(f"--stop-gain is points of accuracy, above 0 to 100, not {stop_gain:g}")
    ProjectFiles(expanded(project)).require()

    from uwe.project import Project

    try:
        opened = Project.open(project)
    except DataError as error:  # the source is gone or changed; the labels are not
        if labels is not None:
            _write_labels(labels, recorded_labels(ProjectFiles(expanded(project))))
        raise DataError(
            f"{error}. 'uwe status {project} --labels FILE' writes the labels all the same"
        ) from error
    if judge:
        shown(lambda display: Project.open(project, progress=display).judge())
    state = opened.state()
    table = Table(show_header=False, box=None)
    audit = audit_lines(opened.files, stop_gain / 100)
    for name, value in (*status_lines(opened, state), *audit):
        table.add_row(name, value)
    wide_console().print(table)
    say_added(opened)
    if labels is not None:
        _write_labels(labels, opened.labels())


def _write_labels(path: Path, labels: Mapping[str, Any]) -> None:
    rows = [(name, written_label(label)) for name, label in labels.items()]
    write_text(path, csv_text(("id", "label"), rows))
    print(f"{len(rows):,} labels. Written: {path}")


def files_of(project: Path) -> dict[str, Path]:
    """What no output may overwrite: the project's own files, and its source."""
    files = ProjectFiles(expanded(project))
    folders = (
        files.cache,
        files.masks,
        *(of(1).parent for of in (files.picks, files.predictions, files.model)),
    )
    own = (files.settings, files.rows, files.journal, *folders)
    found = {f"the project's {path.name}": path for path in own}
    if files.settings.is_file():
        source = read_settings(files.settings).source
        found |= {"the source": Path(source)} if source else {}
    return found


def _refuse(problems: Sequence[str], rows: int) -> None:
    """Name the rows that were not understood.

    Raises:
        InputError: there are any.
    """
    if len(problems) == 1:
        raise InputError(f"{problems[0]}{_hint(problems)}; all other rows are recorded")
    for problem in problems[:_SHOWN_PROBLEMS]:
        print(problem, file=sys.stderr)
    if problems:
        left = len(problems) - _SHOWN_PROBLEMS
        more = f" ({left} more than are shown)" if left > 0 else ""
        raise InputError(
            f"{len(problems)} of {rows} rows were not understood{more}{_hint(problems)}; all other "
            "rows are recorded"
        )


def _hint(problems: Sequence[str]) -> str:
    is_class = any("unknown class" in problem for problem in problems)
    return "; --add-class NAME adds a class, --rename OLD=NEW renames one" if is_class else ""
