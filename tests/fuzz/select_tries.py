"""Tries of ``uwe select``: the same pool otherwise written, damaged pools, odd values, odd ids."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.damage import (
    NO_IDS,
    NO_NUMBERS,
    ODD_IDS,
    ODD_NUMBERS,
    damage_file,
    npz_bytes,
    odd_arrays,
    odd_columns,
)  # fmt: skip
from fuzz.judge import has_picks, picks_in, same_picks
from fuzz.pools import POOL, Pool, varied_columns, write_pool
from fuzz.tries import Server, Try

__all__ = ["STRATEGIES", "References", "damaged_pool", "id_files", "odd_pool", "same_pool"]

K = 6
STRATEGIES: Mapping[str, tuple[str, ...]] = {
    "default": ("--option", "many=1"),  # with weights: without, pairs of rows gain alike
    "uwe-pp": ("--strategy", "uwe", "--selection", "k_means_pp", "--seed", "3"),
    "uwe-anchored": (
        "--strategy",
        "uwe",
        "--selection",
        "k_center_anchored",
        "--uncertainty",
        "bvsb",
    ),
    "coreset": ("--strategy", "coreset"),
    "badge": ("--strategy", "badge", "--seed", "1"),
    "entropy": ("--strategy", "entropy"),
    "bvsb": ("--strategy", "bvsb"),
    "least": ("--strategy", "least_confident"),
    "random": ("--strategy", "random", "--seed", "5"),
}
_OUTPUTS = ("-", "-", "picks.csv", "picks.jsonl", "picks.parquet")


@dataclass(frozen=True)
class References:
    """The right picks of each of `STRATEGIES`."""

    picks: Mapping[str, list[dict[str, Any]]]

    @classmethod
    def made(cls, server: Server) -> References:
        """Ask for them once, of a plain file of arrays."""
        found = {}
        for name, options in STRATEGIES.items():
            folder = server.fresh()
            arrays = {"features": POOL.features.astype(float), "probs": POOL.probs,
                      "ids": np.array(POOL.ids), "labelled": POOL.labelled}  # fmt: skip
            np.savez(folder / "pool.npz", **arrays)
            outcome = server.run(["select", "pool.npz", "-k", str(K), *options])
            assert outcome.code == 0, outcome
            found[name] = picks_in(folder, outcome, "-")
            assert len({row["id"] for row in found[name]}) == K
        return cls(found)


def same_pool(rng: random.Random, folder: Path, references: References) -> Try:
    """The pool, written in another way: the same picks."""
    written = write_pool(rng, folder)
    name, output = rng.choice(list(STRATEGIES)), rng.choice(_OUTPUTS)
    arguments = ["select", written.name, "-k", str(K), *STRATEGIES[name]]
    return Try(
        [*arguments, *_to(output)],
        f"{written.about}; {name}",
        check=same_picks(references.picks[name], output),
        must=(0,),
    )


def damaged_pool(rng: random.Random, folder: Path, references: References) -> Try:
    """A pool whose bytes are damaged: refused, or k picks."""
    written = write_pool(rng, folder)
    path = folder / written.name
    files = sorted(each for each in [path, *path.rglob("*")] if each.is_file())
    about = damage_file(rng, rng.choice(files))
    output = rng.choice(_OUTPUTS)
    name = rng.choice(list(STRATEGIES))
    return Try(
        ["select", written.name, "-k", str(K), *STRATEGIES[name], *_to(output), *_page(rng)],
        f"{about}; {written.about}",
        check=has_picks(K, None, output),
    )


def odd_pool(rng: random.Random, folder: Path, references: References) -> Try:
    """A whole file with an odd value: kept to the letter, or refused."""
    return rng.choice([_odd_text, _odd_text, _odd_text, _odd_array, _odd_array, _odd_column])(
        rng, folder
    )


def _odd_array(rng: random.Random, folder: Path) -> Try:
    plain = {"features": POOL.features.astype(float), "probs": POOL.probs,
             "ids": np.array(POOL.ids), "labelled": POOL.labelled}  # fmt: skip
    arrays, about, refused = odd_arrays(rng, plain)
    way = rng.choice(["npz", "compressed", "folder", "safetensors"])
    if way == "safetensors" and not _as_tensors(arrays, folder):
        way = "npz"
    name = {"folder": "pool", "safetensors": "pool.safetensors"}.get(way, "pool.npz")
    if way in ("npz", "compressed"):
        (folder / name).write_bytes(npz_bytes(arrays, compressed=way == "compressed"))
    elif way == "folder":
        (folder / name).mkdir()
        for key, array in arrays.items():
            np.save(folder / name / f"{key}.npy", np.asanyarray(array), allow_pickle=True)
    return Try(
        ["select", name, "-k", str(K)],
        f"{name} ({way}): {about}",
        check=has_picks(K, None, "-"),
        must=(2,) if refused else (0, 2),
    )


def _as_tensors(arrays: Mapping[str, Any], folder: Path) -> bool:
    import torch
    from safetensors.torch import save_file

    named = {name: value for name, value in arrays.items() if name != "ids"}
    ids = np.asanyarray(arrays["ids"])
    if ids.ndim != 1 or ids.dtype.kind not in "iuU":
        return False
    try:
        tensors = {
            name: torch.from_numpy(np.array(value)).contiguous() for name, value in named.items()
        }
    except TypeError:
        return False
    if any(tensor.is_complex() for tensor in tensors.values()):
        return False
    save_file(tensors, folder / "pool.safetensors", {"ids": json.dumps(ids.tolist())})
    return True


def _odd_column(rng: random.Random, folder: Path) -> Try:
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    table, _ = varied_columns(rng, POOL)
    odd, about = odd_columns(rng, table)
    name = rng.choice(["pool.parquet", "pool.parquet", "pool.feather"])
    try:
        if name.endswith(".feather"):
            feather.write_feather(odd, folder / name)
        else:
            pq.write_table(odd, folder / name)
    except Exception:  # arrow cannot write some types into some formats
        name = "pool.parquet"
        pq.write_table(table, folder / name)
        about = "nothing"
    return Try(["select", name, "-k", str(K)], f"{name}: {about}", check=has_picks(K, None, "-"))


def _odd_text(rng: random.Random, folder: Path) -> Try:
    """A cell of a table of text."""
    column = rng.choice(["features", "features", "probs", "labelled", "id", "id", "id", "header"])
    row = rng.randrange(len(POOL.ids))
    columns: dict[str, list[Any]] = {"id": list(POOL.ids)}
    for name, values in (("features", POOL.features), ("probs", POOL.probs)):
        for at in range(values.shape[1]):
            columns[f"{name}_{at}"] = [str(value) for value in values[:, at].tolist()]
    columns["labelled"] = ["true" if each else "false" for each in POOL.labelled]
    names, must = list(columns), (0, 2)
    ids: list[str | None] | None = list(POOL.ids)
    if column == "header":
        (about, must), ids = _other_names(rng, names), None
    else:
        name = f"{column}_0" if column in ("features", "probs") else column
        odd, must = _ODD_CELLS[column](rng)
        columns[name][row] = odd
        if column == "id" and ids is not None:
            ids[row] = odd
            must = (2,) if odd in POOL.ids[:row] + POOL.ids[row + 1 :] else must
        about = f"{name} of row {row} is {odd!r:.60}"
    rows = [names, *zip(*columns.values(), strict=True)]
    path = _text_file(rng, folder, rows)
    output = rng.choice([*_OUTPUTS, "picks.txt"])
    return Try(
        ["select", path, "-k", str(K), *_to(output), *_page(rng)],
        f"{path}: {about}",
        check=has_picks(K, ids, output),
        must=must,
    )


def _other_names(rng: random.Random, names: list[str]) -> tuple[str, Sequence[int]]:
    at = rng.randrange(len(names))
    was = names[at]
    way = rng.choice(["twice", "odd", "empty"])
    if way == "twice":
        names[at] = rng.choice([each for each in names if each != was])
        return f"the column {was} is called {names[at]}, too", (2,)
    names[at] = rng.choice(ODD_IDS) if way == "odd" else ""
    return f"the column {was} is called {names[at]!r:.60}", (0, 2)


_ODD_CELLS = {
    "features": lambda rng: _one_of(rng, NO_NUMBERS, ODD_NUMBERS),
    "probs": lambda rng: _one_of(rng, (*NO_NUMBERS, "2", "-0.5", "1e300"), ("-0", "0.50")),
    "labelled": lambda rng: _one_of(
        rng, ("maybe", "2", "-1", "x", "1e400", "\uff10"), ("", "NO", "1.0")
    ),
    "id": lambda rng: _one_of(rng, (*NO_IDS, POOL.ids[0], POOL.ids[5]), ODD_IDS * 2),
}


def _one_of(
    rng: random.Random, refused: Sequence[str], open_to: Sequence[str]
) -> tuple[str, Sequence[int]]:
    odd = rng.choice([*refused, *open_to])
    return odd, (2,) if odd in refused else (0, 2)


def _text_file(rng: random.Random, folder: Path, rows: Sequence[Sequence[str]]) -> str:
    """The rows as CSV, tabs or JSON lines, each of which can hold any text."""
    suffix = rng.choice([".csv", ".csv", ".tsv", ".jsonl"])
    path = folder / f"pool{suffix}"
    if suffix == ".jsonl":
        lines = [json.dumps(dict(zip(rows[0], map(_valued, row), strict=True))) for row in rows[1:]]
        path.write_text("\n".join(lines) + "\n")
        return path.name
    text = io.StringIO()
    delimiter = "\t" if suffix == ".tsv" else ","
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        rows
    )
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    return path.name


def _valued(text: str) -> Any:
    """A number where the pool has one, as JSON has kinds of values; else the text."""
    known = {"true": True, "false": False}
    if text in known:
        return known[text]
    try:
        return float(text) if text in _PLAIN else text
    except ValueError:
        return text


_PLAIN = frozenset(
    str(value) for values in (POOL.features, POOL.probs) for value in values.ravel().tolist()
)


def id_files(rng: random.Random, folder: Path, references: References) -> Try:
    """A file of ids for --labelled or --exclude: written in many ways, damaged, or odd."""
    written = write_pool(
        rng, folder, Pool(POOL.ids, POOL.features, POOL.probs), ("npz", "parquet", "safetensors")
    )
    ids = [name for name, is_labelled in zip(POOL.ids, POOL.labelled, strict=True) if is_labelled]
    way = rng.choice(["same", "same", "damaged", "odd"])
    path = _ids_file(rng, folder, ids)
    about, must = f"the labelled ids in {path.name}", (0,) if way == "same" else (0, 2)
    if way == "damaged":
        about = damage_file(rng, path)
    if way == "odd":
        odd = rng.choice([*NO_IDS, *ODD_IDS])
        path = _ids_file(rng, folder, [*ids, odd])
        about = f"{path.name} with {odd!r:.60}"
    check = same_picks(references.picks["uwe-anchored"], "-")
    if way != "same":
        check = has_picks(K, list(POOL.ids), "-")
    arguments = ["select", written.name, "-k", str(K), *STRATEGIES["uwe-anchored"]]
    return Try(
        [*arguments, "--labelled", path.name], f"{about}; {written.about}", check=check, must=must
    )


def _ids_file(rng: random.Random, folder: Path, ids: Sequence[str]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    suffix = rng.choice([".txt", ".csv", ".tsv", ".jsonl", ".parquet"])
    key = rng.choice(["id", "ids"])
    path = folder / f"done{suffix}"
    end = rng.choice(["\n", "\r\n"])
    encoding = rng.choice(["utf-8", "utf-8-sig"])
    if suffix == ".parquet":
        plain = [each.encode("utf-8", "replace").decode() for each in ids]
        pq.write_table(pa.table({key: plain, "label": ["x"] * len(ids)}), path)
        return path
    if suffix == ".txt":
        body = end.join(ids) + rng.choice(["", end, end + end])
    elif suffix == ".jsonl":
        body = "".join(json.dumps({key: each, "label": "x"}) + end for each in ids)
    else:
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t" if suffix == ".tsv" else ",", lineterminator=end)
        writer.writerows([(key, "label"), *((each, "x") for each in ids)])
        body = text.getvalue()
    path.write_bytes(body.encode(encoding, "surrogatepass"))
    return path


def _to(output: str) -> list[str]:
    return [] if output == "-" else ["-o", output]


def _page(rng: random.Random) -> list[str]:
    return ["--html", "picks.html"] if rng.random() < 0.2 else []
