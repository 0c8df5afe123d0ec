"""The options of networks, which kinds of model use them, and what was given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from uwe._settings import check_settings, documented, setting
from uwe.learners.recipes import RECIPES

__all__ = [
    "NETWORK_DEFAULTS",
    "OF_ANY_NETWORK",
    "OF_BUILT_IN",
    "OF_DENSE",
    "USED_BY_NAME",
    "NetworkOptions",
    "given_options",
    "is_accepted",
    "with_defaults",
]


@dataclass(frozen=True)
class NetworkOptions:
    """How a network is trained; models that are no networks use none of these options."""

    epochs: int | None = setting(
        None,
        "Epochs of every training. Default: 20 for a pretrained model that is fine-tuned; else 100 "
        "for recipe paper, 25 for recipe fast.",
        at_least=1,
    )
    recipe: Literal["paper", "fast"] = setting(
        "paper", "Training recipe; fast has fewer epochs and a larger rate that falls to zero."
    )
    warm_start: bool = setting(
        False,
        "Start every training from the weights of the cycle before, shrunk and perturbed.",
        record="start",
        cycle0=False,
        as_recorded=lambda warm: "warm" if warm else "scratch",
    )
    dropout: float | None = setting(
        None,
        "Dropout rate before the classifier. Default: 0 for ResNets, 0.2 for vit, 0.1 for a "
        "pretrained model that is fine-tuned.",
        used_by=("built-in",),
        at_least=0,
        below=1,
    )
    fine_tune_layers: int | None = setting(
        None,
        "Number of blocks of model vit whose LayerNorms are trained; 0 trains everything.",
        used_by=("vit",),
        at_least=0,
    )
    vit_weights: str | None = setting(
        None,
        "Hub name or local folder of the pretrained weights of model vit.",
        used_by=("vit",),
    )
    device: str = setting("auto", "Device of the network: auto, cpu, cuda, cuda:N or mps.")
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto", "Precision of the network; auto is bf16 where the hardware computes in it."
    )
    compile: bool = setting(
        False, "Compile the network with `torch.compile`; pays off for long runs only."
    )
    full_train: bool = setting(
        False, "Measure loss and accuracy on the test rows after every epoch."
    )

    def __post_init__(self) -> None:
        check_settings(self)


def _used_by(*groups: str) -> frozenset[str]:
    """The options of every network, and those of the named groups."""
    return frozenset(
        field.name
        for field, option in documented(NetworkOptions)
        if not option.used_by or set(option.used_by) & set(groups)
    )


_BATCH = "inference_batch"
NETWORK_DEFAULTS: Mapping[str, Any] = {**vars(NetworkOptions()), _BATCH: None}
"""The options of networks and their defaults; None is the recipe's or the network's own value."""

OF_ANY_NETWORK = _used_by() | {_BATCH}
OF_DENSE = OF_ANY_NETWORK - {"compile"}
OF_BUILT_IN = _used_by("built-in") | {_BATCH}
USED_BY_NAME = {"vit": _used_by("built-in", "vit") | {_BATCH}}
"""Options of built-in networks that use more than the others."""

_CPU_IS_FINE = {"device": ("auto", "cpu")}
"""Values that are accepted although the model does not use the option."""


def is_accepted(name: str, value: Any) -> bool:
    """Whether the value means nothing to a model that does not use the option."""
    return value in _CPU_IS_FINE.get(name, ())


def given_options(network: Mapping[str, Any] | Collection[str]) -> list[str]:
    """Names of the options that differ from the defaults, or the names themselves.

    >>> given_options({"epochs": 25, "recipe": "fast", "dropout": 0.1})
    ['recipe', 'dropout']
    """
    if not isinstance(network, Mapping):
        return list(network)
    recipe = RECIPES.get(with_defaults(network)["recipe"])
    usual = {**NETWORK_DEFAULTS, "epochs": recipe and recipe.epochs}
    return [
        name for name, value in network.items() if value is not None and value != usual.get(name)
    ]


def with_defaults(network: Mapping[str, Any]) -> dict[str, Any]:
    """All options, with the defaults of those that are not given or None."""
    given = {name: value for name, value in network.items() if value is not None}
    return {**NETWORK_DEFAULTS, **given}
