"""The commands ``uwe run``, ``demo``, ``results`` and ``list``; the others have their modules."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.config import Dict
from rich.table import Table
from rich.text import Text

from uwe import __version__
from uwe._files import write_text
from uwe.cli.config_file import named_files, read_options
from uwe.cli.display import Display, plan_table, wide_console
from uwe.cli.embed import embed_command
from uwe.cli.options import Whole, expand, key_values, parse_seeds
from uwe.cli.report import report_command, report_of_run
from uwe.cli.rows import require_images, run_on_rows, takes_rows
from uwe.cli.select import select_command
from uwe.cli.speaking import shown, spoken
from uwe.cli.studies import bounds_of, picture_name, show, studies
from uwe.data import dataset_lines
from uwe.errors import InputError, require_known
from uwe.experiment import (
    BUDGETS,
    Experiment,
    Prepared,
    Result,
    RunPlan,
    files_of,
    make_plan,
    prepare,
    require_disk_space,
    run,
    supervise,
    supervised_plan,
)
from uwe.learners import RECIPES
from uwe.models import describe_model, model_names
from uwe.report import plot_curves, summary_csv
from uwe.runs import Curve, find_bounds, find_curves
from uwe.strategies import describe_strategy, strategy_names
from uwe.tracking import follow, require_trackers

__all__ = ["main"]

app = App(
    name="uwe",
    help="Deep active learning: which samples to label next.",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

app.command(name="select")(select_command)
app.command(name="embed")(embed_command)
app.command(name="report")(report_command)

_DEMO_STRATEGIES = ("uwe", "badge", "coreset", "entropy", "random")


@app.command(name="run")
def run_command(
    dataset: str,
    *,
    strategy: Annotated[list[str] | None, Parameter(negative=())] = None,
    seeds: str = "1",
    budgets: str = "exp05k",
    model: str = "resnet18",
    epochs: Whole | None = None,
    recipe: str = "paper",
    warm_start: Annotated[bool, Parameter(negative=())] = False,
    uncertainty: str | None = None,
    selection: str | None = None,
    mc_passes: Whole | None = None,
    option: Annotated[list[str] | None, Parameter(negative=())] = None,
    dropout: float | None = None,
    fine_tune_layers: Whole | None = None,
    vit_weights: str | None = None,
    pool_size: Whole | None = None,
    test_size: Whole | None = None,
    image_size: Whole | None = None,
    test_fraction: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    compile: Annotated[bool, Parameter(negative=())] = False,
    threads: Whole | None = None,
    jobs: Whole = 1,
    data_dir: Path | None = None,
    label: str | None = None,
    text: str | None = None,
    results: Path = Path("results"),
    keep_predictions: str = "last",
    method_tag: str = "",
    run_tag: str = "",
    full_train: Annotated[bool, Parameter(negative=())] = False,
    supervised: Annotated[bool, Parameter(negative=())] = False,
    log: Annotated[list[str] | None, Parameter(negative=())] = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    config: Path | None = None,
) -> None:
    """Run active learning: whatever is missing is done, whatever is there is kept.

    Parameters
    ----------
    dataset
        A name of `uwe list datasets`, or hub:NAME; for --model sklearn:NAME a file .csv or
        .parquet, a folder of Parquet files, or sklearn:digits, :breast_cancer, :wine, :iris.
    strategy
        A name of `uwe list strategies`; may be given several times. Default: uwe.
    seeds
        One seed or several: 3, 1-3, 1,5.
    budgets
        Labelled rows after each cycle: a name of `uwe list budgets`, or 20,40,80.
    model
        A name of `uwe list models`, or sklearn:logistic or sklearn:forest.
    epochs
        Of every training; 100 for recipe paper, 25 for recipe fast.
    recipe
        paper, or fast: fewer epochs, a larger rate that falls to zero.
    warm_start
        Train on from the last cycle's weights, shrunk and perturbed.
    uncertainty
        Measure of strategy uwe: entropy, bvsb, least_confident.
    selection
        Selection of strategy uwe: k_center, k_center_anchored, k_means_pp.
    mc_passes
        Dropout passes of strategy bald.
    option
        NAME=VALUE, an option of another package's strategy.
    dropout
        Rate before the classifier; 0 for ResNets, 0.2 for vit.
    fine_tune_layers
        Model vit: blocks whose LayerNorms are trained; 0 trains everything.
    vit_weights
        Model vit: hub name or local folder of the pretrained weights.
    pool_size
        Keep the first N rows of the pool only.
    test_size
        Keep the first N test rows only.
    image_size
        Resize and crop images to N x N.
    test_fraction
        Share of each class that tests, for data of one split.
    device
        auto, cpu, cuda, cuda:1 or mps.
    precision
        fp32, bf16, or auto: bf16 where the hardware computes in it.
    compile
        Let torch.compile work on the network; pays for long work only.
    threads
        Threads of the processor for each run; fixed when the run is made.
    jobs
        How many runs at once, each in a process of its own; same results.
    data_dir
        Folder of the data; without it the data is downloaded.
    label
        Model sklearn: the column of labels. Default: label.
    text
        Model sklearn: the column of texts, taken as TF-IDF.
    results
        Folder of the results.
    keep_predictions
        last keeps the features of the last pass only, all of every cycle.
    method_tag
        Is put behind the strategy's name in file names.
    run_tag
        Is put behind the run's name in file names.
    full_train
        Measure loss and accuracy on the test rows after every epoch.
    supervised
        Train the upper bound on all labels, too.
    log
        tensorboard, mlflow or wandb: log every cycle there; may be given several times.
    dry_run
        Print what would be done and what it takes, and stop.
    config
        YAML file with any of these options; those given here win.
    """
    del config  # read before the command line was parsed
    require_known(recipe, RECIPES, "recipe")
    template = Experiment(
        dataset,
        budgets=budgets,
        model=model,
        epochs=RECIPES[recipe].epochs if epochs is None else epochs,
        recipe=recipe,
        start="warm" if warm_start else "scratch",
        dropout=dropout,
        fine_tune_layers=fine_tune_layers,
        vit_weights=vit_weights,
        pool_size=pool_size,
        test_size=test_size,
        image_size=image_size,
        test_fraction=test_fraction,
        device=device,
        precision=precision,
        compiled=compile,
        threads=threads,
        data_dir=data_dir,
        results=results,
        keep_predictions=keep_predictions,
        method_tag=method_tag,
        run_tag=run_tag,
        full_train=full_train,
    )
    options = {"uncertainty": uncertainty, "selection": selection, "mc_passes": mc_passes}
    given = {name: value for name, value in options.items() if value is not None}
    experiments = expand(
        template, strategy or ["uwe"], parse_seeds(seeds), _merged(given, key_values(option or []))
    )
    require_trackers(log or [])
    if takes_rows(model):
        flags = {"dry_run": dry_run, "supervised": supervised, "jobs": jobs > 1, "log": bool(log)}
        unused = [name for name, given_ in flags.items() if given_]
        _report(
            shown(
                lambda display: run_on_rows(
                    experiments, display, label=label, text=text, unused=unused
                )
            ),
            template.results,
        )
        return
    require_images(model, label, text)
    if dry_run:
        plans = _plans(
            shown(lambda display: prepare(experiments, progress=display)), supervised=supervised
        )
        wide_console().print(plan_table(plans))
        require_disk_space(plans)
        return
    finished = _run_and_show(experiments, jobs=jobs, supervised=supervised, trackers=log or [])
    _report(finished, template.results, supervised=supervised)


@app.command
def demo(*, folder: Path = Path("uwe-demo"), seeds: str = "1-3") -> None:
    """Active learning on scikit-learn's digits: five strategies, no download, on the CPU.

    Parameters
    ----------
    folder
        Where results and picture go.
    seeds
        One seed or several.
    """
    template = Experiment(
        "digits",
        budgets=(20, 40, 80, 160),
        model="small",
        epochs=40,
        device="cpu",
        threads=1,
        results=folder / "results",
    )
    finished = _run_and_show(expand(template, _DEMO_STRATEGIES, parse_seeds(seeds), {}))
    curves = _in_order(
        find_curves(template.results, only={result.table for result in finished}), _DEMO_STRATEGIES
    )
    picture = template.results.parent / "curves.png"
    plot_curves(curves, picture)
    show(curves)
    print(f"The learning curves are drawn in {picture}; the runs are in {template.results}.")


@app.command(name="results")
def results_command(folder: Path, *, output: Path | None = None) -> None:
    """Print the table of a results folder, and write it as CSV and as a picture.

    Parameters
    ----------
    folder
        A results folder.
    output
        Where curves.csv and the pictures go; default: the results folder.
    """
    folder = folder.expanduser()
    curves, bounds = find_curves(folder), find_bounds(folder)
    show(curves, bounds)
    target = folder if output is None else output.expanduser()
    write_text(target / "curves.csv", summary_csv([*curves, *bounds]))
    written = [target / "curves.csv"]
    for study in studies(curves):
        picture = target / picture_name(study[0].study, [path.name for path in written])
        plot_curves(study, picture, bounds=bounds_of(study, bounds))
        written.append(picture)
    print("Written: " + ", ".join(map(str, written)))


@app.command(name="list")
def list_command(what: str) -> None:
    """List strategies, datasets, models or budgets, a line each.

    Parameters
    ----------
    what
        strategies, datasets, models or budgets.
    """
    require_known(what, _LISTS, "list")
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    for name, text in _LISTS[what]():
        table.add_row(name, Text(text))
    wide_console().print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    return spoken("uwe", lambda: _parse_and_run(tokens))


def _run_and_show(
    experiments: Sequence[Experiment],
    *,
    jobs: int = 1,
    supervised: bool = False,
    trackers: Sequence[str] = (),
) -> list[Result]:
    """Run experiments, and the upper bound of each seed, from wherever they stand."""
    bounds = {each.seed: each for each in experiments} if supervised else {}

    def work(display: Display) -> list[Result]:
        prepared = prepare(experiments, progress=display)
        plans = _plans(prepared, supervised=supervised)
        require_disk_space(plans)
        display.expect(plans)
        runs = {each.name: files_of(each) for each in prepared}
        with follow(runs, trackers, experiments[0].results, then=display) as progress:
            finished = run(experiments, jobs=jobs, progress=progress)
        for bound in bounds.values():
            supervise(bound, progress=display)
        return finished

    return shown(work)


def _report(finished: Sequence[Result], folder: Path, *, supervised: bool = False) -> None:
    tables = {result.table for result in finished}
    show(find_curves(folder, only=tables), find_bounds(folder) if supervised else [])
    print(f"Results are in {folder}; 'uwe results {folder}' draws their curves.")
    print(report_of_run(folder, tables))


def _plans(prepared: Sequence[Prepared], *, supervised: bool) -> list[RunPlan]:
    return make_plan(prepared) + (supervised_plan(prepared) if supervised else [])


def _parse_and_run(tokens: list[str]) -> None:
    app.config = _config_of(tokens) if tokens[:1] == ["run"] else ()
    app(tokens, exit_on_error=False, print_error=False)


def _config_of(tokens: Sequence[str]) -> tuple[Dict, ...]:
    """The options of the configuration file that the tokens name, if any."""
    known = [name.replace("_", "-") for name in inspect.signature(run_command).parameters]
    known.remove("config")
    return tuple(
        Dict(
            {"run": read_options(path, known, repeated=("strategy", "option", "log"))},
            source=str(path),
        )
        for path in named_files(tokens)
    )


def _merged(given: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    for name in more:
        if name in given:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{name} is given twice, by {flag} and by --option; leave one out")
    return {**given, **more}


def _in_order(curves: Sequence[Curve], methods: Sequence[str]) -> list[Curve]:
    return sorted(curves, key=lambda curve: methods.index(curve.method))


def _strategy_lines() -> list[tuple[str, str]]:
    lines = [(name, describe_strategy(name)) for name in strategy_names()]
    return [(name, f"{line}\nSource: {source}") for name, (line, source) in lines]


def _model_lines() -> list[tuple[str, str]]:
    return [(name, describe_model(name)) for name in model_names()]


def _budget_lines() -> list[tuple[str, str]]:
    return [(name, ", ".join(map(str, labels)) + " labels") for name, labels in BUDGETS.items()]


_LISTS: dict[str, Callable[[], Sequence[tuple[str, str]]]] = {
    "strategies": _strategy_lines,
    "datasets": lambda: list(dataset_lines().items()),
    "models": _model_lines,
    "budgets": _budget_lines,
}
