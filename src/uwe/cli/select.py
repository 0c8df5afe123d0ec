"""The command ``uwe select``: from a pool in a file to picks in a file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from uwe._files import expanded, write_bytes
from uwe._types import Rows
from uwe.cli.display import Display
from uwe.cli.options import Whole, key_values, texts_by_name
from uwe.cli.outputs import check_output, require_distinct
from uwe.cli.place_flags import reduction_of
from uwe.cli.terminals import require_standard_output, write_utf8
from uwe.cli.wish_flags import WishFlags
from uwe.cli.wishing import Columns, say_notes, wishes_of
from uwe.errors import InputError, require_known
from uwe.selecting.assignment import assignment
from uwe.selecting.column_files import check_columns_suffix, encoded_columns
from uwe.selecting.files import (
    arrays_to_rank_by,
    needed_arrays,
    pool_rows,
    task_of_pool,
)
from uwe.selecting.sheet import Draws, Item, Text, Values, contact_sheet, thumbnails
from uwe.selecting.tables import (
    check_further,
    check_ids,
    check_suffix,
    encoded_picks,
    pick_rows,
    picks_csv,
)
from uwe.strategies import Picks, find_strategy
from uwe.tables import encoding_of, matched, read_ids, read_labels_by_id, shown_id
from uwe.tasks import Task, task_names

if TYPE_CHECKING:
    from uwe.dense import Reduction
    from uwe.pool_files import PoolFile
    from uwe.selecting.offer import Offer
    from uwe.strategies import Wishes

__all__ = ["select_command"]

_STANDARD_OUTPUT = Path("-")
_NO_WISHES = WishFlags()


def select_command(
    pool: Path,
    *,
    k: Annotated[Whole, Parameter(name=("-k", "--k"))],
    strategy: str | None = None,
    output: Annotated[
        Path, Parameter(name=("-o", "--output"), allow_leading_hyphen=True)
    ] = _STANDARD_OUTPUT,
    seed: Whole = 0,
    uncertainty: str | None = None,
    selection: str | None = None,
    normalise: str | None = None,
    option: Annotated[list[str] | None, Parameter(negative=())] = None,
    task: str | None = None,
    task_option: Annotated[list[str] | None, Parameter(negative=())] = None,
    key: Annotated[list[str] | None, Parameter(negative=())] = None,
    labelled: Annotated[list[Path] | None, Parameter(negative=())] = None,
    exclude: Annotated[list[Path] | None, Parameter(negative=())] = None,
    columns: Annotated[list[str] | None, Parameter(name="--with", negative=())] = None,
    assign: Path | None = None,
    html: Path | None = None,
    images: Path | None = None,
    text: str | None = None,
    encoding: str | None = None,
    measure: str | None = None,
    reduce: str | None = None,
    place_option: Annotated[list[str] | None, Parameter(negative=())] = None,
    image_list: Path | None = None,
    classes: str | None = None,
    force: Annotated[bool, Parameter(negative=())] = False,
    wishes: WishFlags = _NO_WISHES,
) -> None:
    """Pick the rows of your own pool to label next, and say why.

    Parameters
    ----------
    pool
        A file .npz, .safetensors or .npy, a folder of .npy files, or a table .csv, .tsv, .txt,
        .jsonl (also .gz), .parquet, .feather or .arrow or a folder of its shards, that holds
        features, and probs, logits or uncertainty, or mean and variance or std of numbers; ids,
        labelled and labels (of a table: the column label) if there are any. Or results of a
        detector in COCO's form (.json), or a folder of maps of a segmentation model, one .npy or
        .npz an image.
    k
        How many rows to pick.
    strategy
        A name of `uwe list strategies`. Default: auto; for a pool that holds an uncertainty, or
        numbers with a variance, and no features, the most uncertain rows.
    output
        A file .csv, .jsonl, .parquet or .txt (ids); - is standard output, as CSV.
    seed
        Seed of every draw.
    uncertainty
        Measure by which auto, uherding and uwe weigh: entropy, bvsb, least_confident, margin,
        standard_deviation. Default: the pool's own uncertainty if it has one, else margin (auto,
        uherding) or the first measure of the task (uwe).
    selection
        Selection of strategy uwe: k_center, k_center_anchored, k_means_pp, k_means_pp_anchored.
    normalise
        What is done to the features before rows are compared: none, unit (rows of length 1) or
        standard (columns of mean 0 and deviation 1). Default: the strategy's own.
    option
        NAME=VALUE, an option of the strategy; may be given several times.
    task
        What the pool's outputs are of: classification, multilabel (a sigmoid for each label) or
        regression. Default: what the pool says; regression for a pool of numbers, else
        classification.
    task_option
        NAME=VALUE, an option of the task, such as reduce=max; may be given several times.
    key
        KEY=NAME, where the pool calls features, probs, logits, mc_probs, mean, variance, std,
        mc_mean, mc_variance, uncertainty, ids, labelled or labels something else; may be given
        several times.
    labelled
        File of ids that are labelled already: one a line, or a table with a column id, such as
        labels, of which rows with an empty label do not count, or earlier picks. They are not
        picked, and picks keep away from them. The labels of a table with a column label are known.
        May be given several times.
    exclude
        File of ids that are only not picked, such as picks that are being labelled; may be given
        several times.
    columns
        COLUMN of the pool that is written beside the picks; may be given several times.
    assign
        Write which pick each row of the pool is nearest to, a table .csv, .jsonl or .parquet with
        the columns idx, id, pick_idx, pick_id and distance, to hand the picks' labels on.
    html
        Write a contact sheet of the picks, one file, with the reasons beside each.
    images
        Folder of the images that the ids name, for the contact sheet.
    text
        COLUMN of the pool whose texts the contact sheet shows. Without --images and --text it shows
        the values of a table's rows.
    encoding
        Encoding of the text files that are read, such as cp1252. Default: recognised.
    measure
        Of maps and detections: the uncertainty of a place, which weighs it: entropy, margin,
        least_confident or objectness. Default: entropy.
    reduce
        Of maps and detections: how the places of an image become one row: mean, top, max, sum or
        class_mean. Default: mean.
    place_option
        NAME=VALUE, of maps and detections: given=logits, axes=chw, top=0.1 (the share of
        --reduce top), background=0 (a class that does not count) or empty=0.0 (the uncertainty of
        an image without a detection); may be given several times.
    image_list
        Which images detections are of, so that images without any are in the pool: annotations in
        COCO's form (.json), or a file of ids.
    classes
        Names of the classes of maps in the order of their numbers, separated by commas, for the
        contact sheet.
    force
        Overwrite output files that exist.
    """
    if k < 1:
        raise InputError(f"the number of picks is {k}; at least 1 is needed")
    sources = {"the pool": pool}
    for flag, files in (("--labelled", labelled), ("--exclude", exclude)):
        sources |= {f"the {flag} file": each for each in files or ()}
    sources |= {} if image_list is None else {"the --image-list file": image_list}
    sources |= wishes.sources()
    wishes.check()
    _check_outputs({"-o": output, "--html": html, "--assign": assign}, sources, images, force=force)
    _check_shown(html, images, text, classes)
    check_further(columns or [])
    short = {"uncertainty": uncertainty, "selection": selection, "normalise": normalise}
    named = {**short, **key_values(option or [])}
    options = {name: value for name, value in named.items() if value is not None}
    made = find_strategy(strategy or "auto", **options)
    if task is not None:
        require_known(task, task_names(), "task")

    names = texts_by_name(key or [], flag="--key")
    reduced_by = reduction_of(
        measure, reduce, key_values(place_option or [], flag="--place-option")
    )

    from uwe.pool_files import open_pool
    from uwe.selecting.arrays import picked

    with Display() as display:
        source = open_pool(
            expanded(pool),
            names,
            _encoding_of_pool(pool, encoding, labelled, exclude, list(wishes.sources().values())),
            reduction=reduced_by,
            images=None if image_list is None else expanded(image_list),
            progress=display,
        )
    if source.container.weighted and strategy == "uwe":
        options.setdefault("power", 0.0)  # the features are weighted already, place by place
        made = find_strategy(strategy, **options)
    learnt = task_of_pool(source, task, key_values(task_option or [], flag="--task-option"))
    ranked_by = arrays_to_rank_by(source) if strategy is None and not options else None
    if ranked_by is not None:
        given = ranked_by
    else:
        strategy = strategy or "auto"
        given = needed_arrays(source, strategy, made.for_task(learnt), options)
        given["task"] = learnt
    if assign is not None and given["features"] is None:
        raise InputError(f"--assign compares features, which {pool} lacks; leave it out")
    n = pool_rows(given, source)
    ids = source.ids(n)
    check_ids(output, ids)
    more = {name: source.values(name, "--with") for name in columns or []}
    texts = None if text is None else source.values(text, "--text")
    if done := _labels_named("--labelled", labelled, ids, source, encoding):
        given |= _also(given.get("labelled"), given.get("labels"), done, n, learnt)
    kept_out = np.array(
        sorted(_labels_named("--exclude", exclude, ids, source, encoding)), dtype=np.int64
    )
    columns_of = Columns(pool, ids, source.typed, encoding)
    wished = wishes_of(wishes, columns_of) if wishes.given else None
    given |= _outputs_for(wished, given, source)
    with Display() as display:
        picks = picked(
            _offer(given, kept_out),
            k,
            strategy=strategy,
            seed=seed,
            progress=display,
            options=options,
            wishes=wished,
        )
    say_notes(picks.notes)
    rows = pick_rows(picks, ids, more)
    draws = None
    if images is not None and (classes or source.container.weighted):
        draws = _draws(expanded(pool), image_list, reduced_by, classes)
    items = None if html is None else _items(rows, source, images, texts, draws)
    table = None
    if assign is not None:
        table = (assign, encoded_columns(assign, assignment(picks, ids, given["features"])))
    _write(output, html, rows, picks, items, table)


_NO_ARRAYS = ("features", "uncertainty", "labelled", "labels", "task")


def _offer(given: Mapping[str, Any], kept_out: Rows) -> Offer:
    """What is known of the pool, checked as `uwe.select` does."""
    from uwe.selecting.offer import offered

    return offered(
        given["features"],
        arrays={name: of for name, of in given.items() if name not in _NO_ARRAYS},
        uncertainty=given.get("uncertainty"),
        labelled=given.get("labelled"),
        labels=given.get("labels"),
        exclude=kept_out if len(kept_out) else None,
        task=given.get("task"),
    )


def _outputs_for(
    wishes: Wishes | None, given: Mapping[str, Any], source: PoolFile
) -> dict[str, Any]:
    """The probabilities of the pool, where a quota needs them and nothing else did."""
    outputs = ("logits", "probs", "mc_probs")
    if wishes is None or wishes.quota is None or not wishes.quota.is_predicted:
        return {}
    if any(given.get(name) is not None for name in outputs):
        return {}
    name = next((name for name in outputs if name in source), None)
    return {} if name is None else {name: source.read(name)}


def _encoding_of_pool(
    pool: Path, encoding: str | None, *others: Sequence[Path] | None
) -> str | None:
    """The encoding that is meant for the pool: not where the lists of ids alone have one."""
    files = [file for each in others for file in each or ()]
    is_theirs = any(encoding_of(file, encoding) for file in files)
    return encoding_of(pool, encoding) if is_theirs else encoding


def _labels_named(
    flag: str,
    files: Sequence[Path] | None,
    ids: Sequence[str],
    source: PoolFile,
    encoding: str | None,
) -> dict[int, Any]:
    """The rows that the ids in some files name, and their labels; None where a file has none.

    Raises:
        InputError: an id is not in the pool.
    """
    rows: dict[int, Any] = {}
    for file in files or ():
        path = expanded(file)
        named = _READERS[flag](path, encoding_of(path, encoding))
        found = list(matched(named, ids))
        unknown = [name for name, row in zip(named, found, strict=True) if row is None]
        if unknown:
            others = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
            raise InputError(
                f"{flag} {file} has the id {shown_id(unknown[0])}{others}, but "
                f"{source.container.path} has no such id; {_hint(unknown[0], ids)}"
            )
        for row, label in zip(found, named.values(), strict=True):
            if row is not None and rows.get(row) is None:
                rows[row] = label
    return rows


def _ids_alone(path: Path, encoding: str | None) -> dict[str, Any]:
    return dict.fromkeys(read_ids(path, encoding))


_READERS = {"--labelled": read_labels_by_id, "--exclude": _ids_alone}
_COMPARED = 20_000
"""Ids that are compared with one that is not known, at most: a comparison is slow."""


def _hint(name: str, ids: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, ids[:_COMPARED], n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(map(shown_id, close))}?"
    return f"its ids are {', '.join(map(shown_id, ids[:3]))}{', …' if len(ids) > _FEW else ''}"


_FEW = 3


def _also(own: Any, labels: Any, named: Mapping[int, Any], n: int, task: Task) -> dict[str, Any]:
    """The pool's own labelled rows and labels, and those that files name."""
    from uwe._arrays import marked_rows
    from uwe.selecting.labels import joined_labels, listed_labels

    listed = None if labels is None else listed_labels(labels, task)
    if own is not None:
        rows = marked_rows("labelled", n, np.asarray(own))
    else:
        rows = np.flatnonzero([label is not None for label in listed or ()])
    files = np.array(sorted(named), dtype=np.int64)
    joined = {"labelled": np.union1d(rows, files), "labels": joined_labels(listed, named, n)}
    return {name: of for name, of in joined.items() if of is not None}


def _items(
    rows: Sequence[Mapping[str, Any]],
    source: PoolFile,
    images: Path | None,
    texts: Sequence[Any] | None,
    draws: Draws | None,
) -> Mapping[str, Item]:
    """What the contact sheet shows of each pick."""
    if images is not None:
        return thumbnails(rows, expanded(images), draws)
    if texts is not None:
        return {row["id"]: Text(_as_text(texts[row["idx"]])) for row in rows}
    values = source.plain_rows([row["idx"] for row in rows])
    return {row["id"]: Values(of) for row, of in zip(rows, values, strict=False) if of}


def _draws(
    pool: Path, image_list: Path | None, reduction: Reduction | None, classes: str | None
) -> Draws | None:
    """What is drawn over the images of a pool that places became."""
    from uwe.selecting.drawing import draws_of

    names = [] if classes is None else [name.strip() for name in classes.split(",")]
    listed = None if image_list is None else expanded(image_list)
    return draws_of(pool, images=listed, reduction=reduction, classes=names)


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def _check_outputs(
    outputs: Mapping[str, Path | None],
    sources: Mapping[str, Path],
    images: Path | None,
    *,
    force: bool,
) -> None:
    """Refuse before the work what could not be written after it."""
    output, assign = outputs["-o"], outputs["--assign"]
    if output == _STANDARD_OUTPUT:
        require_standard_output()
    elif output is not None:
        check_suffix(output)
    if assign is not None:
        check_columns_suffix(assign, "--assign writes")
    files = {name: path for name, path in outputs.items() if path != _STANDARD_OUTPUT}
    require_distinct(files)
    for path in files.values():
        if path is not None:
            check_output(path, force=force, sources=sources, images=images)


def _check_shown(
    html: Path | None, images: Path | None, text: str | None, classes: str | None
) -> None:
    """Refuse what the contact sheet cannot show."""
    for flag, value in (("--images", images), ("--text", text)):
        if value is not None and html is None:
            raise InputError(f"{flag} {value} is for the contact sheet; give --html FILE, too")
    if images is not None and text is not None:
        raise InputError(
            f"the contact sheet shows images or texts, but --images {images} and --text {text} are "
            "given; leave one out"
        )
    if classes is not None and images is None:
        raise InputError(
            f"--classes {classes} names what is drawn over images; give --images FOLDER, too"
        )
    if images is not None and not expanded(images).is_dir():
        raise InputError(f"there is no folder {images}; --images must name one")


def _write(
    output: Path,
    html: Path | None,
    rows: list[dict[str, Any]],
    picks: Picks,
    items: Mapping[str, Item] | None,
    table: tuple[Path, bytes] | None,
) -> None:
    """Make the content of every file before the first is written."""
    contents: dict[Path, bytes] = {}
    if output != _STANDARD_OUTPUT:
        contents[expanded(output)] = encoded_picks(output, rows)
    if html is not None:
        contents[expanded(html)] = contact_sheet(rows, picks, items).encode()
    if table is not None:
        contents[expanded(table[0])] = table[1]
    for path, content in contents.items():
        write_bytes(path, content)
    if output == _STANDARD_OUTPUT:
        write_utf8(picks_csv(rows))
    elif contents:
        why = picks.reason or picks.told
        told = f" ({why})" if why else ""
        written = ", ".join(map(str, contents))
        many = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
        print(f"{many} by {picks.strategy}{told}. Written: {written}")
