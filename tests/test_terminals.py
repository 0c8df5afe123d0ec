"""Standard streams of any kind: no result depends on them, and no command ends in a traceback."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from uwe.cli import main, paper
from uwe.cli.terminals import READER_LEFT, of_any_kind

POOL = "ids,features_0,uncertainty\nłódź,0,0.2\n日本,3,0.9\nok,9,0.01\n"
PICKED = ["日本", "łódź"]
RUNS = "n_labeled,te_accuracy\n10,0.5\n20,0.6\n"
FULL = Path("/dev/full")
REPORT = ["report", "m_s1.csv", "random_s1.csv", "--output", "out"]
SELECT = ["select", "pool.csv", "-k", "2"]

Streams = Callable[..., tuple[int, bytes, bytes]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool with ids beyond every small encoding, and runs of another program."""
    (tmp_path / "pool.csv").write_text(POOL, encoding="utf-8")
    for name in ("m_s1.csv", "random_s1.csv"):
        (tmp_path / name).write_text(RUNS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def on_streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    """Run a command on standard streams of an encoding; give the exit code and their bytes."""

    def run(
        arguments: list[str],
        encoding: str = "utf-8",
        *,
        program: Callable[[list[str]], int] = main,
    ) -> tuple[int, bytes, bytes]:
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        err = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", out)
            patched.setattr(sys, "stderr", err)
            try:
                code = program(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
        return code, *(each.buffer.getvalue() for each in (out, err))  # type: ignore[attr-defined]

    return run


def shell(
    line: str, folder: Path, changed: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a line of the shell, in which ``uwe`` is the program."""
    program = f'uwe() {{ "{sys.executable}" -m uwe "$@"; }}; '
    return subprocess.run(
        ["bash", "-c", program + line], cwd=folder, env={**os.environ, **(changed or {})},
        capture_output=True, check=False, timeout=250,
    )  # fmt: skip


def ids_in(output: bytes) -> list[str]:
    return [row["id"] for row in csv.DictReader(io.StringIO(output.decode("utf-8")))]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-16", "utf-8"])
def test_picks_on_standard_output_are_those_of_a_file(
    folder: Path, on_streams: Streams, encoding: str
) -> None:
    """In any encoding of a pipe, picks are UTF-8, so that the ids can be read back."""
    code, out, _ = on_streams(SELECT, encoding)
    assert code == 0
    assert ids_in(out) == PICKED
    assert on_streams([*SELECT, "-o", "picks.csv"], encoding)[0] == 0
    assert out == (folder / "picks.csv").read_bytes()


def test_the_c_locale_loses_nothing(folder: Path) -> None:
    """LC_ALL=C without Python's UTF-8 mode is ASCII."""
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = shell("uwe select pool.csv -k 2", folder, locale)
    assert done.returncode == 0, done.stderr
    assert ids_in(done.stdout) == PICKED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (REPORT, "Written: out/report.html"),
        (["list", "strategies"], "coreset"),
        (["--help"], "Deep active learning"),
        (["select", "--help"], "--uncertainty"),
        ([*SELECT, "-o", "ł.csv"], r"Written: \u0142.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_an_encoding_lacks_is_written_otherwise(
    folder: Path, on_streams: Streams, arguments: list[str], words: str
) -> None:
    """Tables, help and names are shown in ASCII: known signs in plain, others as escapes."""
    code, out, err = on_streams(arguments, "ascii")
    assert (code, err) == (0, b"")
    assert words in out.decode("ascii")
    assert rb"\xb1" not in out


def test_errors_are_shown_in_any_encoding(folder: Path, on_streams: Streams) -> None:
    """A line that names a file beyond the encoding is one line, and the exit code stays 2."""
    code, out, err = on_streams(["select", "łódź.csv", "-k", "1"], "ascii")
    assert (code, out) == (2, b"")
    assert err.decode("ascii").count("\n") == 1
    assert rb"\u0142" in err


@pytest.mark.parametrize("size", ["0", "1", "abc", "-5", "", "²", "99999999999", "1e3"])
def test_a_size_that_no_terminal_has_is_not_believed(
    on_streams: Streams, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """COLUMNS and LINES of 0, of letters or of billions count as not given."""
    commands = [["--version"], ["select", "--help"], ["list", "budgets"]]
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    expected = [on_streams(command) for command in commands]
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, size)
    assert [on_streams(command) for command in commands] == expected
    assert all(len(out) > 5 for _, out, _ in expected)
    code, out, _ = on_streams(["--help"], program=paper)
    assert code == 0
    assert max(map(len, out.decode().splitlines())) > 40


@pytest.mark.parametrize("end", ["closed", "strict"])
def test_a_stream_that_others_have_changed_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    """A stream that is closed during the work, or has no errors to set, gives no traceback."""

    class Strict(io.StringIO):
        def write(self, text: str) -> int:
            return super().write(text.encode("ascii").decode())

    out = Strict()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        with of_any_kind() as shown:
            print("ł±")
            if end == "closed":
                out.close()
            print("end")
            assert shown.exit_code("uwe", 0, is_the_result=False) == 0
    if end == "strict":
        assert out.getvalue() == "\\u0142+-\nend\n"
    assert "Traceback" not in capsys.readouterr().err


def test_a_size_that_a_terminal_has_is_kept() -> None:
    """A width of 40 is used."""
    help_ = [sys.executable, "-m", "uwe", "--help"]
    environment = {**os.environ, "COLUMNS": "40", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(help_, env=environment, capture_output=True, check=True)
    assert max(map(len, done.stdout.decode().splitlines())) == 40


@pytest.mark.parametrize("stream", [None, "closed"])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (SELECT, 2, "standard output is closed; name a file with -o"),
        (["list", "strategies"], 2, "standard output is closed; nothing was shown"),
        (["--version"], 2, "standard output is closed; nothing was shown"),
        (["select", "--help"], 2, "standard output is closed; nothing was shown"),
        ([*SELECT, "-o", "picks.csv"], 0, ""),
        (REPORT, 0, ""),
        (["select", "none.csv", "-k", "2", "-o", "picks.csv"], 2, "none.csv"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_closed_standard_output_is_said_or_not_needed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stream: str | None,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    """A result that would be shown is refused in a line; one that is a file is written."""
    closed = io.StringIO()
    closed.close()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None if stream is None else closed)
        assert main(arguments) == code
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == (code > 0)
    if code == 0:
        made = folder / ("out/report.html" if "report" in arguments else "picks.csv")
        assert made.stat().st_size > 50


@pytest.mark.parametrize("closed", [">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_written_into_files(folder: Path, closed: str) -> None:
    """No file gets the number of a closed stream, so no message ends up in a result."""
    done = shell(f"uwe select pool.csv -k 2 -o picks.csv {closed}", folder)
    assert done.returncode == 0
    assert ids_in((folder / "picks.csv").read_bytes()) == PICKED
    assert (folder / "picks.csv").read_bytes().count(b"\n") == 3


@pytest.fixture
def without_reader() -> Iterator[io.TextIOWrapper]:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    yield stream
    stream.close()


@pytest.mark.parametrize(
    "arguments",
    [SELECT, ["list", "strategies"], ["--help"], REPORT, [*SELECT, "-o", "picks.csv"]],
    ids=lambda value: " ".join(value)[:40],
)
def test_a_reader_that_has_left_ends_nothing(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    without_reader: io.TextIOWrapper,
    arguments: list[str],
) -> None:
    """The work is done, nothing is said of the pipe, and the code is that of SIGPIPE."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", without_reader)
        assert main(arguments) == READER_LEFT
    assert capsys.readouterr().err == ""
    assert (folder / "picks.csv").exists() is ("picks.csv" in arguments)
    assert (folder / "out" / "report.html").exists() is ("out" in arguments)


def test_a_mistake_stays_a_mistake_without_a_reader(
    folder: Path, monkeypatch: pytest.MonkeyPatch, without_reader: io.TextIOWrapper
) -> None:
    """Where standard error has no reader, the exit code is still that of the work."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", without_reader)
        patched.setattr(sys, "stderr", without_reader)
        assert main(["select", "none.csv", "-k", "1"]) == 2


def test_a_pipe_of_the_shell_says_nothing(folder: Path) -> None:
    """Neither the program nor Python at its end mentions the pipe."""
    done = shell("uwe list strategies | true; echo ${PIPESTATUS[0]}", folder)
    assert (done.stdout, done.stderr) == (b"%d\n" % READER_LEFT, b"")


@pytest.mark.skipif(not FULL.is_char_device(), reason="needs Linux's full device")
@pytest.mark.parametrize(
    "arguments",
    [SELECT, ["list", "strategies"], ["--version"], ["select", "--help"], REPORT],
    ids=lambda value: " ".join(value)[:30],
)
def test_a_full_device_is_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    """What could not be shown is said, with exit code 2, and files are written."""
    with FULL.open("w") as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        assert main(arguments) == 2
    err = capsys.readouterr().err
    assert re.fullmatch(r"uwe: cannot write to standard output: No space[^\n]*\n", err)
    assert (folder / "out" / "report.html").exists() is ("out" in arguments)


def test_a_run_goes_on_without_a_reader(
    tmp_path: Path,
    small_run: Callable[..., list[str]],
    outcome: Callable[[Path], dict[str, object]],
    finished_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    without_reader: io.TextIOWrapper,
) -> None:
    """`uwe run 2>&1 | head -1` ends as a run that is watched to its end."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", without_reader)
        with os.fdopen(os.dup(without_reader.fileno()), "w") as other:
            patched.setattr(sys, "stderr", other)
            assert main(small_run(tmp_path / "results")) == READER_LEFT
    assert outcome(tmp_path / "results") == outcome(finished_run)


def test_the_streams_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that calls `main` has its own streams and sizes afterwards."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setenv("COLUMNS", "0")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        with of_any_kind():
            print("±ł")
            assert "COLUMNS" not in os.environ
        assert sys.stdout is out
    assert out.errors == "strict"
    assert os.environ["COLUMNS"] == "0"
    assert out.buffer.getvalue() == b"+-\\u0142\n"  # type: ignore[attr-defined]


def test_a_project_is_labelled_with_closed_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_reader: io.TextIOWrapper
) -> None:
    """init, next, tell and status lose no label where nothing can be shown."""
    rows = [f"r{row},{row % 7},{row % 3}" for row in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["id,x,y", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)

    def uwe(line: str, out: io.TextIOWrapper | None) -> int:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", out)
            return main(line.split())

    assert uwe("init p t.csv --classes a,b", None) == 0
    assert uwe("next p -k 4 -o batch.csv", None) == 0
    picks = list(csv.DictReader((tmp_path / "batch.csv").read_text().splitlines()))
    assert len(picks) == 4
    labelled = [f"{row['id']},{'ab'[at % 2]}" for at, row in enumerate(picks)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label", *labelled]) + "\n")
    assert uwe("tell p labels.csv", without_reader) == READER_LEFT
    assert uwe("status p --labels out.csv", without_reader) == 0
    written = (tmp_path / "out.csv").read_text().splitlines()
    assert sorted(written[1:]) == sorted(labelled)
