"""Tries over a labelling project: its files are damaged, or people tell odd labels."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.damage import NO_IDS, ODD_IDS, damage_file
from fuzz.pools import POOL
from fuzz.run_tries import KINDS
from fuzz.tries import Outcome, Server, Try, emptied

__all__ = ["Begun", "damaged_projects", "told_labels"]

NAME = "p.uwe"
_CLASSES = sorted(set(KINDS))


@dataclass(frozen=True)
class Begun:
    """A project with a batch that was answered and one that was not.

    Attributes:
        folder: where it and its source are kept.
        labels: the labels so far.
        asked: ids of the open batch.
    """

    folder: Path
    labels: Mapping[str, str]
    asked: tuple[str, ...]

    @classmethod
    def made(cls, server: Server) -> Begun:
        """Make the project once."""
        folder = server.fresh()
        columns = {"id": POOL.ids} | {f"x_{at}": POOL.features[:, at].tolist() for at in range(4)}
        text = io.StringIO()
        csv.writer(text).writerows([list(columns), *zip(*columns.values(), strict=True)])
        (folder / "birds.csv").write_bytes(text.getvalue().encode())
        kind_of = dict(zip(POOL.ids, KINDS, strict=True))
        _done(server, ["init", NAME, "birds.csv", "--classes", ",".join(_CLASSES)])
        _done(server, ["next", NAME, "-k", "9", "-o", "first.csv"])
        ids = [row["id"] for row in csv.DictReader((folder / "first.csv").read_text().splitlines())]
        _write_labels(folder / "labels.csv", [(each, kind_of[each]) for each in ids])
        _done(server, ["tell", NAME, "labels.csv"])
        _done(server, ["next", NAME, "-k", "4", "-o", "second.csv"])
        lines = (folder / "second.csv").read_text().splitlines()
        asked = tuple(row["id"] for row in csv.DictReader(lines))
        kept = emptied(server.base / "project")
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        return cls(kept, {each: kind_of[each] for each in ids}, asked)


def _done(server: Server, arguments: Sequence[str]) -> None:
    outcome = server.run(arguments)
    assert outcome.code == 0, outcome


def _write_labels(path: Path, rows: Sequence[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("id", "label"), *rows])
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))


def _labels_in(path: Path) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
    return {row["id"]: row["label"] for row in rows}


def damaged_projects(rng: random.Random, folder: Path, begun: Begun) -> Try:
    """A file of a project is damaged: no label becomes another."""
    shutil.copytree(begun.folder, folder, dirs_exist_ok=True)
    project = folder / NAME
    files = sorted(each for each in project.rglob("*") if each.is_file() and each.stat().st_size)
    state = [project / "journal.jsonl", project / "project.json", project / "rows.json"]
    path = rng.choice([*files, *state * 2, folder / "birds.csv"])
    about = f"{path.name} is gone"
    if rng.random() < 0.1:
        path.unlink()
    else:
        about = damage_file(rng, path)
    _write_labels(folder / "more.csv", [(each, _CLASSES[0]) for each in begun.asked])
    arguments: Mapping[str, list[str]] = {
        "status": ["status", NAME, "--labels", "out.csv"],
        "next": ["next", NAME, "-k", "3", "--more", "-o", "out.csv"],
        "tell": ["tell", NAME, "more.csv"],
        "update": ["init", NAME, "--update"],
    }
    command = rng.choice(["status", "status", "next", "tell", "update"])

    def check(folder: Path, outcome: Outcome) -> str | None:
        if command != "status":
            return None
        written = _labels_in(folder / "out.csv")
        other = [each for each in written if written[each] != begun.labels.get(each)]
        return (
            f"labels became others: { {each: written[each] for each in other} }" if other else None
        )

    return Try(
        arguments[command],
        f"{command}: {about}",
        check=check,
        writes=(f"work/{NAME}",),
        may_change=("work/out.csv",) if command == "status" else (),
    )


def told_labels(rng: random.Random, folder: Path, begun: Begun) -> Try:
    """A file of labels: written in many ways, damaged, or with an odd cell."""
    shutil.copytree(begun.folder, folder, dirs_exist_ok=True)
    rows = [(each, rng.choice(_CLASSES)) for each in begun.asked]
    way = rng.choice(["same", "same", "damage", "odd"])
    told, about = list(rows), ""
    if way == "odd":
        at, odd = (
            rng.randrange(len(rows)),
            rng.choice([*ODD_IDS, *NO_IDS, "CROW", "crow ", "0", "1"]),
        )
        told[at] = (odd, rows[at][1]) if rng.random() < 0.5 else (rows[at][0], odd)
        about = f"a row {told[at]!r:.80}"
    path = _label_file(rng, folder, told)
    if way == "damage":
        about = damage_file(rng, path)

    def check(folder: Path, outcome: Outcome) -> str | None:
        answers = _answers(folder)
        if way == "same" and {each: answers.get(each) for each, _ in rows} != dict(rows):
            return f"recorded {answers}, not {dict(rows)}"
        lost = [each for each in begun.labels if answers.get(each) is None]
        return f"labels are lost: {lost}" if lost else None

    return Try(
        ["tell", NAME, path.name],
        f"{path.name}: {way} {about}",
        check=check,
        must=(0,) if way == "same" else (0, 2),
        writes=(f"work/{NAME}",),
        may_change=(f"work/{NAME}/journal.jsonl",),
    )


def _answers(folder: Path) -> dict[str, str]:
    """The last answer of each row, read from the journal itself."""
    settings = json.loads((folder / NAME / "project.json").read_text())
    ids = json.loads((folder / NAME / "rows.json").read_text())["ids"]
    found: dict[str, str] = {}
    for line in (folder / NAME / "journal.jsonl").read_text().splitlines()[1:]:
        event = json.loads(line)
        if event["event"] == "answered":
            for row, value in zip(event["rows"], event["values"], strict=True):
                found[ids[row]] = settings["classes"][value]
    return found


def _label_file(rng: random.Random, folder: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Labels in any format, with any separator, encoding, order of columns and line ends."""
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    names = [rng.choice(["id", "ids"]), rng.choice(["label", "labels"])]
    suffix = rng.choice([".csv", ".csv", ".csv", ".tsv", ".jsonl", ".parquet", ".feather"])
    path = folder / f"told{suffix}"
    if suffix in (".parquet", ".feather"):
        columns: list[Any] = [[_whole(row[at]) for row in rows] for at in (0, 1)]
        if rng.random() < 0.5:
            columns[1] = pa.array(columns[1]).dictionary_encode()
        table = pa.table(dict(zip(names, columns, strict=True)))
        writer = pq.write_table if suffix == ".parquet" else feather.write_feather
        writer(table, path)
        return path
    end = rng.choice(["\n", "\r\n"])
    if suffix == ".jsonl":
        escaped = rng.random() < 0.5
        lines = [
            json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=escaped) for row in rows
        ]
        body = "".join(line + end for line in lines)
        path.write_bytes(body.encode("utf-8", "surrogatepass"))
        return path
    delimiter = "\t" if suffix == ".tsv" else rng.choice([",", ",", ";", "|"])
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    order = rng.choice([slice(None), slice(None, None, -1)])
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows(row[order] for row in [tuple(names), *rows])
    encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
    errors = "surrogatepass" if encoding.startswith("utf") else "replace"
    path.write_bytes(text.getvalue().encode(encoding, errors))
    return path


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
