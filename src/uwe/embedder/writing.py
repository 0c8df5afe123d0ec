"""The pool of an embedding as one file of safetensors, written without holding it in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from uwe._files import write_whole
from uwe._tensors import header_of, write_header
from uwe.embedder.encoder import Encoder
from uwe.embedder.parts import BYTES, copy_rows, file_of, kept_ranges
from uwe.embedder.sources import EncoderInput
from uwe.pool_files import long_texts

__all__ = ["OF_PLACES", "write_pool"]

_OF_A_HEAD = ("probs", "mean")
OF_PLACES = ("uncertainty", "places")
"""What is written of a model of places beside its features, one number an item."""


def write_pool(
    output: Path,
    folder: Path,
    source: EncoderInput,
    encoder: Encoder,
    widths: Mapping[str, int],
    left_out: Sequence[int],
) -> None:
    """Put the arrays of ``folder`` behind a header, without the rows that are left out.

    Ids and labels stand in the metadata as JSON; where the header would be longer than readers
    take, they are tensors: all texts in UTF-8, and for each of them where it ends.

    Raises:
        RunError: the file cannot be written.
    """
    ranges = kept_ranges(left_out, len(source.ids))
    ids = _kept(source.ids, ranges)
    labels = None if source.labels is None else _kept(source.labels, ranges)
    texts = {"ids": ids} | ({} if labels is None else {"labels": labels})
    plain = _metadata(encoder, widths, [source.ids[row] for row in left_out])
    listed = {name: json.dumps(of) for name, of in texts.items()}
    before: dict[str, _Part] = {}
    behind: dict[str, _Part] = {}
    if labels is not None:
        labelled = bytes(label is not None for label in labels)
        behind["labelled"] = _Part("BOOL", len(ids), labelled)
    header = _header({**plain, **listed}, before, widths, len(ids), behind)
    if len(header) > long_texts.HEADER_LIMIT:
        for name, of in texts.items():
            utf8, ends = long_texts.packed(["" if text is None else text for text in of])
            of_text, of_ends = long_texts.names_of(name)
            before[of_ends] = _Part("I64", len(ids), ends.tobytes())
            behind[of_text] = _Part("U8", len(utf8), utf8)
        header = _header(plain, before, widths, len(ids), behind)

    def write(file: BinaryIO) -> None:
        write_header(file, header)
        for part in before.values():
            file.write(part.content)
        for name, width in widths.items():
            copy_rows(file_of(folder, name), file, width, ranges)
        for part in behind.values():
            file.write(part.content)

    write_whole(output, write)


@dataclass(frozen=True)
class _Part:
    """A tensor of one axis: its type, its length and its bytes."""

    kind: str
    n: int
    content: bytes


def _kept(values: Sequence[Any], ranges: Sequence[tuple[int, int]]) -> list[Any]:
    return [value for start, stop in ranges for value in values[start:stop]]


def _metadata(encoder: Encoder, widths: Mapping[str, int], skipped: list[str]) -> dict[str, str]:
    task = {"task": encoder.task} if any(name in widths for name in _OF_A_HEAD) else {}
    weighted = {"weighted by": "uncertainty of places"} if OF_PLACES[0] in widths else {}
    return {
        "model": encoder.name,
        **task,
        **weighted,
        **({"skipped": json.dumps(skipped)} if skipped else {}),
    }


def _header(
    metadata: Mapping[str, str],
    before: Mapping[str, _Part],
    widths: Mapping[str, int],
    n: int,
    behind: Mapping[str, _Part],
) -> bytes:
    tensors = [
        *((name, part.kind, [part.n], len(part.content)) for name, part in before.items()),
        *(
            (name, "F32", [n] if name in OF_PLACES else [n, width], n * width * BYTES)
            for name, width in widths.items()
        ),
        *((name, part.kind, [part.n], len(part.content)) for name, part in behind.items()),
    ]
    return header_of(tensors, metadata)
