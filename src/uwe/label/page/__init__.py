"""The page on which people label: a view of the desk, served to their browsers."""

from uwe.label.page.app import make_app
from uwe.label.page.doors import Doors
from uwe.label.page.options import PageOptions
from uwe.label.page.server import Place, serve

__all__ = ["Doors", "PageOptions", "Place", "make_app", "serve"]
