"""Your own network: any ``nn.Module`` as a network of the project, checked before it is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from uwe._json import json_value
from uwe._types import Logits
from uwe.errors import InputError, told_of
from uwe.models.build import activation_bytes
from uwe.models.classifier import Network
from uwe.models.factory import Factory
from uwe.models.spec import ModelSize

__all__ = ["OwnNetwork", "OwnSpec"]

_PAIR = 2
_IMAGE_AXES = 3
_ROWS_OF_CHECK = 2
_SEEDS_OF_CHECK = (0, 1)


class OwnNetwork(Network):
    """A module whose forward pass returns logits, or a pair (logits, features).

    It may also return a mapping with ``logits`` and perhaps ``features``, as the models of
    ``transformers`` do. If there are no features, they are the input of the last ``nn.Linear`` of
    the forward pass. Under autocast that layer computes in float32.

    Args:
        body: the module.
        name: its name in errors.
        classes: number of classes; 1 where a number is learnt.
        last_linear: name of the last ``nn.Linear`` of a forward pass, or None.
    """

    def __init__(
        self, body: nn.Module, *, name: str, classes: int, last_linear: str | None
    ) -> None:
        super().__init__()
        self.body = body
        self.name = name
        self.classes = classes
        self._given: torch.Tensor | None = None
        if last_linear is not None:
            linear = body.get_submodule(last_linear)
            linear.register_forward_pre_hook(self._note)
            _compute_in_float32(linear)

    def forward(self, x: torch.Tensor) -> tuple[Logits, torch.Tensor]:
        """Map images ``[b, channels, h, w]`` or rows ``[b, d]`` to logits and features."""
        self._given = None
        # Many networks view their maps as rows, which channels last does not allow. A clone also
        # has the strides of channels first if there is one channel only.
        plain = x.clone(memory_format=torch.contiguous_format)
        logits, features = self._parts(self.body(plain))
        logits = logits[:, None] if self.classes == 1 and logits.ndim == 1 else logits
        features = self._given if features is None else features
        self._given = None
        if features is None:
            raise InputError(
                f"{self.name} returns logits alone, and no nn.Linear takes part in its forward "
                "pass; return a pair (logits, features)"
            )
        self._check(logits, features, len(x))
        return logits.float(), features.reshape(len(x), -1).float()

    def predict(
        self, x: torch.Tensor, *, passes: int, rng: torch.Generator
    ) -> tuple[Logits, torch.Tensor, torch.Tensor]:
        """As `Network.predict`: each pass goes through the whole network.

        In these passes the dropout layers alone are in training mode.
        """
        logits, features = self(x)
        drawn = list(self._passes(x, passes, rng))
        return logits, features, torch.stack(drawn) if drawn else logits.new_empty(0, *logits.shape)

    def state_dict(  # type: ignore[override]  # torch's overloads describe a deprecated call
        self, *args: Any, **keywords: Any
    ) -> dict[str, Any]:
        """The state of the module itself, so that a saved model can be loaded without this class.

        >>> network = OwnNetwork(nn.Linear(2, 3), name="net", classes=3, last_linear="")
        >>> list(network.state_dict())
        ['weight', 'bias']
        """
        state: dict[str, Any] = self.body.state_dict(*args, **keywords)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load what `state_dict` gave."""
        return self.body.load_state_dict(state_dict, strict=strict, assign=assign)

    def dropouts(self) -> list[nn.Module]:
        """The dropout layers with a rate above 0."""
        return [each for each in self.body.modules() if isinstance(each, _DropoutNd) and each.p > 0]

    def _passes(self, x: torch.Tensor, passes: int, rng: torch.Generator) -> Iterator[Logits]:
        if not passes:
            return
        seed = int(torch.randint(2**31, (1,), generator=rng))
        with _seeded(seed, x.device), _training(self.dropouts()):
            for _ in range(passes):
                yield self(x)[0]

    def _note(self, _module: nn.Module, given: tuple[Any, ...]) -> None:
        self._given = given[0]

    def _parts(self, out: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        parts: Sequence[Any] = ()
        if isinstance(out, torch.Tensor):
            parts = (out, None)
        elif isinstance(out, Mapping) and "logits" in out:
            parts = (out["logits"], out.get("features"))
        elif isinstance(out, tuple | list) and len(out) == _PAIR:
            parts = out
        if not parts or not all(isinstance(part, torch.Tensor | None) for part in parts):
            raise InputError(
                f"{self.name} returned {_described(out)}; return logits, or a pair "
                "(logits, features), as tensors"
            )
        return parts[0], parts[1]

    def _check(self, logits: torch.Tensor, features: torch.Tensor, n: int) -> None:
        if logits.ndim != _PAIR:
            raise InputError(
                f"{self.name} gives logits of shape {tuple(logits.shape)}; they must be "
                f"[rows, classes], here ({n}, {self.classes})"
            )
        for what, part in (("", logits), ("features of ", features)):
            rows = len(part) if part.ndim else 1
            if rows != n:
                raise InputError(f"{self.name} returned {what}{rows} rows for {n} items")
        if logits.shape[1] != self.classes:
            raise InputError(
                f"{self.name} gives logits of {logits.shape[1]} columns for {self.classes} classes"
            )


@dataclass(frozen=True)
class OwnSpec:
    """Your own network.

    Attributes:
        factory: makes the module, and is called anew for each training.
        classes: number of classes.
        shape: height, width and channels of an image, or the shape of a row.
    """

    factory: Factory
    classes: int
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """``module:qualname`` of the factory."""
        return self.factory.name

    def build(self) -> OwnNetwork:
        """Make the network; weights are drawn from torch's own generator.

        Raises:
            InputError: the factory fails, or the network cannot process rows of this shape.
        """
        body = self.factory.made(classes=self.classes, shape=self.shape)
        if not isinstance(body, nn.Module):
            raise InputError(f"{self.name} returned a {type(body).__name__}, not a torch.nn.Module")
        linear = self._last_linear(body)
        return OwnNetwork(body, name=self.name, classes=self.classes, last_linear=linear)

    def size(self) -> ModelSize:
        """Measure the network, and check with two rows that it can be trained and saved.

        Raises:
            InputError: it cannot.
        """
        with _seeded(0, torch.device("cpu")):
            first, second = (self._seeded_build(seed) for seed in _SEEDS_OF_CHECK)
            x = torch.randn(_ROWS_OF_CHECK, *self._axes())
            self._check_state(first, second)
            self._check_training(first, x)
            features = self._check_outputs(first, second, x)
            bytes_put_out = activation_bytes(first, lambda: self._run(first.eval(), x))
        state = first.state_dict()
        return ModelSize(
            sum(value.numel() * value.element_size() for value in state.values()),
            features,
            bytes_put_out // _ROWS_OF_CHECK + x[0].numel() * x.element_size(),
            structure=_structure(state),
            dropout=bool(first.dropouts()),
        )

    def record(self, size: ModelSize) -> Mapping[str, Any]:
        """The network's settings for the record of a run."""
        return {
            "model": self.name,
            **{f"model option {key}": json_value(v) for key, v in self.factory.options.items()},
            "model's tensors": size.structure,
            **_fixed_arguments(self.factory.make),
        }

    def _axes(self) -> tuple[int, ...]:
        """The shape of one item as the network sees it."""
        if len(self.shape) != _IMAGE_AXES:
            return self.shape
        height, width, channels = self.shape
        return channels, height, width

    def _seeded_build(self, seed: int) -> OwnNetwork:
        torch.manual_seed(seed)
        return self.build()

    def _last_linear(self, body: nn.Module) -> str | None:
        """The last ``nn.Linear`` of a forward pass; lazy layers get their shapes by that pass."""
        executed: list[str] = []
        hooks = [
            module.register_forward_pre_hook(lambda *_, name=name: executed.append(name))
            for name, module in body.named_modules()
            if isinstance(module, nn.Linear)
        ]
        was_training = body.training
        with torch.no_grad():
            self._run(body.eval(), torch.zeros(_ROWS_OF_CHECK, *self._axes()))
        body.train(was_training)
        for hook in hooks:
            hook.remove()
        return executed[-1] if executed else None

    def _run(self, network: nn.Module, x: torch.Tensor) -> Any:
        try:
            return network(x)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{self.name} fails on float32 items {list(x.shape)}: {told_of(error)}"
            ) from error

    def _check_state(self, first: OwnNetwork, second: OwnNetwork) -> None:
        if first.body is second.body:
            raise InputError(
                f"{self.name} returns the same network at every call; build a new one, since each "
                "cycle trains from fresh weights"
            )
        parameters = list(first.parameters())
        if not any(each.requires_grad for each in parameters):
            raise InputError(f"{self.name} has no weights that can be trained")
        if any(is_lazy(each) for each in parameters):
            raise InputError(f"{self.name} has layers that its forward pass does not use")
        for key, value in first.state_dict().items():
            if not isinstance(value, torch.Tensor):
                raise InputError(
                    f"the state of {self.name} holds {key}, a {type(value).__name__}; only tensors "
                    "can be saved"
                )

    def _check_outputs(self, first: OwnNetwork, second: OwnNetwork, x: torch.Tensor) -> int:
        """Whether a saved network predicts the same when it is loaded; returns the features."""
        try:
            second.load_state_dict(first.state_dict())
        except RuntimeError as error:
            raise InputError(
                f"{self.name} makes networks of different tensors when it is called twice: "
                f"{' '.join(str(error).split())}"
            ) from error
        with torch.inference_mode():
            logits, features = self._run(first.eval(), x)
            again, _ = self._run(second.eval(), x)
        if not torch.allclose(logits, again, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise InputError(
                f"{self.name} does not predict the same after it is saved and loaded; register "
                "what is missing from its state_dict as a buffer, and draw nothing at random in "
                "evaluation mode"
            )
        return int(features.shape[1])

    def _check_training(self, network: OwnNetwork, x: torch.Tensor) -> None:
        logits, _ = self._run(network.train(), x)
        if not logits.requires_grad:
            raise InputError(
                f"the logits of {self.name} have no gradient; do not detach them, and do not "
                "compute them under no_grad"
            )


def _fixed_arguments(make: object) -> dict[str, Any]:
    """The arguments that a ``functools.partial`` fixes, for the record."""
    if not isinstance(make, partial):
        return {}
    return {"model's arguments": json_value({"args": make.args, **make.keywords})}


def _compute_in_float32(linear: nn.Module) -> None:
    """Logits in half precision would be equal for rows that differ."""
    forward = linear.forward

    def in_float32(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            result: torch.Tensor = forward(x.to(linear.weight.dtype))  # type: ignore[arg-type]
        return result

    linear.forward = in_float32


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _training(modules: Sequence[nn.Module]) -> Iterator[None]:
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.train()
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.train(mode)


def _structure(state: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, value in state.items():
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
    return digest.hexdigest()


def _described(out: Any) -> str:
    if isinstance(out, Mapping):
        return f"a mapping with {', '.join(map(str, out))}"
    if isinstance(out, tuple | list):
        return f"a {type(out).__name__} of {len(out)}"
    return f"a {type(out).__name__}"
