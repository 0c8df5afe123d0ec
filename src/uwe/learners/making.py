"""The learner of each kind of model on a data set; torch is imported when one is made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe._plugins import PlugIn, add_working_folder, called, loaded, own_module, plugins
from uwe._settings import value_of
from uwe.data import UNPREPARED, Dataset
from uwe.errors import InputError, require_known
from uwe.learners.dense.recipes import dense_training, split_options
from uwe.learners.devices import resolve_device, resolve_precision
from uwe.learners.network_options import given_options, is_accepted, with_defaults
from uwe.learners.recipes import RECIPES, recipe_for
from uwe.models.dense_spec import DENSE_TASKS, DenseSpec, OwnDenseSpec
from uwe.models.factory import Factory, is_learner, is_network, name_of
from uwe.models.spec import ModelSpec, NetworkSpec

if TYPE_CHECKING:
    from uwe.learners.protocol import Learner

__all__ = [
    "add_working_folder",
    "built_in_spec",
    "make_built_in",
    "make_dense",
    "make_from_callable",
    "make_from_path",
    "make_object",
    "make_plugin",
    "make_sklearn",
    "parsed_path",
    "refuse_built_network",
    "registered",
]

_BATCH = 256
_DENSE_BATCH = 16
_GROUP = "uwe.learners"


def make_built_in(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of a built-in network."""
    del options
    spec = built_in_spec(
        model, network, classes=dataset.task.width, image_shape=dataset.image_shape
    )
    return _torch_learner(spec, dataset, network)


def make_dense(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of a built-in network for masks or boxes."""
    training, of_network = split_options(_parsed(options))
    spec = DenseSpec(model, dataset.task.width, dataset.image_shape, of_network)
    return _dense_learner(spec, dataset, network, training)


def make_sklearn(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of a classifier or regressor of scikit-learn, by its name."""
    from uwe.learners.sklearn import sklearn_learner  # loads torch

    del network
    if dataset.preparation != UNPREPARED:
        raise InputError(
            f"{dataset.name} holds images, and {model} takes rows of numbers or texts; choose a "
            "network, or make features of the images by a pretrained model ('uwe embed', or "
            "--embed of 'uwe init')"
        )
    return sklearn_learner(model, dataset.train.x, options, task=dataset.task)


def make_from_path(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of the function, class or object at ``module:name``."""
    value = _imported(model)
    refuse_built_network(value, model)
    if is_learner(value):
        _refuse_unused(model, options, network)
        return _as_learner(value, dataset)
    if not callable(value):
        text = " ".join(repr(value).split())
        raise InputError(
            f"model {model} is {text}, of type {type(value).__name__}; it must be a function or "
            "class that makes a torch.nn.Module, or an object with fit and predict"
        )
    return _from_factory(Factory(value, model, _parsed(options)), dataset, network)


def make_from_callable(
    model: Any, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of a function or class from Python."""
    return _from_factory(Factory(model, name_of(model), _parsed(options)), dataset, network)


def make_plugin(
    model: str, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of a plug-in."""
    del network
    factory, given = loaded(registered()[model]), _parsed(options)
    try:
        inspect.signature(factory).bind(dataset, **given)
    except TypeError as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise InputError(f"model {model} cannot take {shown or 'no options'}: {error}") from error
    return _as_learner(called(factory, f"model {model}", dataset, **given), dataset)


def make_object(
    model: Any, dataset: Dataset, options: Mapping[str, Any], network: Mapping[str, Any]
) -> Learner:
    """The learner of an object from Python."""
    del options, network
    return _as_learner(model, dataset)


def _from_factory(factory: Factory, dataset: Dataset, network: Mapping[str, Any]) -> Learner:
    """The learner that the factory makes, or the one that trains the network it makes."""
    from uwe.models.own import OwnSpec  # loads torch

    classes, shape = dataset.task.width, _item_shape(factory.name, dataset)
    if dataset.task.name in DENSE_TASKS and dataset.preparation != UNPREPARED:
        return _from_dense_factory(factory, dataset, network)
    made = factory.made(classes=classes, shape=shape)
    if is_learner(made):
        _refuse_unused(factory.name, {}, network)
        return _as_learner(made, dataset)
    return _torch_learner(OwnSpec(factory, classes, shape), dataset, network)


def _from_dense_factory(factory: Factory, dataset: Dataset, network: Mapping[str, Any]) -> Learner:
    training, options = split_options(factory.options)
    factory = replace(factory, options=options)
    made = factory.made(classes=dataset.task.width, shape=dataset.image_shape)
    if is_learner(made):
        _refuse_unused(factory.name, training, network)
        return _as_learner(made, dataset)
    spec = OwnDenseSpec(factory, dataset.task.width, dataset.image_shape, dataset.task.name)
    return _dense_learner(spec, dataset, network, training)


def _dense_learner(
    spec: DenseSpec | OwnDenseSpec,
    dataset: Dataset,
    network: Mapping[str, Any],
    training: Mapping[str, Any],
) -> Learner:
    from uwe.learners.dense.learner import DenseLearner  # loads torch

    given = with_defaults(network)
    if given["compile"]:
        raise InputError(f"--compile is not used by model {spec.name}; leave it out")
    device = resolve_device(given["device"])
    epochs = RECIPES[given["recipe"]].epochs if given["epochs"] is None else given["epochs"]
    learner = DenseLearner(
        spec,
        dense_training(
            spec.name,
            epochs=epochs,
            recipe=given["recipe"],
            pretrained=spec.pretrained,
            options=training,
        ),
        dataset.preparation,
        device,
        given["inference_batch"] or _DENSE_BATCH,
        resolve_precision(given["precision"], device),
        tuple(dataset.task.outputs),
    )
    _ = learner.size  # refuses a network that cannot be trained
    return learner


def _torch_learner(spec: NetworkSpec, dataset: Dataset, network: Mapping[str, Any]) -> Learner:
    from uwe.learners.torch import TorchLearner

    given = with_defaults(network)
    device = resolve_device(given["device"])
    epochs = RECIPES[given["recipe"]].epochs if given["epochs"] is None else given["epochs"]
    batch = dataset.preparation.batch
    learner = TorchLearner(
        spec,
        recipe_for(spec.name, epochs=epochs, batch=batch, recipe=given["recipe"]),
        dataset.preparation,
        device,
        given["inference_batch"] or _BATCH,
        resolve_precision(given["precision"], device),
        given["compile"],
        next(iter(dataset.task.outputs)),
    )
    _ = learner.size  # refuses a network that cannot be trained
    return learner


def built_in_spec(
    model: str, network: Mapping[str, Any], *, classes: int, image_shape: tuple[int, int, int]
) -> ModelSpec:
    """The built-in network with the given options."""
    given = with_defaults(network)
    return ModelSpec(
        model,
        classes=classes,
        image_shape=image_shape,
        dropout=given["dropout"],
        fine_tune_layers=given["fine_tune_layers"],
        vit_weights=given["vit_weights"],
    )


def _as_learner(value: Any, dataset: Dataset) -> Learner:
    from uwe.learners.plain import as_learner  # loads torch

    return as_learner(value, task=dataset.task)


def _is_candidate(module: Any, name: str) -> bool:
    """Whether a name may stand for a model, for the close matches."""
    value = getattr(module, name, None)
    return not name.startswith("_") and (callable(value) or is_learner(value))


def _item_shape(name: str, dataset: Dataset) -> tuple[int, ...]:
    """Height, width and channels of an image, or the shape of a row of numbers."""
    if dataset.preparation != UNPREPARED:
        return dataset.image_shape
    x = dataset.train.x
    if x.dtype.kind not in "biuf" or len(x.shape) < 2:
        raise InputError(
            f"model {name} needs images or rows of numbers [n, d]; the rows of {dataset.name} are "
            f"{x.dtype} {list(x.shape)}"
        )
    return tuple(x.shape[1:])


def _refuse_unused(name: str, options: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    """A learner of the user's own takes no options of networks."""
    for option in (*given_options(network), *options):
        if not is_accepted(option, network.get(option)):
            raise InputError(
                f"--{option.replace('_', '-')} is not used by model {name}, which is a learner and "
                "not a network; leave it out"
            )


def _parsed(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value_of(value) for name, value in options.items()}


def refuse_built_network(value: Any, name: str) -> None:
    """Refuse a network that is already built.

    Raises:
        InputError: ``value`` is one.
    """
    if is_network(value) and not is_learner(value):
        raise InputError(
            f"{name} is a network that is already built; pass its class or a function that builds "
            "it, since each cycle trains from fresh weights"
        )


def registered() -> Mapping[str, PlugIn]:
    """The learners that other packages register, by name."""
    return plugins(_GROUP, "uwe.")


def parsed_path(model: str) -> tuple[str, str]:
    """Module and name of ``module:name``."""
    module, _, attribute = model.partition(":")
    if module.endswith(".py") or "/" in module:
        raise InputError(
            f"model {model!r} names a file; write {Path(module).stem}:{attribute or 'NAME'} and "
            "run the command in the file's folder"
        )
    return module, attribute


def _imported(model: str) -> Any:
    """The function, class or object at ``module:name``."""
    module_name, attribute = parsed_path(model)
    value: Any = own_module(module_name, f"model {model}")
    for part in attribute.split("."):
        known = [name for name in dir(value) if _is_candidate(value, name)]
        require_known(
            part, [*known, part] if hasattr(value, part) else known, f"name in {module_name}"
        )
        value = getattr(value, part)
    return value
