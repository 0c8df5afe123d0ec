"""Values of options: what is a number on the command line, and what a wrong type is told."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import uwe
from uwe import _plugins
from uwe._settings import is_number, is_whole, require_type, value_of
from uwe.cli import main, paper
from uwe.errors import InputError
from uwe.strategies import find_strategy
from uwe.tasks import find_task

NO_WHOLE = ["1_000", "\uff11\uff12", " 5", "+5", "0x10", "nan", "inf", "1e3", "1.0", "", "\u0663"]
NO_NUMBER = ["0_1", "\uff10.1", " 0.1", "+0.1", "nan", "inf", "-inf", "1e999", "infinity", "0x1p3"]


@pytest.mark.parametrize("text", NO_WHOLE)
def test_what_is_no_whole_number(text: str) -> None:
    """Python's int() takes many of these; as a value of an option they stay text or a number."""
    assert not is_whole(text)
    assert not isinstance(value_of(text), int)


@pytest.mark.parametrize("text", NO_NUMBER)
def test_what_is_no_number(text: str) -> None:
    """Python's float() takes most of these."""
    assert not is_number(text)
    assert value_of(text) == text


@pytest.mark.parametrize("text", ["0", "7", "-3", "007", "123456789012345678901"])
def test_whole_numbers(text: str) -> None:
    """Digits, and a minus before them."""
    assert is_whole(text)
    assert value_of(text) == int(text)


@pytest.mark.parametrize("text", ["0.5", "-.5", "3.", "1e-3", "2E+4"])
def test_numbers(text: str) -> None:
    """A point or an exponent."""
    assert is_number(text)
    assert value_of(text) == float(text)


WHOLE = [
    ("run", ["run", "digits", "--epochs={}"]),
    ("jobs", ["run", "digits", "--jobs={}"]),
    ("passes", ["run", "digits", "--strategy", "bald", "--mc-passes={}"]),
    ("select -k", ["select", "pool.npz", "-k", "{}"]),
    ("select --seed", ["select", "pool.npz", "-k", "1", "--seed={}"]),
    ("next -k", ["next", "project", "-k", "{}"]),
    ("embed --batch", ["embed", "photos", "-o", "x.npz", "--model", "m", "--batch={}"]),
]


@pytest.mark.parametrize("text", ["1_000", "\uff11\uff12", "0x10", "1e3"])
@pytest.mark.parametrize("tokens", [tokens for _, tokens in WHOLE], ids=[name for name, _ in WHOLE])
def test_every_command_refuses_them_alike(
    tokens: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that shows the value, and exit code 2."""
    assert main([token.format(text) for token in tokens]) == 2
    error = capsys.readouterr().err
    assert f"{text!r} is not a whole number" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        (["run", "digits", "--budgets=1_0,20"], "not '1_0,20'"),
        (["run", "digits", "--seeds=1_0"], "not '1_0'"),
        (["run", "digits", "--dropout=0_1"], "'0_1' is not a number"),
        (["run", "digits", "--dropout=inf"], "'inf' is not a number"),
        (["report", "r", "--target=nan"], "'nan' is not a number"),
        (["report", "r", "--level=0_9"], "'0_9' is not a number"),
    ],
)
def test_other_numbers_of_the_command_line(
    tokens: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lists of numbers and shares, likewise."""
    assert main(tokens) == 2
    assert told in capsys.readouterr().err


def test_the_papers_program_refuses_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Its flags are read by another parser."""
    tokens = ["--action", "al", "--dataset", "digits", "--budget_id", "10,20", "--seed", "1_0"]
    assert paper(tokens) == 2
    assert "'1_0' is not a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("strategy", "options", "told"),
    [
        ("bald", {"mc_passes": "x"},
         "option mc_passes of strategy bald must be a whole number, not 'x' of type str"),
        ("bald", {"mc_passes": True},
         "option mc_passes of strategy bald must be a whole number, not True of type bool"),
        ("bald", {"mc_passes": 2.5},
         "option mc_passes of strategy bald must be a whole number, not 2.5 of type float"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_names_the_option(
    strategy: str, options: dict[str, object], told: str
) -> None:
    """Option, type and value."""
    with pytest.raises(InputError) as caught:
        find_strategy(strategy, **options)
    assert str(caught.value) == told


def test_numbers_of_numpy_are_numbers() -> None:
    """A value is not refused for the library that it comes from."""
    assert find_strategy("bald", mc_passes=np.int64(3)).options == {"mc_passes": 3}
    require_type("option x", np.float32(1), float)
    require_type("option x", 1, float)
    require_type("option x", None, int | None)
    require_type("option x", object(), "a name")


def test_options_of_tasks_are_checked_likewise() -> None:
    """A number for the name of a reduction is a line."""
    with pytest.raises(InputError, match=r"must be text, not 3 of type int"):
        find_task("multilabel", 3, reduce=3)


def fails(*, width: int = 3) -> None:
    raise RuntimeError(f"no {width}\nat all")


def test_a_function_of_a_package_that_fails_is_named() -> None:
    """Its name, what it was given, the error and its line."""
    with pytest.raises(InputError) as caught:
        _plugins.called(fails, "strategy mine", width=4)
    told = str(caught.value)
    assert told.startswith("strategy mine(width=4) failed: RuntimeError: no 4 at all (")
    assert Path(__file__).name in told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("not_there:x", "cannot be imported: No module named 'not_there'"),
        ("math:nope", "cannot be imported"),
        ("math:pi", "is of type float and cannot be called"),
    ],
)
def test_a_plug_in_that_is_broken_is_named(value: str, told: str) -> None:
    """Its name, its group and its package's module."""
    point = EntryPoint("mine", value, "uwe.strategies")
    with pytest.raises(InputError, match=r"'mine' of the entry-point group uwe\.strategies") as c:
        _plugins.loaded(_plugins.PlugIn("mine", "uwe.strategies", (point,)))
    assert told in str(c.value)
    assert value in str(c.value)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_option_that_training_refuses_leaves_nothing_behind(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kernel=precomputed is refused before a file is written, so the right one can follow."""
    command = ["run", "sklearn:wine", "--model", "sklearn:svm.SVC", "--budgets", "10,20"]
    command += ["--results", str(tmp_path / "results"), "--jobs", jobs, "--no-report"]
    assert main([*command, "--model-option", "kernel=precomputed"]) == 2
    assert "square kernel matrix" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "results").exists()
    assert main([*command, "--model-option", "kernel=linear"]) == 0


def test_an_estimator_that_cannot_be_trained_leaves_nothing_behind(tmp_path: Path) -> None:
    """After a wrong parameter of an object, the loop runs with the right one."""
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).normal(size=(60, 4))
    data = uwe.Dataset.from_rows("d", (x, np.arange(60) % 3), (x, np.arange(60) % 3))

    def accuracy(c: float) -> int:
        model, results = LogisticRegression(C=c), tmp_path / "results"
        return len(uwe.loop(model, data, "random", budgets=(5, 10), results=results).accuracy)

    with pytest.raises(uwe.RunError, match="'C' parameter"):
        accuracy(-1)
    assert not list((tmp_path / "results").rglob("*.json"))
    assert accuracy(1) == 2
