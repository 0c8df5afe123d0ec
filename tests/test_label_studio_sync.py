"""Rounds between a project and a Label Studio: nothing is lost, doubled or wrongly taken back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fake_label_studio import TOKEN, FakeLabelStudio, running
from uwe.cli import main
from uwe.errors import InputError
from uwe.formats.label_studio import Client, Sync, Unreachable, checked_address, studio_project
from uwe.formats.label_studio.labelling import configuration
from uwe.formats.label_studio.server import Server
from uwe.formats.label_studio.sync import Round
from uwe.journal import Answered, Queried, Skipped
from uwe.project import Project

BIRDS = ("crow", "rook")
ANN, BO = "ann@example.org", "bo@example.org"


def texts(n: int = 24) -> list[str]:
    return [f"the {BIRDS[at % 2]} sings number {at % 5}" for at in range(n)]


class Both:
    """A project, a server, and what they know of each other."""

    def __init__(self, folder: Path, n: int = 24, **more: Any) -> None:
        self.studio = FakeLabelStudio()
        with ExitStack() as stack:
            self.address = stack.enter_context(running(self.studio))
            self.stack = stack.pop_all()
        more = {"audit": 0, **more}
        self.project = Project(folder / "birds.uwe", texts(n), classes=BIRDS, **more)
        client = Client(
            checked_address(self.address), TOKEN, patience=3, sleep=lambda seconds: None
        )
        self.server = Server(client, "1.23.2")

    def round(self, **more: Any) -> Round:
        studio = studio_project(self.server, self.project, None)
        return Sync(self.project, self.server, studio, **{"k": 4, "ahead": 2, **more}).round()

    def open_tasks(self) -> list[int]:
        return [number for number, task in self.studio.tasks.items() if not task["annotations"]]

    def annotate(self, *, by: int = 1) -> None:
        """Annotate every open task as its text says."""
        for number in self.open_tasks():
            words = self.studio.tasks[number]["data"]["text"].split()
            self.studio.annotate(number, words[1], by=by)

    def require_single(self) -> None:
        """Every row that was asked about has one task."""
        names = [task["data"]["uwe_id"] for task in self.studio.tasks.values()]
        assert len(names) == len(set(names))


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    made = Both(tmp_path)
    yield made
    made.stack.close()


def labels(project: Project) -> dict[str, Any]:
    return project.labels()


def test_three_rounds_label_what_was_picked(both: Both) -> None:
    """Picks go out, annotations come in, a model is trained, and the next picks go out."""
    first = both.round()
    assert (first.sent, first.trained) == (4, False)
    both.annotate()
    second = both.round()
    assert (second.told.new, second.trained, second.sent) == (4, True, 4)
    both.annotate(by=2)
    third = both.round()
    assert (third.told.new, third.sent) == (4, 4)
    state = both.project.state()
    assert (state.labelled, state.outstanding) == (8, 4)
    assert state.by_person == {ANN: 4, BO: 4}
    assert all(label in texts()[int(row)] for row, label in labels(both.project).items())
    both.require_single()


def test_a_round_that_has_nothing_to_do_changes_nothing(both: Both) -> None:
    """Neither the journal nor the server sees it."""
    both.round()
    both.annotate()
    both.round()
    events, tasks = both.project.events(), json.dumps(both.studio.tasks)
    both.studio.asked.clear()
    assert both.round() == Round()
    assert both.project.events() == events
    assert json.dumps(both.studio.tasks) == tasks
    assert {method for method, _ in both.studio.asked} == {"GET"}


def test_predictions_come_with_the_first_model_and_change_with_the_next(both: Both) -> None:
    """Tasks have the label that the model expects, and a score by which they are ordered."""
    both.round(k=6)
    assert not any(task["predictions"] for task in both.studio.tasks.values())
    both.annotate()
    both.round(k=6)
    told = [both.studio.tasks[number]["predictions"] for number in both.open_tasks()]
    assert [len(each) for each in told] == [1] * 6
    assert all(0 <= each["score"] <= 1 and each["model_version"] == "uwe" for [each] in told)
    assert all(each["result"][0]["value"]["choices"][0] in BIRDS for [each] in told)
    before = {each["id"]: (each["score"], each["result"]) for [each] in told}
    left = both.open_tasks()[2:]
    for number in both.open_tasks()[:2]:
        both.studio.annotate(number, "crow")
    done = both.round(k=6)
    assert done.trained
    after = {
        each["id"]: (each["score"], each["result"])
        for number in left for each in both.studio.tasks[number]["predictions"]
    }  # fmt: skip
    assert after.keys() <= before.keys()
    assert done.renewed == sum(before[number] != now for number, now in after.items())


def test_the_tasks_given_out_first_are_those_the_model_is_least_certain_of(both: Both) -> None:
    """The score is the share of the pool of which the model is less certain."""
    from uwe.formats.label_studio.scored_labels import scored_labels
    from uwe.project.trainer import read_predictions
    from uwe.uncertainty import entropy

    both.round()
    both.annotate()
    both.round()
    scored = scored_labels(both.project, range(24))
    scores = entropy(read_predictions(both.project.files.predictions(1)))
    shares = [float((scores > scores[row]).sum()) / 24 for row in range(24)]
    assert [scored[row].score for row in range(24)] == pytest.approx(shares, abs=1e-4)


def test_rows_of_the_audit_show_no_prediction(tmp_path: Path) -> None:
    """They have a score, so that they are given out, and an empty result."""
    both = Both(tmp_path, audit=0.5)
    both.round(k=8)
    both.annotate()
    both.round(k=8)
    queries = [event for event in both.project.events() if isinstance(event, Queried)]
    blind = {row for event in queries for row in event.facts["audit"]}
    open_tasks = [both.studio.tasks[number] for number in both.open_tasks()]
    shown = {int(task["data"]["uwe_id"]) for task in open_tasks if task["predictions"][0]["result"]}
    asked = {int(task["data"]["uwe_id"]) for task in open_tasks}
    assert asked & blind
    assert shown == asked - blind
    both.stack.close()


def test_skips_times_and_drafts(both: Both) -> None:
    """A cancelled annotation is a skip, a lead time is in seconds, and a draft says nothing."""
    both.round()
    one, two, three, four = both.open_tasks()
    both.studio.annotate(one, None, skip=True)
    both.studio.annotate(two, "crow", seconds=3.25)
    both.studio.annotate(three, "crow", seconds=None)
    both.studio.draft(four)
    told = both.round().told
    assert (told.new, told.skipped) == (2, 1)
    events = both.project.events()
    assert [event.by for event in events if isinstance(event, Skipped)] == [ANN]
    times = [event.seconds for event in events if isinstance(event, Answered)]
    assert sorted(map(str, times)) == ["(3.25,)", "None"]
    assert both.project.state().outstanding >= 1


def test_a_submitted_annotation_without_a_label_is_no_answer(both: Both) -> None:
    """It is counted, and the row stays open."""
    both.round()
    both.studio.annotate(both.open_tasks()[0], None)
    told = both.round().told
    assert (told.new, told.empty) == (0, 1)
    assert both.project.state().outstanding == 4


def test_two_people_about_one_item(tmp_path: Path) -> None:
    """Both answers are kept, each under the address of its person."""
    both = Both(tmp_path, answers_per_row=2)
    both.round()
    [project] = both.studio.projects.values()
    assert project["maximum_annotations"] == 2
    number = both.open_tasks()[0]
    both.studio.annotate(number, "crow", by=1)
    both.round()
    assert both.project.state().labelled == 0
    both.studio.annotate(number, "rook", by=2)
    both.round()
    assert both.project.state().by_person == {ANN: 1, BO: 1}
    assert both.project.state().disagreements == 1
    both.stack.close()


def test_of_one_persons_annotations_the_last_counts(both: Both) -> None:
    """Label Studio lets a person annotate a task twice."""
    both.round()
    number = both.open_tasks()[0]
    both.studio.annotate(number, "crow")
    both.studio.annotate(number, "rook")
    assert both.round().told.new == 1
    assert list(labels(both.project).values()) == ["rook"]


def test_a_changed_annotation_is_a_correction(both: Both) -> None:
    """The journal holds both answers, and the last one counts."""
    both.round()
    made = both.studio.annotate(both.open_tasks()[0], "crow")
    both.round()
    both.studio.change(made, "rook")
    assert both.round().told.corrected == 1
    assert list(labels(both.project).values()) == ["rook"]


def test_a_correction_made_elsewhere_is_not_undone(both: Both) -> None:
    """The annotation that stands was told already, so that it does not come back."""
    both.round()
    task = both.open_tasks()[0]
    both.studio.annotate(task, "crow")
    both.round()
    both.project.tell([both.studio.tasks[task]["data"]["uwe_id"]], ["rook"], by=ANN)
    assert both.round().told.corrected == 0
    assert list(labels(both.project).values()) == ["rook"]


def test_a_removed_annotation_takes_the_answer_back(both: Both) -> None:
    """And the same label, given anew, counts again."""
    both.round()
    task = both.open_tasks()[0]
    made = both.studio.annotate(task, "crow")
    both.round()
    both.studio.remove(made)
    assert both.round().withdrawn == 1
    assert labels(both.project) == {}
    assert both.round().withdrawn == 0
    both.studio.annotate(task, "crow")
    assert both.round().told.new == 1
    assert list(labels(both.project).values()) == ["crow"]


def test_a_removed_task_takes_nothing_back(both: Both) -> None:
    """People remove tasks to tidy up; answers stay."""
    both.round()
    task = both.open_tasks()[0]
    both.studio.annotate(task, "crow")
    both.round()
    del both.studio.tasks[task]
    assert both.round().withdrawn == 0
    assert list(labels(both.project).values()) == ["crow"]


def test_an_answer_from_elsewhere_is_not_taken_back(both: Both) -> None:
    """The task has no annotation of the person, and never had one."""
    both.round()
    task = both.studio.tasks[both.open_tasks()[0]]
    both.studio.draft(task["id"])  # so that the task stays
    both.project.tell([task["data"]["uwe_id"]], ["rook"], by=ANN)
    assert both.round().withdrawn == 0
    assert list(labels(both.project).values()) == ["rook"]


def test_a_server_that_lost_its_data_takes_nothing_back(tmp_path: Path) -> None:
    """A new project of the same number and title is another project."""
    both = Both(tmp_path, answers_per_row=2)
    both.round()
    number = both.open_tasks()[0]
    both.studio.annotate(number, "crow")
    both.round()
    both.studio.tasks.clear()
    both.studio.projects.clear()
    both.studio.clock += 100
    done = both.round()
    assert (done.withdrawn, done.sent) == (0, 4)
    assert both.project.state().by_person == {ANN: 1}
    both.stack.close()


def test_tasks_of_items_that_need_no_label_are_removed(both: Both) -> None:
    """Unless somebody has begun them, also in the moment before."""
    both.round()
    one, two, three, _ = both.open_tasks()
    both.studio.draft(two)
    rows = [both.studio.tasks[number]["data"]["uwe_id"] for number in (one, two)]
    both.project.tell(rows, ["crow", "rook"], by="cy")
    assert both.round().removed == 1
    assert one not in both.studio.tasks
    assert {two, three} <= both.studio.tasks.keys()


def test_tasks_of_others_are_left_alone(both: Both) -> None:
    """A task without the id of an item, or with an unknown one, is neither read nor removed."""
    both.round()
    [project] = both.studio.projects
    for data in ({"text": "mine"}, {"uwe_id": "unknown", "text": "mine"}):
        body = json.dumps([{"data": data}]).encode()
        both.studio.answer("POST", f"/api/projects/{project}/import", body)
    before = set(both.studio.tasks)
    number = max(before)
    both.studio.annotate(number, "crow")
    told = both.round().told
    assert set(both.studio.tasks) == before
    assert told.problems == (
        f"task {number}: there is no item 'unknown' in the pool; ids are the row numbers 0 to 23",
    )


@pytest.mark.parametrize("trouble", ["before", "after", 500])
def test_an_answer_that_is_lost_doubles_no_task(both: Both, trouble: str | int) -> None:
    """Whether the request was carried out is looked up."""
    posts = [0]

    def at_import() -> str | int | None:
        method, path = both.studio.asked[-1]
        if method != "POST" or not path.endswith("/import"):
            return None
        posts[0] += 1
        return trouble if posts[0] == 1 else None

    both.studio.troubles = [at_import] * 40
    assert both.round().sent == 4
    assert len(both.studio.tasks) == 4
    both.require_single()


def test_a_round_that_is_cut_anywhere_is_made_good_by_the_next(tmp_path: Path) -> None:
    """The server goes away at any request; afterwards every item has one task and one answer."""
    both = Both(tmp_path)
    both.round()
    both.annotate()
    for at in range(12):
        cut = [None] * at + ["after"] * 60
        both.studio.troubles = list(cut)
        with suppress(Unreachable):
            both.round()
        both.studio.troubles = []
    both.round()
    assert both.project.state().by_person == {ANN: 4}
    assert len(both.open_tasks()) == both.project.state().outstanding == 4
    both.require_single()
    both.stack.close()


def test_a_task_that_was_doubled_is_removed(both: Both) -> None:
    """Of two tasks of one item the one that was begun stays."""
    both.round()
    [project] = both.studio.projects
    task = both.studio.tasks[both.open_tasks()[0]]
    body = json.dumps([{"data": task["data"]}]).encode()
    both.studio.answer("POST", f"/api/projects/{project}/import", body)
    double = max(both.studio.tasks)
    both.studio.draft(double)
    assert both.round().removed == 1
    assert double in both.studio.tasks
    both.require_single()


def test_hundreds_of_tasks_are_read_page_by_page(tmp_path: Path) -> None:
    """A project of 230 tasks has three pages."""
    both = Both(tmp_path, 260)
    assert both.round(k=230).sent == 230
    both.annotate()
    assert both.round(k=5).told.new == 230
    assert both.round(k=5) == Round()
    assert any("page=3" in path for _, path in both.studio.asked)
    both.stack.close()


def test_pages_that_shift_are_read_again(tmp_path: Path) -> None:
    """A task that is removed while pages are read hides none of the others."""
    both = Both(tmp_path, 260)
    both.round(k=130)
    studio = studio_project(both.server, both.project, None)

    def remove_one() -> None:
        del both.studio.tasks[min(both.studio.tasks)]

    both.studio.asked.clear()
    both.studio.troubles = [None, remove_one]
    assert len(both.server.tasks(studio)) == 129
    assert len(both.studio.asked) == 4
    both.stack.close()


def test_another_labelling_configuration_is_refused(both: Both) -> None:
    """The line says what the project has, and what is needed; nothing is sent."""
    both.round()
    [project] = both.studio.projects.values()
    project["label_config"] = project["label_config"].replace('"rook"', '"jay"')
    before = json.dumps(both.studio.tasks)
    with pytest.raises(InputError) as told:
        both.round()
    assert str(told.value) == (
        "project 1 ('birds.uwe') of Label Studio has another labelling configuration: it has "
        '<Choices choice="single"> of crow, jay, and classification needs <Choices '
        'choice="single"> of crow, rook; change it in Label Studio, or name another project with '
        "--ls-project"
    )
    assert json.dumps(both.studio.tasks) == before


def test_a_class_that_was_added_goes_into_the_configuration(both: Both) -> None:
    """Of a project that uwe made; one that a person wrote is refused instead."""
    both.round()
    both.project.add_classes(["jay"])
    both.annotate()
    both.studio.annotate(both.studio.next_number() and min(both.studio.tasks), "jay", by=2)
    both.round()
    [project] = both.studio.projects.values()
    assert project["label_config"] == configuration(both.project.task, "texts")
    assert both.project.state().by_class["jay"] == 0  # crow or rook was answered first
    assert both.project.state().by_person[BO] == 1


def test_tasks_of_another_project_with_the_same_ids_are_refused(both: Both, tmp_path: Path) -> None:
    """Row numbers are the ids of many projects: the text tells them apart."""
    both.round()
    other = Project(tmp_path / "other" / "birds.uwe", ["something else"] * 24, classes=BIRDS)
    studio = studio_project(both.server, other, None)
    before = json.dumps(both.studio.tasks)
    with pytest.raises(InputError, match="shows another item under the id"):
        Sync(other, both.server, studio).round()
    assert json.dumps(both.studio.tasks) == before


def test_titles_and_numbers_of_projects(both: Both) -> None:
    """A number is that of a project, a title makes one, and an ambiguous title is refused."""
    made = studio_project(both.server, both.project, "Birds of ours")
    assert studio_project(both.server, both.project, "Birds of ours") == made
    assert studio_project(both.server, both.project, str(made.number)) == made
    with pytest.raises(InputError, match="has no project 77"):
        studio_project(both.server, both.project, "77")
    with pytest.raises(InputError, match="a title of 3 to 50 letters, not 'ab'"):
        studio_project(both.server, both.project, "ab")
    both.server.make_project("Birds of ours", "<View/>", "uwe", 1)
    with pytest.raises(InputError, match="several projects called 'Birds of ours': 1, 2"):
        studio_project(both.server, both.project, "Birds of ours")


def test_everything_labelled_is_the_end(tmp_path: Path) -> None:
    """Rounds say that no item is left."""
    both = Both(tmp_path, 6)
    both.round(k=6)
    both.annotate()
    done = both.round(k=6)
    assert (done.is_finished, done.sent) == (True, 0)
    both.stack.close()


def test_images_are_uploaded_once(tmp_path: Path) -> None:
    """A file is known by its content; a broken image is sent as a picture that says so."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for at in range(6):
        Image.new("RGB", (8, 8), (40 * at, 10, 10)).save(photos / f"{at}.png")
    studio = FakeLabelStudio()
    project = Project(tmp_path / "p.uwe", photos, "small", classes=BIRDS)
    (photos / "3.png").touch()
    with running(studio) as address:
        server = Server(Client(checked_address(address), TOKEN), "1.23.2")
        where = studio_project(server, project, None)
        Sync(project, server, where, 6, 1).round()
        assert len(studio.uploads) == 6
        studio.tasks.clear()  # as if the process had been killed before the tasks were sent
        Sync(project, server, where, 6, 1).round()
    assert len(studio.uploads) == 6
    places = {task["data"]["image"] for task in studio.tasks.values()}
    assert places == {f"/data/{place}" for place in studio.uploads}


# The command


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A project on a table of texts."""
    lines = [f"t{at},{text}" for at, text in enumerate(texts())]
    (tmp_path / "q.csv").write_text("id,words\n" + "\n".join(lines))
    made = [str(tmp_path / "q.uwe"), str(tmp_path / "q.csv"), "--text", "words"]
    assert main(["init", *made, "--classes", "crow,rook"]) == 0
    return tmp_path / "q.uwe"


def test_the_command_does_one_round(
    given: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where the tasks are, what came in and what went out."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    with running(studio := FakeLabelStudio()) as address:
        capsys.readouterr()
        assert main(["sync", str(given), "--label-studio", address, "-k", "3"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"Label Studio 1.23.2: project 'q.uwe', {address}/projects/1/",
            "0 new. 0 of 24 rows are labelled, 3 are given out.",
            "3 tasks sent.",
        ]
        for number in list(studio.tasks):
            studio.annotate(number, "crow")
        studio.annotate(number, "jay", by=2)
        assert main(["sync", str(given), "--label-studio", address, "-k", "3"]) == 2
        said = capsys.readouterr()
    assert "3 new. 3 of 24 rows are labelled, 3 are given out." in said.out
    assert said.err.splitlines()[-1] == (
        "uwe: 1 annotation was not understood; correct them in Label Studio, and give the same "
        "command again; all others are recorded"
    )
    assert f"task {number}: item" in said.err
    assert TOKEN not in (given / "journal.jsonl").read_text() + said.out + said.err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--every", "5"], "--every takes a number and s, m or h, such as 5m, not '5'"),
        (["--every", "2s"], "--every must be between 5s and 24h, not 2s"),
        (["--ahead", "0"], "--ahead must be at least 1, not 0"),
        (["-k", "0"], "the number of rows must be a whole number of at least 1, not 0"),
        (["--ls-project", "x"], "--ls-project takes a number, or a title of 3 to 50 letters"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(
    given: Path,
    more: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2, and the journal is as it was."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    before = (given / "journal.jsonl").read_bytes()
    with running(FakeLabelStudio()) as address:
        assert main(["sync", str(given), "--label-studio", address, *more]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert told in line
    assert (given / "journal.jsonl").read_bytes() == before


def test_no_token_and_no_server_are_one_line(
    given: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person sees what to set, and where nothing answers."""
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    url = "http://127.0.0.1:1"
    assert main(["sync", str(given), "--label-studio", url]) == 2
    assert "the environment variable LABEL_STUDIO_API_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    monkeypatch.setattr("uwe.cli.sync._FIRST_PATIENCE", 0.0)
    assert main(["sync", str(given), "--label-studio", url]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"uwe: Label Studio at {url} does not answer")


@pytest.mark.slow
def test_again_and_again_over_a_restart_until_ctrl_c(given: Path) -> None:
    """A server that is away is said and waited for; Ctrl-C says where the work stands."""
    environment = {**os.environ, "LABEL_STUDIO_API_KEY": TOKEN, "PYTHONUNBUFFERED": "1"}
    studio = FakeLabelStudio()
    with running(studio) as address:
        command = subprocess.Popen(
            [sys.executable, "-m", "uwe", "sync", str(given), "--label-studio", address, "-k", "3",
             "--every", "5s"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert command.stdout is not None
        for _ in range(3):
            command.stdout.readline()
        for number in list(studio.tasks):
            studio.annotate(number, studio.tasks[number]["data"]["text"].split()[1])
        studio.troubles = [503, 502, "before"]
        assert command.stdout.readline().startswith("3 new.")
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert "uwe: interrupted" in err
    assert "Traceback" not in err
