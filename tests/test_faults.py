"""Exit codes: 2 for what a user can correct; 1 and the file of a traceback for a fault of ours."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import uwe
import uwe.tasks
from uwe.cli import main
from uwe.cli.speaking import spoken
from uwe.embedding import weighted
from uwe.errors import (
    DataError,
    InputError,
    RunError,
    UweError,
    from_user,
    place_in_user_code,
    reason_of,
)
from uwe.strategies import Picks, Strategy, mix, ranked, spread

ERRORS: list[Exception] = [
    RuntimeError("mat1 and mat2"),
    TypeError("unhashable type"),
    IndexError("list index out of range"),
    KeyError("colour"),
    NotImplementedError("later"),
    ZeroDivisionError("division by zero"),
    AssertionError(),
    AttributeError("no attribute"),
    StopIteration(),
]


@pytest.fixture(autouse=True)
def _errors_begin_anew() -> None:
    """An error that is raised again keeps the frames of the first time."""
    for error in ERRORS:
        error.__traceback__ = error.__context__ = error.__cause__ = None
        error.__dict__.pop("__notes__", None)


def raising(error: BaseException) -> Callable[[], None]:
    """A function of uwe that raises ``error``."""
    return compiled("def work():\n    raise error", Path(uwe.__file__).parent / "x.py", error)


def compiled(code: str, file: Path, error: object = None) -> Callable[[], None]:
    """The function ``work`` of some code, as if it stood in a file."""
    names: dict[str, object] = {"error": error}
    exec(compile(code, str(file), "exec"), names)
    return names["work"]  # type: ignore[return-value]


@pytest.fixture
def told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], tuple[int, str]]:
    """The exit code and the one line of some work."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def of(work: Callable[[], object]) -> tuple[int, str]:
        code = spoken("uwe", work)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("uwe: ")
        assert err.count("\n") == 1
        return code, err

    return of


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_fault_of_ours_names_the_file_of_its_traceback(told, error: Exception) -> None:
    """One line, exit code 1; the file holds the traceback, and others cannot read it."""
    code, line = told(raising(error))
    assert code == 1
    assert f"a fault of uwe: {reason_of(error)}; please report it with" in line
    [file] = re.findall(r"with (\S+) to the maintainers", line)
    text = Path(file).read_text()
    assert "Traceback (most recent call last)" in text
    assert type(error).__name__ in text
    assert uwe.__version__ in text
    assert Path(file).stat().st_mode & 0o077 == 0


def test_a_fault_without_a_place_for_its_file_is_still_one_line(
    told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written, the line says how to see the traceback."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    code, line = told(raising(KeyError("x")))
    assert code == 1
    assert "UWE_DEBUG=1 shows it" in line


def test_the_variable_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """UWE_DEBUG=1 prints it before the line."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("UWE_DEBUG", "1")
    assert spoken("uwe", raising(InputError("no such thing"))) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("uwe: no such thing\n")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("a b"), "uwe: a b"),
        (DataError("a b"), "uwe: a b"),
        (RunError("a\nb"), "uwe: a b"),
        (MemoryError(), "not enough memory"),
        (MemoryError("Unable to allocate 3. TiB"), "3. TiB"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "not enough memory"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates not allowed"), "surrogates"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte"),
        (ModuleNotFoundError("No module named 'colours'", name="colours"), "install it"),
        (PermissionError(13, "Permission denied", "x.csv"), "Permission denied: x.csv"),
        (OSError("image file is truncated"), "image file is truncated"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_a_user_can_correct_is_one_line(told, error: Exception, words: str) -> None:
    """Memory, nesting, text that is no Unicode, packages and files: exit code 2."""
    code, line = told(raising(error))
    assert code == 2
    assert words in line


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_a_user_s_module_raises_is_the_user_s(told, tmp_path: Path, error: Exception) -> None:
    """An error that passes through a file of the user, below uwe, names its line and is 2."""
    own = compiled("def work():\n    x = 1\n    raise error", tmp_path / "mine.py", error)
    code, line = told(compiled("def work():\n    error()", Path(uwe.__file__), own))
    assert code == 2
    assert f"line 3 of {tmp_path / 'mine.py'}" in line
    assert type(error).__name__ in line


def test_a_user_s_module_that_ends_the_program_is_named(told, tmp_path: Path) -> None:
    """sys.exit() in a user's code is no silent end; that of help passes."""
    own = compiled("def work():\n    raise error", tmp_path / "mine.py", SystemExit(0))
    code, line = told(compiled("def work():\n    error()", Path(uwe.__file__), own))
    assert code == 2
    assert f"line 2 of {tmp_path / 'mine.py'} ends the program" in line
    with pytest.raises(SystemExit):
        spoken("uwe", raising(SystemExit(0)))


def test_what_calls_uwe_is_not_taken_for_the_user_s_code(tmp_path: Path) -> None:
    """A script that calls uwe does not make a fault of ours the user's."""
    ours = raising(KeyError("x"))
    script = compiled("def work():\n    error()", tmp_path / "script.py", ours)
    with pytest.raises(KeyError) as caught:
        script()
    assert place_in_user_code(caught.value) is None


def test_the_note_of_a_worker_process_is_read(told) -> None:
    """An error of another process brings its traceback as a note."""
    error = ValueError("x")
    error.add_note(
        f'  File "{uwe.__file__}", line 3, in f\n  File "/home/me/mine.py", line 7, in fit\n'
    )
    assert place_in_user_code(error) == "line 7 of /home/me/mine.py"


@pytest.mark.parametrize(
    "error", [*ERRORS, SystemExit(3), OSError(5, "I/O")], ids=lambda error: type(error).__name__
)
def test_a_call_of_a_user_s_code_gives_our_errors(error: BaseException) -> None:
    """`from_user` says what was called; our own errors and interrupts pass."""
    failed = pytest.raises(DataError, match=r"^fit\(\) of mine failed: ")
    with failed as caught, from_user("fit() of mine", DataError):
        raise error
    assert caught.value.__cause__ is error
    with pytest.raises(InputError, match=r"^own$"), from_user("fit()"):
        raise InputError("own")
    with pytest.raises(KeyboardInterrupt), from_user("fit()"):
        raise KeyboardInterrupt


def test_a_line_holds_no_characters_that_a_terminal_obeys(told) -> None:
    """Escape sequences in names are shown, and a megabyte of message is cut."""
    code, line = told(raising(InputError("a\x1b[2Jb\x07\u202e" + "x" * 10**6)))
    assert code == 2
    assert r"a\x1b[2Jb\x07\u202e" in line
    assert len(line) < 3_000


MODEL = """
class Mine:
    name = "mine"
    def fit(self, x, y, *, classes, seed):
        return {}["colour"]
    def predict(self, model, x):
        return x

def make(classes):
    return Mine()
"""


def test_an_own_learner_that_fails_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a whole run, the line of the user's file is in the message, and the exit code is 2."""
    (tmp_path / "failing_learner.py").write_text(MODEL)
    rows = "".join(f"{row},{row % 3},{'ab'[row % 2]}\n" for row in range(40))
    (tmp_path / "t.csv").write_text("x,y,label\n" + rows)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = main(["run", "t.csv", "--model", "failing_learner:make", "--budgets", "4,8"])
    *_, last = capsys.readouterr().err.splitlines()
    assert code == 2, last
    assert "KeyError" in last
    assert f"line 5 of {tmp_path / 'failing_learner.py'}" in last
    assert not list(tmp_path.glob("uwe-fault-*"))


def test_without_the_module_resource_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peak of memory is then 0, and nothing else differs."""
    from uwe.learners import memory

    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(memory.Path, "read_text", lambda *_, **__: _raise(OSError("no /proc")))
    assert memory._peak_of_process() == 0
    monkeypatch.delattr(os, "sysconf")
    assert memory._memory_of_machine() > 0


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "call",
    [
        lambda: uwe.select(object(), 2),
        lambda: uwe.select([[1.0], [2.0]], "2"),
        lambda: uwe.select([[1.0], [2.0]], 1.5),
        lambda: uwe.select([[1.0], [2.0]], 1, uncertainty="no"),
        lambda: uwe.select([[1.0], [2.0]], 1, strategy=3),
        lambda: uwe.select("rows", 1),
        lambda: uwe.select({"a": 1}, 1),
        lambda: uwe.select([[1.0], [2.0, 3.0]], 1, uncertainty=[0.1, 0.2]),
        lambda: uwe.select([[1.0], [2.0]], None, uncertainty=[0.1, 0.2]),
        lambda: uwe.loop(None, None, "random", budgets=(1, 2)),
        lambda: uwe.loop("sklearn:logistic", 7, "random", budgets=(1, 2)),
        lambda: uwe.Project(3, [[1.0]], "sklearn:logistic"),
    ],
)
def test_from_python_wrong_types_are_errors_of_uwe(
    call: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments of another type than asked for are refused by a class of `uwe.errors`."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UweError):
        call()


@pytest.mark.parametrize("size", ["-1", "0", "99999", "-9223372036854775809"])
@pytest.mark.parametrize("command", ["embed", "init"])
def test_a_size_that_no_image_has_is_refused(
    tmp_path: Path, refused: Callable[[list[str]], str], command: str, size: str
) -> None:
    """embed and init name the size and its range, as run does."""
    from PIL import Image

    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "a.png")
    photos, out = str(tmp_path / "photos"), str(tmp_path / "out.safetensors")
    given = {
        "embed": ["embed", photos, "--model", "none:none", "-o", out],
        "init": ["init", str(tmp_path / "p"), photos, "--classes", "a,b"],
    }
    assert f"image size is {size}; it must be from 1" in refused(
        [*given[command], f"--image-size={size}"]
    )


def dataset() -> uwe.Dataset:
    """Forty rows of two classes, which the first number tells apart."""
    y = np.arange(40) % 2
    x = np.stack([y + np.arange(40) / 100, np.arange(40) % 7], 1)
    return uwe.Dataset.from_rows("d", (x, y), (x[:10], y[:10]))


class Own:
    """A learner that fails where it is told to."""

    name = "mine"

    def __init__(self, at: str, error: BaseException) -> None:
        self.at, self.error = at, error

    def _reached(self, place: str) -> None:
        if place == self.at:
            raise self.error

    def fit(self, x: Any, y: Any, *, classes: int, seed: int) -> Any:
        self._reached("fit")

    def predict(self, model: Any, x: Any) -> Any:
        self._reached("predict")
        return np.zeros((len(x), 2)), x

    def save(self, model: Any, path: Path) -> None:
        self._reached("save")
        path.write_text("")

    def load(self, path: Path) -> Any:
        self._reached("load")


@pytest.mark.parametrize("at", ["fit", "predict", "save"])
@pytest.mark.parametrize("error", [*ERRORS, SystemExit(0)], ids=lambda error: type(error).__name__)
def test_from_python_an_own_learner_that_fails_is_a_run_error(
    at: str, error: BaseException, tmp_path: Path
) -> None:
    """The method, the type of the error and the line of the user's file are named."""
    told = "it ends the program" if isinstance(error, SystemExit) else type(error).__name__
    with pytest.raises(RunError, match=rf"^{at}\(\) of mine failed: {told}.*\(line \d+ of .*py\)"):
        uwe.loop(Own(at, error), dataset(), "random", budgets=(4, 6), results=tmp_path)


def test_an_own_estimator_that_fails_is_named_by_its_line() -> None:
    """Also where scikit-learn's kind of estimator is a class of the user's own."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    from uwe.learners import SklearnLearner
    from uwe.tasks import classification

    class Mine(ClassifierMixin, BaseEstimator):
        def fit(self, x: Any, y: Any) -> Any:
            raise KeyError("colour")

        def predict_proba(self, x: Any) -> Any:
            raise NotImplementedError

    x = np.array([[0.0], [1.0]])
    with pytest.raises(RunError, match=r"trained on 2 .*: KeyError: 'colour' \(line \d+ of .*py\)"):
        SklearnLearner(Mine()).fit(x, np.array([0, 1]), task=classification(2), seed=1)


def _fails(*_: Any, **__: Any) -> Any:
    return {}["colour"]


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Strategy(_fails, name="own"), r"choose\(\) of strategy own failed: KeyError: 'colour' "),
        (ranked(_fails), "the uncertainty _fails failed: KeyError"),
        (spread(weighted(_fails)), "the uncertainty _fails failed: KeyError"),
        (spread(_fails), "embedding _fails failed: KeyError"),
        (spread("features", _fails), "kernel _fails failed: KeyError"),
        (mix({Strategy(_fails, name="own"): 0.5, "random": 0.5}), r"choose\(\) of strategy own"),
        (ranked(lambda said: None), "for each of 8 rows; it gave an object of type None"),
        (ranked(lambda said: ["a"] * len(said)), "it gave an object of type list"),
        (ranked(lambda said: said.logits), r"it gave an array of shape \(8, 2\)"),
        (spread(weighted(lambda said: said.logits[:, :1])), r"an array of shape \(8, 1\)"),
        (spread(lambda said, rows: None), "must give Points or an array; it gave a NoneType"),
        (spread(lambda said, rows: 7), "must give Points or an array; it gave a int"),
        (spread(lambda said, rows: said.features[rows]), "gave 6 rows for a pool of 8"),
        (spread("features", lambda *_, **__: None), "must return positions as whole numbers"),
        (Strategy(lambda question, k: None, name="own"), "an object of type NoneType"),
        (Strategy(lambda question, k: ["a"] * k, name="own"), "an object of type list"),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_strategy_s_own_functions_are_looked_at(strategy: Strategy, words: str) -> None:
    """What they raise, and what they give that does not fit, is a class of `uwe.errors`."""
    probs = np.linspace(0.1, 0.9, 8)
    x = np.arange(16.0).reshape(8, 2)
    with pytest.raises(UweError, match=words):
        uwe.select(x, 2, probs=np.stack([probs, 1 - probs], 1), labelled=[1, 6], strategy=strategy)


def test_a_metric_of_an_own_task_is_looked_at() -> None:
    """What it raises, and what is no number, is a class of `uwe.errors`."""
    from uwe.tasks import Metric

    with pytest.raises(RunError, match="metric m failed: KeyError"):
        Metric("m", "M", _fails).measured(None, np.zeros(2))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="metric m must give a number; it gave a str"):
        Metric("m", "M", lambda *_: "x").measured(None, np.zeros(2))  # type: ignore


@pytest.mark.parametrize(
    ("adapt", "words"),
    [
        (_fails, r"adapt\(\) of strategy own failed: KeyError: 'colour'"),
        (lambda task: None, r"adapt\(\) of strategy own must give a Strategy; it gave a NoneType"),
    ],
)
def test_what_adapts_a_strategy_to_a_task_is_looked_at(adapt: Any, words: str) -> None:
    """What it raises or gives is a class of `uwe.errors`."""
    own = Strategy(lambda question, k: question.candidates[:k], name="own", adapt=adapt)
    with pytest.raises(UweError, match=words):
        uwe.select(np.eye(4), 1, probs=np.full((4, 2), 0.5), strategy=own)


def test_seconds_that_are_no_numbers_are_refused() -> None:
    """A strategy's own account of its time is added up, so it holds numbers."""
    odd = Picks(np.array([0]), seconds={"mine": "long"})  # type: ignore[dict-item]
    with pytest.raises(RunError, match="seconds of strategy own failed: TypeError"):
        uwe.select(np.eye(4), 1, logits=np.eye(4), strategy=Strategy(lambda *_: odd, name="own"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: uwe.tasks.classification(None), "or their number, not a NoneType"),  # type: ignore
        (lambda: uwe.tasks.multilabel(1.5), "or their number, not a float"),  # type: ignore
        (lambda: uwe.tasks.regression(unit=3), "the unit must be text, such as 'mm', not 3"),  # type: ignore
    ],
)
def test_a_task_of_wrong_types_is_refused(make: Callable[[], object], words: str) -> None:
    """Classes are a list of names or a number, and a unit is text."""
    with pytest.raises(InputError, match=words):
        make()
    names = [f"c{at}" for at in range(30_000)]
    assert uwe.tasks.classification(names).classes[-1] == "c29999"
