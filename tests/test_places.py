"""Places that lack something: locks, a home folder, sync of folders, modules of the system."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from uwe import _locks
from uwe.errors import RunError

fcntl = pytest.importorskip("fcntl")

HELD = """
import sys, time
from pathlib import Path
from uwe import _locks
with _locks.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Every attempt to lock a file fails as on a file system without locks."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)


@pytest.mark.parametrize("name", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The message names the file and another place, and no soft lock stays behind."""
    without_locks(monkeypatch, getattr(errno, name))
    with pytest.raises(RunError, match=r"cannot lock .*/a\.lock: .*no locks.*local disk"):
        _locks.acquire(tmp_path / "a.lock")


def test_without_the_module_fcntl_the_line_says_so(tmp_path: Path) -> None:
    """A Python without fcntl has no locks that end with the process: refused in a line."""
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from pathlib import Path\nfrom uwe import _locks\n"
        "try: _locks.acquire(Path(sys.argv[1]))\nexcept RuntimeError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.lock")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "no module fcntl" in done.stdout


def test_another_process_is_busy_and_its_end_frees_the_lock(tmp_path: Path) -> None:
    """While a process holds the file it is busy; after a kill it is free."""
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert _locks.is_held(path)
        with pytest.raises(_locks.Busy, match=r"a\.lock"):
            _locks.acquire(path)
        process.kill()
    assert not _locks.is_held(path)
    _locks.acquire(path).release()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.touch()),
        lambda path: path.parent.rename(path.parent.with_name("moved")),
        lambda path: (path.with_name("new").touch(), path.with_name("new").replace(path)),
    ],
    ids=["removed", "made anew", "folder moved", "replaced"],
)
def test_a_lock_whose_file_is_another_is_no_longer_ours(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    """`is_ours` compares the file that is held with the file at the path."""
    (tmp_path / "folder").mkdir()
    with _locks.held(tmp_path / "folder" / "a.lock") as lock:
        assert lock.is_ours()
        change(lock.path)
        assert not lock.is_ours()


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """A link at the lock's place is not followed."""
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="it is a link"):
        _locks.acquire(tmp_path / "a.lock")
    assert not (tmp_path / "elsewhere").exists()
