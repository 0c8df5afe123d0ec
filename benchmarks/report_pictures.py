"""The README's pictures of a report: python -m benchmarks.report_pictures PAGE docs.

Needs Debian's chromium, playwright and pillow.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
COLOURS = 256


def save(png: bytes, path: Path) -> None:
    """Few colours are enough for charts, and a tenth of the size."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} kB")


def opened(browser: Any, page_file: Path, width: int, height: int, scheme: str) -> Any:
    """The page at a width, offline."""
    size = {"width": width, "height": height}
    page = browser.new_context(offline=True, viewport=size, color_scheme=scheme).new_page()
    page.goto(page_file.absolute().as_uri())
    return page


def main() -> None:
    """Take the top of the page, a phone in the dark, all learning curves and a map of the picks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        page = opened(browser, given.page, 860, 1500, "light")
        save(page.screenshot(), given.folder / "report-page.png")
        phone = opened(browser, given.page, 360, 1500, "dark")
        save(phone.screenshot(), given.folder / "report-phone.png")
        curves = page.locator("section").filter(has=page.locator("h2", has_text="Learning curves"))
        for number, section in enumerate(curves.all(), start=1):
            figure = section.locator("figure").first
            save(figure.screenshot(), given.folder / f"report-curves-{number}.png")
        heading = page.locator("h2", has_text="What uwe picked")
        section = page.locator("section").filter(has=heading).first
        section.locator("summary").first.click()
        save(section.locator("figure").last.screenshot(), given.folder / "report-map.png")
        browser.close()


if __name__ == "__main__":
    main()
