"""The table of networks for dense tasks, and their settings in records; torch is not imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from uwe._json import json_value
from uwe._types import is_integral
from uwe.errors import InputError, require_known, told_of
from uwe.models.factory import Factory
from uwe.models.spec import ModelSize, model_names

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "DENSE_TASKS",
    "DenseSpec",
    "OwnDenseSpec",
    "dense_names",
    "dense_options",
    "dense_task",
    "describe_dense",
]


@dataclass(frozen=True)
class _Entry:
    """A network: the task that it serves, its line, how it is made, and its options."""

    task: str
    line: str
    make: Callable[..., nn.Module]
    options: tuple[str, ...]


def _unet(shape: tuple[int, int, int], classes: int, **options: Any) -> nn.Module:
    from uwe.models.unet import UNet

    return UNet(channels=shape[2], classes=classes, **options)


def _segformer(shape: tuple[int, int, int], classes: int, **options: Any) -> nn.Module:
    from uwe.models.hub_dense import Segformer

    return Segformer(channels=shape[2], classes=classes, **options)


def _centernet(shape: tuple[int, int, int], classes: int, **options: Any) -> nn.Module:
    from uwe.models.centernet import CentreNet

    return CentreNet(channels=shape[2], classes=classes, **options)


def _yolos(shape: tuple[int, int, int], classes: int, **options: Any) -> nn.Module:
    from uwe.models.hub_dense import Yolos

    return Yolos(channels=shape[2], classes=classes, shape=shape[:2], **options)


_NETWORKS: Mapping[str, _Entry] = {
    "unet": _Entry(
        "segmentation",
        "small U-Net for masks; options width, levels, stride",
        _unet,
        ("width", "levels", "stride"),
    ),
    "segformer": _Entry(
        "segmentation",
        "SegFormer for masks; option weights; needs the extra 'vit'",
        _segformer,
        ("weights",),
    ),
    "centernet": _Entry(
        "detection",
        "centres of objects on a residual network, to simulate; options body, width, neck",
        _centernet,
        ("body", "width", "neck"),
    ),
    "yolos": _Entry(
        "detection",
        "YOLOS, a transformer for boxes; option weights; needs the extra 'vit'",
        _yolos,
        ("weights",),
    ),
}

DENSE_TASKS = tuple(dict.fromkeys(each.task for each in _NETWORKS.values()))
"""Tasks that these networks serve."""


def dense_names(task: str | None = None) -> list[str]:
    """Names of the networks, or of those that serve a task.

    >>> dense_names("detection")
    ['centernet', 'yolos']
    """
    return [name for name, each in _NETWORKS.items() if task in (None, each.task)]


def dense_task(name: str) -> str:
    """The task that a network serves.

    >>> dense_task("unet")
    'segmentation'
    """
    return _NETWORKS[name].task


def dense_options(name: str) -> tuple[str, ...]:
    """Names of the options of a network."""
    return _NETWORKS[name].options


def describe_dense(name: str) -> str:
    """One line about a network."""
    return _NETWORKS[name].line


@dataclass(frozen=True)
class DenseSpec:
    """A built-in network of a dense task.

    Attributes:
        name: one of `dense_names`.
        classes: number of classes.
        shape: height, width and channels of the images.
        options: of the network.

    Raises:
        InputError: the name or an option is unknown.
    """

    name: str
    classes: int
    shape: tuple[int, int, int]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_known(self.name, _NETWORKS, "model")
        for option in self.options:
            require_known(option, self._entry.options, f"option of model {self.name}")
            _CHECKS[option](option, self.options[option])

    @property
    def _entry(self) -> _Entry:
        return _NETWORKS[self.name]

    @property
    def task(self) -> str:
        """The task that the network serves."""
        return self._entry.task

    @property
    def pretrained(self) -> bool:
        """Whether it begins with pretrained weights."""
        return self.options.get("weights") is not None

    def build(self) -> nn.Module:
        """A network with fresh weights, drawn from torch's own generator.

        Raises:
            InputError: an option has a value that the network cannot have.
        """
        try:
            return self._entry.make(self.shape, self.classes, **self.options)
        except InputError:
            raise
        except (TypeError, ValueError, KeyError, RuntimeError, ZeroDivisionError) as error:
            shown = ", ".join(f"{key}={value!r}" for key, value in self.options.items())
            raise InputError(f"model {self.name}({shown}) failed: {told_of(error)}") from error

    def size(self) -> ModelSize:
        """Measure the network on one image.

        Raises:
            InputError: it cannot be made, or cannot process the images.
        """
        from uwe.models.dense_size import dense_size  # loads torch

        return dense_size(self)

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        pretrained = {"pretrained weights": size.pretrained} if self.pretrained else {}
        return {"model": self.name, **_recorded(self.options), **pretrained}


@dataclass(frozen=True)
class OwnDenseSpec:
    """Your own network for a dense task.

    A network for segmentation returns logits ``[b, c, h, w]``, or a pair of logits and features
    ``[b, d, h, w]``. One for detection is a `Detector` of ``uwe.models.maps``.

    Attributes:
        factory: makes the module, and is called anew for each training.
        classes: number of classes.
        shape: height, width and channels of the images.
        task: ``segmentation`` or ``detection``.
    """

    factory: Factory
    classes: int
    shape: tuple[int, int, int]
    task: str

    pretrained = False

    @property
    def name(self) -> str:
        """``module:qualname`` of the factory."""
        return self.factory.name

    def build(self) -> nn.Module:
        """Make the network.

        Raises:
            InputError: the factory fails, or makes no network for the task.
        """
        from uwe.models.own_dense import own_dense  # loads torch

        made = self.factory.made(classes=self.classes, shape=self.shape)
        return own_dense(made, self.name, self.task, self.classes)

    def size(self) -> ModelSize:
        """Measure the network on one image.

        Raises:
            InputError: it cannot process the images.
        """
        from uwe.models.dense_size import dense_size  # loads torch

        return dense_size(self)

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        fixed = {}
        if isinstance(self.factory.make, partial):
            given = {"args": self.factory.make.args, **self.factory.make.keywords}
            fixed = {"model's arguments": json_value(given)}
        return {
            "model": self.name,
            **_recorded(self.factory.options),
            "model's tensors": size.structure,
            **fixed,
        }


def _require_count(name: str, value: object) -> None:
    if not is_integral(value) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")


def _require_body(name: str, value: object) -> None:
    known = [each for each in model_names() if each.startswith("resnet")]
    require_known(str(value), known, f"{name} of a detector")


def _require_text(name: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise InputError(f"{name} must be a name of the hub or a folder, not {value!r}")


_CHECKS: Mapping[str, Callable[[str, object], None]] = {
    **dict.fromkeys(("width", "levels", "stride", "neck"), _require_count),
    "body": _require_body,
    "weights": _require_text,
}


def _recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    return {f"model option {key}": json_value(value) for key, value in options.items()}
