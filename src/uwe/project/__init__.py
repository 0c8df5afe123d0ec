"""Labelling projects: a pool that people label in rounds, in a folder that any process may open."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.project.answers import Answer, Told
    from uwe.project.estimates import Estimates
    from uwe.project.files import ProjectFiles
    from uwe.project.items import Items
    from uwe.project.picking import Batch
    from uwe.project.predicting import Predicted
    from uwe.project.project import Project
    from uwe.project.settings import ProjectSettings
    from uwe.project.sources import open_items
    from uwe.project.state import State

__all__ = [
    "Answer",
    "Batch",
    "Estimates",
    "Items",
    "Predicted",
    "Project",
    "ProjectFiles",
    "ProjectSettings",
    "State",
    "Told",
    "open_items",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "answers": ["Answer", "Told"],
        "estimates": ["Estimates"],
        "files": ["ProjectFiles"],
        "items": ["Items"],
        "picking": ["Batch"],
        "predicting": ["Predicted"],
        "project": ["Project"],
        "settings": ["ProjectSettings"],
        "sources": ["open_items"],
        "state": ["State"],
    },
)
