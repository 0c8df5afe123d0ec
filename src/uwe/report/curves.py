"""The picture of learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uwe._files import write_whole
from uwe.runs import Curve

__all__ = ["plot_curves"]

_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#8c6d31",
)  # fmt: skip
_BASELINE = "random"


def plot_curves(curves: Sequence[Curve], path: Path, *, bounds: Sequence[Curve] = ()) -> None:
    """Draw mean accuracy against labels with bands of one deviation; the suffix says the format.

    Args:
        curves: of one study.
        path: where to; PNG, SVG or PDF.
        bounds: upper bounds, drawn as lines across.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.5), layout="constrained")
    axes = figure.add_subplot()
    colours = iter(_COLOURS * (1 + len(curves) // len(_COLOURS)))
    for curve in curves:
        _draw(axes, curve, "#555555" if curve.strategy == _BASELINE else next(colours))
    for bound in bounds:
        label = f"all {int(bound.labels[0]):,} labels"
        axes.axhline(bound.mean[0], color="#999999", linestyle=":", label=label)
    _label(axes, curves)
    kind = path.suffix.lstrip(".") or "png"
    write_whole(path, lambda beside: figure.savefig(beside, format=kind, dpi=150))


def _draw(axes: Any, curve: Curve, colour: str) -> None:
    dashes = "--" if curve.strategy == _BASELINE else "-"
    axes.plot(curve.labels, curve.mean, dashes, color=colour, marker="o", markersize=3.5,
              linewidth=1.6, label=curve.method)  # fmt: skip
    spread = np.nan_to_num(curve.std)
    axes.fill_between(
        curve.labels, curve.mean - spread, curve.mean + spread, color=colour, alpha=0.1, linewidth=0
    )


def _label(axes: Any, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import NullLocator

    study = curves[0].study
    ticks = sorted({int(label) for curve in curves for label in curve.labels})
    runs = sorted({len(curve.seeds) for curve in curves})
    seeds = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xlabel("labelled rows")
    axes.set_ylabel("test accuracy, %")
    axes.set_title(
        f"{study.dataset}, {study.model}, {study.epochs} epochs · "
        f"mean and one deviation over {seeds} seeds",
        fontsize=10,
    )
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
