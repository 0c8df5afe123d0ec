"""From curves to a report, and from a report to files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from uwe._files import write_text
from uwe._unicode import unicode_text
from uwe.errors import InputError, require_known
from uwe.report.artefacts import data_of
from uwe.report.comparison import Comparison, compare
from uwe.report.document import Report, Section
from uwe.report.evidence import Evidence, gather
from uwe.report.markdown import as_markdown
from uwe.report.page import as_html
from uwe.report.record import as_json
from uwe.report.sections import (
    area_section,
    cost_section,
    curve_section,
    measure_sections,
    penalty_section,
    pick_sections,
    power_section,
    ranking_section,
    sentences,
    summary_table,
    target_section,
)
from uwe.report.sections.ranking import joint_ranking
from uwe.runs import Curve
from uwe.tasks import Metric

__all__ = ["FORMATS", "build_report", "write_report"]

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "html": as_html,
    "md": as_markdown,
    "json": as_json,
}
"""How a report is written, by the suffix of its file."""


def build_report(
    curves: Sequence[Curve],
    bounds: Sequence[Curve] = (),
    *,
    scale: str = "log",
    level: float = 0.95,
    target: float | None = None,
    data_dir: Path | None = None,
) -> Report:
    """Everything that these runs show, and what they cannot.

    Args:
        curves: of one study or of several; what may not be pooled is grouped, and said.
        bounds: upper bounds of any of them.
        scale: of the axis of labels and of the areas, ``log`` or ``linear``.
        level: of the intervals.
        target: value of the headline metric for the labels to target, a share in percent; None:
            random's last.
        data_dir: where the data lies; None: where the runs had it from.

    Raises:
        InputError: there are no curves, or an option does not fit.
    """
    if not curves:
        raise InputError("there is nothing to report: no run was found")
    evidences = gather(curves, bounds, scale=scale)
    if target is not None:
        for each in evidences:
            _check_target(target, each.metric)
    comparisons = [compare(each, level=level, target=target) for each in evidences]
    names = _names(evidences)
    sections = [
        section
        for name, comparison in zip(names, comparisons, strict=True)
        for section in _study(comparison, data_dir, name)
    ]
    named = list(zip(names, comparisons, strict=True))
    return Report(
        title=_title(evidences),
        sentences=tuple(_told(name, text) for name, each in named for text in sentences(each)),
        warnings=(
            *_grouped(evidences),
            *(_told(name, note) for name, each in named for note in each.evidence.notes),
        ),
        sections=(*_joint(evidences), *sections),
        summary=tuple(summary_table(each) for each in comparisons),
    )


def write_report(report: Report, path: Path) -> None:
    """Write a report in the format that the suffix names; what is there already is left alone.

    Raises:
        InputError: the suffix is unknown.
        RunError: the file cannot be written.
    """
    kind = require_known(path.suffix.lstrip("."), FORMATS, "format")
    text = unicode_text(FORMATS[kind](report))
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def _check_target(target: float, metric: Metric) -> None:
    """Refuse a target that nothing reaches, and one that everything reaches."""
    low, high = (metric.scale * bound for bound in metric.bounds)
    fits = low < target <= high if metric.higher_is_better else low <= target < high
    if fits and math.isfinite(target):
        return
    if metric.unit == "%":
        wanted = f"it must be a percentage above {low:g}, at most {high:g}"
    elif metric.higher_is_better:
        wanted = f"{metric.label} must be above {low:g} and at most {high:g}"
    else:
        wanted = f"{metric.label} must be at least {low:g} and below {high:g}"
    raise InputError(f"the target is {target}; {wanted}")


def _study(comparison: Comparison, data_dir: Path | None, name: str) -> list[Section]:
    evidence = comparison.evidence
    data, why = data_of(evidence, data_dir)
    sections = [
        curve_section(comparison),
        area_section(comparison),
        ranking_section(evidence.methods, comparison.ranking, over="one seed"),
        penalty_section(comparison),
        target_section(comparison),
        power_section(comparison),
        *measure_sections(comparison, data, why),
        cost_section(comparison),
        *pick_sections(evidence, data, why),
    ]
    if not name:
        return sections
    heading = Section(evidence.title, (summary_table(comparison),))
    return [heading, *(_named(section, name) for section in sections)]


def _named(section: Section, name: str) -> Section:
    return Section(f"{section.title} · {name}", section.blocks, section.folded)


def _names(evidences: Sequence[Evidence]) -> list[str]:
    """Short names for several studies: the data set, if that tells them apart; one needs none."""
    datasets = [evidence.study.dataset for evidence in evidences]
    if len(evidences) == 1:
        return [""]
    return [
        name if datasets.count(name) == 1 else evidence.title
        for name, evidence in zip(datasets, evidences, strict=True)
    ]


def _joint(evidences: Sequence[Evidence]) -> list[Section]:
    """Ranks over all studies, blocks being data set and seed."""
    found = joint_ranking(evidences)
    if found is None:
        return []
    section = ranking_section(*found, over="a data set and a seed")
    return [Section("Mean ranks over all studies", section.blocks)]


def _title(evidences: Sequence[Evidence]) -> str:
    if len(evidences) == 1:
        return evidences[0].title
    return " and ".join(dict.fromkeys(evidence.study.dataset for evidence in evidences))


def _told(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _grouped(evidences: Sequence[Evidence]) -> list[str]:
    if len(evidences) == 1:
        return []
    names = "; ".join(evidence.title for evidence in evidences)
    return [
        f"These runs are {len(evidences)} studies, which are not pooled because they differ in "
        f"data set, model, epochs, budgets or other settings: {names}"
    ]
