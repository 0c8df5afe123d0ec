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
from uwe._files import write_text
from uwe.cli import main
from uwe.data import cache
from uwe.errors import RunError, UweError

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


@pytest.mark.parametrize("name", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_commands_name_the_file_that_cannot_be_locked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
    name: str,
) -> None:
    """run, init and the cache say which file it is and what helps."""
    (tmp_path / "t.csv").write_text("id,x\n" + "".join(f"r{n},{n}\n" for n in range(20)))
    monkeypatch.chdir(tmp_path)
    without_locks(monkeypatch, getattr(errno, name))
    for command in (small_run("results"), ["init", "p", "t.csv", "--classes", "a,b"]):
        line = refused(command)
        assert "has no locks" in line
        assert ".lock" in line
        assert "local disk" in line
    with pytest.raises(UweError, match="UWE_CACHE_DIR"), cache._held(tmp_path / "entry.lock"):
        pass


@pytest.mark.parametrize("name", ["EINVAL", "EBADF", "ENOTSUP", "EACCES", "ENOSYS"])
def test_a_folder_that_cannot_be_synced_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The file is there, so the command ends with 0."""
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(getattr(errno, name), "refused")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    (tmp_path / "pool.csv").write_text("ids,uncertainty\na,0.1\nb,0.9\n")
    out = tmp_path / "picks.csv"
    assert main(["select", str(tmp_path / "pool.csv"), "-k", "1", "-o", str(out)]) == 0
    assert out.read_text().splitlines()[1].startswith("0,1,b,")


def test_a_folder_that_may_not_be_read_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder for dropping files into cannot be opened, and so not synced."""
    opened = os.open

    def refuse(path: object, flags: int, *more: int, **named: int) -> int:
        if os.path.isdir(str(path)):  # noqa: PTH112
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_disk_that_fails_while_a_folder_is_synced_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is no lack of the file system is not passed over."""

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunError, match="Input/output error"):
        write_text(tmp_path / "a.txt", "new")


def test_without_a_home_folder_the_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No HOME and no entry in passwd: the cache has no place until UWE_CACHE_DIR names one."""
    pwd = pytest.importorskip("pwd")

    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    for name in ("HOME", "UWE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UweError, match="set UWE_CACHE_DIR"):
        cache.cache_folder()
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path))
    assert cache.cache_folder() == tmp_path
    pool = tmp_path / "pool.csv"
    pool.write_text("ids,uncertainty\na,0.1\nb,0.9\n")
    assert main(["select", str(pool), "-k", "1"]) == 0


def test_a_home_folder_that_cannot_be_written_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[[list[str]], str]
) -> None:
    """A cache below a file cannot be made."""
    from PIL import Image

    (tmp_path / "file").write_text("")
    for at in range(6):
        (tmp_path / "photos" / "ab"[at % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "ab"[at % 2] / f"{at}.png")
    monkeypatch.setenv("UWE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    run = ["run", "folder", "--data-dir", str(tmp_path / "photos"), "--model", "small"]
    run += ["--budgets", "1,2", "--results", str(tmp_path / "r")]
    assert "set UWE_CACHE_DIR to another folder" in refused(run)


def test_hidden_modules_of_the_system_do_not_matter(tmp_path: Path) -> None:
    """Without resource, pwd and termios, as on Windows, a pool is ranked."""
    (tmp_path / "pool.csv").write_text("ids,uncertainty\na,0.1\nb,0.9\n")
    code = (
        "import sys\n"
        "for name in ('resource', 'pwd', 'grp', 'termios'): sys.modules[name] = None\n"
        "from uwe.cli import main\n"
        "sys.exit(main(['select', 'pool.csv', '-k', '1']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("0,1,b,")
