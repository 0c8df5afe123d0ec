"""A process that imports everything once and forks itself for each try.

Reads one order a line on standard input, and answers each with one line. It imports no other module
of this package, so that a try sees the modules that a user's process sees.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

EARLY = (
    "PIL.Image", "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin", "pandas", "pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.feather",
    "pyarrow.ipc", "pyarrow.json", "pyarrow.parquet", "safetensors.torch", "scipy.stats",
    "sklearn.decomposition", "sklearn.ensemble", "sklearn.feature_extraction.text",
    "sklearn.linear_model", "sklearn.pipeline", "sklearn.preprocessing",
)  # fmt: skip
"""Packages that the commands import at the moment of use."""

KILLED = -9


def main() -> None:
    """Answer orders until standard input ends."""
    del sys.path[0]  # the folder of this file
    _import_all()
    _warm_up()
    gc.freeze()  # so that a child does not copy pages by looking for garbage
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _import_all() -> None:
    import torch

    torch.set_num_threads(1)
    import uwe

    ours = [each.name for each in pkgutil.walk_packages(uwe.__path__, "uwe.")]
    for name in [*(each for each in ours if not each.endswith("__main__")), *EARLY]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def _warm_up() -> None:
    """Let the program find its plug-ins and read its own signatures once."""
    import uwe.cli
    from uwe.cli.commands import app

    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        uwe.cli.main(["list", "strategies"])
        uwe.cli.main(["list", "tasks"])
        for command in app:
            uwe.cli.main([command, "--help"])


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait for the child as long as it may take, and say how it ended."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(_child(order))
    descriptor = os.pidfd_open(child)
    ended, _, _ = select.select([descriptor], [], [], order["seconds"])
    os.close(descriptor)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = KILLED if not ended else os.waitstatus_to_exitcode(status)
    return {"code": code, "seconds": time.monotonic() - began, "hung": not ended}


def _child(order: dict[str, Any]) -> int:
    """The try itself, as a process of ``uwe`` would do it."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    tempfile.tempdir = None  # it was asked for when modules were imported
    _redirect(order)
    _limit(order["bytes"])
    sys.argv = [order["program"], *order["arguments"]]
    code = _code(order)
    try:
        sys.stdout.flush()
    except OSError:
        traceback.print_exc()
        code = 120
    sys.stderr.flush()
    return code


def _code(order: dict[str, Any]) -> int:
    import uwe.cli

    try:
        program = uwe.cli.main if order["program"] == "uwe" else uwe.cli.paper
        return program(order["arguments"])
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def _redirect(order: dict[str, Any]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, name in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(name, flags, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin, sys.stdout = io.TextIOWrapper(io.FileIO(0)), _writer(1, "strict")
    sys.stderr = _writer(2, "backslashreplace")


def _writer(number: int, errors: str) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(number, "w"))
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, line_buffering=number == 2)


def _limit(more: int) -> None:
    """Allow ``more`` bytes of memory beyond those that the process has."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
