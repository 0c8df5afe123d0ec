"""Which k rows to pick: each kernel gives positions among the points it was handed."""

from uwe.selection._plan import Plan
from uwe.selection.certificate import certify
from uwe.selection.coverage_certificate import certify_coverage
from uwe.selection.duplicates import Duplicates, duplicates
from uwe.selection.herd import herd
from uwe.selection.k_center import k_center
from uwe.selection.k_means_pp import k_means_pp
from uwe.selection.planning import plan_selection
from uwe.selection.proximity import closer_than, first_apart
from uwe.selection.top_k import top_k
from uwe.selection.uniform import uniform

__all__ = [
    "Duplicates",
    "Plan",
    "certify",
    "certify_coverage",
    "closer_than",
    "duplicates",
    "first_apart",
    "herd",
    "k_center",
    "k_means_pp",
    "plan_selection",
    "top_k",
    "uniform",
]
