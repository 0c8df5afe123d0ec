"""The command ``uwe export``: the labels of a project as another tool writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from uwe._files import expanded
from uwe.cli.options import Output, Switch
from uwe.cli.outputs import check_output
from uwe.cli.project import files_of
from uwe.errors import InputError
from uwe.formats import find_format, format_of_suffix, require_name, require_replaceable, write
from uwe.project.files import ProjectFiles

if TYPE_CHECKING:
    from uwe.formats import Export, Format

__all__ = ["export_command"]


def export_command(
    project: Path,
    *,
    output: Output,
    format: str | None = None,
    what: Literal["labels", "to-label"] = "labels",
    all: Switch = False,
    copy: Switch = False,
    force: Switch = False,
) -> None:
    """Write the labels of a project in the format of another tool.

    Parameters
    ----------
    project
        Folder of the project.
    output
        File or folder to be written.
    format
        A name of `uwe list formats`. Default: by the suffix of the output, .csv, .jsonl or
        .parquet.
    what
        The labels, or the rows that wait for a label, with the boxes or masks of a model.
    all
        Also write the rows about which nothing was said.
    copy
        Put the images into a folder that is written, instead of links to them.
    force
        Overwrite a file that exists, or replace the folder of an earlier export.
    """
    files = ProjectFiles(expanded(project))
    files.require()
    output = expanded(output)
    chosen = format_of_suffix(output) if format is None else find_format(format)
    require_name(chosen, output)
    if copy and chosen.fill is None:
        raise InputError(f"--copy is for folders, and {chosen.name} is a file; leave it out")
    if chosen.encode is not None:
        check_output(output, force=force, sources=files_of(project))
    else:
        _check_folder(output, chosen, project, force=force)
    to_label = what == "to-label"
    if to_label and all:
        raise InputError("--all is for labels, and --what to-label for rows without one; leave "
                         "one out")  # fmt: skip
    export = _export_of(files, chosen, everything=all, copies=copy, to_label=to_label)
    written = write(export, chosen, output, force=True)
    print(f"{_told(written, chosen)}. Written: {output}")


def _check_folder(output: Path, chosen: Format, project: Path, *, force: bool) -> None:
    """Refuse a folder that could not be written, or that the project or its source would lose.

    Raises:
        InputError: it is the project's folder, in it, around it, or the source; or it holds files.
        RunError: it cannot be written.
    """
    target = output.resolve()
    for what, path in {**files_of(project), "the project": project}.items():
        other = expanded(path).resolve()
        if target == other or target in other.parents or other in target.parents:
            raise InputError(f"{output} overlaps with {what} {path}; choose another folder")
    require_replaceable(chosen, output, force=force)
    check_output(output / "file", force=True)


def _export_of(
    files: ProjectFiles, chosen: Format, *, everything: bool, copies: bool, to_label: bool
) -> Export:
    """What the project says; the source is opened only where the format needs it."""
    from dataclasses import replace

    from uwe.formats import export_of, recorded_export

    if not chosen.shows_items and not to_label:
        return recorded_export(files, everything=everything)

    from uwe.project import Project

    opened = Project.open(files.folder)
    return replace(export_of(opened, everything=everything, to_label=to_label), copies=copies)


def _told(export: Export, chosen: Format) -> str:
    """What was written, in numbers."""
    if export.to_label:
        given = sum(entry.given is not None for entry in export.entries)
        rows = f"{len(export.entries):,} {'row' if len(export.entries) == 1 else 'rows'} to label"
        return f"{rows}, {given:,} with what a model says" if given else rows
    labelled = len(export.labelled)
    told = f"{labelled:,} labelled {'row' if labelled == 1 else 'rows'}"
    if not chosen.holds_people:
        return told
    people = [name for name in export.people if name]
    skipped = sum(any(said.skip for said in entry.said) for entry in export.entries)
    told += f", answers of {', '.join(people)}" if people else ""
    return told + (f", {skipped:,} skipped" if skipped else "")
