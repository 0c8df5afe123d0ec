"""Wishes at the command line: each on a small table whose picks can be worked out by hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
from uwe.cli import main
from uwe.cli.wish_flags import WishFlags, quota_parts, weight_parts
from uwe.errors import InputError
from uwe.tables import open_table

# Entropy falls from a to f, so that strategy entropy picks a, b, c, … without a wish; of g and h,
# whose predicted class is dog, g is as uncertain as prob_cat = 0.84, h as 0.88.
TABLE = """id,features_0,features_1,prob_cat,prob_dog,camera,blur,day,weight,my col,predicted
a,0,1,0.50,0.50,north,0.1,2024-01-01,0,1,x
b,1,1,0.55,0.45,north,0.4,2024-01-02,1,2,x
c,2,1,0.60,0.40,south,0.2,2024-01-03,1,3,y
d,3,1,0.65,0.35,south,,2024-01-04,1,4,y
e,10,1,0.70,0.30,north,0.25,2024-01-05,1,5,y
f,11,1,0.75,0.25,south,0.1,2024-01-06,1,6,y
g,12,1,0.16,0.84,,0.9,2024-01-07,4,7,y
h,13,1,0.12,0.88,south,0.8,2024-01-08,100,8,y
"""


@pytest.fixture
def pool(tmp_path: Path) -> str:
    (tmp_path / "pool.csv").write_text(TABLE)
    return str(tmp_path / "pool.csv")


def picked(pool: str, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    """The ids of the picks by entropy."""
    capsys.readouterr()
    code = main(["select", pool, "--strategy", "entropy", *more])
    said = capsys.readouterr()
    assert code == 0, said.err
    picked.err = said.err  # type: ignore[attr-defined]
    return [row["id"] for row in csv.DictReader(io.StringIO(said.out))]


def refused(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """The last line of standard error of a command that ends with exit code 2."""
    capsys.readouterr()
    assert main(list(command)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.strip().splitlines()
    assert lines[-1].startswith("uwe: ")
    return lines[-1]


WORKED: list[tuple[Sequence[str], list[str]]] = [
    ((), ["a", "b", "c"]),
    (("--where", "camera == 'south'"), ["c", "d", "f"]),
    (("--where", "camera == 'north' and blur < 0.3", "-k", "2"), ["a", "e"]),
    (("--where", "blur is null or day >= '2024-01-06'"), ["d", "f", "g"]),
    (("--where", '"my col" in (2, 4, 8)'), ["b", "d", "h"]),
    (("--where", "id > 'e'"), ["f", "g", "h"]),
    (("--min-distance", "2"), ["a", "c", "e"]),
    (("--min-distance", "0"), ["a", "b", "c"]),
    (("--quota", "camera=uniform", "-k", "4"), ["a", "b", "c", "d"]),
    (("--quota", "camera=north:1,south:2"), ["a", "c", "d"]),
    (("--quota", "camera=south:1"), ["c", "d", "f"]),
    (("--quota", "predicted=uniform", "-k", "4"), ["a", "b", "g", "h"]),
    (("--quota", '"predicted"=uniform', "-k", "4"), ["a", "b", "c", "d"]),
    (("--quota", '"predicted"=y:1', "-k", "2"), ["c", "d"]),
    (("--quota", "day=2024-01-02:1,2024-01-08:1", "-k", "2"), ["b", "h"]),
    (("--weight", "weight"), ["h", "g", "b"]),
    (("--weight", "weight:0.001", "-k", "2"), ["b", "c"]),
    (("--weight", '"my col"', "-k", "2"), ["f", "g"]),
    (("--weight", '"my col":2', "-k", "2"), ["h", "g"]),
    (("--where", "camera == 'south'", "--weight", "weight", "--min-distance", "3"), ["h", "c"]),
    (("--where", "blur > 0.15", "--quota", "camera=north:1,south:1"), ["b", "c"]),
]


@pytest.mark.parametrize(("wishes", "ids"), WORKED, ids=[" ".join(each[0]) for each in WORKED])
def test_wishes_worked_by_hand(
    wishes: Sequence[str], ids: list[str], pool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each wish, and some together, give the picks that follow from the table."""
    count = () if "-k" in wishes else ("-k", str(len(ids)))
    assert picked(pool, capsys, *wishes, *count) == ids


def test_what_a_condition_keeps_is_said(pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error has both numbers, and how many rows have no value."""
    picked(pool, capsys, "-k", "1", "--where", "camera == 'north' or blur < 0.3")
    assert "--where keeps 5 of 8 rows; 2 rows have no value in 'camera' or 'blur'" in picked.err  # type: ignore[attr-defined]
    picked(pool, capsys, "-k", "1", "--where", "camera == 'north'")
    assert "--where keeps 3 of 8 rows; 1 row has no value in 'camera'" in picked.err  # type: ignore[attr-defined]
    picked(pool, capsys, "-k", "1", "--where", "id < 'c'")
    assert "--where keeps 2 of 8 rows\n" in picked.err  # type: ignore[attr-defined]


def test_what_the_other_wishes_do_is_said(pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The quota's numbers, the rule of a weight and the random draws are said."""
    picked(pool, capsys, "-k", "4", "--quota", "camera=north:1,south:3", "--random-share", "0.5",
           "--weight", "weight")  # fmt: skip
    for words in ("north 1, south 3", "2 of 4 picks are drawn at random", "weight"):
        assert words in picked.err  # type: ignore[attr-defined]


def test_examples_are_those_of_python(
    pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids of examples in the flag, or in a file, are the rows that Python is given."""
    table = open_table(Path(pool))
    x, probs = table.numbers("features"), table.numbers("probs")
    (tmp_path / "examples.txt").write_text("a\n")
    for flags, wishes in (
        (("--like", "b, c"), {"like": [1, 2]}),
        (("--unlike", f"@{tmp_path / 'examples.txt'}"), {"unlike": [0]}),
        (("--like", "f", "--like", "h", "--unlike", "b"), {"like": [5, 7], "unlike": [1]}),
    ):
        rows = uwe.select(x, 3, probs=probs, strategy="entropy", **wishes)
        ids = ["abcdefgh"[row] for row in rows]
        assert picked(pool, capsys, "-k", "3", *flags) == ids


def test_random_picks_are_marked_in_every_format(pool: str, tmp_path: Path) -> None:
    """CSV, JSON lines, Parquet and the contact sheet say which picks were drawn at random."""
    marks = []
    for suffix in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"picks.{suffix}"
        assert main(["select", pool, "-k", "4", "--strategy", "entropy", "--random-share", "0.25",
                     "-o", str(path), "--html", str(tmp_path / f"{suffix}.html")]) == 0  # fmt: skip
        marks.append(open_table(path).values("how"))
    assert sorted(marks[0]) == ["random", *["strategy"] * 3]
    assert marks[0] == marks[1] == marks[2]
    assert (tmp_path / "csv.html").read_text().count("at random") == 1


def test_arrays_of_one_value_a_row_are_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pool of arrays has a column for each array [n], and its ids are text."""
    np.savez(
        tmp_path / "pool.npz",
        probs=np.linspace(0.5, 0.9, 6)[:, None] * [1, -1] + [0, 1],
        site=np.array(["east", "west"] * 3),
        blur=np.array([0.5, 0.1, 0.1, np.nan, 0.2, 0.1]),
        ids=np.arange(10, 16),
    )
    path = str(tmp_path / "pool.npz")
    assert picked(path, capsys, "-k", "2", "--where", "site = 'west' and blur < 0.3") == [
        "11",
        "15",
    ]
    assert picked(path, capsys, "-k", "2", "--quota", "site=uniform") == ["10", "11"]
    assert picked(path, capsys, "-k", "2", "--where", "id != '10'") == ["11", "12"]
    base = ("select", path, "-k", "2", "--strategy", "entropy")
    assert "did you mean 'site'?" in refused(capsys, *base, "--where", "sit == 'x'")
    assert "probs must be [n]" in refused(capsys, *base, "--where", "probs > 0.5")


def test_columns_from_a_table_beside_the_pool(
    pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of the table are placed by id; a row without one has no values."""
    (tmp_path / "more.csv").write_text("id,site,camera\nh,east,x\nc,east,y\nb,west,x\nz,east,x\n")
    more = ("--columns-from", str(tmp_path / "more.csv"))
    assert picked(pool, capsys, "-k", "2", *more, "--where", "site == 'east'") == ["c", "h"]
    assert "has no row for 5 of 8 rows" in picked.err  # type: ignore[attr-defined]
    assert picked(pool, capsys, "-k", "1", *more, "--where", "camera == 'y'") == ["c"]
    assert picked(pool, capsys, "-k", "1", *more, "--where", "site == 'east' and blur > 0.5") == [
        "h"
    ]
    base = ("select", pool, "-k", "1", "--strategy", "entropy", *more)
    assert "is for --where, --quota and --weight" in refused(capsys, *base)
    assert "no column 'sit'" in refused(capsys, *base, "--where", "sit == 'x'")
    (tmp_path / "more.csv").write_text("id,site\nz,east\n")
    assert "has none of the 8 ids" in refused(capsys, *base, "--where", "site == 'east'")
    (tmp_path / "more.csv").write_text("name,site\na,east\n")
    assert "has no column id" in refused(capsys, *base, "--where", "site == 'east'")


REFUSED = [
    (("--where", "camera == 3"), "column 'camera' (text) with 3; write '3' for text"),
    (("--where", "camra == 'x'"), "did you mean 'camera'?"),
    (("--where", 'camera == "north"'), "text stands in 'single quotes'"),
    (("--where", "camera == 'west'"), "leaves 0 of 8 unlabelled rows, and 3 are to be picked"),
    (("--where", "camera == 'north' and id < 'c'"), "leaves 2 of 8 unlabelled rows, and 3 are"),
    (("--min-distance", "-1"), "--min-distance is -1.0"),
    (("--min-distance", "20"), "20 apart"),
    (("--random-share", "1.5"), "--random-share is 1.5; it must be from 0 to 1"),
    (("--random-share", "nan"), "'nan' is not a number"),
    (("--quota", "camera"), "--quota takes COLUMN=uniform, COLUMN=pool or COLUMN=a:2,b:1"),
    (("--quota", "camera=even"), "'even' is no share"),
    (("--quota", "camera=north:x"), "'north:x' is no share"),
    (("--quota", "camera=north:1,north:2"), "names 'north' twice"),
    (("--quota", "camera=north:0"), "above 0"),
    (("--quota", "camera=norht:1"), "'norht', which no row of the pool has"),
    (("--quota", "camra=uniform"), "--quota: "),
    (("--quota", '"camera=uniform'), "opens a quote that is never closed"),
    (("--quota", "camera=north:1", "-k", "4"), "4 of 4 picks, but only 3 rows of it"),
    (("--quota", "camera=uniform", "-k", "8"), "'north' 4 of 8 picks, but only 3 rows of it"),
    (("--weight", "camera"), "column 'camera' holds text; a weight is a number of at least 0"),
    (("--weight", "blur"), "column 'blur' has no number in 1 of 8 rows"),
    (("--weight", "wieght"), "did you mean 'weight'?"),
    (("--weight", "weight:x"), "the power 'x' is no number above 0"),
    (("--weight", "weight:0"), "the power '0' is no number above 0"),
    (("--weight", "weight", "-k", "8"), "7 of 8 unlabelled rows"),
    (("--like", "z"), "--like has the id 'z', but "),
    (("--like", " , "), "--like names no id"),
    (("--unlike", "@nothing.txt"), "there is no file nothing.txt"),
]


@pytest.mark.parametrize(("wishes", "said"), REFUSED, ids=[" ".join(each[0]) for each in REFUSED])
def test_wishes_that_cannot_be_met(
    wishes: Sequence[str], said: str, pool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error is one line with the numbers, before anything is written."""
    count = () if "-k" in wishes else ("-k", "3")
    out = tmp_path / "picks.csv"
    base = ("select", pool, "--strategy", "entropy", "-o", str(out))
    assert said in refused(capsys, *base, *wishes, *count)
    assert not out.exists()


def test_a_negative_weight_names_its_row(pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A weight below 0 is named with the id of its row."""
    text = TABLE.replace("2024-01-03,1,", "2024-01-03,-1,")
    Path(pool).write_text(text)
    said = refused(capsys, "select", pool, "-k", "1", "--weight", "weight")
    assert "holds -1 for 'c'" in said


def test_rows_without_a_weight_may_be_left_out(
    pool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A condition that leaves out the rows without a number makes the column a weight."""
    where = ("--where", "blur is not null")
    assert picked(pool, capsys, "-k", "2", "--weight", "blur", *where) == ["g", "h"]


def test_a_list_of_examples_is_no_output(pool: str, tmp_path: Path) -> None:
    """A file that a wish reads is not overwritten, even with --force."""
    examples = tmp_path / "examples.txt"
    examples.write_text("a\n")
    given = ["select", pool, "-k", "2", "--like", f"@{examples}", "-o", str(examples), "--force"]
    assert main(given) == 2
    assert examples.read_text() == "a\n"


def test_pools_without_features_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A distance and examples need features; a quota over predictions needs predictions."""
    (tmp_path / "pool.csv").write_text("id,uncertainty\na,0.1\nb,0.2\n")
    base = ("select", str(tmp_path / "pool.csv"), "-k", "1")
    assert "needs features" in refused(capsys, *base, "--min-distance", "1")
    assert "needs features" in refused(capsys, *base, "--like", "a")
    assert "needs predicted classes" in refused(capsys, *base, "--quota", "predicted=uniform")


def test_forms_of_quotas_and_weights() -> None:
    """Names in double quotes may hold = and :, and a double quote is doubled."""
    assert quota_parts('"a=b"=pool') == ("a=b", "pool", True)
    assert quota_parts('"a""b"=x:1') == ('a"b', {"x": 1.0}, True)
    assert quota_parts("a = x y:.5 , z:2") == ("a", {"x y": 0.5, "z": 2.0}, False)
    assert quota_parts("a=10:30:1") == ("a", {"10:30": 1.0}, False)
    assert weight_parts('"a:b":2') == ("a:b", 2.0)
    for text in ("=uniform", "a=", '""=uniform'):
        with pytest.raises(InputError, match="--quota takes"):
            quota_parts(text)
    for text in ("", ":2"):
        with pytest.raises(InputError, match="--weight takes"):
            weight_parts(text)


def test_no_flag_is_no_wish() -> None:
    """Without a flag nothing is read or said."""
    assert WishFlags().given == {}


# Projects

ROWS = "id,camera,blur,x,y,label\n" + "".join(
    f"r{row:02d},{row % 3},{row / 20},{row},{row * 7 % 11},\n" for row in range(20)
)


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS)
    folder = tmp_path / "p.uwe"
    given = ["init", str(folder), str(tmp_path / "rows.csv"), "--label", "label"]
    assert main([*given, "--classes", "even,odd"]) == 0
    capsys.readouterr()
    return folder


def batch(folder: Path, number: int) -> list[dict[str, str]]:
    text = (folder / "picks" / f"round-{number}.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


def queried(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [each["facts"] for each in events if each.get("event") == "queried"]


def answer(folder: Path, number: int) -> None:
    labels = folder.parent / "labels.csv"
    lines = [
        f"{row['id']},{'odd' if int(row['idx']) % 2 else 'even'}" for row in batch(folder, number)
    ]
    labels.write_text("id,label\n" + "\n".join(lines) + "\n")
    assert main(["tell", str(folder), str(labels)]) == 0


def test_a_first_batch_keeps_to_wishes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a model rows are drawn at random among those that the wishes allow."""
    given = ["next", str(project), "-k", "4", "--where", "blur < 0.5",
             "--quota", "camera=0:3,1:1", "--weight", "blur"]  # fmt: skip
    assert main(given) == 0
    said = capsys.readouterr()
    assert "--where keeps 10 of 20 rows" in said.err
    assert sorted(int(row["idx"]) % 3 for row in batch(project, 1)) == [0, 0, 0, 1]
    assert all(0 < int(row["idx"]) < 10 for row in batch(project, 1))
    [facts] = queried(project)
    wishes = facts["wishes"]
    assert wishes["words"] == {"where": "blur < 0.5", "weight": "blur"}
    assert wishes["quota"]["shares"] == {"0": 3.0, "1": 1.0}
    assert wishes["where"] == list(range(10))


def test_later_batches_keep_to_wishes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a model every wish holds, the journal has it, and the random picks are marked."""
    assert main(["next", str(project), "-k", "6"]) == 0
    answer(project, 1)
    given = ["next", str(project), "-k", "4", "--random-share", "0.5", "--min-distance", "1.5",
             "--like", "r00,r10"]  # fmt: skip
    assert main(given) == 0
    assert "2 of 4 picks are drawn at random" in capsys.readouterr().err
    rows = batch(project, 2)
    assert sorted(row["how"] for row in rows) == ["random", "random", "strategy", "strategy"]
    assert all(float(row["distance"]) >= 1.5 for row in rows)
    facts = queried(project)[1]
    drawn = [int(row["idx"]) for row in rows if row["how"] == "random"]
    assert sorted(facts["drawn"]) == sorted(drawn)
    assert facts["wishes"] == {"min_distance": 1.5, "like": [0, 10], "random_share": 0.5}
    assert "wishes" not in queried(project)[0]
    answer(project, 2)
    assert main(["next", str(project), "-k", "2", "--quota", "predicted=uniform"]) == 0


def test_wishes_for_an_open_batch_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that is not answered is not changed by a wish, and the wish is not ignored."""
    assert main(["next", str(project), "-k", "3"]) == 0
    said = refused(capsys, "next", str(project), "-k", "3", "--where", "blur < 0.5")
    assert "--where is for a new batch, but 3 rows of earlier batches have no label yet" in said
    assert len(queried(project)) == 1
    assert main(["next", str(project), "-k", "3", "--more", "--where", "blur < 0.9"]) == 0
    assert len(queried(project)) == 2


def test_wishes_that_a_project_cannot_meet(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wish that cannot be met writes neither a batch nor an event."""
    base = ("next", str(project), "-k", "5")
    for wishes, said in (
        (("--where", "blur < 0.1"), "leaves 2 of 20 unlabelled rows, and 5 are to be picked"),
        (("--where", "blr < 0.1"), "did you mean 'blur'?"),
        (("--where", "blur < '0.1'"), "write a number without quotes"),
        (("--quota", "camera=7:1"), "'7', which no row of the pool has"),
        (("--min-distance", "1"), "min_distance needs features"),
        (("--like", "r01"), "like needs features"),
        (("--quota", "predicted=uniform"), "quota needs predicted classes"),
        (("--weight", "id"), "holds text"),
    ):
        assert said in refused(capsys, *base, *wishes)
    assert not queried(project)
    assert not (project / "picks" / "round-1.csv").exists()


def test_a_folder_of_images_takes_columns_from_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Images have no columns of their own; a table beside them has, by the path of each image."""
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "photos").mkdir()
    for number in range(6):
        image.new("RGB", (8, 8), (number * 40, 90, 200)).save(tmp_path / "photos" / f"{number}.png")
    folder, table = str(tmp_path / "p.uwe"), tmp_path / "photos.csv"
    table.write_text("id,camera\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(6)))
    assert main(["init", folder, str(tmp_path / "photos"), "--classes", "a,b"]) == 0
    base = ("next", folder, "-k", "2")
    told = refused(capsys, *base, "--where", "camera == 1")
    assert "the source has no columns" in told
    assert told.endswith("--columns-from gives it those of a table")
    more = ("--columns-from", str(table))
    assert main([*base, "--where", "camera == 1", *more]) == 0
    assert all(int(row["idx"]) % 2 for row in batch(Path(folder), 1))
