"""The labelling configuration of Label Studio: which control gives the label of an item.

A configuration is XML. A control gives the label: ``Choices``, ``Number``, ``RectangleLabels`` or
``BrushLabels``. An object (``Image``, ``Text`` or ``Table``) shows the item, which a task has under
a name of its own:
``value="$image"`` shows ``data["image"]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from uwe.errors import InputError
from uwe.project.outlines import drawn_names
from uwe.tasks import SHAPE_WIDGETS, Task

__all__ = [
    "Controls",
    "configuration",
    "controls_in",
    "has_fewer_classes",
    "kind_of",
    "own_controls",
]

_LABEL, _ITEM = "label", "item"
_LONGEST = 1_000_000
_SHOWN = 8


@dataclass(frozen=True)
class Controls:
    """Where a configuration has the item and its label.

    Attributes:
        label: name of the control that gives the label.
        item: name of the object that shows the item.
        data: what a task calls the content of the item.
        kind: the type of results, such as ``choices`` or ``rectanglelabels``.
    """

    label: str
    item: str
    data: str
    kind: str


@dataclass(frozen=True)
class _Widget:
    """How a task's widget is written.

    Attributes:
        tag: of the control.
        kind: of its results.
        choice: the attribute ``choice``, or None.
        more: further attributes.
        option: the tag of a class inside the control.
    """

    tag: str
    kind: str
    choice: str | None
    more: str
    option: str = "Choice"


_WIDGETS: Mapping[str, _Widget] = {
    "choice": _Widget("Choices", "choices", "single", ' required="true"'),
    "choices": _Widget("Choices", "choices", "multiple", ""),
    "number": _Widget("Number", "number", None, ' required="true" step="any"'),
    "boxes": _Widget("RectangleLabels", "rectanglelabels", None, "", "Label"),
    "mask": _Widget("BrushLabels", "brushlabels", None, "", "Label"),
}
"""By the widget of a task. Of several classes none may apply, so that nothing is required."""


@dataclass(frozen=True)
class _Shown:
    """How items of a kind are shown: the tag, the name in the data, and further attributes."""

    tag: str
    data: str
    more: str = ""


_TABLE = _Shown("Table", "row")
_ITEMS: Mapping[str, _Shown] = {
    "images": _Shown("Image", "image", ' zoom="true" zoomControl="true"'),
    "texts": _Shown("Text", "text"),
    "rows": _TABLE,
    "vectors": _TABLE,
}
"""By the kind of a project's items."""


def own_controls(task: Task, kind: str) -> Controls:
    """The controls of `configuration`.

    Args:
        task: what is labelled.
        kind: of the items: ``images``, ``texts``, ``rows`` or ``vectors``.
    """
    return Controls(_LABEL, _ITEM, _ITEMS[kind].data, kind_of(task))


def kind_of(task: Task) -> str:
    """The type of the results that hold a task's labels, such as ``choices``.

    Raises:
        InputError: Label Studio has no control for the task.
    """
    return _widget(task).kind


def configuration(task: Task, kind: str, classes: Sequence[str] | None = None) -> str:
    """The configuration that asks for the labels of a task.

    Args:
        task: what is labelled.
        kind: of the items.
        classes: of a task that has some; None: its own.

    Raises:
        InputError: Label Studio has no control for the task.

    >>> from uwe.tasks import classification
    >>> print(configuration(classification(["crow", "rook"]), "texts"))
    <View>
      <Text name="item" value="$text"/>
      <Choices name="label" toName="item" choice="single" required="true">
        <Choice value="crow"/>
        <Choice value="rook"/>
      </Choices>
    </View>
    """
    widget, shown = _widget(task), _ITEMS[kind]
    names = _names(task) if classes is None else classes
    choice = "" if widget.choice is None else f' choice="{widget.choice}"'
    control = f'<{widget.tag} name="{_LABEL}" toName="{_ITEM}"{choice}{widget.more}'
    lines = [
        "<View>",
        f'  <{shown.tag} name="{_ITEM}" value="${shown.data}"{shown.more}/>',
        *_control(widget, control, names),
        "</View>",
    ]
    return "\n".join(lines)


def _names(task: Task) -> Sequence[str]:
    return drawn_names(task) if task.widget in SHAPE_WIDGETS else task.classes


def _control(widget: _Widget, opening: str, names: Sequence[str]) -> list[str]:
    if not names:
        return [f"  {opening}/>"]
    choices = [f"    <{widget.option} value={quoteattr(name)}/>" for name in names]
    return [f"  {opening}>", *choices, f"  </{widget.tag}>"]


def has_fewer_classes(xml: str, task: Task, kind: str) -> bool:
    """Whether a configuration is one of `configuration` from before classes were added.

    >>> from uwe.tasks import classification
    >>> two, three = classification(["crow", "rook"]), classification(["crow", "rook", "jay"])
    >>> has_fewer_classes(configuration(two, "texts"), three, "texts")
    True
    """
    more = _names(task)[len(task.classes) :]
    earlier = ((*task.classes[:count], *more) for count in range(1, len(task.classes)))
    return any(xml.strip() == configuration(task, kind, classes) for classes in earlier)


def controls_in(xml: str, task: Task, *, where: str) -> Controls:
    """The controls of a configuration that asks for the labels of a task.

    Args:
        xml: the configuration.
        task: what is labelled.
        where: what a message calls the project of Label Studio.

    Raises:
        InputError: it asks for something else; the message says what it has and what is needed.

    >>> from uwe.tasks import classification
    >>> task = classification(["crow", "rook"])
    >>> controls_in(configuration(task, "texts"), task, where="project 3")
    Controls(label='label', item='item', data='text', kind='choices')
    """
    root = _parsed(xml, where)
    widget = _widget(task)
    found = [each for each in root.iter(widget.tag) if each.get("name") and each.get("toName")]
    fitting = [each for each in found if _fits(each, widget, task)]
    if len(fitting) > 1:
        fitting = [each for each in fitting if each.get("name") == _LABEL]
    if len(fitting) != 1:
        raise InputError(_other(root, found, widget, task, where))
    [control] = fitting
    item = control.get("toName", "")
    value = next((each.get("value", "") for each in root.iter() if each.get("name") == item), "")
    if not value.startswith("$") or len(value) < 2:
        raise InputError(
            f"{where}: the control {control.get('name')!r} asks about {item!r}, and no tag of that "
            'name has a value such as "$image"; add it in the labelling configuration'
        )
    return Controls(control.get("name", ""), item, value[1:], widget.kind)


def _parsed(xml: str, where: str) -> ElementTree.Element:
    if len(xml) > _LONGEST or "<!" in xml.replace("<!--", ""):
        raise InputError(f"{where} has a labelling configuration with a DTD, or a very long one")
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise InputError(
            f"{where} has a labelling configuration that is not XML: {error}"
        ) from error


def _widget(task: Task) -> _Widget:
    if task.widget not in _WIDGETS:
        raise InputError(
            f"Label Studio is asked for classes, a number, boxes or masks, and {task.name} "
            f"needs {task.widget!r}; label with another tool"
        )
    return _WIDGETS[task.widget]


def _fits(control: ElementTree.Element, widget: _Widget, task: Task) -> bool:
    if widget.option == "Label":
        return set(_labels(control)) == set(_names(task))
    if widget.choice is None:
        return True
    return _choice(control) == widget.choice and set(_choices(control)) == set(task.classes)


def _choice(control: ElementTree.Element) -> str:
    """``single``, which is the default, or ``multiple``."""
    return control.get("choice", "single").removesuffix("-radio")


def _choices(control: ElementTree.Element) -> list[str]:
    return [each.get("alias") or each.get("value") or "" for each in control.iter("Choice")]


def _labels(control: ElementTree.Element) -> list[str]:
    return [each.get("alias") or each.get("value") or "" for each in control.iter("Label")]


def _other(
    root: ElementTree.Element,
    found: Sequence[ElementTree.Element],
    widget: _Widget,
    task: Task,
    where: str,
) -> str:
    """What a configuration has, and what is needed."""
    needed = f"<{widget.tag}>"
    if widget.option == "Label":
        needed = f"<{widget.tag}> of {_listed(_names(task))}"
    if widget.choice is not None:
        needed = f'<{widget.tag} choice="{widget.choice}"> of {_listed(task.classes)}'
    has = "; ".join(_described(each) for each in found) or _tags(root)
    return (
        f"{where} has another labelling configuration: it has {has}, and {task.name} needs "
        f"{needed}; change it in Label Studio, or name another project with --ls-project"
    )


def _described(control: ElementTree.Element) -> str:
    if control.tag != "Choices":
        of = f" of {_listed(labels)}" if (labels := _labels(control)) else ""
        return f"<{control.tag}>{of}"
    return f'<Choices choice="{_choice(control)}"> of {_listed(_choices(control))}'


def _tags(root: ElementTree.Element) -> str:
    names = dict.fromkeys(f"<{each.tag}>" for each in root.iter() if each is not root)
    return ", ".join(list(names)[:_SHOWN]) or "nothing"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
