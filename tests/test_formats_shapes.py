"""Boxes and masks in the formats of other tools: out with a model's, back with people's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fake_label_studio import TOKEN, FakeLabelStudio, running
from uwe.cli import main
from uwe.errors import DataError, InputError
from uwe.formats import export_of, find_format, read_answers, recognised, write
from uwe.formats.label_studio import Client, Sync, checked_address, studio_project
from uwe.formats.label_studio.brush import packed, unpacked
from uwe.formats.label_studio.labelling import configuration, controls_in, has_fewer_classes
from uwe.formats.label_studio.server import Server
from uwe.project import Answer, Project, Told
from uwe.project.given import write_given
from uwe.tasks import detection, segmentation

pytest.importorskip("pycocotools", reason="needs the extra detection")

CLASSES = ["rbc", 'w "b" <c>']
PLACES = ["background", "road", "car"]
SIZE = (40, 30)
OF_TOOLS = ("coco", "cvat", "label-studio")
TABLES = ("csv", "jsonl", "parquet")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes") / "photos"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "deep/a.png", "deep/c.png", "d.png"):
        Image.new("RGB", SIZE, (120, 90, 0)).save(folder / name)
    return folder


def project_of(pictures: Path, folder: Path, task: str, **more: Any) -> Project:
    classes = CLASSES if task == "detection" else PLACES
    options = {"ignore": 255} if task == "segmentation" else {}
    return Project(folder, pictures, task=task, classes=more.pop("classes", classes),
                   task_options=options, **more)  # fmt: skip


def box(name: str, *corners: float) -> dict[str, Any]:
    return {"class": name, "xyxy": list(corners)}


def blobs(seed: int = 0) -> Any:
    pixels = np.random.default_rng(seed).integers(0, 3, (6, 8)).astype(np.uint8)
    pixels = pixels.repeat(5, 0).repeat(5, 1)
    pixels[:2, :3] = 255
    return pixels


LABELS: Mapping[str, list[Any]] = {
    "detection": [[box("rbc", 1 / 3, 2, 10.25, 12), box(CLASSES[1], 0, 0, 40, 30)], [],
                  [box("rbc", 5, 5, 6, 6)]],
    "segmentation": [blobs(), np.zeros(SIZE[::-1], np.uint8), blobs(2)],
}  # fmt: skip
NAMES = ["a.png", "deep/a.png", "deep/c.png"]


def told(project: Project, path: Path, format: str, by: str = "bo", **more: Any) -> Told:
    read = read_answers(path, find_format(format), project, **more)
    answers = [
        Answer(each.id, each.label, each.by or by, read.rows.where(each), skip=each.skip)
        for each in read.rows
    ]
    return project.take(answers)


def written(project: Project, folder: Path, format: str, **more: Any) -> Path:
    path = folder / f"out-{format}{find_format(format).suffixes[0]}"
    write(export_of(project, **more), find_format(format), path, force=True)
    return path


def in_json(project: Project) -> dict[str, Any]:
    pixels = getattr(project.task.targets, "read", None)
    return {
        name: label if pixels is None else pixels([label])[0].tolist()
        for name, label in project.labels().items()
    }


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("format", [*OF_TOOLS, *TABLES])
def test_what_goes_out_comes_back(pictures: Path, tmp_path: Path, task: str, format: str) -> None:
    """Labels come back equal in another project; the same file again changes nothing."""
    ours = project_of(pictures, tmp_path / "ours.uwe", task)
    ours.tell(NAMES, LABELS[task], by="ann")
    path = written(ours, tmp_path, format)
    assert recognised(path, ours.task.widget).name == format
    theirs = ours  # a table names masks by the files of the project
    if task == "detection" or format in OF_TOOLS:
        theirs = project_of(pictures, tmp_path / "theirs.uwe", task)
        first = told(theirs, path, format)
        assert (first.new, first.problems) == (3, ())
    assert in_json(theirs) == in_json(ours)
    before = theirs.files.journal.read_bytes()
    assert told(theirs, path, format).new == 0
    assert theirs.files.journal.read_bytes() == before


def given_batch(project: Project, n: int = 2) -> list[str]:
    """A batch of rows, the first n of which have what a model gives."""
    rows = project.batch(3).picks.rows.tolist()
    said = {
        "boxes": np.array([[1, 2, 9, 9, 0.9, 0], [5, 5, 20, 20, 0.7, 1]]),
        "mask": blobs(),
    }[project.task.widget]
    if project.task.widget == "mask":
        said[said == 255] = 0
    shapes = project._ledger.shapes
    write_given(
        project.files.given(1), {row: shapes.given(row, said, least=0.5) for row in rows[:n]}
    )
    return [project.ids[row] for row in rows]


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("format", ["coco", "cvat"])
def test_a_models_shapes_are_no_answers_until_people_have_looked(
    pictures: Path, tmp_path: Path, task: str, format: str
) -> None:
    """What waits goes out with a model's shapes; untouched they are answers by request only."""
    project = project_of(pictures, tmp_path / "p.uwe", task)
    names = given_batch(project)
    path = written(project, tmp_path, format, to_label=True)
    untouched = told(project, path, format)
    assert (untouched.new, untouched.empty, untouched.problems) == (0, 3, ())
    complete = told(project, path, format, is_complete=True)
    assert (complete.new, complete.problems) == (3, ())
    expected = {"detection": [2, 2, 0], "segmentation": [1200] * 3}[task]
    sizes = [
        len(label) if task == "detection" else np.size(label)
        for label in (in_json(project)[name] for name in names)
    ]
    assert sizes == expected


@pytest.mark.parametrize("task", LABELS)
def test_label_studio_gets_predictions_and_gives_annotations(
    pictures: Path, tmp_path: Path, task: str
) -> None:
    """A model's shapes are predictions, which are no answers; as an annotation they are."""
    project = project_of(pictures, tmp_path / "p.uwe", task)
    given_batch(project, 1)
    path = written(project, tmp_path, "label-studio", to_label=True)
    assert told(project, path, "label-studio").new == 0
    tasks = json.loads(path.read_text())
    assert [len(each["predictions"]) for each in tasks] == [1, 0, 0]
    assert tasks[0]["data"]["image"].startswith("data:image/")
    results = tasks[0]["predictions"][0]["result"]
    tasks[0]["annotations"] = [{"id": 1, "completed_by": 3, "result": results}]
    path.write_text(json.dumps(tasks))
    assert told(project, path, "label-studio").new == 1
    assert list(project.labels()) == [tasks[0]["data"]["uwe_id"]]
    short = [
        {
            "id": 1,
            "image": tasks[0]["data"]["uwe_id"],
            "annotation_id": 5,
            "annotator": 3,
            "lead_time": 2.0,
            "label": [
                {
                    **each["value"],
                    "original_width": each["original_width"],
                    "original_height": each["original_height"],
                }
                for each in results
            ],
        }
    ]
    short = [{"image": short[0].pop("image"), "id": 1, "label": short[0]["label"],
              "annotator": 3, "annotation_id": 5, "lead_time": 2.0}]  # fmt: skip
    path.write_text(json.dumps(short))
    other = project_of(pictures, tmp_path / "q.uwe", task)
    assert told(other, path, "label-studio").new == 1
    assert in_json(other) == in_json(project)


def test_an_image_that_label_studio_had_in_another_form_is_refused(
    pictures: Path, tmp_path: Path
) -> None:
    """A smaller copy of the image is scaled; one that was turned would put boxes elsewhere."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection")
    value = {"x": 50, "y": 50, "width": 25, "height": 10, "rectanglelabels": ["rbc"]}
    result = {"from_name": "label", "to_name": "image", "type": "rectanglelabels", "value": value}
    path = tmp_path / "tasks.json"
    for size in ((30, 40), (20, 15)):
        shown = {**result, "original_width": size[0], "original_height": size[1]}
        annotation = {"id": 1, "completed_by": 3, "result": [shown]}
        path.write_text(json.dumps([{"data": {"uwe_id": "d.png"}, "annotations": [annotation]}]))
        problems = told(project, path, "label-studio").problems
        assert bool(problems) == (size == (30, 40))
        assert all("30x40 pixels, and it is 40x30, of another form" in each for each in problems)
    assert project.labels() == {"d.png": [box("rbc", 20, 15, 30, 18)]}


@pytest.mark.parametrize("task", LABELS)
def test_a_sync_sends_shapes_and_takes_them_back(pictures: Path, tmp_path: Path, task: str) -> None:
    """Predictions go out once, annotations come in, and a second round changes nothing."""
    project = project_of(pictures, tmp_path / "birds.uwe", task)
    names = given_batch(project)
    fake = FakeLabelStudio()
    with running(fake) as address:
        server = Server(Client(checked_address(address), TOKEN, patience=3), "1.23.2")
        studio = studio_project(server, project, None)
        sync = Sync(project, server, studio, k=3, ahead=1)
        assert sync.round().sent == 3
        tasks = {each["data"]["uwe_id"]: each for each in fake.tasks.values()}
        assert set(tasks) == set(names)
        results = [tasks[name]["predictions"][0]["result"] for name in names[:2]]
        kind = {"detection": "rectanglelabels", "segmentation": "brushlabels"}[task]
        assert {each["type"] for each in results[0]} == {kind}
        number = next(at for at, each in fake.tasks.items() if each is tasks[names[0]])
        fake.annotate(number, None)
        tasks[names[0]]["annotations"][0]["result"] = results[0]
        done = sync.round()
        assert (done.told.new, done.renewed, done.trained) == (1, 0, False)
        assert sync.round().told.new == 0
    assert list(project.labels()) == names[:1]
    given = {"detection": 2, "segmentation": 30}[task]
    assert len(in_json(project)[names[0]]) == given


def test_polygons_of_all_tools_are_one_mask(pictures: Path, tmp_path: Path) -> None:
    """The same rectangle as a polygon of COCO, CVAT and Label Studio is the same mask."""
    left, top, right, bottom = 4, 6, 20, 15
    points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    coco = {
        "images": [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}],
        "categories": [{"id": 3, "name": "road"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "iscrowd": 0,
                         "segmentation": [[each for point in points for each in point]]}],
    }  # fmt: skip
    listed = ";".join(f"{x}.00,{y}.00" for x, y in points)
    cvat = (
        '<annotations><image id="0" name="a.png" width="40" height="30"><polygon label="road" '
        f'source="manual" occluded="0" points="{listed}" z_order="0"></polygon></image>'
        "</annotations>"
    )
    shares = [[100 * x / 40, 100 * y / 30] for x, y in points]
    studio = [
        {
            "id": 1,
            "data": {"image": "a.png"},
            "annotations": [
                {
                    "completed_by": 1,
                    "result": [
                        {
                            "type": "polygonlabels",
                            "from_name": "label",
                            "to_name": "item",
                            "original_width": 40,
                            "original_height": 30,
                            "value": {"points": shares, "polygonlabels": ["road"]},
                        }
                    ],
                }
            ],
        }
    ]
    found = []
    for format, content in (("coco", json.dumps(coco)), ("cvat", cvat),
                            ("label-studio", json.dumps(studio))):  # fmt: skip
        path = tmp_path / f"{format}.txt"
        path.write_text(content)
        project = project_of(pictures, tmp_path / f"{format}.uwe", "segmentation")
        assert told(project, path, format).problems == ()
        found.append(np.array(in_json(project)["a.png"]))
    expected = np.zeros(SIZE[::-1], int)
    expected[top:bottom, left:right] = 1
    for mask in found:
        np.testing.assert_array_equal(mask, expected)


def test_runs_of_coco_are_read_in_both_forms(pictures: Path, tmp_path: Path) -> None:
    """Counts as numbers go column by column, and compressed counts are the same."""
    from pycocotools import mask as masks

    area = np.zeros(SIZE[::-1], np.uint8)
    area[3:9, 2:30] = 1
    packed_runs = masks.encode(np.asfortranarray(area))
    flat = area.ravel(order="F")
    ends = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), flat.size]
    counts = np.diff(ends).tolist()
    found = []
    for at, runs in enumerate(
        [
            {"size": [30, 40], "counts": counts},
            {"size": [30, 40], "counts": packed_runs["counts"].decode()},
        ]
    ):
        path = tmp_path / f"{at}.json"
        path.write_text(json.dumps({
            "images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "car"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": runs}],
        }))  # fmt: skip
        project = project_of(pictures, tmp_path / f"{at}.uwe", "segmentation")
        assert told(project, path, "coco").problems == ()
        found.append(np.array(in_json(project)["a.png"]))
    np.testing.assert_array_equal(found[0], 2 * area)
    np.testing.assert_array_equal(found[1], 2 * area)


VOC = """<annotation><filename>b.jpg</filename><size><width>40</width><height>30</height></size>
<object><name>rbc</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>10</xmax><ymax>12</ymax></bndbox>
</object></annotation>"""


def test_voc_and_yolo_are_told(pictures: Path, tmp_path: Path) -> None:
    """Files of both kinds find their images by name; an empty file says that there is no object."""
    voc = tmp_path / "voc"
    voc.mkdir()
    (voc / "b.xml").write_text(VOC)
    yolo = tmp_path / "yolo"
    (yolo / "labels" / "deep").mkdir(parents=True)
    (yolo / "labels" / "b.txt").write_text("1 0.5 0.5 0.25 0.2\n")
    (yolo / "labels" / "deep" / "c.txt").write_text("")
    (yolo / "classes.txt").write_text("wbc\nrbc\n")
    project = project_of(pictures, tmp_path / "p.uwe", "detection", classes=["rbc", "wbc"])
    assert recognised(voc, "boxes").name == "voc"
    assert recognised(voc / "b.xml", "boxes").name == "voc"
    assert recognised(yolo, "boxes").name == "yolo"
    assert told(project, voc, "voc", by="ann").new == 1
    assert project.labels() == {"b.jpg": [box("rbc", 2, 3, 10, 12)]}
    assert told(project, yolo, "yolo", by="ann").problems == ()
    assert project.labels() == {"b.jpg": [box("rbc", 15, 12, 25, 18)], "deep/c.png": []}
    assert told(project, yolo, "yolo", by="ann").new == 0


def test_yolo_needs_names_of_its_classes(pictures: Path, tmp_path: Path) -> None:
    """Numbers alone may count other classes than the project's; data.yaml two folders up serves."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection", classes=["rbc", "wbc"])
    folder = tmp_path / "set" / "labels" / "train"
    folder.mkdir(parents=True)
    (folder / "b.txt").write_text("0 0.5 0.5 0.25 0.2\n")
    with pytest.raises(DataError, match=r"nothing names the classes of .*; write classes.txt"):
        told(project, folder, "yolo")
    (tmp_path / "set" / "data.yaml").write_text("names: [wbc, rbc]\n")
    assert told(project, folder, "yolo").new == 1
    assert project.labels() == {"b.jpg": [box("wbc", 15, 12, 25, 18)]}


def coco_with(image: Mapping[str, Any], annotation: Mapping[str, Any], name: str = "rbc") -> str:
    return json.dumps({
        "images": [{"id": 1, "file_name": "a.png", **image}],
        "categories": [{"id": 5, "name": name}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 4, 4],
                         **annotation}],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (coco_with({}, {}, "owl"), "unknown class 'owl'"),
        (coco_with({}, {"bbox": [30, 2, 20, 4]}), "leaves the image of 40x30 pixels"),
        (coco_with({}, {"bbox": [3, 2, 0, 4]}), "has no area"),
        (coco_with({}, {"bbox": [3, 2, 4]}), "has 3 numbers, and needs 4"),
        (coco_with({}, {"bbox": "no"}), "must be a list"),
        (coco_with({}, {"bbox": []}), "is not a box; draw boxes only"),
        (coco_with({"file_name": "gone.png"}, {}), "gone.png"),
        (coco_with({"width": 41, "height": 30}, {}), "says that the image is 41x30 pixels"),
    ],
)
def test_mistakes_in_coco_are_one_line_each(
    pictures: Path, tmp_path: Path, content: str, words: str
) -> None:
    """Each names the file, and nothing of the image is recorded."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection")
    path = tmp_path / "a.json"
    path.write_text(content)
    read = read_answers(path, find_format("coco"), project)
    found = [*read.rows.problems, *told(project, path, "coco").problems]
    assert len(found) >= 1
    assert words in found[0]
    assert str(path) in found[0]
    assert "\n" not in found[0]
    assert project.labels() == {}


def cvat_with(shape: str) -> str:
    return (
        '<annotations><image id="0" name="a.png" width="40" height="30">'
        f"{shape}</image></annotations>"
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ('<ellipse label="rbc" cx="3" cy="4"></ellipse>', "an ellipse|a ellipse"),
        ('<box label="rbc" xtl="1" ytl="a" xbr="3" ybr="4"></box>', "a box cannot be read"),
        ('<box label="rbc" xtl="1" ytl="1" xbr="3" ybr="4" rotation="30"></box>', "rotated"),
        ('<box xtl="1" ytl="1" xbr="3" ybr="4"></box>', "a box cannot be read"),
    ],
)
def test_shapes_that_cvat_has_and_projects_have_not(
    pictures: Path, tmp_path: Path, shape: str, words: str
) -> None:
    """A line says which shape cannot be taken."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection")
    path = tmp_path / "a.xml"
    path.write_text(cvat_with(shape))
    read = read_answers(path, find_format("cvat"), project)
    assert len(read.rows.problems) == 1
    assert any(word in read.rows.problems[0] for word in words.split("|"))


def test_a_class_of_a_file_can_be_renamed(pictures: Path, tmp_path: Path) -> None:
    """--rename reaches the classes of shapes and of boxes in a table."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection")
    path = tmp_path / "a.json"
    path.write_text(coco_with({}, {}, "owl"))
    assert told(project, path, "coco", rename={"owl": "rbc"}).new == 1
    table = tmp_path / "a.jsonl"
    table.write_text(json.dumps({"id": "d.png", "label": [box("owl", 1, 1, 2, 2)]}) + "\n")
    assert told(project, table, "jsonl", rename={"owl": "rbc"}).new == 1


def test_the_command_line_exports_what_waits_and_tells_it(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    refused: Callable[[list[str]], str],
) -> None:  # fmt: skip
    """Export, tell with and without --complete, and the refusals."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection")
    folder = str(project.files.folder)
    begin = ["export", folder, "--what", "to-label", "--format", "cvat", "-o"]
    assert "nothing of p waits for a label" in refused([*begin, str(tmp_path / "a.xml")])
    given_batch(project)
    assert main([*begin, str(tmp_path / "a.xml")]) == 0
    assert "3 rows to label, 2 with what a model says" in capsys.readouterr().out
    assert main(["tell", folder, str(tmp_path / "a.xml")]) == 0
    assert "add --complete" in capsys.readouterr().out
    assert main(["tell", folder, str(tmp_path / "a.xml"), "--complete"]) == 0
    assert "3 new" in capsys.readouterr().out
    assert main(["status", folder, "--labels", str(tmp_path / "labels.csv")]) == 0
    assert "yolo is read, and not written" in refused(
        ["export", folder, "--format", "yolo", "-o", str(tmp_path / "out")]
    )
    assert "--all is for labels" in refused([*begin, str(tmp_path / "b.xml"), "--all"])
    classes = Project(tmp_path / "c.uwe", np.eye(3), classes=["a", "b"])
    table = tmp_path / "t.csv"
    table.write_text("id,label\n0,a\n")
    assert (
        "--complete is for boxes and masks"
        in refused(["tell", str(classes.files.folder), str(table), "--complete"])
        or classes.settings.source == ""
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_brush_masks_are_packed_and_unpacked(data: st.DataObject) -> None:
    """The runs of Label Studio give the same area, also where a run is longer than 65,536 bytes."""
    height, width = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([1, 2, 7, 40_000]))
    cuts = sorted(data.draw(st.lists(st.integers(0, height * width), max_size=6)))
    area = np.zeros(height * width, np.bool_)
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        area[start:end] = True
    area = area.reshape(height, width)
    np.testing.assert_array_equal(unpacked(packed(area), (width, height)), area)


def slowly_unpacked(runs: list[int]) -> list[int]:
    """Bit by bit, as the source of Label Studio's packing describes it."""
    bits = [byte >> at & 1 for byte in runs for at in range(7, -1, -1)]

    def take(n: int) -> int:
        value = 0
        for _ in range(n):
            value = 2 * value + bits.pop(0)
        return value

    count, word = take(32), take(5) + 1
    lengths = [take(4) + 1 for _ in range(4)]
    out: list[int] = []
    while len(out) < count:
        repeated = take(1)
        n = take(lengths[take(2)]) + 1
        out += [take(word)] * n if repeated else [take(word) for _ in range(n)]
    return out


def test_brush_masks_agree_with_the_slow_reader() -> None:
    """Each pixel is four bytes of 0 or 255, in the order of rows."""
    area = blobs() == 1
    expected = np.repeat(area.ravel().astype(int) * 255, 4).tolist()
    assert slowly_unpacked(packed(area)) == expected


def test_literal_runs_are_read() -> None:
    """A run whose bytes are written out one by one, as Label Studio also packs them."""
    bits = f"{8:032b}{7:05b}" + "".join(f"{each - 1:04b}" for each in (3, 4, 8, 16))
    bits += "0" + "00" + f"{7:03b}" + "".join(f"{255 * (at > 3):08b}" for at in range(8))
    bits += "0" * (-len(bits) % 8)
    runs = list(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    assert unpacked(runs, (2, 1)).tolist() == [[False, True]]


@pytest.mark.parametrize("runs", [[], [1, 2, 3], packed(np.ones((2, 3), np.bool_))[:-1], [300]])
def test_brush_masks_that_are_none_are_refused(runs: list[int]) -> None:
    """Each mistake in them is told in one line."""
    with pytest.raises(InputError, match="brush mask"):
        unpacked(runs, (3, 2))


def test_the_configuration_asks_for_shapes() -> None:
    """Rectangles or brushes with a label for each class; earlier classes are recognised."""
    boxes, masks = detection(["rbc", "wbc"]), segmentation(["sky", "road"], ignore=255)
    xml = configuration(boxes, "images")
    assert '<RectangleLabels name="label" toName="item">' in xml
    assert '<Label value="wbc"/>' in xml
    assert controls_in(xml, boxes, where="project 1").kind == "rectanglelabels"
    assert '<Label value="ignore"/>' in configuration(masks, "images")
    assert controls_in(configuration(masks, "images"), masks, where="p").kind == "brushlabels"
    assert has_fewer_classes(xml, detection(["rbc", "wbc", "x"]), "images")
    with pytest.raises(InputError, match="needs <RectangleLabels> of rbc, wbc"):
        controls_in(configuration(masks, "images"), boxes, where="project 1")


def test_formats_that_cannot_hold_shapes_say_so(pictures: Path, tmp_path: Path) -> None:
    """Prodigy and Argilla hold classes; a table is proposed."""
    project = project_of(pictures, tmp_path / "p.uwe", "detection")
    project.tell(["a.png"], [[]])
    with pytest.raises(InputError, match="cannot hold the labels of detection; choose"):
        write(export_of(project), find_format("prodigy"), tmp_path / "a.jsonl")
