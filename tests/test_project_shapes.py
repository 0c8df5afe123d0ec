"""Projects whose answers are boxes or masks, and picks by outputs of a model that people bring."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import uwe
from uwe import journal
from uwe.cli import main
from uwe.errors import DataError, InputError, RunError
from uwe.journal import Queried
from uwe.label import Annotators, Desk
from uwe.label.agreement import agreement_of
from uwe.label.conflicts import rule_of
from uwe.project import Project
from uwe.project.files import ProjectFiles
from uwe.project.fitting import fitted_targets
from uwe.project.given import given_in
from uwe.project.outlines import Outlines, Shape, base_of, of_polygons, of_runs
from uwe.tasks import Boxes, Mask, detection, segmentation

CLASSES = ["rbc", "wbc"]
PLACES = ["sky", "road", "car"]
SIZE = (40, 30)


def photos(folder: Path, n: int = 12, *, size: tuple[int, int] = SIZE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(n):
        Image.new("RGB", size, (at * 20, 90, 0)).save(folder / f"{at:06d}.png")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return photos(tmp_path / "photos")


def of_boxes(pictures: Path, name: str = "boxes.uwe", **more: Any) -> Project:
    return Project(pictures.parent / name, pictures, task="detection", classes=CLASSES, **more)


def of_masks(pictures: Path, name: str = "masks.uwe", **more: Any) -> Project:
    options = more.pop("task_options", {"ignore": 255})
    return Project(pictures.parent / name, pictures, task="segmentation", classes=PLACES,
                   task_options=options, **more)  # fmt: skip


def box(name: str, *corners: float) -> dict[str, Any]:
    return {"class": name, "xyxy": list(corners)}


def mask_of(*, road: int = 10, ignored: int = 0) -> Any:
    pixels = np.zeros(SIZE[::-1], np.uint8)
    pixels[:road] = 1
    pixels[len(pixels) - ignored :] = 255
    return pixels


def pool_file(path: Path, n: int = 10, ids: list[str] | None = None) -> Path:
    rng = np.random.default_rng(0)
    names = [str(at) for at in range(n)] if ids is None else ids
    np.savez(path, features=rng.random((n, 3)), uncertainty=rng.random(n), ids=names)
    return path


def test_boxes_are_answers_and_no_object_is_one(pictures: Path) -> None:
    """A list of boxes, `Boxes`, JSON and an empty list are labels; None is none."""
    project = of_boxes(pictures)
    rows = project.ask(5)
    as_value = Boxes(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([1]))
    told = project.tell(
        rows, [[box("rbc", 0, 0, 9, 9)], as_value, json.dumps([box("wbc", 0, 0, 1, 1)]), [], None]
    )
    assert (told.new, told.empty) == (4, 1)
    labels = Project.open(project.files.folder).labels()
    names = [project.ids[row] for row in rows]
    assert labels == {
        names[0]: [box("rbc", 0, 0, 9, 9)],
        names[1]: [box("wbc", 1, 2, 3, 4)],
        names[2]: [box("wbc", 0, 0, 1, 1)],
        names[3]: [],
    }
    assert project.state().by_class == {"rbc": 1, "wbc": 2}
    assert project.settings.model == "none"
    assert project.settings.audit == 0


def test_a_mask_is_a_file_of_the_project(pictures: Path) -> None:
    """The pixels are in the project's folder before the journal names them, and come back equal."""
    project = of_masks(pictures)
    pixels = mask_of(ignored=3)
    assert project.tell(["000001.png"], [pixels], by="ann").new == 1
    opened = Project.open(project.files.folder)
    [mask] = opened.labels().values()
    files = list(opened.files.masks.iterdir())
    assert [file.name for file in files] == [mask.name]
    assert mask.name == f"1-{mask.digest}.png"
    assert opened.files.owns(mask.name)
    np.testing.assert_array_equal(opened.task.targets.read([mask])[0], pixels)
    assert opened.state().by_class == {}


def test_the_same_mask_again_changes_nothing(pictures: Path) -> None:
    """An equal mask is known already, given as pixels, as a file, or as the journal has it."""
    project = of_masks(pictures)
    project.tell(["000001.png"], [mask_of()], by="ann")
    path = pictures.parent / "mask.png"
    Image.fromarray(mask_of()).save(path)
    [mask] = project.labels().values()
    known = {"mask": mask.name, "digest": mask.digest}
    before = project.files.journal.read_bytes()
    for again in (mask_of(), path, str(path), Mask.of(mask_of()), known, json.dumps(known)):
        assert project.tell(["000001.png"], [again], by="ann").known == 1
    assert project.files.journal.read_bytes() == before


def test_a_mask_that_was_changed_is_refused(pictures: Path) -> None:
    """A file whose pixels are not those that were recorded is named, as is one that is gone."""
    project = of_masks(pictures)
    project.tell(["000001.png"], [mask_of()])
    [mask] = project.labels().values()
    path = project.files.masks / mask.name
    Image.fromarray(mask_of(road=11)).save(path)
    with pytest.raises(RunError, match="was changed since it was recorded"):
        project.task.targets.read([mask])
    path.unlink()
    with pytest.raises(RunError, match="restore"):
        project.task.targets.read([mask])
    with pytest.raises(RunError, match="no mask of"):
        project.task.targets.read([Mask("../project.json", "0" * 32)])


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ([box("rbc", 0, 0, 41.5, 10)], "leaves the image of 40x30 pixels: .0, 0, 41.5, 10."),
        ([box("rbc", 3, 3, 3, 9)], "has no area"),
        ([box("rbc", 9, 3, 3, 9)], "has no area"),
        ([box("rbc", 40.2, 3, 40.9, 9)], "has no area"),
        ([box("rbc", 3, 3, 3.00001, 9)], "has no area"),
        ([box("rbc", 3, 3, float("nan"), 9)], "four numbers"),
        ([box("owl", 0, 0, 1, 1)], "unknown class 'owl'"),
        ([{"class": "rbc"}], "needs xyxy or xywh"),
        ([{"class": "rbc", "xyxy": ["a", 0, 1, 1]}], "with four numbers"),
        ([{"class": "rbc", "xyxy": [10**400, 0, 1, 1]}], "with four numbers"),
        ([{"class": "rbc", "xywh": 4}], "with four numbers"),
        ({"boxes": [[0, 0, 1]], "classes": [0]}, "rows of four numbers"),
        ({"boxes": [[0, 0, 1, 1]], "classes": ["rbc"]}, "rows of four numbers"),
        ({"boxes": [[0, 0, 1, 1]], "classes": [7]}, "class 7 of a box is outside the 2 classes"),
        ("[not json", "must be JSON"),
        ("rbc", "list of boxes"),
    ],
)
def test_boxes_that_cannot_be_are_refused(pictures: Path, label: Any, words: str) -> None:
    """One line names the item and what is wrong, and nothing is recorded."""
    project = of_boxes(pictures)
    before = project.files.journal.read_bytes()
    with pytest.raises(InputError, match=words) as refused:
        project.tell(["000002.png"], [label])
    assert "000002.png" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert project.files.journal.read_bytes() == before


def test_a_box_that_rounding_put_outside_is_cut(pictures: Path) -> None:
    """Up to a pixel outside the image is rounding of another tool."""
    project = of_boxes(pictures)
    project.tell(["000002.png"], [[box("rbc", -0.5, 0, 40.9, 10)]])
    assert project.labels() == {"000002.png": [box("rbc", 0, 0, 40, 10)]}


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.zeros((30, 41), np.uint8), "the mask is 41x30 pixels, and the image 40x30"),
        (np.full((30, 40), 3, np.uint8), "1,200 pixels of the mask have the value 3"),
        (np.zeros((30, 40)), "a mask must be class numbers"),
        (np.zeros((30, 40, 3), np.uint8), "a mask must be class numbers"),
        ("gone.png", "gone.png"),
        ({"mask": "9-00.png", "digest": "00"}, "project has no mask '9-00.png'"),
        ({"mask": f"2-{'0' * 32}.png", "digest": "0" * 32}, "project has no mask '2-0"),
    ],
)
def test_masks_that_cannot_be_are_refused(pictures: Path, label: Any, words: str) -> None:
    """One line says what is wrong; no file is left behind."""
    project = of_masks(pictures)
    with pytest.raises((InputError, RunError), match=words):
        project.tell(["000002.png"], [label])
    assert not project.files.masks.exists()


def test_a_colour_image_is_no_mask(pictures: Path) -> None:
    """A PNG in RGB says nothing of classes."""
    with pytest.raises(InputError, match="a mask holds class numbers"):
        of_masks(pictures).tell(["000002.png"], [pictures / "000000.png"])


def test_shapes_need_images_and_class_names(tmp_path: Path, pictures: Path) -> None:
    """A pool of numbers, and a project without classes, are refused and leave no folder."""
    with pytest.raises(InputError, match="is of images, and the pool holds vectors"):
        Project(tmp_path / "a.uwe", np.eye(3), task="detection", classes=CLASSES)
    with pytest.raises(InputError, match="needs the names of its classes"):
        Project(tmp_path / "b.uwe", pictures, task="segmentation")
    assert not (tmp_path / "a.uwe").exists()
    assert not (tmp_path / "b.uwe").exists()


def test_labels_at_the_making_leave_nothing_if_one_is_wrong(tmp_path: Path, pictures: Path) -> None:
    """Masks of labels that are refused do not keep the folder from being removed."""
    labels = {"000001.png": mask_of(), "000002.png": np.full((30, 40), 9, np.uint8)}
    with pytest.raises(InputError, match="have the value 9"):
        of_masks(pictures, labels=labels)
    assert not (tmp_path / "masks.uwe").exists()


def test_a_project_without_a_model_does_not_train(pictures: Path) -> None:
    """It says so, and how to go on; its state is never out of date."""
    project = of_boxes(pictures)
    project.tell(["000002.png"], [[]])
    with pytest.raises(InputError, match=r"trains no model; 'uwe next .* --outputs FILE'"):
        project.train()
    assert not project.state().is_stale
    assert len(project.ask(3)) == 3


def test_images_that_cannot_be_opened_are_skipped(pictures: Path) -> None:
    """Nobody is asked about an image whose header is no image's."""
    (pictures / "000003.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    project = of_boxes(pictures)
    assert [project.ids[row] for row in project.pool().skipped] == ["000003.png"]


def test_picks_by_outputs_are_among_their_rows(pictures: Path, tmp_path: Path) -> None:
    """Rows without outputs are not picked; the journal says which file decided."""
    project = of_boxes(pictures)
    pool = pool_file(tmp_path / "pool.npz", 8, [f"{at:06d}.png" for at in range(8)])
    batch = project.batch(5, outputs=pool)
    assert set(batch.picks.rows.tolist()) <= set(range(8))
    assert batch.picks.notes == (f"4 rows have no outputs in {pool} and cannot be picked",)
    [query] = [each for each in project.events() if isinstance(each, Queried)]
    assert query.facts["outputs"]["path"] == str(pool)
    assert query.facts["outputs"]["rows"] == 8
    assert batch.picks.uncertainty is not None


def test_open_rows_come_again_without_outputs(pictures: Path, tmp_path: Path) -> None:
    """The second call gives the same rows; outputs are refused until they are answered."""
    project = of_boxes(pictures)
    pool = pool_file(tmp_path / "pool.npz")
    first = project.batch(3, outputs=pool)
    assert project.batch(3).picks.rows.tolist() == first.picks.rows.tolist()
    with pytest.raises(InputError, match="outputs are for a new batch, but 3 rows"):
        project.batch(3, outputs=pool)


def test_the_last_outputs_pick_on(pictures: Path, tmp_path: Path) -> None:
    """Without a model the next batch is by the same file; one that was changed is refused."""
    project = of_boxes(pictures)
    pool = pool_file(tmp_path / "pool.npz")
    first = project.batch(3, outputs=pool)
    second = project.batch(3, more=True)
    assert not set(first.picks.rows.tolist()) & set(second.picks.rows.tolist())
    assert set(second.picks.rows.tolist()) <= set(range(10))
    np.savez(pool, features=np.eye(10), uncertainty=np.ones(10), ids=[str(at) for at in range(10)])
    with pytest.raises(InputError, match="was changed since the last batch"):
        project.batch(3, more=True)
    assert len(project.batch(3, more=True, outputs=pool).picks) == 3


def test_the_most_uncertain_comes_first_and_labelled_rows_do_not_come(
    pictures: Path, tmp_path: Path
) -> None:
    """A strategy that ranks takes the rows in the order of the uncertainties of the file."""
    project = of_boxes(pictures, strategy="entropy")
    u = np.linspace(0, 1, 12)[::-1]
    np.savez(tmp_path / "u.npz", uncertainty=u, ids=[f"{at:06d}" for at in range(12)])
    project.tell(["000001.png"], [[]])
    assert project.batch(3, outputs=tmp_path / "u.npz").picks.rows.tolist() == [0, 2, 3]


def test_outputs_of_other_rows_are_refused(pictures: Path, tmp_path: Path) -> None:
    """Where no id is of the project, both kinds of ids are shown."""
    pool = pool_file(tmp_path / "pool.npz", ids=[f"other-{at}" for at in range(10)])
    with pytest.raises(InputError, match=r"none of the 10 ids .* 'other-0', is one of the project"):
        of_boxes(pictures).batch(3, outputs=pool)


def test_ids_that_match_no_image_are_counted(pictures: Path, tmp_path: Path) -> None:
    """Those that match are used, by name, by stem or by number; others are said."""
    names = ["photos/000000.png", "1", "000002", "other"]
    pool = pool_file(tmp_path / "pool.npz", 4, names)
    batch = of_boxes(pictures).batch(9, outputs=pool)
    assert sorted(batch.picks.rows.tolist()) == [0, 1, 2]
    assert "1 id is not of the project, such as 'other', and left out" in batch.picks.notes


def test_a_class_project_takes_outputs_too(tmp_path: Path) -> None:
    """Probabilities of a pool pick for a project of classes as `uwe select` picks."""
    x = np.random.default_rng(0).normal(size=(20, 2))
    project = Project(tmp_path / "p.uwe", x, "none", classes=["a", "b"], strategy="entropy")
    p = np.linspace(0.5, 1.0, 20)
    np.savez(tmp_path / "p.npz", probs=np.stack([p, 1 - p], 1))
    assert project.batch(3, outputs=tmp_path / "p.npz").picks.rows.tolist() == [0, 1, 2]


def maps_of(folder: Path, n: int) -> Path:
    folder.mkdir()
    for at in range(n):
        probs = np.full((15, 20, 3), 0.1)
        probs[:8, :, 1] = 0.8
        probs[8:, :, 0] = 0.8
        np.save(folder / f"{at:06d}.npy", probs)
    return folder


def test_masks_of_maps_are_kept_and_shown(pictures: Path, tmp_path: Path) -> None:
    """A map becomes a mask in the size of its image, on the contact sheet and in a file."""
    project = of_masks(pictures)
    batch = project.batch(3, outputs=maps_of(tmp_path / "maps", 12))
    found = given_in(project.files, [1], project.task)
    assert set(found) == set(batch.picks.rows.tolist())
    value = next(iter(found.values())).value
    [pixels] = project.task.targets.read([Mask(value["mask"], value["digest"])])
    assert pixels.shape == SIZE[::-1]
    assert np.unique(pixels[:14]).tolist() == [1]
    assert np.unique(pixels[18:]).tolist() == [0]
    sheet = project.files.sheet(1).read_text(encoding="utf-8")
    assert "road" in sheet
    assert project.files.owns(project.files.given(1).name)


def test_maps_of_logits_are_read_as_such(pictures: Path, tmp_path: Path) -> None:
    """Logits are refused as probabilities, and the option is kept for the next batch."""
    project = of_masks(pictures)
    maps = tmp_path / "maps"
    maps.mkdir()
    rng = np.random.default_rng(0)
    for at in range(12):
        np.save(maps / f"{at:06d}.npy", 5 * rng.normal(size=(6, 8, 3)))
    with pytest.raises((InputError, DataError), match="000000"):
        project.batch(2, outputs=maps)
    project.batch(2, outputs=maps, places={"given": "logits"})
    project.batch(2, more=True)
    queries = [each for each in project.events() if isinstance(each, Queried)]
    assert [each.facts["outputs"]["places"] for each in queries] == [{"given": "logits"}] * 2
    with pytest.raises(InputError, match="unknown place option 'gives'"):
        project.batch(2, more=True, outputs=maps, places={"gives": "logits"})


def test_maps_of_a_photo_that_was_not_turned_are_refused(tmp_path: Path) -> None:
    """A model that ignores the camera's orientation says something of other pixels."""
    folder = photos(tmp_path / "photos", 3, size=(40, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), (9, 9, 9)).save(folder / "000000.png", exif=exif)
    maps = maps_of(tmp_path / "maps", 1)
    wrong = np.load(maps / "000000.npy")
    if wrong.shape[0] > wrong.shape[1]:
        wrong = wrong.swapaxes(0, 1)
    np.save(maps / "000000.npy", wrong)
    with pytest.raises(InputError, match=r"map of 000000.png is .*, turned as the camera says"):
        of_masks(folder).batch(1, outputs=maps)
    np.save(maps / "000000.npy", wrong.swapaxes(0, 1))
    assert of_masks(folder, "q.uwe").batch(1, outputs=maps).picks.rows.tolist() == [0]


def detections_of(path: Path, n: int = 4) -> Path:
    results = []
    for image in range(n):
        for at, score in enumerate((0.9, 0.6, 0.2)):
            results.append({"image_id": image, "category_id": 1 + at % 2, "score": score,
                            "bbox": [at * 5, 2, 6, 7]})  # fmt: skip
    path.write_text(json.dumps(results))
    return path


def test_boxes_of_results_are_kept(pictures: Path, tmp_path: Path) -> None:
    """Boxes of a score of at least 0.5 become what people see; categories count from 1."""
    project = of_boxes(pictures)
    batch = project.batch(3, outputs=detections_of(tmp_path / "results.json"))
    assert set(batch.picks.rows.tolist()) <= set(range(4))
    [first, *_] = given_in(project.files, [1], project.task).values()
    assert first.value["boxes"] == [[0.0, 2.0, 6.0, 9.0], [5.0, 2.0, 11.0, 9.0]]
    assert first.value["classes"] == [0, 1]
    assert first.scores == (0.9, 0.6)
    assert any("taken by their numbers: 1 rbc, 2 wbc" in note for note in batch.picks.notes)
    more = project.batch(1, more=True, least_score=0.1)
    [its] = [given_in(project.files, [2], project.task)[row] for row in more.picks]
    assert len(its.scores) == 3


def results_of(path: Path, *results: tuple[Any, Any, list[float]]) -> Path:
    keys = ("image_id", "category_id", "bbox")
    listed = [{**dict(zip(keys, each, strict=True)), "score": 0.9} for each in results]
    path.write_text(json.dumps(listed))
    return path


def annotations_of(path: Path, size: tuple[int, int], **names: str) -> Path:
    """Annotations of two images whose numbers are not those of their files."""
    images = [
        {"id": 5 + at, "file_name": f"{at:06d}.png", "width": size[0], "height": size[1]}
        for at in range(2)
    ]
    categories = [{"id": int(key[1:]), "name": name} for key, name in names.items()]
    path.write_text(json.dumps({"images": images, "categories": categories}))
    return path


def test_corners_that_are_given_as_sizes_are_refused(pictures: Path, tmp_path: Path) -> None:
    """The images of the project tell that boxes leave them, also without annotations."""
    results = results_of(tmp_path / "r.json", (1, 1, [20, 15, 35, 28]), (2, 1, [22, 15, 35, 28]))
    with pytest.raises(DataError, match="2 of 2 boxes leave their image, such as one of 1; bbox"):
        of_boxes(pictures).batch(1, outputs=results)


def test_boxes_in_pixels_of_another_image_are_refused(pictures: Path, tmp_path: Path) -> None:
    """Annotations whose images have another size than the project's are about other pixels."""
    results = results_of(tmp_path / "r.json", (5, 1, [1, 2, 3, 4]))
    wrong = annotations_of(tmp_path / "coco.json", SIZE[::-1], n1="rbc")
    project = of_boxes(pictures)
    with pytest.raises(DataError, match=r"000000.png is 30x40 pixels, and it is 40x30"):
        project.batch(1, outputs=results, images=wrong)
    right = annotations_of(tmp_path / "coco.json", SIZE, n1="rbc")
    assert project.batch(1, outputs=results, images=right).picks.rows.tolist() == [0]


def test_categories_without_a_detection_need_no_class(pictures: Path, tmp_path: Path) -> None:
    """A parent category that no box has is left out; a box of an unknown one is refused."""
    listed = annotations_of(tmp_path / "coco.json", SIZE, n0="cells", n7="wbc", n9="rbc")
    results = results_of(tmp_path / "r.json", (5, 9, [1, 2, 3, 4]), (6, 7, [1, 2, 3, 4]))
    project = of_boxes(pictures)
    project.batch(2, outputs=results, images=listed)
    given = given_in(project.files, [1], project.task)
    assert {row: each.value["classes"] for row, each in given.items()} == {0: [0], 1: [1]}
    results_of(results, (5, 0, [1, 2, 3, 4]))
    with pytest.raises(InputError, match="has the category 'cells', and the classes are rbc, wbc"):
        project.batch(1, more=True, outputs=results, images=listed)


def test_numbers_that_are_matched_with_files_are_said(pictures: Path, tmp_path: Path) -> None:
    """The number of an image may be another than that of its file, so a note shows the match."""
    results = results_of(tmp_path / "r.json", (1, 1, [1, 2, 3, 4]))
    notes = of_boxes(pictures).batch(1, outputs=results).picks.notes
    assert any("numbers in names of files: 1 is '000001.png'" in note for note in notes)
    results_of(results, ("000001.png", 1, [1, 2, 3, 4]))
    notes = of_boxes(pictures, "q.uwe").batch(1, outputs=results).picks.notes
    assert not any("numbers in names" in note for note in notes)


def test_a_broken_image_does_not_stop_outputs(tmp_path: Path) -> None:
    """Its row is skipped, and results that are about it are no reason to stop."""
    folder = photos(tmp_path / "photos", 3)
    (folder / "000001.png").write_bytes(b"none")
    project = of_boxes(folder)
    results = results_of(tmp_path / "r.json", (1, 1, [1, 2, 3, 4]), (2, 1, [1, 2, 3, 4]))
    assert project.batch(1, outputs=results).picks.rows.tolist() == [2]


def test_a_pool_that_is_not_weighted_is_weighted_once(pictures: Path, tmp_path: Path) -> None:
    """`uwe` multiplies features of whole images by their uncertainty, as it does at each place."""
    rng = np.random.default_rng(3)
    ids, features = [f"{at:06d}.png" for at in range(12)], rng.normal(size=(12, 4))
    weights = rng.random(12)
    np.savez(tmp_path / "pool.npz", features=features, uncertainty=weights, ids=ids)
    project = of_boxes(pictures, strategy="uwe")
    wanted = uwe.select(features * weights[:, None], 5, strategy="coreset")
    picks = project.batch(5, outputs=tmp_path / "pool.npz").picks
    assert picks.rows.tolist() == wanted.rows.tolist()
    assert picks.rows.tolist() != uwe.select(features, 5, strategy="coreset").rows.tolist()
    np.savez(tmp_path / "bare.npz", features=features, ids=ids)
    with pytest.raises(InputError, match=r"strategy uwe needs .*weighted_entropy"):
        of_boxes(pictures, "q.uwe", strategy="uwe").batch(5, outputs=tmp_path / "bare.npz")


def test_the_command_line_makes_asks_and_tells(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Init, next with outputs and status of a project of boxes say what they did."""
    folder = tmp_path / "p.uwe"
    assert main(["init", str(folder), str(pictures), "--task", "detection",
                 "--classes", "rbc,wbc"]) == 0  # fmt: skip
    assert "detection of rbc, wbc; no model" in capsys.readouterr().out
    results = detections_of(tmp_path / "results.json")
    assert main(["next", str(folder), "-k", "2", "--outputs", str(results)]) == 0
    assert f"with the outputs in {results}" in capsys.readouterr().out
    assert main(["status", str(folder)]) == 0
    assert "none; 'uwe next --outputs' picks by the outputs of yours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--outputs", "gone.json"], "gone.json does not exist"),
        (["--least-score", "2"], "--least-score must be from 0 to 1, not 2"),
        (["--place-option", "given=logits"], "--place-option is for --outputs"),
        (["--image-list", "a.json"], "--image-list is for --outputs"),
    ],
)
def test_wrong_options_of_next_are_one_line(
    pictures: Path, arguments: list[str], words: str, refused: Callable[[list[str]], str]
) -> None:
    """What does not fit is said before anything is opened."""
    project = of_boxes(pictures)
    assert words in refused(["next", str(project.files.folder), *arguments])


def test_embedding_does_not_serve_shapes(
    pictures: Path, refused: Callable[[list[str]], str]
) -> None:
    """Features of whole images and options of models are refused where no model is trained."""
    begin = ["init", str(pictures.parent / "p.uwe"), str(pictures), "--task", "detection",
             "--classes", "rbc"]  # fmt: skip
    assert "--embed makes features of whole images" in refused([*begin, "--embed", "resnet18"])
    assert "trains no model, so depth is not used" in refused([*begin, "--model-option", "depth=3"])


def test_the_journal_of_a_project_is_read_back(pictures: Path) -> None:
    """A value of the journal that is not a box is refused as damage."""
    project = of_boxes(pictures)
    project.tell(["000001.png"], [[box("rbc", 0, 0, 5, 5)]])
    assert len(journal.read(ProjectFiles(project.files.folder).journal)) == 1
    path = project.files.journal
    path.write_text(path.read_text().replace('"classes":[0]', '"classes":[7]'))
    with pytest.raises(RunError):
        Project.open(project.files.folder).state()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_runs_and_areas_are_inverse(data: st.DataObject) -> None:
    """An area becomes runs, and runs the same area."""
    from uwe.formats.drawn import runs_of

    height, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    bits = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    area = np.array(bits).reshape(height, width)
    np.testing.assert_array_equal(of_runs(runs_of(area))((width, height)), area)


def test_uncovered_pixels_are_background_or_ignored() -> None:
    """What no shape covers is a class called background, or the ignored value; else refused."""
    square = Shape("road", area=of_runs([1, 2, 1]))
    outlines = Outlines((square,), (2, 2))
    with_background = segmentation(["background", "road"])
    assert outlines.label(with_background, (2, 2)).tolist() == [[0, 1], [1, 0]]
    ignoring = segmentation(["sky", "road"], ignore=9)
    assert base_of(ignoring) == 9
    assert outlines.label(ignoring, (2, 2)).tolist() == [[9, 1], [1, 9]]
    with pytest.raises(InputError, match="2 of 4 pixels are in no shape"):
        outlines.label(segmentation(["sky", "road"]), (2, 2))


def test_shapes_of_the_other_kind_are_refused() -> None:
    """A polygon is not a box, and a box no mask; another size of the image is said."""
    pytest.importorskip("pycocotools")
    triangle = Shape("rbc", area=of_polygons([[0, 0, 4, 0, 0, 4]]))
    with pytest.raises(InputError, match=r"shape 1 \(rbc\) is not a box"):
        Outlines((triangle,), (8, 8)).label(detection(CLASSES), (8, 8))
    with pytest.raises(InputError, match="is a box, and masks are wanted"):
        Outlines((Shape("sky", (0, 0, 1, 1)),), (8, 8)).label(segmentation(["sky"]), (8, 8))
    with pytest.raises(InputError, match="the image is 9x8 pixels, and it is 8x8"):
        Outlines((), (9, 8)).label(detection(CLASSES), (8, 8))
    with pytest.raises(InputError, match="three points or more"):
        Outlines((Shape("sky", area=of_polygons([[0, 0, 4, 0]])),)).label(
            segmentation(["sky"], ignore=0), (8, 8)
        )


def noise(folder: Path, n: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for at in range(n):
        pixels = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{at}.png")
    return folder


def test_labels_follow_the_images_that_are_learnt_from(tmp_path: Path) -> None:
    """With a shorter side of 24 pixels, boxes and masks are halved with their images."""
    source = noise(tmp_path / "photos")
    both = [
        Project(tmp_path / f"{task}.uwe", source, "none", task=task, classes=CLASSES, image_size=24)
        for task in ("detection", "segmentation")
    ]
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 1
    both[0].tell(["3.png"], [[box("wbc", 2, 4, 20, 40)]])
    both[1].tell(["3.png"], [mask])
    found = [
        fitted_targets(each.task, each.items, each.pool().labelled, each.pool().values)[0]
        for each in both
    ]
    assert found[0].corners.tolist() == [[1, 2, 10, 20]]
    np.testing.assert_array_equal(found[1].pixels, mask[::2, ::2])
    assert [each.items.learnt_size(3) for each in both] == [(32, 24)] * 2


@pytest.mark.slow
@pytest.mark.parametrize(("task", "model"), [("segmentation", "unet"), ("detection", "centernet")])
def test_a_project_can_train_a_model_of_its_own(tmp_path: Path, task: str, model: str) -> None:
    """It picks by the model, and what the model says is in pixels of the images."""
    source = noise(tmp_path / "photos")
    project = Project(tmp_path / "p.uwe", source, model, task=task, classes=CLASSES, image_size=32,
                      network={"epochs": 1, "device": "cpu"})  # fmt: skip
    label = {"segmentation": np.ones((48, 64), np.uint8), "detection": [box("rbc", 4, 4, 60, 40)]}
    project.tell(project.ask(3), [label[task]] * 3)
    batch = project.batch(2)
    assert project.state().trained_on == 3
    said = given_in(project.files, [2], project.task)
    assert set(said) == set(batch.picks.rows.tolist())
    if task == "segmentation":
        values = [each.value for each in said.values()]
        masks = project.task.targets.read(project.task.targets.array(values))
        assert {each.shape for each in masks} == {(48, 64)}
    assert project.settings.audit == 0


def test_images_of_two_shapes_are_no_pool_for_a_model(tmp_path: Path) -> None:
    """Both images and their sizes are named."""
    source = noise(tmp_path / "photos")
    Image.new("RGB", (64, 64)).save(source / "z.png")
    with pytest.raises(DataError, match=r"0.png is 32x24, z.png is 24x24 with the shorter side 24"):
        Project(tmp_path / "p.uwe", source, "unet", task="segmentation", classes=CLASSES,
                image_size=24)  # fmt: skip
    assert (
        len(Project(tmp_path / "q.uwe", source, task="segmentation", classes=CLASSES).items) == 11
    )


def test_a_photo_that_is_turned_is_as_large_as_it_is_shown(tmp_path: Path) -> None:
    """Boxes and masks are in pixels of the upright image, as the page and other tools show it."""
    (tmp_path / "photos").mkdir()
    image = Image.new("RGB", (40, 30), (9, 99, 9))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "photos" / "a.jpg", exif=exif)
    project = of_boxes(tmp_path / "photos")
    assert project.items.size(0) == (30, 40)
    assert project.tell(["a.jpg"], [[box("rbc", 0, 0, 30, 40)]]).new == 1
    with pytest.raises(InputError, match="leaves the image of 30x40"):
        project.tell(["a.jpg"], [[box("rbc", 0, 0, 40, 30)]])


def test_a_table_names_masks_beside_it(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a PNG in a table is that below the table's folder."""
    project = of_masks(pictures)
    (tmp_path / "drawn").mkdir()
    Image.fromarray(mask_of()).save(tmp_path / "drawn" / "m.png")
    (tmp_path / "drawn" / "labels.csv").write_text("id,label\n000001.png,m.png\n")
    monkeypatch.chdir("/")
    table = tmp_path / "drawn" / "labels.csv"
    assert main(["tell", str(project.files.folder), str(table)]) == 0
    assert list(project.labels()) == ["000001.png"]


def test_people_who_differ_are_settled_by_a_person(pictures: Path) -> None:
    """Two people draw other boxes; a third sees both, and no rule decides."""
    project = of_boxes(pictures, answers_per_row=2)
    project.tell(["000001.png"], [[box("rbc", 0, 0, 5, 5)]], by="ann")
    project.tell(["000001.png"], [[box("wbc", 0, 0, 5, 5)]], by="bo")
    people = Annotators.load_or_make(project.files, ("ann", "bo", "cy"))
    with closing(Desk.open(project, people=people, train=False)) as desk:
        [conflict] = desk.conflicts("cy")
        assert conflict.answers["ann"] == [box("rbc", 0, 0, 5, 5)]
        desk.settle("cy", conflict.row, conflict.answers["ann"])
    assert project.labels()["000001.png"] == [box("rbc", 0, 0, 5, 5)]
    with pytest.raises(InputError, match="no rule settles detection"):
        rule_of("majority", project.task)
    with pytest.raises(InputError, match="agreement is measured of classes and numbers"):
        agreement_of({}, project.task)
