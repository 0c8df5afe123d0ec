"""Learners: the interface, and what trains networks, scikit-learn's classifiers and any object."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.learners.catalogue import (
        check_model,
        describe_model,
        epochs_for,
        make_learner,
        model_file_name,
        model_kind,
        model_name,
        model_names,
        takes_texts,
    )
    from uwe.learners.dense import DenseLearner
    from uwe.learners.devices import (
        PRECISIONS,
        check_device_name,
        has_bf16,
        resolve_device,
        resolve_precision,
    )
    from uwe.learners.fine_tuning import whole_name
    from uwe.learners.former import in_former_precision
    from uwe.learners.memory import (
        fitted_batch,
        give_back_memory,
        is_out_of_memory,
        keep_freed_memory,
        peak_memory_mb,
    )
    from uwe.learners.network_options import NETWORK_DEFAULTS, NetworkOptions
    from uwe.learners.plain import as_learner
    from uwe.learners.protocol import (
        Chooses,
        Epoch,
        Footprint,
        Keeps,
        Learner,
        Measured,
        Stochastic,
        WarmStarts,
        require_passes,
    )
    from uwe.learners.recipes import RECIPES, Training, recipe_for
    from uwe.learners.sklearn import SklearnLearner
    from uwe.learners.torch import TorchLearner
    from uwe.learners.trained import trains_network
    from uwe.learners.warm_start import shrink_and_perturb

__all__ = [
    "NETWORK_DEFAULTS",
    "PRECISIONS",
    "RECIPES",
    "Chooses",
    "DenseLearner",
    "Epoch",
    "Footprint",
    "Keeps",
    "Learner",
    "Measured",
    "NetworkOptions",
    "SklearnLearner",
    "Stochastic",
    "TorchLearner",
    "Training",
    "WarmStarts",
    "as_learner",
    "check_device_name",
    "check_model",
    "describe_model",
    "epochs_for",
    "fitted_batch",
    "give_back_memory",
    "has_bf16",
    "in_former_precision",
    "is_out_of_memory",
    "keep_freed_memory",
    "make_learner",
    "model_file_name",
    "model_kind",
    "model_name",
    "model_names",
    "peak_memory_mb",
    "recipe_for",
    "require_passes",
    "resolve_device",
    "resolve_precision",
    "shrink_and_perturb",
    "takes_texts",
    "trains_network",
    "whole_name",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "network_options": ["NETWORK_DEFAULTS", "NetworkOptions"],
        "catalogue": [
            "check_model",
            "describe_model",
            "epochs_for",
            "make_learner",
            "model_file_name",
            "model_kind",
            "model_name",
            "model_names",
            "takes_texts",
        ],
        "dense": ["DenseLearner"],
        "devices": [
            "PRECISIONS",
            "check_device_name",
            "has_bf16",
            "resolve_device",
            "resolve_precision",
        ],
        "fine_tuning": ["whole_name"],
        "former": ["in_former_precision"],
        "memory": [
            "fitted_batch",
            "give_back_memory",
            "is_out_of_memory",
            "keep_freed_memory",
            "peak_memory_mb",
        ],
        "plain": ["as_learner"],
        "protocol": [
            "Chooses",
            "Epoch",
            "Footprint",
            "Keeps",
            "Learner",
            "Measured",
            "Stochastic",
            "WarmStarts",
            "require_passes",
        ],
        "recipes": ["RECIPES", "Training", "recipe_for"],
        "sklearn": ["SklearnLearner"],
        "torch": ["TorchLearner"],
        "trained": ["trains_network"],
        "warm_start": ["shrink_and_perturb"],
    },
)
