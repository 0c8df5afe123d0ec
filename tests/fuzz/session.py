"""A server, what the themes need, and the faults that were found."""

from __future__ import annotations

import os
import random
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fuzz.judge import faults, kind_of
from fuzz.themes import PREPARED, THEMES
from fuzz.tries import Outcome, Server, Try

__all__ = ["Session"]


@dataclass
class Session:
    """Makes tries and remembers what they found.

    Attributes:
        base: a folder for the tries.
        themes: that are to be tried; what they need is made when the session is entered.
        keep: folder in which the files of the first try of each kind of fault are kept, or None.
        found: how often each kind of fault was found.
    """

    base: Path
    themes: Sequence[str]
    keep: Path | None = None
    found: dict[str, int] = field(default_factory=dict)
    prepared: dict[str, Any] = field(default_factory=dict)
    server: Server = field(init=False)

    def __enter__(self) -> Self:
        self.server = Server(self.base).__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.server.__exit__(kind, error, at)

    def tried(self, theme: str, seed: int, number: int) -> str | None:
        """Make one try; give the fault that it found, if it is the first of its kind."""
        make, needs = THEMES[theme]
        if needs not in self.prepared:
            self.prepared[needs] = PREPARED[needs](self.server)
        folder = self.server.fresh()
        tried = make(random.Random(f"{seed} {theme} {number}"), folder, self.prepared[needs])
        before = self.server.contents()
        saved = None if self.keep is None else self._saved()
        outcome = self.server.run(tried.arguments, program=tried.program)
        after = self.server.contents()
        wrong = faults(tried, outcome, before, after)
        if not wrong and outcome.code == 0:
            wrong = [each for each in [tried.check(folder, outcome)] if each is not None]
        kinds = [f"{theme}: {kind_of(each, outcome)}" for each in wrong]
        new = [each for each in kinds if each not in self.found]
        for each in kinds:
            self.found[each] = self.found.get(each, 0) + 1
        if not new:
            return None
        told = _told(theme, seed, number, tried, outcome, wrong)
        if saved is not None and self.keep is not None:
            self._keep(saved, f"{theme}-{seed}-{number}", tried, told)
        return told

    def _saved(self) -> Path:
        saved = self.base / "before"
        shutil.rmtree(saved, ignore_errors=True)
        shutil.copytree(self.server.folder, saved, symlinks=True, copy_function=_copied)
        return saved

    def _keep(self, saved: Path, name: str, tried: Try, told: str) -> None:
        assert self.keep is not None
        kept = self.keep / name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(saved, kept, symlinks=True, copy_function=_copied)
        program = '"${UWE:-uwe}"' if tried.program == "uwe" else "python main.py"
        words = " ".join(map(shlex.quote, tried.arguments))
        (kept / "repro.sh").write_bytes(os.fsencode(f"{program} {words}\n"))
        (kept / "FOUND").write_bytes(told.encode("utf-8", "backslashreplace"))


def _copied(source: str, target: str) -> None:
    if not Path(source).is_fifo():
        shutil.copy2(source, target)


def _told(
    theme: str, seed: int, number: int, tried: Try, outcome: Outcome, wrong: Sequence[str]
) -> str:
    """A fault for a person: what was wrong, with which command, and how to repeat it."""
    words = " ".join(shlex.quote(each[:200]) for each in tried.arguments)
    end = (outcome.err.decode(errors="replace") + outcome.trace).strip().splitlines()[-12:]
    lines = [
        f"--- {theme} {number}: {'; '.join(wrong)[:600]}",
        f"changed: {tried.about[:600]}",
        f"command: {tried.program} {words}",
        f"ended:   exit code {outcome.code} after {outcome.seconds:.1f} s",
        *(f"    {line[:300]}" for line in end),
        f"repeat:  python -m fuzz --seed {seed} --theme {theme} --first {number} --tries 1",
    ]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode()
