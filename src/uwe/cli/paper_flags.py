"""The four actions of the paper's code under its own flags: the program ``main.py``.

A thin door: every flag is translated to an ``uwe.Experiment``, and the work is done by the same
functions as that of ``uwe run``.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from uwe._settings import is_whole
from uwe.cli.display import Display
from uwe.cli.speaking import shown, spoken
from uwe.errors import InputError, UweError, require_known
from uwe.experiment import Experiment, check_arguments
from uwe.runs import file_name
from uwe.strategies import strategy_names, strategy_options

log = logging.getLogger("uwe")

if TYPE_CHECKING:
    from uwe.experiment import Prepared, RunPlan

ACTIONS = ("initialize", "alc0", "al", "supervised")

SELECTIONS = {
    "kmeans_pp": "k_means_pp",
    "k_center_greedy": "k_center_anchored",
    "k_center_greedy_unlb": "k_center",
    "none": None,
}

OF_METHODS = ("method", "method_tag", "run_tag", "al_cycle", "uncertainty", "selection", "n_pass")
UNUSED = {
    "initialize": (*OF_METHODS, "model", "gpu_id", "full_train", "fine_tune_layers"),
    "alc0": OF_METHODS,
    "al": (),
    "supervised": (*OF_METHODS, "budget_id"),
}

OPTIONS = {"uncertainty": "uncertainty", "selection": "selection", "n_pass": "mc_passes"}

FLAGS = {
    "--budgets": "--budget_id",
    "--epochs": "--n_epoch",
    "--device auto takes what there is": "omit --gpu_id to use the available device",
}
"""The flags that errors of the library name, and this program's names for them."""


class Parser(argparse.ArgumentParser):
    """Raises where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Raise ``message`` as a user's mistake."""
        raise InputError(message)

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The flags; an unknown one is named with the close matches."""
        given, unknown = self.parse_known_args(arguments)
        for each in unknown:
            if each.startswith("-"):
                require_known(each.partition("=")[0], self._option_string_actions, "flag")
            raise InputError(f"unexpected argument {each!r}; every value follows its flag")
        return given


def _whole(text: str) -> int:
    if not is_whole(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def flags() -> Parser:
    """The flags of the paper's code, and ours."""
    parser = Parser(
        prog="main.py",
        description="The four actions of the paper's code under its own flags.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--action", required=True, help="initialize, alc0, al or supervised")
    add("--method", help="uwe, random, entropy, bvsb, least_confident, coreset, badge, bald")
    add("--dataset", required=True, help="cifar10, cifar100, mini_imagenet, or any of uwe's")
    add("--seed", type=_whole, default=1, help="at least 1 (default: 1)")
    add("--budget_id", help="exp05k, exp1k, exp5k, or numbers such as 100,200,400")
    add("--model", help="resnet18/34/50/101/152, vit, small (default: resnet18)")
    add("--gpu_id", type=_whole, help="number of the CUDA device; without CUDA the CPU is taken")
    add("--n_epoch", type=_whole, default=100, help="of every training (default: 100)")
    add("--al_cycle", type=_whole, help="stop after this many cycles (default: all)")
    add("--method_tag", help="suffix for the method's name in file names")
    add("--run_tag", help="suffix for the run's name in file names")
    add("--full_train", type=_whole, choices=(0, 1), help="1: test loss and accuracy each epoch")
    add("--uncertainty", help="entropy, bvsb or least_confident")
    add("--selection", help="kmeans_pp, k_center_greedy, k_center_greedy_unlb or none")
    add("--n_pass", type=_whole, help="dropout passes of bald (default: 5)")
    add("--fine_tune_layers", type=_whole, help="blocks of vit whose LayerNorms train (default: 1)")
    add("--pool_size", type=_whole, help="keep the first N rows of the pool")
    add("--test_size", type=_whole, help="keep the first N test rows")
    add("--data_dir", type=Path, help="folder of the data (default: download)")
    add("--results", type=Path, default=Path("results"), help="default: results")
    return parser


def experiment_of(given: argparse.Namespace) -> Experiment:
    """The experiment that the flags describe.

    Raises:
        InputError: a flag does not fit, or is used by neither the action nor the method.
    """
    require_known(given.action, ACTIONS, "action")
    for flag in UNUSED[given.action]:
        if getattr(given, flag) is not None:
            raise InputError(f"--action {given.action} does not use --{flag}; leave it out")
    if given.action == "al" and given.method is None:
        raise InputError("--action al needs --method")
    if given.action != "supervised" and given.budget_id is None:
        raise InputError(f"--action {given.action} needs --budget_id")
    method = "uwe" if given.method is None else given.method
    return Experiment(
        given.dataset,
        strategy=require_known(method, strategy_names(), "method"),
        options=options_of(given, method),
        seed=given.seed,
        budgets=(1,) if given.budget_id is None else given.budget_id,
        model="resnet18" if given.model is None else given.model,
        epochs=given.n_epoch,
        fine_tune_layers=given.fine_tune_layers,
        pool_size=given.pool_size,
        test_size=given.test_size,
        device=device_of(given.gpu_id),
        data_dir=given.data_dir,
        results=given.results,
        method_tag=given.method_tag or "",
        run_tag=given.run_tag or "",
        keep_predictions="all",
        full_train=bool(given.full_train),
        cycles=given.al_cycle,
    )


def options_of(given: argparse.Namespace, method: str) -> dict[str, Any]:
    """The method's options in our words; ``none`` is a selection that every method has."""
    if given.selection is not None:
        require_known(given.selection, SELECTIONS, "selection")
    values = {**vars(given), "selection": SELECTIONS.get(given.selection)}
    options = {flag: values[flag] for flag in OPTIONS if values[flag] is not None}
    for flag in options:
        if OPTIONS[flag] not in strategy_options(method):
            raise InputError(f"--method {method} does not use --{flag}; leave it out")
    return {OPTIONS[flag]: value for flag, value in options.items()}


def device_of(gpu_id: int | None) -> str:
    """``cuda:N`` where there is CUDA, otherwise the CPU."""
    if gpu_id is None:
        return "auto"
    if gpu_id < 0:
        raise InputError(f"--gpu_id is {gpu_id}; the first device is 0")
    import torch

    return f"cuda:{gpu_id}" if torch.cuda.is_available() else "cpu"


def in_our_words(message: str) -> str:
    """An error of the library with the flags as they are spelt here.

    >>> in_our_words("choose smaller --budgets or another --data-dir")
    'choose smaller --budget_id or another --data_dir'
    """
    for theirs, ours in FLAGS.items():
        message = message.replace(theirs, ours)
    return re.sub(r"--[a-z]+(-[a-z]+)+", lambda flag: "--" + flag[0][2:].replace("-", "_"), message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one action and return the exit code."""

    def work() -> None:
        given = flags().parse(arguments)
        try:
            act(given)
        except UweError as error:
            raise type(error)(in_our_words(str(error))) from error

    return spoken("main.py", work)


def act(given: argparse.Namespace) -> None:
    """Check everything, then do what the flags say."""
    experiment = experiment_of(given)
    check_arguments(experiment)

    def work(display: Display) -> None:
        from uwe.experiment import prepare

        [prepared] = prepare([experiment], progress=display)
        if given.gpu_id is not None and experiment.network.device == "cpu":
            log.warning("there is no CUDA device %d; running on the CPU", given.gpu_id)
        display.expect(plans_of(given.action, prepared))
        do(given.action, prepared, display)

    shown(work)
    folder = experiment.run.results / file_name(experiment.data.dataset)
    print(f"{given.action} is done; its files are in {folder}")


def plans_of(action: str, prepared: Prepared) -> list[RunPlan]:
    """What an action still has to do; the cycle-0 run comes first."""
    from uwe.experiment import make_plan, supervised_plan

    plans: dict[str, Callable[[], list[RunPlan]]] = {
        "initialize": list,
        "alc0": lambda: make_plan([prepared])[:1],
        "al": lambda: make_plan([prepared]),
        "supervised": lambda: supervised_plan([prepared]),
    }
    return plans[action]()


def do(action: str, prepared: Prepared, progress: Display) -> None:
    """Do an action."""
    from uwe.experiment import initialize, run, run_cycle0, supervise

    actions: dict[str, Callable[..., Any]] = {
        "initialize": initialize,
        "alc0": run_cycle0,
        "al": run,
        "supervised": supervise,
    }
    actions[action](prepared, progress=progress)
