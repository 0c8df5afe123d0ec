"""What lies where in a results folder, by the names of the paper's code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "RunFiles",
    "al_files",
    "cycle0_beside",
    "cycle0_files",
    "file_name",
    "files_of_table",
    "initial_rows_file",
    "supervised_files",
]


@dataclass(frozen=True)
class RunFiles:
    """The files of one run.

    Attributes:
        folder: where they are.
        stem: what every name begins with.
        cycles: whether the run has cycles: their files lie in subfolders and carry the cycle.
    """

    folder: Path
    stem: str
    cycles: bool

    @property
    def log(self) -> Path:
        """What happened, for people."""
        return self.folder / f"{self.stem}.log"

    @property
    def journal(self) -> Path:
        """What happened, for machines: the state of the run."""
        return self.folder / f"{self.stem}.journal.jsonl"

    @property
    def record(self) -> Path:
        """Settings, versions and hardware."""
        return self.folder / f"{self.stem}.json"

    @property
    def lock(self) -> Path:
        """Held by the process that works on the run."""
        return self.folder / f".{self.stem}.lock"

    @property
    def table(self) -> Path:
        """One row a cycle."""
        if self.cycles:
            return self.folder / "al_cycle_result" / f"{self.stem}_al_cycle_result.csv"
        return self.folder / f"{self.stem}_result.csv"

    def query(self, cycle: int) -> Path:
        """The rows that were bought in ``cycle``."""
        return self._of_cycle("query", cycle, "query.csv")

    def uncertainty(self, cycle: int, measure: str) -> Path:
        """Uncertainty of every pool row, by the model that decided the query of ``cycle``."""
        return self._of_cycle("query", cycle, f"tr{measure}.safetensors")

    def features(self, cycle: int) -> Path:
        """Features of every pool row, by that model."""
        return self._of_cycle("query", cycle, "trfeat.safetensors")

    def pool_logits(self, cycle: int) -> Path:
        """Logits of every pool row, by that model."""
        return self._of_cycle("query", cycle, "trlogits.safetensors")

    def test_logits(self, cycle: int) -> Path:
        """Logits of every test row, by the model that was trained in ``cycle``."""
        return self._of_cycle("train", cycle, "telogits.safetensors")

    def model(self, cycle: int) -> Path:
        """The model that was trained in ``cycle``."""
        return self._of_cycle("train", cycle, "model.safetensors")

    def training(self, cycle: int) -> Path:
        """Loss and accuracy of every epoch of that training."""
        return self._of_cycle("train", cycle, "tr_info.csv")

    def _of_cycle(self, subfolder: str, cycle: int, what: str) -> Path:
        if self.cycles:
            return self.folder / subfolder / f"{self.stem}_cycle{cycle}_{what}"
        return self.folder / f"{self.stem}_{what}"


def al_files(
    results: Path,
    dataset: str,
    *,
    model: str,
    seed: int,
    epochs: int,
    budget_id: str,
    method: str,
    run_tag: str = "",
) -> RunFiles:
    """Files of one strategy's run; ``method`` carries its tag.

    >>> files = al_files(Path("results"), "cifar10", model="resnet18", seed=1, epochs=100,
    ...                  budget_id="exp05k", method="uwe")
    >>> files.query(2).name
    'cifar10_al_modresnet18_s1_ne100_bidexp05k_muwe_cycle2_query.csv'
    """
    name = file_name(dataset)
    tag = f"_ct{run_tag}" if run_tag else ""
    stem = f"{name}_al_mod{model}_s{seed}_ne{epochs}_bid{budget_id}_m{method}{tag}"
    return RunFiles(results / name / method, stem, cycles=True)


def cycle0_files(
    results: Path, dataset: str, *, model: str, seed: int, epochs: int, budget_id: str
) -> RunFiles:
    """Files of the cycle-0 model that all strategies of a seed share."""
    name = file_name(dataset)
    stem = f"{name}_alc0_mod{model}_s{seed}_ne{epochs}_bid{budget_id}"
    return RunFiles(results / name / "initialize", stem, cycles=False)


def supervised_files(
    results: Path, dataset: str, *, model: str, seed: int, epochs: int
) -> RunFiles:
    """Files of the upper bound, the model trained on every label."""
    name = file_name(dataset)
    stem = f"{name}_supervised_mod{model}_s{seed}_ne{epochs}"
    return RunFiles(results / name / "supervised", stem, cycles=False)


def files_of_table(table: Path) -> RunFiles:
    """The files of the run whose cycle results are ``table``.

    >>> files_of_table(Path("r/digits/uwe/al_cycle_result/digits_al_x_al_cycle_result.csv")).log
    PosixPath('r/digits/uwe/digits_al_x.log')
    """
    return RunFiles(
        table.parent.parent, table.name.removesuffix("_al_cycle_result.csv"), cycles=True
    )


def cycle0_beside(files: RunFiles) -> RunFiles:
    """Files of the cycle-0 run that a strategy's run went on from, by the names alone.

    >>> files = al_files(Path("r"), "digits", model="small", seed=2, epochs=9, budget_id="10-20",
    ...                  method="uwe")
    >>> cycle0_beside(files).stem
    'digits_alc0_modsmall_s2_ne9_bid10-20'
    """
    before, _, behind = files.stem.partition("_al_mod")
    found = re.match(r"[^_]+_s\d+_ne\d+_bid[^_]+", behind)
    stem = f"{before}_alc0_mod{found[0] if found else behind}"
    return RunFiles(files.folder.parent / "initialize", stem, cycles=False)


def initial_rows_file(results: Path, dataset: str, *, seed: int, budget_id: str) -> Path:
    """The rows of cycle 0, by seed and budget."""
    name = file_name(dataset)
    return results / name / "initialize" / f"{name}_s{seed}_bid{budget_id}_init_lb.csv"


def file_name(dataset: str) -> str:
    """A data set's name as it stands in file names.

    >>> file_name("hub:../data/birds")
    'hub-data-birds'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", dataset.replace("..", "")).strip("-")
