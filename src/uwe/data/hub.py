"""Data sets of the Hugging Face hub, and folders laid out like them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from uwe._files import expanded
from uwe._optional import optional
from uwe.data.cache import cache_folder, load_cached, stamps
from uwe.data.dataset import Dataset
from uwe.data.parquet import parquet_splits, parquet_table
from uwe.data.request import Request
from uwe.data.source import Source
from uwe.data.splits import IMAGENET, Preparation
from uwe.data.table import Columns, Table, find_columns, read_tables, train_and_test
from uwe.errors import DataError, InputError, text_of

__all__ = ["HUB_PREFIX", "HubTables", "hub_tables", "load_from_hub", "load_hub"]

HUB_PREFIX = "hub:"
_PURPOSE = "loading data sets of the hub"
_ROWS_AT_ONCE = 256


def load_hub(request: Request) -> Dataset:
    """Image data sets of the Hugging Face hub or in Parquet; with --task, with masks or boxes.

    ``NAME`` is a folder if there is one of that name; images become RGB. The columns are
    found by what they hold (see ``find_columns``). Without a test split, the validation split
    is the test split; of one split a part is held out.

    Raises:
        InputError: no name is given.
        DataError: it cannot be reached, or no column of images or labels is found.
    """
    tables = hub_tables(request)

    def opened() -> Source:
        train, test, notes = tables.open()
        return read_tables(request, train, test, find_columns(train), notes)

    return load_cached(request, tables.origin, opened, IMAGENET)


@dataclass(frozen=True)
class HubTables:
    """Where the tables of a data set are.

    Attributes:
        origin: what tells whether they are still the same.
        open: gives the pool, the test rows or None, and notes.
    """

    origin: Sequence[object]
    open: Callable[[], tuple[Table, Table | None, tuple[str, ...]]]


def hub_tables(request: Request) -> HubTables:
    """The tables of ``hub:NAME``: a local folder of Parquet files, or a data set of the hub.

    Raises:
        InputError: no name is given.
        DataError: a folder holds no Parquet files.
    """
    name = request.name.removeprefix(HUB_PREFIX)
    if not name:
        raise InputError(f"{HUB_PREFIX} needs a name, such as {HUB_PREFIX}uoft-cs/cifar10")
    folder = _local_folder(request, name)
    if folder is None:
        return HubTables(["hub", name], partial(_hub_splits, name))
    splits = parquet_splits(folder)
    files = [file for of in splits.values() for file in of]
    return HubTables(stamps(folder, files), partial(_folder_splits, folder))


def load_from_hub(
    request: Request, name: str, columns: Callable[[Table], Columns], preparation: Preparation
) -> Dataset:
    """Load data set ``name`` of the hub; once decoded, the network is not asked again.

    Raises:
        DataError: it cannot be reached, or its columns do not fit.
    """

    def opened() -> Source:
        train, test, notes = _hub_splits(name)
        return read_tables(request, train, test, columns(train), notes)

    return load_cached(request, ["hub", name], opened, preparation)


def _local_folder(request: Request, name: str) -> Path | None:
    if request.data_dir is not None:
        return _below(request.data_dir, name)
    folder = expanded(name)
    if folder.is_dir():
        if not parquet_splits(folder):
            raise DataError(
                f"{folder} holds no Parquet files such as train-00000-of-00001.parquet; a "
                "folder of images is read with the data set 'folder' and --data-dir"
            )
        return folder
    if name.startswith((".", "/", "~")):
        raise DataError(f"there is no folder {folder}")
    return None


def _below(data_dir: Path, name: str) -> Path:
    places = (data_dir / name, data_dir / Path(name).name, data_dir)
    for place in places:
        if parquet_splits(place):
            return place
    looked = ", ".join(dict.fromkeys(map(str, places)))
    raise DataError(
        f"found no Parquet files such as train-00000-of-00001.parquet in {looked}; leave out "
        f"--data-dir to load {name} from the hub"
    )


def _folder_splits(folder: Path) -> tuple[Table, Table | None, tuple[str, ...]]:
    train, test, notes = train_and_test(parquet_splits(folder), str(folder))
    return parquet_table(train), None if test is None else parquet_table(test), notes


def _hub_splits(name: str) -> tuple[Table, Table | None, tuple[str, ...]]:
    datasets = optional("datasets", _PURPOSE)
    try:
        splits = datasets.load_dataset(
            name, cache_dir=str(cache_folder() / "hub"), trust_remote_code=False
        )
    except Exception as error:  # whatever the network, the hub and the data set's files raise
        raise _not_loaded(name, error) from error
    return train_and_test(
        {split: _hub_table(f"{name} ({split})", of) for split, of in splits.items()}, name
    )


def _hub_table(name: str, split: Any) -> Table:
    features = split.features.to_dict()
    return Table(name, features, lambda column: _values(split, column), _downloads())


def _downloads() -> tuple[Path, ...]:
    """The folders into which the library of the hub downloads and unpacks files."""
    config = optional("datasets.config", _PURPOSE)
    hub = optional("huggingface_hub.constants", _PURPOSE)
    caches = (cache_folder() / "hub", config.HF_DATASETS_CACHE, hub.HF_HUB_CACHE)
    return tuple(Path(folder).absolute() for folder in caches)


def _values(split: Any, column: str) -> Iterator[Any]:
    undecoded = split.select_columns([column]).with_format("arrow")
    for batch in undecoded.iter(batch_size=_ROWS_AT_ONCE):
        yield from batch.column(0).to_pylist()


def _not_loaded(name: str, error: Exception) -> DataError:
    reason = text_of(error, longest=200)
    return DataError(
        f"cannot load {name} from the hub: {reason}; check the name and the network, set "
        "HF_HUB_OFFLINE=1 to use what was downloaded before, or give its files with --data-dir"
    )
