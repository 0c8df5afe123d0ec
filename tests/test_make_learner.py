"""Models by name and as values: what is checked without torch, and what a learner records."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from uwe import _plugins
from uwe.data import Dataset, Preparation, load_dataset
from uwe.errors import DataError, InputError
from uwe.learners import (
    NETWORK_DEFAULTS,
    TorchLearner,
    check_model,
    describe_model,
    make_learner,
    model_file_name,
    model_kind,
    model_names,
)
from uwe.learners.network_options import OF_BUILT_IN, USED_BY_NAME


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", pool_size=60, test_size=20)


def test_a_networks_settings_are_those_of_old_records(digits: Dataset) -> None:
    """Keys and values, tuples as lists, so that a run of an earlier version goes on."""
    network = {"epochs": 3, "recipe": "fast", "device": "cpu", "precision": "fp32", "dropout": 0.1}
    settings = make_learner("small", digits, network=network).settings
    assert settings == {
        "model": "small",
        "dropout": 0.1,
        "fine-tuned layers": None,
        "pretrained weights": None,
        "epochs": 3,
        "recipe": {
            "epochs": 3, "batch": 32, "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9,
            "weight_decay": 5e-4, "schedule": "one_cycle", "halve_at": [0.6, 0.8], "warm_up": 0.2,
            "smoothing": 0.1, "crop": 0.5,
        },
        "preparation": {
            "mean": list(digits.preparation.mean), "std": list(digits.preparation.std),
            "crop_padding": 0, "flip": False, "batch": digits.preparation.batch,
        },
        "precision": "fp32",
        "compiled": False,
        "kind of device": "cpu",
    }  # fmt: skip
    assert list(settings)[:4] == ["model", "dropout", "fine-tuned layers", "pretrained weights"]


def test_network_options_reach_the_learner(digits: Dataset) -> None:
    """Each option is used; None and absence are the defaults."""
    made = make_learner("small", digits, network={
        "epochs": 4, "device": "cpu", "precision": "bf16", "compile": True, "inference_batch": 7,
    })  # fmt: skip
    assert isinstance(made, TorchLearner)
    assert (made.training.epochs, made.precision, made.compiled) == (4, "bf16", True)
    assert made.inference_batch == 7
    assert made.describe() == (
        f"small, device cpu, precision bf16, batches of {made.training.batch} in training and 7 "
        "in passes"
    )
    for network in ({}, dict.fromkeys(NETWORK_DEFAULTS)):
        default = make_learner("small", digits, network=network)
        assert isinstance(default, TorchLearner)
        assert default.training.epochs == 100
    assert make_learner("small", digits, network={"recipe": "fast"}).settings["epochs"] == 25


@pytest.mark.parametrize(
    ("model", "options", "network", "words"),
    [
        ("resnet19", {}, {}, "unknown model 'resnet19'; did you mean 'resnet18'"),
        ("sklearn:logistic", {}, {"epochs": 5}, "--epochs is not used by model sklearn:logistic"),
        ("sklearn:logistic", {}, {"device": "cuda"}, "--device is not used"),
        ("json:loads", {}, {"dropout": 0.1}, "--dropout is not used by model json:loads"),
        ("json:loads", {}, {"fine_tune_layers": 1}, "--fine-tune-layers is not used"),
        ("small", {}, {"vit_weights": "x"}, "--vit-weights is not used by model small"),
        ("small", {"depth": 3}, {}, "--model-option depth is not used by model small"),
        ("small", {}, {"dropout": 1.0}, "--dropout is 1.0; it must be at least 0 and below 1"),
        ("small", {}, {"epochs": 0}, "epochs are 0"),
        ("small", {}, {"recipe": "quick"}, "unknown recipe 'quick'"),
        ("small", {}, {"precision": "fp16"}, "unknown precision 'fp16'; did you mean 'bf16'"),
        ("small", {}, {"device": "tpu"}, "unknown device 'tpu'"),
        ("vit", {}, {"recipe": "fast"}, "'fast' is not made for model 'vit'"),
        ("vit", {}, {"fine_tune_layers": -1}, "it must be 0 or more"),
        ("small", {}, {"epoch": 3}, "unknown option of networks 'epoch'; did you mean 'epochs'"),
        ("sklearn:svm.SVC", {"gama": 1}, {}, "unknown parameter of SVC 'gama'; did you mean"),
        ("nowhere:Net", {}, {}, "there is no module 'nowhere'"),
        (":Net", {}, {}, "write module:name"),
        (3, {}, {}, "3, of type int, is no model"),
    ],
)
def test_what_does_not_fit_is_said_without_the_data(
    model: Any, options: dict[str, Any], network: dict[str, Any], words: str
) -> None:
    """One line that names the option and the model."""
    with pytest.raises(InputError, match=words) as caught:
        check_model(model, options, network)
    assert "\n" not in str(caught.value)


def test_names_alone_can_be_checked() -> None:
    """Whoever knows which options were given need not know the defaults."""
    check_model("vit", {}, {"fine_tune_layers", "vit_weights", "epochs"})
    check_model("sklearn:forest", {"n_estimators": "3"}, {"device": "cpu"})
    with pytest.raises(InputError, match="--epochs is not used by model sklearn:forest"):
        check_model("sklearn:forest", {}, ["epochs"])


def test_every_network_option_is_used_by_some_network() -> None:
    """The table of uses and that of defaults name the same options."""
    assert frozenset().union(OF_BUILT_IN, *USED_BY_NAME.values()) == set(NETWORK_DEFAULTS)


def test_models_are_listed_and_checked_without_torch() -> None:
    """The command line's help and its errors need not wait for torch."""
    code = (
        "import sys\n"
        "from uwe.learners import (check_model, describe_model, model_names, RECIPES, PRECISIONS,\n"
        "    check_device_name, model_file_name, Learner, Stochastic)\n"
        "import uwe.models\n"
        "[describe_model(name) for name in model_names()]\n"
        "check_model('resnet18', {}, {'dropout': 0.5, 'device': 'cuda:3'})\n"
        "check_model('vit', {}, {'fine_tune_layers': 2})\n"
        "check_model('sklearn:svm.SVC', {'C': '3'}, {})\n"
        "check_model('json:loads', {}, {'epochs': 3})\n"
        "print('torch' in sys.modules, RECIPES['fast'].epochs)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "25"]


@pytest.mark.parametrize("package", ["uwe.learners", "uwe.models"])
def test_a_facade_shows_its_public_names(package: str) -> None:
    """``__all__`` equals the visible names, and each can be imported."""
    module = __import__(package, fromlist=["x"])
    assert sorted(module.__all__) == dir(module)
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


def test_names_for_files_have_no_underscore() -> None:
    """A colon, a dot of a path and an underscore do not end up in file names as such."""
    assert model_file_name("sklearn:forest") == "sklearn-forest"
    assert model_file_name("my_net:Net") == "my-net-Net"
    assert model_file_name("sklearn:svm.SVC") == "sklearn-svm.SVC"
    assert model_kind("vit") == "network"


class Counts:
    """A learner of a plug-in."""

    name = "counts"

    def __init__(self, dataset: Dataset, power: int) -> None:
        self.settings = {"power": power, "rows": len(dataset.train)}

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        return np.bincount(y, minlength=classes)

    def predict(self, model: Any, x: Any) -> Any:
        return np.tile(model, (len(x), 1)), np.zeros((len(x), 1))


def counts(dataset: Dataset, *, power: int = 1) -> Counts:
    return Counts(dataset, power)


def test_a_plug_in_is_found_by_its_name(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the data set and the options, is listed, and takes no options of networks."""
    point = EntryPoint("counts", "mine:counts", "uwe.learners")
    monkeypatch.setattr(EntryPoint, "load", lambda self: counts)
    points = [point]
    monkeypatch.setattr(_plugins, "entry_points", lambda group: points)
    _plugins.plugins.cache_clear()
    assert "counts" in model_names()
    assert describe_model("counts") == "learner of the plug-in mine:counts"
    assert make_learner("counts", digits, options={"power": "3"}).settings == {
        "model": "counts", "learner's power": 3, "learner's rows": 60,
    }  # fmt: skip
    with pytest.raises(InputError, match="model counts cannot take colour='red'"):
        make_learner("counts", digits, options={"colour": "red"})
    with pytest.raises(InputError, match="--epochs is not used by model counts"):
        make_learner("counts", digits, network={"epochs": 3})
    points.append(EntryPoint("counts", "yours:counts", "uwe.learners"))
    _plugins.plugins.cache_clear()
    assert model_names().count("counts") == 1
    for use in (describe_model, lambda name: make_learner(name, digits)):
        with pytest.raises(InputError, match="two packages register 'counts'"):
            use("counts")
    points.append(EntryPoint("small", "yours:small", "uwe.learners"))
    _plugins.plugins.cache_clear()
    assert model_names().count("small") == 1
    with pytest.raises(InputError, match=r"'small'.*: the built-in network small and yours:small;"):
        make_learner("small", digits)
    assert make_learner("resnet18", digits).name == "resnet18"
    _plugins.plugins.cache_clear()


def test_a_built_in_network_wants_images() -> None:
    """Rows of numbers are refused by name."""
    rows = Dataset.from_rows("line", (np.eye(4), np.arange(4) % 2), (np.eye(4), np.arange(4) % 2))
    with pytest.raises(DataError, match="the rows of line are no images"):
        make_learner("small", rows)
    assert make_learner("sklearn:forest", rows).name == "sklearn:forest"
    assert rows.preparation == Preparation((), ())
