"""The four actions of the paper's code under its own flags.

A thin door: every flag is translated to an ``uwe.Experiment``, and the work is done by the same
functions as that of ``uwe run``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch

from uwe.cli.main import shown, spoken
from uwe.errors import InputError, require_known
from uwe.experiment import Experiment, initialize, run, run_cycle0, supervise

ACTIONS: dict[str, Callable[..., Any]] = {
    "initialize": initialize,
    "alc0": run_cycle0,
    "al": run,
    "supervised": supervise,
}

SELECTIONS = {
    "kmeans_pp": "k_means_pp",
    "k_center_greedy": "k_center_anchored",
    "k_center_greedy_unlb": "k_center",
    "none": None,
}

OF_METHODS = ("method", "method_tag", "run_tag", "al_cycle", "uncertainty", "selection", "n_pass")
UNUSED = {
    "initialize": (*OF_METHODS, "full_train", "fine_tune_layers"),
    "alc0": OF_METHODS,
    "al": (),
    "supervised": (*OF_METHODS, "budget_id"),
}


class Parser(argparse.ArgumentParser):
    """Raises where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Raise ``message`` as a user's mistake."""
        raise InputError(message)


def flags() -> Parser:
    """The flags of the paper's code, and ours."""
    parser = Parser(prog="main.py", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--action", required=True, help="initialize, alc0, al or supervised")
    add("--method", help="uwe, random, entropy, bvsb, least_confident, coreset, badge, bald")
    add("--dataset", required=True, help="cifar10, cifar100, mini_imagenet, or any of uwe's")
    add("--seed", type=int, default=1)
    add("--budget_id", help="exp05k, exp1k, exp5k, or numbers such as 100,200,400")
    add("--model", default="resnet18", help="resnet18/34/50/101/152, vit, small")
    add("--gpu_id", type=int, help="number of the CUDA device; without CUDA the CPU is taken")
    add("--n_epoch", type=int, default=100)
    add("--al_cycle", type=int, help="stop after this many cycles (default: all)")
    add("--method_tag", help="is put behind the method's name")
    add("--run_tag", help="is put behind the run's name")
    add("--full_train", type=int, choices=(0, 1), help="1: test loss and accuracy each epoch")
    add("--uncertainty", help="entropy, bvsb or least_confident")
    add("--selection", help="kmeans_pp, k_center_greedy, k_center_greedy_unlb or none")
    add("--n_pass", type=int, help="dropout passes of bald (default: 5)")
    add("--fine_tune_layers", type=int, help="blocks of vit whose LayerNorms train (default: 1)")
    add("--pool_size", type=int, help="keep the first N rows of the pool")
    add("--test_size", type=int, help="keep the first N test rows")
    add("--data_dir", type=Path, help="folder of the data (default: download)")
    add("--results", type=Path, default=Path("results"), help="folder of the results")
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
    return Experiment(
        given.dataset,
        strategy=given.method or "uwe",
        options=options_of(given),
        seed=given.seed,
        budgets=given.budget_id or (1,),
        model=given.model,
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


def options_of(given: argparse.Namespace) -> dict[str, Any]:
    """The method's options in our words."""
    if given.selection is not None:
        require_known(given.selection, SELECTIONS, "selection")
    options = {
        "uncertainty": given.uncertainty,
        "selection": SELECTIONS.get(given.selection),
        "mc_passes": given.n_pass,
    }
    return {name: value for name, value in options.items() if value is not None}


def device_of(gpu_id: int | None) -> str:
    """``cuda:N`` where there is CUDA; otherwise what there is, said on standard error."""
    if gpu_id is None:
        return "auto"
    if not torch.cuda.is_available():
        print(f"main.py: there is no CUDA device {gpu_id}; running on the CPU", file=sys.stderr)
        return "cpu"
    return f"cuda:{gpu_id}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one action and return the exit code."""

    def work() -> None:
        given = flags().parse_args(arguments)
        experiment = experiment_of(given)
        trainings = {"initialize": 0, "al": len(experiment.labels)}.get(given.action, 1)
        shown(trainings, lambda progress: ACTIONS[given.action](experiment, progress=progress))
        print(f"{given.action} is done; its files are in {given.results}/{given.dataset}")

    return spoken("main.py", work)


if __name__ == "__main__":
    sys.exit(main())
