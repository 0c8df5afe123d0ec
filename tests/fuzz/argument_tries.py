"""Tries of every command with odd arguments; the parameters come from the program itself."""

from __future__ import annotations

import os
import random
import shutil
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.damage import ODD_TEXTS
from fuzz.pools import POOL
from fuzz.project_tries import Begun
from fuzz.run_tries import MODULE, FinishedRuns
from fuzz.tries import Server, Try

__all__ = ["Known", "odd_arguments", "paper_arguments"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a command.

    Attributes:
        name: its longest flag, or the name of a positional one.
        kind: type of its value.
        positional: whether it stands without a flag.
        is_switch: whether it takes no value.
    """

    name: str
    kind: Any
    positional: bool
    is_switch: bool


def commands() -> dict[str, list[Parameter]]:
    """Every command of ``uwe`` with its parameters."""
    from uwe.cli.commands import app

    names = [name for name in app if not name.startswith("-")]
    return {name: [_parameter(each) for each in _arguments(app[name])] for name in names}


def _arguments(command: Any) -> list[Any]:
    """The parameters of a command, without those that only group others."""
    return [each for each in command.assemble_argument_collection() if each.names != ("*",)]


def _parameter(argument: Any) -> Parameter:
    positional = argument.index is not None
    return Parameter(
        max(argument.names, key=len), argument.hint, positional, _bare(argument.hint) is bool
    )


def _bare(kind: Any) -> Any:
    """The type behind ``Annotated``, ``list`` and ``None``."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (list, tuple, typing.Union, types.UnionType):
        left = [each for each in typing.get_args(kind) if each not in (type(None), Ellipsis)]
        return _bare(left[0])
    return kind


VALID: Mapping[str, Sequence[str]] = {
    "select": ("pool.npz", "-k", "4", "-o", "picks.csv"),
    "duplicates": ("pool.npz", "-o", "copies.csv"),
    "embed": ("photos", "-o", "out.safetensors", "--model", "mine:images"),
    "report": ("curves", "--output", "out"),
    "results": ("results", "--output", "out"),
    "run": ("table.csv", "--model", "sklearn:logistic", "--budgets", "4,8", "--threads", "1"),
    "init": ("p.uwe", "table.csv"),
    "next": ("p.uwe", "-k", "3"),
    "tell": ("p.uwe", "second.csv"),
    "status": ("p.uwe",),
    "agreement": ("p.uwe", "-o", "conflicts.csv"),
    "sync": ("p.uwe", "--label-studio", "http://127.0.0.1:1"),
    "export": ("p.uwe", "-o", "labels.jsonl"),
    "predict": ("p.uwe", "-o", "all.csv"),
    "label": ("table.csv", "--host", "203.0.113.7", "--token", "0123456789abcdef"),
    "list": ("strategies",),
    "demo": ("--folder", "out"),
}
"""What each command is given besides."""

OUTPUTS = ("output", "html", "folder", "results", "project", "labels", "PROJECT")
"""Parameters that a command may write to: they are given no name outside the try."""

_NUMBERS = (
    "0", "-1", "1", "2", "3", "1.5", "1e3", "1_000", "0x10", "", " ", "+1", "\uff11", "٣",
    "nan", "inf", "-inf", "1e400", "1e-400", "9223372036854775807", "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616", "4294967296", "4294967295", "99999999999999999999999999", "9" * 5000,
    "true", "None", "1,2", "1-2", "--", "-", "-0", "0.0", "007", "1 ", "½", "²", "1j", "1\u00a0",
)  # fmt: skip

_INSIDE = (
    "", ".", "..", "-", "~", "~/x", "~nobody/x", "x", "x.csv", "x.CSV", "x.txt", "x.html", "x.npz",
    "x.parquet", "x.jsonl", "x.safetensors", "new/x.csv", "new/new/x.html", "folder.csv", "file/x",
    "pipe.csv", "empty.csv", "pool.npz", "pool", "table.csv", "labels.csv", "ids.txt", "photos",
    "results", "curves", "link.csv", "loop.csv", "dangling.csv", "mine.py", "mine:images", "é.csv",
    "e\u0301.csv", "a b.csv", "[/x].csv", "*.csv", "a\nb.csv", "\u202ex.csv", "x" * 300 + ".csv",
    "x" * 5000, ".csv", "..csv", "x.csv.gz", "\udcff.csv", "%s", "$HOME", "-x.csv", "--output",
    "closed/x.csv", "read-only.csv", "😀.html", "x.csv/", "./x.csv", "a/../x.csv", "CON", "x.md",
)  # fmt: skip

_OUTSIDE = ("/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "/nowhere/x.csv", "/dev/stdin")


@dataclass(frozen=True)
class Known:
    """What the tries of arguments need.

    Attributes:
        commands: with their parameters.
        begun: a project.
        runs: a results folder.
    """

    commands: Mapping[str, list[Parameter]]
    begun: Begun
    runs: FinishedRuns

    @classmethod
    def made(cls, server: Server) -> Known:
        """Ask the program for its commands, make a project, and run a study."""
        return cls(commands(), Begun.made(server), FinishedRuns.made(server))


def odd_arguments(rng: random.Random, folder: Path, prepared: Known) -> Try:
    """One command with one, two or three odd things in its arguments."""
    known = prepared.commands
    command = rng.choice([*known, "select", "select", "run", "init", "embed"])
    place(folder)
    given = [command, *VALID[command]]
    if command == "run" and rng.random() < 0.85:
        given.append("--dry-run")
    if command in ("next", "tell", "status", "agreement", "sync", "export", "predict"):
        shutil.copytree(prepared.begun.folder, folder, dirs_exist_ok=True)
    if command in ("results", "report"):
        shutil.copytree(prepared.runs.folder, folder / "results")
    about = []
    for _ in range(rng.choice([1, 1, 2])):
        given, what = _odd(rng, command, known[command], given)
        about.append(what)
    given = _bounded(command, given)
    written = [f"work/{each}" for each in given] + [""] * any(
        each.startswith("--force") for each in given
    )
    return Try(
        given,
        f"{command}: {'; '.join(about)}",
        writes=(*written, "work/p.uwe"),
        longest=30_000,
    )


def _odd(
    rng: random.Random, command: str, parameters: Sequence[Parameter], given: list[str]
) -> tuple[list[str], str]:
    way = rng.choice(["value"] * 20 + ["gone", "twice", "unknown", "order", "odd word"])
    if way == "gone" and len(given) > 1:
        at = rng.randrange(1, len(given))
        return [*given[:at], *given[at + 1 :]], f"without {given[at]!r:.60}"
    if way == "twice":
        at = rng.randrange(len(given))
        return [*given, given[at]], f"{given[at]!r:.60} twice"
    if way == "unknown":
        flag = rng.choice(["--nothing", "--", "-z", "--k=", "-k3", "---", "--no-force", "--K", "-"])
        return [*given, flag], f"with {flag}"
    if way == "order":
        rest = given[1:]
        rng.shuffle(rest)
        return [given[0], *rest], "in another order"
    if way == "odd word":
        odd = rng.choice(ODD_TEXTS).replace("\x00", "")
        at = rng.randrange(1, len(given) + 1)
        return [*given[:at], odd, *given[at:]], f"with {odd!r:.60}"
    parameter = rng.choice(parameters)
    if parameter.is_switch:
        form = rng.choice(["", "=true", "=maybe", "=1", "="])
        return [*given, f"{parameter.name}{form}"], f"with {parameter.name}{form}"
    value = _value(rng, parameter)
    given = _without(given, parameter) if rng.random() < 0.95 else given
    about = f"{parameter.name} {value!r:.80}"
    if parameter.positional:
        at = 1 if rng.random() < 0.8 or len(given) < 3 else 2
        return [*given[:at], value, *given[at + 1 :]], about
    if rng.random() < 0.5:
        return [*given, f"{parameter.name}={value}"], about
    return [*given, parameter.name, value], about


_SHORT = {"--k": "-k", "--output": "-o"}


def _without(given: list[str], parameter: Parameter) -> list[str]:
    """The arguments without a flag that is to be given another value, unless it may be repeated."""
    names = (parameter.name, _SHORT.get(parameter.name))
    at = next((at for at, each in enumerate(given[:-1]) if each in names), None)
    if at is None or parameter.positional:
        return given
    return [*given[:at], *given[at + 2 :]]


def _value(rng: random.Random, parameter: Parameter) -> str:
    kind = _bare(parameter.kind)
    name = parameter.name.strip("-")
    special = _SPECIAL.get(name, ())
    if special and rng.random() < 0.6:
        return rng.choice(special)
    if typing.get_origin(kind) is typing.Literal:
        return rng.choice([*map(str, typing.get_args(kind)), *ODD_TEXTS]).replace("\x00", "")
    if kind in (int, float) and rng.random() < 0.3:
        return rng.choice(["1", "2", "3", "5", "0.5", "0.9"])
    if kind in (int, float):
        return rng.choice(_NUMBERS)
    if kind is Path:
        outside = () if name in OUTPUTS else _OUTSIDE
        return rng.choice([*_INSIDE, *outside])
    return rng.choice([*ODD_TEXTS, *_NUMBERS[:20], *_INSIDE[:30]]).replace("\x00", "")


_SPECIAL: Mapping[str, Sequence[str]] = {
    "option": ("uncertainty=x", "selection=bvsb", "x=1", "uncertainty=", "seed=1", "k=3", "=",
               "uncertainty=nan", "temperature=1e400", "mc_passes=-1", "mc_passes=1.5",
               "uncertainty=[1]", "anchored=1", "self=1", "reduce=max", "__class__=1"),
    "measure": ("entropy", "margin", "objectness", "least_confident", "bvsb", "Entropy"),
    "reduce": ("mean", "top", "max", "sum", "class_mean", "median", "Mean"),
    "place-option": ("given=logits", "axes=chw", "top=0.1", "top=0", "top=nan", "background=-1",
                     "background=1e9", "empty=inf", "x=1", "measure=margin", "given=1", "="),
    "key": ("features=x", "features=probs", "probs=features", "x=features", "ids=features",
            "labelled=ids", "features=", "features=ids", "uncertainty=probs", "mean=features"),
    "task": ("regression", "multilabel", "classification", "Classification", "x"),
    "task-option": ("reduce=max", "reduce=x", "unit=mm", "x=1", "reduce=", "threshold=nan"),
    "model": ("sklearn:logistic", "sklearn:forest", "sklearn:svm.SVC", "sklearn:x.Y", "resnet18",
              "mine:images", "mine:nothing", "mine:x:y", "mine", "sklearn:linear_model",
              "os:getcwd",
              "json:loads", "builtins:print", "sklearn:utils.shuffle", "sklearn:ensemble.Nothing"),
    "embed": ("mine:images", "mine:texts", "nothing/here", "mine:x", "./photos"),
    "model-option": ("C=1", "C=-1", "C=x", "C=nan", "x=1", "max_iter=0", "penalty=l1", "C="),
    "label-studio": ("http://127.0.0.1:1", "http://x", "ftp://x", "https://a:b@c", "http://[", "x",
                     "http://localhost:99999", "http://localhost?x", "//localhost", "http://"),
    "every": ("5m", "0s", "30s", "25h", "5", "m", "-1s", "1.5m", "9" * 400 + "s", "\uff15m"),
    "ls-project": ("1", "0", "birds", "x", "99999999999", "x" * 60, "\u0661"),
    "budgets": ("4,8", "8,4", "4,4", "0", "-1", "4-8", "1e3", "4,", ",", "4;8", "exp1k", "x", "100",
                "99999999999999999999", "1_0", "4,8," * 50, "\uff14", "2.5"),
    "seeds": ("0", "1-", "1,1", "3-1", "x", "1e3", "-1", "1-2-3", "\uff11", "4294967296", "1.5",
              "99999999999999999999"),
    "dataset": ("sklearn:iris", "sklearn:x", "hub:photos", "hub:", "folder", "cifar10", "digits",
                "x",
                "table.csv", "photos", "folder.csv", "pipe.csv", "sklearn:", "."),
    "source": ("photos", "table.csv", "pool.npz", "hub:x", "pool", "curves", "folder.csv"),
    "device": ("cpu", "cuda", "cuda:9", "cuda:x", "mps", "tpu", "cuda:-1", "CPU", "meta", "auto"),
    "log": ("tensorboard", "mlflow", "wandb", "x"),
    "label": ("label", "x_0", "id", "nothing"),
    "text": ("id", "x_0", "label", "nothing"),
    "classes": ("a,b", "a", "a,a", ",", "a,,b", " a , b ", "1,2", "crow,wren,café owl"),
    "where": ("x_0 < 5", "label == 'crow'", "x_0 < '5'", "nothing == 1", "x_0", "id like 'r%'", "(",
              "x_0 in (1, 2)", "x_0 in (select 1)", "label is null", "labelled", "1 == 1"),
    "quota": ("label=uniform", "label=pool", "label=crow:2,wren:1", "label=crow:0",
              "predicted=pool", "label", "=", "label=x:1", '"label"=uniform', '"label=uniform',
              "x_0=uniform"),
    "weight": ("x_0", "x_0:0.5", "x_0:0", "x_0:x", "label", '"x_0":2', ":1", "features"),
    "like": ("r1", "r1,r2", "@ids.txt", "@nothing.txt", ",", "img_01.png", "@"),
    "unlike": ("r1", "r1,r2", "@ids.txt", "@table.csv", ",", "img_01.png"),
    "random-share": ("0.5", "1", "2", "0", "-0.1"),
    "min-distance": ("0", "1", "1e9", "-1", "0.5"),
    "columns-from": ("table.csv", "labels.csv", "pool.npz", "photos"),
    "with": ("id", "labelled", "features", "rank", "nothing", "probs", "x_0"),
    "strategy": ("uwe", "badge", "bald", "random", "coreset", "entropy", "uwe,random", "x", "UWE"),
    "uncertainty": ("entropy", "bvsb", "x", "standard_deviation", "uncertainty"),
    "selection": ("k_center", "k_means_pp", "k_center_anchored", "x"),
    "what": ("strategies", "tasks", "datasets", "models", "trackers", "budgets", "x"),
    "settle": ("majority", "mean", "median", "x"),
    "add-class": ("crow", "a,b", "new", " "),
}  # fmt: skip


_SLOW = {
    "run": ("--jobs", "--mc-passes", "--seeds", "--supervised"),
    "embed": (),
}
"""Flags of real runs that would take long: these runs are dry."""


def _bounded(command: str, given: list[str]) -> list[str]:
    """The arguments, without what would start long work of a valid kind."""
    if command == "run" and any(each.startswith(_SLOW["run"]) for each in given):
        return [*given, "--dry-run"]
    if command == "demo" and "--seeds" not in given:  # it would take a minute
        return [*given, "--seeds", "0"]
    if command == "label" and not any(each.startswith("--port") for each in given):
        return [*given, "--port", "70000"]  # a server would never end
    return given


def place(folder: Path) -> None:
    """Put files of every kind into the folder, for arguments that name them."""
    arrays = {"features": POOL.features.astype(float), "probs": POOL.probs,
              "ids": np.array(POOL.ids), "labelled": POOL.labelled}  # fmt: skip
    np.savez(folder / "pool.npz", **arrays)
    (folder / "pool").mkdir()
    np.save(folder / "pool" / "features.npy", arrays["features"])
    kinds = ("crow", "wren")
    lines = ["id,x_0,x_1,label"]
    lines += [f"r{row},{row},{(row * 7) % 11},{kinds[row % 2]}" for row in range(24)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    (folder / "labels.csv").write_text("id,label\nr1,wren\nr2,crow\n")
    (folder / "ids.txt").write_text("img_01.png\nimg_02.png\n")
    (folder / "mine.py").write_text(MODULE)
    (folder / "photos").mkdir()
    for number in range(4):
        _image(folder / "photos" / f"{number}.bmp", number)
    (folder / "curves").mkdir()
    for seed in (1, 2):
        text = "n_labeled,te_accuracy\n10,0.5\n20,0.6\n"
        (folder / "curves" / f"mine_s{seed}.csv").write_text(text)
    (folder / "folder.csv").mkdir()
    (folder / "file").write_text("x")
    (folder / "empty.csv").write_bytes(b"")
    os.mkfifo(folder / "pipe.csv")
    (folder / "link.csv").symlink_to("table.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "dangling.csv").symlink_to("nowhere/x.csv")


def _image(path: Path, number: int) -> None:
    from PIL import Image

    Image.new("RGB", (6, 5), (number * 40, 90, 200)).save(path)


# The program of the paper's code


def paper_arguments(rng: random.Random, folder: Path, nothing: None) -> Try:
    """``main.py`` with odd values of its flags."""
    from uwe.cli.paper_flags import flags

    place(folder)
    known = [action for action in flags()._actions if action.dest != "help"]
    given = {
        "--action": "al", "--method": "uwe", "--dataset": "table.csv", "--budget_id": "4,8",
        "--model": "sklearn:logistic",
    }  # fmt: skip
    about = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        action = rng.choice(known)
        flag = action.option_strings[0]
        bag: Sequence[str] = _NUMBERS if action.type is int else (*ODD_TEXTS, *_NUMBERS[:20])
        if action.type is Path:
            bag = _INSIDE
        given[flag] = rng.choice([*bag, *_PAPER.get(flag, ()) * 3]).replace("\x00", "")
        about.append(f"{flag} {given[flag]!r:.80}")
    if rng.random() < 0.1:
        del given[rng.choice(list(given))]
    arguments = [each for pair in given.items() for each in pair]
    if rng.random() < 0.1:
        rng.shuffle(arguments)
    return Try(
        arguments,
        "; ".join(about),
        program="main.py",
        longest=30_000,
        writes=("work/results", *(f"work/{each}" for each in given.values())),
    )


_PAPER: Mapping[str, Sequence[str]] = {
    "--action": ("initialize", "alc0", "al", "supervised", "x"),
    "--dataset": _SPECIAL["dataset"],
    "--budget_id": _SPECIAL["budgets"],
    "--model": _SPECIAL["model"],
    "--method": _SPECIAL["strategy"],
    "--selection": ("kmeans_pp", "k_center_greedy", "none", "x"),
    "--uncertainty": _SPECIAL["uncertainty"],
}
