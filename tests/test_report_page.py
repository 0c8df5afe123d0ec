"""The page of a report in a browser that has no network."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import uwe
from uwe.report import build_report, write_report
from uwe.runs import find_curves

WIDTHS = (360, 800, 1280)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of real runs: three strategies, three seeds, images and maps."""
    folder = tmp_path_factory.mktemp("page")
    common: dict[str, Any] = {"budgets": (20, 30, 40), "model": "small", "epochs": 1}
    uwe.run(
        [
            uwe.Experiment(
                "digits", strategy=name, seed=seed, pool_size=150, test_size=60, results=folder,
                **common,
            )
            for name in ("least_confident", "uwe", "random")
            for seed in (1, 2, 3)
        ]
    )  # fmt: skip
    write_report(build_report(find_curves(folder)), folder / "report.html")
    return folder / "report.html"


def empty_page(context: Any) -> Any:
    """A page that waits long enough for a busy machine."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    return page


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Any]:
    """The page, opened offline; what it asks for and complains of is kept."""
    context = browser.new_context(offline=True, viewport={"width": 360, "height": 740})
    page = empty_page(context)
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.goto(page_file.as_uri())
    yield page
    context.close()


def test_nothing_is_requested_from_outside(opened: Any, page_file: Path) -> None:
    """The page itself is all that is asked for, and no script fails."""
    outside = [url for url in opened.asked if not url.startswith(("data:", "blob:"))]
    assert outside == [page_file.as_uri()]
    assert opened.complaints == []
    assert opened.locator("svg").count() > 8


def test_tables_sort_by_number_and_back(opened: Any) -> None:
    """A click sorts rising, a second one falling, by value and not by text."""
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    table = opened.locator("table[data-name=map_uwe]")
    head = table.locator("th[data-key=row]")

    def values() -> list[float]:
        found: list[float] = table.evaluate(
            "t => [...t.tBodies[0].rows].map(r => Number(r.cells[0].dataset.value))"
        )
        return found

    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(values())
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert values() == sorted(values(), reverse=True)
    assert sorted(values()) != sorted(values(), key=str)


def test_names_sort_as_text(opened: Any) -> None:
    """A column of names sorts as words."""
    table = opened.locator("table[data-name=summary]")
    table.locator("th[data-key=strategy] button").click()
    assert table.locator("tbody tr td:first-child").all_inner_texts() == [
        "least_confident",
        "random",
        "uwe",
    ]


def test_every_table_downloads_as_csv(opened: Any) -> None:
    """Behind every button is a CSV file with the keys and all digits of its table."""
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    areas = opened.locator("table[data-name=areas]")
    with opened.expect_download() as downloading:
        areas.locator("xpath=../..").locator("button.csv").click()
    assert downloading.value.suggested_filename == "areas.csv"
    opened.evaluate(
        "() => { window.files = []; HTMLAnchorElement.prototype.click = function () {"
        " window.files.push(fetch(this.href).then(answer => answer.text())); }; }"
    )
    buttons = opened.locator("button.csv")
    assert buttons.count() == opened.locator("table").count()
    for at in range(buttons.count()):
        buttons.nth(at).click()
        rows = list(csv.DictReader(opened.evaluate("(at) => window.files[at]", at).splitlines()))
        shown = opened.locator("table").nth(at).locator("tbody tr").count()
        assert len(rows) == shown > 0
        assert None not in rows[0]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(browser: Any, page_file: Path, width: int, scheme: str) -> None:
    """At 360 pixels and wider no text leaves the page, with every table and sheet unfolded."""
    context = browser.new_context(
        offline=True, viewport={"width": width, "height": 740}, color_scheme=scheme
    )
    page = empty_page(context)
    page.goto(page_file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = page.evaluate(
        """width => [...document.querySelectorAll('h1,h2,h3,p,li,a,figcaption,svg,svg text,.key')]
            .filter(each => {
                const box = each.getBoundingClientRect();
                return box.width && (box.right > width + 0.5 || box.left < -0.5);
            }).map(each => each.textContent.slice(0, 60))""",
        width,
    )
    assert outside == []
    context.close()


def test_text_in_charts_stays_in_them(opened: Any) -> None:
    """No name or number is cut off at the edge of its chart."""
    opened.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    cut = opened.evaluate(
        """() => [...document.querySelectorAll('svg text')].filter(each => {
            const box = each.getBoundingClientRect();
            const svg = each.ownerSVGElement.getBoundingClientRect();
            return box.left < svg.left - 1 || box.right > svg.right + 1
                || box.top < svg.top - 1 || box.bottom > svg.bottom + 1;
        }).map(each => each.textContent)"""
    )
    assert cut == []


def test_light_and_dark_differ_and_can_be_read(browser: Any, page_file: Path) -> None:
    """Text stands out from the paper in both schemes by 7 to 1 or more."""
    papers = []
    for scheme in ("light", "dark"):
        context = browser.new_context(offline=True, color_scheme=scheme)
        page = empty_page(context)
        page.goto(page_file.as_uri())
        colours = page.evaluate(
            "() => [getComputedStyle(document.body).color,"
            " getComputedStyle(document.body).backgroundColor]"
        )
        ink, paper = (luminance(each) for each in colours)
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 7
        papers.append(paper)
        context.close()
    assert papers[0] > 0.5 > papers[1]


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    shares = [int(each) / 255 for each in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_print_unfolds_every_table(opened: Any) -> None:
    """On paper all is open but the rows behind the maps, and afterwards it is as it was."""
    folded = "document.querySelectorAll('details:not([open])').length"
    inner = "document.querySelectorAll('details details').length"
    before = opened.evaluate(folded)
    assert before > opened.evaluate(inner) > 0
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate(folded) == opened.evaluate(inner)
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate(folded) == before
    opened.emulate_media(media="print")
    assert not opened.locator("button.csv").first.is_visible()
