"""What a try is, how it is done, and what it left."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["SAFE", "Contents", "Outcome", "Server", "Try", "contents", "emptied"]

GIGABYTE = 1 << 30

Contents = Mapping[str, bytes]
Check = Callable[[Path, "Outcome"], "str | None"]


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        code: its exit code; negative for a signal.
        out: standard output.
        err: standard error.
        hung: it was killed, since it took too long.
        seconds: that it took.
        trace: the traceback that a fault of ours left in the temporary folder.
    """

    code: int
    out: bytes
    err: bytes
    hung: bool
    seconds: float
    trace: str = ""


def SAFE(folder: Path, outcome: Outcome) -> str | None:
    """Nothing is known of the value."""
    return None


@dataclass(frozen=True)
class Try:
    """One command over files that are in place.

    Attributes:
        arguments: of the command line.
        about: what was changed, for a person.
        program: ``uwe`` or ``main.py``.
        check: says what is wrong with a result of exit code 0, or None.
        must: exit codes that are right.
        writes: files and folders of the try that a success may write.
        may_change: files and folders that a refusal may leave changed, as is documented.
        longest: characters of a refusal's line.
    """

    arguments: Sequence[str]
    about: str
    program: str = "uwe"
    check: Check = SAFE
    must: Sequence[int] = (0, 2, 130)
    writes: Sequence[str] = ()
    may_change: Sequence[str] = ()
    longest: int = 12_000


@dataclass
class Server:
    """The process that forks for each try.

    Attributes:
        base: folder in which the tries' folder, home and temporary folder are made.
    """

    base: Path
    seconds: float = 40.0
    bytes: int = 6 * GIGABYTE
    process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
            cwd=self.base,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    @property
    def folder(self) -> Path:
        """The working folder of a try."""
        return self.base / "try" / "work"

    def fresh(self) -> Path:
        """An empty working folder, with an empty home and an empty temporary folder beside it."""
        emptied(self.base / "try")
        for name in ("work", "home", "tmp", "cache"):
            (self.base / "try" / name).mkdir()
        return self.folder

    def run(self, arguments: Sequence[str], *, program: str = "uwe") -> Outcome:
        """Run one command in the working folder."""
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        top = self.base / "try"
        out, err = self.base / "out", self.base / "err"
        order: dict[str, Any] = {
            "program": program,
            "arguments": list(arguments),
            "folder": str(self.folder),
            "environment": {
                "HOME": str(top / "home"),
                "TMPDIR": str(top / "tmp"),
                "UWE_CACHE_DIR": str(top / "cache"),
            },
            "out": str(out),
            "err": str(err),
            "seconds": self.seconds,
            "bytes": self.bytes,
        }
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        traces = [path.read_text(errors="replace") for path in (top / "tmp").glob("*.txt")]
        return Outcome(
            answer["code"],
            out.read_bytes(),
            err.read_bytes(),
            answer["hung"],
            answer["seconds"],
            "\n".join(traces),
        )

    def contents(self) -> Contents:
        """Every file of the try, its home and its temporary folder."""
        return contents(self.base / "try", apart=("cache",))


def contents(top: Path, apart: Sequence[str] = ()) -> Contents:
    """Bytes of every file, link, folder and pipe below ``top``, by its name."""
    found: dict[str, bytes] = {}
    for folder, names, files in os.walk(top):
        below = Path(folder).relative_to(top)
        names[:] = [name for name in names if str(below / name) not in apart]
        found |= {str(below / name): _content(Path(folder, name)) for name in [*names, *files]}
    return found


def _content(path: Path) -> bytes:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return b"link to " + os.fsencode(path.readlink())
    if stat.S_ISREG(mode):
        return path.read_bytes()
    return b"folder" if stat.S_ISDIR(mode) else b"special"


def emptied(folder: Path) -> Path:
    """``folder``, without anything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _environment() -> dict[str, str]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return {**kept, **one, "HF_HUB_OFFLINE": "1", "LC_ALL": "C.UTF-8"}
