"""Formats of other tools: what goes out comes in with the same labels, twice without a change."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from uwe.cli import main
from uwe.errors import UweError
from uwe.formats import (
    FORMATS,
    Destination,
    export_of,
    find_format,
    read_answers,
    recognised,
    write,
)
from uwe.formats.argilla import user_id
from uwe.project import Answer, Project, Told

CLASSES = ("crow", "a|b", "né; x", '<rook> & "co"', "7")
TASKS = ("classification", "multilabel", "regression")
NAMES = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="/\\"
    ),
    min_size=1,
    max_size=9,
).filter(lambda text: text.strip() == text and not text.startswith("."))
PEOPLE = ("ann", "bo b", "Çelik")
LABELS: Mapping[str, st.SearchStrategy[Any]] = {
    "classification": st.sampled_from(CLASSES),
    "multilabel": st.lists(st.sampled_from(CLASSES), unique=True),
    "regression": st.floats(-1e9, 1e9),
}
OF_IMAGES = ("prodigy", "argilla", "imagefolder", "datasets", "coco", "cvat")
OF_TEXTS = ("prodigy", "argilla", "datasets")


def photos(folder: Path, names: Sequence[str]) -> Path:
    for at, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (at * 20, 0, 0)).save(path, "PNG")
    return folder


def made(folder: Path, source: Path, task: str = "classification", **more: Any) -> Project:
    classes = () if task == "regression" else CLASSES
    model = _MODELS.get(task, "sklearn:logistic")
    return Project(folder, source, model, task=task, classes=classes, **more)


_MODELS = {"regression": "sklearn:forest"}


def of_photos(folder: Path, source: Path, task: str = "classification") -> Project:
    classes = () if task == "regression" else CLASSES
    return Project(folder, source, "small", task=task, classes=classes)


def birds(base: Path, name: str = "p.uwe", task: str = "classification") -> Project:
    """A project about six photos, two of which have the same file name."""
    names = ("a.png", "b.png", "deep/a.png", "deep/test/c.png", "e f.png", "g.png")
    return of_photos(base / name, photos(base / "photos", names), task)


def sentences(base: Path, name: str = "p.uwe", task: str = "classification") -> Project:
    """A project about five texts, two of which are the same."""
    path = base / "texts.jsonl"
    words = ["the crow", "a rook\nand a jay", "same", "same", "ünder <b>"]
    lines = [json.dumps({"id": f"t{at}", "words": text}) for at, text in enumerate(words)]
    path.write_text("\n".join(lines))
    return made(base / name, path, task, text="words")


def answers_of(path: Path, to: Project, name: str | None = None) -> tuple[list[Answer], list[str]]:
    """The answers of a file, and its problems."""
    from uwe.cli.project_words import answers_in

    read = read_answers(path, recognised(path) if name is None else find_format(name), to)
    return answers_in(read.rows, by="annotator"), list(read.rows.problems)


def told_from(path: Path, to: Project, name: str | None = None) -> Told:
    answers, problems = answers_of(path, to, name)
    told = to.take(answers)
    assert not problems
    assert not told.problems
    return told


def is_nothing(told: Told) -> bool:
    return not any((told.new, told.corrected, told.skipped, told.settled))


def said(of: Project) -> list[Any]:
    """Who said what of each item, as far as every format of people can hold it."""
    return [
        (entry.id, sorted((s.by, s.label, s.note, s.skip, s.settled) for s in entry.said))
        for entry in export_of(of).entries
    ]


def output(base: Path, name: str) -> Path:
    suffixes = find_format(name).suffixes
    return base / f"out{suffixes[0] if suffixes else ''}"


def live(of: Project, draw: Callable[[Any], Any]) -> None:
    """Three people answer, skip and settle; at least one label counts."""
    label = LABELS[of.task.name]
    notes = st.none() | NAMES
    of.tell([of.ids[0]], [draw(label)], by="ann")
    for row in range(1, len(of.ids)):
        for by in draw(st.lists(st.sampled_from(PEOPLE), unique=True)):
            skip = draw(st.integers(0, 5)) == 0
            value = None if skip else draw(label)
            of.take([Answer(of.ids[row], value, by, note=draw(notes), skip=skip)], whole=True)
    if draw(st.booleans()):
        of.settle([of.ids[1]], [draw(label)], by="cy")


@pytest.mark.parametrize(
    ("name", "task"),
    [
        (name, task)
        for name in OF_IMAGES
        for task in TASKS
        if task != "regression" or name not in ("coco", "cvat")
    ],
)
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_photos_go_out_and_come_in(name: str, task: str, data: st.DataObject) -> None:
    """The labels are the same in a fresh project, and nothing is new in the same one."""
    stems = data.draw(st.lists(NAMES, min_size=3, max_size=3, unique_by=str.casefold))
    names = [f"{'deep/' if at else ''}{stem}.png" for at, stem in enumerate(stems)]
    base = Path(tempfile.mkdtemp())
    try:
        first = of_photos(base / "first.uwe", photos(base / "photos", names), task)
        live(first, data.draw)
        path = output(base, name)
        write(export_of(first), find_format(name), path)
        assert recognised(path).name == name
        assert is_nothing(told_from(path, first))
        second = of_photos(base / "second.uwe", base / "photos", task)
        told_from(path, second)
        assert second.labels() == first.labels()
        if find_format(name).holds_people:
            assert said(second) == said(first)
        assert is_nothing(told_from(path, second))
    finally:
        shutil.rmtree(base)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", OF_TEXTS)
def test_texts_go_out_and_come_in(name: str, task: str, tmp_path: Path) -> None:
    """Texts are found again by their ids, also where two are the same."""
    label: Mapping[str, Sequence[Any]] = {
        "classification": ["crow", "7", "a|b"],
        "multilabel": [["crow", "7"], [], ["né; x"]],
        "regression": [0.1, -3.0, 1e-300],
    }
    first = sentences(tmp_path, "first.uwe", task)
    first.tell(["t1", "t2", "t4"], label[task], by="ann")
    first.skip(["t0"], "no bird", by="bo")
    path = output(tmp_path, name)
    write(export_of(first), find_format(name), path)
    assert is_nothing(told_from(path, first))
    second = sentences(tmp_path, "second.uwe", task)
    told_from(path, second)
    assert second.labels() == first.labels()


@pytest.mark.parametrize("name", OF_TEXTS)
@pytest.mark.parametrize("kind", ["rows", "vectors"])
def test_rows_and_vectors_go_out_and_come_in(kind: str, name: str, tmp_path: Path) -> None:
    """A table keeps its columns, an embedding its numbers; both come in by their ids."""
    source = tmp_path / "source"
    if kind == "rows":
        source = tmp_path / "rows.csv"
        source.write_text("id,x,y\na,1,2.5\nb,3,4.5\nc,5,6\n")
    else:
        source.mkdir()
        np.save(source / "features.npy", np.eye(3, dtype=np.float32))
        (source / "ids.txt").write_text("a\nb\nc")
    first = made(tmp_path / "first.uwe", source)
    first.tell(["c", "a"], ["crow", "7"], by="ann")
    path = output(tmp_path, name)
    write(export_of(first), find_format(name), path)
    second = made(tmp_path / "second.uwe", source)
    told_from(path, second)
    assert second.labels() == first.labels()
    assert is_nothing(told_from(path, first))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_everything_may_go_out_before_anything_is_said(name: str, tmp_path: Path) -> None:
    """With --all the pool can be labelled in another tool; what comes back has no label yet."""
    of = birds(tmp_path)
    path = output(tmp_path, name)
    folder = str(of.files.folder)
    assert main(["export", folder, "--format", name, "-o", str(path), "--all"]) == 0
    assert recognised(path).name == name
    told = told_from(path, of)
    assert is_nothing(told)
    assert of.labels() == {}


@pytest.mark.parametrize("copies", [False, True])
def test_datasets_loads_the_image_folder(copies: bool, tmp_path: Path) -> None:
    """Every image with its label, also where a folder is called test; copies need no source."""
    datasets = pytest.importorskip("datasets")
    of = birds(tmp_path)
    of.tell(list(of.ids), ["crow", "7", "a|b", "crow", "7", "7"], by="ann")
    path = tmp_path / "out"
    flags = ["--copy"] if copies else []
    arguments = [str(of.files.folder), "--format", "imagefolder", "-o", str(path), *flags]
    assert main(["export", *arguments]) == 0
    if copies:
        shutil.rmtree(tmp_path / "photos")
    loaded = datasets.load_dataset(str(path), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    assert sorted(loaded["train"]["label"]) == sorted(["crow", "7", "a|b", "crow", "7", "7"])
    assert loaded["train"][0]["image"].size == (8, 6)


@pytest.mark.parametrize("task", TASKS)
def test_datasets_loads_its_folder(task: str, tmp_path: Path) -> None:
    """Classes are a ClassLabel with names, several classes a list of them, numbers are float64."""
    datasets = pytest.importorskip("datasets")
    label: Mapping[str, Any] = {"classification": "a|b", "multilabel": ["7", "crow"]}
    of = birds(tmp_path, task=task)
    of.tell(["b.png"], [label.get(task, 2.5)], by="ann")
    write(export_of(of), find_format("datasets"), tmp_path / "out")
    loaded = datasets.load_from_disk(str(tmp_path / "out"))
    feature = loaded.features["label"]
    names = getattr(getattr(feature, "feature", feature), "names", None)
    assert names == (None if task == "regression" else list(CLASSES))
    values: Mapping[str, Any] = {"classification": 1, "multilabel": [0, 4], "regression": 2.5}
    assert loaded[0]["label"] == values[task]
    assert loaded[0]["image"].size == (8, 6)


PRODIGY = [
    '{"text":"the crow","options":[{"id":"crow","text":"Crow"},{"id":"7","text":"seven"}],'
    '"accept":["crow"],"answer":"accept","_input_hash":-91551573,"_task_hash":-116,'
    '"_view_id":"choice","config":{"choice_style":"single"},"_timestamp":1707211049,'
    '"_annotator_id":"birds-ann","_session_id":"birds-ann"}',
    '{"text":"ünder <b>","options":[{"id":1,"text":"crow"},{"id":2,"text":"7"}],"accept":[2],'
    '"answer":"accept","_annotator_id":"2024-02-06_10-17-19","_session_id":"2024-02-06_10-17-19"}',
    '{"text":"a rook\\nand a jay","label":"a|b","answer":"accept"}',
    '{"text":"a rook\\nand a jay","label":"crow","answer":"reject","_session_id":"birds-bo"}',
    '{"text":"the crow","answer":"ignore","_session_id":"birds-bo"}',
]


def test_annotations_of_prodigy_are_read(tmp_path: Path) -> None:
    """As `db-out` writes them: choices by id or by text, binary labels, ignored tasks, sessions."""
    of = sentences(tmp_path)
    path = tmp_path / "annotations.jsonl"
    path.write_text("\n".join(PRODIGY) + "\n")
    assert recognised(path).name == "prodigy"
    answers, problems = answers_of(path, of)
    assert not problems
    assert [(each.id, each.label, each.by, each.skip) for each in answers] == [
        ("t0", "crow", "birds-ann", False),
        ("t4", "7", "annotator", False),
        ("t1", "a|b", "annotator", False),
        ("t1", None, "birds-bo", False),
        ("t0", None, "birds-bo", True),
    ]


ARGILLA = """[
{"id": "t0", "fields": {"text": "the crow"}, "metadata": {"split": "train"},
 "suggestions": {"label": {"value": "crow", "score": 0.9, "agent": "m"}},
 "responses": {"label": [{"value": "crow", "user_id": "11111111-1111-4111-8111-111111111111"},
   {"value": "7", "user_id": "22222222-2222-4222-8222-222222222222"}],
  "note": [{"value": "dark", "user_id": "22222222-2222-4222-8222-222222222222"}]},
 "vectors": {}, "status": "pending", "_server_id": null},
{"id": "d87f7da0-8eaa-4307-9585-a95ef3cf7e3a", "fields": {"text": "a rook\\nand a jay"},
 "metadata": {}, "suggestions": {}, "responses": {}, "vectors": {}, "status": "pending",
 "_server_id": null}
]"""
FLAT = """[
{"id": "t0", "status": "pending", "_server_id": null, "text": "the crow", "split": "train",
 "label.responses": ["crow", "7", "a|b"],
 "label.responses.users": ["11111111-1111-4111-8111-111111111111",
  "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"],
 "label.responses.status": ["submitted", "discarded", "draft"], "label.suggestion": "crow",
 "label.suggestion.score": 0.9, "label.suggestion.agent": "m"},
{"id": "x", "status": "pending", "_server_id": null, "text": "same", "split": null,
 "label.responses": null, "label.responses.users": null, "label.responses.status": null,
 "label.suggestion": null, "label.suggestion.score": null, "label.suggestion.agent": null}
]"""
"""Both as argilla 2.8.0 writes them: `to_json`, and the JSON of `to_list(flatten=True)`."""


def test_records_of_argilla_are_read(tmp_path: Path) -> None:
    """Responses of users, with the note; records without responses say nothing."""
    of = sentences(tmp_path)
    path = tmp_path / "records.json"
    path.write_text(ARGILLA)
    assert recognised(path).name == "argilla"
    answers, problems = answers_of(path, of)
    assert not problems
    assert [(each.id, each.label, each.by[:2], each.note) for each in answers] == [
        ("t0", "crow", "11", None),
        ("t0", "7", "22", "dark"),
    ]
    path.write_text(FLAT)
    assert recognised(path).name == "argilla"
    answers, problems = answers_of(path, of)
    assert [(each.label, each.by[:2], each.skip) for each in answers] == [
        ("crow", "11", False),
        (None, "22", True),
        (None, "33", False),
    ]
    assert not problems


def test_people_keep_their_names_through_argilla(tmp_path: Path) -> None:
    """Argilla knows people by UUIDs; an export notes the names, and takes them back."""
    of = sentences(tmp_path)
    of.tell(["t0"], ["crow"], by="Çelik")
    path = tmp_path / "out.json"
    write(export_of(of), find_format("argilla"), path)
    [record] = json.loads(path.read_text())
    assert record["responses"]["label"][0]["user_id"] == user_id("Çelik")
    assert answers_of(path, of)[0][0].by == "Çelik"


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>birds</name><size>4</size><mode>annotation</mode>
    <labels><label><name>crow</name><attributes></attributes></label></labels>
    <owner><username>admin</username><email></email></owner></task>
    <dumped>2018-09-25 11:38:28.799808+03:00</dumped></meta>
  <image id="0" name="deep/a.png" width="8" height="6">
    <tag label="crow" source="manual">
    </tag>
    <box label="plate" xtl="1" ytl="1" xbr="2" ybr="2" occluded="0" z_order="4">
    </box>
  </image>
  <image id="1" name="b.png" width="8" height="6"><tag label="7" source="auto"></tag></image>
  <image id="2" name="upload/photos/g.png" width="8" height="6">
    <tag label="7" source="manual"></tag></image>
  <image id="3" name="e f.png" width="8" height="6"></image>
</annotations>
"""


@pytest.mark.parametrize("form", ["xml", "zip", "folder"])
def test_tags_of_cvat_are_read(form: str, tmp_path: Path) -> None:
    """Tags that people set are labels, those of a model are not; a ZIP and its folder are read."""
    of = birds(tmp_path)
    path = tmp_path / f"export.{form}"
    if form == "xml":
        path.write_text(CVAT)
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("annotations.xml", CVAT)
    else:
        path.mkdir()
        (path / "annotations.xml").write_text(CVAT)
    assert recognised(path).name == "cvat"
    told = told_from(path, of)
    assert of.labels() == {"deep/a.png": "crow", "g.png": "7"}
    assert told.empty == 2


COCO: Mapping[str, Any] = {
    "info": {"year": 2017},
    "licenses": [],
    "images": [
        {"id": 397133, "file_name": "b.png", "width": 8, "height": 6, "coco_url": "http://x/b.png"},
        {"id": 37777, "file_name": "000/g.png", "width": 8, "height": 6},
        {"id": 5, "file_name": "deep/test/c.png", "width": 8, "height": 6},
    ],
    "annotations": [
        {"id": 1, "image_id": 397133, "category_id": 44, "bbox": [1, 1, 2, 2], "area": 4},
        {"id": 2, "image_id": 397133, "category_id": 44, "bbox": [3, 1, 2, 2], "area": 4},
        {"id": 3, "image_id": 37777, "category_id": 67, "iscrowd": 0},
    ],
    "categories": [
        {"id": 44, "name": "crow", "supercategory": "bird"},
        {"id": 67, "name": "7", "supercategory": "bird"},
    ],
}


def test_images_of_coco_are_read(tmp_path: Path) -> None:
    """The categories of an image's annotations are its classes, each once."""
    of = birds(tmp_path)
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(COCO))
    assert recognised(path).name == "coco"
    told = told_from(path, of)
    assert of.labels() == {"b.png": "crow", "g.png": "7"}
    assert told.empty == 1


def test_folders_named_after_classes_are_read(tmp_path: Path) -> None:
    """Images that were sorted into folders get the name of the folder."""
    of = birds(tmp_path)
    photos(tmp_path / "sorted", ["crow/b.png", "7/g.png", "7/a.png", "stray.png"])
    assert recognised(tmp_path / "sorted").name == "imagefolder"
    answers, problems = answers_of(tmp_path / "sorted", of)
    assert {each.id: each.label for each in answers} == {"b.png": "crow", "g.png": "7"}
    assert "'7/a.png' may be 'a.png' or 'deep/a.png'; write the path" in problems[0]
    assert "'stray.png' is in no folder that is named after its class" in problems[1]


def bomb(depth: int) -> str:
    entities = "".join(f'<!ENTITY e{at} "{f"&e{at - 1};" * 10}">' for at in range(1, depth))
    return f'<!DOCTYPE x [<!ENTITY e0 "x">{entities}]><annotations>&e{depth - 1};</annotations>'


HOSTILE: Mapping[str, tuple[str, str, str]] = {
    "deep json": ("x.json", "[" * 100_000, "is no JSON (it is nested too deeply)"),
    "broken json": ("x.json", '{"images": [', "is no JSON ("),
    "json twice": ("x.json", '{"id": 1,\n "id": 2}', "the key 'id' is there twice"),
    "xml bomb": ("x.xml", bomb(12), "declares a document type, which CVAT does not"),
    "xml outside": (
        "x.xml",
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><annotations>&f;</annotations>',
        "declares a document type",
    ),
    "broken xml": ("x.xml", "<annotations><image name='b.png'>", "is no XML ("),
    "other xml": ("x.xml", "<svg/>", "begins with <svg>, not with <annotations> of CVAT"),
    "video": ("x.xml", "<annotations><track id='0'/></annotations>", "is of a video; export it"),
    "shapes": (
        "x.xml",
        "<annotations><image name='b.png'><box label='crow'/></image></annotations>",
        "holds shapes, but no tags of whole images",
    ),
    "nameless": ("x.xml", "<annotations><image id='0'/></annotations>", "image 1 has no name"),
    "unknown": ("x.json", '{"a": 1}', "the format of x.json is not known"),
    "coco types": (
        "x.json",
        '{"images": 1, "annotations": [], "categories": []}',
        "images must be a list",
    ),
    "coco category": (
        "x.json",
        '{"images": [], "annotations": [{"image_id": 1, "category_id": 3}], "categories": []}',
        "annotation 1 is of category 3, which is not listed",
    ),
    "coco image": (
        "x.json",
        '{"images": [], "annotations": [{"image_id": 0, "category_id": 3}],'
        '"categories": [{"id": 3, "name": "crow"}]}',
        "an annotation is of image 0, which is not listed",
    ),
    "coco two": (
        "x.json",
        '{"images": [{"id": 0, "file_name": "b.png"}], "annotations": '
        '[{"image_id": 0, "category_id": 3}, {"image_id": 0, "category_id": 4}],'
        '"categories": [{"id": 3, "name": "crow"}, {"id": 4, "name": "7"}]}',
        "x.json: image 1: 'b.png' has the classes 'crow' and '7'; keep one",
    ),
    "huge number": (
        "x.json",
        '{"images": [{"id": ' + "9" * 5000 + "}]}",
        "is no JSON (",
    ),
    "prodigy answer": (
        "x.jsonl",
        '{"image": "b.png", "answer": ["accept"], "_view_id": "choice"}',
        "x.jsonl: line 1: answer must be accept, reject or ignore, not ['accept']",
    ),
    "prodigy other": (
        "x.jsonl",
        '{"image": "b.png", "spans": [], "answer": "accept", "_view_id": "image_manual"}',
        "line 1: it has none of accept, label and user_input",
    ),
    "prodigy type": (
        "x.jsonl",
        '{"image": "b.png", "accept": {"a": 1}, "answer": "accept", "_view_id": "choice"}',
        "line 1: accept must be a list, not {'a': 1}",
    ),
    "prodigy line": (
        "x.jsonl",
        '{"image": "b.png", "accept": [], "answer": "accept"}\n{"image": ',
        "line 2 of x.jsonl is no JSON (",
    ),
    "prodigy stranger": (
        "x.jsonl",
        '{"image": "z.png", "accept": ["crow"], "answer": "accept"}',
        "line 1: there is no item 'z.png' in the pool; did you mean",
    ),
    "prodigy same": (
        "x.jsonl",
        '{"image": "http://host/a.png", "accept": ["crow"], "answer": "accept"}',
        "'http://host/a.png' may be 'a.png' or 'deep/a.png'; write the path below the source",
    ),
    "prodigy class": (
        "x.jsonl",
        '{"image": "b.png", "accept": ["crew"], "answer": "accept"}',
        "line 1: item 'b.png': unknown class 'crew'; did you mean 'crow'?; --add-class NAME adds",
    ),
    "argilla question": (
        "x.json",
        '[{"id": "b.png", "fields": {}, "responses": {"a": [{"value": 1, "user_id": "x"}],'
        '"b": [{"value": 1, "user_id": "x"}]}}]',
        "record 1: it has responses to the questions a, b; call the one that asks for the label",
    ),
    "argilla twice": (
        "x.json",
        '[{"id": "b.png", "fields": {}, "responses": {"a": [{"value": 1, "user_id": "x"},'
        '{"value": 2, "user_id": "x"}]}}]',
        "record 1: x has two responses to a; keep one",
    ),
    "argilla status": (
        "x.json",
        '[{"id": "b.png", "fields": {}, "responses": {"a": [{"value": 1, "user_id": "x",'
        '"status": "pending"}]}}]',
        "record 1: the status of a response is 'pending'",
    ),
    "argilla types": (
        "x.json",
        '[{"id": "b.png", "fields": {}, "responses": {"a": 7}}]',
        "record 1: the responses to a must be a list, not 7",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_is_not_understood_is_refused_in_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damaged, hostile or foreign: exit code 2, the record is named, and nothing is recorded."""
    monkeypatch.chdir(tmp_path)
    of = birds(tmp_path)
    name, content, message = HOSTILE[case]
    Path(name).write_text(content)
    before = of.files.journal.read_bytes()
    capsys.readouterr()
    assert main(["tell", "p.uwe", name]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert len(line) < 600
    assert of.files.journal.read_bytes() == before


@pytest.mark.parametrize("name", [n for n, each in FORMATS.items() if each.shows_items])
def test_odd_values_anywhere_in_a_record_are_no_fault(name: str, tmp_path: Path) -> None:
    """Each value of a written JSON is replaced by values of other types: an answer or an error."""
    if find_format(name).encode is None or name == "cvat":
        pytest.skip("is no JSON")
    of = birds(tmp_path)
    of.tell(["b.png"], ["crow"], by="ann")
    path = output(tmp_path, name)
    write(export_of(of), find_format(name), path)
    text = path.read_text()
    into = Destination.of(of)
    for odd in (None, True, -1, 1e308, 10**400, "", "é", [], [[1]], {}, {"a": {"b": []}}):
        for place in places(json.loads(text)):
            value = json.loads(text)
            inside = value
            for step in place[:-1]:
                inside = inside[step]
            inside[place[-1]] = odd
            path.write_text(json.dumps(value) + "\n")
            with suppress(UweError):
                of.take(answers_of_rows(find_format(name).read(path, into)))


def answers_of_rows(rows: Any) -> list[Answer]:
    from uwe.cli.project_words import answers_in

    return answers_in(rows, by="ann")


def places(value: Any) -> list[tuple[Any, ...]]:
    """The ways to every value inside a value."""
    steps = range(len(value)) if isinstance(value, list) else list(value)
    found: list[tuple[Any, ...]] = []
    for step in steps:
        found.append((step,))
        if isinstance(value[step], list | dict):
            found += [(step, *rest) for rest in places(value[step])]
    return found


def test_formats_that_cannot_hold_a_project_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """COCO and CVAT hold no numbers, and like imagefolder no texts."""
    of = birds(tmp_path, task="regression")
    of.tell(["b.png"], [1.5], by="ann")
    for name in ("coco", "cvat"):
        out = str(output(tmp_path, name))
        assert main(["export", str(of.files.folder), "--format", name, "-o", out]) == 2
        expected = f"{name} cannot hold the labels of regression; choose csv, jsonl or parquet"
        assert expected in capsys.readouterr().err
    (tmp_path / "texts").mkdir()
    other = sentences(tmp_path / "texts")
    other.tell(["t0"], ["crow"], by="ann")
    for name in ("coco", "cvat", "imagefolder"):
        out = str(output(tmp_path, name))
        assert main(["export", str(other.files.folder), "--format", name, "-o", out]) == 2
        assert f"{name} is for images, and p is about texts" in capsys.readouterr().err


def test_a_folder_is_replaced_only_if_an_export_wrote_all_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person's own file in it is never lost, with --force neither."""
    of = birds(tmp_path)
    of.tell(["b.png"], ["crow"], by="ann")
    out = tmp_path / "out"
    command = ["export", str(of.files.folder), "--format", "imagefolder", "-o", str(out)]
    out.mkdir()
    assert main(command) == 0
    assert main(command) == 2
    assert "exists; choose another name, or --force replaces it" in capsys.readouterr().err
    of.tell(["g.png"], ["7"], by="ann")
    assert main([*command, "--force"]) == 0
    assert (out / "g.png").is_symlink()
    (out / "mine.txt").write_text("mine")
    assert main([*command, "--force"]) == 2
    assert "holds mine.txt, which no earlier export wrote" in capsys.readouterr().err
    assert (out / "mine.txt").read_text() == "mine"
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".part")]


@pytest.mark.parametrize("place", ["photos", "photos/out", "p.uwe/out", "."])
def test_a_folder_that_overlaps_with_the_source_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An export becomes no part of what it was made of."""
    monkeypatch.chdir(tmp_path)
    of = birds(tmp_path)
    of.tell(["b.png"], ["crow"], by="ann")
    capsys.readouterr()
    assert main(["export", "p.uwe", "--format", "imagefolder", "-o", place, "--force"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "choose another" in line


def test_labels_without_a_person_are_known_already(tmp_path: Path) -> None:
    """A format that holds the label that counts adds no second person to a label that is there."""
    of = birds(tmp_path)
    of.tell(["b.png", "g.png"], ["crow", "7"], by="ann")
    path = tmp_path / "out.json"
    write(export_of(of), find_format("coco"), path)
    of.tell(["g.png"], ["crow"], by="ann")
    path.write_text(path.read_text())
    assert main(["tell", str(of.files.folder), str(path)]) == 0
    [entry] = [each for each in export_of(of).entries if each.id == "b.png"]
    assert [each.by for each in entry.said] == ["ann"]


def test_an_id_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    """A control character in a file name: the error names it, and no file is written."""
    of = of_photos(tmp_path / "p.uwe", photos(tmp_path / "photos", ["a\x01.png"]))
    of.tell([of.ids[0]], ["crow"], by="ann")
    with pytest.raises(UweError, match="holds a character that XML cannot"):
        write(export_of(of), find_format("cvat"), tmp_path / "out.xml")
    assert not (tmp_path / "out.xml").exists()
