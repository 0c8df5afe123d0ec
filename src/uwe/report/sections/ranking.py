"""Mean ranks and the critical-difference plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from uwe.report.charts import draw_ranks
from uwe.report.comparison import Ranking, rank
from uwe.report.document import Block, Column, DataTable, Figure, Section, Text
from uwe.report.evidence import Evidence
from uwe.report.sections.words import listed

__all__ = ["joint_ranking", "ranking_section"]


def ranking_section(methods: Sequence[str], ranking: Ranking, *, over: str) -> Section:
    """Mean ranks of areas over blocks.

    Args:
        methods: names.
        ranking: over the blocks.
        over: what the blocks are, for people.
    """
    ranks = ranking.ranks
    if not ranks.blocks or len(methods) < 2:
        return Section("Mean ranks", [Text(f"No block ({over}) has an area of every strategy.")])
    return Section("Mean ranks", [Text(_told(ranking, over)), *_figure(methods, ranking)])


def joint_ranking(evidences: Sequence[Evidence]) -> tuple[tuple[str, ...], Ranking] | None:
    """Ranks over blocks of data set and seed, of the strategies that all studies have.

    None where there is one study, or fewer than two strategies in all of them.
    """
    common = [
        name
        for name in evidences[0].methods
        if all(name in evidence.methods for evidence in evidences)
    ]
    if len(evidences) < 2 or len(common) < 2:
        return None
    blocks = [
        evidence.metric.sign * evidence.areas[[evidence.methods.index(name) for name in common]].T
        for evidence in evidences
    ]
    return tuple(common), rank(np.concatenate(blocks))


def _told(ranking: Ranking, over: str) -> str:
    ranks = ranking.ranks
    told = (
        f"In each block ({over}) the strategies are ranked by area, 1 is best; budgets are not "
        f"blocks. {ranks.blocks} block{'s' if ranks.blocks > 1 else ''}."
    )
    if math.isnan(ranking.distance):
        return f"{told} Fewer than three blocks: no test."
    p = "below 0.0001" if ranks.p < 1e-4 else f"{ranks.p:.4f}"
    return (
        f"{told} Friedman's test that all are alike: p {p if p.startswith('below') else '= ' + p}. "
        f"Two mean ranks further apart than the critical difference, {ranking.distance:.2f} "
        "(Nemenyi, 5 % over all pairs), differ; a bar joins those that do not."
    )


def _figure(methods: Sequence[str], ranking: Ranking) -> list[Block]:
    mean = ranking.ranks.mean.tolist()
    chart = draw_ranks(methods, mean, ranking.groups, ranking.distance, title="Mean ranks of areas")
    order = sorted(range(len(mean)), key=lambda at: mean[at])
    columns = (
        Column("strategy", "strategy"),
        Column("rank", "mean rank", 2),
        Column("blocks", "blocks"),
        Column("not_told_from", "no significant difference from"),
    )
    rows = tuple(
        (methods[at], mean[at], ranking.ranks.blocks, _joined(methods, ranking, at)) for at in order
    )
    table = DataTable("ranks", "Mean ranks", columns, rows)
    return [Figure("Critical differences", chart, table)]


def _joined(methods: Sequence[str], ranking: Ranking, at: int) -> str:
    if math.isnan(ranking.distance):
        return "not tested"
    near = {each for group in ranking.groups if at in group for each in group} - {at}
    return listed([methods[each] for each in sorted(near)]) or "none"
