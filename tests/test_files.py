"""Files are whole or absent, also where the disk is full."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from uwe._tensors import _write_large, read_tensors, write_tensors
from uwe.cli import main


class FullDisk:
    """A disk that is full after so many synced writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.calls = 0
        fsync = os.fsync

        def full(descriptor: int) -> None:
            self.calls += 1
            if self.calls > after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", full)


def test_a_disk_that_fills_up_loses_nothing(
    tmp_path: Path,
    finished_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    small_run: Callable[..., list[str]],
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """Wherever the disk fills up, one line says so, finished files stay without parts of others,
    and the same command resumes to the outcome of a run that was never stopped."""
    steps = 0
    expected = outcome(finished_run)
    for after in (0, 9, 26, 47, 10**6):
        results = tmp_path / str(after)
        with monkeypatch.context() as patched:
            disk = FullDisk(patched, after)
            capsys.readouterr()
            code = main(small_run(results))
            err = capsys.readouterr().err
        if code == 0:
            steps = disk.calls
        else:
            assert "the disk is full" in err.splitlines()[-1]
            assert "Traceback" not in err
            assert not list(results.rglob("*.part"))
            before = outcome(results)
            kept = [name for name in before.keys() & expected if not name.endswith("_result.csv")]
            assert all(before[name] == expected[name] for name in kept)
            assert main(small_run(results)) == 0
        assert outcome(results) == expected
    assert steps > 60


@pytest.mark.parametrize("kind", ["model", "trlogits", "tr_info", "query.csv"])
def test_a_full_disk_while_writing(
    tmp_path: Path,
    finished_run: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
    stopped: Callable[..., str],
    small_run: Callable[..., list[str]],
    contents: Callable[[Path], dict[str, object]],
    outcome: Callable[[Path], dict[str, object]],
) -> None:
    """A disk that is full in the middle of a file leaves no part of it behind."""
    opened, made = os.fdopen, os.open
    names: dict[int, str] = {}

    class Full(io.BufferedWriter):
        def write(self, content: Any) -> int:
            super().write(content[:4])
            self.flush()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def named(path: Any, *args: Any, **keywords: Any) -> int:
        descriptor = made(path, *args, **keywords)
        names[descriptor] = str(path)
        return descriptor

    def full(descriptor: int, *args: Any, **keywords: Any) -> Any:
        if kind in Path(names.get(descriptor, "")).name:
            return Full(io.FileIO(descriptor, "wb"))  # type: ignore[arg-type]
        return opened(descriptor, *args, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", named)
        patched.setattr(os, "fdopen", full)
        assert "the disk is full" in stopped(small_run(tmp_path))
    assert not [name for name in contents(tmp_path) if name.endswith(".part") or kind in name]
    assert main(small_run(tmp_path)) == 0
    assert outcome(tmp_path) == outcome(finished_run)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs Linux's full device")
def test_a_log_that_cannot_be_written(
    copied_run: Path,
    refused: Callable[[list[str]], str],
    small_run: Callable[..., list[str]],
) -> None:
    """A log on a full disk stops the work in one line, as every other file does."""
    [log] = (copied_run / "digits" / "uwe").glob("*.log")
    log.unlink()
    log.symlink_to("/dev/full")
    line = refused(small_run(copied_run))
    assert f"cannot write {log}: the disk is full" in line


def test_large_tensors_are_written_as_small_ones_are() -> None:
    """What is written without a copy is, byte for byte, what safetensors writes."""
    tensors = {
        "b": torch.arange(21.0).double().reshape(7, 3),
        "a": torch.arange(5.0).double(),
        'é"': torch.arange(3.0),
        "half": torch.arange(3.0).bfloat16(),
        "scalar": torch.tensor(3.0),
    }
    file = io.BytesIO()
    _write_large(file, tensors)
    assert file.getvalue() == save(tensors)


def test_large_tensors_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors beyond the size that is copied are read as they were."""
    monkeypatch.setattr("uwe._tensors._COPIED", 8)
    large = {"logits": torch.arange(12.0).reshape(3, 4), "more": torch.arange(3.0).double()}
    write_tensors(tmp_path / "t.safetensors", large)
    found = read_tensors(tmp_path / "t.safetensors")
    assert all(torch.equal(found[name], of) for name, of in large.items())
    write_tensors(tmp_path / "t.safetensors", {"whole": torch.arange(12)})
    assert read_tensors(tmp_path / "t.safetensors")["whole"].tolist() == list(range(12))
