"""One thread for each worker, and a cache of its own, before torch is imported."""

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch

from uwe.runs import TIMING_COLUMNS


@pytest.fixture(autouse=True, scope="session")
def _alone(tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    before = os.environ.get("UWE_CACHE_DIR")
    os.environ["UWE_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["UWE_CACHE_DIR"]
    else:
        os.environ["UWE_CACHE_DIR"] = before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests go first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def outcome() -> Callable[[Path], dict[str, object]]:
    """What a results folder holds that has to be the same every time."""
    return _outcome


def _outcome(results: Path) -> dict[str, object]:
    """Every table of a results folder without its timing columns, and every tensor's bytes."""
    found: dict[str, object] = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.suffix == ".csv":
            lines = [line.split(",") for line in path.read_text().splitlines()]
            kept = [at for at, column in enumerate(lines[0]) if column not in TIMING_COLUMNS]
            found[name] = [[line[at] for at in kept] for line in lines]
        elif path.suffix == ".safetensors":
            found[name] = path.read_bytes()
    return found
