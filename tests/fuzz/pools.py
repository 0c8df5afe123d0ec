"""One small pool, written in every format and in every way that means the same.

Its numbers are exact in every floating type (features are small whole numbers, probabilities are
64ths), and no two distances and no two uncertainties are equal. So every way of writing it has to
give the same picks.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "FORMATS", "LABELLED", "POOL", "TABLES", "Pool", "Written", "columns_of", "varied_columns",
    "write_pool",
]  # fmt: skip

Array = np.ndarray[Any, Any]
N, D, C, LABELLED = 24, 4, 3, 5


@dataclass(frozen=True)
class Pool:
    """What a pool holds.

    Attributes:
        ids: a text for each row.
        features: whole numbers ``[n, d]``.
        probs: 256ths ``[n, c]``, if there are any.
        labelled: a mask ``[n]``, if there is one.
        more: further columns of texts.
    """

    ids: tuple[str, ...]
    features: Array | None = None
    probs: Array | None = None
    labelled: Array | None = None
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def wide(self) -> dict[str, Array]:
        """The columns of several numbers a row."""
        named = (("features", self.features), ("probs", self.probs))
        return {name: values for name, values in named if values is not None}


@dataclass(frozen=True)
class Written:
    """A pool on the disk.

    Attributes:
        name: of the file or the folder.
        about: how it was written.
    """

    name: str
    about: str


def _made() -> Pool:
    """Draw until no two distances and no two uncertainties are equal."""
    ids = (*(f"img_{row:02d}.png" for row in range(N - 2)), "café 1.png", 'a "b", c.png')
    labelled = np.arange(N) < LABELLED
    for seed in range(1_000):
        rng = np.random.default_rng(seed)
        features = rng.integers(-60, 60, (N, D))
        probs = np.stack([rng.multinomial(256, rng.dirichlet(np.ones(C))) / 256 for _ in range(N)])
        apart = ((features[:, None] - features) ** 2).sum(2)[np.triu_indices(N, 1)]
        shares = [tuple(sorted(row)) for row in probs.tolist()]
        margins = {row[-1] - row[-2] for row in shares}
        largest = {row[-1] for row in shares}
        is_apart = len(set(apart)) == len(apart)
        is_apart &= len(set(shares)) == len(margins) == len(largest) == N
        if is_apart and (probs > 0).all():
            return Pool(ids, features, probs, labelled)
    raise AssertionError


POOL = _made()


def columns_of(pool: Pool) -> dict[str, list[Any]]:
    """The pool as the columns of a table, lists for what is wide."""
    columns: dict[str, list[Any]] = {"id": list(pool.ids)}
    columns |= {name: values.tolist() for name, values in pool.wide.items()}
    if pool.labelled is not None:
        columns["labelled"] = pool.labelled.tolist()
    return columns | {name: list(values) for name, values in pool.more.items()}


# Text


_WHOLE: Mapping[str, Callable[[float], str]] = {
    "plain": lambda x: str(int(x)),
    "with .0": lambda x: f"{x:.1f}",
    "with exponent": lambda x: f"{x:.6e}",
    "with four places": lambda x: f"{x:.4f}",
}
_TRUTH = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"), ("1", "0"), ("yes", "no"))
_BLOCKS = ("{}_{}", "{}{}", "{}.{}", "{}-{}")
_SUFFIXES = {",": ".csv", "\t": ".tsv", ";": ".csv", "|": ".csv"}


def write_text_table(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """A delimited file: separators, quotes, line ends, numbers, names and encodings vary."""
    delimiter = rng.choice(list(_SUFFIXES))
    decimal = rng.choice([".", ".", ","]) if delimiter == ";" else "."
    number = rng.choice(list(_WHOLE))
    block = rng.choice(_BLOCKS)
    yes, no = rng.choice(_TRUTH)
    first = rng.choice([0, 1])
    wide = rng.choice(["block", "block", "list"])
    shown = lambda x: _WHOLE[number](x).replace(".", decimal)  # noqa: E731
    exact = lambda x: f"{x:.6f}".replace(".", decimal)  # noqa: E731
    columns: dict[str, list[str]] = {rng.choice(["id", "ids"]): list(pool.ids)}
    for name, values in pool.wide.items():
        as_text = shown if name == "features" else exact
        if wide == "list" and decimal == ".":
            columns[name] = [f"[{', '.join(map(as_text, row))}]" for row in values.tolist()]
            continue
        for at in range(values.shape[1]):
            columns[block.format(name, at + first)] = [as_text(x) for x in values[:, at].tolist()]
    if pool.labelled is not None:
        columns["labelled"] = [yes if each else no for each in pool.labelled]
    columns |= {name: list(values) for name, values in pool.more.items()}
    names = list(columns)
    if rng.random() < 0.5:
        rng.shuffle(names)
    if rng.random() < 0.2:  # as pandas writes it
        columns[""] = [str(row) for row in range(len(pool.ids))]
        names = ["", *names]
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    end = rng.choice(["\n", "\r\n"])
    blank = " " if delimiter == "," and rng.random() < 0.2 else ""
    rows = [names, *zip(*(columns[name] for name in names), strict=True)]
    body = "".join(_line(row, delimiter, blank, quoting) + end for row in rows)
    if rng.random() < 0.2:
        body = body.removesuffix(end)
    encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
    suffix = _SUFFIXES[delimiter]
    about = (
        f"delimiter {delimiter!r}, decimal {decimal!r}, {number} numbers, {wide} named "
        f"{block!r} from {first}, {yes}/{no}, quoting {quoting}, line ends {end!r}, {encoding}, "
        f"blank {blank!r}, {'an' if '' in names else 'no'} index"
    )
    return _bytes_in(rng, folder, f"pool{suffix}", body.encode(encoding), about)


def _line(row: Sequence[str], delimiter: str, blank: str, quoting: Any) -> str:
    """One line of a delimited file, with a blank behind each separator or without."""
    cells = []
    for cell in row:
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="").writerow([cell])
        cells.append(text.getvalue() if cell or quoting == csv.QUOTE_ALL else "")
    return f"{delimiter}{blank}".join(cells)


def write_json_lines(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """JSON lines: order of keys, blanks, escapes, kinds of numbers and line ends vary."""
    columns = columns_of(pool)
    columns[rng.choice(["id", "ids"])] = columns.pop("id")
    kind = rng.choice(["int", "float"])
    if kind == "float" and pool.features is not None:
        columns["features"] = pool.features.astype(float).tolist()
    wide = rng.choice(["list", "block"])
    if wide == "block":
        for name in pool.wide:
            rows = columns.pop(name)
            columns |= {f"{name}_{at}": [row[at] for row in rows] for at in range(len(rows[0]))}
    if rng.random() < 0.3 and pool.labelled is not None:
        columns["labelled"] = [int(each) for each in columns["labelled"]]
    escaped = rng.random() < 0.5
    separators = rng.choice([(",", ":"), (", ", ": ")])
    lines = []
    for row in zip(*columns.values(), strict=True):
        pairs = list(zip(columns, row, strict=True))
        if rng.random() < 0.3:
            rng.shuffle(pairs)
        lines.append(json.dumps(dict(pairs), ensure_ascii=escaped, separators=separators))
    end = rng.choice(["\n", "\r\n"])
    body = end.join(lines) + rng.choice(["", end])
    encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig"])
    suffix = rng.choice([".jsonl", ".ndjson"])
    about = f"{kind}, {wide}, escaped {escaped}, line ends {end!r}, {encoding}"
    return _bytes_in(rng, folder, f"pool{suffix}", body.encode(encoding), about)


def _bytes_in(rng: random.Random, folder: Path, name: str, body: bytes, about: str) -> Written:
    if rng.random() < 0.15:
        name, body, about = f"{name}.gz", gzip.compress(body), f"{about}, gzip"
    (folder / name).write_bytes(body)
    return Written(name, f"{name}: {about}")


# Arrays


_FLOATS = ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")
_INTS = ("i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8")


def varied_arrays(rng: random.Random, pool: Pool) -> tuple[dict[str, Array], str]:
    """The arrays of a pool: types, byte orders, memory orders and the form of the mask vary."""
    plain: dict[str, Array] = {**pool.wide, "ids": np.array(pool.ids)}
    longest = plain["ids"].dtype.itemsize // 4
    kinds = {
        "features": rng.choice([*_FLOATS, *_INTS]),
        "probs": rng.choice(_FLOATS),
        "ids": rng.choice(["<U", ">U"]) + str(longest + rng.choice([0, 7])),
        "labelled": rng.choice(["?", "i1", "<i4", ">i8", "<u8"]),
    }
    if pool.labelled is not None:
        is_mask = kinds["labelled"] == "?"
        plain["labelled"] = pool.labelled if is_mask else np.flatnonzero(pool.labelled)
    arrays = {name: value.astype(kinds[name]) for name, value in plain.items()}
    columns = [name for name in pool.wide if rng.random() < 0.3]
    arrays |= {name: np.asfortranarray(arrays[name]) for name in columns}
    return arrays, f"{kinds}, by columns: {columns}"


def npy_bytes(rng: random.Random, array: Array) -> bytes:
    """An array as a .npy file, of any version of the format."""
    stream = io.BytesIO()
    version = rng.choice([*[None] * 12, (1, 0), (2, 0), (3, 0)])
    np.lib.format.write_array(stream, array, version=version)
    return stream.getvalue()


def write_npz(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """A zip file: order and compression of the members vary."""
    arrays, about = varied_arrays(rng, pool)
    names = list(arrays)
    rng.shuffle(names)
    ways = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    way = {name: rng.choice(ways) for name in names}
    with zipfile.ZipFile(folder / "pool.npz", "w") as file:
        if rng.random() < 0.3:
            file.comment = b"a comment"
        for name in names:
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = way[name]
            if rng.random() < 0.2:
                info.extra = b"\x99\x99\x04\x00abcd"
            file.writestr(info, npy_bytes(rng, arrays[name]))
    return Written("pool.npz", f"pool.npz: {about}, ways {way}")


def write_npy_folder(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """A folder of .npy files; ids are an array or lines."""
    arrays, about = varied_arrays(rng, pool)
    (folder / "pool").mkdir()
    if rng.random() < 0.5:
        del arrays["ids"]
        end = rng.choice(["\n", "\r\n"])
        text = end.join(pool.ids) + rng.choice(["", end])
        encoding = rng.choice(["utf-8", "utf-8-sig"])
        (folder / "pool" / "ids.txt").write_bytes(text.encode(encoding))
        about += f", ids.txt with line ends {end!r}, {encoding}"
    for name, array in arrays.items():
        (folder / "pool" / f"{name}.npy").write_bytes(npy_bytes(rng, array))
    return Written("pool", f"pool/: {about}")


def write_safetensors(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """Tensors of any type that holds the numbers; ids are in the metadata."""
    import torch
    from safetensors.torch import save_file

    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    whole = (torch.int8, torch.int16, torch.int32, torch.int64)
    kinds = (rng.choice([*floats, *whole]), rng.choice(floats))
    kinds_of = dict(zip(("features", "probs"), kinds, strict=True))
    tensors = {
        name: torch.from_numpy(values).to(kinds_of[name]) for name, values in pool.wide.items()
    }
    if pool.labelled is not None:
        rows = np.flatnonzero(pool.labelled)
        tensors["labelled"] = torch.from_numpy(rng.choice([pool.labelled, rows]))
    escaped = rng.random() < 0.5
    metadata = {"ids": json.dumps(list(pool.ids), ensure_ascii=escaped)}
    save_file(tensors, folder / "pool.safetensors", metadata)
    return Written("pool.safetensors", f"pool.safetensors: {kinds}")


# Columns of arrow


def varied_columns(rng: random.Random, pool: Pool) -> tuple[Any, str]:
    """An arrow table: types of columns, of lists and of texts, and chunks vary."""
    import pyarrow as pa

    floats = (pa.float16(), pa.float32(), pa.float64())
    whole = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
    kinds = {"features": rng.choice([*floats, *whole]), "probs": rng.choice(floats)}
    texts = rng.choice([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
    mask = rng.choice([pa.bool_(), pa.int8(), pa.int64(), pa.uint8()])
    wide = rng.choice(["list", "large_list", "fixed", "block"])
    made = {
        "list": lambda kind, _: pa.list_(kind),
        "large_list": lambda kind, _: pa.large_list(kind),
        "fixed": lambda kind, width: pa.list_(kind, width),
    }
    columns: dict[str, Any] = {}
    key = rng.choice(["id", "ids"])
    ids = pa.array(list(pool.ids), pa.string())
    columns[key] = ids.cast(texts) if not pa.types.is_dictionary(texts) else ids.dictionary_encode()
    for name, values in pool.wide.items():
        flat = pa.array(values.astype(np.float64).ravel()).cast(pa.float64())
        flat = _cast(flat, kinds[name])
        if wide == "block":
            for at in range(values.shape[1]):
                columns[f"{name}_{at}"] = flat.take(pa.array(range(at, len(flat), values.shape[1])))
        elif wide == "fixed":
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        else:
            kind = made[wide](kinds[name], values.shape[1])
            maker = pa.LargeListArray if wide == "large_list" else pa.ListArray
            offset = pa.int64() if wide == "large_list" else pa.int32()
            ends = pa.array(range(0, len(flat) + 1, values.shape[1]), offset)
            columns[name] = maker.from_arrays(ends, flat, type=kind)
    if pool.labelled is not None:
        columns["labelled"] = pa.array(pool.labelled.tolist()).cast(mask)
    columns |= {name: pa.array(list(values), pa.string()) for name, values in pool.more.items()}
    names = list(columns)
    if rng.random() < 0.5:
        rng.shuffle(names)
    table = pa.table({name: columns[name] for name in names})
    if rng.random() < 0.3:
        cut = rng.randrange(1, N)
        table = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    about = f"{kinds}, ids {texts}, labelled {mask}, {wide}"
    if rng.random() < 0.2:
        table, about = _with_index(table), f"{about}, an index of pandas"
    return table, about


def _with_index(table: Any) -> Any:
    """The table as pandas writes a frame whose index is not 0, 1, 2."""
    import pyarrow as pa

    name = "__index_level_0__"
    table = table.append_column(name, pa.array(range(7, 7 + 3 * table.num_rows, 3)))
    marks = {"index_columns": [name], "column_indexes": [], "columns": [], "pandas_version": "2.0"}
    return table.replace_schema_metadata({b"pandas": json.dumps(marks).encode()})


def _cast(values: Any, kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_float16(kind):
        return pa.array(values.to_numpy().astype(np.float16))
    return values.cast(kind)


def write_parquet(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """One Parquet file: compression, groups, dictionaries and pages vary."""
    table, about = varied_columns(rng, pool)
    way = _parquet_way(rng)
    _write_parquet(table, folder / "pool.parquet", way)
    return Written("pool.parquet", f"pool.parquet: {about}, {way}")


def write_shards(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """A folder of Parquet files of one writer, read in the order of their names."""
    table, about = varied_columns(rng, pool)
    (folder / "pool").mkdir()
    cuts, way = sorted({0, N, *rng.sample(range(1, N), 2)}), _parquet_way(rng)
    for at, (start, end) in enumerate(pairwise(cuts)):
        part = table.slice(start, end - start)
        _write_parquet(part, folder / "pool" / f"part-{at:05d}.parquet", way)
    return Written("pool", f"pool/: shards {cuts}, {about}, {way}")


def _parquet_way(rng: random.Random) -> dict[str, Any]:
    return {
        "compression": rng.choice(["none", "snappy", "gzip", "zstd", "brotli", "lz4"]),
        "row_group_size": rng.choice([1, 5, N]),
        "use_dictionary": rng.random() < 0.5,
        "data_page_version": rng.choice(["1.0", "2.0"]),
        "write_statistics": rng.random() < 0.5,
        "store_schema": rng.random() < 0.8,
    }


def _write_parquet(table: Any, path: Path, way: Mapping[str, Any]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, **way)


def write_feather(rng: random.Random, folder: Path, pool: Pool) -> Written:
    """One Feather file: compression and chunks vary."""
    import pyarrow.feather as feather

    table, about = varied_columns(rng, pool)
    way = rng.choice(["uncompressed", "lz4", "zstd"])
    feather.write_feather(table, folder / "pool.feather", compression=way)
    return Written("pool.feather", f"pool.feather: {about}, {way}")


FORMATS: Mapping[str, Callable[[random.Random, Path, Pool], Written]] = {
    "text": write_text_table,
    "json": write_json_lines,
    "npz": write_npz,
    "npy": write_npy_folder,
    "safetensors": write_safetensors,
    "parquet": write_parquet,
    "shards": write_shards,
    "feather": write_feather,
}


TABLES = ("text", "json", "parquet", "feather")
"""The formats that are one file of named columns."""


def write_pool(
    rng: random.Random, folder: Path, pool: Pool = POOL, formats: Sequence[str] = tuple(FORMATS)
) -> Written:
    """The pool in one of the formats."""
    return FORMATS[rng.choice(list(formats))](rng, folder, pool)
