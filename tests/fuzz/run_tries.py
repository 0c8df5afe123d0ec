"""Tries over results folders, tables, texts, images, configurations and curves."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.damage import NO_NUMBERS, ODD_IDS, ODD_NUMBERS, ODD_TEXTS, damage_file
from fuzz.pools import POOL, TABLES, Pool, write_pool
from fuzz.tries import SAFE, Outcome, Server, Try, emptied

__all__ = [
    "FinishedRuns", "SameResults", "configurations", "damaged_runs", "damaged_sources", "images",
    "other_curves", "same_sources",
]  # fmt: skip

RUN = (
    "run", "sklearn:wine", "--model", "sklearn:logistic", "--pool-size", "60", "--test-size", "30",
    "--budgets", "5,8,11", "--strategy", "uwe", "--strategy", "random", "--seeds", "1,2",
    "--threads", "1",
)  # fmt: skip
_TIMES = frozenset(
    ("query_time", "train_seconds", "pass_seconds", "peak_memory_mb", "device",
     "representation_seconds", "selection_seconds", "writing_seconds")
)  # fmt: skip
MODULE = """
import torch

def images():
    return lambda x: (None, torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))

def texts():
    def model(given):
        features = torch.tensor([[float(len(each)), float(each.count(" "))] for each in given])
        return features, features
    return model
"""


# Finished runs


@dataclass(frozen=True)
class FinishedRuns:
    """The results folder of a small study.

    Attributes:
        folder: where it is kept.
        tables: the right tables, by name, without times.
    """

    folder: Path
    tables: Mapping[str, Any]

    @classmethod
    def made(cls, server: Server) -> FinishedRuns:
        """Run the study once."""
        folder = server.fresh()
        outcome = server.run(RUN)
        assert outcome.code == 0, outcome
        kept = emptied(server.base / "runs")
        shutil.copytree(folder / "results", kept / "results")
        return cls(kept / "results", _tables(folder / "results"))


def _tables(results: Path) -> dict[str, Any]:
    """Every table of cycles and every list of queried rows, without times."""
    found: dict[str, Any] = {}
    for path in sorted([*results.rglob("*_result.csv"), *results.rglob("*_query.csv")]):
        rows = list(csv.DictReader(path.read_text().splitlines()))
        found[path.name] = [
            {name: value for name, value in row.items() if name not in _TIMES} for row in rows
        ]
    return found


def damaged_runs(rng: random.Random, folder: Path, runs: FinishedRuns) -> Try:
    """A file of a finished run is damaged, gone or another run's: refused, or the same result."""
    results = folder / "results"
    shutil.copytree(runs.folder, results)
    files = sorted(each for each in results.rglob("*") if each.is_file() and each.stat().st_size)
    journals = [each for each in files if each.suffix == ".jsonl"]
    ours = [each for each in files if each.name != "report.html" and each.suffix != ".log"]
    about = []
    if rng.random() < 0.5:  # a run that was killed, so that it goes on and reads its files
        for journal in journals:
            lines = journal.read_bytes().splitlines(keepends=True)
            journal.write_bytes(b"".join(lines[: rng.randrange(1, len(lines) + 1)]))
        about.append("cut between events")
    path = rng.choice([*ours, *journals * 3])
    way = rng.choice(["damage", "damage", "damage", "gone", "swap", "line"])
    about.append(_WAYS[way](rng, path, ours))
    command = rng.choice(["run", "run", "run", "results", "report"])
    arguments = {
        "run": list(RUN),
        "results": ["results", "results", "--output", "out"],
        "report": ["report", "results", "--output", "out"],
    }[command]
    return Try(
        arguments,
        f"{'; '.join(about)}",
        check=_same_tables(runs, but=path.name) if command == "run" else SAFE,
        writes=("work/results",) if command == "run" else (),
        may_change=("work/results",) if command == "run" else (),
    )


def _same_tables(runs: FinishedRuns, *, but: str) -> Any:
    """A check: every table is as it was, but a list of queried rows that was damaged itself."""

    def check(folder: Path, outcome: Outcome) -> str | None:
        try:
            found = _tables(folder / "results")
        except (OSError, ValueError, csv.Error) as error:
            return f"the tables cannot be read: {error!r:.200}"
        for name, rows in runs.tables.items():
            if name == but and name.endswith("_query.csv"):
                continue
            if found.get(name) != rows:
                return f"another result in {name}: {found.get(name)!r:.300}, not {rows!r:.300}"
        return None

    return check


def _gone(rng: random.Random, path: Path, others: Sequence[Path]) -> str:
    path.unlink()
    return f"{path.name} is gone"


def _swap(rng: random.Random, path: Path, others: Sequence[Path]) -> str:
    """The file of another seed or cycle takes its place."""
    like = [each for each in others if each != path and each.suffix == path.suffix]
    alike = [each for each in like if _bare(each) == _bare(path)] or like
    if not alike:
        return _gone(rng, path, others)
    other = rng.choice(alike)
    shutil.copy2(other, path)
    return f"{path.name} is {other.name}"


def _bare(path: Path) -> str:
    return "".join(letter for letter in path.name if not letter.isdigit())


def _damage(rng: random.Random, path: Path, others: Sequence[Path]) -> str:
    return damage_file(rng, path)


def _edited_line(rng: random.Random, path: Path, others: Sequence[Path]) -> str:
    """One number in a line of text is another."""
    if path.suffix not in (".jsonl", ".json", ".csv"):
        return damage_file(rng, path)
    text = path.read_text()
    digits = [at for at, letter in enumerate(text) if letter.isdigit()]
    if not digits:
        return damage_file(rng, path)
    at = rng.choice(digits)
    path.write_text(text[:at] + rng.choice("0123456789") + text[at + 1 :])
    return f"{path.name}: a digit at {at}"


_WAYS = {"damage": _damage, "gone": _gone, "swap": _swap, "line": _edited_line}


# Sources: tables of numbers or texts, in each format


KINDS = tuple(("crow", "wren", "café owl")[row % 3] for row in range(len(POOL.ids)))
_TEXTS = tuple(
    f"{('Where is the town', 'Who wrote it', 'How far, and when')[row % 3]} number {row % 7}?"
    for row in range(len(POOL.ids))
)
_NUMBERS = Pool(POOL.ids, POOL.features, more={"kind": KINDS})
_WORDS = Pool(POOL.ids, more={"question": _TEXTS, "kind": KINDS})

_SOURCES: Mapping[str, tuple[Pool, tuple[str, ...]]] = {
    "run": (_NUMBERS, ("run", "{}", "--model", "sklearn:logistic", "--label", "kind", "--budgets",
                       "5,8", "--threads", "1")),
    "run texts": (_WORDS, ("run", "{}", "--model", "sklearn:logistic", "--label", "kind", "--text",
                           "question", "--budgets", "5,8", "--threads", "1")),
    "embed": (_WORDS, ("embed", "{}", "--text", "question", "--label", "kind", "--model",
                       "mine:texts", "-o", "out.safetensors")),
    "init": (_NUMBERS, ("init", "p.uwe", "{}", "--label", "kind")),
    "init texts": (_WORDS, ("init", "p.uwe", "{}", "--text", "question", "--label", "kind")),
}  # fmt: skip
"""Commands that read a table, and the table that each reads."""


@dataclass(frozen=True)
class SameResults:
    """What each of the commands makes of a plain CSV."""

    right: Mapping[str, Any]

    @classmethod
    def made(cls, server: Server) -> SameResults:
        """Give each command once."""
        found = {}
        for name, (source, arguments) in _SOURCES.items():
            folder = server.fresh()
            (folder / "mine.py").write_text(MODULE)
            _plain_csv(folder, source)
            outcome = server.run([each.format("pool.csv") for each in arguments])
            assert outcome.code == 0, outcome
            found[name] = _made_by(name, folder)
        return cls(found)


def _plain_csv(folder: Path, source: Pool) -> None:
    columns: dict[str, Sequence[Any]] = {"id": source.ids}
    for name, values in source.wide.items():
        columns |= {f"{name}_{at}": values[:, at].tolist() for at in range(values.shape[1])}
    columns |= source.more
    text = io.StringIO()
    csv.writer(text).writerows([list(columns), *zip(*columns.values(), strict=True)])
    (folder / "pool.csv").write_bytes(text.getvalue().encode())


def _made_by(name: str, folder: Path) -> Any:
    """The value that a command gave."""
    if name.startswith("run"):
        return list(_tables(folder / "results").values())
    if name == "embed":
        from safetensors import safe_open

        with safe_open(folder / "out.safetensors", "np") as file:
            metadata = file.metadata()
            tensors = {key: file.get_tensor(key).tolist() for key in sorted(file.keys())}
            return [tensors, json.loads(metadata["ids"]), json.loads(metadata["labels"])]
    rows = json.loads((folder / "p.uwe" / "rows.json").read_text())
    journal = (folder / "p.uwe" / "journal.jsonl").read_text().splitlines()[1:]
    settings = json.loads((folder / "p.uwe" / "project.json").read_text())
    events = [json.loads(line) for line in journal]
    return [
        rows["ids"],
        settings["classes"],
        [(each["rows"], each.get("values")) for each in events],
    ]


def same_sources(rng: random.Random, folder: Path, results: SameResults) -> Try:
    """A table, otherwise written: the same result."""
    return _source(rng, folder, results, same=True)


def damaged_sources(rng: random.Random, folder: Path, results: SameResults) -> Try:
    """A table whose bytes or whose cells are odd: refused, or a result."""
    return _source(rng, folder, results, same=False)


def _source(rng: random.Random, folder: Path, results: SameResults, *, same: bool) -> Try:
    name = rng.choice(list(_SOURCES))
    source, arguments = _SOURCES[name]
    (folder / "mine.py").write_text(MODULE)
    written = write_pool(rng, folder, source, TABLES)
    about = written.about
    if not same:
        about = f"{damage_file(rng, folder / written.name)}; {about}"

    def check(folder: Path, outcome: Outcome) -> str | None:
        try:
            made = _made_by(name, folder)
        except Exception as error:
            return f"the result cannot be read: {error!r:.200}"
        if same and not _equal(made, results.right[name]):
            return f"{name}: another result: {made!r:.500}, not {results.right[name]!r:.500}"
        return None

    return Try(
        [each.format(written.name) for each in arguments],
        f"{name}: {about}",
        check=check,
        must=(0,) if same else (0, 2),
        may_change=("work/results",) if name.startswith("run") and not same else (),
    )


def _equal(value: Any, right: Any) -> bool:
    """Equal, numbers up to rounding."""
    if isinstance(right, dict):
        return value.keys() == right.keys() and all(_equal(value[key], right[key]) for key in right)
    if isinstance(right, list | tuple):
        return len(value) == len(right) and all(map(_equal, value, right))
    try:
        return bool(np.isclose(float(value), float(right), rtol=1e-5, atol=1e-6))
    except (TypeError, ValueError):
        return bool(value == right)


# Images


def images(rng: random.Random, folder: Path, nothing: None) -> Try:
    """A folder of images, of which one is damaged or is no image at all."""
    from PIL import Image

    (folder / "mine.py").write_text(MODULE)
    (folder / "photos").mkdir()
    noise = np.random.default_rng(rng.randrange(1 << 30))
    names = []
    for number in range(8):
        suffix = rng.choice([".png", ".png", ".jpg", ".bmp", ".webp", ".jpeg"])
        mode = rng.choice(["RGB", "RGB", "L", "P", "RGBA", "1"]) if suffix == ".png" else "RGB"
        pixels = noise.integers(0, 256, (9, 7, 3), dtype=np.uint8)
        name = f"{number}{suffix}"
        Image.fromarray(pixels).convert(mode).save(folder / "photos" / name)
        names.append(name)
    way = rng.choice(["damage", "damage", "damage", "odd"])
    if way == "damage":
        about = damage_file(rng, folder / "photos" / rng.choice(names))
    else:
        about = rng.choice(list(_ODD_FILES))
        _ODD_FILES[about](folder / "photos")
    command = rng.choice(["embed", "embed", "init"])
    arguments = {
        "embed": ["embed", "photos", "--model", "mine:images", "-o", "out.safetensors"],
        "init": ["init", "p.uwe", "photos", "--embed", "mine:images", "--classes", "a,b"],
    }[command]
    if rng.random() < 0.5:
        arguments += ["--image-size", "8"]

    def check(folder: Path, outcome: Outcome) -> str | None:
        ids = _ids_of_embedding(folder, command)
        return (
            None
            if set(ids) >= set(names)
            else f"images are missing: {sorted(set(names) - set(ids))}"
        )

    return Try(arguments, f"{command}: {about}", check=check)


def _ids_of_embedding(folder: Path, command: str) -> list[str]:
    from safetensors import safe_open

    if command == "init":
        ids: list[str] = json.loads((folder / "p.uwe" / "rows.json").read_text())["ids"]
        return ids
    with safe_open(folder / "out.safetensors", "np") as file:
        found: list[str] = json.loads(file.metadata()["ids"])
    return found


_ODD_FILES: Mapping[str, Any] = {
    "an empty image": lambda folder: (folder / "x.png").write_bytes(b""),
    "a text called .png": lambda folder: (folder / "x.png").write_text("no image"),
    "PostScript called .png": lambda folder: (folder / "x.png").write_text("%!PS-Adobe-3.0 EPSF\n"),
    "a pipe called .png": lambda folder: os.mkfifo(folder / "x.png"),
    "a folder called .jpg": lambda folder: (folder / "x.jpg").mkdir(),
    "a macOS file": lambda folder: (folder / "._0.png").write_bytes(b"\0\5\x16\7" + bytes(40)),
    "a link to nothing": lambda folder: (folder / "x.png").symlink_to("nowhere"),
    "a link to itself": lambda folder: (folder / "x.png").symlink_to("x.png"),
    "a link to its folder": lambda folder: (folder / "x").symlink_to("."),
    "a name that is not UTF-8": lambda folder: _named(folder, b"\xff.png"),
    "a name with a line break": lambda folder: _named(folder, b"a\nb.png"),
    "a name with U+2028": lambda folder: _named(folder, "a\u2028b.png".encode()),
    "a name with a comma": lambda folder: _named(folder, b'a,"b.png'),
    "a name that a spreadsheet computes": lambda folder: _named(folder, b"=1+1.png"),
    "an image in another folder": lambda folder: _nested(folder),
    "a file without a suffix": lambda folder: (folder / "README").write_text("hello"),
    "a bomb": lambda folder: _bomb(folder / "x.png"),
    "sixteen bits": lambda folder: _deep(folder / "x.png", "uint16"),
    "floats": lambda folder: _deep(folder / "x.tiff", "float32"),
}


def _named(folder: Path, name: bytes) -> None:
    shutil.copy(next(folder.glob("0.*")), folder / os.fsdecode(name))


def _nested(folder: Path) -> None:
    (folder / "more").mkdir()
    shutil.copy(next(folder.glob("0.*")), folder / "more")


def _bomb(path: Path) -> None:
    """A header of 60,000 x 60,000 pixels, and no pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _deep(path: Path, kind: str) -> None:
    from PIL import Image

    Image.fromarray(np.arange(63).reshape(9, 7).astype(kind)).save(path)


# Configurations


def configurations(rng: random.Random, folder: Path, nothing: None) -> Try:
    """A YAML file of options, one of which is odd."""
    options: dict[str, Any] = {
        "model": "sklearn:logistic", "pool-size": 60, "test-size": 30, "budgets": [5, 8],
        "strategy": ["uwe", "random"], "seeds": "1-2", "threads": 1, "results": "results",
        "option": ["uncertainty=bvsb"], "label-noise": 0.1, "run-tag": "x",
    }  # fmt: skip
    way = rng.choice(["damage", "odd", "odd", "odd", "name", "bomb"])
    name = rng.choice(list(options))
    odd = rng.choice([*_ODD_YAML, *(json.dumps(each) for each in ODD_TEXTS)])
    lines = [f"{key}: {json.dumps(value)}" for key, value in options.items()]
    if way == "odd":
        lines = [line for line in lines if not line.startswith(f"{name}:")] + [f"{name}: {odd}"]
    elif way == "name":
        lines.append(f"{odd}: 1")
    elif way == "bomb":
        lines = ["a0: &a0 [x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
        lines.append("budgets: *a8")
    path = folder / "options.yaml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n")
    about = f"{way}: {name}: {odd!r:.80}"
    if way == "damage":
        about = damage_file(rng, path)
    return Try(["run", "sklearn:wine", "--config", path.name, "--dry-run"], about, longest=20_000)


_ODD_YAML = (
    "1e3", "1_000", "0x10", "0o17", "1:30", "yes", "no", "~", "null", ".nan", ".inf", "-.inf", "[]",
    "{}", "[[1]]", "[1, [2]]", "{a: 1}", "2026-01-01", "!!binary aGVsbG8=", "!!python/object:x {}",
    "!!set {a}", "*x", "&x y", "|\n  a\n  b", '"\\x00"', '"\\ud800"', "'", '"', "@x", "`x`", "%x",
    "1.5", "-1", "0", "99999999999999999999", "[1, 2, 3", "a: b: c", "? x", "- 1", "1e400", "true",
    "[a, b]", "[true]", "[null]", "['']", "''", "' 5,8 '", "5-8", "'5,,8'", "[8, 5]", "[5, 5]",
)  # fmt: skip


# Curves of other programs


def other_curves(rng: random.Random, folder: Path, nothing: None) -> Try:
    """CSV files of other programs, one of which is otherwise written, odd or damaged."""
    (folder / "curves").mkdir()
    for strategy in ("mine", "random"):
        for seed in (1, 2, 3):
            rows = [(n, round(0.5 + n / 100 + seed / 1000, 4)) for n in (10, 20, 30)]
            text = "n_labeled,te_accuracy\n" + "".join(f"{n},{share}\n" for n, share in rows)
            (folder / "curves" / f"{strategy}_s{seed}.csv").write_text(text)
    path = rng.choice(sorted((folder / "curves").iterdir()))
    way = rng.choice(["damage", "odd", "odd", "same", "name", "extra"])
    must: Sequence[int] = (0, 2)
    about = way
    if way == "damage":
        about = damage_file(rng, path)
    elif way == "odd":
        odd = rng.choice(
            [*NO_NUMBERS, *ODD_NUMBERS, "-1", "2", "101", "10", "9999999999999999999999"]
        )
        text = path.read_text()
        was = rng.choice(["20", "30", *text.split("\n")[2].split(",")])
        path.write_bytes(text.replace(was, _quoted(odd), 1).encode("utf-8", "surrogatepass"))
        must = (2,) if odd in NO_NUMBERS else (0, 2)
        about = f"{path.name}: {was} is {odd!r:.60}"
    elif way == "same":
        about, must = _same_curve(rng, path), (0,)
    elif way == "name":
        name = rng.choice([each for each in ODD_IDS if "/" not in each and "\x00" not in each])
        target = f"{name[:200]}_s1.csv".encode("utf-8", "replace").decode()
        path.rename(folder / "curves" / target)
        about = f"{path.name} is called {target!r:.60}"
    else:
        about = rng.choice(list(_ODD_FILES))
        if about.startswith("a name"):
            about = "a macOS file"
        (folder / "curves" / "0.csv").write_text("")
        _ODD_FILES[about](folder / "curves")
        (folder / "curves" / "0.csv").unlink(missing_ok=True)
    arguments = ["report", "curves", "--output", "out"]
    arguments += rng.choice([[], ["--format", "json"], ["--format", "md", "--scale", "linear"]])
    return Try(arguments, about, must=must)


def _quoted(cell: str) -> str:
    return f'"{cell}"' if any(mark in cell for mark in ',\n"') else cell


def _same_curve(rng: random.Random, path: Path) -> str:
    rows = [line.split(",") for line in path.read_text().split("\n") if line]
    delimiter = rng.choice([",", ";", "\t"])
    end = rng.choice(["\n", "\r\n"])
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
    rows = [[*row, "7"] if at else [*row, "more"] for at, row in enumerate(rows)]
    rows = [row[::-1] for row in rows] if rng.random() < 0.5 else rows
    path.write_bytes("".join(delimiter.join(row) + end for row in rows).encode(encoding))
    return f"{path.name} with {delimiter!r}, {end!r}, {encoding}"
