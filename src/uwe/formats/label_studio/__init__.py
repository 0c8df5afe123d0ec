"""Label Studio: its tasks and annotations as files, and a server that follows a project."""

from typing import TYPE_CHECKING

from uwe._lazy import lazily

if TYPE_CHECKING:
    from uwe.formats.label_studio.address import checked_address, token_of
    from uwe.formats.label_studio.annotations import answers_in
    from uwe.formats.label_studio.client import Client, Unreachable
    from uwe.formats.label_studio.labelling import configuration
    from uwe.formats.label_studio.server import connected
    from uwe.formats.label_studio.sync import Round, Sync, studio_project

__all__ = [
    "Client",
    "Round",
    "Sync",
    "Unreachable",
    "answers_in",
    "checked_address",
    "configuration",
    "connected",
    "studio_project",
    "token_of",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "address": ["checked_address", "token_of"],
        "annotations": ["answers_in"],
        "client": ["Client", "Unreachable"],
        "labelling": ["configuration"],
        "server": ["connected"],
        "sync": ["Round", "Sync", "studio_project"],
    },
)
