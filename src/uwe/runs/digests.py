"""Digests of a run's files: an event of the journal vouches for what the run reads back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwe._files import file_digest
from uwe._tensors import read_tensors
from uwe.errors import RunError
from uwe.journal import Event, Queried, Trained

if TYPE_CHECKING:
    import torch

OF_RUN = "restore the file from a copy, or choose another --results folder"

__all__ = ["OF_RUN", "digest_of", "digests_of", "model_digest", "read_recorded", "require_recorded"]

_FACT = "digests"


def digest_of(path: Path) -> str:
    """A fingerprint of a file's content: BLAKE2b, 32 hexadecimal digits.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        return file_digest(path)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from error


def digests_of(
    events: Sequence[Event], kind: type[Queried | Trained], cycle: int
) -> Mapping[str, str]:
    """The digests that the event of a cycle holds, by what the files are; none in earlier runs.

    Args:
        events: of the journal.
        kind: of the event.
        cycle: of the event.
    """
    found: Mapping[str, str] = _of_cycle(events, kind, cycle).get(_FACT, {})
    return found


def model_digest(events: Sequence[Event], cycle: int) -> str | None:
    """The digest of the model of a cycle; None in earlier runs."""
    return _of_cycle(events, Trained, cycle).get("model_digest")


def require_recorded(
    path: Path, digest: str | None, journal: Path, *, advice: str = OF_RUN
) -> None:
    """Refuse a file that is not the one that was written when the event was.

    Args:
        path: of the file.
        digest: that the event holds; None where the event is of an earlier version.
        journal: that holds the event.
        advice: what to do.

    Raises:
        RunError: the file is missing, was changed, or is another run's.
    """
    if digest is None:
        return
    if not path.is_file():
        raise RunError(f"{path} is missing, which {journal.name} names; {advice}")
    if (found := digest_of(path)) != digest:
        raise RunError(
            f"{path} does not match its digest in {journal.name} ({found[:8]} is there, "
            f"{digest[:8]} was written): it was damaged, or is of another run; {advice}"
        )


def read_recorded(path: Path, digest: str | None, journal: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file that is the one that was written; arguments as `require_recorded`.

    Raises:
        RunError: it is not, or it cannot be read.
    """
    require_recorded(path, digest, journal)
    return read_tensors(path)


def _of_cycle(
    events: Sequence[Event], kind: type[Queried | Trained], cycle: int
) -> Mapping[str, Any]:
    found = (event.facts for event in events if isinstance(event, kind) and event.cycle == cycle)
    return next(found, {})
