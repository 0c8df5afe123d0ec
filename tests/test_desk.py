"""The desk: who gets which item, what becomes of an answer, and what an undo restores."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from uwe import journal
from uwe.errors import InputError, RunError
from uwe.journal import Answered, Queried, Trained
from uwe.label import (
    Annotators,
    Card,
    Desk,
    Late,
    NotYours,
    Settled,
    UnknownPerson,
    UnknownTicket,
)
from uwe.label.ahead import Ahead
from uwe.label.annotators import whose_token
from uwe.project import Project
from uwe.project.trainer import read_predictions

BIRDS = ("crow", "rook", "jay")
PEOPLE = ("ann", "bo", "cleo")


def project_in(folder: Path, n: int = 30, **more: Any) -> Project:
    x = np.random.default_rng(0).normal(size=(n, 3))
    return Project(folder / "p.uwe", x, **{"classes": BIRDS, "audit": 0.0, **more})


def desk_of(project: Project, names: tuple[str, ...] = PEOPLE, **more: Any) -> Desk:
    """A desk over the project as it stands on the disk, as a server that is started has it."""
    people = Annotators.load_or_make(project.files, names)
    return Desk.open(project, people=people, **more)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = project_in(tmp_path)
    made.ask(12)
    return made


@pytest.fixture
def desk(project: Project) -> Desk:
    return desk_of(project)


def one(desk: Desk, by: str = "ann") -> Card:
    [card] = desk.hand_out(by)
    return card


def labels(project: Project) -> dict[str, Any]:
    return project.labels()


def test_cards_come_in_the_order_of_the_picks(desk: Desk, project: Project) -> None:
    """Each person gets other items, and together they get the batch in its order."""
    [asked] = [event.rows for event in project.events() if event.id == 1]
    ann = desk.hand_out("ann", 5)
    bo = desk.hand_out("bo", 3)
    assert tuple(card.row for card in (*ann, *bo)) == asked[:8]
    assert ann[0].batch == 1
    assert ann[0].id == project.ids[ann[0].row]
    assert ann[0].why.lines == ("drawn at random, as there was no model yet",)


def test_a_page_that_is_loaded_again_shows_the_same_items(desk: Desk) -> None:
    """What a person holds comes first; tickets that the browser shows are not given again."""
    first = desk.hand_out("ann", 3)
    assert desk.hand_out("ann", 3) == first
    more = desk.hand_out("ann", 2, holding=[card.ticket for card in first])
    assert {card.row for card in more}.isdisjoint(card.row for card in first)
    assert desk.hand_out("ann", 1, holding=["nonsense"])[0] == first[0]


def test_an_answer_is_in_the_journal_when_the_call_returns(desk: Desk, project: Project) -> None:
    """The event names the row, the batch, the time, and what the page knows."""
    card = one(desk)
    saved = desk.answer(
        "ann", card.ticket, "rook", seconds=2.5, shown="yes", note=" blurred ", flagged=True
    )
    event = project.events()[-1]
    assert event == Answered(
        (card.row,),
        (1,),
        "ann",
        query=1,
        seconds=2.5,
        facts={
            "page": True,
            "ticket": card.ticket,
            "shown": "no" if card.blind else "yes",
            "notes": {str(card.row): "blurred"},
            "flags": [card.row],
        },
    )
    assert (saved.event, saved.at, saved.is_new) == (event.id, event.at, True)
    assert labels(project) == {card.id: "rook"}
    assert one(desk).row != card.row


def test_an_answer_that_is_sent_twice_is_written_once(desk: Desk, project: Project) -> None:
    """The second time says where the first was written; so does another process."""
    card = one(desk)
    first = desk.answer("ann", card.ticket, "crow")
    for again in (desk, desk_of(project)):
        saved = again.answer("ann", card.ticket, "crow")
        assert (saved.event, saved.at, saved.is_new) == (first.event, first.at, False)
    assert len(project.events()) == 2


def test_an_answer_that_comes_late_changes_nothing(desk: Desk, project: Project) -> None:
    """A ticket whose item was meanwhile answered otherwise, or undone, is refused."""
    card = one(desk)
    desk.answer("ann", card.ticket, "crow")
    with pytest.raises(Late, match="answered otherwise meanwhile"):
        desk.answer("ann", card.ticket, "rook")
    assert desk.undo("ann") is not None
    with pytest.raises(Late, match="undone meanwhile"):
        desk.answer("ann", card.ticket, "crow")
    assert labels(project) == {}


def test_an_item_of_another_is_not_taken(project: Project) -> None:
    """An expired claim goes to another person, whose item then is theirs alone."""
    desk = desk_of(project, claim_seconds=0.001)
    card = one(desk)
    threading.Event().wait(0.01)
    other = one(desk_again := desk, "bo")
    assert other.row == card.row
    desk_again._claims.take(other.row, "bo")
    desk_again._claims._until["bo"][other.row] += 60
    with pytest.raises(Late, match="with another person"):
        desk.answer("ann", card.ticket, "crow")
    with pytest.raises(NotYours, match="not open for you"):
        desk.again("ann", card.row)
    desk.answer("bo", other.ticket, "crow")
    with pytest.raises(Late, match="labelled or skipped meanwhile"):
        desk.answer("ann", card.ticket, "rook")


def test_tickets_cannot_be_made_up(desk: Desk, tmp_path: Path) -> None:
    """A ticket of another person, of another project or of nobody is refused."""
    card = one(desk)
    with pytest.raises(NotYours):
        desk.answer("bo", card.ticket, "crow")
    forged = f"{card.row}-0-{'0' * 32}"
    foreign = project_in(tmp_path / "other")
    foreign.ask(3)
    for ticket in (forged, "", "1-2", one(desk_of(foreign)).ticket):
        with pytest.raises(UnknownTicket):
            desk.answer("ann", ticket, "crow")
    with pytest.raises(UnknownPerson, match="there are ann, bo, cleo"):
        desk.hand_out("dan")


def test_a_server_that_was_restarted_takes_the_tickets_of_the_former(project: Project) -> None:
    """An open item that nobody else holds may be answered with a ticket from before."""
    card = one(desk_of(project))
    other = desk_of(project)
    assert other.answer("ann", card.ticket, "crow").is_new
    assert labels(project) == {card.id: "crow"}


def test_a_settled_item_takes_no_answer(desk: Desk, project: Project) -> None:
    """An answer, and a card, of a settled item are refused."""
    card = one(desk)
    project.settle([card.row], ["jay"], by="dan")
    with pytest.raises(Settled, match="was settled"):
        desk.answer("ann", card.ticket, "crow")
    with pytest.raises(Settled, match="was settled"):
        desk.again("ann", card.row)
    assert labels(project) == {card.id: "jay"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "crwo"}, "did you mean 'crow'"),
        ({"label": ""}, "there is no label"),
        ({"label": None}, "there is no label"),
        ({"seconds": -1.0}, "at least 0"),
        ({"seconds": float("nan")}, "at least 0"),
        ({"shown": "perhaps"}, "unknown value of shown"),
        ({"note": "x" * 10_001}, "10,001 letters"),
    ],
)
def test_an_answer_that_is_not_understood(
    desk: Desk, project: Project, change: dict[str, Any], said: str
) -> None:
    """It is one line, and nothing is written."""
    given = {"label": "crow", **change}
    with pytest.raises(InputError, match=said):
        desk.answer("ann", one(desk).ticket, **given)
    assert len(project.events()) == 1


def test_undo_without_limit(desk: Desk, project: Project) -> None:
    """Answers, corrections and skips are taken back one by one, also after a restart."""
    cards = desk.hand_out("ann", 4)
    for card, bird in zip(cards[:2], BIRDS, strict=False):
        desk.answer("ann", card.ticket, bird)
    desk.skip("ann", cards[2].ticket, "too dark")
    again = desk.again("ann", cards[0].row)
    assert again.answer == "crow"
    desk.answer("ann", again.ticket, "jay", note="no, a jay")
    assert labels(project) == {cards[0].id: "jay", cards[1].id: "rook"}

    def undo(expected: Card) -> Card:
        card = desk_of(project).undo("ann")
        assert card is not None
        assert card.row == expected.row
        return card

    assert undo(cards[0]).answer == "crow"
    assert labels(project) == {cards[0].id: "crow", cards[1].id: "rook"}
    assert undo(cards[2]).skipped is None
    assert project.pool().skipped.tolist() == []
    assert undo(cards[1]).answer is None
    assert undo(cards[0]).answer is None
    assert desk_of(project).undo("ann") is None
    assert labels(project) == {}
    kinds = [type(event).__name__ for event in project.events()[1:]]
    undone = ["Answered", "Withdrawn", "Withdrawn", "Withdrawn"]
    assert kinds == ["Answered", "Answered", "Skipped", "Answered", *undone]


def test_an_undone_item_comes_back_first(desk: Desk) -> None:
    """After an undo, the item is the person's current one."""
    first, second = desk.hand_out("ann", 2)
    desk.answer("ann", first.ticket, "crow")
    back = desk.undo("ann")
    assert back is not None
    assert [card.row for card in desk.hand_out("ann", 2)] == [first.row, second.row]
    assert desk.answer("ann", back.ticket, "crow").is_new


def test_an_undo_that_is_sent_twice_takes_back_one_act(desk: Desk, project: Project) -> None:
    """A browser that got no reply sends again, also to a server that was started anew."""
    for label in ("crow", "rook", "jay"):
        desk.answer("ann", one(desk).ticket, label)
    first = desk.undo("ann", once="a")
    assert first == desk.undo("ann", once="a") == desk_of(project).undo("ann", once="a")
    assert len(labels(project)) == 2
    desk.undo("ann", once="b")
    assert desk.undo("ann", once="a") == first
    assert len(labels(project)) == 1
    assert desk.undo("bo", once="a") is None


def test_undo_leaves_what_others_and_other_programs_said(desk: Desk, project: Project) -> None:
    """The answers of another person, and those of `uwe tell`, are not taken back."""
    mine, his = one(desk), one(desk, "bo")
    desk.answer("ann", mine.ticket, "crow")
    desk.answer("bo", his.ticket, "jay")
    project.tell([mine.row], ["rook"], by="ann")
    assert desk.undo("ann") is None
    assert labels(project) == {mine.id: "rook", his.id: "jay"}


def test_a_skip_replaces_an_answer_and_is_undone(desk: Desk, project: Project) -> None:
    """Undoing a skip of an answered item restores the answer, with its note and its flag."""
    card = one(desk)
    desk.answer("ann", card.ticket, "crow", note="sure", flagged=True)
    desk.skip("ann", desk.again("ann", card.row).ticket, "unsure")
    assert labels(project) == {}
    back = desk.undo("ann")
    assert back is not None
    assert (back.answer, back.note, back.flagged, back.skipped) == ("crow", "sure", True, None)
    assert labels(project) == {card.id: "crow"}


def test_the_history_shows_what_stands(desk: Desk) -> None:
    """The last answers come first; what was undone is gone, and a correction stands once."""
    cards = desk.hand_out("ann", 3)
    desk.answer("ann", cards[0].ticket, "crow")
    desk.skip("ann", cards[1].ticket, "dark")
    desk.answer("ann", cards[2].ticket, "jay")
    desk.answer("ann", desk.again("ann", cards[0].row).ticket, "rook")
    seen = [(past.row, past.label, past.skipped) for past in desk.history("ann")]
    rows = [card.row for card in cards]
    assert seen == [(rows[0], "rook", None), (rows[2], "jay", None), (rows[1], None, "dark")]
    desk.undo("ann")
    seen = [(past.row, past.label) for past in desk.history("ann", 2)]
    assert seen == [(rows[2], "jay"), (rows[1], None)]
    assert desk.history("ann")[-1].label == "crow"
    assert desk.history("bo") == []


def test_a_note_alone_is_an_event(desk: Desk, project: Project) -> None:
    """The same answer with another note is written; the same with the same note is not."""
    card = one(desk)
    desk.answer("ann", card.ticket, "crow")
    noted = desk.answer("ann", desk.again("ann", card.row).ticket, "crow", note="young")
    assert noted.is_new
    assert not desk.answer("ann", desk.again("ann", card.row).ticket, "crow", note="young").is_new
    assert len(project.events()) == 3
    assert desk.again("ann", card.row).note == "young"


def test_a_late_answer_with_a_note_is_not_dropped(desk: Desk, project: Project) -> None:
    """Two windows give one item the same answer: the note of the second is kept or refused."""
    card = one(desk)
    desk.answer("ann", card.ticket, "crow", note="near")
    assert not desk.answer("ann", card.ticket, "crow").is_new
    assert not desk.answer("ann", card.ticket, "crow", note="near").is_new
    for more in ({"note": "far"}, {"flagged": True}):
        with pytest.raises(Late, match="answered otherwise"):
            desk.answer("ann", card.ticket, "crow", **more)


def test_what_was_shown_of_many_is_not_made_up(desk: Desk, project: Project) -> None:
    """The event of several items, and of the one that is left of them, does not say ``no``."""
    cards = desk.hand_out("ann", 3)
    desk.answer_many("ann", {cards[0].ticket: "crow"})
    desk.answer_many("ann", {card.ticket: "crow" for card in cards[1:]})
    assert not any("shown" in event.facts for event in project.events()[-2:])


def test_many_answers_are_one_event(desk: Desk, project: Project) -> None:
    """All are written, or none; an undo takes all of them back."""
    cards = desk.hand_out("ann", 4)
    given = {card.ticket: "crow" for card in cards}
    with pytest.raises(InputError, match="unknown class"):
        desk.answer_many("ann", {**given, cards[3].ticket: "owl"})
    assert len(project.events()) == 1
    saved = desk.answer_many("ann", given, seconds=8.0)
    assert [each.is_new for each in saved] == [True] * 4
    assert len(project.events()) == 2
    assert not any(each.is_new for each in desk.answer_many("ann", given))
    assert desk.progress("ann").seconds_an_item == 2.0
    desk.undo("ann")
    assert labels(project) == {}


def test_an_overlap_is_asked_of_two_people(project: Project) -> None:
    """Each shared item goes to two people, and no other to more than one."""
    desk = desk_of(project, overlap=0.5)
    got: dict[int, list[str]] = {}
    for _ in range(40):
        for by in PEOPLE:
            for card in desk.hand_out(by):
                got.setdefault(card.row, []).append(by)
                desk.answer(by, card.ticket, BIRDS[card.row % 3])
    assert sorted(got) == project.pool().asked.tolist()
    counts = {row: len(people) for row, people in got.items()}
    assert set(counts.values()) == {1, 2}
    assert all(len(set(people)) == len(people) for people in got.values())
    assert desk.progress("ann").open == 0


def test_claims_are_renewed_without_further_items(project: Project) -> None:
    """A page that only stays open takes no more than it shows."""
    desk = desk_of(project)
    held = desk.hand_out("ann", 2)
    assert desk.hand_out("ann", 0, holding=[card.ticket for card in held]) == []
    assert len(desk.hand_out("bo", 12)) == 10


def test_a_batch_is_picked_when_no_item_is_left(project: Project) -> None:
    """With ``ahead`` 0, the next batch is wanted as soon as nobody has a further item to take."""
    desk = desk_of(project, train=False)
    desk.hand_out("ann", 11)
    assert not desk._is_short(0)
    desk.hand_out("ann", 12)
    assert desk._is_short(0)


def test_an_overlap_needs_two_people(project: Project) -> None:
    """A single person cannot be asked twice."""
    with pytest.raises(InputError, match="one annotator"):
        desk_of(project, ("ann",), overlap=0.2)


@pytest.mark.parametrize("wrong", [{"blind": 2.0}, {"overlap": -0.1}, {"show": "always"}])
def test_options_of_a_desk_are_checked(project: Project, wrong: dict[str, Any]) -> None:
    """An option outside its range is one line."""
    with pytest.raises(InputError):
        desk_of(project, **wrong)


def test_progress_is_that_of_the_project(desk: Desk, project: Project) -> None:
    """What the desk counts as it goes is what the journal says as a whole."""
    cards = desk.hand_out("ann", 6)
    for card in cards[:4]:
        desk.answer("ann", card.ticket, BIRDS[card.row % 3], seconds=3.0)
    desk.skip("ann", cards[4].ticket, "dark")
    desk.undo("ann")
    desk.skip("ann", cards[5].ticket, "dark")
    project.tell([int(project.pool().unlabelled[0])], ["jay"], by="dan")
    progress, state = desk.progress("ann"), project.state()
    assert (progress.rows, progress.labelled) == (state.rows, state.labelled)
    assert (progress.skipped, progress.open) == (state.skipped, state.outstanding)
    assert (progress.by_class, progress.batch) == (state.by_class, state.batches)
    assert (progress.mine, progress.seconds_an_item) == (4, 3.0)
    assert not progress.training
    assert progress.trouble is None


def test_conflicts_are_settled_by_a_third_person(project: Project) -> None:
    """Those who differ cannot settle; a third can, and the settled label counts."""
    desk = desk_of(project, overlap=1.0)
    for by, bird in (("ann", "crow"), ("bo", "rook")):
        desk.answer(by, one(desk, by).ticket, bird)
    assert desk.conflicts("ann") == []
    [conflict] = desk.conflicts("cleo")
    assert conflict.answers == {"ann": "crow", "bo": "rook"}
    with pytest.raises(InputError, match="a person who has not"):
        desk.settle("ann", conflict.row, "crow")
    saved = desk.settle("cleo", conflict.row, "rook")
    again = desk.settle("cleo", conflict.row, "rook")
    assert (saved.is_new, again.is_new, again.event) == (True, False, saved.event)
    assert labels(project) == {conflict.id: "rook"}
    assert desk.conflicts("cleo") == []
    with pytest.raises(Settled):
        desk.settle("cleo", conflict.row, "crow")
    desk.undo("cleo")
    assert len(desk.conflicts("cleo")) == 1


def test_undoing_a_decision_restores_the_skip_before_it(project: Project) -> None:
    """A person who skipped an item may settle it; the undo leaves the skip."""
    desk = desk_of(project, overlap=1.0)
    card = one(desk)
    desk.answer("ann", card.ticket, "crow")
    project.tell([card.row], ["rook"], by="bo")
    project.skip([card.row], "dark", by="cleo")
    desk.settle("cleo", card.row, "jay")
    assert labels(project) == {card.id: "jay"}
    back = desk.undo("cleo")
    assert back is not None
    assert back.skipped == "dark"
    assert project.pool().skipped.tolist() == [card.row]
    assert labels(project) == {}


def test_classes_that_are_added_can_be_given(desk: Desk, project: Project) -> None:
    """A class that another process adds is known at the next answer."""
    card = one(desk)
    other = project_in(project.files.folder.parent)
    other.add_classes(["magpie"])
    desk.answer("ann", card.ticket, "magpie")
    assert labels(project) == {card.id: "magpie"}


def test_the_names_and_tokens_are_for_the_owner_alone(project: Project) -> None:
    """The file has mode 0600; people who are named later are added, and tokens stay."""
    first = Annotators.load_or_make(project.files, ("ann",))
    path = project.files.annotators
    assert path.stat().st_mode & 0o777 == 0o600
    second = Annotators.load_or_make(project.files, ("bo",))
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(second.tokens) == ["ann", "bo"]
    assert second.tokens["ann"] == first.tokens["ann"]
    assert second.secret == first.secret
    assert whose_token(second.tokens["bo"], second.tokens) == "bo"
    assert whose_token("", second.tokens) is None
    assert project.files.owns(path.name)


def test_without_names_there_is_one_person(project: Project) -> None:
    """Who labels alone is called annotator."""
    assert list(Annotators.load_or_make(project.files).tokens) == ["annotator"]


@pytest.mark.parametrize("names", [["ann", "ann"], [" "], ["a,b"], ["a\nb"], "ann"])
def test_names_that_are_none(project: Project, names: Any) -> None:
    """An empty, doubled or odd name is refused, and no file is written."""
    with pytest.raises(InputError):
        Annotators.load_or_make(project.files, names)
    assert not project.files.annotators.exists()


def test_a_damaged_list_of_people_is_one_line(project: Project) -> None:
    """The error says what happens if the file is removed."""
    project.files.annotators.write_text("{")
    with pytest.raises(RunError, match="every annotator gets a new address"):
        Annotators.load_or_make(project.files)


OTHER = """
import sys
from pathlib import Path
import numpy as np
from uwe.label import Annotators, Desk
from uwe.project import Project
folder, by, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
x = np.random.default_rng(0).normal(size=(n, 3))
project = Project(folder, x, classes=("crow", "rook", "jay"))
desk = Desk.open(project, people=Annotators.load_or_make(project.files, (by,)))
print("ready", flush=True)
sys.stdin.readline()
from uwe.label import Late
given = 0
while cards := desk.hand_out(by):
    try:
        given += desk.answer(by, cards[0].ticket, "crow").is_new
    except Late:
        pass
print(given)
"""


def test_two_servers_of_one_project_lose_and_double_nothing(tmp_path: Path) -> None:
    """Desks in two processes share the items: each gets one answer, and all are in the journal."""
    project = project_in(tmp_path, n=40)
    project.ask(40)
    Annotators.load_or_make(project.files, ("ann", "bo"))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER, str(project.files.folder), by, "40"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for by in ("ann", "bo")
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    told = [int(process.communicate("go\n", timeout=120)[0]) for process in processes]
    answered = [event for event in project.events() if isinstance(event, Answered)]
    assert sum(told) == len(answered) == 40
    assert len({event.rows for event in answered}) == 40
    assert len(project.labels()) == 40


N = 8


class Labelling(RuleBasedStateMachine):
    """People label, correct, skip, undo and settle; a plain list says what must stand."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.project = project_in(self.folder, n=N)
        self.project.ask(N - 2)
        self.start()
        self.stands: dict[tuple[int, str], Any] = {}
        self.settled: dict[int, str] = {}
        self.acts: dict[str, list[tuple[Any, ...]]] = {by: [] for by in PEOPLE}
        self.got: set[tuple[int, str]] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def start(self) -> None:
        self.desk = desk_of(self.project, overlap=0.4, blind=0.0)

    def say(self, by: str, card: Card, new: Any, send: Callable[[Card], Any]) -> None:
        key = (card.row, by)
        before = self.stands.get(key)
        saved = send(card)
        assert saved.is_new == (before != new)
        assert not send(card).is_new
        if saved.is_new:
            self.acts[by].append(("said", key, before))
            self.stands[key] = new

    @rule()
    def restart(self) -> None:
        """The server is killed and started again."""
        self.start()

    @rule(by=st.sampled_from(PEOPLE), bird=st.sampled_from(BIRDS))
    def answer(self, by: str, bird: str) -> None:
        """The current item gets an answer."""
        for card in self.desk.hand_out(by):
            assert (card.row, by) not in self.stands
            self.say(by, card, bird, lambda card: self.desk.answer(by, card.ticket, bird))

    @rule(by=st.sampled_from(PEOPLE))
    def skip(self, by: str) -> None:
        """The current item is skipped."""
        for card in self.desk.hand_out(by):
            self.say(by, card, ("dark",), lambda card: self.desk.skip(by, card.ticket, "dark"))

    @rule(by=st.sampled_from(PEOPLE), bird=st.sampled_from(BIRDS), at=st.integers(0, 9))
    def correct(self, by: str, bird: str, at: int) -> None:
        """An item of the history gets another answer."""
        past = self.desk.history(by)
        if past and past[at % len(past)].row not in self.settled:
            card = self.desk.again(by, past[at % len(past)].row)
            self.say(by, card, bird, lambda card: self.desk.answer(by, card.ticket, bird))

    @rule(by=st.sampled_from(PEOPLE), bird=st.sampled_from(BIRDS))
    def settle(self, by: str, bird: str) -> None:
        """The worst conflict is settled by a person who did not answer."""
        for conflict in self.desk.conflicts(by)[:1]:
            assert (conflict.row, by) not in self.stands or self.stands[conflict.row, by] == (
                "dark",
            )
            self.desk.settle(by, conflict.row, bird)
            self.acts[by].append(
                ("settled", (conflict.row, by), self.stands.get((conflict.row, by)))
            )
            self.settled[conflict.row] = bird

    @rule(by=st.sampled_from(PEOPLE))
    def undo(self, by: str) -> None:
        """The last act is taken back, and what stood before it stands again."""
        card = self.desk.undo(by)
        assert (card is None) == (not self.acts[by])
        if card is None:
            return
        what, key, before = self.acts[by].pop()
        assert card.row == key[0]
        if what == "settled":
            del self.settled[key[0]]
        elif before is None:
            del self.stands[key]
        else:
            self.stands[key] = before

    @invariant()
    def nothing_is_lost(self) -> None:
        """The journal, read as a whole, says what the people said."""
        events = journal.read(self.project.files.journal)
        ids = self.project.ids
        said = {
            (row, by): BIRDS[value]
            for row, its in journal.answers_by_row(events).items()
            for by, value in its.items()
        }
        answers = {key: value for key, value in self.stands.items() if value != ("dark",)}
        assert said == answers
        labels = self.project.labels()
        assert {row: labels[ids[row]] for row in self.settled} == self.settled
        for row in range(N):
            people = [by for (at, by) in self.stands if at == row]
            assert len(people) <= 2
        state, progress = self.project.state(), self.desk.progress("ann")
        assert (progress.labelled, progress.skipped) == (state.labelled, state.skipped)
        assert progress.by_class == state.by_class
        for by in PEOPLE:
            past = {each.row: each.label or (each.skipped,) for each in self.desk.history(by, 99)}
            assert past == {row: value for (row, who), value in self.stands.items() if who == by}


TestLabelling = Labelling.TestCase
TestLabelling.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def trained(tmp_path: Path, **more: Any) -> Project:
    """A project with a model, and a batch that it picked."""
    project = project_in(tmp_path, **more)
    rows = project.ask(9).rows.tolist()
    project.tell(rows, [BIRDS[row % 3] for row in rows], by="dan")
    project.train()
    project.ask(10)
    return project


def test_a_card_shows_what_the_model_says(tmp_path: Path) -> None:
    """Label and probabilities are those of the model, and the reasons those of the picks."""
    project = trained(tmp_path)
    desk = desk_of(project, blind=0.0)
    predictions = read_predictions(project.files.predictions(1))
    for card in desk.hand_out("ann", 10):
        p = predictions.logits[card.row].double().softmax(0)
        assert card.prediction is not None
        assert card.prediction.label == BIRDS[int(p.argmax())]
        assert card.prediction.confidence == pytest.approx(float(p.max()))
        assert dict(card.prediction.ranked) == pytest.approx(
            dict(zip(BIRDS, p.tolist(), strict=True))
        )
        assert card.prediction.ranked[0][0] == card.prediction.label
        assert card.why.neighbour in project.ids
        assert card.why.neighbour_label == project.labels().get(card.why.neighbour or "")
        assert card.why.stands_for is not None
        assert any("uncertain" in line for line in card.why.lines) == (
            card.why.percentile is not None
        )
    desk.answer("ann", desk.hand_out("ann")[0].ticket, "jay", shown="asked")
    facts = getattr(project.events()[-1], "facts", {})
    assert (facts["shown"], facts["predicted"]) == (
        "asked",
        int(predictions.logits[project.events()[-1].rows[0]].argmax()),
    )


def test_the_recorded_prediction_is_the_one_that_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is trained while a person looks at an item does not change what they saw."""
    project = trained(tmp_path)
    desk = desk_of(project, blind=0.0)
    card = one(desk)
    assert card.prediction is not None
    saw = BIRDS.index(card.prediction.label)
    monkeypatch.setattr(type(desk._cards), "predicted", lambda cards, row: (saw + 1) % 3)
    desk.answer("ann", card.ticket, "crow", shown="yes")
    assert project.events()[-1].facts["predicted"] == saw


def test_predictions_can_be_hidden(tmp_path: Path) -> None:
    """``never`` hides all; a blind share and the rows of the audit are hidden in any case."""
    project = trained(tmp_path)
    assert all(
        card.prediction is None for card in desk_of(project, show="never").hand_out("ann", 9)
    )
    shown = {card.row: card for card in desk_of(project, blind=0.5).hand_out("ann", 10)}
    assert {card.blind for card in shown.values()} == {True, False}
    assert all((card.prediction is None) == card.blind for card in shown.values())
    [free] = project.pool().unlabelled.tolist()[:1]
    journal.append(project.files.journal, Queried(2, (free,), {"audit": [free]}))
    card = desk_of(project, blind=0.0).again("ann", free)
    assert (card.blind, card.prediction, card.why.is_audit) == (True, None, True)
    assert card.why.lines == ("drawn at random, to measure the model",)


def test_the_prediction_of_other_tasks(tmp_path: Path) -> None:
    """Several classes are those above a half; a number has no confidence."""
    options = {"n_estimators": 5}
    x = np.random.default_rng(0).normal(size=(30, 3))
    many = Project(tmp_path / "many", x, "sklearn:forest", task="multilabel", classes=BIRDS,
                   model_options=options)  # fmt: skip
    number = Project(tmp_path / "number", x, "sklearn:forest", task="regression",
                     model_options=options)  # fmt: skip
    for project, told in ((many, lambda row: list(BIRDS[: 1 + row % 3])), (number, float)):
        rows = project.ask(12).rows.tolist()
        project.tell(rows, [told(row) for row in rows])
        project.ask(4)
        desk = desk_of(project, blind=0.0)
        card = one(desk)
        assert card.prediction is not None
        desk.answer("ann", card.ticket, card.prediction.label)
        assert project.labels()[card.id] == card.prediction.label
    assert number.labels()[card.id] == card.prediction.label
    assert card.prediction.confidence is None
    assert card.prediction.ranked == ()


def test_look_alikes_are_the_nearest(tmp_path: Path) -> None:
    """The current item, then open items by their distance in the model's features."""
    project = trained(tmp_path)
    desk = desk_of(project)
    current = one(desk)
    others = {card.row for card in desk.hand_out("bo", 2)}
    cards = desk.alike("ann", 5)
    z = read_predictions(project.files.predictions(1)).features
    assert z is not None
    assert cards[0] == current
    free = set(project.pool().outstanding.tolist()) - others - {current.row}
    distance = {row: float(((z[row] - z[current.row]) ** 2).sum()) for row in free}
    assert [card.row for card in cards[1:]] == sorted(free, key=distance.__getitem__)[:4]
    saved = desk.answer_many("ann", {card.ticket: "jay" for card in cards})
    assert len({each.event for each in saved}) == 1
    assert desk_of(project_in(tmp_path / "new")).alike("ann") == []


def test_a_model_of_other_classes_says_nothing(tmp_path: Path) -> None:
    """After a class was added, the old predictions are not shown; a damaged file shows none."""
    project = trained(tmp_path)
    desk = desk_of(project, blind=0.0)
    assert one(desk).prediction is not None
    project.add_classes(["magpie"])
    assert one(desk).prediction is None
    other = trained(tmp_path / "other")
    other.files.predictions(1).write_bytes(b"damaged")
    assert one(desk_of(other, blind=0.0)).prediction is None


def test_labels_that_the_model_contradicts_are_looked_at_again(tmp_path: Path) -> None:
    """The person who gave one may correct it; another gives one more answer, a conflict follows."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    x = rng.normal(size=(60, 2)) * 0.3 + np.array([[-2.0, 0.0], [2.0, 0.0]])[y]
    project = Project(tmp_path / "p.uwe", x, classes=("left", "right"))
    rows = project.ask(30).rows.tolist()
    wrong = {rows[0]: "ann", rows[1]: "bo"}
    for by in ("ann", "bo"):
        mine = [row for at, row in enumerate(rows) if at % 2 == (by == "bo")]
        told = [("left", "right")[y[row] ^ (row in wrong)] for row in mine]
        project.tell(mine, told, by=by)
    project.train()
    desk = desk_of(project, ("ann", "bo"))
    assert desk.progress("ann").doubts is None
    desk.doubts("ann")
    waited_for(lambda: desk.progress("ann").doubts is not None)
    assert desk.progress("ann").doubts == 2
    cards = {card.row: card for card in desk.doubts("ann")}
    assert cards.keys() == wrong.keys()
    assert cards[rows[0]].answer is not None
    assert cards[rows[1]].answer is None
    for row, card in cards.items():
        assert desk.answer("ann", card.ticket, ("left", "right")[y[row]]).is_new
    labels = project.labels()
    assert labels[project.ids[rows[0]]] == ("left", "right")[y[rows[0]]]
    assert project.state().disagreements == 1
    assert desk.doubts("ann") == []


def waited_for(what: Callable[[], bool]) -> None:
    """Wait until something holds; a test's own time limit ends it otherwise."""
    while not what():
        time.sleep(0.02)


def test_a_batch_is_picked_ahead(tmp_path: Path) -> None:
    """With few rows left, a process trains and picks; at the end, no row is left."""
    x = np.random.default_rng(0).normal(size=(24, 3))
    lines = ["id,x,y,z", *(f"b{at},{a},{b},{c}" for at, (a, b, c) in enumerate(x.tolist()))]
    table = tmp_path / "birds.csv"
    table.write_text("\n".join(lines) + "\n")
    project = Project(tmp_path / "p.uwe", table, classes=BIRDS)
    desk = desk_of(project, ("ann",), batch=16, ahead=4)
    try:
        assert desk.hand_out("ann") == []
        waited_for(lambda: desk.progress("ann").batch == 1)
        for at in range(24):
            waited_for(lambda: desk.hand_out("ann") != [])
            desk.answer("ann", one(desk).ticket, BIRDS[at % 3])
        progress = desk.progress("ann")
        assert (progress.labelled, progress.open, progress.trouble) == (24, 0, None)
        batches = [event for event in project.events() if isinstance(event, Queried)]
        assert [len(event.rows) for event in batches] == [16, 8]
        assert any(isinstance(event, Trained) for event in project.events())
    finally:
        desk.close()


def test_a_failure_of_the_training_is_shown(tmp_path: Path) -> None:
    """Its last line is the trouble; after a pause there is another try, and it may succeed."""
    flag = tmp_path / "works"
    is_there = f"pathlib.Path({str(flag)!r}).exists()"
    code = f"import pathlib, sys; sys.exit(0 if {is_there} else 'uwe: no disk')"
    ahead = Ahead([sys.executable, "-c", code], lambda: not ahead_done, first_pause=0.01)
    ahead_done: list[bool] = []
    ahead.look()
    waited_for(lambda: ahead.trouble == "no disk")
    flag.touch()
    waited_for(lambda: ahead.trouble is None)
    ahead_done.append(True)
    ahead.close()


def test_no_row_left_is_no_failure() -> None:
    """The process says so with an error, and the desk takes it as the end."""
    wanted = [False, True]  # the second question comes after the process
    code = "import sys; sys.exit('uwe: no row is left: all 5 rows were given out')"
    ahead = Ahead([sys.executable, "-c", code], lambda: bool(wanted and wanted.pop()))
    ahead.look()
    waited_for(lambda: not wanted)
    assert ahead.trouble is None
    ahead.close()


def test_closing_ends_the_process() -> None:
    """A training that runs is ended, and no other is started."""
    ahead = Ahead([sys.executable, "-c", "import time; time.sleep(600)"], lambda: True)
    ahead.look()
    waited_for(lambda: ahead.is_running)
    process = ahead._process
    assert process is not None
    ahead.close()
    assert process.poll() is not None
    assert not ahead.is_running
