"""The command ``uwe run``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from uwe.cli.display import Display, plan_table, wide_console
from uwe.cli.flags import flag_parameters, repeated_flags, template_options
from uwe.cli.options import SHORT_FORMS, Whole, expand, key_values, parse_seeds
from uwe.cli.speaking import shown
from uwe.data import check_dataset
from uwe.errors import InputError
from uwe.experiment import Experiment, check_arguments
from uwe.tracking import require_trackers

if TYPE_CHECKING:
    from uwe.experiment import Prepared, Result, RunPlan

__all__ = ["known_options", "repeated_options", "run_and_show", "run_command", "switch_options"]

_SWITCH = Parameter(negative=())
_OWN = {
    "jobs": (Whole, 1, "Number of runs at once, each in a process of its own; same results."),
    "supervised": (bool, False, "Also train the upper bound on all labels."),
    "log": (
        list[str] | None,
        None,
        "Log every cycle to tensorboard, mlflow or wandb; may be given several times.",
    ),
    "dry_run": (bool, False, "Print what would be done and what it takes, then stop."),
    "no_report": (bool, False, "Leave out the report that is written at the end."),
    "config": (Path | None, None, "YAML file with any of these options; flags given here win."),
}
"""Options of the command itself: type, default and help."""


def run_command(dataset: str, **given: Any) -> None:
    """Run active learning; finished work is reused, and only what is missing is computed."""
    experiments = _experiments(dataset, given)
    trackers = given.get("log") or []
    if given.get("jobs", 1) < 1:
        raise InputError(f"jobs are {given['jobs']}; at least 1 is needed")
    for each in experiments:
        check_arguments(each)
    data = experiments[0].data
    check_dataset(data.dataset, **data.source)
    require_trackers(trackers)
    supervised = bool(given.get("supervised"))
    if given.get("dry_run"):
        _show_plan(experiments, supervised=supervised)
        return
    finished = run_and_show(
        experiments, jobs=given.get("jobs", 1), supervised=supervised, trackers=trackers
    )
    tables = {result.table for result in finished}
    folder = experiments[0].run.results
    _show_results(folder, tables, supervised=supervised)
    if not given.get("no_report"):
        _report(folder, tables)


def _signature() -> inspect.Signature:
    own = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, Parameter(help=doc), _SWITCH],
        )
        for name, (kind, default, doc) in _OWN.items()
    ]
    return inspect.Signature([*flag_parameters(), *own])


run_command.__signature__ = _signature()  # type: ignore[attr-defined]
run_command.__annotations__ = {
    name: parameter.annotation for name, parameter in _signature().parameters.items()
}


def known_options() -> list[str]:
    """Names of the options, with hyphens, that a configuration file may have."""
    names = [name.replace("_", "-") for name in inspect.signature(run_command).parameters]
    return [name for name in names if name != "config"]


def repeated_options() -> list[str]:
    """Names of the options, with hyphens, that may be given several times."""
    return [*repeated_flags(), "log"]


def switch_options() -> list[str]:
    """Names of the options, with hyphens, that are true or false."""
    parameters = inspect.signature(run_command).parameters.values()
    return [each.name.replace("_", "-") for each in parameters if isinstance(each.default, bool)]


def run_and_show(
    experiments: Sequence[Experiment],
    *,
    jobs: int = 1,
    supervised: bool = False,
    trackers: Sequence[str] = (),
) -> list[Result]:
    """Run experiments, and the upper bound of each seed, from where they stand."""
    from uwe.experiment import prepare, require_disk_space, run, supervise
    from uwe.tracking import follow

    def work(display: Display) -> list[Result]:
        prepared = prepare(experiments, progress=display)
        plans = _plans(prepared, supervised=supervised)
        require_disk_space(plans)
        display.expect(plans)
        runs = {each.name: each.files for each in prepared}
        with follow(runs, trackers, experiments[0].run.results, then=display) as progress:
            finished = run(prepared, jobs=jobs, progress=progress)
        bounds = {each.experiment.seed: each for each in prepared} if supervised else {}
        for bound in bounds.values():
            supervise(bound, progress=display)
        return finished

    return shown(work)


def _experiments(dataset: str, given: Mapping[str, Any]) -> list[Experiment]:
    template = Experiment(
        dataset,
        **template_options(given),
        model_options=key_values(given.get("model_option") or [], flag="--model-option"),
        task_options=key_values(given.get("task_option") or [], flag="--task-option"),
    )
    named = {name: given[name] for name in SHORT_FORMS if given.get(name) is not None}
    return expand(
        template,
        given.get("strategy") or ["uwe"],
        parse_seeds(given.get("seeds", "1")),
        _merged(named, key_values(given.get("option") or [])),
    )


def _merged(given: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    for name in more:
        if name in given:
            flag = "--" + name.replace("_", "-")
            raise InputError(f"{name} is given twice, by {flag} and by --option; leave one out")
    return {**given, **more}


def _show_plan(experiments: Sequence[Experiment], *, supervised: bool) -> None:
    from uwe.experiment import prepare, require_disk_space

    plans = _plans(
        shown(lambda display: prepare(experiments, progress=display)), supervised=supervised
    )
    wide_console().print(plan_table(plans))
    require_disk_space(plans)


def _plans(prepared: Sequence[Prepared], *, supervised: bool) -> list[RunPlan]:
    from uwe.experiment import make_plan, supervised_plan

    return make_plan(prepared) + (supervised_plan(prepared) if supervised else [])


def _show_results(folder: Path, tables: Set[Path], *, supervised: bool) -> None:
    from uwe.cli.studies import show
    from uwe.runs import find_bounds, find_curves

    show(find_curves(folder, only=tables), find_bounds(folder) if supervised else [])
    print(f"Results are in {folder}; 'uwe results {folder}' draws their curves.")


def _report(folder: Path, tables: Set[Path]) -> None:
    """Write the report, which may take seconds, and say so before."""
    from uwe.cli.report import page_of, report_of_run

    print(f"Writing the report {page_of(folder)} (--no-report leaves it out) ...", flush=True)
    try:
        print(report_of_run(folder, tables))
    except KeyboardInterrupt as interrupt:
        interrupt.args = ("in the report, after all runs",)
        raise
