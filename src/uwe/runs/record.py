"""The record of a run: what the run is, what it was made with, and on which machine.

This module alone reads and writes records. Other modules get a `Record`.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from uwe._files import write_json
from uwe.errors import RunError
from uwe.runs.former import former_name
from uwe.runs.names import RunFiles, RunName, is_shown

__all__ = [
    "FLOAT_BITS",
    "MOST_THREADS",
    "OTHER_FOLDER",
    "OTHER_TAG",
    "Record",
    "fix_anew",
    "fixed_number",
    "open_record",
    "read_record",
    "recorded_setting",
    "records_in",
    "require_same_settings",
]

OTHER_FOLDER = "choose another --results folder"
OTHER_TAG = f"{OTHER_FOLDER} or a --method-tag"

MOST_THREADS = 1024
"""More threads than the processors of any machine only cost time."""

_LARGEST = 2**31 - 1
_MOST = {"threads": MOST_THREADS, "inference_batch": _LARGEST}
_BITS = (32, 64)
_FORMAT = 1
_PACKAGES = ("uwe", "torch", "numpy", "safetensors", "datasets", "transformers", "scikit-learn")


@dataclass(frozen=True)
class Record:
    """The record of a run.

    Attributes:
        path: of the file.
        format: its number.
        settings: everything that can change a pick or an accuracy.
        fixed: what can change a bit but is no setting: threads, inference batch.
        experiment: what the run was asked for.
        environment: versions and hardware.
        made: when, in ISO 8601.
        name: of the run; None where the record is not of a run but of initial rows.
        measure: name of the uncertainty that the run writes; None where the record lacks it.
    """

    path: Path
    format: int
    settings: Mapping[str, Any]
    fixed: Mapping[str, Any]
    experiment: Mapping[str, Any]
    environment: Mapping[str, Any]
    made: str
    name: RunName | None
    measure: str | None

    @property
    def files(self) -> RunFiles:
        """The run's files, in the folder of the record.

        Raises:
            RunError: the record is not of a run.
        """
        return self._named().files_in(self.path.parent)

    @property
    def cycle0_files(self) -> RunFiles:
        """The files of the cycle-0 run that a strategy's run went on from.

        Raises:
            RunError: the record is not of a run.
        """
        return self._named().cycle0_files(self.path.parent)

    def _named(self) -> RunName:
        if self.name is None:
            raise RunError(f"{self.path} does not say which run it is the record of")
        return self.name


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        RunError: the file is missing, is not a record, or has another format.
    """
    try:
        return _checked(path, _content(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, OSError):
            told = error.strerror or error
            raise RunError(f"cannot read {path}: {told}; put it back, or {OTHER_FOLDER}") from error
        what = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise RunError(
            f"{path} is not the record of a run: {what}; put it back, or {OTHER_FOLDER}"
        ) from error


def records_in(folder: Path) -> Iterator[Record]:
    """All records below a folder, in the order of their paths; other JSON files are skipped.

    Raises:
        RunError: a record has another format, or what a journal stands beside is not its record.
    """
    for path in filter(is_shown, sorted(folder.rglob("*.json"))):
        has_journal = path.with_name(f"{path.stem}.journal.jsonl").exists()
        try:
            record = read_record(path) if has_journal else _checked(path, _content(path))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if record.name is None or record.files.record.name == path.name:
            yield record
        elif has_journal:
            raise RunError(
                f"{path} is the record of another run, {record.files.stem}; restore it from a copy"
            )


FLOAT_BITS = "float_bits"
"""Name of the fixed number that says in how many bits a model's float64 outputs are kept."""

_OF_FORMER_RUNS = {FLOAT_BITS: 32}
"""Fixed numbers that records of earlier versions lack."""


def open_record(
    path: Path,
    settings: Mapping[str, Any],
    *,
    experiment: Mapping[str, Any],
    fixed: Mapping[str, Any],
    name: RunName | None,
    measure: str | None = None,
    remedy: str = OTHER_FOLDER,
) -> Record:
    """Make the record of a run, or read it and compare its settings.

    Args:
        path: of the record.
        settings: everything that can change a pick or an accuracy.
        experiment: what the run is asked for.
        fixed: what can change a bit but is no setting (threads, inference batch); it is written
            when the record is made, and taken from the record afterwards.
        name: of the run; None for initial rows.
        measure: name of the uncertainty that the run writes.
        remedy: what to do where the settings differ.

    Raises:
        RunError: a run of that name has other settings, or the record cannot be read.
    """
    if not path.exists():
        record = {
            "format": _FORMAT,
            **({} if name is None else {"run": name.as_json()}),
            **({} if measure is None else {"measure": measure}),
            "settings": dict(settings),
            "fixed": dict(fixed),
            "experiment": dict(experiment),
            "environment": _environment(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(path, record)
        return read_record(path)
    return _read_same(path, settings, remedy=remedy, fixed=fixed)


def require_same_settings(
    path: Path, journal: Path, settings: Mapping[str, Any], *, remedy: str = OTHER_FOLDER
) -> None:
    """Refuse a run whose record has other settings, or whose journal has no record.

    Raises:
        RunError: as `open_record`.
    """
    if path.exists():
        _read_same(path, settings, remedy=remedy)
    elif journal.exists():
        raise RunError(
            f"{journal} has lost its record {path.name}, so its settings cannot be compared; "
            f"put the record back, or {remedy}"
        )


def recorded_setting(path: Path, name: str) -> object:
    """A setting in the record of a run; None if there is no record."""
    return read_record(path).settings.get(name) if path.exists() else None


def fixed_number(path: Path, name: str) -> int:
    """The threads, the inference batch or the bits of a number in the record of a run.

    Raises:
        RunError: the record cannot be read, or the number is none that a run can have.
    """
    return _require_fixed(path, {**_OF_FORMER_RUNS, **read_record(path).fixed}, name, OTHER_FOLDER)


def fix_anew(path: Path, **changes: int) -> None:
    """Record that a run continues with other threads or another inference batch."""
    fixed = {**read_record(path).fixed, **changes}
    write_json(path, {**_content(path), "fixed": fixed})


def _read_same(
    path: Path,
    settings: Mapping[str, Any],
    *,
    remedy: str,
    fixed: Mapping[str, Any] = MappingProxyType({}),
) -> Record:
    record = read_record(path)
    _compare(path, record.settings, settings, remedy)
    there = {**_OF_FORMER_RUNS, **record.fixed}
    for name in fixed:
        _require_fixed(path, there, name, remedy)
    return record


def _require_fixed(path: Path, fixed: Mapping[str, Any], name: str, remedy: str) -> int:
    value = fixed.get(name)
    if type(value) is not int:
        raise RunError(f"{path} is not the record of a run: it lacks {name!r}; {remedy}")
    most = _MOST.get(name, _LARGEST)
    if not 1 <= value <= most:
        raise RunError(
            f"{path} says {name} {value}, which must be from 1 to {most}; restore the record from "
            f"a copy, or {remedy}"
        )
    if name == FLOAT_BITS and value not in _BITS:
        raise RunError(
            f"{path} says {name} {value}, which must be 32 or 64; restore the record from a copy, "
            f"or {remedy}"
        )
    return value


def _content(path: Path) -> dict[str, Any]:
    return dict(_mapping(json.loads(path.read_text(encoding="utf-8"))))


def _checked(path: Path, content: Mapping[str, Any]) -> Record:
    """The record in ``content``; ValueError, KeyError or TypeError where it is not a record."""
    found = content["format"]
    if type(found) is not int:
        raise TypeError(f"format is {found!r}")
    settings, fixed = (_mapping(content[key]) for key in ("settings", "fixed"))
    if found != _FORMAT:
        raise RunError(
            f"{path} has format {found}, and this version reads {_FORMAT}; "
            "use the version of uwe that wrote it"
        )
    experiment = _mapping(content.get("experiment", {}))
    if "run" in content:
        name: RunName | None = RunName.from_json(_mapping(content["run"]))
    else:
        name = former_name(path, settings, experiment)
    measure = content.get("measure")
    if not isinstance(measure, str | None):
        raise TypeError(f"measure is {measure!r}")
    return Record(
        path,
        found,
        settings,
        fixed,
        experiment,
        _mapping(content.get("environment", {})),
        str(content.get("made", "")),
        name,
        measure,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return value


def _compare(path: Path, there: Mapping[str, Any], here: Mapping[str, Any], remedy: str) -> None:
    differing = [key for key in {**there, **here} if not _equal(there.get(key), here.get(key))]
    if differing:
        shown = "; ".join(
            f"{key} is {there.get(key)!r} there and {here.get(key)!r} here" for key in differing
        )
        raise RunError(f"a run of that name has other settings ({path}): {shown}; {remedy}")


def _equal(there: object, here: object) -> bool:
    """Whether two settings are written alike; NaN equals NaN."""
    if there == here:
        return True
    one, other = (json.dumps(value, sort_keys=True, default=str) for value in (there, here))
    return one == other


def _environment() -> dict[str, Any]:
    import torch  # here, so that reading records needs no torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    """The processor's name, where Linux gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
