"""The command ``uwe agreement``: how well people agree, and which items to decide or ask again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from uwe._files import expanded, write_text
from uwe._unicode import unicode_text
from uwe.cli.display import wide_console
from uwe.cli.options import Whole
from uwe.cli.outputs import check_output
from uwe.cli.project import files_of
from uwe.errors import InputError, require_known
from uwe.formats.tables import written_label
from uwe.label.conflicts import RULES, proposed, worst_first
from uwe.project.files import ProjectFiles
from uwe.runs.cycles import csv_text

if TYPE_CHECKING:
    from uwe.label.agreement import Measure
    from uwe.label.books import Books
    from uwe.label.predicted import Model
    from uwe.label.relabel import Doubt, Relabelling
    from uwe.project import Project

__all__ = ["agreement_command"]

_COLUMNS = ("id", "what", "answers", "proposal", "why")
_SHOWN = 20


def agreement_command(
    project: Path,
    *,
    output: Annotated[Path | None, Parameter(name=("-o", "--output"))] = None,
    settle: str | None = None,
    k: Annotated[Whole, Parameter(name=("-k", "--k"))] = 50,
    force: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Say how well annotators agree, and which items to decide or to label again.

    Parameters
    ----------
    project
        Folder of the project.
    output
        Write the conflicts, and the items to label again, to this file .csv.
    settle
        Settle the conflicts by a rule: majority for classes, mean or median for numbers. Equal
        votes are left to people.
    k
        How many items are looked at that need a label most, new ones and labelled ones together.
    force
        Overwrite a file that exists.
    """
    if k < 1:
        raise InputError(f"-k is {k}; it must be a whole number of at least 1")
    if settle is not None:
        require_known(settle, RULES, "rule")
    if output is not None:
        if output.suffix.lower() != ".csv":
            raise InputError(f"conflicts are written as .csv, so {output} must end in .csv")
        output = check_output(output, force=force, sources=files_of(project))
    ProjectFiles(expanded(project)).require()

    from uwe.label.agreement import agreement_of
    from uwe.label.books import Books
    from uwe.project import Project

    opened = Project.open(project)
    books = Books(opened, lambda _: opened.settings.answers)
    if settle is not None:
        print(_settled(books, settle))
    measures = agreement_of(_answers(books), opened.task)
    wide_console().print(_as_table(measures))
    model = _model(opened, books)
    conflicts = _conflicts(books, model)
    _say_conflicts(conflicts)
    doubts = _say_relabelling(opened, books, model, k)
    if output is not None:
        rows = [[unicode_text(cell) for cell in row] for row in (*conflicts, *doubts)]
        write_text(output, csv_text(_COLUMNS, rows))
        told = f"{_count(conflicts, 'conflict')}, {_count(doubts, 'item')} to label again"
        print(f"{told}. Written: {output}")


def _answers(books: Books) -> dict[int, dict[str, Any]]:
    standing = books.board.standing
    rows = {row for its in standing.said.values() for row in its}
    return {row: standing.answers_of(row) for row in sorted(rows)}


def _settled(books: Books, rule: str) -> str:
    from uwe.label.settling import settle_by_rule

    done = settle_by_rule(books, rule)
    left = f", {len(done.left):,} left to people (equal votes)" if done.left else ""
    return f"{_count(done.settled, 'conflict')} settled by {rule}{left}."


def _model(opened: Project, books: Books) -> Model | None:
    """The last model, or None."""
    from uwe.label.predicted import Model

    training = books.board.training
    return None if training is None else Model(opened.files, training, opened.task, len(opened.ids))


def _as_table(measures: Sequence[Measure]) -> Table:
    table = Table(box=None)
    for name in ("agreement", "of", "value"):
        table.add_column(name)
    table.add_column("items", justify="right")
    for each in measures:
        reason = f"not defined: {each.reason}"
        value = reason if each.value is None else _number(each.name, each.value)
        table.add_row(each.name, Text(each.about), value, f"{each.rows:,}")
    return table


def _number(name: str, value: float) -> str:
    is_share = name == "raw agreement"
    return f"{100 * value:.1f} %" if is_share else f"{value:.3g}"


def _conflicts(books: Books, model: Model | None) -> list[tuple[str, ...]]:
    """The conflicts as rows of the table, the worst first."""
    task, ids = books.project.task, books.project.ids
    rows: list[tuple[str, ...]] = []
    for row, given in worst_first(books.board).items():
        said = None if model is None else model.value(row)
        proposal = proposed(list(given.values()), task, said)
        written = written_label(task.targets.decode(proposal.value))
        rows.append((ids[row], "conflict", _told(given, task), written, proposal.why))
    return rows


def _told(answers: Mapping[str, Any], task: Any) -> str:
    return "; ".join(
        f"{by}: {written_label(task.targets.decode(value))}" for by, value in answers.items()
    )


def _say_conflicts(conflicts: Sequence[Sequence[str]]) -> None:
    if not conflicts:
        print("No conflicts: no item has answers that differ and are not settled.")
        return
    have = "has" if len(conflicts) == 1 else "have"
    print(f"{_count(conflicts, 'item')} {have} answers that differ and are not settled:")
    _print_rows([(row[0], *row[2:]) for row in conflicts])


def _say_relabelling(
    opened: Project, books: Books, model: Model | None, k: int
) -> list[tuple[str, ...]]:
    """Say which items need a label most; the items to label again as rows of the table."""
    from uwe.label.relabel import Known, relabelling

    if model is None or not books.board.labels:
        print("Items to label again are proposed once a model is trained (uwe next trains one).")
        return []
    task, seed = opened.task, opened.settings.seed
    try:
        found = relabelling(Known.of(books.board), model, task, k=k, seed=seed)
    except InputError as error:
        print(f"No items are proposed to be labelled again: {error}")
        return []
    again = [each for each in found.first if each.label is not None]
    have, are = ("has" if len(again) == 1 else "have"), "is" if len(found.doubts) == 1 else "are"
    print(
        f"Of the {_count(found.first, 'item')} that need a label most, {len(again):,} {have} one "
        f"already. {_count(found.doubts, 'label')} {are} contradicted by the model."
    )
    print(f"Probabilities: {found.how}.")
    rows = [_doubt(each, found, opened, books) for each in found.doubts]
    if rows:
        print("To label again, the least supported first:")
        _print_rows([(row[0], *row[2:]) for row in rows])
    return rows


def _doubt(each: Doubt, found: Relabelling, opened: Project, books: Books) -> tuple[str, ...]:
    decode = opened.task.targets.decode
    is_first = each in found.first
    return (
        opened.ids[each.row],
        "label again before new items" if is_first else "label again",
        _told(books.board.standing.answers_of(each.row), opened.task),
        written_label(decode(each.predicted)),
        f"support {each.score:.2f}; the model gives the label {100 * each.probability:.0f} %",
    )


def _count(things: Sequence[object], what: str) -> str:
    return f"{len(things):,} {what}" + ("" if len(things) == 1 else "s")


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None)
    for name in ("id", "answers", "proposal", "why"):
        table.add_column(name)
    for row in rows[:_SHOWN]:
        table.add_row(*map(Text, row))
    wide_console().print(table)
    if len(rows) > _SHOWN:
        print(f"… and {len(rows) - _SHOWN:,} more; -o FILE.csv holds all.")
