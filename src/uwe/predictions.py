"""What a model says of every row: the one thing that a pass over the pool produces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import torch

from uwe._arrays import odd_value, rows_at_once
from uwe._types import Labels, Logits, Rows
from uwe.errors import InputError

__all__ = ["PASSES", "Predictions", "fits_axes"]

PASSES = "mc_"
"""What stands before an output's name where several stochastic passes of it are meant."""

_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True, init=False, eq=False)
class Predictions:
    """Outputs of a model for n rows, in the rows' order. What a strategy does not read may be None.

    The names of the outputs are those of the task: ``logits`` ``[n, c]`` before a softmax
    (classification), ``binary_logits`` ``[n, c]`` before a sigmoid (multi-label), ``mean`` and
    ``variance`` ``[n]`` (regression), ``predicted`` ``[n, h, w]`` (segmentation), ``detections``
    ``[n, k, 6]`` (detection).

    Attributes:
        outputs: float32, float64 or uint8 ``[n, ...]`` by name.
        features: float32 or float64 ``[n, d]``, the input of the last layer; or None.
        passes: floating ``[t, n, ...]`` of t stochastic passes or members of an ensemble, by the
            name of the output.

    Args:
        logits: floating ``[n, c]``, short for ``outputs={"logits": ...}``.
        features: floating ``[n, d]``, or None.
        mc_logits: floating ``[t, n, c]``, short for ``passes={"logits": ...}``.
        outputs: other outputs by name.
        passes: passes of other outputs by name.
        rows: number of rows, where nothing else says it.

    Raises:
        InputError: the lengths disagree, or nothing says how many rows there are.

    >>> predictions = Predictions(torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.zeros(2, 3))
    >>> len(predictions), predictions.predicted().tolist()
    (2, [1, 0])
    >>> Predictions(outputs={"mean": torch.zeros(4), "variance": torch.ones(4)})
    Predictions(4 rows: mean [4], variance [4])
    """

    outputs: Mapping[str, torch.Tensor]
    features: torch.Tensor | None
    passes: Mapping[str, torch.Tensor]
    rows: int = field(repr=False)

    def __init__(
        self,
        logits: Logits | None = None,
        features: torch.Tensor | None = None,
        mc_logits: torch.Tensor | None = None,
        *,
        outputs: Mapping[str, torch.Tensor] | None = None,
        passes: Mapping[str, torch.Tensor] | None = None,
        rows: int | None = None,
    ) -> None:
        given = {} if logits is None else {"logits": logits}
        given_passes = {} if mc_logits is None else {"logits": mc_logits}
        object.__setattr__(self, "outputs", {**(outputs or {}), **given})
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "passes", {**(passes or {}), **given_passes})
        for name, tensor in self.passes.items():
            self._check_passes(name, tensor)
        lengths = {name: len(tensor) for name, tensor in self._by_row()}
        if rows is not None:
            lengths = {"rows": rows, **lengths}
        object.__setattr__(self, "rows", _one_length(lengths))

    def _by_row(self) -> list[tuple[str, torch.Tensor]]:
        """Everything that is known, the rows first."""
        features = [] if self.features is None else [("features", self.features)]
        passes = [(PASSES + name, each.transpose(0, 1)) for name, each in self.passes.items()]
        return [*self.outputs.items(), *features, *passes]

    def _check_passes(self, name: str, tensor: torch.Tensor) -> None:
        once = self.outputs.get(name)
        if once is not None and tensor.shape[1:] != once.shape:
            raise InputError(
                f"{name} are {tuple(once.shape)}, but those of each dropout pass "
                f"{tuple(tensor.shape[1:])}"
            )

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        known = ", ".join(f"{name} {list(self.field(name).shape)}" for name in sorted(self.fields))
        return f"Predictions({self.rows:,} rows: {known or 'nothing known'})"

    @property
    def fields(self) -> frozenset[str]:
        """Names of everything that is known; ``mc_`` stands before stochastic passes."""
        return frozenset(name for name, _ in self._by_row())

    def field(self, name: str) -> torch.Tensor:
        """What is known by that name.

        Raises:
            InputError: it is not known.
        """
        if name == "features" and self.features is not None:
            return self.features
        if name in self.outputs:
            return self.outputs[name]
        passes = self.passes.get(name.removeprefix(PASSES)) if name.startswith(PASSES) else None
        if passes is None:
            known = ", ".join(sorted(self.fields)) or "nothing"
            raise InputError(f"the predictions hold no {name}; they hold {known}")
        return passes

    @property
    def logits(self) -> Logits:
        """Logits of classes ``[n, c]``, before a softmax."""
        return self.field("logits")

    @property
    def mc_logits(self) -> torch.Tensor | None:
        """Logits of stochastic passes ``[t, n, c]``, or None."""
        return self.passes.get("logits")

    def having(self, **fields: torch.Tensor) -> Predictions:
        """The same predictions with some fields replaced or added; ``mc_`` stands before passes.

        >>> Predictions(torch.zeros(2, 3)).having(features=torch.zeros(2, 1))
        Predictions(2 rows: features [2, 1], logits [2, 3])
        """
        features = fields.pop("features", self.features)
        passes = {
            name.removeprefix(PASSES): fields.pop(name)
            for name in list(fields)
            if name.startswith(PASSES)
        }
        return Predictions(
            features=features,
            outputs={**self.outputs, **fields},
            passes={**self.passes, **passes},
            rows=self.rows,
        )

    def take(self, rows: Rows) -> Predictions:
        """Keep ``rows``, in that order."""

        def taken(tensor: torch.Tensor, axis: int = 0) -> torch.Tensor:
            return tensor.index_select(axis, torch.as_tensor(rows, device=tensor.device))

        return Predictions(
            outputs={name: taken(tensor) for name, tensor in self.outputs.items()},
            features=None if self.features is None else taken(self.features),
            passes={name: taken(tensor, 1) for name, tensor in self.passes.items()},
            rows=len(rows),
        )

    def rounded(self, *, keep: Set[str] = frozenset()) -> Predictions:
        """The same predictions in float32, apart from whole numbers and the outputs ``keep``.

        >>> Predictions(torch.zeros(2, 3, dtype=torch.float64)).rounded().logits.dtype
        torch.float32
        """
        return Predictions(
            outputs={
                name: tensor if name in keep or not tensor.is_floating_point() else tensor.float()
                for name, tensor in self.outputs.items()
            },
            features=None if self.features is None else self.features.float(),
            passes={name: tensor.float() for name, tensor in self.passes.items()},
            rows=self.rows,
        )

    def predicted(self) -> Labels:
        """The most probable class of each row, int64 ``[n]``; of equals, the lower."""
        labels: Labels = self.logits.argmax(1).cpu().numpy()
        return labels

    def first_not_finite(self, fields: Iterable[str] | None = None) -> int | None:
        """The first row with NaN or infinity in one of ``fields`` (None: in any), or None.

        >>> Predictions(torch.zeros(2, 3), torch.tensor([[0.0], [torch.inf]])).first_not_finite()
        1
        """
        wanted = self.fields if fields is None else set(fields)
        given = [tensor for name, tensor in self._by_row() if name in wanted]
        widest = max((tensor[:1].numel() for tensor in given), default=1)
        rows = rows_at_once(widest, most=_ROWS_AT_ONCE)
        for start in range(0, len(self), rows):
            block = slice(start, start + rows)
            finite = torch.ones(min(rows, len(self) - start), dtype=torch.bool)
            for tensor in given:
                finite &= (
                    tensor[block].isfinite().flatten(1).all(1).cpu()
                    if tensor.ndim > 1
                    else (tensor[block].isfinite().cpu())
                )
            broken = (~finite).nonzero()
            if len(broken):
                return start + int(broken[0, 0])
        return None

    def odd_output(self, row: int, fields: Iterable[str] | None = None) -> str:
        """What of a row is not finite, and how, in words; "nothing" where all of it is finite.

        >>> Predictions(torch.zeros(2, 3), torch.tensor([[0.0], [torch.inf]])).odd_output(1)
        'infinity in its features'
        """
        wanted = self.fields if fields is None else set(fields)
        for name, tensor in self._by_row():
            values = tensor[row].flatten()
            broken = values[~values.isfinite()]
            if name in wanted and len(broken):
                return f"{odd_value(float(broken[0]))} in its {name}"
        return "nothing"


def _one_length(lengths: Mapping[str, int]) -> int:
    if not lengths:
        raise InputError("nothing says how many rows the predictions have; give rows")
    (first, n), *others = lengths.items()
    for name, length in others:
        if length != n:
            raise InputError(f"{first} of {n} rows, but {name} of {length}")
    return n


def fits_axes(shape: Sequence[int], axes: str, classes: int) -> bool:
    """Whether an output's shape has the axes that a task says.

    Args:
        shape: of the output.
        axes: such as ``n c``: ``c`` is as long as there are classes, a number as long as it says,
            and any other axis has any length.
        classes: how many there are.

    >>> fits_axes([9, 3], "n c", 3), fits_axes([9, 4, 5], "n k 6", 3)
    (True, False)
    """
    names = axes.split()
    wanted = [classes if name == "c" else int(name) if name.isdigit() else None for name in names]
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(names) and all(size in (length, None) for length, size in pairs)
