"""What runs over seeds say, as pure functions on arrays; no files, no names, no text."""

from uwe.statistics.classification import Measures, class_f1, measure
from uwe.statistics.curves import area, labels_to_target, rising
from uwe.statistics.paired import Interval, holm, mean_interval, paired_p
from uwe.statistics.penalty import Penalty, penalty_matrix
from uwe.statistics.power import detectable_difference, power, seeds_needed
from uwe.statistics.ranks import Ranks, critical_difference, groups, rank_blocks
from uwe.statistics.targets import Reach, measured_coverage, reach

__all__ = [
    "Interval",
    "Measures",
    "Penalty",
    "Ranks",
    "Reach",
    "area",
    "class_f1",
    "critical_difference",
    "detectable_difference",
    "groups",
    "holm",
    "labels_to_target",
    "mean_interval",
    "measure",
    "measured_coverage",
    "paired_p",
    "penalty_matrix",
    "power",
    "rank_blocks",
    "reach",
    "rising",
    "seeds_needed",
]
