"""Embedding batch after batch, on disk at once; a killed process goes on where it was."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from uwe import _locks
from uwe._files import guarded, make_folder, write_json
from uwe._types import Progress, Stage
from uwe.embedder.digests import is_digest, json_digest
from uwe.embedder.encoder import Encoder
from uwe.embedder.parts import append_batch, note_batch, rows_done, stored
from uwe.embedder.sources import EncoderInput
from uwe.embedder.writing import OF_PLACES, write_pool
from uwe.errors import DataError, InputError, RunError

__all__ = ["Embedded", "embed"]

_RECORD = "record.json"
_COUNTS = OF_PLACES[-1]
_LONGEST_NAME = 200  # bytes, so that there is room for what is put around it
_CLOSE = {"torch.float16": 1e-2, "torch.bfloat16": 5e-2}
_CLOSE_IN_FLOATS = 1e-5  # of the largest number: what another number of threads may change

_log = logging.getLogger("uwe.embedder")


@dataclass(frozen=True)
class Embedded:
    """What was embedded.

    Attributes:
        rows: of the pool.
        cut: texts that are longer than the model takes; their ends were cut off.
        skipped: by id, why an item was left out.
    """

    rows: int
    cut: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Record:
    """What is being made.

    Attributes:
        settings: what may not change until it is done.
        widths: of each array, once they are known.
        broken: by row, why an item cannot be read.
    """

    settings: Mapping[str, Any]
    widths: Mapping[str, int] | None = None
    broken: Mapping[int, str] = field(default_factory=dict)


def embed(
    source: EncoderInput,
    encoder: Encoder,
    output: Path,
    *,
    batch: int = 32,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> Embedded:
    """Write features, what a head says (probabilities, or means), and ids as safetensors.

    Where the source knows labels, ``labelled`` ``[n]`` says which items have one, and the metadata
    holds ``labels``, a JSON list with null for the other items.

    Every batch is on the disk before the next is made, in a folder beside ``output`` that goes away
    at the end; the same call goes on after the last whole batch. It first computes one batch again
    to see that the model is still the same.

    Args:
        source: the items.
        encoder: the model.
        output: ``.safetensors``; ids and the task stand in its metadata.
        batch: items at once.
        skip_broken: leave out items that cannot be read; their ids stand in the metadata as
            ``skipped``. Otherwise the first of them is an error.
        progress: is told how far the work is.

    Raises:
        InputError: the output is no ``.safetensors``, the batch is below 1, or the model fails.
        RunError: other work on ``output`` is half done or under way, or the disk is full.
        DataError: an item cannot be read, or its features are NaN.
    """
    _check_output(output)
    if batch < 1:
        raise InputError(f"the batch is {batch}; at least 1 is needed")
    if skip_broken and source.check is None:
        raise InputError("--skip-broken is for a folder of images; leave it out")
    for note in (*source.notes, *encoder.notes):
        _say(note)
    broken = {} if source.check is None else source.check(progress)
    if broken and not skip_broken:
        raise _broken(next(iter(broken.values())), len(broken) - 1)
    folder = output.with_name(f".{output.name}.embedding")
    make_folder(folder)
    _refuse_links(folder)
    try:
        with _locks.held(folder / ".lock") as lock, guarded(lock.require_ours):
            work = _Work(source, encoder, folder, batch, skip_broken, progress)
            with _nothing_left(folder):
                record, cut = work.filled(work.opened(broken))
            left_out = sorted(record.broken)
            _say_empty(folder, record, len(source.ids))
            write_pool(output, folder, source, encoder, record.widths or {}, left_out)
    except _locks.Busy as error:
        raise _locks.Busy(f"another process is embedding into {output}; wait for it") from error
    shutil.rmtree(folder, ignore_errors=True)
    skipped = {source.ids[row]: reason for row, reason in sorted(record.broken.items())}
    if cut:
        some = "1 text was" if cut == 1 else f"{cut:,} texts were"
        _say(f"{some} cut to the {encoder.limit} tokens that model {encoder.name} takes")
    for name, reason in skipped.items():
        _say(f"left out {name}: {reason}")
    return Embedded(len(source.ids) - len(skipped), cut, skipped)


@dataclass(frozen=True)
class _Work:
    """One call of `embed`: its items, its model and the folder of what is half done."""

    source: EncoderInput
    encoder: Encoder
    folder: Path
    batch: int
    skip_broken: bool
    progress: Progress | None

    def opened(self, broken: Mapping[int, str]) -> _Record:
        """The record of work that is half done, if it is the same work, or a new one."""
        settings = self._settings()
        there = _read_record(self.folder)
        if there is None:
            return _Record(settings, None, broken)
        _check_same(there.settings, settings, self.folder)
        if there.broken and not self.skip_broken:
            raise RunError(
                f"half done in {self.folder} is an embedding that leaves out {len(there.broken)} "
                "broken items; pass --skip-broken, or remove that folder to start anew"
            )
        return _Record(settings, there.widths, {**there.broken, **broken})

    def _settings(self) -> dict[str, Any]:
        return {
            "model": self.encoder.name,
            **self.encoder.identity,
            "rows": len(self.source.ids),
            **self.source.parts,
            "items": self.source.stamp,
            "batch": self.batch,
        }

    def filled(self, record: _Record) -> tuple[_Record, int]:
        """Do every batch that is missing; also gives how many texts were cut."""
        n = len(self.source.ids)
        done = rows_done(self.folder, record.widths, self.batch, n)
        if done.lost:
            _say(
                f"of the half-done work in {self.folder} {done.lost:,} rows are damaged or come "
                "after damaged ones; they are computed again"
            )
        if done.rows:
            self._check_model(record, done.rows)
        cut, written = done.cut, done.rows
        for start in range(done.rows, n, self.batch):
            items, record = self._fetched(start, record)
            there = [item for item in items if item is not None]
            if there:
                tensors = self._encoded(items, start)
                record = self._with_widths(record, tensors)
                for missing in range(written, start, self.batch):  # where all items are broken
                    self._write(_zeros(record.widths, self.batch), missing, 0)
                cut_here = self.encoder.cut(there)
                self._write(tensors, start, cut_here)
                cut, written = cut + cut_here, start + self.batch
            if self.progress is not None:
                stop = min(start + self.batch, n)
                self.progress(Stage("", 0, f"embed {self.source.kind}", stop, n))
        if record.widths is None:
            raise DataError(f"none of the {n} {self.source.kind} can be read")
        return record, cut

    def _write(self, tensors: Mapping[str, torch.Tensor], start: int, cut: int) -> None:
        append_batch(self.folder, tensors, start)
        note_batch(self.folder, tensors, start // self.batch, cut)

    def _fetched(self, start: int, record: _Record) -> tuple[list[Any], _Record]:
        """The items of a batch, None for each that is broken, and the record that knows them."""
        stop = min(start + self.batch, len(self.source.ids))
        if not self.skip_broken:
            try:
                return self.source.fetch(start, stop), record
            except DataError as error:
                if self.source.kind != "images":
                    raise
                raise _broken(str(error), 0) from error
        items = [None if row in record.broken else self._item(row) for row in range(start, stop)]
        found = {start + at: item for at, item in enumerate(items) if isinstance(item, DataError)}
        if found:
            reasons = {row: str(error) for row, error in found.items()}
            record = _Record(record.settings, record.widths, {**record.broken, **reasons})
            _write_record(self.folder, record)
        return [None if isinstance(item, DataError) else item for item in items], record

    def _item(self, row: int) -> Any:
        try:
            return self.source.fetch(row, row + 1)[0]
        except DataError as error:
            return error

    def _encoded(self, items: Sequence[Any], start: int) -> dict[str, torch.Tensor]:
        """What the model says of a batch; zeros for items that are broken."""
        at = [place for place, item in enumerate(items) if item is not None]
        ids = [self.source.ids[start + place] for place in at]
        tensors = _said(self.encoder, [items[place] for place in at], ids)
        if len(at) == len(items):
            return tensors
        whole = _zeros({name: of.shape[1] for name, of in tensors.items()}, len(items))
        for name, tensor in tensors.items():
            whole[name][at] = tensor
        return whole

    def _with_widths(self, record: _Record, tensors: Mapping[str, torch.Tensor]) -> _Record:
        widths = {name: tensor.shape[1] for name, tensor in tensors.items()}
        if record.widths is None:
            record = _Record(record.settings, widths, record.broken)
            _write_record(self.folder, record)
        elif widths != record.widths:
            raise RunError(
                f"model {self.encoder.name} gave {_shown(record.widths)} before and "
                f"{_shown(widths)} now; every batch must have the same"
            )
        return record

    def _check_model(self, record: _Record, rows: int) -> None:
        """Compute the first batch again and compare it with what is there."""
        for start in range(0, rows, self.batch):
            items, record = self._fetched(start, record)
            at = [place for place, item in enumerate(items) if item is not None]
            if at:
                break
        else:
            return
        now = self._encoded(items, start)
        widths = {name: tensor.shape[1] for name, tensor in now.items()}
        if widths != record.widths:
            raise self._another(
                f"gave {_shown(record.widths or {})} before and {_shown(widths)} now"
            )
        close = _CLOSE.get(str(self.encoder.identity.get("dtype")), _CLOSE_IN_FLOATS)
        for name, tensor in now.items():
            before = stored(self.folder, name, tensor.shape[1], start, len(items))
            off = (before[at] - tensor[at]).abs().amax(1)
            if off.max() > close * tensor[at].abs().max():
                changed = self.source.ids[start + at[int(off.argmax())]]
                raise self._another(f"gives other {name} for {changed} than before")

    def _another(self, what: str) -> RunError:
        return RunError(
            f"half done in {self.folder} is another embedding: model {self.encoder.name} {what}. "
            "Its code or files have changed, or it is random; take the model that was used before, "
            "or remove that folder to start anew"
        )


def _check_output(output: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if output.suffix != ".safetensors":
        raise InputError(f"{output} must end in .safetensors")
    if output.is_dir():
        raise InputError(f"{output} is a folder; choose another name")
    if len(os.fsencode(output.name)) > _LONGEST_NAME:
        raise InputError(
            f"the name of {output} has more than {_LONGEST_NAME} bytes; choose a shorter one"
        )


def _refuse_links(folder: Path) -> None:
    """Nothing is written through a link that another user put where half-done work is."""
    link = next((path for path in (folder, *folder.iterdir()) if path.is_symlink()), None)
    if link is not None:
        raise RunError(f"{link} is a link, where files of uwe are expected; remove it")


@contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Remove the folder of work that ends before there is anything to go on with."""
    try:
        yield
    except BaseException:
        if not (folder / _RECORD).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _say_empty(folder: Path, record: _Record, n: int) -> None:
    """Say how many images have no place that counts."""
    if _COUNTS not in (record.widths or {}):
        return
    empty = int((stored(folder, _COUNTS, 1, 0, n) == 0).sum()) - len(record.broken)
    if empty:
        _say(
            f"{empty:,} of {n - len(record.broken):,} images have no place that counts, such as an "
            "object; their features are 0"
        )


def _zeros(widths: Mapping[str, int] | None, rows: int) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(rows, width) for name, width in (widths or {}).items()}


def _say(text: str) -> None:
    _log.info("%s", text, extra={"screen": True})


def _broken(reason: str, others: int) -> DataError:
    more = f"; {others} more are broken" if others else ""
    return DataError(f"{reason}, or pass --skip-broken to leave it out{more}")


def _shown(widths: Mapping[str, int]) -> str:
    return " and ".join(f"{name} of width {width}" for name, width in widths.items())


def _read_record(folder: Path) -> _Record | None:
    path = folder / _RECORD
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("digest", None) != json_digest(told):
            raise ValueError("it is damaged, or was written by another version of uwe")
        broken = {int(row): str(reason) for row, reason in told["broken"].items()}
        return _Record(dict(told["settings"]), dict(told["widths"]), broken)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"cannot read {path}: {error}; remove {folder} to start anew") from error


def _write_record(folder: Path, record: _Record) -> None:
    """Write the record once the widths are known; before that nothing is worth keeping."""
    if record.widths is None:
        return
    told = {
        "settings": record.settings,
        "widths": record.widths,
        "broken": {str(row): reason for row, reason in record.broken.items()},
    }
    write_json(folder / _RECORD, {**told, "digest": json_digest(told)})


def _check_same(there: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    keys = [*here, *(key for key in there if key not in here)]
    key = next((key for key in keys if there.get(key) != here.get(key)), None)
    if key is not None:
        raise RunError(
            f"half done in {folder} is another embedding: "
            f"{_difference(key, there.get(key), here.get(key))}; give the same command, or remove "
            "that folder to start anew"
        )


def _difference(key: str, there: object, here: object) -> str:
    if is_digest(there) and is_digest(here):
        return f"the {key} there differ from those here"
    return f"{key} is {there!r} there and {here!r} here"


def _said(encoder: Encoder, items: list[Any], ids: Sequence[str]) -> dict[str, torch.Tensor]:
    logits, features, *of_places = encoder(items)
    tensors = {"features": features}
    tensors |= {name: of for name, of in zip(OF_PLACES, of_places, strict=True) if of is not None}
    if logits is not None:
        name, convert = SAID[encoder.task]
        tensors[name] = convert(logits.double()).float()
    for name, tensor in tensors.items():
        broken = (~tensor.isfinite().all(1)).nonzero()
        if len(broken):
            raise DataError(
                f"model {encoder.name} gives NaN or infinity as {name} of {ids[int(broken[0, 0])]}"
            )
    return tensors


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Softmax; of a single logit, the probability of the second of two classes."""
    return logits.softmax(1) if logits.shape[1] > 1 else logits.sigmoid()


SAID: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "classification": ("probs", _probabilities),
    "multilabel": ("probs", torch.sigmoid),
    "regression": ("mean", torch.Tensor.clone),
}
"""What is written of a head's outputs, and how it is computed, by task."""
