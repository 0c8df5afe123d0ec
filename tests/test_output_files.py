"""Output files: checked before the work, never a source, never through a link to elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uwe._files import expanded, write_text
from uwe.cli import main
from uwe.errors import InputError, RunError

POOL = "ids,features_0,uncertainty\na,0,0.2\nb,3,0.9\nc,9,0.01\n"
RUNS = "n_labeled,te_accuracy\n10,0.5\n20,0.6\n"
SELECT = ["select", "pool.csv", "-k", "2"]
REPORT = ["report", "m_s1.csv", "random_s1.csv"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool, lists of ids, images, and runs of another program; the working folder."""
    (tmp_path / "pool.csv").write_text(POOL)
    (tmp_path / "done.txt").write_text("a\n")
    (tmp_path / "photos").mkdir()
    for name in "abc":
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / f"{name}.png")
    for name in ("m_s1.csv", "random_s1.csv"):
        (tmp_path / name).write_text(RUNS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hard_link(folder: Path) -> list[str]:
    os.link(folder / "pool.csv", folder / "other.csv")
    return ["-o", "other.csv"]


def soft_link(folder: Path) -> list[str]:
    (folder / "link.csv").symlink_to("pool.csv")
    return ["-o", "link.csv"]


def link_of_the_pool(folder: Path) -> list[str]:
    (folder / "pool.csv").rename(folder / "real.csv")
    (folder / "pool.csv").symlink_to("real.csv")
    return ["-o", "real.csv"]


@pytest.mark.parametrize(
    "prepare",
    [
        lambda folder: ["-o", "pool.csv"],
        lambda folder: ["-o", f"../{folder.name}/./pool.csv"],
        lambda folder: ["--html", "pool.csv"],
        hard_link,
        soft_link,
        link_of_the_pool,
        lambda folder: ["-o", "done.txt", "--labelled", "done.txt"],
        lambda folder: ["-o", "done.txt", "--exclude", "done.txt"],
        lambda folder: ["--html", "photos/a.png", "--images", "photos"],
    ],
    ids=["-o", "another spelling", "--html", "hard link", "link", "link of the pool", "--labelled",
         "--exclude", "--images"],
)  # fmt: skip
def test_a_source_is_never_a_target(
    folder: Path,
    refused: Callable[[list[str]], str],
    prepare: Callable[[Path], list[str]],
) -> None:
    """With --force, too, the pool, lists of ids and images are refused in a line and stay."""
    options = prepare(folder)
    before = contents(folder)
    assert "would be lost" in refused([*SELECT, "--force", *options])
    assert contents(folder) == before


def test_a_pool_in_a_folder_keeps_its_files(folder: Path, refused: Callable[..., str]) -> None:
    """No file of a pool that is a folder is overwritten."""
    (folder / "pool").mkdir()
    for name in ("features", "uncertainty"):
        np.save(folder / "pool" / f"{name}.npy", np.arange(6.0).reshape(3, -1).squeeze())
    (folder / "pool" / "ids.txt").write_text("a\nb\nc\n")
    before = contents(folder)
    line = refused(["select", "pool", "-k", "1", "-o", "pool/ids.txt", "--force"])
    assert "a file of the pool pool and would be lost" in line
    assert contents(folder) == before


def test_what_other_commands_read_is_never_their_target(
    folder: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """embed, next, status and report refuse their sources and a project's own files."""
    (folder / "enc.py").write_text("def mean():\n    return lambda x: (None, x.mean((2, 3)))\n")
    monkeypatch.syspath_prepend(folder)
    assert main(["embed", "photos", "--model", "enc:mean", "-o", "photos/p.safetensors"]) == 0
    again = ["embed", "photos", "--model", "enc:mean", "-o", "photos/p.safetensors", "--force"]
    assert main(again) == 0
    model = folder / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    onto = ["embed", "photos", "--model", "model", "-o", "model/model.safetensors", "--force"]
    assert "would be lost" in refused(onto)
    (folder / "t.csv").write_text("id,x\n" + "".join(f"r{n},{n}\n" for n in range(20)))
    assert main(["init", "p", "t.csv", "--classes", "a,b"]) == 0
    assert main(["next", "p", "-k", "3"]) == 0
    before = contents(folder)
    for output in ("t.csv", "p/picks/round-1.csv", "p/journal.jsonl"):
        assert "would be lost" in refused(["next", "p", "-o", output, "--force"])
    assert "would be lost" in refused(["status", "p", "--labels", "t.csv", "--force"])
    os.link("m_s1.csv", "page.html")
    assert "would be lost" in refused([*REPORT, "--html", "page.html", "--force"])
    (folder / "page.html").unlink()
    assert contents(folder) == before


@pytest.mark.parametrize(
    "second",
    ["x.csv", "./x.csv", "X.csv", "link.csv", "hard.csv"],
)
def test_two_outputs_are_two_files(folder: Path, refused: Callable[..., str], second: str) -> None:
    """The picks and the sheet are not written into one file, under any names."""
    (folder / "x.csv").write_text("")
    (folder / "link.csv").symlink_to("x.csv")
    os.link(folder / "x.csv", folder / "hard.csv")
    line = refused([*SELECT, "-o", "x.csv", "--html", second, "--force"])
    assert "are one file; name two" in line


def test_a_link_is_written_through_inside_its_folder_only(
    folder: Path, refused: Callable[..., str]
) -> None:
    """A link to a neighbour stays and the neighbour is new; one to elsewhere is refused."""
    (folder / "shared.csv").write_text("old\n")
    (folder / "picks.csv").symlink_to("shared.csv")
    assert main([*SELECT, "-o", "picks.csv", "--force"]) == 0
    assert (folder / "picks.csv").is_symlink()
    assert (folder / "shared.csv").read_text().splitlines()[1].split(",")[2] == "b"
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "x.csv").write_text("precious")
    (folder / "out.csv").symlink_to("elsewhere/x.csv")
    line = refused([*SELECT, "-o", "out.csv", "--force"])
    assert "elsewhere/x.csv, which is in another folder" in line
    assert (folder / "elsewhere" / "x.csv").read_text() == "precious"
    (folder / "dangling.csv").symlink_to("new.csv")
    assert "exists" in refused([*SELECT, "-o", "dangling.csv"])
    assert main([*SELECT, "-o", "dangling.csv", "--force"]) == 0
    assert (folder / "new.csv").is_file()
    (folder / "round.csv").symlink_to("round.csv")
    assert "circle" in refused([*SELECT, "-o", "round.csv", "--force"])


def test_from_python_a_link_is_the_same(tmp_path: Path) -> None:
    """Every file of the library is written so, not those of the command line alone."""
    (tmp_path / "away").mkdir()
    (tmp_path / "a.csv").symlink_to("away/b.csv")
    with pytest.raises(RunError, match="another folder"):
        write_text(tmp_path / "a.csv", "new")
    assert list((tmp_path / "away").iterdir()) == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: os.mkfifo(path), "it is a FIFO"),
        (lambda path: path.mkdir(), "it is a folder"),
    ],
    ids=["FIFO", "folder"],
)
@pytest.mark.parametrize("more", [[], ["--force"]], ids=["", "--force"])
def test_what_is_no_file_is_refused(
    folder: Path,
    refused: Callable[..., str],
    make: Callable[[Path], None],
    words: str,
    more: list[str],
) -> None:
    """A FIFO does not block, and a folder is not replaced."""
    make(folder / "out.csv")
    assert words in refused([*SELECT, "-o", "out.csv", *more])


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("x" * 252 + ".csv", "255 is the limit"),
        ("é" * 126 + ".csv", "255 is the limit"),
        ("pool.csv/out.csv", "is a file, no folder"),
        ("pool.csv/deep/out.csv", "is a file, no folder"),
        ("\udcff.csv", "is not Unicode"),
        ("/dev/null", "format"),
        ("/dev/stdout", "format"),
    ],
    ids=["long", "long in bytes", "below a file", "far below a file", "not Unicode", "null",
         "stdout"],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str], output: str,
    words: str,
) -> None:  # fmt: skip
    """One line, and nothing was read or picked before it."""
    monkeypatch.setattr("uwe.selecting.select", None)
    assert words in refused([*SELECT, "-o", output])


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    """A read-only folder is named; a missing one is made."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot be written" in refused([*SELECT, "-o", "out.csv"])
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert main([*SELECT, "-o", "a/b/out.csv"]) == 0
    assert (folder / "a" / "b" / "out.csv").is_file()


@pytest.mark.parametrize("name", ["~picks.csv", "~root.csv", "a~b.csv", "~nobody/x.csv"])
def test_a_tilde_belongs_to_the_name(folder: Path, name: str) -> None:
    """Only a leading ~/ is the home folder; nobody else's home is looked up."""
    assert main([*SELECT, "-o", name]) == 0
    assert (folder / name).is_file()
    (folder / name).replace(folder / "~pool.csv")
    (folder / "~pool.csv").write_text(POOL)
    assert main(["select", "~pool.csv", "-k", "1"]) == 0


def test_a_leading_tilde_and_slash_is_the_home_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a shell would expand it, also where the shell did not see it."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert main([*SELECT, "--output=~/picks.csv"]) == 0
    assert (folder / "home" / "picks.csv").is_file()
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(InputError, match="no home folder is known"):
        expanded("~/x")


def test_a_report_overwrites_reports_only(folder: Path, refused: Callable[..., str]) -> None:
    """A page, text or record of another origin needs --force; one of uwe is written anew."""
    for name in ("index.html", "report.html", "report.md", "report.json"):
        (folder / name).write_text("mine")
    formats = ["--format", "html", "--format", "md", "--format", "json"]
    before = contents(folder)
    assert "index.html exists" in refused([*REPORT, "--html", "index.html"])
    for name in ("html", "md", "json"):
        assert f"report.{name} exists" in refused([*REPORT, "--format", name])
    assert contents(folder) == before
    assert main([*REPORT, *formats, "--force"]) == 0
    assert contents(folder) != before
    assert main([*REPORT, *formats]) == 0
    assert (folder / "report.md").read_text().endswith("<!-- written by uwe report -->\n")
    page = folder / "report.html"
    page.write_text(page.read_text().replace('<meta name="generator" content="uwe report">\n', ""))
    assert main(REPORT) == 0  # a page of an earlier version


def test_results_overwrite_their_own_files_only(
    copied_run: Path, folder: Path, refused: Callable[..., str]
) -> None:
    """curves.csv and pictures of another origin need --force, and nothing is half done."""
    results = ["results", str(copied_run), "--output", "out"]
    assert main(results) == 0
    assert main(results) == 0
    [picture] = (folder / "out").glob("*.svg")
    picture.write_text("<svg>mine</svg>")
    (folder / "out" / "curves.csv").unlink()
    assert f"{picture.name} exists" in refused(results)
    assert not (folder / "out" / "curves.csv").exists()
    picture.unlink()
    (folder / "out" / "curves.csv").write_text("my,curves\n")
    assert "curves.csv exists" in refused(results)
    assert (folder / "out" / "curves.csv").read_text() == "my,curves\n"
    assert main([*results, "--force"]) == 0
    assert (folder / "out" / "curves.csv").read_text().startswith("dataset,")


def test_a_table_of_texts_is_kept_behind_a_link(folder: Path, refused: Callable[..., str]) -> None:
    """An output of embed that is a link to the table is its source."""
    (folder / "texts.csv").write_text("text\nhello\n")
    (folder / "out.safetensors").symlink_to("texts.csv")
    embed = ["embed", "texts.csv", "--text", "text", "--model", "enc:x", "-o", "out.safetensors"]
    assert "would be lost" in refused([*embed, "--force"])
    assert (folder / "texts.csv").read_text() == "text\nhello\n"


def test_a_run_leaves_a_foreign_page_alone(
    tmp_path: Path, small_run: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The page at the end of a run does not replace another file; the run itself is done."""
    (tmp_path / "report.html").write_text("mine")
    assert main(small_run(tmp_path, budgets="20,30")) == 0
    assert "No report was written" in capsys.readouterr().out
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_results_folder_that_is_not_unicode_is_refused_before_the_work(
    folder: Path, refused: Callable[..., str], small_run: Callable[..., list[str]]
) -> None:
    """Models could not be written there, so nothing is trained and no folder is made."""
    before = contents(folder)
    assert "is not Unicode" in refused(small_run("\udcff"))
    assert contents(folder) == before
    assert not (folder / "\udcff").exists()
