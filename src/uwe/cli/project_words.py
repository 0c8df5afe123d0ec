"""What the commands of a project say and read in the same words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uwe.errors import InputError
from uwe.project.estimates import estimate_lines
from uwe.project.outputs import last_outputs
from uwe.tables import LabelRows
from uwe.tasks import SHAPE_WIDGETS

if TYPE_CHECKING:
    from uwe.project import Answer, Project, ProjectFiles, State, Told
    from uwe.project.picking import Batch
    from uwe.strategies import Picks

__all__ = [
    "about_task",
    "answers_in",
    "audit_lines",
    "renamings",
    "say_added",
    "say_batch",
    "status_lines",
    "told_line",
]


_NO_MODEL = "none; 'uwe next --outputs' picks by the outputs of yours"


def answers_in(rows: LabelRows, *, by: str) -> list[Answer]:
    """The answers in a file of labels.

    Args:
        rows: of the file.
        by: who answered, for rows that do not say it.
    """
    from uwe.project import Answer

    return [
        Answer(
            row.id,
            row.label,
            row.by or (by if row.settled is None else ""),
            rows.where(row),
            row.seconds,
            row.note,
            row.skip,
            settled=row.settled,
        )
        for row in rows
    ]


def renamings(pairs: Sequence[str]) -> dict[str, str]:
    """Names of classes in a file, and what the project calls them.

    Raises:
        InputError: a pair is not OLD=NEW, or a name is given twice.

    >>> renamings(["Crow=crow"])
    {'Crow': 'crow'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = (part.strip() for part in pair.partition("="))
        if not equals or not old or not new:
            raise InputError(f"--rename takes OLD=NEW, not {pair!r}")
        if found.setdefault(old, new) != new:
            raise InputError(f"--rename gives {old!r} two names, {found[old]!r} and {new!r}")
    return found


def about_task(opened: Project) -> str:
    """The task and its first classes."""
    classes = opened.task.classes
    listed = ", ".join(classes[:10]) + (", …" if len(classes) > 10 else "")
    return f"{opened.task.name} of {listed}" if classes else opened.task.name


def say_batch(opened: Project, project: Path, batch: Batch, k: int, output: Path | None) -> None:
    """Say which rows are given out, where they are shown, and what to do next."""
    picks = batch.picks
    rows = f"{len(picks):,} {'row' if len(picks) == 1 else 'rows'}"
    if not batch.is_new:
        print(f"{rows} of earlier batches have no label yet, and are shown again; --more -k N "
              "gives further ones.")  # fmt: skip
    elif len(picks) < k:
        print(f"{rows} {_picked_by(opened, picks)}: {k:,} were wanted, and no more are left.")
    else:
        print(f"{rows} {_picked_by(opened, picks)}{_audited(picks)}.")
    files = [*batch.files, *([] if output is None else [output])]
    print("See: " + ", ".join(map(str, files)))
    if opened.task.widget in SHAPE_WIDGETS:
        print(
            f"'uwe label {project}' shows them; 'uwe export {project} --what to-label --format "
            "cvat -o FILE' sends them to a tool that draws."
        )
        return
    has_all = output is not None and output.suffix != ".txt"
    for table in [output] if has_all else [file for file in batch.files if file.suffix == ".csv"]:
        print(f"Fill the column label, then: uwe tell {project} {table}")


def _picked_by(opened: Project, picks: Picks) -> str:
    own, trained_on = last_outputs(opened.events()), opened.state().trained_on
    why = picks.reason or picks.told
    told = f" ({why})" if why else ""
    if own is not None:
        return f"picked by {picks.strategy}{told}, with the outputs in {own.path}"
    if not opened.settings.has_model:
        return "drawn at random, as there are no outputs; --outputs FILE picks by those of a model"
    if trained_on is None:
        return "drawn at random, as no model is trained yet"
    return f"picked by {picks.strategy}{told}, with a model trained on {trained_on:,} labels"


def _audited(picks: Picks) -> str:
    """How many of the picks belong to the audit, where the strategy picked others."""
    count = 0 if picks.audit is None else int(picks.audit.sum())
    return "" if count in (0, len(picks)) else f"; {count:,} of them for the audit"


def say_added(opened: Project) -> None:
    """Say that the source has gained rows."""
    gained = opened.gained
    if gained:
        print(
            f"{gained:,} new {'row is' if gained == 1 else 'rows are'} in "
            f"{opened.settings.source}; 'uwe init "
            f"{opened.files.folder} --update' takes them in",
            file=sys.stderr,
        )


def told_line(told: Told, state: State) -> str:
    """What became of some answers."""
    parts = [
        f"{told.new:,} new",
        *([f"{told.corrected:,} corrected"] if told.corrected else []),
        *([f"{told.known:,} known already"] if told.known else []),
        *([f"{told.skipped:,} skipped"] if told.skipped else []),
        *([f"{told.settled:,} settled"] if told.settled else []),
        *([f"{told.unasked:,} of rows that were never given out"] if told.unasked else []),
        *([f"{told.empty:,} rows without a label"] if told.empty else []),
    ]
    return (
        f"{', '.join(parts)}. {state.labelled:,} of {state.rows:,} rows are labelled, "
        f"{state.outstanding:,} are given out."
    )


def status_lines(opened: Project, state: State) -> list[tuple[str, str]]:
    """Names and values of a status."""
    settings = opened.settings
    model = "not trained yet" if state.trained_on is None else f"trained on {state.trained_on:,}"
    if state.is_stale and state.trained_on is not None:
        model += " labels, before the last answers"
    elif state.trained_on is not None:
        model += " labels"
    lines = [
        ("pool", f"{state.rows:,} {opened.items.kind} in {settings.source}"),
        ("task", about_task(opened)),
        ("labelled", f"{state.labelled:,}" + _of_classes(state)),
        ("given out", f"{state.outstanding:,} without a label, {state.batches:,} batches in all"),
        ("skipped", f"{state.skipped:,}"),
        ("model", f"{settings.model}, {model}" if settings.has_model else _NO_MODEL),
        ("strategy", settings.strategy),
    ]
    if state.unasked:
        lines.append(("never given out", f"{state.unasked:,} of the labelled rows"))
    if len(state.by_person) > 1 or state.disagreements:
        people = ", ".join(f"{name} {count:,}" for name, count in state.by_person.items())
        lines.append(("people", f"{people}; rows on which they differ: {state.disagreements:,}"))
    return lines


def audit_lines(files: ProjectFiles, stop_gain: float) -> list[tuple[str, str]]:
    """Names and values of what the audit says."""
    lines = estimate_lines(files, stop_gain)
    return [("" if at else "audit", line) for at, line in enumerate(lines)]


def _of_classes(state: State) -> str:
    known = [f"{name} {count:,}" for name, count in state.by_class.items() if count]
    return f" ({', '.join(known)})" if known else ""
