"""The command ``uwe label``: people label a project on a page of this machine."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from uwe._files import expanded
from uwe._optional import optional
from uwe._unicode import composed
from uwe.cli.options import Whole, share_in
from uwe.cli.project_init import init_command, make_project, notes_on
from uwe.cli.project_words import about_task
from uwe.cli.signals import Ended
from uwe.errors import DataError, InputError
from uwe.learners import NetworkOptions
from uwe.project.files import ProjectFiles

if TYPE_CHECKING:
    from uwe.label.annotators import Annotators
    from uwe.label.page import Doors, PageOptions, Place
    from uwe.project import Project

__all__ = ["label_command"]

_SWITCH = Parameter(negative=())
_LARGEST_GUIDELINES = 1 << 20
_OWN: Mapping[str, tuple[Any, Any, str]] = {
    "project": (
        Path | None,
        None,
        "Folder of the project that is made. Default: beside the source, such as photos.uwe for "
        "photos.",
    ),
    "batch": (Whole, 50, "Items of a batch that is picked in the background."),
    "ahead": (
        Whole,
        20,
        "Pick the next batch as soon as fewer items are open; 0 waits until none is.",
    ),
    "annotators": (
        str | None,
        None,
        "Names of the people, separated by commas; each gets an address of their own.",
    ),
    "overlap": (str, "0%", "Share of the items that two people are asked about, such as 20%."),
    "show": (
        Literal["yes", "asked", "never"],
        "yes",
        "When the model's prediction is shown: with the item, when the person asks, or never.",
    ),
    "blind": (
        str,
        "10%",
        "Share of the items whose prediction nobody sees, so that you can tell how much "
        "predictions lead people.",
    ),
    "guidelines": (Path | None, None, "File .md with the guidelines; the key g shows them."),
    "range": (str | None, None, "Least and largest number that may be answered, such as 0:100."),
    "unit": (str | None, None, "Unit of the numbers. Default: that of the task."),
    "port": (Whole, 8765, "Port of the page; 0 takes any that is free."),
    "host": (
        str,
        "127.0.0.1",
        "Address to listen on. Any other than this machine's own needs --token, and people on the "
        "network can then reach the page, without encryption.",
    ),
    "token": (
        str | None,
        None,
        "Secret in the addresses, at least 16 letters. Default: a random one for each person.",
    ),
    "no_browser": (bool, False, "Do not open a browser."),
}
"""Options of ``uwe label`` itself: type, default and help; those of `uwe init` come behind."""


@dataclass(frozen=True)
class _Wanted:
    """What the options of the page say, checked before anything is made."""

    annotators: tuple[str, ...]
    batch: int
    ahead: int
    overlap: float
    blind: float
    show: str
    guidelines: str
    bounds: tuple[float, float] | None
    unit: str | None
    host: str
    port: int
    token: str | None
    opens_browser: bool


def label_command(source: Path, **given: Any) -> None:
    """Label a project in the browser; or make a project of a folder or table, and label it.

    Parameters
    ----------
    source
        Folder of a project; or what is to be labelled, as for `uwe init`: a folder of images, a
        table, or a pool with embeddings.
    """
    wanted = _checked({**{name: default for name, (_, default, _) in _OWN.items()}, **given})
    of_init = {name: value for name, value in given.items() if name not in _OWN}
    folder = _folder_of(expanded(source), given.get("project"), of_init)
    _require_people(wanted, ProjectFiles(folder))
    for module in ("starlette", "jinja2", "uvicorn"):
        optional(module, "the page of uwe label", extra="label")

    from uwe.label.page import Place
    from uwe.runs.lock import held

    with closing(Place.taken(wanted.host, wanted.port)) as place:
        if folder != expanded(source) and (of_init or not _is_project(folder)):
            _make(folder, source, of_init)
        with held(ProjectFiles(folder).label_lock, f"the page of {folder}"):
            _serve(folder, wanted, place)


def _make(folder: Path, source: Path, of_init: Mapping[str, Any]) -> None:
    """Make the project, unless it is there, and say what it is."""
    is_new = not _is_project(folder)
    made = make_project(folder, source, of_init)
    if is_new:
        features = f"features: {made.settings.embed}; " if made.settings.embed else ""
        print(
            f"{folder} is a new project: {len(made.items):,} {made.items.kind}; "
            f"{about_task(made)}; {features}model {made.settings.model}."
        )
        print(*notes_on(made, of_init), sep="\n")


def _serve(folder: Path, wanted: _Wanted, place: Place) -> None:
    """Open the project and its desk, and serve the page until the person ends it."""
    from uwe.label.annotators import Annotators
    from uwe.label.desk import Desk
    from uwe.label.page import PageOptions, make_app, serve
    from uwe.project import Project

    project = Project.open(folder)
    people = Annotators.load_or_make(project.files, wanted.annotators)
    doors = _doors(folder, people, wanted, place)
    unit = getattr(project.task.targets, "unit", "") if wanted.unit is None else wanted.unit
    options = PageOptions(folder.name, wanted.show, wanted.guidelines, wanted.bounds, unit)
    _require_fitting(options, project)
    desk = Desk.open(
        project,
        people=people,
        batch=wanted.batch,
        ahead=wanted.ahead,
        overlap=wanted.overlap,
        show=wanted.show,
        blind=wanted.blind,
    )
    addresses = {name: doors.address(name) for name in wanted.annotators or people.tokens}
    try:
        with closing(desk):
            app = make_app(desk, project, doors, options)
            serve(app, place, ready=lambda: _say_ready(folder, project, addresses, wanted))
    except Ended as signal:
        state = project.state()
        signal.args = (f"at {state.labelled:,} of {state.rows:,} labelled",)
        raise
    except KeyboardInterrupt:
        state = project.state()
        skipped = f", {state.skipped:,} skipped" if state.skipped else ""
        print(
            f"\n{folder}: {state.labelled:,} of {state.rows:,} {project.items.kind} labelled"
            f"{skipped}; every answer is kept. 'uwe label {folder}' goes on."
        )


def _doors(folder: Path, people: Annotators, wanted: _Wanted, place: Place) -> Doors:
    """Who may come in: with the tokens of the project, or those of the secret that was chosen."""
    from uwe.label.page import Doors
    from uwe.label.page.doors import derived_tokens

    tokens = people.tokens
    if wanted.token is not None:
        tokens = derived_tokens(wanted.token, list(tokens))
    digest = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=4).hexdigest()
    return Doors(tokens, wanted.host, place.port, digest)


def _say_ready(
    folder: Path, project: Project, addresses: Mapping[str, str], wanted: _Wanted
) -> None:
    """Say where the page is, and open it."""
    state = project.state()
    print(f"{folder}: {state.labelled:,} of {state.rows:,} {project.items.kind} labelled.")
    several = len(addresses) > 1
    print("Open this address:" if not several else "An address for each person, with a secret:")
    width = max(map(len, addresses))
    for name, address in addresses.items():
        print(f"  {name.ljust(width)}  {address}" if several else f"  {address}")
    print("Ctrl-C ends the page; every answer is on the disk as soon as the page says saved.")
    sys.stdout.flush()
    if wanted.opens_browser and not several and _has_screen():
        import webbrowser

        address = next(iter(addresses.values()))
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_screen() -> bool:
    """Whether a browser would get a window; one in this terminal would take it over."""
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _folder_of(source: Path, project: Path | None, of_init: Mapping[str, Any]) -> Path:
    """The project's folder.

    Raises:
        InputError: the source is a project, and options are given that make one.
        DataError: there is no such source.
    """
    if not source.exists():
        raise DataError(
            f"{source} does not exist; give a project, or a folder of images, a table or a pool"
        )
    if _is_project(source):
        more = ["project"] if project is not None else list(of_init)
        if more:
            flag = more[0].replace("_", "-")
            raise InputError(
                f"{source} is a project already, so --{flag} is not used; leave it out"
            )
        return source
    if project is not None:
        return expanded(project)
    named = source if source.name not in ("", "..") else source.resolve()
    return named.parent / f"{named.name if source.is_dir() else named.stem}.uwe"


def _is_project(folder: Path) -> bool:
    return ProjectFiles(folder).settings.is_file()


def _checked(given: Mapping[str, Any]) -> _Wanted:
    """The options of the page.

    Raises:
        InputError: one of them is none.
        DataError: the guidelines cannot be read.
    """
    for name, least in (("batch", 1), ("ahead", 0)):
        if given[name] < least:
            raise InputError(f"--{name} must be at least {least}, not {given[name]}")
    _require_safe(given["host"], given["token"])
    return _Wanted(
        annotators=_names(given["annotators"]),
        batch=given["batch"],
        ahead=given["ahead"],
        overlap=_share(given["overlap"], "--overlap"),
        blind=_share(given["blind"], "--blind"),
        show=given["show"],
        guidelines=_guidelines(given["guidelines"]),
        bounds=_bounds(given["range"]),
        unit=given["unit"],
        host=given["host"],
        port=given["port"],
        token=given["token"],
        opens_browser=not given["no_browser"],
    )


def _require_safe(host: str, token: str | None) -> None:
    """Refuse a host that other machines reach without a secret that was chosen, and a short one."""
    from uwe.label.page.doors import derived_tokens, is_loopback

    if not host.strip():
        raise InputError("--host is empty; leave it out for this machine alone")
    if token is not None:
        derived_tokens(token, ["somebody"])
    if not is_loopback(host) and token is None:
        raise InputError(
            f"--host {host} lets other machines reach the page, without encryption, so that anyone "
            "on the way can read along; choose a secret for its address: --token SECRET"
        )


def _require_people(wanted: _Wanted, files: ProjectFiles) -> None:
    if wanted.overlap and len(wanted.annotators) < 2 and not files.annotators.is_file():
        raise InputError(
            f"--overlap asks two people about an item, but {len(wanted.annotators) or 1} labels; "
            "name them: --annotators ann,bo"
        )


def _require_fitting(options: PageOptions, project: Project) -> None:
    task = project.task
    if task.widget == "number":
        return
    for value, flag in ((options.bounds, "--range"), (options.unit, "--unit")):
        if value:
            raise InputError(f"{flag} is for numbers, and the task is {task.name}; leave it out")


def _names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(composed(name.strip()) for name in text.split(","))
    if not all(names):
        raise InputError(f"--annotators are names separated by commas, not {text!r}")
    if len(set(names)) < len(names):
        raise InputError(f"--annotators {text!r} names somebody twice")
    return names


def _share(text: str, flag: str) -> float:
    """A share from 0 to 1.

    Raises:
        InputError: it is none.
    """
    share = share_in(text)
    if share is None or not 0 <= share <= 1:
        raise InputError(f"{flag} must be a share from 0% to 100%, such as 20%, not {text!r}")
    return share


def _bounds(text: str | None) -> tuple[float, float] | None:
    """Two numbers from ``0:100``.

    Raises:
        InputError: they are none, or they fall.
    """
    from uwe._settings import is_number

    if text is None:
        return None
    low, colon, high = (part.strip() for part in text.partition(":"))
    if not colon or not is_number(low) or not is_number(high) or not float(low) < float(high):
        raise InputError(f"--range goes from less to more, such as 0:100, not {text!r}")
    return float(low), float(high)


def _guidelines(path: Path | None) -> str:
    """The text of the guidelines.

    Raises:
        DataError: the file cannot be read as text.
    """
    if path is None:
        return ""
    try:
        content = expanded(path).read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the guidelines {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"the guidelines {path} are not UTF-8 at byte {error.start}; save the file as UTF-8"
        ) from error
    if len(content) > _LARGEST_GUIDELINES:
        raise DataError(f"the guidelines {path} have {len(content):,} bytes; 1 MiB is the most")
    return text


def _signature() -> inspect.Signature:
    first = inspect.Parameter("source", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Path)
    own = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, Parameter(help=doc), _SWITCH],
        )
        for name, (kind, default, doc) in _OWN.items()
    ]
    return inspect.Signature([first, *own, *_of_init()])


def _of_init() -> Sequence[inspect.Parameter]:
    """The options of `uwe init` that make a project; those of networks are left to it."""
    left_out = {*vars(NetworkOptions()), "project", "source", "update"}
    found = inspect.signature(init_command).parameters.values()
    return [each for each in found if each.name not in left_out]


label_command.__signature__ = _signature()  # type: ignore[attr-defined]
label_command.__annotations__ = {
    name: parameter.annotation for name, parameter in _signature().parameters.items()
}
