"""Which k rows to pick: each kernel gives positions among the points it was handed."""

from uwe.selection._plan import Plan
from uwe.selection.certificate import certify
from uwe.selection.coverage_certificate import certify_coverage
from uwe.selection.herd import herd
from uwe.selection.k_center import k_center
from uwe.selection.k_means_pp import k_means_pp
from uwe.selection.planning import plan_selection
from uwe.selection.top_k import top_k
from uwe.selection.uniform import uniform

__all__ = [
    "Plan",
    "certify",
    "certify_coverage",
    "herd",
    "k_center",
    "k_means_pp",
    "plan_selection",
    "top_k",
    "uniform",
]
