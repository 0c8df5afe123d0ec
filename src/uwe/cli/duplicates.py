"""The command ``uwe duplicates``: the rows of a pool that are equal, or nearly so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from uwe._files import expanded, write_bytes
from uwe.cli.options import Number, texts_by_name
from uwe.cli.outputs import check_output
from uwe.cli.speaking import shown
from uwe.cli.terminals import require_standard_output, write_utf8
from uwe.errors import DataError, InputError
from uwe.selecting.column_files import Columns, as_csv, check_columns_suffix, encoded_columns
from uwe.selecting.repeated import groups_table
from uwe.selecting.tables import check_ids

if TYPE_CHECKING:
    from uwe.selection import Duplicates

__all__ = ["duplicates_command"]

_STANDARD_OUTPUT = Path("-")
_LIST_OF_IDS = ".txt"


def duplicates_command(
    pool: Path,
    *,
    radius: Number = 0.0,
    output: Annotated[
        Path, Parameter(name=("-o", "--output"), allow_leading_hyphen=True)
    ] = _STANDARD_OUTPUT,
    key: Annotated[list[str] | None, Parameter(negative=())] = None,
    encoding: str | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """List the rows of a pool whose features are equal, or nearly so, in groups.

    Parameters
    ----------
    pool
        A pool with features, as for `uwe select`.
    radius
        Each row of a group is at most this far from the first: Euclidean in the features. At 0,
        rows are equal.
    output
        A file .csv, .jsonl or .parquet; or .txt: the ids of all rows but the first of each group,
        for `uwe select --exclude`. - is standard output, as CSV.
    key
        KEY=NAME, where the pool calls features or ids something else; may be given several times.
    encoding
        Encoding of a text table, such as cp1252. Default: recognised.
    force
        Overwrite an output file that exists.
    """
    if not 0 <= radius < float("inf"):
        raise InputError(f"--radius is {radius}; it must be a finite number of at least 0")
    target = _checked(output, pool, force=force)

    from uwe.pool_files import open_pool
    from uwe.selecting.offer import features_of_pool
    from uwe.selection import duplicates

    source = open_pool(expanded(pool), texts_by_name(key or [], flag="--key"), encoding)
    features = source.read("features")
    if features is None:
        raise DataError(
            f"{pool} holds no features; its keys are {source.shown()}. --key features=NAME says "
            "what they are called there"
        )
    x = features_of_pool(features)
    ids = source.ids(len(x))
    check_ids(output, ids)

    def work(display: Any) -> Duplicates:
        return duplicates(x, radius, progress=display)

    found = shown(work)
    table = groups_table(found, ids)
    told = _told(found, len(ids))
    if target is None:
        write_utf8(as_csv(table))
        print(told, file=sys.stderr)
        return
    write_bytes(target, _encoded(target, table))
    print(f"{told} Written: {target}")


def _checked(output: Path, pool: Path, *, force: bool) -> Path | None:
    """The file to write; None for standard output."""
    if output == _STANDARD_OUTPUT:
        require_standard_output()
        return None
    if output.suffix.lower() != _LIST_OF_IDS:
        check_columns_suffix(output, "a list of ids is .txt, a table")
    return check_output(output, force=force, sources={"the pool": pool})


def _encoded(path: Path, table: Columns) -> bytes:
    if path.suffix.lower() != _LIST_OF_IDS:
        return encoded_columns(path, table)
    repeated = zip(table["id"], table["idx"], table["representative_idx"], strict=True)
    return "".join(f"{name}\n" for name, row, first in repeated if row != first).encode()


def _told(found: Duplicates, n: int) -> str:
    groups, repeated = len(found.groups()), len(found.repeated)
    if not groups:
        near = f"within {found.radius:g} of each other" if found.radius else "equal"
        return f"No two of {n:,} rows are {near}."
    near = f"within {found.radius:g} of the first" if found.radius else "that are equal"
    return (
        f"{groups:,} {'group' if groups == 1 else 'groups'} of rows {near}: "
        f"{repeated:,} of {n:,} rows repeat another."
    )
