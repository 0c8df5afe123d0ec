"""The command ``uwe embed``: from images or texts to a pool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from uwe.cli.display import Display
from uwe.cli.options import Whole, key_values
from uwe.cli.outputs import check_output
from uwe.cli.place_flags import place_options
from uwe.errors import InputError
from uwe.learners import check_device_name

__all__ = ["embed_command"]


def embed_command(
    source: str,
    *,
    output: Annotated[Path, Parameter(name=("-o", "--output"))],
    model: str,
    text: str | None = None,
    label: str | None = None,
    image_size: Whole | None = None,
    batch: Whole = 32,
    device: str = "auto",
    data_dir: Path | None = None,
    skip_broken: Annotated[bool, Parameter(negative=())] = False,
    encoding: str | None = None,
    measure: str | None = None,
    reduce: str | None = None,
    place_option: Annotated[list[str] | None, Parameter(negative=())] = None,
    force: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make a pool of your images or texts: features, and probabilities if the model classifies.

    Of a segmentation or detection model, features that its uncertainty at each place weighs, and
    the uncertainty.

    Parameters
    ----------
    source
        A folder of images; with --text a table .csv, .tsv, .txt, .jsonl (also .gz), .parquet,
        .feather or .arrow, or a folder of its shards; or hub:NAME, of which the pool is taken.
    output
        A file .safetensors for `uwe select`.
    model
        A name of `uwe list backbones`, such as efficientnet-lite0; a model of Hugging Face
        transformers (hub name or local folder); or module:factory of your
        own that gives a callable from images [b, 3, h, w] in 0..1, or a list of texts, to
        (logits or None, features), or to a dict of them: tensors, arrays or lists; or to a dict
        with maps (logits [b, c, h, w]), or with scores (a list of [m, c], one an image), and
        features of the same places, if there are any.
    text
        The column of texts.
    label
        The column of labels beside the texts. The pool then says which rows have a label, and
        `uwe select` does not pick these. Default: the column label or labels, if there is one.
    image_size
        Resize the shorter side to N and crop the middle. Default: the images' own size, and for
        efficientnet-lite0 128.
    batch
        Items at once.
    device
        auto, cpu, cuda, cuda:1 or mps.
    data_dir
        Folder of a data set of the hub; without it the data is downloaded.
    skip_broken
        Leave out images that cannot be decoded, and list them. Without it the first one ends the
        command.
    encoding
        Encoding of a text table, such as cp1252. Default: recognised.
    measure
        Of segmentation and detection models: the uncertainty of a place, which weighs it: entropy,
        margin, least_confident or objectness. Default: entropy; objectness for a detector without
        a class for no object.
    reduce
        Of these models: how the places of an image become one row: mean, top, max, sum or
        class_mean. Default: mean.
    place_option
        NAME=VALUE, of these models: top=0.1 (the share of --reduce top), background=0 (a class
        that does not count), empty=0.0 (the uncertainty of an image without a detection), and
        given=probs for maps that are probabilities; may be given several times.
    force
        Overwrite an output file that exists.
    """
    if output.suffix != ".safetensors":
        raise InputError(f"{output} must end in .safetensors")
    read = {"the data set": data_dir, "the model": Path(model)}
    output = check_output(output, force=force, sources=read, images=Path(source))
    check_device_name(device)
    named = key_values(place_option or [], flag="--place-option")
    places = place_options(measure, reduce, named)

    from uwe.embedder import embed, load_encoder, open_source, side_of
    from uwe.learners import resolve_device

    where = resolve_device(device)
    side = side_of(model) if text is None else None
    with Display() as display:
        items = open_source(
            source,
            text=text,
            label=label,
            data_dir=data_dir,
            image_size=side if image_size is None else image_size,
            encoding=encoding,
        )
        encoder = load_encoder(model, items.kind, device=where, places=places)
        done = embed(items, encoder, output, batch=batch, skip_broken=skip_broken, progress=display)
    print(f"{done.rows:,} {items.kind} by {model}. Written: {output}")
