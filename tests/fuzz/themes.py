"""The themes by name, and what each needs to be made once."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fuzz.argument_tries import Known, odd_arguments, paper_arguments
from fuzz.project_tries import Begun, damaged_projects, told_labels
from fuzz.run_tries import (
    FinishedRuns,
    SameResults,
    configurations,
    damaged_runs,
    damaged_sources,
    images,
    other_curves,
    same_sources,
)  # fmt: skip
from fuzz.select_tries import References, damaged_pool, id_files, odd_pool, same_pool
from fuzz.tries import Server, Try

__all__ = ["PREPARED", "THEMES"]

PREPARED: Mapping[str, Callable[[Server], Any]] = {
    "nothing": lambda server: None,
    "picks": References.made,
    "runs": FinishedRuns.made,
    "results": SameResults.made,
    "project": Begun.made,
    "commands": Known.made,
}
"""What themes need: the right results, or files that took a command to make."""

THEMES: Mapping[str, tuple[Callable[[random.Random, Path, Any], Try], str]] = {
    "same-pool": (same_pool, "picks"),
    "damaged-pool": (damaged_pool, "picks"),
    "odd-pool": (odd_pool, "picks"),
    "id-files": (id_files, "picks"),
    "arguments": (odd_arguments, "commands"),
    "paper-arguments": (paper_arguments, "nothing"),
    "configurations": (configurations, "nothing"),
    "curves": (other_curves, "nothing"),
    "runs": (damaged_runs, "runs"),
    "same-sources": (same_sources, "results"),
    "damaged-sources": (damaged_sources, "results"),
    "images": (images, "nothing"),
    "projects": (damaged_projects, "project"),
    "labels": (told_labels, "project"),
}
"""Makes a try from random numbers, an empty folder and what was prepared."""
