"""Names of the files in a results folder, as in the paper's code.

This module composes every name, and nothing takes one apart: what a run is stands in its record. A
name that no file system would take is shortened, and ends in a digest of the whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

__all__ = [
    "Kind",
    "RunFiles",
    "RunName",
    "file_name",
    "fitted_name",
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
_LONGEST = 190
"""A file name has 255 bytes, of which up to 65 are the cycle, the kind and a suffix."""

_SHORT = 20
"""Characters of each part of a name that is shortened."""

_APART = frozenset("/\\\0")


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
        return fitted_name(file_name(self.dataset), whole=self.dataset)

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
        """What every file's name begins with.

        >>> name = RunName("cycle 0", "digits", "small", 1, 9, "-".join(map(str, range(5, 305, 5))))
        >>> name.stem
        'digits_alc0_modsmall_s1_ne9_bid5-10-15-20-25-30-35_161e0c65f42ae1a1'
        """
        stem = self._composed(lambda part: part)
        if len(stem.encode()) <= _LONGEST:
            return stem
        whole = json.dumps(self.as_json(), sort_keys=True)
        return f"{self._composed(_short)}_{_digest(whole)}"

    def _composed(self, told: Callable[[str], str]) -> str:
        """The stem of parts as they are ``told``."""
        dataset, model = told(file_name(self.dataset)), told(self.model_part)
        first = f"{dataset}_{{}}_mod{model}_s{told(str(self.seed))}_ne{self.epochs}"
        budgets = f"_bid{told(self.budgets)}"
        ends = {
            "run": ("al", f"{budgets}_m{told(self.method_part)}"),
            "cycle 0": ("alc0", budgets),
            "supervised": ("supervised", ""),
        }
        kind, end = ends[self.kind]
        return first.format(kind) + end

    def files(self, results: Path) -> RunFiles:
        """The run's files in a results folder."""
        own = {"run": fitted_name(self.method), "cycle 0": _CYCLE0, "supervised": _SUPERVISED}
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
        for field in ("budgets", "method", "run_tag"):
            if _APART & set(value[field]):
                raise ValueError(f"{field} of the run is {value[field]!r}")
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
    stem = f"{name}_s{seed}_bid{budget_id}"
    if len(stem) > _LONGEST:
        whole = json.dumps([dataset, seed, budget_id])
        stem = f"{_short(name)}_s{_short(str(seed))}_bid{_short(budget_id)}_{_digest(whole)}"
    folder = results / fitted_name(name, whole=dataset) / _CYCLE0
    return folder / f"{stem}_init_lb.csv"


def tables_in(folder: Path) -> list[Path]:
    """The tables of strategies' runs below a folder."""
    return [path for path in sorted(folder.rglob(f"*_{_TABLE}.csv")) if is_shown(path)]


def is_shown(path: Path) -> bool:
    """Whether a file is none of those that macOS and editors hide.

    >>> is_shown(Path("runs/m_s1.csv")), is_shown(Path("runs/._m_s1.csv"))
    (True, False)
    """
    return not path.name.startswith(".")


def fitted_name(name: str, *, whole: str | None = None, longest: int = _LONGEST) -> str:
    """A name that a file system takes: as it is, or its beginning and a digest.

    Args:
        name: as it would be.
        whole: what the digest is of, where ``name`` does not say all of it.
        longest: bytes that it may have, at least 17.

    >>> fitted_name("digits"), fitted_name("x" * 300, longest=20)
    ('digits', 'xxx_12b539c1cad94615')
    """
    if len(name.encode()) <= longest:
        return name
    end = f"_{_digest(name if whole is None else whole)}"
    return name.encode()[: longest - len(end)].decode(errors="ignore") + end


def _short(part: str) -> str:
    """The beginning of a part; of budgets, whole numbers."""
    cut = part.encode()[:_SHORT].decode(errors="ignore")
    inside = part[len(cut) :].strip("-") == part[len(cut) :] != ""
    return (cut.rpartition("-")[0] or cut) if inside else cut


def _digest(whole: str) -> str:
    return hashlib.blake2b(whole.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def file_name(dataset: str) -> str:
    """A data set's name in file names.

    >>> file_name("hub:../data/birds")
    'hub-data-birds'
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", dataset.replace("..", "")).strip("-")
