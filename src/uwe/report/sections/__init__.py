"""The sections of a report, each from what was computed once."""

from uwe.report.sections.areas import area_section
from uwe.report.sections.cost import cost_section
from uwe.report.sections.curves import curve_section
from uwe.report.sections.measures import measure_sections
from uwe.report.sections.penalty import penalty_section
from uwe.report.sections.picks import pick_sections
from uwe.report.sections.power import power_section
from uwe.report.sections.ranking import ranking_section
from uwe.report.sections.sentences import sentences, summary_table
from uwe.report.sections.targets import target_section

__all__ = [
    "area_section",
    "cost_section",
    "curve_section",
    "measure_sections",
    "penalty_section",
    "pick_sections",
    "power_section",
    "ranking_section",
    "sentences",
    "summary_table",
    "target_section",
]
