"""Which k rows to pick: each kernel gives positions among the points it was handed."""

from uwe.selection.k_center import k_center
from uwe.selection.k_means_pp import k_means_pp
from uwe.selection.top_k import top_k
from uwe.selection.uniform import uniform

__all__ = ["k_center", "k_means_pp", "top_k", "uniform"]
