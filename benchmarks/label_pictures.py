"""The pictures of the labelling page: python -m benchmarks.label_pictures docs.

The birds are drawn here. Needs Debian's chromium, playwright and pillow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import sync_playwright

from benchmarks.report_pictures import ARGUMENTS, save

KINDS = {
    "crow": (35, 35, 42),
    "jay": (60, 110, 190),
    "rook": (70, 60, 80),
    "robin": (190, 80, 40),
    "wren": (120, 90, 60),
    "heron": (150, 160, 170),
}
BEAKS = {"rook": (150, 150, 150), "heron": (220, 170, 60)}
LONG_BEAKS = ("crow", "rook", "heron")
MANY = 150
LABELLED = 62
GUIDELINES = "# Birds\n\n- **crow**: black, with a black beak\n- **rook**: a grey beak\n"


def bird(kind: str, seed: int, width: int = 960, height: int = 720) -> Image.Image:
    """A bird of a kind on a branch."""
    rng = Random(seed)
    image = scene(rng, width, height)
    draw = ImageDraw.Draw(image)
    x, y = width * rng.uniform(0.38, 0.62), height * rng.uniform(0.42, 0.58)
    size, side = rng.uniform(96, 162), rng.choice([-1, 1])
    colour = tuple(max(0, each + rng.randint(-14, 14)) for each in KINDS[kind])
    dark = tuple(int(each * 0.65) for each in colour)
    branch = y + size * 0.95
    draw.line([(x - width / 2, branch), (x + width / 2, branch)], fill=(92, 70, 50), width=18)
    for foot in (-0.2, 0.25):
        leg = x + foot * size
        draw.line([(leg, y + size / 2), (leg, branch)], fill=(60, 50, 40), width=7)
    tail = [(-0.8, 0), (-1.9, 0.45), (-1.75, 0.75), (-0.6, 0.5)]
    draw.polygon([(x + side * size * a, y + size * b) for a, b in tail], fill=dark)
    disc(draw, x, y, size, 0.65 * size, colour)
    if kind == "robin":
        disc(draw, x + side * size * 0.35, y, 0.6 * size, 0.5 * size, (205, 95, 45))
    disc(draw, x - side * size * 0.15, y + size * 0.1, 0.65 * size, 0.38 * size, dark)
    head, top = x + side * size * 0.85, y - size * 0.7
    if kind == "heron":
        draw.line([(x + side * size * 0.6, y), (head, top)], fill=colour, width=40)
    disc(draw, head, top, 0.45 * size, 0.42 * size, colour)
    long = 0.95 if kind in LONG_BEAKS else 0.55
    beak = [(0.36, -0.14), (0.36 + long, 0.06), (0.36, 0.18)]
    points = [(head + side * size * a, top + size * b) for a, b in beak]
    draw.polygon(points, fill=BEAKS.get(kind, (50, 45, 40)))
    disc(draw, head + side * size * 0.16, top - size * 0.12, 11, 11, (240, 240, 235))
    disc(draw, head + side * size * 0.18, top - size * 0.12, 6, 6, (15, 15, 15))
    return image.filter(ImageFilter.GaussianBlur(1))


def scene(rng: Random, width: int, height: int) -> Image.Image:
    """Sky, ground and bushes, out of focus."""
    sky = [rng.randint(150, 220) for _ in range(3)]
    ground = (rng.randint(60, 110), rng.randint(100, 150), rng.randint(50, 90))
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        shade = 1 - 0.35 * y / height
        draw.line([(0, y), (width, y)], fill=tuple(int(each * shade) for each in sky))
    horizon = int(height * rng.uniform(0.6, 0.8))
    draw.rectangle([0, horizon, width, height], fill=ground)
    for _ in range(6):
        x, tall, less = rng.randint(0, width), rng.randint(50, 150), rng.randint(10, 50)
        leaves = tuple(max(0, each - less) for each in ground)
        draw.ellipse([x - 60, horizon - tall, x + 60, horizon + 30], fill=leaves)
    return image.filter(ImageFilter.GaussianBlur(7))


def disc(draw: Any, x: float, y: float, wide: float, high: float, colour: Any) -> None:
    """An ellipse about a point."""
    draw.ellipse([x - wide, y - high, x + wide, y + high], fill=colour)


def garden(folder: Path) -> dict[str, str]:
    """Draw the photos; what is on each, by its name."""
    folder.mkdir()
    kinds = list(KINDS)
    truth = {}
    for at in range(MANY):
        kind = Random(at).choice(kinds)
        bird(kind, at).save(folder / f"IMG_{2000 + at}.jpg", quality=88)
        truth[f"IMG_{2000 + at}.jpg"] = kind
    return truth


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """``uwe label`` over the photos, and its address."""
    (folder.parent / "guidelines.md").write_text(GUIDELINES)
    server = subprocess.Popen(
        [sys.executable, "-m", "uwe", "label", str(folder), "--classes", ",".join(KINDS),
         "--port", "0", "--no-browser", "--guidelines", str(folder.parent / "guidelines.md"),
         "--batch", "30", "--audit", "0", "--blind", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    for line in server.stdout:
        if "http://" in line:
            return server, line.split()[-1]
    raise SystemExit("the server did not start")


def labelled(page: Any, truth: dict[str, str]) -> None:
    """Answer by keys until a model has predictions."""
    keys = {kind: str(at) for at, kind in enumerate(KINDS, start=1)}
    for _ in range(LABELLED):
        page.wait_for_selector("#item img")
        name = page.inner_text("#name")
        page.wait_for_timeout(250)
        page.keyboard.press(keys[truth[name]])
        page.wait_for_function(
            "before => document.querySelector('#name').textContent !== before", arg=name
        )
    page.wait_for_selector("#guess button.main", timeout=120_000)
    page.wait_for_timeout(1500)


def main() -> None:
    """Take the page, the page in the dark, a phone, and the grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    target = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        truth = garden(Path(name) / "garden")
        server, address = started(Path(name) / "garden")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )

        def opened(width: int, height: int, scheme: str, *, touch: bool = False) -> Any:
            size = {"width": width, "height": height}
            context = browser.new_context(
                viewport=size, color_scheme=scheme, has_touch=touch, is_mobile=touch
            )
            page = context.new_page()
            page.set_default_timeout(120_000)
            page.goto(address)
            page.wait_for_selector("#item img")
            page.wait_for_timeout(2500)
            return page

        try:
            page = opened(1280, 800, "light")
            labelled(page, truth)
            save(page.screenshot(), target / "label-page.png")
            save(opened(1280, 800, "dark").screenshot(), target / "label-dark.png")
            save(opened(360, 740, "light", touch=True).screenshot(), target / "label-phone.png")
            page.keyboard.press("#")
            page.wait_for_selector("#grid[open]")
            page.wait_for_timeout(2500)
            for tile, of in enumerate(page.locator("#tiles button").all()):
                kind = truth[of.get_attribute("title")]
                if tile and kind != truth[page.inner_text("#name")]:
                    of.click()
            page.mouse.move(5, 5)
            save(page.screenshot(), target / "label-grid.png")
        finally:
            browser.close()
            server.terminate()
            server.communicate()


if __name__ == "__main__":
    main()
