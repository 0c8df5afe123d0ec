"""The contact sheet: whole in one file, and right in a browser."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from uwe.cli import main

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pool of 30 images in two subfolders, with ids that need care."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(2)
    ids = []
    for row in range(30):
        name = f"{'a&b' if row % 2 else 'c d'}/<{row}>.png"
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (24 + row, 60, 3), dtype=np.uint8)
        image.fromarray(pixels).save(tmp_path / "images" / name)
        ids.append(name if row % 3 else name.removesuffix(".png"))
    features = rng.normal(size=(30, 4)).astype(np.float32)
    probs = rng.dirichlet(np.ones(3), 30)
    np.savez(
        tmp_path / "pool.npz", features=features, probs=probs, ids=np.array(ids), labelled=[4, 5]
    )
    return tmp_path


def written(folder: Path, *more: str) -> Path:
    sheet = folder / "picks.html"
    arguments = ["select", str(folder / "pool.npz"), "-k", "9", "-o", str(folder / "picks.csv")]
    assert main([*arguments, "--html", str(sheet), *more]) == 0
    return sheet


def test_the_sheet_asks_nothing_of_any_other_place(folder: Path) -> None:
    """Images are inside, ids are escaped, and no address is named."""
    text = written(folder, "--images", str(folder / "images")).read_text()
    assert text.count('src="data:image/jpeg;base64,') == 9
    assert "http" not in text
    assert "&lt;" in text
    assert "<img" not in written(folder, "--force").read_text()


def test_a_missing_image_leaves_no_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first image that is not there, is broken, or is a link to no image is named."""
    sheet, out = folder / "picks.html", folder / "picks.csv"
    arguments = ["select", str(folder / "pool.npz"), "-k", "28", "-o", str(out)]
    arguments += ["--html", str(sheet), "--images", str(folder / "images")]
    (folder / "images" / "c d" / "<8>.png").write_bytes(b"no image")
    assert main(arguments) == 2
    assert "cannot decode the image" in capsys.readouterr().err
    (folder / "images" / "c d" / "<8>.png").unlink()
    assert main(arguments) == 2
    assert "there is no image of id 'c d/<8>.png'" in capsys.readouterr().err
    (folder / "images" / "c d" / "<8>.png").symlink_to("/etc/hostname")
    assert main(arguments) == 2
    assert "cannot decode the image" in capsys.readouterr().err
    assert not sheet.exists()
    assert not out.exists()


def table(folder: Path) -> Path:
    """A pool of texts that need care, one of them long."""
    lines = ["id,uncertainty,kind,words,x_0,x_1,x_2,x_3,x_4,x_5,x_6,x_7,x_8"]
    for row in range(12):
        words = "long " * 400 if row == 3 else f"<script>alert({row})</script>"
        lines.append(f"<{row}>,{row / 20},<i>k{row},{words}" + ",7.25" * 9)
    (folder / "pool.csv").write_text("\n".join(lines))
    return folder / "pool.csv"


def sheet_of(folder: Path, *more: str) -> str:
    arguments = ["select", str(table(folder)), "-k", "9", "-o", str(folder / "picks.csv")]
    assert main([*arguments, "--html", str(folder / "picks.html"), "--force", *more]) == 0
    return (folder / "picks.html").read_text()


def test_the_sheet_shows_texts(tmp_path: Path) -> None:
    """Each pick's text is there, escaped and cut after about 600 letters."""
    text = sheet_of(tmp_path, "--text", "words")
    assert text.count('<p class="words"') == 9
    assert "&lt;script&gt;alert(11)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    [long] = [line for line in text.splitlines() if "long long" in line]
    assert 550 < len(long.partition("</p>")[0].partition('dir="auto">')[2]) <= 600


def test_the_sheet_shows_the_values_of_a_table(tmp_path: Path) -> None:
    """Without images and texts there are the row's values, but no ids and no wide blocks."""
    text = sheet_of(tmp_path)
    assert text.count('<table class="values">') == 9
    assert '<td dir="auto">&lt;i&gt;k11</td>' in text
    assert "<i>k" not in text
    assert "7.25" not in text
    assert "http" not in text


def test_further_columns_stand_on_the_sheet(tmp_path: Path) -> None:
    """A column that is written beside the picks is shown beside the reasons, escaped."""
    text = sheet_of(tmp_path, "--with", "kind", "--text", "words")
    assert "<dt>kind</dt><dd>&lt;i&gt;k11</dd>" in text


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("options", [[], ["--text", "words"]])
def test_a_browser_shows_texts_and_values(tmp_path: Path, width: int, options: list[str]) -> None:
    """Nothing sticks out, and no text of the pool is run."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    sheet_of(tmp_path, *options)
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900})
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.goto((tmp_path / "picks.html").as_uri())
        outside = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        browser.close()
    assert outside <= 0
    assert troubles == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it(folder: Path, width: int) -> None:
    """Every image is drawn whole, nothing sticks out, sorting sorts, nothing is asked or wrong."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    sheet = written(folder, "--images", str(folder / "images"))
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900})
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.on("request", lambda request: troubles.append(request.url)
                if not request.url.startswith(("file:", "data:")) else None)  # fmt: skip
        page.goto(sheet.as_uri())
        drawn = page.eval_on_selector_all("img", "all => all.filter(i => i.naturalWidth).length")
        outside = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        cut = page.eval_on_selector_all(
            "img", "all => all.filter(i => i.clientHeight > i.parentElement.clientHeight).length"
        )
        page.select_option("#sort", "many")
        many = page.eval_on_selector_all(".card", "all => all.map(c => +c.dataset.many)")
        page.select_option("#sort", "rank")
        order = page.eval_on_selector_all(".card", "all => all.map(c => +c.dataset.rank)")
        if shots := os.environ.get("UWE_SCREENSHOTS"):
            page.screenshot(path=f"{shots}/sheet-{width}.png", full_page=True)
        browser.close()
    assert drawn == 9
    assert cut == 0
    assert outside <= 0
    assert many == sorted(many, reverse=True)
    assert order == list(range(9))
    assert troubles == []


def drawn_sheet(folder: Path) -> str:
    """A sheet of three images: boxes over the first two, nothing over the last."""
    from uwe.selecting.overlays import Drawn, DrawnBoxes
    from uwe.selecting.sheet import contact_sheet, thumbnails
    from uwe.selecting.tables import pick_rows
    from uwe.strategies import Picks

    asked: dict[str, tuple[int, int]] = {}

    def draws(name: str, size: tuple[int, int]) -> Drawn | None:
        asked[name] = size
        classes = {"b.png": [1], "a.png": [0]}.get(name)
        corners = np.array([[2.0, 2.0, 700, 500]])
        return None if classes is None else DrawnBoxes(corners, classes, ("<red>", "white"), size)

    image = pytest.importorskip("PIL.Image")
    for name in ("b.png", "a.png", "c.png"):
        image.new("RGB", (720, 540), (120, 120, 120)).save(folder / name)
    picks = Picks(np.array([0, 1, 2]), "random")
    rows = pick_rows(picks, ["b.png", "a.png", "c.png"])
    page = contact_sheet(rows, picks, thumbnails(rows, folder, draws))
    assert asked == dict.fromkeys(("b.png", "a.png", "c.png"), (720, 540))
    return page


def test_boxes_are_drawn_over_thumbnails_with_one_legend(tmp_path: Path) -> None:
    """The legend has each class once, by number, escaped; colours are those of the boxes."""
    page = drawn_sheet(tmp_path)
    legend = page[page.index('<ul class="legend"') : page.index("</ul>")]
    assert legend.index("&lt;red&gt;") < legend.index("white")
    assert legend.count("<li>") == 2
    sources = [part.partition('"')[0] for part in page.split('<img src="')[1:]]
    assert len(set(sources)) == 3


def test_a_sheet_without_boxes_has_no_legend(folder: Path) -> None:
    """No list of classes where nothing is drawn."""
    page = written(folder, "--images", str(folder / "images")).read_text()
    assert "legend" not in page.split("</style>")[1]


def test_a_number_finds_the_file_that_is_named_by_it(tmp_path: Path) -> None:
    """The id 12 is 000012.png, as COCO numbers images; a file of the very name comes first."""
    from uwe.selecting.sheet import thumbnails

    image = pytest.importorskip("PIL.Image")
    for name, grey in (("000012.png", 10), ("7.png", 90), ("07.png", 200)):
        image.new("L", (4, 4), grey).save(tmp_path / name)
    alone = {name: thumbnails([{"id": name}], tmp_path)[name] for name in ("000012.png", "7.png")}
    found = thumbnails([{"id": "12"}, {"id": "7"}], tmp_path)
    assert found == {"12": alone["000012.png"], "7": alone["7.png"]}
