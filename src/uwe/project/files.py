"""The files of a labelling project: one module that names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from uwe.errors import InputError

__all__ = ["ProjectFiles"]

_OWN = re.compile(
    r"(?:project|rows|annotators|estimates)\.json|journal\.jsonl|round-[0-9]+\.(?:csv|html|json)"
    r"|[0-9]+-[0-9a-f]{32}\.png"
    r"|\.[a-z]+\.owner"
    r"|training-[0-9]+\.safetensors|(?:images|embedding)-.+\.(?:npy|safetensors)"
)
"""Names of the files that projects write."""


@dataclass(frozen=True)
class ProjectFiles:
    """The files of a project.

    The journal is the state, the settings say what the project is, and the list of rows says which
    items it is about. Everything below ``cache`` and ``predictions`` can be made again.

    Attributes:
        folder: of the project.

    >>> ProjectFiles(Path("birds.uwe")).picks(2).name
    'round-2.csv'
    """

    folder: Path

    @property
    def settings(self) -> Path:
        """What the project is: source, task, model, strategy."""
        return self.folder / "project.json"

    @property
    def rows(self) -> Path:
        """Which items the project is about, in the order of its rows."""
        return self.folder / "rows.json"

    @property
    def journal(self) -> Path:
        """What happened: the state of the project."""
        return self.folder / "journal.jsonl"

    @property
    def annotators(self) -> Path:
        """Who labels at the page: names and tokens, for the owner's eyes alone."""
        return self.folder / "annotators.json"

    @property
    def estimates(self) -> Path:
        """What the audit says of the last model; it can be made again."""
        return self.folder / "estimates.json"

    @property
    def tell_lock(self) -> Path:
        """Held for a moment, while events are compared with the journal and appended."""
        return self.folder / ".tell.lock"

    @property
    def ask_lock(self) -> Path:
        """Held while a batch is picked."""
        return self.folder / ".ask.lock"

    @property
    def trainer_lock(self) -> Path:
        """Held while a model is trained."""
        return self.folder / ".trainer.lock"

    @property
    def label_lock(self) -> Path:
        """Held by the one process that serves the project's page."""
        return self.folder / ".label.lock"

    @property
    def sync_lock(self) -> Path:
        """Held while tasks and answers are exchanged with another tool."""
        return self.folder / ".sync.lock"

    @property
    def cache(self) -> Path:
        """Decoded images and embeddings."""
        return self.folder / "cache"

    def picks(self, batch: int) -> Path:
        """The rows of a batch and the reasons for them."""
        return self.folder / "picks" / f"round-{batch}.csv"

    def sheet(self, batch: int) -> Path:
        """The contact sheet of a batch."""
        return self.folder / "picks" / f"round-{batch}.html"

    def given(self, batch: int) -> Path:
        """The boxes or masks that a model of the owner gives the rows of a batch."""
        return self.folder / "picks" / f"round-{batch}.json"

    @property
    def masks(self) -> Path:
        """The masks of answers and of models, a file each."""
        return self.folder / "masks"

    def predictions(self, training: int) -> Path:
        """What the model of a training says of every row."""
        return self.folder / "predictions" / f"training-{training}.safetensors"

    def model(self, training: int) -> Path:
        """The model of a training, where the learner keeps its models."""
        return self.folder / "models" / f"training-{training}.safetensors"

    def owns(self, name: str) -> bool:
        """Whether a file of this name is one that projects write."""
        return _OWN.fullmatch(name) is not None

    def require(self) -> None:
        """Refuse a folder that holds no project.

        Raises:
            InputError: it holds none.
        """
        if not self.settings.is_file():
            what = "is not a project" if self.folder.is_dir() else "does not exist"
            raise InputError(
                f"{self.folder} {what} (there is no {self.settings.name}); 'uwe init "
                f"{self.folder} SOURCE' makes a project"
            )
