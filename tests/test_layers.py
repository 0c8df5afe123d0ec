"""The rooms of the project, and what may pass between them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import uwe

PACKAGE = Path(uwe.__file__).parent

ROOT = Path(__file__).parent.parent
MAP = re.compile(r"```map\n(.*?)```", re.DOTALL)


def map_in(page: str) -> dict[str, int]:
    """The rooms and their ranks as a page shows them."""
    [shown] = MAP.findall((ROOT / page).read_text(encoding="utf-8"))
    ranks = {}
    for line in shown.strip().splitlines():
        rank, *rooms = line.split()
        ranks |= dict.fromkeys(rooms, int(rank))
    return ranks


RANKS = {**map_in("docs/architecture.md"), "__init__": 8, "__main__": 8}
FREE_AMONG_EQUALS = {0, 1, 3}


def rooms_imported(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "uwe":
            names = [f"uwe.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        rooms |= {name.split(".")[1] for name in names if name.startswith("uwe.")}
    return rooms & set(RANKS)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_lower_ranks(path: Path) -> None:
    """A file imports from lower ranks; equals of ranks 2 and above 3 do not know each other."""
    own = room_of(path)
    for other in rooms_imported(path) - {own}:
        lower = RANKS[other] < RANKS[own]
        equal = RANKS[other] == RANKS[own] and RANKS[own] in FREE_AMONG_EQUALS
        assert lower or equal, f"{own} (rank {RANKS[own]}) imports {other} (rank {RANKS[other]})"


def test_every_room_has_a_rank() -> None:
    """No module stands outside the layers."""
    assert {room_of(path) for path in FILES} == set(RANKS)


def test_every_page_shows_one_map() -> None:
    """CONTRIBUTING, the architecture page and its picture show the same rooms."""
    assert map_in("CONTRIBUTING.md") == map_in("docs/architecture.md")
    picture = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    assert all(f">{room}</text>" in picture for room in map_in("docs/architecture.md"))


def test_importing_uwe_needs_torch_numpy_and_safetensors_only() -> None:
    """``import uwe`` leaves everything that is optional alone."""
    heavy = "datasets transformers sklearn matplotlib rich cyclopts PIL pyarrow pandas"
    code = (
        "import sys, uwe; [getattr(uwe, name) for name in uwe.__all__]; "
        f"print([m for m in {heavy.split()!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_the_visible_names() -> None:
    """``__all__`` is exactly what a user sees on the package."""
    homes = [name for names in uwe._HOMES.values() for name in names]
    assert sorted([*homes, *uwe._ROOMS, "__version__"]) == uwe.__all__ == dir(uwe)
    for name in uwe.__all__:
        assert getattr(uwe, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        uwe.nothing  # noqa: B018


def test_no_module_is_named_after_nothing() -> None:
    """A module is named after a thing of the field."""
    assert not {"utils", "helpers", "common", "misc"} & {path.stem for path in FILES}


def test_nothing_unpickles_outside_the_restricted_unpickler() -> None:
    """Only one module knows pickle; torch loads one file of a package, and only its weights."""
    for path in FILES:
        text = path.read_text()
        loads = [line for line in text.splitlines() if "torch.load" in line]
        assert all("weights_only=True" in line for line in loads)
        assert not loads or path.name == "efficientnet.py"
        assert "allow_pickle=True" not in text
        if path.name != "unpickle.py":
            assert "pickle" not in {
                alias.name
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Import)
                for alias in node.names
            }
