"""The page of ``uwe label`` without a browser: who may come in, what is refused, what is shown."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from uwe import journal
from uwe.cli import main
from uwe.cli.label import _folder_of, _names
from uwe.errors import DataError, InputError
from uwe.journal import Answered
from uwe.project import Project
from uwe.project.pictures import large_picture

pytest.importorskip("starlette", reason="needs pip install 'uwe[label]'")
pytest.importorskip("httpx", reason="needs pip install httpx")

from starlette.testclient import TestClient

from uwe.label.annotators import Annotators
from uwe.label.desk import Desk
from uwe.label.page import Doors, PageOptions, Place, make_app
from uwe.label.page.doors import derived_tokens
from uwe.label.page.guard import Rates
from uwe.label.page.guidelines import guidelines_html
from uwe.label.page.keys import RESERVED, class_keys

BIRDS = ("crow", "rook", "raven")
HOST = "127.0.0.1:8765"
BASE = f"http://{HOST}"


def photos(folder: Path, n: int = 12, side: int = 24) -> Path:
    """Small images of noise."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for at in range(n):
        pixels = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{at:02}.png")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of images of which eight are given out."""
    folder = tmp_path_factory.mktemp("label")
    project = Project(
        folder / "birds.uwe", photos(folder / "photos"), "small", classes=BIRDS, image_size=16
    )
    project.ask(8)
    return folder / "birds.uwe"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the project, for one test."""
    import shutil

    return Path(shutil.copytree(made, tmp_path / "birds.uwe"))


Visit = Callable[..., TestClient]


@pytest.fixture
def visit(folder: Path) -> Iterator[Visit]:
    """Makes a client of one person; the desk is one for all of them."""
    project = Project.open(folder)
    people = Annotators.load_or_make(project.files, ["ann", "bo", "cy"])
    doors = Doors(people.tokens, "127.0.0.1", 8765, "abcd")
    desk = Desk.open(project, people=people, blind=0.0, train=False)

    def client(name: str | None = "ann", **options: Any) -> TestClient:
        app = make_app(desk, project, doors, PageOptions("birds", **options))
        made = TestClient(app, base_url=BASE, headers={"Origin": BASE}, follow_redirects=False)
        made.project, made.tokens = project, people.tokens
        if name is not None:
            assert made.get("/", params={"token": people.tokens[name]}).status_code == 303
        return made

    yield client
    desk.close()


def cards(client: TestClient, n: int = 1, holding: list[str] | None = None) -> list[Any]:
    reply = client.post("/deal", json={"n": n, "holding": holding or []})
    assert reply.status_code == 200, reply.text
    found: list[Any] = reply.json()["cards"]
    return found


def undo(client: TestClient) -> Any:
    return client.post("/undo", json={}).json()["card"]


def answers(client: TestClient) -> list[Answered]:
    return [each for each in client.project.events() if isinstance(each, Answered)]


def test_an_answer_is_in_the_journal_when_the_page_says_saved(visit: Visit) -> None:
    """The event has the person, the label, the seconds and what the page knows."""
    ann = visit()
    [card] = cards(ann)
    said = {"ticket": card["ticket"], "label": "rook", "seconds": 1.25, "note": " far away "}
    reply = ann.post("/answer", json={**said, "flagged": True})
    assert reply.status_code == 200
    [event] = answers(ann)
    assert (event.rows, event.values, event.by) == ((card["row"],), (1,), "ann")
    assert event.seconds == 1.25 or event.seconds == (1.25,)
    assert event.facts["ticket"] == card["ticket"]
    assert event.facts["shown"] == "no"
    assert event.facts["page"] is True
    assert event.id == reply.json()["event"]
    assert "far away" in json.dumps(event.facts)


def test_the_same_answer_twice_is_kept_once(visit: Visit) -> None:
    """A browser that got no reply sends again, and nothing is doubled."""
    ann = visit()
    [card] = cards(ann)
    said = {"ticket": card["ticket"], "label": "crow"}
    replies = [ann.post("/answer", json=said).json() for _ in range(3)]
    assert [each["is_new"] for each in replies] == [True, False, False]
    assert len(answers(ann)) == 1


def test_late_answers_are_told_apart(visit: Visit) -> None:
    """Another value for an old ticket, an undone item, and another person's ticket are refused."""
    ann, bo = visit(), visit("bo")
    [card] = cards(ann)
    said = {"ticket": card["ticket"], "label": "crow"}
    assert ann.post("/answer", json=said).status_code == 200
    late = ann.post("/answer", json={**said, "label": "rook"})
    assert (late.status_code, late.json()["code"]) == (409, "late")
    assert undo(ann)["row"] == card["row"]
    undone = ann.post("/answer", json=said)
    assert (undone.status_code, undone.json()["code"]) == (409, "late")
    stolen = bo.post("/answer", json=said)
    assert (stolen.status_code, stolen.json()["code"]) == (409, "not-yours")
    unknown = ann.post("/answer", json={"ticket": "7-7-made-up", "label": "crow"})
    assert (unknown.status_code, unknown.json()["code"]) == (409, "unknown-ticket")


def test_a_settled_item_takes_no_answer(visit: Visit) -> None:
    """What another person has decided meanwhile is not changed by a browser that is late."""
    ann = visit()
    [card] = cards(ann)
    ann.project.settle([card["row"]], ["raven"], by="cy")
    reply = ann.post("/answer", json={"ticket": card["ticket"], "label": "crow"})
    assert (reply.status_code, reply.json()["code"]) == (409, "settled")
    assert answers(ann) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/answer", {}),
        ("/answer", {"ticket": 7, "label": "crow"}),
        ("/answer", {"ticket": "x" * 3000, "label": "crow"}),
        ("/answer", {"ticket": "T", "label": "crwo"}),
        ("/answer", {"ticket": "T", "label": None}),
        ("/answer", {"ticket": "T", "label": {"a": 1}}),
        ("/answer", {"ticket": "T", "label": "crow", "seconds": -1}),
        ("/answer", {"ticket": "T", "label": "crow", "seconds": "fast"}),
        ("/answer", {"ticket": "T", "label": "crow", "seconds": True}),
        ("/answer", {"ticket": "T", "label": "crow", "shown": "maybe"}),
        ("/answer", {"ticket": "T", "label": "crow", "note": "n" * 3000}),
        ("/skip", {"ticket": "T"}),
        ("/skip", {"ticket": "T", "reason": 5}),
        ("/answers", {"labels": {}}),
        ("/answers", {"labels": ["T"]}),
        ("/answers", {"labels": {"T": "crwo"}}),
        ("/deal", {"n": "4"}),
        ("/deal", {"n": 10**6}),
        ("/deal", {"n": 1, "holding": [5]}),
        ("/again", {"row": -1}),
        ("/again", {"row": 10**9}),
        ("/settle", {"row": 1.5, "label": "crow"}),
        ("/settle", {"row": 0, "label": "crow"}),
    ],
)
def test_a_request_that_is_wrong_is_refused_in_one_line(
    visit: Visit, path: str, body: dict[str, Any]
) -> None:
    """Nothing is recorded, and the reply says what is wrong."""
    ann = visit()
    [card] = cards(ann)
    text = json.dumps(body).replace('"T"', json.dumps(card["ticket"]))
    reply = ann.post(path, content=text, headers={"content-type": "application/json"})
    assert reply.status_code in (400, 409), reply.text
    assert "\n" not in reply.json()["message"]
    assert answers(ann) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 30_000, "application/json"),
        (b"{}", "text/plain"),
        (b"n=1", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_object_of_json_is_refused(visit: Visit, body: bytes, kind: str) -> None:
    """Forms of other pages and broken bodies change nothing."""
    reply = visit().post("/deal", content=body, headers={"content-type": kind})
    assert reply.status_code == 400


def test_large_bodies_are_refused(visit: Visit) -> None:
    """64 kB is the most, whether the length is told or not."""
    ann = visit()
    json_type = {"content-type": "application/json"}
    assert ann.post("/deal", content=b" " * 70_000, headers=json_type).status_code == 413

    def unending() -> Iterator[bytes]:
        for _ in range(9):
            yield b" " * 10_000

    assert ann.post("/deal", content=unending(), headers=json_type).status_code == 413


def test_a_page_of_another_place_gets_nothing(visit: Visit) -> None:
    """A foreign Host (DNS rebinding) and a foreign or missing Origin (CSRF) are refused."""
    ann = visit()
    for host in (
        "evil.example:8765",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost.evil.example:8765",
        "",
    ):
        assert ann.get("/", headers={"Host": host}).status_code == 421
    assert ann.get("/", headers={"Host": "localhost:8765"}).status_code != 421
    for origin in ("http://evil.example", "null", "", "https://127.0.0.1:8765", f"{BASE}.evil"):
        reply = ann.post("/deal", json={"n": 1}, headers={"Origin": origin})
        assert reply.status_code == 403
    assert ann.put("/deal", json={}).status_code == 405
    assert ann.request("OPTIONS", "/deal").status_code == 405


def test_every_reply_has_the_headers_of_safety(visit: Visit) -> None:
    """No script, frame or type of another place is possible, and no address leaks."""
    ann = visit()
    for path in ("/", "/history", "/items/0", "/static/label.js", "/nothing", "/items/9999"):
        headers = ann.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert ann.get("/", headers={"Host": "evil.example"}).headers["x-frame-options"] == "DENY"
    assert ann.get("/").headers["cache-control"] == "no-store"


def test_a_token_is_needed_and_leaves_the_address(visit: Visit) -> None:
    """The cookie is for this server alone, and names port and project."""
    stranger = visit(None)
    assert stranger.get("/").status_code == 401
    assert stranger.post("/deal", json={"n": 1}).status_code == 401
    for path in ("/history", "/progress", "/items/0", "/items/0/small", "/conflicts"):
        assert stranger.get(path).status_code == 401
    refused = stranger.get("/", params={"token": "guessed"})
    assert refused.status_code == 403
    assert "another project" in refused.text
    entered = stranger.get("/", params={"token": stranger.tokens["bo"]})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert cookie.startswith("uwe-8765-abcd=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert stranger.get("/").status_code == 200


def test_the_token_of_another_project_is_told(visit: Visit) -> None:
    """A browser that has an old cookie learns what to do."""
    stranger = visit(None)
    stranger.cookies.set("uwe-8765-abcd", "of-another-project")
    page = stranger.get("/")
    assert page.status_code == 403
    assert "uwe label" in page.text
    assert stranger.post("/deal", json={"n": 1}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/htmx.LICENSE", "//etc/passwd",
     "/items/../../etc/passwd", "/items/-1", "/items/12", "/items/1e3", "/static/"],
)  # fmt: skip
def test_no_other_file_is_served(visit: Visit, path: str) -> None:
    """Items are served by their row, and the page's own files by their listed names."""
    assert visit().get(path).status_code in (404, 421)


def test_an_image_is_served_as_it_is(visit: Visit) -> None:
    """The bytes are those of the file; a browser that has them gets no second copy."""
    ann = visit()
    reply = ann.get("/items/3")
    folder = Path(ann.project.settings.source)
    assert reply.content == (folder / ann.project.ids[3]).read_bytes()
    assert reply.headers["content-type"] == "image/png"
    assert "private" in reply.headers["cache-control"]
    again = ann.get("/items/3", headers={"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ann.get("/items/3/small").headers["content-type"] == "image/jpeg"


def test_an_image_of_another_project_is_not_shown_from_the_cache(
    visit: Visit, folder: Path
) -> None:
    """Two projects have one address for their images; a browser asks before it shows one again."""
    ann = visit()
    first = ann.get("/items/3")
    assert "no-cache" in first.headers["cache-control"]
    (folder / "annotators.json").unlink()  # as in a project that was made anew in its place
    project = Project.open(folder)
    people = Annotators.load_or_make(project.files, ["ann"])
    doors = Doors(people.tokens, "127.0.0.1", 8765, "abcd")
    desk = Desk.open(project, people=people, train=False)
    other = TestClient(make_app(desk, project, doors, PageOptions("birds")), base_url=BASE)
    other.get("/", params={"token": people.tokens["ann"]})
    reply = other.get("/items/3", headers={"If-None-Match": first.headers["etag"]})
    assert reply.status_code == 200


def test_a_broken_image_is_told_and_can_be_skipped(visit: Visit, tmp_path: Path) -> None:
    """The reply names the reason, and a skip is kept as of any other item."""
    ann = visit()
    [card] = cards(ann)
    items = ann.project.items

    def fails(row: int) -> Any:
        raise DataError(f"cannot decode the image of row {row}")

    object.__setattr__(items, "picture", fails)
    reply = ann.get(f"/items/{card['row']}")
    assert (reply.status_code, reply.text) == (422, f"cannot decode the image of row {card['row']}")
    said = {"ticket": card["ticket"], "reason": "it cannot be seen or read"}
    assert ann.post("/skip", json=said).status_code == 200
    assert ann.project.state().skipped == 1


def test_large_and_rare_images_are_converted(tmp_path: Path) -> None:
    """What browsers do not show becomes a JPEG of at most 2048 pixels."""
    rng = np.random.default_rng(0)
    wide = Image.fromarray(rng.integers(0, 255, (30, 5000, 3), dtype=np.uint8))
    deep = Image.fromarray((rng.random((40, 40)) * 65535).astype(np.uint16))
    for name, image in (
        ("a.png", wide),
        ("b.tif", wide),
        ("c.bmp", wide.resize((50, 30))),
        ("d.png", deep),
    ):
        image.save(tmp_path / name)
        picture = large_picture(tmp_path / name)
        assert picture.media == "image/jpeg"
        assert max(Image.open(io.BytesIO(picture.body)).size) <= 2048
    for name, media in (("e.gif", "image/gif"), ("f.webp", "image/webp"), ("g.jpg", "image/jpeg")):
        wide.resize((60, 40)).save(tmp_path / name)
        picture = large_picture(tmp_path / name)
        assert (picture.body, picture.media) == ((tmp_path / name).read_bytes(), media)
    (tmp_path / "h.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"h\.png"):
        large_picture(tmp_path / "h.png")


def test_nobody_floods_the_server(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each person has a bound of their own, and comes back after a moment."""
    now = 0.0
    rates = Rates(3, 1, clock=lambda: now)
    assert [rates.allows("ann") for _ in range(5)] == [True] * 3 + [False] * 2
    assert rates.allows("bo")
    now = 2.0
    assert [rates.allows("ann") for _ in range(3)] == [True, True, False]
    monkeypatch.setattr("uwe.label.page.app.Rates", lambda: Rates(6, 0))
    ann = visit()
    statuses = [ann.post("/deal", json={"n": 1}).status_code for _ in range(8)]
    assert statuses == [200] * 6 + [429] * 2
    assert ann.get("/static/icon.svg").status_code == 200


def test_text_of_people_is_never_code(visit: Visit) -> None:
    """A class, a title or guidelines with tags are shown as text."""
    ann = visit()
    ann.project.add_classes(["</script><img src=x onerror=alert(1)>"])
    again = make_client_of(
        ann, guidelines="# <b>x</b>\n\n[a](javascript:alert(1))", title="<i>t</i>"
    )
    page = again.get("/").text
    assert "<img src=x" not in page
    assert "</script><" not in page.split('id="setup"', 1)[1].split("</script>", 1)[0]
    assert "<b>x</b>" not in page
    assert "&lt;i&gt;t&lt;/i&gt;" in page
    assert 'href="javascript' not in page
    assert "style=" not in page


def make_client_of(client: TestClient, *, title: str, **options: Any) -> TestClient:
    """Another page over the same project, for the same person."""
    project = client.project
    people = Annotators.load_or_make(project.files)
    desk = Desk.open(project, people=people, train=False)
    app = make_app(desk, project, Doors(people.tokens, "127.0.0.1", 8765, "abcd"),
                   PageOptions(title, **options))  # fmt: skip
    made = TestClient(app, base_url=BASE, headers={"Origin": BASE}, follow_redirects=False)
    made.cookies.set("uwe-8765-abcd", people.tokens["ann"])
    return made


def test_undo_skip_and_history_go_together(visit: Visit) -> None:
    """The last acts are listed with the newest first, and each undo takes one back."""
    ann = visit()
    first, second, third = cards(ann, 3)
    ann.post("/answer", json={"ticket": first["ticket"], "label": "crow"})
    ann.post("/skip", json={"ticket": second["ticket"], "reason": "too dark"})
    ann.post("/answer", json={"ticket": third["ticket"], "label": "raven", "flagged": True})
    page = ann.get("/history").text
    assert page.index("raven") < page.index("skipped") < page.index("crow")
    rows = [undo(ann)["row"] for _ in range(3)]
    assert rows == [third["row"], second["row"], first["row"]]
    assert undo(ann) is None
    assert ann.project.state().labelled == 0


def test_the_same_undo_twice_takes_one_act_back(visit: Visit) -> None:
    """A browser that got no reply sends the undo again; the act before it stands."""
    ann = visit()
    for card in cards(ann, 3):
        ann.post("/answer", json={"ticket": card["ticket"], "label": "crow"})
    replies = [ann.post("/undo", json={"once": "a"}).json()["card"]["row"] for _ in range(3)]
    assert len(set(replies)) == 1
    assert ann.project.state().labelled == 2


def test_an_item_of_the_history_can_be_corrected(visit: Visit) -> None:
    """It comes with what was said, and the new answer counts."""
    ann = visit()
    [card] = cards(ann)
    ann.post("/answer", json={"ticket": card["ticket"], "label": "crow", "note": "small"})
    again = ann.post("/again", json={"row": card["row"]}).json()["card"]
    assert (again["answer"], again["note"]) == ("crow", "small")
    assert ann.post("/answer", json={"ticket": again["ticket"], "label": "rook"}).status_code == 200
    assert ann.project.labels()[card["id"]] == "rook"


def test_several_items_are_answered_as_one_event(visit: Visit) -> None:
    """The grid sends all tickets at once."""
    ann = visit()
    given = cards(ann, 4)
    labels = {each["ticket"]: "raven" for each in given}
    assert ann.post("/answers", json={"labels": labels, "seconds": 2.0}).status_code == 200
    [event] = answers(ann)
    assert set(event.rows) == {each["row"] for each in given}


def test_the_progress_is_shown(visit: Visit) -> None:
    """Labelled and skipped items are counted, in all and for each class."""
    ann = visit()
    first, second = cards(ann, 2)
    ann.post("/answer", json={"ticket": first["ticket"], "label": "crow"})
    ann.post("/skip", json={"ticket": second["ticket"], "reason": "too dark"})
    page = ann.get("/progress").text
    assert "1</strong> of 12 labelled, 1 skipped" in page
    assert "6 open" in page


def test_a_third_person_settles(visit: Visit) -> None:
    """Two people who differ are not asked; the page of a third shows both answers."""
    ann, bo, cy = visit(), visit("bo"), visit("cy")
    [card] = cards(ann)
    ann.project.tell([card["id"]], ["crow"], by="ann")
    ann.project.tell([card["id"]], ["rook"], by="bo")
    cards(cy)  # the desk looks at the journal again
    assert card["id"] not in ann.get("/conflicts").text
    page = cy.get("/conflicts").text
    assert card["id"] in page
    assert "crow" in page
    assert "rook" in page
    assert ann.post("/settle", json={"row": card["row"], "label": "crow"}).status_code == 400
    assert cy.post("/settle", json={"row": card["row"], "label": "rook"}).status_code == 200
    assert cy.project.labels()[card["id"]] == "rook"
    assert bo.get("/conflicts").status_code == 200


def test_an_error_of_the_project_is_one_line_on_the_page(visit: Visit) -> None:
    """What the desk cannot do ends in a message, also where nothing is asked but to look."""
    from uwe.project.files import ProjectFiles

    ann = visit()
    ProjectFiles(ann.project.files.folder).journal.write_text("no journal\n")
    for path in ("/history", "/progress", "/conflicts"):
        reply = ann.get(path)
        assert reply.status_code == 500
        assert "journal" in reply.text


def test_a_broken_item_does_not_hide_the_other_conflicts(tmp_path: Path) -> None:
    """A conflict whose item cannot be read is shown as such, and can be settled."""
    x = np.random.default_rng(0).normal(size=(20, 2))
    project = Project(tmp_path / "p.uwe", x, classes=BIRDS, audit=0)
    rows = project.ask(2).rows.tolist()
    for by, label in (("bo", "crow"), ("cy", "rook")):
        project.tell(rows, [label, label], by=by)
    people = Annotators.load_or_make(project.files, ["ann", "bo", "cy"])
    doors = Doors(people.tokens, "127.0.0.1", 8765, "abcd")
    desk = Desk.open(project, people=people, train=False)
    ann = TestClient(make_app(desk, project, doors, PageOptions("p")), base_url=BASE)
    ann.get("/", params={"token": people.tokens["ann"]})
    assert "<table" in ann.get("/conflicts").text

    def fails(row: int) -> Any:
        if row == rows[0]:
            raise DataError("the table is damaged")
        return preview(row)

    preview = project.items.preview
    object.__setattr__(project.items, "preview", fails)
    page = ann.get("/conflicts").text
    assert "This item cannot be shown: the table is damaged." in page
    assert page.count('<li data-row="') == 2


def test_numbers_keep_to_their_range(tmp_path: Path) -> None:
    """A number outside is refused by the server, too, and the unit is on the page."""
    (tmp_path / "trees.csv").write_text("id,height\n" + "".join(f"t{i},{i}\n" for i in range(9)))
    project = Project(
        tmp_path / "trees.uwe", tmp_path / "trees.csv", "sklearn:forest", task="regression",
        task_options={"unit": "kg"},
    )  # fmt: skip
    project.ask(3)
    people = Annotators.load_or_make(project.files)
    desk = Desk.open(project, people=people, train=False)
    options = PageOptions("trees", bounds=(0, 100), unit="kg")
    app = make_app(desk, project, Doors(people.tokens, "127.0.0.1", 8765, "ef"), options)
    client = TestClient(app, base_url=BASE, headers={"Origin": BASE})
    client.get("/", params={"token": people.tokens["annotator"]})
    [card] = cards(client)
    assert (
        card["item"]
        == {
            "kind": "values",
            "values": [["height", str(float(card["row"]))[:3].rstrip("0").rstrip(".") or "0"]],
            "more": 0,
        }
        or card["item"]["kind"] == "values"
    )
    reply = client.post("/answer", json={"ticket": card["ticket"], "label": 101})
    assert reply.status_code == 400
    assert reply.json()["message"] == "101 is outside 0 to 100; give a number in this range"
    assert client.post("/answer", json={"ticket": card["ticket"], "label": 99.5}).status_code == 200
    assert "Answer in kg" in client.get("/").text


def test_blind_and_hidden_predictions_do_not_leave_the_server(visit: Visit) -> None:
    """With ``show`` never, and for a blind card, neither prediction nor neighbour is sent."""
    from uwe.label.cards import Card, Prediction, Why
    from uwe.label.page.card_json import as_json

    items = visit().project.items
    why = Why(("uncertain",), items.ids[1], "crow", 3, 97.0, is_audit=False)
    said = Prediction("crow", 0.9, (("crow", 0.9),))
    card = Card(0, items.ids[0], "t", 1, why, said, blind=False)
    assert as_json(card, items)["prediction"]["label"] == "crow"
    assert as_json(card, items)["why"]["neighbour"]["row"] == 1
    blind = Card(0, items.ids[0], "t", 1, why, said, blind=True)
    for sent in (as_json(blind, items), as_json(card, items, hides_predictions=True)):
        assert "crow" not in json.dumps(sent)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=40, unique=True))
def test_no_key_stands_for_two_classes(names: list[str]) -> None:
    """Keys differ, the page's own letters stay free, and the first nine classes have a digit."""
    keys = class_keys(names)
    every = [key for each in keys for key in each]
    assert len(every) == len(set(every))
    assert not RESERVED & set(every)
    if not any(name[0] in "0123456789" for name in names):
        assert [each[0] for each in keys[:9]] == list("123456789"[: len(keys)])


@pytest.mark.parametrize(
    "names", [list("0123456789"), ["5 stars", "4 stars", "3 stars"], ["other", "2", "1"]]
)
def test_a_digit_chooses_the_class_that_begins_with_it(names: list[str]) -> None:
    """A person who sees a 3 presses 3: no digit stands for a class that has another number."""
    by_key = {
        key: name for name, keys in zip(names, class_keys(names), strict=True) for key in keys
    }
    told = {key: name for key, name in by_key.items() if key.isdecimal()}
    assert told == {name[0]: name for name in names if name[0].isdecimal()}


def test_no_class_takes_the_key_of_none(tmp_path: Path) -> None:
    """With several classes an item, 0 means none of them, also where a class is called 0."""
    x = np.random.default_rng(0).normal(size=(20, 2))
    project = Project(tmp_path / "p.uwe", x, task="multilabel", classes=["0", "1"])
    people = Annotators.load_or_make(project.files)
    doors = Doors(people.tokens, "127.0.0.1", 8765, "abcd")
    desk = Desk.open(project, people=people, train=False)
    ann = TestClient(make_app(desk, project, doors, PageOptions("p")), base_url=BASE)
    page = ann.get("/", params={"token": people.tokens["annotator"]}).text
    setup = json.loads(page.partition('id="setup">')[2].partition("</script>")[0])
    assert [each["keys"] for each in setup["classes"]] == [["a"], ["1", "b"]]


@given(st.text(max_size=300))
def test_guidelines_hold_no_tag_of_their_own(text: str) -> None:
    """For any text, the result has only the tags of the listed elements."""
    import re

    tags = set(re.findall(r"<\s*/?\s*([^\s>]*)", guidelines_html(text)))
    assert tags <= {"h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "pre", "code", "strong", "em"}


def test_a_secret_that_was_chosen_gives_each_person_a_token() -> None:
    """Nobody can work out another's token, and short secrets are refused."""
    tokens = derived_tokens("a-long-enough-secret", ["ann", "bo"])
    assert len(set(tokens.values())) == 2
    assert tokens == derived_tokens("a-long-enough-secret", ["ann", "bo"])
    for secret in ("short", "with spaces in it, but long", "ü" * 20):
        with pytest.raises(InputError, match="--token needs at least 16"):
            derived_tokens(secret, ["ann"])


def test_behind_a_network_address_only_numbers_and_own_names_are_ours() -> None:
    """With ``--host 0.0.0.0`` a name of another place is still refused."""
    doors = Doors({}, "0.0.0.0", 8765, "ab")
    assert doors.is_ours("192.168.1.7:8765")
    assert doors.is_ours(f"{socket.gethostname()}:8765")
    assert not doors.is_ours("evil.example:8765")
    assert not Doors({}, "127.0.0.1", 8765, "ab").is_ours("192.168.1.7:8765")


def test_options_that_do_not_fit_end_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is refused before anything is made, with exit code 2."""
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe\xfa")
    project = str(folder)
    for arguments, told in (
        ([str(tmp_path / "nothing")], "does not exist"),
        ([project, "--host", "0.0.0.0"], "--token SECRET"),
        ([project, "--host", "0.0.0.0", "--token", "short"], "at least 16"),
        ([project, "--overlap", "20%"], "--annotators ann,bo"),
        ([project, "--overlap", "120%", "--annotators", "a,b"], "from 0% to 100%"),
        ([project, "--blind", "much"], "--blind must be a share"),
        ([project, "--guidelines", str(tmp_path / "bad.md")], "not UTF-8"),
        ([project, "--guidelines", str(tmp_path / "no.md")], "cannot read the guidelines"),
        ([project, "--range", "5:1"], "from less to more"),
        ([project, "--range", "0:9", "--port", "0"], "--range is for numbers"),
        ([project, "--port", "99999"], "--port must be 0 to 65535"),
        ([project, "--batch", "0"], "--batch must be at least 1"),
        ([project, "--annotators", "ann,,bo"], "separated by commas"),
        ([project, "--annotators", "ann,ann"], "twice"),
        ([project, "--classes", "a,b"], "is a project already"),
        ([project, "--show", "sometimes"], "--show"),
    ):
        capsys.readouterr()
        assert main(["label", *arguments, "--no-browser"]) == 2, arguments
        error = capsys.readouterr().err
        assert told in error
        assert len(error.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.md", "birds.uwe"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("photos", "photos.uwe"),
        ("photos/", "photos.uwe"),
        ("link", "link.uwe"),
        ("photos/.", "photos.uwe"),
        ("photos/sub/..", "photos.uwe"),
    ],
)
def test_a_project_is_made_beside_its_source(tmp_path: Path, source: str, expected: str) -> None:
    """The folder has the name that was given, and never stands within the source."""
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert _folder_of(tmp_path / source, None, {}) == tmp_path / expected


def test_the_folder_that_a_person_is_in_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source "." gets its project beside the folder, not in it."""
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    assert _folder_of(Path(), None, {}) == tmp_path / "photos.uwe"


def test_names_are_one_however_they_are_typed() -> None:
    """A keyboard that writes the accent by itself gives the name that the list of people has."""
    assert _names("Jose\u0301, bo") == ("Jos\u00e9", "bo")


def test_the_address_that_is_listened_on_is_ours() -> None:
    """Another address of this machine's own is answered under the name that is printed."""
    doors = Doors({"ann": "t"}, "127.0.0.2", 8765, "ab")
    assert doors.address("ann").startswith("http://127.0.0.2:8765/")
    assert doors.is_ours("127.0.0.2:8765")


@pytest.mark.parametrize("others", ['a={"x": 1, "y": 2}', "a b=c", "bad[]=1", "x=y,z"])
def test_cookies_of_other_programs_do_no_harm(visit: Visit, others: str) -> None:
    """Programs on other ports of this machine set cookies of any form for the same host."""
    ann = visit()
    [name], token = ann.cookies.keys(), ann.tokens["ann"]
    ann.cookies.clear()
    assert ann.get("/history").status_code == 401
    assert ann.get("/history", headers={"cookie": f"{others}; {name}={token}"}).status_code == 200


def test_a_number_is_shown_to_the_last_digit() -> None:
    """The history, the conflicts and the messages show what a person typed."""
    from uwe.tasks import regression

    options = PageOptions("mass", bounds=(0, 12345678))
    with pytest.raises(InputError, match=r"^12345679\.5 is outside 0 to 12345678;"):
        options.checked(regression(), 12345679.5)


def test_a_port_in_use_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line names the port and what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["label", str(folder), "--port", str(port), "--no-browser"]) == 2
    assert f"port {port} is in use" in capsys.readouterr().err
    with pytest.raises(InputError, match="no address of this machine"):
        Place.taken("203.0.113.7", 0)


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A server as a process of its own, and its address with the token."""
    server = subprocess.Popen(
        [sys.executable, "-m", "uwe", "label", *arguments, "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"},
    )
    assert server.stdout is not None
    for line in server.stdout:
        if "http://" in line:
            return server, line.split()[-1]
    raise AssertionError(server.communicate()[1])


def test_a_project_has_one_page_and_ctrl_c_ends_it(folder: Path) -> None:
    """A second server is refused by name; the first says where it stands, and lets go."""
    import signal

    server, address = started(str(folder))
    try:
        second = subprocess.run(
            [sys.executable, "-m", "uwe", "label", str(folder), "--port", "0", "--no-browser"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert second.returncode == 2
        assert f"process {server.pid}" in second.stderr
        assert "Traceback" not in second.stderr
        assert "token=" in address
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
    assert server.returncode == 0, err
    assert "0 of 12 images labelled; every answer is kept" in out
    assert "Traceback" not in err


def test_one_command_labels_a_folder(tmp_path: Path) -> None:
    """The project is made beside the folder, and a second call goes on with it."""
    folder = photos(tmp_path / "photos")
    options = ["--classes", "crow,rook", "--model", "small", "--image-size", "16"]
    for more in (options, []):
        server, _ = started(str(folder), *more)
        server.kill()
        server.communicate()
    project = Project.open(tmp_path / "photos.uwe")
    assert project.task.classes == ("crow", "rook")
    assert journal.read(project.files.journal) == project.events()
