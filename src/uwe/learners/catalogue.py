"""Models by name or as Python values, and the learner that trains each; torch is not imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uwe._plugins import require_sole
from uwe._settings import value_of
from uwe.data import Dataset
from uwe.errors import InputError, require_known
from uwe.learners.dense.recipes import dense_training, split_options
from uwe.learners.devices import PRECISIONS, check_device_name
from uwe.learners.estimators import PREFIX, check_estimator_name, estimator_names
from uwe.learners.fine_tuning import (
    EPOCHS,
    PRETRAINED,
    USES,
    check_pretrained,
    describe_pretrained,
    is_pretrained,
    takes_texts,
    tuning_of,
)
from uwe.learners.making import (
    add_working_folder,
    built_in_spec,
    make_built_in,
    make_dense,
    make_from_callable,
    make_from_path,
    make_object,
    make_plugin,
    make_sklearn,
    parsed_path,
    refuse_built_network,
    registered,
)
from uwe.learners.network_options import (
    NETWORK_DEFAULTS,
    OF_ANY_NETWORK,
    OF_BUILT_IN,
    OF_DENSE,
    USED_BY_NAME,
    given_options,
    is_accepted,
    with_defaults,
)
from uwe.learners.pretrained import make_pretrained
from uwe.learners.recipes import RECIPES, recipe_for
from uwe.models.dense_spec import DenseSpec, dense_names, dense_task, describe_dense
from uwe.models.factory import is_learner, name_of
from uwe.models.spec import describe_model as describe_network
from uwe.models.spec import model_names as network_names
from uwe.runs.names import model_part
from uwe.tasks import Task

if TYPE_CHECKING:
    from uwe.learners.protocol import Learner

__all__ = [
    "check_model",
    "describe_model",
    "epochs_for",
    "make_learner",
    "model_file_name",
    "model_kind",
    "model_name",
    "model_names",
    "takes_texts",
]


@dataclass(frozen=True)
class _Kind:
    """A kind of model.

    Attributes:
        uses: the network options that it uses.
        has_options: whether it takes options of its own.
        check: checks name, options and, if it is known, the task, without the data.
        make: the learner of (model, dataset, options, network options).
        epochs: epochs of a training unless they are given, by the recipe's name; None for a model
            that is not trained in epochs.
    """

    uses: frozenset[str]
    has_options: bool
    check: Callable[[Any, Mapping[str, Any], Mapping[str, Any], Task | None], None]
    make: Callable[[Any, Dataset, Mapping[str, Any], Mapping[str, Any]], Learner]
    epochs: Callable[[str], int] | None = None


def make_learner(
    model: Any,
    dataset: Dataset,
    *,
    options: Mapping[str, Any] | None = None,
    network: Mapping[str, Any] | None = None,
) -> Learner:
    """The learner that trains ``model`` on ``dataset``; everything is checked, nothing is written.

    Args:
        model: the name of a built-in network; ``sklearn:NAME``; ``module:factory``; a name of the
            entry-point group ``uwe.learners``; or from Python a function or class that makes a
            network or a learner, a classifier of scikit-learn, or an object with fit and predict.
        dataset: images, or rows.
        options: options of the model itself; texts are parsed as numbers, true, false and none.
        network: options of networks, as in `NETWORK_DEFAULTS`.

    Raises:
        InputError: a name or an option does not fit, or the network cannot be trained.
        DataError: the model needs images, and the data set has rows.

    >>> from uwe.data import load_dataset
    >>> make_learner("small", load_dataset("digits")).name
    'small'
    """
    options, network = dict(options or {}), dict(network or {})
    check_model(model, options, network, task=dataset.task)
    return _KINDS[model_kind(model)].make(model, dataset, options, network)


def check_model(
    model: Any,
    options: Mapping[str, Any],
    network_given: Mapping[str, Any] | Collection[str],
    *,
    task: Task | None = None,
) -> None:
    """Check a model's name and options without the data, and without importing torch.

    Args:
        model: as in `make_learner`.
        options: options of the model itself.
        network_given: options of networks and their values, of which those that differ from the
            defaults count as given; or the names of those that were given.
        task: what is learnt; None where it is not known yet.

    Raises:
        InputError: a name is unknown, an option is not used by this model or has a wrong value, or
            the model does not serve the task.

    >>> check_model("sklearn:logistic", {}, {"epochs": 5})
    Traceback (most recent call last):
        ...
    uwe.errors.InputError: --epochs is not used by model sklearn:logistic; leave it out
    """
    values = dict(network_given) if isinstance(network_given, Mapping) else {}
    for name in network_given:
        require_known(name, NETWORK_DEFAULTS, "option of networks")
    given = given_options(network_given)
    kind = _KINDS[model_kind(model)]
    used = USED_BY_NAME.get(str(model), kind.uses)
    for name in given:
        if name not in used and not is_accepted(name, values.get(name)):
            raise InputError(
                f"--{name.replace('_', '-')} is not used by model {model_name(model)}; leave it out"
            )
    if options and not kind.has_options:
        raise InputError(
            f"--model-option {next(iter(options))} is not used by model {model_name(model)}; "
            "leave it out"
        )
    kind.check(model, options, values, task)


def epochs_for(model: Any, *, recipe: str, given: int | None) -> int:
    """Epochs of every training; 1 for a model that is not trained in epochs.

    Args:
        model: a name or a value.
        recipe: name of the recipe.
        given: the epochs that are asked for, or None.

    >>> epochs_for("resnet18", recipe="fast", given=None)
    25
    """
    usual = _KINDS[model_kind(model)].epochs
    if usual is None:
        return 1
    return usual(recipe) if given is None else given


def model_kind(model: Any) -> str:
    """The kind of a model: network, dense, pretrained, sklearn, factory, plugin or callable.

    Any other value of Python is an object.

    Raises:
        InputError: there is no such model.

    >>> [model_kind(name) for name in ("resnet18", "sklearn:forest", "mynet:Net")]
    ['network', 'sklearn', 'factory']
    """
    if not isinstance(model, str):
        return _kind_of_value(model)
    if model.startswith(PREFIX):
        return "sklearn"
    if is_pretrained(model):
        return "pretrained"
    if ":" in model:
        return "factory"
    if model in network_names():
        _require_sole(model)
        return "network"
    if model in dense_names():
        _require_sole(model)
        return "dense"
    require_known(model, model_names(), "model")
    require_sole(registered()[model])
    return "plugin"


def model_name(model: Any) -> str:
    """Name of a model in records and messages.

    >>> model_name("small"), model_name(dict)
    ('small', 'builtins:dict')
    """
    if isinstance(model, str):
        return model
    if _kind_of_value(model) == "callable":
        return name_of(model)
    return str(getattr(model, "name", type(model).__name__))


def model_file_name(model: Any) -> str:
    """Name of a model in file names, without underscores.

    >>> model_file_name("sklearn:forest"), model_file_name("my_net:Net")
    ('sklearn-forest', 'my-net-Net')
    """
    return model_part(model_name(model))


def model_names() -> list[str]:
    """Names of all models, those of plug-ins and examples of scikit-learn's classes included.

    >>> model_names()[0]
    'small'
    """
    names = [*network_names(), *dense_names(), *PRETRAINED, *registered(), *estimator_names()]
    return list(dict.fromkeys(names))


def describe_model(name: str) -> str:
    """One line about a model.

    >>> describe_model("sklearn:forest")
    'random forest of 300 trees, of classes or numbers'
    """
    if name in network_names():
        _require_sole(name)
        return describe_network(name)
    if is_pretrained(name):
        return describe_pretrained(name)
    if name in dense_names():
        _require_sole(name)
        return describe_dense(name)
    if name in estimator_names():
        return estimator_names()[name]
    require_sole(registered()[name])
    return f"learner of the plug-in {registered()[name].value}"


def _require_sole(network: str) -> None:
    """Refuse the name of a network that a plug-in has, too."""
    if network in registered():
        require_sole(registered()[network], f"the built-in network {network}")


def _kind_of_value(model: Any) -> str:
    if is_learner(model):
        return "object"
    refuse_built_network(model, type(model).__name__)
    if callable(model):
        return "callable"
    if hasattr(model, "fit") or hasattr(model, "predict"):
        return "object"
    text = " ".join(repr(model).split())
    raise InputError(
        f"{text}, of type {type(model).__name__}, is no model; pass a name of 'uwe list models', a "
        "function or class that makes a torch.nn.Module, or an object with fit and predict"
    )


def _check_network_values(
    model: Any, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    del options, task
    given = with_defaults(network)
    require_known(given["recipe"], RECIPES, "recipe")
    require_known(given["precision"], PRECISIONS, "precision")
    check_device_name(given["device"])
    epochs = 1 if given["epochs"] is None else given["epochs"]
    recipe_for(model_name(model), epochs=epochs, batch=1, recipe=given["recipe"])


def _check_built_in(
    model: str, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    _check_network_values(model, options, network, task)
    if task is not None and task.loss is None:
        fitting = [*dense_names(task.name), "a learner of your own"]
        raise InputError(
            f"task {task.name} has no training loss, so network {model} does not train for it; "
            f"choose {' or '.join(fitting)}"
        )
    built_in_spec(model, network, classes=2, image_shape=(1, 1, 1))


def _check_dense(
    model: str, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    _check_network_values(model, options, network, task)
    training, of_network = split_options({key: value_of(value) for key, value in options.items()})
    dense_training(model, epochs=1, options=training)
    DenseSpec(model, 1, (1, 1, 1), of_network)
    if task is not None and task.name != dense_task(model):
        fitting = dense_names(task.name) or [*network_names(), "sklearn:NAME"]
        raise InputError(
            f"model {model} serves {dense_task(model)}, and the task is {task.name}; choose "
            f"{', '.join(fitting[:-1])} or {fitting[-1]}"
        )


def _check_path(
    model: str, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    """Check that the module exists; it is imported later, since it may import torch."""
    _check_network_values(model, options, network, task)
    module, attribute = parsed_path(model)
    if not all(each.isidentifier() for each in (*module.split("."), *attribute.split("."))):
        raise InputError(
            f"model {model!r} does not name a function or class; write module:name, such as "
            "mynet:Net"
        )
    add_working_folder()
    top = module.partition(".")[0]
    if not _is_there(top):
        raise InputError(
            f"model {model}: there is no module {top!r}; run the command in the folder of "
            f"{top}.py, or install the package"
        )


def _is_there(module: str) -> bool:
    """Whether a module can be found; a name such as ``__main__`` or ``""`` is none."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _check_estimator(
    model: str, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    del network
    check_estimator_name(model, options, task=None if task is None else task.name)


def _check_pretrained_model(
    model: str, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    given = with_defaults(network)
    require_known(given["precision"], PRECISIONS, "precision")
    check_device_name(given["device"])
    check_pretrained(model)
    tuning_of(model, options)
    if task is not None and task.loss is None:
        raise InputError(
            f"task {task.name} has no training loss, so model {model} does not train for it; "
            "choose a learner of your own"
        )


def _check_nothing(
    model: Any, options: Mapping[str, Any], network: Mapping[str, Any], task: Task | None
) -> None:
    del model, options, network, task


def _of_recipe(recipe: str) -> int:
    return RECIPES[recipe].epochs


def _of_pretrained(recipe: str) -> int:
    del recipe
    return EPOCHS


_KINDS: dict[str, _Kind] = {
    "network": _Kind(OF_BUILT_IN, False, _check_built_in, make_built_in, _of_recipe),
    "pretrained": _Kind(USES, True, _check_pretrained_model, make_pretrained, _of_pretrained),
    "dense": _Kind(OF_DENSE, True, _check_dense, make_dense, _of_recipe),
    "sklearn": _Kind(frozenset(), True, _check_estimator, make_sklearn),
    "factory": _Kind(OF_ANY_NETWORK, True, _check_path, make_from_path, _of_recipe),
    "callable": _Kind(OF_ANY_NETWORK, True, _check_network_values, make_from_callable, _of_recipe),
    "plugin": _Kind(frozenset(), True, _check_nothing, make_plugin),
    "object": _Kind(frozenset(), False, _check_nothing, make_object),
}
"""What each kind of model uses, how it is checked, and how its learner is made."""
