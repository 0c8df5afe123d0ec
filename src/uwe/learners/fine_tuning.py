"""Pretrained models that are fine-tuned: their names and their options; torch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from uwe._files import expanded
from uwe._settings import check_settings, setting, setting_of, value_of
from uwe.errors import InputError, require_known
from uwe.learners.recipes import Training
from uwe.models.efficientnet import NAME as EFFICIENTNET

__all__ = [
    "EPOCHS",
    "HUB_PREFIX",
    "PRETRAINED",
    "USES",
    "FineTuning",
    "check_pretrained",
    "describe_pretrained",
    "is_pretrained",
    "takes_texts",
    "tuning_of",
    "whole_name",
]

HUB_PREFIX = "hf:"
"""What a model of Hugging Face ``transformers`` begins with."""

EPOCHS = 20
"""Epochs of a training unless ``--epochs`` is given."""

USES = frozenset(
    {"epochs", "warm_start", "dropout", "device", "precision", "full_train", "inference_batch"}
)
"""The options of networks that these models use."""

PRETRAINED: Mapping[str, str] = {
    EFFICIENTNET: "EfficientNet-Lite0 trained on ImageNet, 1,280 features, fine-tuned; needs the "
    "extra 'photos'",
}
"""Pretrained networks that a package brings along, and a line about each."""

_RATES = {("texts", False): 2e-5, ("images", False): 1e-4}
_FROZEN_RATE = 1e-2
_CLIP = 1.0


@dataclass(frozen=True)
class FineTuning:
    """The options of a model that is fine-tuned, as in ``--model-option``."""

    learning_rate: float | None = setting(
        None,
        "Largest rate of AdamW. Default: 2e-5 for texts, 1e-4 for images, 1e-2 with frozen=true.",
        above=0,
    )
    batch: int = setting(16, "Rows in a batch of training.", at_least=1)
    warm_up: float = setting(
        0.1, "Share of the steps in which the rate rises; then it falls to 0.", at_least=0, below=1
    )
    weight_decay: float = setting(0.01, "Weight decay of AdamW; not of biases.", at_least=0)
    frozen: bool = setting(
        False, "Leave the body as it is, and train a linear head on its features, computed once."
    )
    max_length: int = setting(
        128, "Tokens that are read of a text.", at_least=2, used_by=("texts",)
    )
    pooling: Literal["mean", "cls"] = setting(
        "mean",
        "Features of a text: the mean over its tokens, or its first token.",
        used_by=("texts",),
    )

    def __post_init__(self) -> None:
        check_settings(self)

    def training(self, kind: str, epochs: int) -> Training:
        """The recipe: AdamW, a rate that rises and falls linearly, and clipped gradients.

        Args:
            kind: ``texts`` or ``images``.
            epochs: passes over the labelled rows.

        >>> FineTuning().training("texts", epochs=3).learning_rate
        2e-05
        """
        usual = _RATES.get((kind, self.frozen), _FROZEN_RATE)
        return Training(
            epochs,
            self.batch,
            "adamw",
            learning_rate=usual if self.learning_rate is None else self.learning_rate,
            momentum=0.0,
            weight_decay=self.weight_decay,
            schedule="one_cycle",
            warm_up=self.warm_up,
            clip=_CLIP,
        )


def is_pretrained(model: str) -> bool:
    """Whether a name stands for a pretrained model that is fine-tuned.

    >>> is_pretrained("hf:distilbert-base-uncased"), is_pretrained("resnet18")
    (True, False)
    """
    return model.startswith(HUB_PREFIX) or model in PRETRAINED


def takes_texts(model: Any) -> bool:
    """Whether a model learns from texts themselves, not from features of them.

    >>> takes_texts("hf:distilbert-base-uncased"), takes_texts("sklearn:logistic")
    (True, False)
    """
    return isinstance(model, str) and model.startswith(HUB_PREFIX)


def whole_name(model: Any) -> Any:
    """A model whose local folder, if it has one, is named by its whole path.

    So a project finds the model from any folder.

    >>> whole_name("hf:distilbert-base-uncased"), whole_name("sklearn:logistic")
    ('hf:distilbert-base-uncased', 'sklearn:logistic')
    """
    if not takes_texts(model):
        return model
    folder = expanded(model.removeprefix(HUB_PREFIX))
    is_local = model != HUB_PREFIX and folder.is_dir()
    return f"{HUB_PREFIX}{folder.resolve()}" if is_local else model


def describe_pretrained(model: str) -> str:
    """One line about a pretrained model.

    >>> describe_pretrained("hf:NAME").partition(",")[0]
    'encoder of Hugging Face transformers for texts or images'
    """
    of_hub = "encoder of Hugging Face transformers for texts or images, fine-tuned; needs the extra"
    return PRETRAINED.get(model, f"{of_hub} 'vit'")


def tuning_of(model: str, options: Mapping[str, Any], kind: str | None = None) -> FineTuning:
    """The options of a model; texts are parsed.

    Args:
        model: its name.
        options: as given.
        kind: ``texts`` or ``images``; None while it is not known.

    Raises:
        InputError: an option is unknown, has a wrong value, or is of models of the other kind.

    >>> tuning_of("hf:bert-base-cased", {"frozen": "true"}).frozen
    True
    """
    names = [each.name for each in fields(FineTuning)]
    for name in options:
        require_known(name, names, f"option of model {model}")
        groups = setting_of(FineTuning, name).used_by
        if groups and kind is not None and kind not in groups:
            raise InputError(
                f"--model-option {name} is for {groups[0]}, and {model} is given {kind}; leave it "
                "out"
            )
    try:
        return FineTuning(**{name: value_of(value) for name, value in options.items()})
    except InputError as error:
        raise InputError(f"--model-option of {model}: {error}") from error


def check_pretrained(model: str) -> None:
    """Check a name as far as that is possible without loading anything.

    Raises:
        InputError: it is empty, a folder that is missing or no model, or a package is missing.
    """
    if not model.startswith(HUB_PREFIX):
        return
    name = model.removeprefix(HUB_PREFIX)
    if not name:
        raise InputError(
            f"{HUB_PREFIX} needs a name of the hub or a folder, such as "
            f"{HUB_PREFIX}distilbert-base-uncased"
        )
    if find_spec("transformers") is None:
        raise InputError(f"model {model} needs transformers; install it: pip install 'uwe[vit]'")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise InputError(
                f"model {model}: the folder {folder} holds no config.json, so it is no model of "
                "transformers; name the folder to which save_pretrained() wrote it"
            )
    elif folder.is_file() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        what = "is a file" if folder.is_file() else "is not there"
        raise InputError(f"model {model}: the folder {folder} {what}; name a folder or a hub model")
