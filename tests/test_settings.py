"""Options of experiments: one place each, from which checks, records, flags and YAML follow."""

from __future__ import annotations

import inspect
import json
import zlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

import uwe
from uwe._random import derive_seed
from uwe._settings import changed, check_settings, documented, recorded, setting
from uwe.cli import main
from uwe.cli.flags import experiment_flags, template_options
from uwe.cli.run import known_options, run_command
from uwe.errors import InputError
from uwe.experiment import Experiment, LearnerOptions, NetworkOptions, OracleOptions
from uwe.experiment.settings import PARTS, as_json, epochs_of, settings_of
from uwe.oracle import simulated
from uwe.tasks import classification


@dataclass(frozen=True)
class Options:
    """Options of each kind."""

    epochs: int = setting(10, "Epochs.", at_least=1, record="epochs")
    rate: float | None = setting(None, "Rate.", at_least=0, below=1)
    kind: Literal["one", "two"] = setting("one", "Kind.", record="kind", cycle0=False)
    noise: float = setting(0.0, "Noise.", record="noise", absent=0.0)
    names: dict[str, Any] = setting({}, "Names.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"epochs": 1.5}, "epochs must be a whole number, not 1.5"),
        ({"epochs": "3"}, "epochs must be a whole number, not '3'"),
        ({"rate": 1.0}, "rate must be at least 0 and below 1, not 1"),
        ({"rate": float("nan")}, "rate must be at least 0 and below 1, not nan"),
        ({"rate": "much"}, "rate must be a number, not 'much'"),
        ({"rate": True}, "rate must be a number, not True"),
        ({"kind": "tow"}, "unknown kind 'tow'; did you mean 'two'?"),
    ],
)
def test_a_field_checks_its_own_range(options: dict[str, Any], message: str) -> None:
    """Type, range and choices of a value follow from its field; the error names both values."""
    with pytest.raises(InputError) as caught:
        check_settings(Options(**options))
    assert str(caught.value) == message


def test_a_record_follows_from_the_fields() -> None:
    """An option with a key is recorded; one at the value it had before it existed is not."""
    assert recorded(Options(), cycle0=False) == {"epochs": 10, "kind": "one"}
    assert recorded(Options(noise=0.5), cycle0=True) == {"epochs": 10, "noise": 0.5}


def test_defaults_are_not_shared() -> None:
    """A mapping as default is a new one for each value."""
    assert Options().names is not Options().names
    assert changed(Options(names={"a": 1}, epochs=3)) == {"names": {"a": 1}, "epochs": 3}


def test_flat_and_nested_calls_give_the_same_experiment() -> None:
    """Options are given flat, or as parts; a flat option replaces that of the part."""
    flat = Experiment("digits", model="small", epochs=5, label_noise=0.25)
    nested = Experiment(
        "digits",
        learner=LearnerOptions("small"),
        network=NetworkOptions(epochs=9),
        oracle=OracleOptions(0.25),
        epochs=5,
    )
    assert flat == nested
    assert (flat.epochs, flat.model, flat.dataset) == (5, "small", "digits")
    assert replace(flat, seed=3, epochs=7) == replace(
        flat, seed=3, network=replace(flat.network, epochs=7)
    )


def test_former_names_of_options_still_work() -> None:
    """``start`` and ``compiled`` are ``warm_start`` and ``compile``."""
    assert Experiment("digits", start="warm", compiled=True).network == NetworkOptions(
        warm_start=True, compile=True
    )
    assert not Experiment("digits", start="scratch").warm_start


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, "unknown option of Experiment 'epoch'; did you mean 'epochs'"),
        ({"budgets": 20}, "budgets must be whole numbers, not 20"),
        ({"budgets": (20.7, 40)}, "budgets must be whole numbers"),
        ({"label_noise": 1.5}, "label noise must be at least 0 and at most 1, not 1.5"),
        ({"start": "hot"}, "unknown start 'hot'"),
        ({"cycles": -1}, "cycles must be at least 0, not -1"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    """The option and both values are named."""
    with pytest.raises(InputError, match=message):
        Experiment("digits", **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "quick"}, "unknown recipe 'quick'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'; did you mean 'bf16'"),
        ({"start": "hot"}, "unknown start 'hot'"),
    ],
)
def test_an_unknown_choice_is_an_error(tmp_path, changes, message: str) -> None:
    """An unknown choice is named, with a close match where there is one."""
    with pytest.raises(InputError, match=message):
        Experiment("digits", results=tmp_path, **changes)


def test_an_experiment_needs_a_dataset() -> None:
    """Nothing can be run without data."""
    with pytest.raises(InputError, match="an experiment needs a dataset"):
        Experiment()


def test_every_option_has_a_flag_of_the_same_name() -> None:
    """Python and command line agree in names and defaults."""
    flags = {flag.option: flag for flag in experiment_flags()}
    plain = Experiment("digits")
    options = [
        field.name for part in (Experiment, *PARTS.values()) for field, _ in documented(part)
    ]
    assert sorted(flags) == sorted(options)
    several = {
        "seed": "seeds",
        "options": "option",
        "model_options": "model_option",
        "task_options": "task_option",
        "label_file": "labels",
    }
    for option, flag in flags.items():
        assert flag.name == several.get(option, option)
        if option not in {*several, "strategy", "dataset"}:
            assert flag.default == getattr(plain, option)


def test_the_signature_of_the_command_is_made_of_the_flags() -> None:
    """Every flag is a parameter of ``uwe run``, and every parameter may stand in the YAML file."""
    parameters = inspect.signature(run_command).parameters
    assert {flag.name for flag in experiment_flags()} <= set(parameters)
    assert {name.replace("_", "-") for name in parameters} - {"config"} == set(known_options())


def test_every_option_is_documented() -> None:
    """The help of each option is a sentence."""
    for flag in experiment_flags():
        assert flag.setting.doc.endswith((".", "?"))
        assert len(flag.setting.doc) > 10


def test_what_flags_say_becomes_the_experiment() -> None:
    """A flag's value arrives in its part."""
    options = template_options({"epochs": 4, "label_noise": 0.5, "model": "small", "seeds": "1"})
    assert Experiment("digits", **options).network.epochs == 4
    assert options == {"epochs": 4, "label_noise": 0.5, "model": "small"}


def test_the_command_line_has_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options reach the record; without ``--epochs`` the fast recipe takes 25."""
    given = (
        "run digits --strategy random --model small --pool-size 40 --test-size 20 --budgets 10,20 "
        "--recipe fast --precision bf16 --warm-start --jobs 2 --threads 1 --device cpu --results"
    )
    assert main([*given.split(), str(tmp_path)]) == 0
    capsys.readouterr()
    [path] = tmp_path.rglob("*_mrandom.json")
    settings = json.loads(path.read_text())["settings"]
    assert (settings["precision"], settings["start"], settings["epochs"]) == ("bf16", "warm", 25)
    assert settings["recipe"]["schedule"] == "one_cycle"
    assert main([*given.replace("--jobs 2", "--jobs 0").split(), str(tmp_path)]) == 2
    assert "jobs are 0" in capsys.readouterr().err


def test_a_recipe_decides_the_epochs_everywhere() -> None:
    """``fast`` means 25 epochs from Python as on the command line."""
    assert epochs_of(Experiment("digits")) == 100
    assert epochs_of(Experiment("digits", recipe="fast")) == 25
    assert epochs_of(Experiment("digits", recipe="fast", epochs=3)) == 3
    assert epochs_of(Experiment("sklearn:wine", model="sklearn:logistic")) == 1


def test_the_record_holds_what_changes_a_result_only() -> None:
    """Folders, tags and threads are not compared; a new option is absent at its default."""
    plain = settings_of(Experiment("digits"), cycle0=False, network=True)
    assert plain == {
        "strategy": "uwe",
        "seed": 1,
        "budgets": [500, 1000, 2000, 4000, 8000, 16000],
        "start": "scratch",
    }
    quiet = Experiment("digits", threads=1, results="x")
    assert settings_of(quiet, cycle0=False, network=True) == plain
    noisy = settings_of(Experiment("digits", label_noise=0.1), cycle0=True, network=True)
    assert noisy == {"seed": 1, "label noise": 0.1}


def test_an_experiment_can_be_written_as_json() -> None:
    """Paths become text and objects their names."""
    written = as_json(Experiment("digits", results=Path("r"), budgets=(1, 2)))
    assert (written["results"], written["budgets"]) == ("r", [1, 2])
    assert (
        len(written) == len({field.name for part in PARTS.values() for field in fields(part)}) + 4
    )


def test_the_oracle_errs_as_often_as_it_is_told() -> None:
    """Wrong answers are wrong, uniform among the others, and the same whenever asked."""
    y = np.arange(20_000) % 4
    oracle = simulated(classification(4), y, noise=0.3, seed=2)
    answers = np.array(oracle(np.arange(len(y))))
    wrong = answers != y
    assert abs(wrong.mean() - 0.3) < 0.02
    shifts = np.bincount((answers[wrong] - y[wrong]) % 4, minlength=4)
    assert shifts[0] == 0
    assert shifts[1:].min() > 0.9 * shifts[1:].max()
    rows = np.array([77, 3, 11])
    assert oracle(rows) == answers[rows].tolist()
    assert not np.array_equal(
        simulated(classification(4), y, noise=0.3, seed=3)(np.arange(len(y))), answers
    )


def test_label_noise_reaches_the_run(tmp_path: Path) -> None:
    """Labels that were answered wrongly are in the query files, and the record says how often."""
    given = ["run", "digits", "--strategy", "random", "--budgets", "40,80", "--model", "small"]
    given += ["--epochs", "1", "--pool-size", "200", "--test-size", "50", "--results"]
    assert main([*given, str(tmp_path / "r"), "--label-noise", "0.5"]) == 0
    [table] = (tmp_path / "r").rglob("*cycle1_query.csv")
    data = uwe.load_dataset("digits", pool_size=200, test_size=50)
    lines = [line.split(",") for line in table.read_text().splitlines()[1:]]
    wrong = [int(line[2]) != data.train.y[int(line[1])] for line in lines]
    assert 0.2 < np.mean(wrong) < 0.8
    assert main([*given, str(tmp_path / "r")]) == 2  # other settings: not mixed


@pytest.mark.parametrize("role", ["train", "query", "initial rows", "perturb"])
def test_seeds_are_those_of_earlier_versions_modulo_2_to_the_32(role: str) -> None:
    """scikit-learn and numpy take no larger ones; torch's CPU generator reads no more bits."""
    for seed, cycle in ((1, 0), (7, 3), (999_999_999_999_999, 5)):
        sequence = np.random.SeedSequence([seed, cycle, zlib.crc32(role.encode())])
        high, low = (int(word) for word in sequence.generate_state(2, np.uint32))
        former = (high << 31 | low >> 1) & (2**63 - 1)
        handed = derive_seed(seed, cycle, role)
        assert handed == former % 2**32
        one, other = (torch.Generator().manual_seed(each) for each in (former, handed))
        assert torch.equal(torch.rand(9, generator=one), torch.rand(9, generator=other))
