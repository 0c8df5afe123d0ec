"""The pairwise penalty matrix: who beats whom, and at how many budgets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uwe._types import FloatArray
from uwe.errors import InputError
from uwe.statistics.paired import holm, paired_p

__all__ = ["Penalty", "penalty_matrix"]


@dataclass(frozen=True)
class Penalty:
    """How often each strategy beats each other, over the budgets.

    Attributes:
        plain: float64 ``[m, m]``, the share of tested budgets at which the row's strategy beats
            the column's by an uncorrected test; NaN where nothing could be tested.
        corrected: the same by Holm's correction over all pairs and budgets.
        tests: how many tests there were.
    """

    plain: FloatArray
    corrected: FloatArray
    tests: int

    @property
    def beaten(self) -> FloatArray:
        """Mean of each column of ``plain`` without the diagonal: low is good, ``[m]``."""
        return _column_means(self.plain)

    @property
    def beaten_corrected(self) -> FloatArray:
        """Mean of each column of ``corrected``, likewise."""
        return _column_means(self.corrected)


def penalty_matrix(accuracy: FloatArray, *, alpha: float = 0.05) -> Penalty:
    """Pairwise penalty matrix: ``P[i, j]`` is the share of budgets at which i beats j.

    Formula: at each budget a paired t-test over the seeds that both strategies have; i beats j
    where p < ``alpha`` and the mean difference is positive. Row beats column; a low column mean
    is good. A budget at which all strategies have the same runs (the shared cycle 0) is tested
    like the others and beats nobody.

    Args:
        accuracy: ``[m, n, b]``, strategies, seeds and budgets; NaN where a run has not got there.
        alpha: of each uncorrected test, and of the whole family of corrected ones.

    Raises:
        InputError: the array has not three axes.

    Source: Ash et al. (2020), Deep batch active learning by diverse, uncertain gradient lower
    bounds (BADGE), section 4; there summed over budgets, here the share of them.

    >>> runs = np.array([[[2.0], [3.0], [4.1]], [[1.0], [2.0], [3.0]]])
    >>> penalty_matrix(runs).plain.tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    runs = np.asarray(accuracy, dtype=np.float64)
    if runs.ndim != 3:
        raise InputError(f"accuracies are [strategies, seeds, budgets], not of shape {runs.shape}")
    first, second = np.triu_indices(len(runs), k=1)
    differences = (runs[first] - runs[second]).swapaxes(0, 1)  # [n, pairs, b]
    p = paired_p(differences)
    signs = np.sign(np.nansum(differences, axis=0))
    shares = [_shares(each, signs, alpha) for each in (p, holm(p))]
    matrices = [_square(share, (first, second), len(runs)) for share in shares]
    return Penalty(matrices[0], matrices[1], int(np.isfinite(p).sum()))


def _shares(p: FloatArray, signs: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    """For each pair, the share of tested budgets that its first wins, and its second."""
    tested = np.isfinite(p).sum(1)
    won = (np.nan_to_num(p, nan=1.0) < alpha)[:, :, None] & (signs[:, :, None] == [1, -1])
    counts = won.sum(1) / np.maximum(tested, 1)[:, None]
    counts[tested == 0] = np.nan
    return counts[:, 0], counts[:, 1]


def _square(
    shares: tuple[FloatArray, FloatArray], pairs: tuple[npt.NDArray[np.intp], ...], m: int
) -> FloatArray:
    matrix = np.zeros((m, m))
    matrix[pairs[0], pairs[1]] = shares[0]
    matrix[pairs[1], pairs[0]] = shares[1]
    return matrix


def _column_means(matrix: FloatArray) -> FloatArray:
    others = ~np.eye(len(matrix), dtype=bool) & np.isfinite(matrix)
    total = np.where(others, matrix, 0.0).sum(0)
    means: FloatArray = np.where(others.any(0), total / np.maximum(others.sum(0), 1), np.nan)
    return means
