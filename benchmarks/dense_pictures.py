"""The pictures of masks and boxes in the docs: python -m benchmarks.dense_pictures docs.

Cells and parks are drawn here. Needs Debian's chromium, playwright, pillow and pycocotools.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import sync_playwright

from benchmarks.report_pictures import ARGUMENTS, opened, save

CELLS = {"red cell": ((205, 130, 130), 34), "white cell": ((120, 100, 185), 52),
         "platelet": ((150, 95, 150), 11)}  # fmt: skip
SLIDE = (480, 360)
PARK = ("grass", "sky", "tree", "path")
PARK_COLOURS = np.array([[92, 125, 70], [150, 185, 225], [62, 98, 56], [150, 140, 112]])
PARK_SIZE = (96, 72)
IGNORED = 255
PICKS = 4  # of the report that are in its picture


def slide(rng: Random) -> tuple[Image.Image, list[tuple[int, list[float]]]]:
    """Blood cells on a slide, and the class and the left, top, width and height of each."""
    image = Image.new("RGB", SLIDE, (236, 226, 224))
    boxes: list[tuple[int, list[float]]] = []
    for _ in range(rng.randint(4, 11)):
        at = rng.choices(range(3), (8, 2, 3))[0]
        colour, size = list(CELLS.values())[at]
        wide, high = size * rng.uniform(0.8, 1.15), size * rng.uniform(0.8, 1.15)
        x, y = rng.uniform(wide, SLIDE[0] - wide), rng.uniform(high, SLIDE[1] - high)
        layer = ImageDraw.Draw(image)
        shade = tuple(each + rng.randint(-12, 12) for each in colour)
        layer.ellipse([x - wide, y - high, x + wide, y + high], fill=shade)
        pale = tuple(min(255, each + 35) for each in shade)
        layer.ellipse([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], fill=pale)
        boxes.append((at, [x - wide, y - high, 2 * wide, 2 * high]))
    return image.filter(ImageFilter.GaussianBlur(1.5)), boxes


def slides(folder: Path) -> None:
    """40 slides, and the results of a detector that is unsure of what overlaps."""
    (folder / "slides").mkdir(parents=True)
    rng, noise = Random(4), np.random.default_rng(4)
    images, results = [], []
    for number in range(40):
        image, boxes = slide(rng)
        name = f"slide-{number:02}.jpg"
        image.save(folder / "slides" / name, quality=90)
        images.append({"id": number, "file_name": name, "width": SLIDE[0], "height": SLIDE[1]})
        results += [
            {
                "image_id": number,
                "category_id": at + 1,
                "bbox": (np.array(box) + noise.normal(0, 2, 4)).round(1).tolist(),
                "score": round(rng.uniform(0.35, 0.99), 3),
            }
            for at, box in boxes
        ]
    categories = [{"id": at + 1, "name": name} for at, name in enumerate(CELLS)]
    (folder / "results.json").write_text(json.dumps(results))
    parts = {"images": images, "annotations": [], "categories": categories}
    (folder / "slides" / "annotations.json").write_text(json.dumps(parts))


def park(rng: Random, noise: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """A park, and the classes of its pixels; a rim about each tree is ignored."""
    mask = Image.new("L", PARK_SIZE, 0)
    pen = ImageDraw.Draw(mask)
    width, height = PARK_SIZE
    horizon = rng.randint(height // 4, height // 2)
    pen.rectangle([0, 0, width, horizon], fill=1)
    if rng.random() < 0.7:
        at, wide = rng.randint(20, width - 20), rng.randint(8, 20)
        pen.polygon([(at, horizon), (at - 2 * wide, height), (at + 2 * wide, height)], fill=3)
    for _ in range(rng.randint(1, 5)):
        x, y, r = rng.randint(0, width), horizon + rng.randint(-12, 10), rng.randint(6, 16)
        pen.ellipse([x - r, y - r, x + r, y + r], fill=2, outline=IGNORED)
    classes = np.asarray(mask)
    shades = PARK_COLOURS[np.where(classes == IGNORED, 2, classes)]
    light = np.linspace(1.15, 0.8, height)[:, None, None] * rng.uniform(0.85, 1.1)
    pixels = shades * light + noise.normal(0, 34, (height, width, 3))
    photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return photo.filter(ImageFilter.GaussianBlur(0.6)), mask


def parks(folder: Path) -> None:
    """40 parks to learn from and 12 to test on."""
    rng, noise = Random(7), np.random.default_rng(7)
    for split, count in (("train", 40), ("test", 12)):
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for number in range(count):
            photo, mask = park(rng, noise)
            photo.save(folder / split / "images" / f"{number:03}.png")
            mask.save(folder / split / "masks" / f"{number:03}.png")
    (folder / "classes.txt").write_text("\n".join(PARK) + "\n")


def uwe(folder: Path, *arguments: str) -> None:
    """A command of uwe in a folder."""
    subprocess.run([sys.executable, "-m", "uwe", *arguments], cwd=folder, check=True)


def sheet_of_boxes(browser: Any, folder: Path, target: Path) -> None:
    """A contact sheet: picks of slides with the detector's boxes."""
    slides(folder)
    uwe(
        folder, "select", "results.json", "-k", "8", "--image-list", "slides/annotations.json",
        "--images", "slides", "-o", "picks.csv", "--html", "picks.html",
    )  # fmt: skip
    page = opened(browser, folder / "picks.html", 1040, 940, "light")
    save(page.screenshot(), target / "sheet-boxes.png")


def report_of_masks(browser: Any, folder: Path, target: Path) -> None:
    """What was picked in a report: the answer beside the prediction."""
    parks(folder / "parks")
    uwe(
        folder, "run", "folder", "--task", "segmentation", "--data-dir", "parks", "--ignore",
        str(IGNORED), "--model", "unet", "--model-option", "width=8", "--model-option",
        "least_steps=60", "--epochs", "8", "--budgets", "6,12,18", "--seeds", "1,2", "--strategy",
        "uwe", "--strategy", "random", "--results", "runs",
    )  # fmt: skip
    [report] = (folder / "runs").rglob("report.html")
    page = opened(browser, report, 1040, 900, "light")
    heading = page.locator("h2", has_text="What uwe picked")
    section = page.locator("section").filter(has=heading).first
    section.locator("summary").first.click()
    page.wait_for_timeout(500)
    last = section.locator(".gallery").first.locator(":scope > figure").nth(PICKS - 1)
    top, box = heading.bounding_box(), last.bounding_box()
    scrolled = page.evaluate("scrollY")
    clip = {
        "x": 0,
        "y": top["y"] + scrolled,
        "width": 1040,
        "height": box["y"] + box["height"] - top["y"],
    }
    save(page.screenshot(full_page=True, clip=clip), target / "report-masks.png")


def main() -> None:
    """Take a contact sheet with boxes, and a report with masks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    target = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        try:
            sheet_of_boxes(browser, Path(name) / "cells", target)
            report_of_masks(browser, Path(name), target)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
