"""What learners gave in earlier versions, for runs that were begun with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uwe.learners.plain import is_plain
from uwe.learners.protocol import Learner
from uwe.learners.sklearn import SklearnLearner

if TYPE_CHECKING:
    from uwe.predictions import Predictions

__all__ = ["in_former_precision"]

_NUMBERS = frozenset({"mean", "variance"})


def in_former_precision(learner: Learner, predictions: Predictions) -> Predictions:
    """Predictions in float32, as far as the learner's were in earlier versions.

    Those of objects with fit and predict were so throughout; those of scikit-learn apart from means
    and variances; those of networks and of learners of your own are as the learner gives them.
    """
    if is_plain(learner):
        return predictions.rounded()
    if isinstance(learner, SklearnLearner):
        return predictions.rounded(keep=_NUMBERS)
    return predictions
