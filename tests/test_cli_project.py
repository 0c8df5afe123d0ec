"""``uwe init``, ``next``, ``tell`` and ``status``: what they do, and what they refuse."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from uwe.cli import main
from uwe.project import Project

BIRDS = ("crow", "jay", "rook")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command that succeeds prints."""

    def printed(*arguments: Any) -> str:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        assert "Traceback" not in captured.err
        return captured.out

    return printed


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The last line of a command that ends with exit code 2; what is recorded may be said first."""

    def line(*arguments: Any) -> str:
        capsys.readouterr()
        assert main([str(each) for each in arguments]) == 2
        captured = capsys.readouterr()
        last = captured.err.splitlines()[-1]
        assert last.startswith("uwe: ")
        assert "Traceback" not in captured.err
        return last

    return line


def table(path: Path, n: int = 30, *, ids: bool = True) -> Path:
    rng = np.random.default_rng(0)
    lines = ["id,a,b,c" if ids else "a,b,c"]
    for at in range(n):
        numbers = ",".join(f"{number:.3f}" for number in rng.normal(size=3))
        lines.append(f"bird{at},{numbers}" if ids else numbers)
    path.write_text("\n".join(lines) + "\n")
    return path


def photos(folder: Path, n: int = 12, size: int = 12) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for at in range(n):
        pixels = rng.integers(0, 255, (size, size, 3), dtype=np.uint8)
        suffix = "png" if at % 2 else "jpg"
        Image.fromarray(pixels).save(folder / f"{at:02}.{suffix}")
    return folder


def texts(path: Path) -> Path:
    rows = [
        {"id": f"t{at}", "words": f"{bird} sings {at}"} for at in range(8) for bird in BIRDS[:1]
    ]
    rows += [{"id": f"u{at}", "words": f"the rook builds {at}"} for at in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def npy(folder: Path, n: int = 40) -> Path:
    folder.mkdir()
    np.save(folder / "features.npy", np.random.default_rng(0).normal(size=(n, 4)))
    return folder


def safetensors(path: Path, n: int = 40) -> Path:
    features = torch.from_numpy(np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32))
    save_file({"features": features}, path, {"ids": json.dumps([f"v{at}" for at in range(n)])})
    return path


SOURCES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "photos": (photos, ["--model", "small", "--epochs", "1", "--device", "cpu"]),
    "table.csv": (table, ["--model", "sklearn:logistic"]),
    "texts.jsonl": (texts, ["--text", "words"]),
    "pool": (npy, []),
    "pool.safetensors": (safetensors, []),
}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def fill(picks: Path, answers: Callable[[int, str], str]) -> Path:
    """Write a label into each row of a table of picks, as a person does."""
    rows = read(picks)
    for at, row in enumerate(rows):
        row["label"] = answers(at, row["id"])
    filled = picks.with_name(f"filled-{picks.name}")
    with filled.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return filled


def some_bird(at: int, name: str) -> str:
    del name
    return BIRDS[at % 3]


def is_by_auto(printed: str, k: int) -> bool:
    """Whether auto picked k rows, says why, and names the model."""
    return bool(
        re.search(rf"{k} rows picked by auto \(.+: \w+\), with a model trained on \d", printed)
    )


@pytest.fixture
def project(tmp_path: Path, said: Callable[..., str]) -> Path:
    """A project about 30 rows of a table."""
    said("init", tmp_path / "p.uwe", table(tmp_path / "birds.csv"), "--classes", ",".join(BIRDS))
    return tmp_path / "p.uwe"


@pytest.mark.parametrize("kind", SOURCES)
def test_two_rounds_of_every_kind_of_source(
    kind: str, tmp_path: Path, said: Callable[..., str]
) -> None:
    """init, next, tell, next, status; the second batch is by a model, and shares no row."""
    make, options = SOURCES[kind]
    p = tmp_path / "p.uwe"
    printed = said("init", p, make(tmp_path / kind), "--classes", "crow,jay,rook", *options)
    assert "0 labelled; classification of crow, jay, rook" in printed
    assert "6 rows drawn at random, as no model is trained yet." in said("next", p, "-k", "6")
    first = fill(p / "picks" / "round-1.csv", some_bird)
    assert "6 new. 6 of " in said("tell", p, first, "--by", "ann")
    assert is_by_auto(said("next", p, "-k", "4", "-o", tmp_path / "copy.csv"), 4)
    assert (p / "picks" / "round-2.html").is_file()
    told = said("status", p, "--labels", tmp_path / "labels.csv")
    assert "trained on 6 labels" in told
    assert len(read(tmp_path / "labels.csv")) == 6
    first, second = (
        [row["id"] for row in read(p / "picks" / f"round-{number}.csv")] for number in (1, 2)
    )
    assert len(first) == 6
    assert len(set(first) | set(second)) == 10
    assert [row["id"] for row in read(tmp_path / "copy.csv")] == second


@pytest.mark.parametrize(
    ("task", "labels", "model"),
    [("multilabel", ["crow|jay", '["rook"]', "[]", "jay", "rook|crow", "crow"], "sklearn:forest"),
     ("regression", ["1.5", "2", "-3e1", "0", "7", "8"], "sklearn:forest")],
)  # fmt: skip
def test_other_tasks(
    task: str, labels: list[str], model: str, tmp_path: Path, said: Callable[..., str]
) -> None:
    """Labels of several classes and numbers go the same way; status writes what tell reads."""
    p = tmp_path / "p.uwe"
    classes = ["--classes", "crow,jay,rook"] if task == "multilabel" else []
    said("init", p, table(tmp_path / "t.csv"), "--task", task, *classes, "--model", model,
         "--model-option", "n_estimators=5")  # fmt: skip
    said("next", p, "-k", "6")
    said("tell", p, fill(p / "picks" / "round-1.csv", lambda at, _: labels[at]))
    assert is_by_auto(said("next", p, "-k", "3"), 3)
    said("status", p, "--labels", tmp_path / "labels.csv")
    assert "0 new, 6 known already" in said("tell", p, tmp_path / "labels.csv")


def test_a_batch_is_shown_until_it_is_answered(project: Path, said: Callable[..., str]) -> None:
    """The same rows again; --more gives others; both batches' files are named afterwards."""
    said("next", project, "-k", "3")
    before = (project / "picks" / "round-1.csv").read_bytes()
    again = said("next", project, "-k", "20")
    assert "3 rows of earlier batches have no label yet, and are shown again" in again
    assert (project / "picks" / "round-1.csv").read_bytes() == before
    said("next", project, "-k", "2", "--more")
    again = said("next", project)
    assert "5 rows of earlier batches" in again
    assert "round-1.csv" in again
    assert "round-2.csv" in again
    filled = fill(project / "picks" / "round-1.csv", lambda at, _: "crow" if at else "")
    assert "2 new, 1 rows without a label" in said("tell", project, filled)
    assert "3 rows of earlier batches" in said("next", project)


def test_more_rows_than_are_left(project: Path, said: Callable[..., str], refusal: Any) -> None:
    """What is left is given, and it is said; then none is left."""
    said("next", project, "-k", "25")
    assert (
        "5 rows drawn at random, as no model is trained yet: 10 were wanted, and no more are left."
        in said("next", project, "-k", "10", "--more")
    )
    assert "no row is left" in refusal("next", project, "--more")


def test_a_file_told_twice(project: Path, said: Callable[..., str]) -> None:
    """Nothing changes the second time; a changed label is a correction."""
    said("next", project, "-k", "3")
    filled = fill(project / "picks" / "round-1.csv", some_bird)
    said("tell", project, filled)
    journal = (project / "journal.jsonl").read_bytes()
    assert "0 new, 3 known already" in said("tell", project, filled)
    assert (project / "journal.jsonl").read_bytes() == journal
    changed = fill(project / "picks" / "round-1.csv", lambda *_: "rook")
    assert "0 new, 2 corrected, 1 known already" in said("tell", project, changed)


def test_answers_of_several_people(tmp_path: Path, said: Callable[..., str]) -> None:
    """Columns by, seconds, note and skip are read; two answers a row are needed."""
    p = tmp_path / "p.uwe"
    said("init", p, table(tmp_path / "t.csv"), "--classes", "crow,rook", "--answers", "2")
    (tmp_path / "labels.csv").write_text(
        "id,label,by,seconds,note,skip\nbird1,crow,ann,2.5,,\nbird1,rook,bob,,hard,\n"
        "bird2,rook,ann,,,\nbird3,,ann,,dark,yes\n"
    )
    printed = said("tell", p, tmp_path / "labels.csv", "--by", "eve")
    assert "3 new, 1 skipped, 3 of rows that were never given out" in printed
    status = said("status", p)
    assert "ann 2, bob 1; rows on which they differ: 1" in status
    assert "1 of the labelled rows" in status
    assert Project.open(p).labels() == {"bird1": "crow"}


BAD_LABELS = {
    "crwo": ("bird1,crwo", "line 2: item 'bird1': unknown class 'crwo'; did you mean 'crow'?"),
    "number": ("bird1,3.5", "unknown class '3.5'; the classes are 'crow', 'jay', 'rook'"),
    "unknown id": ("brd1,crow", "there is no item 'brd1' in the pool; did you mean 'bird"),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_a_row_that_is_not_understood(
    kind: str, project: Path, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    """It is named with its line; every other row of the file is recorded."""
    line, words = BAD_LABELS[kind]
    (tmp_path / "labels.csv").write_text(f"id,label\n{line}\nbird2,jay\n")
    last = refusal("tell", project, tmp_path / "labels.csv")
    assert words in last
    assert "all other rows are recorded" in last
    assert ("--add-class NAME adds a class" in last) == ("unknown class" in words)
    assert Project.open(project).labels() == {"bird2": "jay"}


def test_every_row_that_is_not_understood_is_named(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each on standard error, then how many."""
    (tmp_path / "labels.csv").write_text("id,label\nbird1,owl\nbird2,jay\nbird3,kite\nx,jay\n")
    assert main(["tell", str(project), str(tmp_path / "labels.csv")]) == 2
    *named, last = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[1] for line in named] == ["line 2", "line 4", "line 5"]
    assert "3 of 4 rows were not understood" in last


def test_a_new_class_when_it_is_named(
    project: Path, tmp_path: Path, said: Callable[..., str], refusal: Callable[..., str]
) -> None:
    """--add-class takes it in, once; labels keep their meaning, and the next model knows it."""
    (tmp_path / "labels.csv").write_text("id,label\nbird1,owl\nbird2,crow\nbird3,jay\n")
    assert "--add-class" in refusal("tell", project, tmp_path / "labels.csv")
    for _ in range(2):
        said("tell", project, tmp_path / "labels.csv", "--add-class", "owl")
    opened = Project.open(project)
    assert opened.task.classes == (*BIRDS, "owl")
    assert opened.labels() == {"bird1": "owl", "bird2": "crow", "bird3": "jay"}
    assert is_by_auto(said("next", project, "-k", "4"), 4)


def test_strict_refuses_rows_that_were_never_given_out(
    project: Path, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    """Without --strict they are taken."""
    (tmp_path / "labels.csv").write_text("id,label\nbird1,crow\n")
    last = refusal("tell", project, tmp_path / "labels.csv", "--strict")
    assert "the item 'bird1' was never given out; leave --strict out" in last
    assert Project.open(project).labels() == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,label\nbird1,crow\nbird1,jay\n", "the id 'bird1' has the label 'crow' in line 2"),
        ("name,label\nbird1,crow\n", "has no column 'id'"),
        ("id,colour\nbird1,crow\n", "has no column 'label'"),
        ("id,label,seconds\nbird1,crow,soon\n", "holds 'soon' as seconds"),
        ("id,label,seconds\nbird1,crow,nan\n", "holds 'nan' as seconds"),
        ("id,label,skip\nbird1,crow,perhaps\n", "holds 'perhaps' as skip"),
        ("id,label\n,crow\n", "has no id"),
    ],
)
def test_a_file_that_cannot_be_read_as_labels(
    content: str, words: str, project: Path, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    """One line, and nothing of it is recorded."""
    (tmp_path / "labels.csv").write_text(content)
    before = (project / "journal.jsonl").read_bytes()
    assert words in refusal("tell", project, tmp_path / "labels.csv")
    assert (project / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize("label", ["nan", "NaN", "inf", "crow"])
def test_an_outcome_that_is_no_number(
    label: str, tmp_path: Path, said: Callable[..., str], refusal: Callable[..., str]
) -> None:
    """Regression: row and value are named."""
    p = tmp_path / "p.uwe"
    said("init", p, table(tmp_path / "t.csv"), "--task", "regression")
    (tmp_path / "labels.csv").write_text(f"id,label\nbird1,{label}\nbird2,2\n")
    last = refusal("tell", p, tmp_path / "labels.csv")
    assert "line 2: item 'bird1'" in last
    assert repr(label) in last
    assert Project.open(p).labels() == {"bird2": 2.0}
    told = pyarrow.table({"id": ["bird1"], "label": [float("nan")]})
    pyarrow.parquet.write_table(told, tmp_path / "labels.parquet")
    assert "1 rows without a label" in said("tell", p, tmp_path / "labels.parquet")
    assert Project.open(p).labels() == {"bird2": 2.0}


def test_the_folder_of_a_project(
    project: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    """A folder that is none, a file, and a second project in one folder."""
    (tmp_path / "labels.csv").write_text("id,label\nbird1,crow\n")
    for command in (["next"], ["status"], ["tell", tmp_path / "labels.csv"], ["init", "--update"]):
        name, *rest = map(str, command)
        assert "does not exist" in refused([name, str(tmp_path / "none"), *rest])
        assert "is not a project" in refused([name, str(tmp_path), *rest])
    other = str(table(tmp_path / "other.csv"))
    assert "holds another project" in refused(["init", str(project), other, "--classes", "a,b"])
    assert "is no project and holds" in refused(["init", str(tmp_path), other, "--classes", "a,b"])
    assert not (tmp_path / "none").exists()


def test_the_same_init_again(project: Path, tmp_path: Path, said: Callable[..., str]) -> None:
    """It changes nothing: a process may have been killed after its last write."""
    said("next", project, "-k", "3")
    before = (project / "journal.jsonl").read_bytes()
    again = said("init", project, tmp_path / "birds.csv", "--classes", ",".join(BIRDS))
    assert "is there already: 30 rows" in again
    assert (project / "journal.jsonl").read_bytes() == before


def test_a_source_that_has_changed(
    project: Path, tmp_path: Path, said: Callable[..., str], refused: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """New rows are said and taken in by --update; lost and changed rows are named and refused."""
    source = tmp_path / "birds.csv"
    said("tell", project, labels_file(tmp_path, "bird7,jay"))
    whole = source.read_text()
    source.write_text(whole + "extra1,1,2,3\nextra2,4,5,6\n")
    capsys.readouterr()
    assert main(["status", str(project)]) == 0
    assert "2 new rows are in" in capsys.readouterr().err
    assert "2 rows added, 32 in all" in said("init", project, "--update")
    assert "0 rows added, 32 in all" in said("init", project, "--update")
    assert Project.open(project).labels() == {"bird7": "jay"}
    lines = (whole + "extra1,1,2,3\nextra2,4,5,6\n").splitlines()
    source.write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")
    assert "no longer has 'bird2'" in refused(["next", str(project)])
    lines[9] = "bird8,1,2,3"
    source.write_text("\n".join(lines) + "\n")
    assert "has changed 'bird8'" in refused(["status", str(project)])
    source.unlink()
    assert f"{source} does not exist" in refused(["status", str(project)])


def test_the_order_of_the_source_does_not_matter(
    project: Path, tmp_path: Path, said: Callable[..., str]
) -> None:
    """Rows are known by their ids: a table that is sorted anew is the same project."""
    said("tell", project, labels_file(tmp_path, "bird7,jay", "bird3,crow"))
    before = said("next", project, "-k", "5")
    rows = (project / "picks" / "round-1.csv").read_text()
    head, *lines = (tmp_path / "birds.csv").read_text().splitlines()
    (tmp_path / "birds.csv").write_text("\n".join([head, *lines[::-1]]) + "\n")
    again = said("next", project)
    assert "5 rows" in before
    assert "5 rows" in again
    assert Project.open(project).labels() == {"bird3": "crow", "bird7": "jay"}
    assert (project / "picks" / "round-1.csv").read_text() == rows


def labels_file(folder: Path, *lines: str) -> Path:
    path = folder / "told.csv"
    path.write_text("id,label\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("ids", [True, False], ids=["ids", "row numbers"])
def test_rows_are_added_without_ids_too(
    ids: bool, tmp_path: Path, said: Callable[..., str]
) -> None:
    """A table without ids gains rows at its end; the picks know them afterwards."""
    p, source = tmp_path / "p.uwe", table(tmp_path / "t.csv", 5, ids=ids)
    said("init", p, source, "--classes", "crow,rook")
    with source.open("a") as file:
        file.write("new,1,2,3\n" if ids else "1,2,3\n")
    assert "5 rows drawn at random" in said("next", p, "-k", "9")
    assert "1 row added, 6 in all" in said("init", p, "--update")
    assert "1 row drawn at random" in said("next", p, "-k", "9", "--more")


def test_copying_the_images_changes_nothing(tmp_path: Path, said: Callable[..., str]) -> None:
    """Times of files may differ: contents are compared, once."""
    source = photos(tmp_path / "photos")
    p = tmp_path / "p.uwe"
    options = ["--classes", "crow,rook", "--model", "small", "--epochs", "1", "--device", "cpu"]
    said("init", p, source, *options)
    shutil.copytree(source, tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(source)
    (tmp_path / "copy").rename(source)
    before = (p / "rows.json").read_bytes()
    said("status", p)
    noted = (p / "rows.json").read_bytes()
    assert noted != before
    said("status", p)
    assert (p / "rows.json").read_bytes() == noted


def broken(folder: Path) -> Path:
    photos(folder)
    whole = (folder / "04.jpg").read_bytes()
    (folder / "04.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


def no_image(folder: Path) -> Path:
    photos(folder)
    (folder / "05.png").write_text("not an image")
    return folder


def of_two_sizes(folder: Path) -> Path:
    photos(folder)
    Image.new("RGB", (20, 12)).save(folder / "07.png")
    return folder


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def with_labels(*lines: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path = path.with_suffix(".csv")
        path.write_text("\n".join(lines) + "\n")
        return path

    return make


CROWS = ["--classes", "crow,rook"]
SMALL = [*CROWS, "--model", "small", "--epochs", "1", "--device", "cpu"]


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (broken, SMALL, "04.jpg"),
        (no_image, SMALL, "cannot decode the image"),
        (of_two_sizes, SMALL, "07.png is 20x12; give --image-size N"),
        (empty, SMALL, "there are no images below"),
        (photos, [*CROWS, "--model", "sklearn:forest"], "takes rows of numbers or texts"),
        (photos, [*SMALL, "--text", "words"], "is a folder of images, so --text is not used"),
        (table, SMALL, "images"),
        (table, [*CROWS, "--image-size", "9"], "--image-size is for images"),
        (table, [*CROWS, "--embed", "m:f"], "makes features of images and texts"),
        (table, [*CROWS, "--model", "sklearn:fores"], "fores"),
        (table, [*CROWS, "--strategy", "bald"], "stochastic passes"),
        (table, [], "the classes are not known; name them"),
        (table, ["--classes", "crow,,rook"], "--classes are names separated by commas"),
        (table, ["--classes", "crow,crow"], "crow"),
        (table, [*CROWS, "--label", "bird"], "has no column 'bird'"),
        (table, [*CROWS, "--task", "segments"], "unknown task 'segments'"),
        (texts, [*CROWS, "--text", "word"], "did you mean 'words'"),
        (with_labels("id,a,b", "x,1,2", "x,3,4"), CROWS, "the id 'x' repeats, in rows 0 and 1"),
        (with_labels("id,a,label", "x,1,crow", "y,2,owl"), CROWS, "unknown class 'owl'"),
        (with_labels("id,a,label", "x,1,two", "y,2,3"), ["--task", "regression"], "'two'"),
        (with_labels("id,a", "x,1", "y,nan"), CROWS, "NaN"),
        (with_labels("id,a", "x,1", "y,black"), CROWS, "column 'a' holds 'black', not a number"),
    ],
)
def test_a_project_that_cannot_be_made_leaves_no_folder(
    make: Callable[[Path], Path], options: list[str], words: str, tmp_path: Path,
    refusal: Callable[..., str],
) -> None:  # fmt: skip
    """One line, exit code 2, and neither the folder nor those above it are there."""
    suffix = {table: ".csv", texts: ".jsonl"}.get(make, "")
    source = make(tmp_path / f"source{suffix}")
    before = sorted(tmp_path.rglob("*"))
    assert words in refusal("init", tmp_path / "deep" / "p.uwe", source, *options)
    assert sorted(tmp_path.rglob("*")) == before


def test_images_of_different_sizes_with_a_size(tmp_path: Path, said: Callable[..., str]) -> None:
    """--image-size makes them equal."""
    p = tmp_path / "p.uwe"
    said("init", p, of_two_sizes(tmp_path / "photos"), *SMALL, "--image-size", "8")
    assert "5 rows drawn at random" in said("next", p, "-k", "5")


@pytest.fixture
def encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of encoders in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_encoders", raising=False)
    (tmp_path / "my_encoders.py").write_text(
        "import torch\n"
        "def images():\n"
        "    return lambda x: (None, x.mean((2, 3)))\n"
        "def words():\n"
        "    return lambda texts: (None, torch.tensor([[float(len(t)), 1.0] for t in texts]))\n"
    )


@pytest.mark.usefixtures("encoders")
@pytest.mark.parametrize("kind", ["images", "words"])
def test_features_of_a_pretrained_model(
    kind: str, tmp_path: Path, said: Callable[..., str]
) -> None:
    """--embed computes features once, when they are first needed, in the order of the rows."""
    p = tmp_path / "p.uwe"
    if kind == "images":
        said("init", p, photos(tmp_path / "photos"), *CROWS, "--embed", "my_encoders:images")
    else:
        source = texts(tmp_path / "t.jsonl")
        said("init", p, source, *CROWS, "--text", "words", "--embed", "my_encoders:words")
    assert not (p / "cache").exists()
    said("next", p, "-k", "6")
    said("tell", p, fill(p / "picks" / "round-1.csv", lambda at, _: "crow" if at % 2 else "rook"))
    assert is_by_auto(said("next", p, "-k", "3"), 3)
    [made] = (p / "cache").glob("embedding-*.safetensors")
    before = made.stat().st_mtime_ns
    opened = Project.open(p)
    x = opened.items.learn(p / "cache", None)
    assert made.stat().st_mtime_ns == before
    assert x.shape[0] == len(opened.ids)
    if kind == "words":
        shown = [opened.items.preview(row).text for row in range(len(opened.ids))]
        assert x[:, 0].tolist() == [len(text) for text in shown]


def test_labels_that_there_are(tmp_path: Path, said: Callable[..., str]) -> None:
    """A column of labels, or a file, gives the classes and the first labels."""
    lines = ["id,a,label", *(f"x{at},{at},{BIRDS[at % 3] if at < 6 else ''}" for at in range(20))]
    source = with_labels(*lines)(tmp_path / "t")
    assert "6 labelled; classification of crow, jay, rook" in said("init", tmp_path / "p", source)
    assert is_by_auto(said("next", tmp_path / "p", "-k", "3"), 3)
    told = labels_file(tmp_path, "x1,rook", "x2,jay")
    plain = with_labels("id,a", *(f"x{at},{at}" for at in range(20)))(tmp_path / "plain")
    assert "2 labelled" in said("init", tmp_path / "q", plain, "--labels", told)


def test_an_output_that_exists(
    project: Path, tmp_path: Path, said: Callable[..., str], refused: Callable[..., str]
) -> None:
    """It is kept unless --force is given; nothing is asked before that is clear."""
    (tmp_path / "out.csv").write_text("mine")
    arguments = ["next", str(project), "-o", str(tmp_path / "out.csv")]
    assert "--force overwrites it" in refused(arguments)
    assert "out.doc" in refused(["next", str(project), "-o", str(tmp_path / "out.doc")])
    assert "--with is for the file of --output" in refused(["next", str(project), "--with", "a"])
    assert Project.open(project).state().batches == 0
    said(*arguments, "--force", "--with", "a")
    assert {"id", "a", "label"} <= set(read(tmp_path / "out.csv")[0])


def labelled_table(folder: Path) -> Path:
    """60 rows, of which the first ten have the labels a and b."""
    path = folder / "t.csv"
    lines = [f"r{row},{row},{'ab'[row % 2] if row < 10 else ''}" for row in range(60)]
    path.write_text("\n".join(["id,x,label", *lines]) + "\n")
    return path


def test_a_missing_journal_is_no_empty_project(tmp_path: Path, said, refusal) -> None:
    """Without its journal a project has lost its answers, and says so."""
    said("init", tmp_path / "p", labelled_table(tmp_path))
    (tmp_path / "p" / "journal.jsonl").unlink()
    assert "journal.jsonl is missing, and with it the answers" in refusal("status", tmp_path / "p")


def test_labels_of_a_table_and_of_a_file_are_both_taken(tmp_path: Path, said, refusal) -> None:
    """--labels adds to the column of labels; where they contradict each other, nothing is made."""
    path, more = labelled_table(tmp_path), tmp_path / "more.csv"
    more.write_text("id,label\nr1,b\nr20,c\n")
    assert "60 rows, 11 labelled; classification of a, b, c" in said(
        "init", tmp_path / "p", path, "--labels", more
    )
    more.write_text("id,label\nr1,a\n")
    assert "the item 'r1' has two answers of import" in refusal(
        "init", tmp_path / "q", path, "--labels", more
    )
    assert not (tmp_path / "q").exists()


def test_labels_for_a_project_that_is_there_are_told(tmp_path: Path, said, refusal) -> None:
    """init does not drop labels: those that the project holds are fine, others are refused."""
    path, more = labelled_table(tmp_path), tmp_path / "more.csv"
    more.write_text("id,label\nr20,a\n")
    said("init", tmp_path / "p", path)
    assert "labels are given that it does not hold; record them with 'uwe tell'" in refusal(
        "init", tmp_path / "p", path, "--labels", more
    )
    said("tell", tmp_path / "p", more, "--by", "import")
    said("init", tmp_path / "p", path, "--labels", more)


def test_an_update_takes_the_labels_of_the_source(tmp_path: Path, said) -> None:
    """New rows come with their labels, and so do labels that were filled in since."""
    path = labelled_table(tmp_path)
    said("init", tmp_path / "p", path)
    path.write_text(path.read_text().replace("r30,30,\n", "r30,30,b\n") + "n1,1,a\n")
    assert "1 row added, 61 in all; 2 new labels of the source" in said(
        "init", tmp_path / "p", "--update"
    )
    assert "12 (a 6, b 6)" in said("status", tmp_path / "p")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["0.5", "1.5", "2"], "numbers with fractions, such as '0.5'; give --task regression"),
        (["a", "a|b", "b"], "the label 'a|b' names several classes; give --task multilabel"),
    ],
)
def test_labels_of_another_task_are_asked_about(
    tmp_path: Path, refusal, labels: list[str], message: str
) -> None:
    """Numbers and lists of classes are not taken as class names without a word."""
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "".join(f"{row},{label}\n" for row, label in enumerate(labels)))
    assert message in refusal("init", tmp_path / "p", path)


def test_labels_outlive_their_source(tmp_path: Path, said, refusal) -> None:
    """The labels can be written although the source is gone."""
    path = labelled_table(tmp_path)
    said("init", tmp_path / "p", path)
    path.unlink()
    line = refusal("status", tmp_path / "p", "--labels", tmp_path / "labels.csv")
    assert "t.csv" in line
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 11


def test_rows_that_are_not_understood_leave_the_others(tmp_path: Path, said, capsys) -> None:
    """A strange skip, a strange time and two labels of one person are named; the rest counts."""
    project, told = tmp_path / "p", tmp_path / "told.csv"
    said("init", project, labelled_table(tmp_path))
    told.write_text(
        "id,label,seconds,skip\nr20,a,1,\nr21,a,x,\nr22,b,,maybe\nr23,a,,\nr23,b,,\nr24,b,2,\n"
    )
    assert main(["tell", str(project), str(told), "--by", " ann "]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("2 new,")
    assert "line 3 holds 'x' as seconds" in err
    assert "line 4 holds 'maybe' as skip" in err
    assert "the id 'r23' has the label 'a' in line 5 and 'b' in line 6" in err
    assert "3 of 5 rows were not understood" in err
    assert "ann 2, import 10" in said("status", project) or "import 10, ann 2" in said(
        "status", project
    )
