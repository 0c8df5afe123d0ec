"""The page of ``uwe label`` over boxes and masks, in Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uwe.project import Project
from uwe.project.given import write_given

SECONDS = 30_000  # milliseconds in which a busy machine does anything
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}

pytestmark = pytest.mark.slow
pytest.importorskip("uvicorn", reason="needs pip install 'uwe[label]'")

SAID: dict[str, Any] = {
    "detection": np.array([[20, 30, 90, 120, 0.9, 0], [150, 60, 260, 200, 0.7, 1]]),
    "segmentation": np.repeat([[0], [1]], [100, 140], 0).repeat(320, 1).astype(np.uint8),
}
CLASSES = {"detection": ["rbc", "wbc"], "segmentation": ["sky", "road"]}


def made(folder: Path, task: str) -> Project:
    """A project of six images, four of which are given out, three with what a model says."""
    (folder / "photos").mkdir()
    for at in range(6):
        Image.new("RGB", (320, 240), (40 * at, 90, 60)).save(folder / "photos" / f"{at}.png")
    project = Project(folder / "p.uwe", folder / "photos", task=task, classes=CLASSES[task])
    rows = project.batch(4).picks.rows.tolist()
    shapes = project._ledger.shapes
    given = {row: shapes.given(row, SAID[task], least=0.5) for row in rows[:3]}
    write_given(project.files.given(1), given)
    return project


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Any]:
    """Starts the page of a project, and gives both with the address."""
    processes: list[subprocess.Popen[str]] = []

    def start(task: str, *options: str) -> tuple[Project, str]:
        project = made(tmp_path, task)
        processes.append(subprocess.Popen(
            [sys.executable, "-m", "uwe", "label", str(project.files.folder), "--no-browser",
             "--ahead", "0", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
        ))  # fmt: skip
        lines = processes[-1].stdout
        assert lines is not None
        said, address = [], ""
        for line in lines:
            said.append(line)
            address = line.split()[-1] if "http://" in line else address
            if "Ctrl-C" in line:
                break
        assert address, "".join(said)
        return project, address

    yield start
    for each in processes:
        with suppress(ProcessLookupError):
            each.send_signal(signal.SIGKILL)
        each.communicate()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens pages; what they complain of fails the test."""
    contexts, complaints = [], []

    def opened(address: str, size: dict[str, int]) -> Any:
        context = browser.new_context(viewport=size)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#item img")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def press(page: Any, key: str) -> str:
    """A key that ends with another item on the screen; the name of the item before."""
    before = str(page.inner_text("#name"))
    page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('#name').textContent !== before",
                           arg=before)  # fmt: skip
    return before


def image_of(page: Any) -> tuple[str, str]:
    image = page.locator("#item img")
    return str(image.get_attribute("src")), str(image.get_attribute("alt"))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("task", SAID)
def test_what_a_model_says_is_accepted_with_a_key(
    served: Any, visit: Any, task: str, size: dict[str, int]
) -> None:
    """The image shows it with a legend, d hides it, and Enter makes it the answer."""
    project, address = served(task)
    page = visit(address, size)
    source, alt = image_of(page)
    words = {"detection": "2 boxes: 1 rbc, 1 wbc", "segmentation": "a mask"}[task]
    assert "/drawn?" in source
    assert alt.endswith(f"with what the model says: {words}")
    assert page.inner_text("#legend").split() == CLASSES[task]
    assert words in page.inner_text("#guess")
    assert page.locator("#choices").count() == 0
    page.keyboard.press("d")
    hidden, alt = image_of(page)
    assert "drawn" not in hidden
    assert "model" not in alt
    assert page.locator("#drawn").get_attribute("aria-pressed") == "false"
    page.keyboard.press("d")
    assert image_of(page)[0] == source
    page.wait_for_function("() => document.querySelector('#item img').naturalWidth > 0")
    accepted = press(page, "Enter")
    assert words in page.inner_text("#saved")
    labels = Project.open(project.files.folder).labels()
    assert list(labels) == [accepted]
    if task == "detection":
        assert [each["class"] for each in labels[accepted]] == ["rbc", "wbc"]
    else:
        [pixels] = project.task.targets.read(list(labels.values()))
        np.testing.assert_array_equal(pixels, SAID[task])
    page.wait_for_selector(f"#past :text('{words}')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_a_models_word_an_item_is_skipped_or_empty(served: Any, visit: Any) -> None:
    """Enter says why it does nothing; 0 says that there is no object, and undo takes it back."""
    project, address = served("detection")
    page = visit(address, SIZES["desktop"])
    for _ in range(3):
        press(page, "Enter")
    assert "drawn" not in image_of(page)[0]
    page.keyboard.press("Enter")
    page.wait_for_selector("#notice:not([hidden])")
    assert "No model says anything" in page.inner_text("#notice")
    last = str(page.inner_text("#name"))
    page.keyboard.press("0")
    page.wait_for_selector("#saved:has-text('no object')")
    assert Project.open(project.files.folder).labels()[last] == []
    page.wait_for_selector("#past :text('no object')")
    page.keyboard.press("Backspace")
    page.wait_for_selector("#saved:has-text('taken back')")
    assert last not in Project.open(project.files.folder).labels()
    page.keyboard.press("Space")
    page.wait_for_selector("#skipping[open]")
    page.keyboard.press("1")
    page.wait_for_selector("#saved:has-text('skipped')")


def test_the_page_says_how_to_draw(served: Any, visit: Any) -> None:
    """The commands that send the batch to a tool name the project."""
    project, address = served("segmentation")
    page = visit(address, SIZES["desktop"])
    page.click(".drawing summary")
    told = page.inner_text(".drawing")
    assert f"uwe export {project.files.folder} --what to-label --format cvat" in told
    assert f"uwe tell {project.files.folder} annotations.xml" in told
    assert "label-studio" in told


def test_shown_by_request_nothing_is_drawn_before(served: Any, visit: Any) -> None:
    """With --show asked the image comes plain, and the key of the prediction shows what is said."""
    _, address = served("detection", "--show", "asked")
    page = visit(address, SIZES["desktop"])
    assert "drawn" not in image_of(page)[0]
    page.keyboard.press("Enter")
    page.wait_for_selector("#notice:not([hidden])")
    page.keyboard.press(".")
    page.wait_for_function("() => document.querySelector('#item img').src.includes('drawn')")
