"""Names of the files in a results folder, as in the paper's code.

This module composes every name, and nothing takes one apart: what a run is stands in its record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

__all__ = [
    "Kind",
    "RunFiles",
    "RunName",
    "file_name",
    "initial_rows_file",
    "is_shown",
    "model_part",
    "tables_in",
]

Kind: TypeAlias = Literal["run", "cycle 0", "supervised"]

_TABLE = "al_cycle_result"
_CYCLE0 = "initialize"
_SUPERVISED = "supervised"

_ENDS = re.compile(
    r"\.json|\.log|\.journal\.jsonl|\.owner|_result\.csv|_al_cycle_result\.csv"
    r"|(?:_cycle[0-9]+)?_(?:query\.csv|tr_info\.csv|model\.safetensors|(?:tr|te)[^.]*\.safetensors)"
)
"""What follows the stem in the names of a run's files."""


@dataclass(frozen=True)
class RunFiles:
    """The files of one run.

    Attributes:
        folder: where they are.
        stem: what every name begins with.
        cycles: whether the run has cycles; then the files of a cycle are in subfolders, and their
            names hold the cycle.
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
            return self.folder / _TABLE / f"{self.stem}_{_TABLE}.csv"
        return self.folder / f"{self.stem}_result.csv"

    def query(self, cycle: int) -> Path:
        """The rows that were queried in ``cycle``."""
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

    def owns(self, name: str) -> bool:
        """Whether a file of this name is one of the run's; other runs' names may begin alike.

        >>> files = RunName("run", "digits", "small", 1, 9, "20-40", "uwe").files(Path("r"))
        >>> files.owns(files.query(3).name)
        True
        >>> files.owns("digits_al_modsmall_s1_ne9_bid20-40-60_muwe.json")
        False
        """
        own = name.removeprefix(".").removeprefix(self.stem)
        return len(own) < len(name) and _ENDS.fullmatch(own) is not None

    def _of_cycle(self, subfolder: str, cycle: int, what: str) -> Path:
        if self.cycles:
            return self.folder / subfolder / f"{self.stem}_cycle{cycle}_{what}"
        return self.folder / f"{self.stem}_{what}"


@dataclass(frozen=True)
class RunName:
    """What the names of a run's files say of it.

    Attributes:
        kind: a strategy's run, the cycle-0 run that the strategies of a seed share, or the upper
            bound on all labels.
        dataset: its name.
        model: its name.
        seed: of everything random.
        epochs: of every training.
        budgets: their name, or the numbers joined by ``-``; not for the upper bound.
        method: the strategy with its tag; of a strategy's run only.
        run_tag: of a strategy's run only.

    >>> name = RunName("run", "hub:a/birds", "small", 1, 9, "10-20", "uwe")
    >>> name.files(Path("r")).record
    PosixPath('r/hub-a-birds/uwe/hub-a-birds_al_modsmall_s1_ne9_bid10-20_muwe.json')
    """

    kind: Kind
    dataset: str
    model: str
    seed: int
    epochs: int
    budgets: str = ""
    method: str = ""
    run_tag: str = ""

    @property
    def dataset_part(self) -> str:
        """The data set in file names."""
        return file_name(self.dataset)

    @property
    def model_part(self) -> str:
        """The model in file names.

        >>> RunName("run", "wine", "sklearn:random_forest", 1, 1).model_part
        'sklearn-random-forest'
        """
        return model_part(self.model)

    @property
    def method_part(self) -> str:
        """The strategy with the tags of method and run, in file names."""
        return f"{self.method}_ct{self.run_tag}" if self.run_tag else self.method

    @property
    def stem(self) -> str:
        """What every file's name begins with."""
        first = f"{self.dataset_part}_{{}}_mod{self.model_part}_s{self.seed}_ne{self.epochs}"
        ends = {
            "run": ("al", f"_bid{self.budgets}_m{self.method_part}"),
            "cycle 0": ("alc0", f"_bid{self.budgets}"),
            "supervised": ("supervised", ""),
        }
        kind, end = ends[self.kind]
        return first.format(kind) + end

    def files(self, results: Path) -> RunFiles:
        """The run's files in a results folder."""
        own = {"run": self.method, "cycle 0": _CYCLE0, "supervised": _SUPERVISED}
        return self.files_in(results / self.dataset_part / own[self.kind])

    def files_in(self, folder: Path) -> RunFiles:
        """The run's files in the folder that holds its record."""
        return RunFiles(folder, self.stem, cycles=self.kind == "run")

    def cycle0(self) -> RunName:
        """The cycle-0 run that a strategy's run goes on from."""
        return replace(self, kind="cycle 0", method="", run_tag="")

    def supervised(self) -> RunName:
        """The upper bound of the run's seed."""
        return replace(self, kind="supervised", budgets="", method="", run_tag="")

    def cycle0_files(self, folder: Path) -> RunFiles:
        """The cycle-0 run's files, where ``folder`` holds the record of the strategy's run."""
        return self.cycle0().files_in(folder.parent / _CYCLE0)

    def as_json(self) -> dict[str, Any]:
        """The name as it stands in records."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunName:
        """The name that `as_json` gave; fields of newer versions are left out.

        Raises:
            ValueError: a field is missing or of another type.

        >>> name = RunName("supervised", "digits", "small", 2, 9)
        >>> RunName.from_json(name.as_json()) == name
        True
        """
        kinds = {field: int if field in ("seed", "epochs") else str for field in cls._fields()}
        for field, kind in kinds.items():
            if not isinstance(value.get(field), kind):
                raise ValueError(f"{field} of the run is {value.get(field)!r}")
        if value["kind"] not in get_args(Kind):
            raise ValueError(f"kind of the run is {value['kind']!r}")
        return cls(**{field: value[field] for field in kinds})

    @classmethod
    def _fields(cls) -> tuple[str, ...]:
        return tuple(cls.__dataclass_fields__)


def model_part(model: str) -> str:
    """A model's name as it stands in file names, without underscores."""
    return file_name(model).replace("_", "-")


def initial_rows_file(results: Path, dataset: str, *, seed: int, budget_id: str) -> Path:
    """The rows of cycle 0, by seed and budget."""
    name = file_name(dataset)
    return results / name / _CYCLE0 / f"{name}_s{seed}_bid{budget_id}_init_lb.csv"


def tables_in(folder: Path) -> list[Path]:
    """The tables of strategies' runs below a folder."""
    return [path for path in sorted(folder.rglob(f"*_{_TABLE}.csv")) if is_shown(path)]


def is_shown(path: Path) -> bool:
    """Whether a file is none of those that macOS and editors hide.

    >>> is_shown(Path("runs/m_s1.csv")), is_shown(Path("runs/._m_s1.csv"))
    (True, False)
    """
    return not path.name.startswith(".")


def file_name(dataset: str) -> str:
    """A data set's name in file names.

    >>> file_name("hub:../data/birds")
    'hub-data-birds'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", dataset.replace("..", "")).strip("-")
