"""Strategies that take the most uncertain rows."""

from __future__ import annotations

from uwe.strategies._compose import ranked
from uwe.strategies._strategy import Strategy
from uwe.strategies._table import strategy_factory

__all__ = ["bvsb", "entropy", "least_confident", "margin"]


@strategy_factory
def entropy() -> Strategy:
    """The rows with the highest entropy of the class probabilities.

    Source: Shannon, "A Mathematical Theory of Communication", 1948; as a query Settles, "Active
    Learning Literature Survey", 2009.
    """
    return ranked("entropy")


@strategy_factory
def bvsb() -> Strategy:
    """The rows whose two most probable classes are closest, best versus second best (p₂/p₁).

    Source: Joshi, Porikli, Papanikolopoulos, "Multi-Class Active Learning for Image
    Classification", CVPR 2009.
    """
    return ranked("bvsb")


@strategy_factory
def least_confident() -> Strategy:
    """The rows whose most probable class is least probable.

    Source: Lewis, Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
    """
    return ranked("least_confident")


@strategy_factory
def margin() -> Strategy:
    """The rows whose two most probable classes are closest in probability, 1 - (p₁ - p₂).

    Source: Scheffer, Decomain, Wrobel, "Active Hidden Markov Models for Information Extraction",
    IDA 2001; as a query Settles, "Active Learning Literature Survey", 2009.
    """
    return ranked("margin")
