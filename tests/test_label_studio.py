"""Label Studio's configurations, results, annotations and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake_label_studio import RECORDED
from uwe.cli import main
from uwe.errors import InputError
from uwe.formats import Destination, Export, export_of, find_format, read_answers, recognised
from uwe.formats.label_studio import answers_in, configuration
from uwe.formats.label_studio.documents import encode, read
from uwe.formats.label_studio.labelling import controls_in, has_fewer_classes, own_controls
from uwe.formats.label_studio.results import label_in, note_in, result_of
from uwe.project import Answer, Project
from uwe.project.ids import Names
from uwe.tasks import Task, classification, multilabel, regression

BIRDS = classification(["crow", "rook"])
TASKS: dict[str, Task] = {
    "choice": BIRDS,
    "choices": multilabel(["sea", "beach", 'a "quoted" <one>']),
    "number": regression(unit="mm"),
}
LABELS: dict[str, st.SearchStrategy[Any]] = {
    "choice": st.sampled_from(BIRDS.classes),
    "choices": st.lists(st.sampled_from(TASKS["choices"].classes), unique=True),
    "number": st.floats(-1e6, 1e6),
}


@pytest.mark.parametrize("widget", list(TASKS))
@pytest.mark.parametrize("kind", ["images", "texts", "rows", "vectors"])
def test_a_configuration_is_read_as_it_was_written(widget: str, kind: str) -> None:
    """Names with quotes and brackets too."""
    task = TASKS[widget]
    xml = configuration(task, kind)
    assert controls_in(xml, task, where="project 1") == own_controls(task, kind)


@pytest.mark.parametrize("widget", list(TASKS))
@given(data=st.data())
def test_a_label_goes_out_and_comes_back(widget: str, data: st.DataObject) -> None:
    """One class, several, none of several, or a number."""
    task, label = TASKS[widget], data.draw(LABELS[widget])
    result = json.loads(json.dumps(result_of(label, own_controls(task, "texts"))))
    assert task.targets.encode(label_in(result, task)) == task.targets.encode(label)


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        ("<View>", "is not XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View/>', "with a DTD"),
        ("<View/>", "it has nothing, and classification needs"),
        ('<View><Text name="t" value="$t"/></View>', "it has <Text>, and"),
        (
            configuration(BIRDS, "texts", ["crow", "jay"]),
            'it has <Choices choice="single"> of crow, jay, and classification needs <Choices '
            'choice="single"> of crow, rook',
        ),
        (configuration(BIRDS, "texts").replace("single", "multiple"), 'choice="multiple"'),
        (configuration(BIRDS, "texts").replace('"$text"', '"text"'), 'a value such as "$image"'),
        (configuration(BIRDS, "texts").replace('toName="item"', 'toName="x"'), "asks about 'x'"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(xml: str, told: str) -> None:
    """One line says what it has and what is needed."""
    with pytest.raises(InputError) as refused:
        controls_in(xml, BIRDS, where="project 3")
    assert told in str(refused.value)
    assert str(refused.value).startswith("project 3")


def test_a_persons_own_configuration_is_taken() -> None:
    """Names, order of choices, headers, aliases and further controls are theirs."""
    xml = (
        '<View><Header value="Which bird?"/><Image name="photo" value="$url"/>'
        '<Choices name="quality" toName="photo"><Choice value="good"/></Choices>'
        '<Choices name="bird" toName="photo" choice="single-radio">'
        '<Choice value="The rook" alias="rook"/><Choice value="crow"/></Choices>'
        '<TextArea name="remark" toName="photo"/></View>'
    )
    controls = controls_in(xml, BIRDS, where="project 3")
    assert (controls.label, controls.item, controls.data) == ("bird", "photo", "url")


def test_only_a_configuration_of_uwe_is_extended() -> None:
    """With the first classes of the task, and nothing that a person changed."""
    fewer = configuration(BIRDS, "texts", ["crow"])
    assert has_fewer_classes(fewer, BIRDS, "texts")
    assert not has_fewer_classes(fewer.replace("crow", "jay"), BIRDS, "texts")
    assert not has_fewer_classes(configuration(BIRDS, "texts"), BIRDS, "texts")


def test_annotations_of_a_real_server() -> None:
    """Times, people, skips; drafts and predictions are no answers."""
    people = {each["id"]: each["email"] for each in RECORDED["users"]["json"]}
    answers = answers_in(RECORDED["tasks"]["json"]["tasks"], BIRDS, people=people)
    assert [(each.id, each.label, each.by, each.seconds, each.skip) for each in answers] == [
        ("t0", "crow", "ann@example.org", 3.25, False),
        ("t0", "rook", "bo@example.org", 2.0, False),
        ("t1", None, "ann@example.org", 1.5, True),
        ("t3", None, "ann@example.org", None, False),
    ]
    assert all(each.source == "" for each in answers)


def test_the_version_of_an_annotation_is_its_source() -> None:
    """A changed annotation has another one."""
    [task] = [{"data": {"uwe_id": "a"}, "annotations": [{"id": 3, "updated_at": "now"}]}]
    [answer] = answers_in([task], BIRDS, source="Label Studio 1 then")
    assert answer.source == "Label Studio 1 then annotation 3 now"


def test_what_a_person_wrote_is_a_note() -> None:
    """Of a text area that a person added to the configuration."""
    area = {"type": "textarea", "from_name": "remark", "value": {"text": ["dark", "wet"]}}
    assert note_in([area]) == "dark\nwet"
    task = {"data": {"uwe_id": "a"}, "annotations": [{"result": [area], "was_cancelled": True}]}
    [answer] = answers_in([task], BIRDS)
    assert (answer.skip, answer.note) == (True, "dark\nwet")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "uwe_id", "annotations", "result", "value", "choices", "type",
                         "completed_by", "id", "annotator", "annotation_id", "lead_time", "label"]),
        each, max_size=5),
    max_leaves=25,
)  # fmt: skip


@given(document=st.lists(JSON, max_size=4))
@example(document=[{"data": None, "annotator": [], "annotation_id": [], "lead_time": None}])
def test_any_document_is_read_or_named(
    document: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is no task becomes a problem with its number, never another error."""
    path = tmp_path_factory.mktemp("any") / "any.json"
    path.write_text(json.dumps(document))
    rows = read(path, Destination(BIRDS, Names(("a", "b"))))
    assert all("task" in problem for problem in rows.problems)


def written(path: Path, name: str) -> Path:
    path.write_text(json.dumps(RECORDED[name]["json"]))
    return path


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("exported JSON", [("t0", "crow", "annotator 1"), ("t0", "rook", "annotator 2"),
                           ("t1", None, "annotator 1"), ("t3", None, "annotator 1")]),
        ("exported JSON_MIN", [("t0", "rook", "annotator 2"), ("t0", "crow", "annotator 1"),
                               ("t3", None, "annotator 1")]),
    ],
)  # fmt: skip
def test_exports_of_a_real_server(tmp_path: Path, name: str, answers: list[Any]) -> None:
    """Both are recognised; people are numbers there."""
    path = written(tmp_path / "export.json", name)
    assert recognised(path).name == "label-studio"
    rows = read(path, Destination(BIRDS, Names(tuple(f"t{at}" for at in range(5)))))
    assert [(row.id, row.label, row.by) for row in rows] == answers
    assert not rows.problems


@pytest.mark.parametrize(
    ("record", "task", "label"),
    [
        ({"label": {"choices": ["sea", "beach"]}}, "choices", ["sea", "beach"]),
        ({}, "choices", []),
        ({"label": [{"number": 2.5}]}, "number", 2.5),
        ({"bird": "crow"}, "choice", "crow"),
        ({"bird": "crow", "quality": "good"}, "choice", None),
    ],
)
def test_labels_of_short_exports(tmp_path: Path, record: Any, task: str, label: Any) -> None:
    """As the real server wrote them for several classes, none, and a number."""
    after = {"annotator": 1, "annotation_id": 3, "lead_time": 2.0}
    document = [{"uwe_id": "a", "text": "x", "id": 9, **record, **after}]
    path = tmp_path / "min.json"
    path.write_text(json.dumps(document))
    [row] = read(path, Destination(TASKS[task], Names(("a",))))
    assert row.label == label


@pytest.mark.parametrize(
    "data",
    [
        {"image": "/data/upload/2/ec2294cd-a.png"},
        {"image": "/data/local-files/?d=photos/a.png"},
        {"photo": "https://example.org/photos/a.png", "caption": "a bird"},
        {"uwe_id": "a.png", "image": "data:image/png;base64,AAAA"},
    ],
)
def test_tasks_that_people_imported_are_found_by_their_paths(
    tmp_path: Path, data: dict[str, str]
) -> None:
    """An upload, a local file, an address; the id where there is one."""
    from dataclasses import replace

    from uwe.project import open_items

    (tmp_path / "photos").mkdir()
    from PIL import Image

    Image.new("RGB", (4, 4), "red").save(tmp_path / "photos" / "a.png")
    items = replace(open_items(tmp_path / "photos"))
    result = result_of("crow", own_controls(BIRDS, "images"))
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": 1, "data": data, "annotations": [{"result": result}]}]))
    rows = read(path, Destination(BIRDS, items.ids, tmp_path / "photos", items))
    assert [(row.id, row.label) for row in rows] == [("a.png", "crow")]


@pytest.mark.parametrize("widget", list(TASKS))
def test_what_is_exported_is_told_without_a_change(tmp_path: Path, widget: str) -> None:
    """People, seconds, notes, skips and settled labels, into the same project and a new one."""
    task = TASKS[widget]
    labels = {"choice": ["crow", "rook"], "choices": [["sea"], []], "number": [2.5, -1.0]}[widget]
    pool = np.random.default_rng(0).normal(size=(6, 3))
    learner = "sklearn:ridge" if widget == "number" else "sklearn:logistic"
    made: Callable[[str], Project] = lambda name: Project(  # noqa: E731
        tmp_path / name, pool, learner, task=task
    )
    project = made("p.uwe")
    project.take(
        [
            Answer("0", labels[0], "ann", seconds=1.5, note="dark, wet"),
            Answer("0", labels[1], "bob"),
            Answer("1", None, "ann", skip=True, note="blurred"),
            Answer("2", labels[1], "bob"),
        ]
    )
    project.settle(["0"], [labels[1]], by="cy")
    path = tmp_path / "out.json"
    path.write_bytes(encode(export_of(project)))
    chosen = recognised(path)
    assert chosen.name == "label-studio"
    for other, new in ((project, 0), (made("new.uwe"), 3)):
        read_ = read_answers(path, chosen, other)
        told = other.take(_answers(read_.rows))
        assert not told.problems
        assert told.new == new
        assert other.labels() == project.labels()
    assert _said(export_of(project)) == _said(export_of(other))


def _answers(rows: Any) -> list[Answer]:
    from uwe.cli.project_words import answers_in as answers_of

    return answers_of(rows, by="nobody")


def _said(export: Export) -> list[Any]:
    return [
        (entry.id, entry.label, said.by, said.label, said.seconds, said.note, said.skip,
         said.settled)
        for entry in export.entries for said in entry.said
    ]  # fmt: skip


def test_a_broken_image_is_sent_as_a_picture_that_says_so(tmp_path: Path) -> None:
    """So that people see it, and skip it."""
    from dataclasses import replace

    from PIL import Image

    from uwe.errors import DataError
    from uwe.formats.label_studio.pictures import data_url, picture_file
    from uwe.project import open_items

    def broken(row: int) -> Any:
        raise DataError("cannot decode it")

    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    items = replace(open_items(tmp_path), picture=broken)
    sent = picture_file(items, 0)
    assert sent.name.endswith(".png")
    assert sent.content.startswith(b"\x89PNG")
    assert data_url(items, 0).startswith("data:image/jpeg;base64,")
    assert picture_file(open_items(tmp_path), 0).content == (tmp_path / "a.png").read_bytes()


def test_the_commands_export_and_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`uwe export --format label-studio` and `uwe tell`, with images inside the file."""
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for at in range(3):
        Image.new("RGB", (8, 8), (80 * at, 0, 0)).save(tmp_path / "photos" / f"{at}.png")
    folder, out = str(tmp_path / "p.uwe"), str(tmp_path / "tasks.json")
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label,by\n0.png,crow,ann\n1.png,rook,bob\n")
    made = ["init", folder, str(tmp_path / "photos"), "--classes", "crow,rook"]
    assert main([*made, "--labels", str(labels), "--model", "small", "--image-size", "8"]) == 0
    assert main(["export", folder, "--format", "label-studio", "-o", out]) == 0
    tasks = json.loads(Path(out).read_text())
    assert [task["data"]["uwe_id"] for task in tasks] == ["0.png", "1.png"]
    assert all(task["data"]["image"].startswith("data:image/jpeg;base64,") for task in tasks)
    capsys.readouterr()
    assert main(["tell", folder, out]) == 0
    assert capsys.readouterr().out.startswith("0 new, 2 known already.")
    assert find_format("label-studio").suffixes == (".json",)
