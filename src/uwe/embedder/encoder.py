"""What embeds: the map from a batch of items to logits and features, with what identifies it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from uwe.embedder.outputs import Encoded, checked, failure

__all__ = ["Encoder"]


@dataclass(frozen=True)
class Encoder:
    """Maps a batch of images or texts to logits, if there is a classifier, and features.

    Attributes:
        name: as it was asked for.
        encode: the map; to a pair of logits or None and features, or a dict of them; or to a dict
            with ``maps`` or ``scores``, as `uwe.embedder.outputs.checked` says.
        task: what the logits are about: ``classification``, ``multilabel``, or ``regression``,
            where the only one is a number.
        identity: what tells whether the model is still the same, by name, such as a digest of its
            weights; work that is half done goes on only if all of it is equal.
        cut: how many of some texts are longer than the model takes, so that their ends are cut.
        limit: tokens that the model takes of a text; None where no limit is known.
        notes: what people should know of the model.
        places: options of `uwe.dense.Reduction` that were asked for, by which a segmentation or
            detection model's outputs become rows.
    """

    name: str
    encode: Callable[[list[Any]], Any]
    task: str = "classification"
    identity: Mapping[str, str] = field(default_factory=dict)
    cut: Callable[[list[Any]], int] = field(default=lambda _: 0)
    limit: int | None = None
    notes: tuple[str, ...] = ()
    places: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, items: list[Any]) -> Encoded:
        """Logits or None, features, and the uncertainty of a model of places.

        Raises:
            InputError: the model fails or gives something else.
            RunError: the memory does not suffice.
        """
        try:
            with torch.inference_mode():
                return checked(self.name, self.encode(items), len(items), self.places)
        except (Exception, SystemExit) as error:  # a model may raise anything
            raise failure(self.name, error, len(items)) from error
