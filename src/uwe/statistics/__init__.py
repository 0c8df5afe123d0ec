"""What runs over seeds say, as pure functions on arrays; no files, no names, no text."""

from uwe.statistics.classification import Measures, class_f1, measure
from uwe.statistics.curves import area, labels_to_target, rising
from uwe.statistics.forecast import gain_range, later_share, training_spread
from uwe.statistics.paired import Interval, holm, mean_interval, paired_p
from uwe.statistics.penalty import Penalty, penalty_matrix
from uwe.statistics.power import detectable_difference, power, seeds_needed
from uwe.statistics.ranks import Ranks, critical_difference, groups, rank_blocks
from uwe.statistics.shares import Range, audited_share, share_range
from uwe.statistics.targets import Reach, measured_coverage, reach

__all__ = [
    "Interval",
    "Measures",
    "Penalty",
    "Range",
    "Ranks",
    "Reach",
    "area",
    "audited_share",
    "class_f1",
    "critical_difference",
    "detectable_difference",
    "gain_range",
    "groups",
    "holm",
    "labels_to_target",
    "later_share",
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
    "share_range",
    "training_spread",
]
