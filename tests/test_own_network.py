"""Your own network: what a factory may return, what is refused, and that it trains like ours."""

from __future__ import annotations

import copy
import pickle
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import load_file
from torch import nn

import uwe
from uwe.data import Dataset, ImageRows, load_dataset
from uwe.errors import InputError, RunError
from uwe.learners import (
    Keeps,
    Measured,
    Stochastic,
    TorchLearner,
    WarmStarts,
    make_learner,
    require_passes,
)
from uwe.models import Factory, OwnNetwork, OwnSpec
from uwe.tasks import classification

TEN = classification(10)
THREE = classification(3)

NETWORK = {"epochs": 2, "device": "cpu", "precision": "fp32"}


class Net(nn.Module):
    """Images to logits alone; the maps are viewed as rows, as old tutorials do."""

    def __init__(self, classes: int, shape: tuple[int, int, int], width: int = 12) -> None:
        super().__init__()
        self.conv = nn.Conv2d(shape[2], 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.hidden = nn.Linear(4 * shape[0] * shape[1], width)
        self.dropout = nn.Dropout(0.5)
        self.out = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> Any:
        maps = torch.relu(self.norm(self.conv(x)))
        return self.out(self.dropout(torch.relu(self.hidden(maps.view(len(x), -1)))))


class Pair(Net):
    """Returns features of its own."""

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x), x.mean((2, 3))


class Mapped(Net):
    """Returns a mapping, as the models of ``transformers`` do."""

    def forward(self, x: torch.Tensor) -> Any:
        return {"logits": super().forward(x)}


class Lazy(nn.Module):
    """Layers that learn their width from the first rows."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.LazyLinear(9), nn.ReLU(), nn.LazyLinear(classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x)
        return logits


class Tied(nn.Module):
    """Two names for the same weights."""

    def __init__(self, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        d = int(np.prod(shape))
        self.first, self.second = nn.Linear(d, d), nn.Linear(d, d)
        self.second.weight = self.first.weight
        self.out = nn.Linear(d, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.out(torch.relu(self.second(self.first(x.flatten(1)))))
        return logits


def mlp(classes: int, shape: tuple[int, ...], dropout: float = 0.0) -> nn.Module:
    """A function that builds a network for rows."""
    d = int(np.prod(shape))
    return nn.Sequential(
        nn.Flatten(), nn.Linear(d, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, classes)
    )


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", pool_size=200, test_size=60)


@pytest.fixture(scope="module")
def rows() -> Dataset:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 6)), rng.integers(0, 3, 150)
    x[np.arange(150), y] += 4
    return Dataset.from_rows("blobs", (x[:100], y[:100]), (x[100:], y[100:]))


def learner(model: Any, data: Dataset, **changes: Any) -> TorchLearner:
    options = changes.pop("options", {})
    made = make_learner(model, data, options=options, network={**NETWORK, **changes})
    assert isinstance(made, TorchLearner)
    return made


def fitted(ours: TorchLearner, data: Dataset, n: int = 60, seed: int = 1) -> Any:
    classes = len(data.classes)
    return ours.fit(data.train.x[:n], data.train.y[:n], task=classification(classes), seed=seed)


@pytest.mark.parametrize(
    ("model", "width"), [(Net, 12), (Pair, 1), (Mapped, 12), (Lazy, 9), (mlp, 16), (Tied, 64)]
)
def test_any_module_trains_predicts_and_is_saved(
    model: Any, width: int, digits: Dataset, tmp_path: Path
) -> None:
    """Features are the pair's second part, or the input of the last linear layer."""
    ours = learner(model, digits)
    trained = fitted(ours, digits)
    said = ours.predict(trained, digits.test.x)
    assert said.logits.shape == (60, 10)
    assert said.features.shape == (60, width)
    assert ours.footprint.features == width
    assert {said.logits.dtype, said.features.dtype} == {torch.float32}
    ours.save(trained, tmp_path / "m.safetensors")
    again = ours.predict(ours.load(tmp_path / "m.safetensors"), digits.test.x)
    assert torch.equal(again.logits, said.logits)
    assert torch.equal(again.features, said.features)
    for ability in (Keeps, WarmStarts, Stochastic, Measured):
        assert isinstance(ours, ability)


def test_logits_follow_from_the_features(digits: Dataset) -> None:
    """The features are what the last linear layer was given, not what a layer before it was."""
    ours = learner(Net, digits)
    trained = fitted(ours, digits)
    said = ours.predict(trained, digits.test.x)
    with torch.inference_mode():
        torch.testing.assert_close(trained.body.out(said.features), said.logits)


def test_a_saved_model_is_the_modules_own_state(digits: Dataset, tmp_path: Path) -> None:
    """The file's names are those of the module, so that it can be loaded without this package."""
    ours = learner(Net, digits)
    ours.save(fitted(ours, digits), tmp_path / "m.safetensors")
    Net(10, (8, 8, 1)).load_state_dict(load_file(tmp_path / "m.safetensors"))


def test_it_learns(digits: Dataset, rows: Dataset) -> None:
    """Images and rows are predicted better than by chance after a few epochs."""
    for data, epochs, least in ((digits, 40, 0.6), (rows, 60, 0.8)):
        ours = learner(mlp, data, epochs=epochs, recipe="fast")
        said = ours.predict(fitted(ours, data, 100), data.test.x)
        assert np.mean(said.predicted() == data.test.y) > least


def test_the_seed_decides_weights_and_training(digits: Dataset) -> None:
    """The same seed gives the same bits, and torch's own generator is left as it was."""
    ours = learner(Net, digits)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (
        ours.predict(fitted(ours, digits, seed=seed), digits.test.x).logits for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_passes_use_dropout_alone(digits: Dataset) -> None:
    """Passes differ and follow the seed; BatchNorm's statistics and the plain logits stay."""
    ours = learner(Net, digits)
    trained = fitted(ours, digits)
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    plain = ours.predict(trained, digits.test.x)
    first, again, other = (
        ours.predict_passes(trained, digits.test.x, passes=3, seed=seed) for seed in (1, 1, 2)
    )
    assert first.mc_logits is not None
    assert first.mc_logits.shape == (3, 60, 10)
    assert torch.equal(first.mc_logits, again.mc_logits)
    assert not torch.equal(first.mc_logits, other.mc_logits)
    assert not torch.equal(first.mc_logits[0], first.mc_logits[1])
    assert torch.equal(first.logits, plain.logits)
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())
    require_passes(ours, 3)
    assert ours.describe_passes(trained, 3) is None


@pytest.mark.parametrize("model", [Lazy, mlp])
def test_passes_without_dropout_are_refused(model: Any, digits: Dataset) -> None:
    """The error comes from preparation and names the model."""
    require_passes(learner(model, digits), 0)
    with pytest.raises(InputError, match="no dropout layer with a rate above 0"):
        require_passes(learner(model, digits), 5)


def test_a_warm_start_goes_on_from_the_last_model(digits: Dataset) -> None:
    """Shrunk and perturbed weights are trained; the model before stays as it was."""
    ours = learner(Net, digits)
    start = fitted(ours, digits)
    before = {key: value.clone() for key, value in start.state_dict().items()}
    x, y = ImageRows(digits.train.x, np.arange(40)), digits.train.y[:40]
    warm = ours.fit_from(start, x, y, task=TEN, seed=3, perturb_seed=4)
    cold = ours.fit(x, y, task=TEN, seed=3)
    assert all(torch.equal(before[key], value) for key, value in start.state_dict().items())
    assert not torch.equal(warm.body.out.weight, cold.body.out.weight)


def test_half_precision_is_for_the_body(digits: Dataset) -> None:
    """The last linear layer computes in float32, so that logits are not rounded to bf16."""
    full, half = (learner(Net, digits, precision=name) for name in ("fp32", "bf16"))
    trained = fitted(full, digits)
    there, here = (each.predict(trained, digits.test.x).logits for each in (full, half))
    assert not torch.equal(here, here.bfloat16().float())
    assert 0 < (there - here).abs().max() < 0.1


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_are_float32_without_augmentation(rows: Dataset, sparse: bool) -> None:
    """Sparse rows give the bits of dense ones; the network sees [b, d]."""
    seen: list[torch.Tensor] = []

    class Spy(nn.Module):
        def __init__(self, shape: tuple[int, ...], classes: int) -> None:
            super().__init__()
            self.out = nn.Linear(*shape, classes)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            logits: torch.Tensor = self.out(x)
            return logits

    train, test = rows.train.x, rows.test.x
    data = rows
    if sparse:
        train, test = sp.csr_matrix(train), sp.csr_matrix(test)
        data = Dataset.from_rows("blobs", (train, rows.train.y), (test, rows.test.y))
    ours = learner(Spy, data)
    trained = ours.fit(ImageRows(train, np.arange(33)), rows.train.y[:33], task=THREE, seed=1)
    seen.clear()
    logits = ours.predict(trained, test).logits
    [given] = seen
    assert given.dtype == torch.float32
    assert torch.equal(given, torch.from_numpy(rows.test.x.astype(np.float32)))
    dense = learner(Spy, rows)
    plain = dense.fit(rows.train.x[:33], rows.train.y[:33], task=THREE, seed=1)
    assert torch.equal(logits, dense.predict(plain, rows.test.x).logits)


def test_options_and_keywords_reach_the_factory(digits: Dataset) -> None:
    """Texts are parsed; a class that a function returns is called with the same keywords."""
    assert learner(Net, digits, options={"width": "7"}).footprint.features == 7

    def late(width: int = 3) -> Any:
        return lambda classes, shape: Net(classes, shape, width)

    assert learner(late, digits, options={"width": 5}).footprint.features == 5
    settings = learner(Net, digits, options={"width": "7"}).settings
    assert settings["model"] == f"{Net.__module__}:Net"
    assert settings["model option width"] == 7
    assert settings["model's tensors"] != learner(Net, digits).settings["model's tensors"]


def test_a_factory_may_return_a_learner(rows: Dataset) -> None:
    """An object with fit and predict is used as such, and options of networks are refused."""

    class Mine:
        name = "mine"

        def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> int:
            return classes

        def predict(self, model: int, x: Any) -> Any:
            return np.zeros((len(x), model)), x

    for model in (Mine, lambda: Mine(), Mine()):
        made = make_learner(model, rows)
        assert made.settings == {"model": "mine"}
    with pytest.raises(InputError, match="--epochs is not used by model"):
        make_learner(lambda: Mine(), rows, network={"epochs": 3})


def _same() -> Any:
    return _ONE


def _wrong(out: Any) -> Any:
    class Wrong(Net):
        def forward(self, x: torch.Tensor) -> Any:
            return out(super().forward(x))

    return Wrong


class Frozen(Net):
    def __init__(self, classes: int, shape: Any) -> None:
        super().__init__(classes, shape)
        self.requires_grad_(False)


class Random(Net):
    """A tensor that is drawn at random and never saved."""

    def __init__(self, classes: int, shape: Any) -> None:
        super().__init__(classes, shape)
        self.offset = torch.randn(classes)

    def forward(self, x: torch.Tensor) -> Any:
        return super().forward(x) + self.offset


class NoLinear(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, classes, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).flatten(1)


_ONE = Net(10, (8, 8, 1))


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (lambda: 3, {}, "returned 3, of type int; it must return a torch.nn.Module"),
        (lambda: dict, {}, "of type dict"),
        (lambda classes: Net(7, (8, 8, 1)), {}, "gives logits of 7 columns for 10 classes"),
        (_wrong(lambda logits: logits[1:]), {}, "returned 1 rows for 2 items"),
        (_wrong(lambda logits: logits[:, None]), {}, r"logits of shape \(2, 1, 10\)"),
        (_wrong(lambda logits: (logits, logits, logits)), {}, "returned a tuple of 3"),
        (_wrong(lambda logits: {"scores": logits}), {}, "returned a mapping with scores"),
        (_wrong(lambda logits: (logits, logits[1:])), {}, "features of 1 rows for 2 items"),
        (_wrong(lambda logits: logits.detach()), {}, "have no gradient"),
        (Frozen, {}, "has no weights that can be trained"),
        (Random, {}, "does not predict the same after it is saved and loaded"),
        (_same, {}, "returns the same network at every call"),
        (NoLinear, {}, "no nn.Linear takes part"),
        (_ONE, {}, "is a network that is already built"),
        (Net, {"wdith": 3}, "unknown option of model .*Net 'wdith'; did you mean 'width'"),
        (lambda depth: None, {}, "needs a value for 'depth'; pass --model-option depth=VALUE"),
        (Net, {"width": "wide"}, "failed: "),
        (
            lambda: nn.Linear(3, 10),
            {},
            r"fails on float32 items \[2, 1, 8, 8\]: RuntimeError: mat1 and mat2",
        ),
        (5, {}, "5, of type int, is no model"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    model: Any, options: dict[str, Any], words: str, digits: Dataset
) -> None:
    """Each is refused at preparation, with the name of the model."""
    with pytest.raises(InputError, match=words) as caught:
        make_learner(model, digits, options=options, network=NETWORK)
    assert "\n" not in str(caught.value)


def test_rows_of_texts_are_refused_by_a_network() -> None:
    """A network needs numbers."""
    data = Dataset.from_rows("texts", (["a", "b"], np.array([0, 1])), (["c"], np.array([1])))
    with pytest.raises(InputError, match="needs images or rows of numbers"):
        make_learner(mlp, data)


MODULE = """
from torch import nn
class Net(nn.Module):
    def __init__(self, classes, shape, depth=1):
        super().__init__()
        h, w, c = shape
        self.layers = nn.Sequential(nn.Flatten(), *[nn.Linear(h*w*c, h*w*c) for _ in range(depth)])
        self.out = nn.Linear(h * w * c, classes)
    def forward(self, x):
        return self.out(self.layers(x))
made = Net(10, (8, 8, 1))
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mynet.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    (tmp_path / "ending.py").write_text("import sys\nsys.exit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mynet", raising=False)
    return tmp_path


def test_a_network_by_its_path(folder: Path, digits: Dataset) -> None:
    """``module:name`` is found in the working folder, and is the name in the record."""
    ours = learner("mynet:Net", digits, options={"depth": "2"})
    assert ours.name == ours.settings["model"] == "mynet:Net"
    assert len(ours.fresh(seed=1).state_dict()) == 6
    assert pickle.loads(pickle.dumps(ours)).settings == ours.settings


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nowhere:Net", "there is no module 'nowhere'"),
        ("mynet:Nte", "unknown name in mynet 'Nte'; did you mean 'Net'"),
        ("broken:Net", "cannot import broken: No module named 'nothing_of_that_name'"),
        ("ending:Net", "cannot import ending: it ends the program"),
        ("./mynet.py:Net", "names a file; write mynet:Net"),
        ("mynet:made", "is a network that is already built"),
        ("mynet:number", "is 3, of type int; it must be a function or class"),
        ("mynet:", "write module:name"),
    ],
)
def test_a_path_that_leads_nowhere_is_one_line(
    folder: Path, digits: Dataset, model: str, words: str
) -> None:
    """The error names the module or the close matches."""
    with pytest.raises(InputError, match=words):
        make_learner(model, digits)


def test_a_model_of_another_network_is_refused(digits: Dataset, tmp_path: Path) -> None:
    """A file whose tensors do not fit is one line."""
    path = tmp_path / "m.safetensors"
    wide, narrow = (learner(Net, digits, options={"width": width}) for width in (12, 5))
    wide.save(wide.fresh(seed=1), path)
    with pytest.raises(RunError, match="does not fit model") as caught:
        narrow.load(path)
    assert "\n" not in str(caught.value)


def test_compiling_concerns_the_module(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """``torch.compile`` gets your module, and only if it is wanted."""
    asked: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self: asked.append(self))
    learner(Net, digits).fresh(seed=1)
    assert asked == []
    model = learner(Net, digits, compile=True).fresh(seed=1)
    assert asked == [model.body]


def test_rows_are_checked_in_every_batch() -> None:
    """A network that loses rows later than at preparation is found out."""

    class Loses(Net):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x)[:39]

    network = OwnSpec(Factory(Loses, "mynet:Loses"), 10, (8, 8, 1)).build()
    assert isinstance(network, OwnNetwork)
    with pytest.raises(InputError, match="mynet:Loses returned 39 rows for 40 items"):
        network(torch.zeros(40, 1, 8, 8))


def test_a_learner_can_be_copied(digits: Dataset) -> None:
    """Copies train the same network."""
    ours = learner(Net, digits)
    assert copy.deepcopy(ours).settings == ours.settings
    assert uwe.Predictions is not None


def test_the_arguments_of_a_partial_are_recorded(digits: Dataset) -> None:
    """Two partials of one class are two models."""
    made = [
        make_learner(partial(Net, width=width), digits, network=NETWORK).settings
        for width in (8, 9)
    ]
    assert [each["model's arguments"]["width"] for each in made] == [8, 9]
    assert "model's arguments" not in make_learner(Net, digits, network=NETWORK).settings


def test_networks_of_changing_shapes_are_refused(digits: Dataset) -> None:
    """A factory that is called twice makes the same tensors."""
    widths = iter(range(8, 99))
    with pytest.raises(InputError, match="different tensors when it is called twice"):
        make_learner(
            lambda classes, shape: Net(classes, shape, next(widths)), digits, network=NETWORK
        )


def test_images_are_no_rows_for_scikit_learn(digits: Dataset) -> None:
    """Said before anything is written, with what to do."""
    with pytest.raises(
        InputError, match=r"digits holds images.*choose a network, or make features"
    ):
        make_learner("sklearn:logistic", digits)


def test_a_run_of_a_network_stops_and_goes_on(outcome, tmp_path: Path) -> None:
    """In two parts it ends in the same files as in one; the record names the factory."""
    given: dict[str, Any] = {
        "model": Net, "model_options": {"width": 8}, "epochs": 2, "budgets": (20, 30, 40),
        "strategy": "bald", "pool_size": 80, "test_size": 30, "threads": 1, "device": "cpu",
    }  # fmt: skip
    uwe.run(uwe.Experiment("digits", results=tmp_path / "whole", **given))
    for cycles in (0, 1, None):
        uwe.run(uwe.Experiment("digits", results=tmp_path / "parts", cycles=cycles, **given))
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")
    changed = {**given, "model_options": {"width": 9}}
    with pytest.raises(RunError, match="model option width is 8 there and 9 here"):
        uwe.run(uwe.Experiment("digits", results=tmp_path / "parts", **changed))
