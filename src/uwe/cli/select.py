"""The command ``uwe select``: from a pool in a file to picks in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from uwe._files import expanded
from uwe._types import Rows
from uwe.cli.display import Display
from uwe.cli.known_rows import joined_with, labels_named
from uwe.cli.options import Whole, key_values, texts_by_name
from uwe.cli.picks_output import (
    STANDARD_OUTPUT,
    check_outputs,
    check_shown,
    drawn_over,
    shown_items,
    write_picks,
)
from uwe.cli.place_flags import reduction_of
from uwe.cli.wish_flags import WishFlags
from uwe.cli.wishing import Columns, say_notes, wishes_of
from uwe.errors import InputError, require_known
from uwe.selecting.assignment import assignment
from uwe.selecting.column_files import encoded_columns
from uwe.selecting.files import arrays_to_rank_by, needed_arrays, pool_rows, task_of_pool
from uwe.selecting.tables import check_further, check_ids, pick_rows
from uwe.strategies import find_strategy
from uwe.tables import encoding_of
from uwe.tasks import task_names

if TYPE_CHECKING:
    from uwe.dense import Reduction
    from uwe.pool_files import PoolFile
    from uwe.selecting.offer import Offer
    from uwe.strategies import Picks, Wishes
    from uwe.tasks import Task

__all__ = ["select_command"]

_NO_WISHES = WishFlags()


def select_command(
    pool: Path,
    *,
    k: Annotated[Whole, Parameter(name=("-k", "--k"))],
    strategy: str | None = None,
    output: Annotated[
        Path, Parameter(name=("-o", "--output"), allow_leading_hyphen=True)
    ] = STANDARD_OUTPUT,
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
    wishes.check()
    sources = _sources(pool, labelled, exclude, image_list, wishes)
    check_outputs({"-o": output, "--html": html, "--assign": assign}, sources, images, force=force)
    check_shown(html, images, text, classes)
    check_further(columns or [])
    short = {"uncertainty": uncertainty, "selection": selection, "normalise": normalise}
    named = {**short, **key_values(option or [])}
    options = {name: value for name, value in named.items() if value is not None}
    find_strategy(strategy or "auto", **options)
    if task is not None:
        require_known(task, task_names(), "task")
    reduced_by = reduction_of(
        measure, reduce, key_values(place_option or [], flag="--place-option")
    )
    names = texts_by_name(key or [], flag="--key")
    lists = (labelled, exclude, list(wishes.sources().values()))
    source = _opened(pool, names, _encoding_of_pool(pool, encoding, *lists), reduced_by, image_list)
    is_of_places = source.container.weighted
    if classes is not None and not is_of_places:
        raise InputError(f"--classes names the classes of maps; {pool} holds rows, so leave it out")
    draws = None
    if images is not None and is_of_places:
        draws = drawn_over(expanded(pool), image_list, reduced_by, classes)
    learnt = task_of_pool(source, task, key_values(task_option or [], flag="--task-option"))
    strategy, options, given = _strategy_and_arrays(source, strategy, options, learnt)
    if assign is not None and given["features"] is None:
        raise InputError(f"--assign compares features, which {pool} lacks; leave it out")
    n = pool_rows(given, source)
    ids = source.ids(n)
    check_ids(output, ids)
    more = {name: source.values(name, "--with") for name in columns or []}
    texts = None if text is None else source.values(text, "--text")
    if done := labels_named("--labelled", labelled, ids, source, encoding):
        given |= joined_with(given.get("labelled"), given.get("labels"), done, n, learnt)
    kept_out = np.array(
        sorted(labels_named("--exclude", exclude, ids, source, encoding)), dtype=np.int64
    )
    columns_of = Columns(pool, ids, source.typed, encoding)
    wished = wishes_of(wishes, columns_of) if wishes.given else None
    given |= _outputs_for(wished, given, source)
    offer = _offer(given, kept_out)
    picks = _picked(offer, k, strategy=strategy, seed=seed, options=options, wishes=wished)
    say_notes(picks.notes)
    rows = pick_rows(picks, ids, more)
    items = None if html is None else shown_items(rows, source, images, texts, draws)
    table = None
    if assign is not None:
        table = (assign, encoded_columns(assign, assignment(picks, ids, given["features"])))
    write_picks(output, html, rows, picks, items=items, table=table)


def _sources(
    pool: Path,
    labelled: Sequence[Path] | None,
    exclude: Sequence[Path] | None,
    image_list: Path | None,
    wishes: WishFlags,
) -> dict[str, Path]:
    """The files that are read, by what an error calls them."""
    sources = {"the pool": pool}
    for flag, files in (("--labelled", labelled), ("--exclude", exclude)):
        sources |= {f"the {flag} file": each for each in files or ()}
    sources |= {} if image_list is None else {"the --image-list file": image_list}
    return sources | wishes.sources()


def _opened(
    pool: Path,
    names: Mapping[str, str],
    encoding: str | None,
    reduced_by: Reduction | None,
    image_list: Path | None,
) -> PoolFile:
    from uwe.pool_files import open_pool

    with Display() as display:
        return open_pool(
            expanded(pool),
            names,
            encoding,
            reduction=reduced_by,
            images=None if image_list is None else expanded(image_list),
            progress=display,
        )


def _strategy_and_arrays(
    source: PoolFile, strategy: str | None, options: Mapping[str, Any], task: Task
) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
    """The strategy, its options, and the arrays that it reads; no strategy ranks by uncertainty."""
    if strategy is None and not options and (ranked_by := arrays_to_rank_by(source)) is not None:
        return None, {}, ranked_by
    name, chosen = strategy or "auto", dict(options)
    if source.container.weighted and name == "uwe":
        chosen.setdefault("power", 0.0)  # the features are weighted already, place by place
    made = find_strategy(name, **chosen).for_task(task)
    return name, chosen, {**needed_arrays(source, name, made, chosen), "task": task}


def _picked(
    offer: Offer,
    k: int,
    *,
    strategy: str | None,
    seed: int,
    options: Mapping[str, Any],
    wishes: Wishes | None,
) -> Picks:
    from uwe.selecting.arrays import picked

    with Display() as display:
        return picked(
            offer,
            k,
            strategy=strategy,
            seed=seed,
            progress=display,
            options=options,
            wishes=wishes,
        )


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
