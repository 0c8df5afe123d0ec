"""What a strategy needs of a pool in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from uwe.errors import DataError
from uwe.strategies import Needs, Strategy, strategy_options
from uwe.tasks import Task, find_task

if TYPE_CHECKING:
    from uwe.pool_files import PoolFile

__all__ = ["arrays_to_rank_by", "needed_arrays", "pool_rows", "task_of_pool"]


def task_of_pool(source: PoolFile, name: str | None, options: Mapping[str, Any]) -> Task:
    """The task that is named, that the pool names, or whose outputs the pool holds."""
    numbers = any(each in source for each in ("mean", "variance", "std", "mc_mean"))
    own = source.container.task or ("regression" if numbers else "classification")
    return find_task(name or own, (), **options)


_CHOSEN_BY = ("probs", "logits", "mc_probs")
_OF_NUMBERS = ("mean", "variance", "std", "mc_mean", "mc_variance")


def arrays_to_rank_by(source: PoolFile) -> dict[str, Any] | None:
    """All arrays of a pool that can be ranked by an uncertainty alone; None for any other pool.

    Such a pool has an uncertainty, or numbers with a variance, and nothing else to pick by.
    """
    if "features" in source or any(name in source for name in _CHOSEN_BY):
        return None
    if "uncertainty" in source and not any(name in source for name in _OF_NUMBERS):
        wanted: tuple[str, ...] = ("uncertainty",)
    elif any(name in source for name in ("variance", "std", "mc_mean")):
        wanted = _OF_NUMBERS
    else:
        return None
    read = {name: source.read(name) for name in (*wanted, "labelled", "labels")}
    return {"features": None, **{name: of for name, of in read.items() if of is not None}}


def needed_arrays(
    source: PoolFile, name: str, strategy: Strategy, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The arrays of the pool that the strategy needs, and those that explain its picks."""
    from uwe.selecting.arrays import uses_a_measure

    weighs = "uncertainty" in strategy_options(name)
    own = "uncertainty" in source and weighs and "uncertainty" not in options
    needs = strategy.needs.fields
    wanted = {"features", "labelled", "labels"}
    if own or ("uncertainty" in source and not weighs and not uses_a_measure(strategy)):
        wanted.add("uncertainty")
    if not own:
        wanted |= _outputs(source)
    wanted |= {each for need in needs for each in _NEEDED.get(need, ()) if need.startswith("mc_")}
    replaced = {"logits", "binary_logits", "variance"} if own else set()
    _require(source, name, needs - replaced)
    if not own:
        _require_any(source, name, strategy.needs)
    read = {each: source.read(each) for each in sorted(wanted)}
    return {each: value for each, value in read.items() if value is not None or each == "features"}


def _outputs(source: PoolFile) -> set[str]:
    """What explains picks: single outputs, or passes where there are no others."""
    groups = (("logits", "probs"), ("variance", "std"))
    found = {next(iter(each for each in of if each in source), of[0]) for of in groups}
    found.add("mean")
    for passes, single in (("mc_probs", groups[0]), ("mc_mean", groups[1])):
        if passes in source and not any(each in source for each in single):
            found |= {passes, "mc_variance"} if passes == "mc_mean" else {passes}
    return found


_NEEDED = {
    "features": ("features",),
    "logits": ("probs", "logits", "mc_probs"),
    "binary_logits": ("probs", "logits", "mc_probs"),
    "mean": ("mean", "mc_mean"),
    "variance": ("variance", "std", "mc_mean"),
    "mc_logits": ("mc_probs",),
    "mc_binary_logits": ("mc_probs",),
    "mc_mean": ("mc_mean",),
}
_SHOWN = {"logits": ("probs", "logits"), "binary_logits": ("probs", "logits"),
          "variance": ("variance", "std")}  # fmt: skip


def _require(source: PoolFile, name: str, needs: frozenset[str]) -> None:
    weighs = "uncertainty" in strategy_options(name)
    for need in sorted(needs):
        accepted = _NEEDED.get(need, (need,))
        if any(key in source for key in accepted):
            continue
        shown = _SHOWN.get(need, accepted[:1])
        alternatives = (*shown, *(("uncertainty",) if weighs and need in _SHOWN else ()))
        raise DataError(
            f"strategy {name} needs {' or '.join(alternatives)}, which {source.container.path} "
            f"lacks; its keys are {source.shown()}. --key {accepted[0]}=NAME says what it is "
            "called there"
        )


def _require_any(source: PoolFile, name: str, needs: Needs) -> None:
    """Refuse a pool of which a strategy that needs nothing in particular can read nothing."""
    accepted = [key for each in sorted(needs.optional) for key in _NEEDED.get(each, (each,))]
    if needs.fields or not accepted or any(key in source for key in accepted):
        return
    raise DataError(
        f"strategy {name} needs one of {', '.join([*accepted, 'uncertainty'])}, and "
        f"{source.container.path} has none; its keys are {source.shown()}. "
        f"--key {accepted[0]}=NAME says what it is called there"
    )


def pool_rows(given: Mapping[str, Any], source: PoolFile) -> int:
    """Number of rows of the pool.

    Raises:
        DataError: the array that tells it has no axes.
    """
    for name in ("features", "probs", "logits", "mean", "variance", "std", "uncertainty"):
        if given.get(name) is not None:
            return _length(given[name], name, source)
    if (features := source.read("features")) is not None:
        return _length(features, "features", source)
    passes = next((name for name in ("mc_probs", "mc_mean") if name in given), None)
    if passes is None:
        told = next((name for name in ("labelled", "labels") if name in given), "labelled")
        return _length(np.asarray(given[told]), told, source)
    return _length(given[passes], passes, source, axis=1)


def _length(array: Any, name: str, source: PoolFile, axis: int = 0) -> int:
    shape = tuple(array.shape)
    if len(shape) <= axis:
        raise DataError(
            f"{source.container.path}: {name} is of shape {shape}; its rows must be an axis"
        )
    return int(shape[axis])
