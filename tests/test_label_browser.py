"""The page of ``uwe label`` in Chromium: by keyboard, on a phone, by two people, through kills."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uwe import journal
from uwe.journal import Answered, Event, Skipped, Withdrawn
from uwe.project import Project

BIRDS = ("crow", "rook", "jay")
SECONDS = 30_000  # milliseconds in which a busy machine does anything
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

pytestmark = pytest.mark.slow
pytest.importorskip("uvicorn", reason="needs pip install 'uwe[label]'")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 80 images, of which 60 are given out."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(3)
    for at in range(80):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(folder / "photos" / f"{at:02}.jpg")
    project = Project(
        folder / "birds.uwe", folder / "photos", "small", classes=BIRDS, image_size=16,
        network={"epochs": 1}, audit=0,
    )  # fmt: skip
    project.ask(60)
    return folder / "birds.uwe"


class Server:
    """``uwe label`` as a process that can be killed and started again at the same address."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = options
        self.port = 0
        self.addresses: list[str] = []
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "uwe", "label", str(self.folder), "--no-browser", "--ahead", "0",
             "--port", str(self.port), *self._options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self._process.stdout is not None
        said, self.addresses = [], []
        for line in self._process.stdout:
            said.append(line)
            if "http://" in line:
                self.addresses.append(line.split()[-1])
            if "Ctrl-C" in line:
                break
        assert self.addresses, "".join(said)
        self.port = int(self.addresses[0].split(":")[2].split("/")[0])

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def events(self) -> list[Event]:
        return journal.read(self.folder / "journal.jsonl")


@pytest.fixture
def served(made: Path, tmp_path: Path) -> Iterator[Any]:
    """Starts servers over copies of the project."""
    servers: list[Server] = []

    def start(*options: str) -> Server:
        folder = shutil.copytree(made, tmp_path / f"birds-{len(servers)}.uwe")
        servers.append(Server(Path(folder), *options))
        return servers[-1]

    yield start
    for each in servers:
        each.kill()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens pages; what they ask for elsewhere and complain of fails the test."""
    contexts, asked, complaints = [], [], []

    def opened(
        address: str,
        size: dict[str, int] = DESKTOP,
        scheme: str = "light",
        shows: str = "#item img",
    ) -> Any:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        context.grant_permissions([])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        own = address.split("/?")[0]
        page.on("request", lambda request: asked.append((own, request.url)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector(shows)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [url for own, url in asked if not url.startswith((own, "data:"))] == []
    assert complaints == []


def name_of(page: Any) -> str:
    return str(page.inner_text("#name"))


def press(page: Any, key: str) -> None:
    """A key that ends with another item on the screen."""
    before = name_of(page)
    page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('#name').textContent !== before",
                           arg=before)  # fmt: skip


def said_of(events: list[Event], by: str = "annotator") -> dict[int, Any]:
    """What stands of a person's answers, by row."""
    told = journal.answers_by_row(events)
    return {row: answers[by] for row, answers in told.items() if by in answers}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_fifty_images_by_keyboard_alone(served: Any, visit: Any, size: dict[str, int]) -> None:
    """Every key is one answer; undo, skip, flag and note are keys, too."""
    server = served()
    page = visit(server.addresses[0], size)
    expected: dict[str, int] = {}
    for at in range(50):
        expected[name_of(page)] = at % 3
        press(page, ("1", "r", "J")[at % 3])
    for _ in range(3):
        press(page, "Backspace")
        assert "You answered" not in page.inner_text("#ask")
        del expected[name_of(page)]
    page.keyboard.press("Space")
    page.wait_for_selector("#skipping[open]")
    skipped = name_of(page)
    press(page, "2")
    page.keyboard.press("!")
    page.keyboard.press(",")
    page.keyboard.type("1 r j ! two of them")  # keys do nothing while a person types
    page.keyboard.press("Enter")
    expected[name_of(page)] = 2
    press(page, "3")
    assert "saved" in page.inner_text("#saved")
    events = server.events()
    project = Project.open(server.folder)
    names = {project.ids[row]: value for row, value in said_of(events).items()}
    assert names == expected
    [skip] = [each for each in events if isinstance(each, Skipped)]
    assert project.ids[skip.rows[0]] == skipped
    assert skip.reason == "it fits no class"
    assert sum(isinstance(each, Withdrawn) for each in events) == 3
    assert "two of them" in str([each for each in events if isinstance(each, Answered)][-1].facts)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_history_leads_back_to_an_answer(served: Any, visit: Any) -> None:
    """A click on one of the last answers shows the item, and another key corrects it."""
    server = served()
    page = visit(server.addresses[0])
    first = name_of(page)
    for key in "123":
        press(page, key)
    button = page.locator("#past button", has_text=first)
    button.click()
    page.wait_for_selector("#before:not([hidden])")
    assert page.inner_text("#before").startswith("You answered: crow.")
    assert name_of(page) == first
    press(page, "3")
    events = server.events()
    assert Counter(said_of(events).values()) == {2: 2, 1: 1}


def test_two_people_at_once(served: Any, visit: Any) -> None:
    """Nobody gets an item of the other, and each answer has its name."""
    server = served("--annotators", "ann,bo")
    pages = [visit(address) for address in server.addresses]
    seen: list[str] = []
    for at in range(15):
        for page in pages:
            seen.append(name_of(page))
            press(page, "123"[at % 3])
    assert len(set(seen)) == 30
    events = server.events()
    assert {len(said_of(events, by)) for by in ("ann", "bo")} == {15}


def test_a_server_that_is_killed_ten_times_loses_nothing(served: Any, visit: Any) -> None:
    """The page waits, reconnects by itself, and each answer is in the journal exactly once."""
    server = served()
    page = visit(server.addresses[0])
    expected: dict[str, int] = {}
    for at in range(40):
        name = name_of(page)
        expected[name] = at % 3
        if at % 4 == 0:
            if at % 8:
                server.kill()
                page.keyboard.press("123"[at % 3])
                page.wait_for_selector("#saved[data-state=offline]")
                assert name_of(page) == name  # nothing new before the answer is on the disk
            else:
                page.keyboard.press("123"[at % 3])
                server.kill()
            server.start()
            page.wait_for_function(
                "before => document.querySelector('#name').textContent !== before", arg=name
            )
        else:
            press(page, "123"[at % 3])
    page.wait_for_selector("#saved[data-state=saved]")
    events = server.events()
    rows = [row for each in events if isinstance(each, Answered) for row in each.rows]
    assert len(rows) == len(set(rows)) == 40
    project = Project.open(server.folder)
    assert {project.ids[row]: value for row, value in said_of(events).items()} == expected


def test_a_page_that_is_loaded_again_sends_what_was_held(served: Any, visit: Any) -> None:
    """An answer that the server never got survives even the browser's reload."""
    server = served()
    page = visit(server.addresses[0])
    name = name_of(page)
    server.kill()
    page.keyboard.press("2")
    page.wait_for_selector("#saved[data-state=offline]")
    server.start()
    page.reload()
    page.wait_for_function(
        "before => !['', before].includes(document.querySelector('#name').textContent)", arg=name
    )
    project = Project.open(server.folder)
    assert {project.ids[row]: value for row, value in said_of(server.events()).items()} == {name: 1}


def test_an_undo_whose_reply_is_lost_takes_back_one_act(served: Any, visit: Any) -> None:
    """The page sends it again, and the act before it stands."""
    server = served()
    page = visit(server.addresses[0])
    for key in "123":
        press(page, key)
    lost: list[str] = []

    def handled(route: Any) -> None:
        reply = route.fetch()
        if lost:
            return route.fulfill(response=reply)
        lost.append(reply.text())
        return route.abort()

    page.route("**/undo", handled)
    press(page, "Backspace")
    assert lost
    assert len(said_of(server.events())) == 2


def test_a_page_that_is_left_alone_renews_nothing(served: Any, visit: Any) -> None:
    """Claims are renewed while a person is there, and the page takes no further item for it."""
    page = visit(served().addresses[0])
    press(page, "1")
    asked: list[Any] = []
    page.on("request", lambda request: request.url.endswith("/deal") and asked.append(request))
    page.wait_for_timeout(300)
    asked.clear()
    for _ in range(3):
        page.evaluate("renew()")
        page.wait_for_timeout(200)
    assert [each.post_data_json["n"] for each in asked] == [0]
    assert len(asked[0].post_data_json["holding"]) == 4


def test_a_refused_answer_of_a_former_page_is_told(served: Any, visit: Any) -> None:
    """An answer that was held while the page was loaded again, and came too late, is not silent."""
    server = served()
    page = visit(server.addresses[0])
    name = name_of(page)
    server.kill()
    page.keyboard.press("2")
    page.wait_for_selector("#saved[data-state=offline]")
    page.goto("about:blank")
    Project.open(server.folder).tell([name], ["crow"], by="annotator")
    server.start()
    page.goto(server.addresses[0])
    page.wait_for_selector("#notice:not([hidden])")
    assert "answered otherwise meanwhile" in page.inner_text("#notice")
    assert "not saved" in page.inner_text("#saved")


def test_a_link_of_another_site_lets_a_person_in(served: Any, browser: Any) -> None:
    """A person clicks the address in a web mail or a chat, and labels."""
    address = served().addresses[0]
    page = browser.new_page()
    mail = f'<a href="{address}">label these</a>'
    page.route(
        "http://mail.example/", lambda route: route.fulfill(body=mail, content_type="text/html")
    )
    page.goto("http://mail.example/")
    page.click("a")
    page.wait_for_selector("#item img", timeout=SECONDS)
    page.close()


def test_keys_can_be_changed_and_turned_off(served: Any, visit: Any) -> None:
    """The browser remembers them; a key that is taken is refused."""
    page = visit(served().addresses[0])
    page.keyboard.press("?")
    row = page.locator("#key-table tr", has_text="crow").locator("button")
    row.click()
    page.keyboard.press("r")
    assert "is the key of" in page.inner_text("#key-notice")
    row.click()
    page.keyboard.press("x")
    page.keyboard.press("Escape")
    press(page, "x")
    page.reload()
    page.wait_for_selector("#item img")
    assert "X" in page.locator("#choices button", has_text="crow").inner_text()
    press(page, "x")
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    before = name_of(page)
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    assert name_of(page) == before
    page.locator("#choices button", has_text="rook").click()
    page.wait_for_function("before => document.querySelector('#name').textContent !== before",
                           arg=before)  # fmt: skip


def test_zoom_guidelines_and_focus(served: Any, visit: Any, tmp_path: Path) -> None:
    """An image is enlarged, guidelines are one key away, and a click leaves no focus behind."""
    (tmp_path / "guide.md").write_text("# Birds\n\n- **crow**: black beak\n")
    page = visit(served("--guidelines", str(tmp_path / "guide.md")).addresses[0])
    page.keyboard.press("+")
    assert "scale(1.4)" in page.locator("#item img").get_attribute("style")
    page.keyboard.press("=")
    assert "scale" not in (page.locator("#item img").get_attribute("style") or "")
    page.keyboard.press("g")
    assert page.inner_text("#guidelines strong") == "crow"
    page.keyboard.press("g")
    assert page.locator("dialog[open]").count() == 0
    before = name_of(page)
    page.locator("#choices button", has_text="jay").click()
    page.wait_for_function("before => document.querySelector('#name').textContent !== before",
                           arg=before)  # fmt: skip
    assert page.evaluate("document.activeElement.id") == "stage"


def trained(server: Server, page: Any) -> None:
    """Three answers, a model of them, and the page with its predictions."""
    for key in "123":
        press(page, key)
    subprocess.run(
        [sys.executable, "-m", "uwe", "next", str(server.folder), "-k", "2", "--more"],
        check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    page.reload()
    page.wait_for_selector("#guess button")


def test_a_prediction_is_hidden_until_asked(served: Any, visit: Any) -> None:
    """Enter keeps it only when it was shown, and each answer says whether it was."""
    server = served("--show", "asked", "--blind", "0%")
    page = visit(server.addresses[0])
    trained(server, page)
    before = name_of(page)
    page.keyboard.press("Enter")
    assert "hidden" in page.inner_text("#notice")
    assert name_of(page) == before
    press(page, "1")
    page.keyboard.press(".")
    guess = page.inner_text("#guess strong")
    press(page, "Enter")
    *_, unseen, seen = [each for each in server.events() if isinstance(each, Answered)]
    assert (unseen.facts["shown"], seen.facts["shown"]) == ("no", "asked")
    assert seen.values == (BIRDS.index(guess),)


def serious(page: Any) -> list[str]:
    """What axe finds that is serious or critical."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_nothing_serious_is_inaccessible(
    served: Any, visit: Any, tmp_path: Path, size: dict[str, int], scheme: str
) -> None:
    """With a prediction, in the grid, and in each dialog, in light and dark."""
    (tmp_path / "guide.md").write_text("# Birds\n\n`code` and *words*\n" * 20)
    server = served("--guidelines", str(tmp_path / "guide.md"), "--blind", "0%")
    page = visit(server.addresses[0], size, scheme)
    assert serious(page) == []
    trained(server, page)
    assert serious(page) == []
    for key, opened in (
        ("?", "#keyboard"),
        ("g", "#guidelines"),
        ("Space", "#skipping"),
        ("#", "#grid"),
    ):
        page.keyboard.press(key)
        page.wait_for_selector(f"{opened}[open]")
        assert serious(page) == [], opened
        if opened != "#grid":
            page.keyboard.press("Escape")
    page.locator("#tiles button").nth(1).click()
    many = page.locator("#tiles button").count()
    before = len(said_of(server.events()))
    page.keyboard.press("2")
    page.wait_for_selector("#grid:not([open])", state="attached")
    page.wait_for_selector("#saved[data-state=saved]")
    assert many > 2
    assert len(said_of(server.events())) == before + many - 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_enter_keeps_no_prediction_of_a_single_item_for_many(
    browser: Any, tmp_path: Path, visit: Any
) -> None:
    """The grid shows no prediction, so that Enter labels nothing there."""
    x = np.random.default_rng(1).normal(size=(40, 3))
    np.save(tmp_path / "x.npy", x)
    project = Project(tmp_path / "p.uwe", tmp_path / "x.npy", classes=BIRDS, audit=0)
    rows = project.ask(9).rows.tolist()
    project.tell(rows, [BIRDS[row % 3] for row in rows], by="dan")
    project.train()
    project.ask(20)
    server = Server(project.files.folder, "--blind", "0%")
    try:
        page = visit(server.addresses[0], shows="#item table")
        page.wait_for_selector("#guess button")
        page.keyboard.press("#")
        page.wait_for_selector("#grid[open]")
        page.evaluate("document.activeElement.blur()")
        before = len(server.events())
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert "Choose a class" in page.inner_text("#grid-count")
        assert len(server.events()) == before
        page.keyboard.press("2")
        page.wait_for_selector("#grid", state="hidden")
        assert len(server.events()) == before + 1
    finally:
        server.kill()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("1,5", 1.5), ("1,234", None), ("0,125", 0.125), ("-2.5e3", -2500.0), ("0x10", None)],
)
def test_a_number_that_can_be_read_in_two_ways_is_asked_again(
    tmp_path: Path, visit: Any, typed: str, expected: float | None
) -> None:
    """A comma is a decimal comma, unless it may stand between thousands."""
    (tmp_path / "t.csv").write_text("id,a\n" + "".join(f"t{i},{i}\n" for i in range(20)))
    project = Project(
        tmp_path / "p.uwe", tmp_path / "t.csv", "sklearn:ridge", task="regression", audit=0
    )
    project.ask(8)
    server = Server(project.files.folder)
    try:
        page = visit(server.addresses[0], shows="#item table")
        page.fill("#number", typed)
        page.keyboard.press("Enter")
        if expected is None:
            page.wait_for_selector("#wrong:not(:empty)")
            assert said_of(server.events()) == {}
        else:
            page.wait_for_selector("#saved[data-state=saved]")
            assert [*said_of(server.events()).values()] == [expected]
    finally:
        server.kill()


def test_the_next_item_is_there_at_once(served: Any, visit: Any) -> None:
    """Its image is loaded before the answer is given: a key asks for the answer's route alone."""
    page = visit(served().addresses[0])
    press(page, "1")
    page.wait_for_timeout(500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    before = name_of(page)
    shown = page.evaluate(
        """async before => {
            document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true}));
            const name = document.querySelector('#name');
            while (name.textContent === before) await new Promise(go => setTimeout(go, 1));
            const image = document.querySelector('#item img');
            return image.complete && image.naturalWidth > 0;
        }""",
        before,
    )
    assert shown
    assert asked[0] == "answer"
