"""How k of the candidates' points are picked: the interface of a kernel, and those by name."""

from __future__ import annotations

from typing import Any, Protocol

from uwe._types import Progress, Rows

__all__ = ["KERNELS", "Kernel", "k_center", "k_means_pp"]


class Kernel(Protocol):
    """Picks k positions among the candidates' points."""

    def __call__(
        self,
        candidates: Any,
        k: int,
        *,
        anchors: Any | None,
        seed: int,
        progress: Progress | None,
    ) -> Rows:
        """Positions among ``candidates``, in the order of picking.

        Args:
            candidates: the candidates' part of what the embedding returned.
            k: how many to pick, at least 1.
            anchors: the part of the rows to keep away from, or None.
            seed: of every draw.
            progress: called with a `Stage` while rows are picked, or None.
        """
        ...


def k_center(
    candidates: Any, k: int, *, anchors: Any | None, seed: int, progress: Progress | None
) -> Rows:
    """Greedy k-center, as a `Kernel`."""
    from uwe import selection

    del seed
    return selection.k_center(candidates, k, anchors=anchors, progress=progress)


def k_means_pp(
    candidates: Any, k: int, *, anchors: Any | None, seed: int, progress: Progress | None
) -> Rows:
    """D² sampling, as a `Kernel`."""
    from uwe import selection

    return selection.k_means_pp(candidates, k, seed=seed, anchors=anchors, progress=progress)


KERNELS: dict[str, Kernel] = {"k_center": k_center, "k_means_pp": k_means_pp}
"""The kernels that compositions take by name."""
