"""Selling a device: a draft in steps, a page for each, and what its clinic can do with it afterwards."""

from . import bulk, condition, console, desk, device, handpieces, history, papers, pictures, readings, statements, terms
from .common import bp

__all__ = [
    "bp",
    "bulk",
    "condition",
    "console",
    "desk",
    "device",
    "handpieces",
    "history",
    "papers",
    "pictures",
    "readings",
    "statements",
    "terms",
]
